"""What our keys are, and which linked circle knows of them."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from eccoo_federation.identity import LogState
from eccoo_federation.keys import PublicKey
from eccoo_federation.times import parse_time, wire_time
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.keys import rules
from eccoo_node.links import identity

Turn = Literal["counts", "next", "old", "void"]


class OwnKey(msgspec.Struct, frozen=True):
    """One key of ours. `here`: its private half lies in the data folder."""

    kid: str
    use: rules.Use
    begins: datetime
    ends: datetime
    turn: Turn
    here: bool


class Told(msgspec.Struct, frozen=True):
    """A linked circle and our latest change: when it took the news in, and whether it lets our present key in."""

    link_id: str
    name: str
    told_at: datetime | None
    knows_key: bool


class Own(msgspec.Struct, frozen=True):
    """All that the admin's page shows. `renews_at`: when the next new key is made by itself."""

    node_id: str
    name: str
    known_at: str
    lives_at: str
    keys: tuple[OwnKey, ...]
    changed_at: datetime | None
    changed_by: str
    circles: tuple[Told, ...]
    sheet_waits: bool

    def of(self, turn: Turn) -> list[OwnKey]:
        return [key for key in self.keys if key.turn == turn]

    @property
    def renews_at(self) -> datetime | None:
        """Sooner of the two; None while new ones wait for their turn, or when none counts any more."""
        if self.of("next") or not self.of("counts"):
            return None
        return min(key.ends - rules.AHEAD[key.use] for key in self.of("counts"))


async def own(actor: Actor) -> Own:
    """Raises Forbidden for whoever does not look after this node."""
    access.requires(actor, "keys.see", Thing("identity"))
    kept, us = identity.kept(), identity.current()
    last = await fetch_one("SELECT op, at FROM key_change WHERE head = ?", us.state.head)
    rows = await fetch(
        "SELECT l.id, l.name, w.knows_kid, (SELECT MAX(o.answered_at) FROM letter_out o WHERE o.link_id = l.id AND "
        "o.type = 'identity.updated' AND o.state = 'acked' AND o.body LIKE ?) AS told, l.our_head "
        "FROM link l JOIN link_wire w ON w.link_id = l.id WHERE l.state = 'open' ORDER BY l.name, l.id",
        f"%{us.state.head}%",
    )
    now = wire_time(clock.now())
    return Own(
        node_id=us.node_id, name=us.name, known_at=us.state.base_url, lives_at=us.base_url,
        keys=tuple(_own_key(key, now, us) for key in us.state.keys if identity.has_key(kept.folder, key)),
        changed_at=as_time(last["at"]) if last else None, changed_by=last["op"] if last else "",
        circles=tuple(
            Told(
                row["id"], row["name"], as_time(row["told"]), row["knows_kid"] == us.transport_key.kid
                or (not row["knows_kid"] and row["our_head"] == us.state.head),
            )
            for row in rows
        ),
        sheet_waits=(kept.folder.keys / identity.WORDS_FILE).exists(),
    )  # fmt: skip


def _own_key(key: PublicKey, now: str, us: identity.Identity) -> OwnKey:
    turn: Turn = "old"
    if key.revoked_at is not None:
        turn = "void"
    elif key.kid in (us.transport_key.kid, us.object_key.kid):
        turn = "counts"
    elif key.nbf > now:
        turn = "next"
    return OwnKey(key.kid, key.use, parse_time(key.nbf), parse_time(key.exp), turn, True)


async def untold(head: str) -> list[str]:
    """Links to whom no word of this state of our log was written, and who did not pin it when we linked.

    Those that have ended too: what was agreed is honoured there, and whoever was told of somebody is asked to forget them.
    """
    rows = await fetch(
        "SELECT l.id FROM link l WHERE (l.state = 'open' OR (l.state = 'ended' AND l.agreement <> '' AND "
        "l.superseded_by = '')) AND l.our_head <> ? AND NOT EXISTS (SELECT 1 FROM letter_out o "
        "WHERE o.link_id = l.id AND o.type = 'identity.updated' AND o.body LIKE ?) ORDER BY l.id",
        head, f"%{head}%",
    )  # fmt: skip
    return [row[0] for row in rows]


async def told_at(head: str) -> datetime | None:
    """When the last linked circle took the news of this head in; None while one has not. Long ago where none is linked."""
    rows = await fetch(
        "SELECT l.our_head, (SELECT MAX(o.answered_at) FROM letter_out o WHERE o.link_id = l.id AND "
        "o.type = 'identity.updated' AND o.state = 'acked' AND o.body LIKE ?) FROM link l WHERE l.state = 'open'",
        f"%{head}%",
    )
    at = [as_time(told) for our_head, told in rows if our_head != head]
    if None in at:
        return None
    changed = as_time(await fetch_value("SELECT at FROM key_change WHERE head = ?", head))
    return max([found for found in (*at, changed) if found is not None], default=datetime.min.replace(tzinfo=UTC))


async def moved_to(state: LogState) -> str:
    """The new address, if the last entry of our log is a move."""
    return state.base_url if await fetch_value("SELECT op FROM key_change WHERE head = ?", state.head) == "move" else ""

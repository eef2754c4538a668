"""What we know of other circles. Every list and every send asks the one policy here."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from eccoo_federation import jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import LogState, parse_log, verify_log
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import NotFound
from eccoo_node.links import identity, rules
from eccoo_node.links.rules import Direction, Policy, Standing, Terms


class KnownCircle(msgspec.Struct, frozen=True):
    """Another circle, as pages and other domains see it."""

    id: str
    node_id: str
    name: str
    phone: str
    base_url: str
    standing: Standing
    terms: Terms

    @property
    def home_share_bps(self) -> int:
        return self.terms.home_share_bps

    @property
    def schedule(self) -> str:
        return self.terms.schedule

    @property
    def credit_limit_pence(self) -> int:
        return self.terms.credit_limit_pence


class Health(msgspec.Struct, frozen=True):
    """How the wire of one link is doing, for its admin."""

    last_seen_at: datetime | None
    next_try_at: datetime | None
    failures: int
    trouble: str
    clock_offset_s: int | None
    clock_seen_at: datetime | None
    waiting: int
    refused: int
    alarms: int


class Alarm(msgspec.Struct, frozen=True):
    id: int
    code: str
    at: datetime


class Page(msgspec.Struct, frozen=True):
    """All that the admin's pages show of one link."""

    circle: KnownCircle
    health: Health
    we_invited: bool
    asked_at: datetime
    words: tuple[str, ...] = ()
    words_said: bool = False
    # Proposals that wait for the second signature, as we read them.
    ours: Terms | None = None
    theirs: Terms | None = None
    # Which proposal of theirs this is, so that what is signed is what was read; empty when there is none.
    proposal: str = ""
    agreed_until: datetime | None = None
    ended_at: datetime | None = None
    ended_by_them: bool = False
    closed_at: datetime | None = None
    # The link that took this one's place because one side had lost everything; and whether that was us.
    superseded_by: str = ""
    we_lost: bool = False
    # The newer handshake with this circle that put this one away; and whether this one put one away whose words were seen.
    put_away_for: str = ""
    other_words: bool = False
    # What both nodes can do: nothing else can be agreed.
    caps: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    # The newest thing about who they are that nobody has rung them about yet.
    loud: str = ""
    # Where they say that they live now, and whether our admin has asked them.
    moving_to: str = ""
    moving_agreed: bool = False
    # Their address is another than the one that the agreement names: the next one needs new words.
    moved_since: bool = False
    # New words were compared since, which the next agreement will name.
    words_new: bool = False

    @property
    def reached(self) -> bool:
        """Whether something may still be sent there, as `moves.still_reached` says it of a row."""
        return self.circle.standing != "ended" or (self.agreed_until is not None and not self.superseded_by)

    @property
    def called(self) -> str:
        """Their name; until we know it, the address that stood in the invitation."""
        return self.circle.name or urlsplit(self.circle.base_url).netloc


_LINK = (
    "SELECT l.id, l.state, l.node_id, l.base_url, l.name, l.phone, l.agreement, l.narrowed, "
    "l.suspended_by_us_at, l.suspended_by_them_at, l.closed_at FROM link l"
)


async def circle(link_id: str) -> KnownCircle:
    """Raises NotFound."""
    row = await fetch_one(f"{_LINK} WHERE l.id = ?", link_id)
    if row is None:
        raise NotFound("We know no such circle.", "unknown_link")
    return _known(row)


async def asked_at(link_id: str) -> datetime:
    """Since when there is a link at all: nothing passed between the two before. Raises NotFound."""
    found = as_time(await fetch_value("SELECT asked_at FROM link WHERE id = ?", link_id))
    if found is None:
        raise NotFound("We know no such circle.", "unknown_link")
    return found


async def begun_with(node_id: str, tokens: tuple[str, str]) -> str:
    """The link that came of this invitation of theirs and is not open yet; empty when there is none."""
    row = await fetch_one(
        "SELECT id FROM link WHERE node_id = ? AND state IN ('asked', 'words', 'agreeing') AND token IN (?, ?)",
        node_id, *tokens,
    )  # fmt: skip
    return row[0] if row else ""


async def circles() -> list[KnownCircle]:
    """Every circle we know or knew, by name."""
    return [_known(row) for row in await fetch(f"{_LINK} ORDER BY l.name, l.id")]


async def waits_for_us() -> list[KnownCircle]:
    """Circles with whom a link is begun and the next step is ours, by name."""
    rows = await fetch(f"{_LINK} WHERE l.state IN ('words', 'agreeing') AND l.our_proposal = '' ORDER BY l.name, l.id")
    return [_known(row) for row in rows]


async def askable(scope: str = "cover.request") -> list[KnownCircle]:
    """Circles towards which we may do this now, by name."""
    now = clock.now()
    rows = await fetch(f"{_LINK} WHERE l.state = 'open' ORDER BY l.name, l.id")
    return [_known(row) for row in rows if rules.refusal(policy_of(row), "out", scope, now) is None]


async def crossing(direction: Direction, scope: str) -> frozenset[str]:
    """The links on which this may cross now: what a list of things from other circles asks before it is shown."""
    now = clock.now()
    rows = await fetch(_LINK)
    return frozenset(row["id"] for row in rows if rules.refusal(policy_of(row), direction, scope, now) is None)


async def may_cross(link_id: str, direction: Direction, scope: str) -> ProtocolError | None:
    """The policy for one link now: None, or the refusal to raise or to show."""
    found = await policy(link_id)
    return ProtocolError("unknown_link") if found is None else rules.refusal(found, direction, scope, clock.now())


async def policy(link_id: str) -> Policy | None:
    """What `rules.refusal` asks of one link; None for one that we do not know."""
    row = await fetch_one(f"{_LINK} WHERE l.id = ?", link_id)
    return None if row is None else policy_of(row)


async def pool_fields(link_id: str, direction: Direction) -> tuple[str, ...]:
    """Which fields of a worker may cross now, as the policy says of each. Raises its refusal where none may."""
    row = await fetch_one(f"{_LINK} WHERE l.id = ?", link_id)
    if row is None:
        raise ProtocolError("unknown_link")
    found = _pool_fields(row, direction)
    if not found:
        scope = "pool.read:first_name"
        raise rules.refusal(policy_of(row), direction, scope, clock.now()) or ProtocolError("scope_denied")
    return found


async def pooled(direction: Direction) -> dict[str, tuple[KnownCircle, tuple[str, ...]]]:
    """The circles with which workers may be shown now, by name, each with the fields."""
    # Asked each minute: of those that agreed nothing about workers the policy need not be asked.
    agreed = f"l.agreement LIKE '%\"{rules.POOL}%'"
    rows = await fetch(f"{_LINK} WHERE l.state = 'open' AND {agreed} ORDER BY l.name, l.id")
    found = {row["id"]: (row, _pool_fields(row, direction)) for row in rows}
    return {link_id: (_known(row), fields) for link_id, (row, fields) in found.items() if fields}


def _pool_fields(row: Any, direction: Direction) -> tuple[str, ...]:
    policy, now = policy_of(row), clock.now()
    scopes = {field: f"{rules.POOL}{field}" for field in rules.POOL_WORDS}
    return tuple(f for f, scope in scopes.items() if rules.refusal(policy, direction, scope, now) is None)


async def superseded_at(link_id: str) -> datetime | None:
    """When another link took this one's place because one side had lost everything; None while none has."""
    row = await fetch_one(
        "SELECT n.carried_at FROM link l JOIN link n ON n.id = l.superseded_by WHERE l.id = ?", link_id
    )
    return as_time(row[0]) if row else None


async def words_key(link_id: str) -> str:
    """What both nodes of a link hold and nobody else: the digest behind its six words. Raises NotFound."""
    row = await fetch_one("SELECT agreement FROM link WHERE id = ?", link_id)
    agreement = read_agreement(row[0]) if row else None
    if agreement is None:
        raise NotFound("We know no such circle.", "unknown_link")
    return str(agreement["words_hash"])


async def pinned(link_id: str) -> LogState:
    """The key log that this link has pinned. Raises NotFound."""
    row = await fetch_one("SELECT log FROM link WHERE id = ?", link_id)
    if row is None or not row[0]:
        raise NotFound("We know no such circle.", "unknown_link")
    return read_log(row[0])


async def kept_log(link_id: str) -> str:
    """The pinned key log as JSON lines; public, and none of ours. Raises NotFound."""
    row = await fetch_one("SELECT log FROM link WHERE id = ? AND log <> ''", link_id)
    if row is None:
        raise NotFound("We keep no key log of this circle.", "no_log")
    return str(row[0])


_HEALTH = (
    "w.last_seen_at, w.next_try_at, w.failures, w.trouble, w.clock_offset_s, w.clock_seen_at, "
    "(SELECT COUNT(*) FROM letter_out o WHERE o.link_id = w.link_id AND o.state IN ('waiting', 'sent')) AS waiting,"
    " (SELECT COUNT(*) FROM letter_out o WHERE o.link_id = w.link_id AND o.state = 'refused') AS refused,"
    " (SELECT COUNT(*) FROM link_alarm a WHERE a.link_id = w.link_id) AS alarms"
)


async def pages(offset: int = 0, most: int = 1000) -> list[Page]:
    """The circles we know or knew, as their admin sees them; by name, what has ended last. One query."""
    rows = await fetch(
        f"{_PAGE} ORDER BY CASE l.state WHEN 'ended' THEN 1 ELSE 0 END, l.name, l.asked_at DESC, l.id LIMIT ? OFFSET ?",
        most, offset,
    )  # fmt: skip
    return [_page(row) for row in rows]


async def page(link_id: str) -> Page:
    """One link with its alarms. Raises NotFound."""
    row = await fetch_one(f"{_PAGE} WHERE l.id = ?", link_id)
    if row is None:
        raise NotFound("We know no such circle.", "unknown_link")
    alarms = await fetch("SELECT id, code, at FROM link_alarm WHERE link_id = ? ORDER BY id DESC LIMIT 20", link_id)
    return msgspec.structs.replace(_page(row), alarms=tuple(Alarm(*tuple(a)) for a in alarms))


# Which handshake a newer one put away: that one was asked for at the very moment when this one ended (`actions.make_room`).
_PUT_AWAY = (
    "{old}.node_id = {new}.node_id AND {old}.id <> {new}.id AND {old}.state = 'ended' AND {old}.agreement = '' "
    "AND {old}.ended_at = {new}.asked_at"
)
_PAGE = (
    "SELECT l.id, l.state, l.caps, l.node_id, l.base_url, l.name, l.phone, l.agreement, l.narrowed, l.suspended_by_us_at, "
    "l.suspended_by_them_at, l.we_invited, l.asked_at, l.words, l.words_hash, l.words_said_at, l.our_proposal, l.their_proposal, "
    "l.ended_at, l.ended_by_them, l.closed_at, l.superseded_by, (SELECT n.node_id FROM link n WHERE n.id = l.superseded_by) AS "
    "new_node, CASE WHEN l.state = 'ended' AND l.agreement = '' THEN "
    f"(SELECT n.id FROM link n WHERE {_PUT_AWAY.format(old='l', new='n')} LIMIT 1) END AS put_away_for, "
    "CASE WHEN l.state IN ('words', 'agreeing') THEN "
    f"(SELECT o.id FROM link o WHERE {_PUT_AWAY.format(old='o', new='l')} AND o.words <> '' LIMIT 1) END AS other_words, "
    "l.moving_to, l.moving_agreed_by, (SELECT b.code FROM link_alarm b WHERE b.link_id = l.id "
    f"AND b.id > l.alarms_heard AND b.code IN ({', '.join(repr(code) for code in rules.LOUD)}) ORDER BY b.id DESC LIMIT 1) "
    "AS loud, " + _HEALTH + " FROM link l JOIN link_wire w ON w.link_id = l.id"
)


def _page(row: Any) -> Page:
    agreement = read_agreement(row["agreement"])
    return Page(
        circle=_known(row), health=_health(row), we_invited=bool(row["we_invited"]), asked_at=row["asked_at"],
        words=tuple(row["words"].split()), words_said=row["words_said_at"] is not None,
        ours=_proposed(row["our_proposal"], row["node_id"]), theirs=_proposed(row["their_proposal"], row["node_id"]),
        proposal=proposal_mark(row["their_proposal"]), caps=tuple(row["caps"].split()),
        agreed_until=datetime.fromisoformat(agreement["expires_at"]) if agreement else None,
        ended_at=as_time(row["ended_at"]), ended_by_them=bool(row["ended_by_them"]), closed_at=as_time(row["closed_at"]),
        superseded_by=row["superseded_by"], we_lost=row["new_node"] == row["node_id"],
        put_away_for=row["put_away_for"] or "", other_words=bool(row["other_words"]), loud=row["loud"] or "",
        moving_to=row["moving_to"], moving_agreed=bool(row["moving_agreed_by"]),
        words_new=agreement is not None and row["words_hash"] != agreement["words_hash"],
        moved_since=agreement is not None and row["state"] == "open" and _moved_since(agreement, row),
    )  # fmt: skip


def _moved_since(agreement: dict[str, Any], row: Any) -> bool:
    us = identity.current()
    return bool(agreement["base_urls"] != {us.node_id: us.state.base_url, row["node_id"]: row["base_url"]})


def proposal_mark(text: str) -> str:
    """Names one proposal, signature and all."""
    return jcs.digest(msgspec.json.decode(text)) if text else ""


def _proposed(text: str, them: str) -> Terms | None:
    value = read_agreement(text)
    if value is None:
        return None
    us = next(party for party in value["parties"] if party != them)
    return rules.terms_of(value, us, them)


def _health(row: Any) -> Health:
    return Health(
        last_seen_at=as_time(row["last_seen_at"]), next_try_at=as_time(row["next_try_at"]), failures=row["failures"],
        trouble=row["trouble"], clock_offset_s=row["clock_offset_s"], clock_seen_at=as_time(row["clock_seen_at"]),
        waiting=row["waiting"], refused=row["refused"], alarms=row["alarms"],
    )  # fmt: skip


@lru_cache(maxsize=2048)
def read_log(text: str) -> LogState:
    """A pinned log, checked again each time it is read anew from its row. Raises ProtocolError."""
    return verify_log(parse_log(text.encode()))


@lru_cache(maxsize=2048)
def read_agreement(text: str) -> dict[str, Any] | None:
    """Do not change what this returns: it is shared."""
    return msgspec.json.decode(text) if text else None


def who_we_were(link: Any) -> str:
    """Our node id as the agreement of this link names it: where we have lost that identity, who we were."""
    parties: list[str] = msgspec.json.decode(link["agreement"])["parties"]
    return next(party for party in parties if party != link["node_id"])


async def being_tried(link_id: str) -> bool:
    """Whether a call to them is under way, or due this moment."""
    return bool(
        await fetch(
            "SELECT 1 FROM job WHERE kind IN ('federation.send', 'federation.pull') AND key = ? AND dead = FALSE "
            "AND (leased_by <> '' OR run_at <= ?) LIMIT 1",
            link_id, clock.now(),
        )
    )  # fmt: skip


def in_our_name(agreement: str) -> bool:
    """Whether this was agreed with who we are now. Where we have lost who we were then, nothing that we sign is believed."""
    read = read_agreement(agreement)
    return read is not None and identity.current().node_id in read["parties"]


def policy_of(row: Any) -> Policy:
    """From a row with state, node_id, agreement, narrowed, both suspensions and when it was closed."""
    agreement = read_agreement(row["agreement"])
    them = row["node_id"]
    us = next((party for party in agreement["parties"] if party != them), "") if agreement else ""
    return Policy(
        us=us,
        them=them,
        state=row["state"],
        suspended=bool(row["suspended_by_us_at"] or row["suspended_by_them_at"]),
        narrowed=msgspec.json.decode(row["narrowed"], type=dict[str, tuple[str, ...]]),
        agreement=agreement,
        closed=row["closed_at"] is not None,
    )


def _known(row: Any) -> KnownCircle:
    policy = policy_of(row)
    terms = Terms(we_may=(), they_may=())
    if policy.agreement:
        agreed = rules.terms_of(policy.agreement, policy.us, policy.them)
        taken = policy.narrowed
        terms = rules.without(agreed, we=taken.get(policy.us, ()), they=taken.get(policy.them, ()))
    return KnownCircle(
        id=row["id"], node_id=row["node_id"], name=row["name"], phone=row["phone"], base_url=row["base_url"],
        standing=rules.standing(
            row["state"], by_us=bool(row["suspended_by_us_at"]), by_them=bool(row["suspended_by_them_at"])
        ),
        terms=terms,
    )  # fmt: skip

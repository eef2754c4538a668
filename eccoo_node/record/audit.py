"""The audit: who did what, for whom, through what, and why. Append-only and chained.

Rows hold ids and codes. Free text lies in a side row of which the audit row keeps a salted hash, so that erasing
text and salt leaves the chain whole. Each row carries its digest at once; one job chains committed rows within
about a second, because a chain head locked inside every act would make all writers wait for each other.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from piccolo.table import Table

from eccoo_node.db import bound, extras
from eccoo_node.db.columns import moment, number, prose, serial, word
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, fetch_value, marks
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Broken


class Audit(Table, tablename="audit"):
    """One act, done or refused."""

    id = serial()
    at = moment()
    act_id = word(36)
    action = word()
    outcome = word(16)
    code = word()
    actor_id = word(36)
    link_id = word(36)
    acting_for = word(36)
    via = word(16)
    known_by = word()
    person_id = word(36)
    thing_kind = word(32)
    thing_id = word(64)
    text_hash = word()
    digest = word()


class AuditText(Table, tablename="audit_text"):
    """The words that belong to an audit row; may be erased."""

    id = serial()
    audit_id = number()
    salt = word()
    text = prose()


class AuditChain(Table, tablename="audit_chain"):
    """The chain over the audit, one link a row."""

    id = serial()
    audit_id = number()
    chain = word()


extras.append_only("audit")
extras.append_only("audit_chain")
extras.index("audit", "act_id")
extras.unique("audit_chain", "audit_id")
extras.unique("audit_text", "audit_id")
extras.one_of("audit", "outcome", ("done", "refused"))

_FIELDS = (
    "at", "act_id", "action", "outcome", "code", "actor_id", "link_id", "acting_for", "via", "known_by",
    "person_id", "thing_kind", "thing_id", "text_hash",
)  # fmt: skip


def _digest(values: tuple[Any, ...]) -> str:
    told = [v.isoformat() if isinstance(v, datetime) else v for v in values]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def _hash_text(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


async def note(
    actor: Actor, act_id: str, action: str, thing: Thing, *, outcome: str = "done", code: str = "", text: str = ""
) -> None:
    """Write one row, inside the act's transaction."""
    salt = secrets.token_hex(16) if text else ""
    values = _values(actor, act_id, action, thing, outcome, code, _hash_text(salt, text) if text else "")
    rows = await fetch(f"{_INSERT} {_ROW} RETURNING id", *values, _digest(values))
    if text:
        await fetch("INSERT INTO audit_text (audit_id, salt, text) VALUES (?, ?, ?)", rows[0][0], salt, text)


async def note_many(actor: Actor, act_id: str, action: str, things: Sequence[Thing]) -> None:
    """The same for several things of one act that was done, in few statements, where no words belong to them."""
    for start in range(0, len(things), _MANY):
        told = [_values(actor, act_id, action, thing, "done", "", "") for thing in things[start : start + _MANY]]
        params = [value for values in told for value in (*values, _digest(values))]
        await fetch(f"{_INSERT} {', '.join([_ROW] * len(told))}", *params)


_INSERT = "INSERT INTO audit ({}) VALUES".format(", ".join(f'"{name}"' for name in (*_FIELDS, "digest")))
_ROW = f"({', '.join('?' * 15)})"
# Rows in one statement.
_MANY = 200


def _values(
    actor: Actor, act_id: str, action: str, thing: Thing, outcome: str, code: str, text_hash: str
) -> tuple[Any, ...]:
    return (
        clock.now().replace(microsecond=0), act_id, action, outcome, code, actor.person_id, actor.link_id,
        actor.acting_for, actor.via, actor.known_by, thing.person_id, thing.kind, thing.id, text_hash,
    )  # fmt: skip


async def forget_words(person_id: str) -> None:
    """Delete the words of every row about somebody, inside `write()`. The rows and their chain stay as they are."""
    await fetch("DELETE FROM audit_text WHERE audit_id IN (SELECT id FROM audit WHERE person_id = ?)", person_id)


async def forget_old_words(actions: Sequence[str], since: datetime) -> bool:
    """Delete the words of acts of these kinds from before then, whoever they are about, inside `write()`; whether there
    were any."""
    gone = await fetch(
        "DELETE FROM audit_text WHERE audit_id IN (SELECT t.audit_id FROM audit_text t JOIN audit a ON a.id = t.audit_id "
        f"WHERE a.action IN ({marks(actions)}) AND a.at < ?) RETURNING audit_id",
        *actions, since,
    )  # fmt: skip
    return bool(gone)


# On PostgreSQL a row that was numbered earlier may be committed later than its neighbours. So far back the chain still
# looks for such rows; they take their place at its end. SQLite has one writer, and no such rows.
LATE_ROWS = 2000
_WALK = 2000


def _reach() -> int:
    return LATE_ROWS if bound.engine().engine_type == "postgres" else 0


async def _head() -> tuple[int, str]:
    """The highest row that is chained, and the chain's last link."""
    highest = await fetch_value("SELECT MAX(audit_id) FROM audit_chain")
    last = await fetch_value("SELECT chain FROM audit_chain ORDER BY id DESC LIMIT 1")
    return (highest, last) if last is not None else (0, "")


_UNCHAINED = "FROM audit a WHERE a.id > ? AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.audit_id = a.id)"


async def _tail_exists() -> bool:
    highest = await fetch_value("SELECT MAX(audit_id) FROM audit_chain") or 0
    return bool(await fetch(f"SELECT a.id {_UNCHAINED} LIMIT 1", highest - _reach()))


@job("audit.chain", when=_tail_exists)
async def chain_tail(payload: dict[str, Any]) -> datetime | None:
    """Chain what has been committed since the last link."""
    async with write():
        highest, head = await _head()
        rows = await fetch(f"SELECT a.id, a.digest {_UNCHAINED} ORDER BY a.id LIMIT 5000", highest - _reach())
        for row in rows:
            head = _link(head, row["digest"])
            await fetch("INSERT INTO audit_chain (audit_id, chain) VALUES (?, ?)", row["id"], head)
    return None


def _link(head: str, digest: str) -> str:
    return hashlib.sha256(f"{head}{digest}".encode()).hexdigest()


async def verify() -> dict[str, int]:
    """Walk the whole audit. Returns counts; raises Broken at the first row that is not as it was written.

    Rows younger than the last link of the chain are counted as unchained: of them only the digest is proven.
    """
    columns = ", ".join(f'a."{name}"' for name in _FIELDS)
    found = f"{columns}, a.digest, a.id, t.salt, t.text"
    texts = "LEFT JOIN audit_text t ON t.audit_id = a.id"
    counts = {"rows": 0, "chained": 0, "unchained": 0, "texts": 0}
    head, last_link, highest = "", 0, 0
    while rows := await fetch(
        f"SELECT {found}, c.id AS link, c.audit_id, c.chain FROM audit_chain c "
        f"LEFT JOIN audit a ON a.id = c.audit_id {texts} WHERE c.id > ? ORDER BY c.id LIMIT {_WALK}",
        last_link,
    ):
        for row in rows:
            if row["id"] is None:
                raise Broken(f"Audit row {row['audit_id']} is missing.", "audit_missing")
            counts["texts"] += _whole(row)
            head = _link(head, row["digest"])
            if head != row["chain"]:
                raise Broken(
                    f"The chain breaks at audit row {row['id']}: it, or one before it, is missing or changed.",
                    "audit_chain",
                )
            last_link, highest = row["link"], max(highest, row["id"])
            counts["chained"] += 1
    last = 0
    while rows := await fetch(
        f"SELECT {found} FROM audit a {texts} WHERE a.id > ? AND NOT EXISTS "
        f"(SELECT 1 FROM audit_chain c WHERE c.audit_id = a.id) ORDER BY a.id LIMIT {_WALK}",
        last,
    ):
        for row in rows:
            if row["id"] <= highest - _reach():
                raise Broken(f"Audit row {row['id']} was never chained, and those after it were.", "audit_gap")
            counts["texts"] += _whole(row)
            last = row["id"]
            counts["unchained"] += 1
    return {**counts, "rows": counts["chained"] + counts["unchained"]}


def _whole(row: Any) -> bool:
    """Raise Broken unless the row and its words are as they were written; whether it still has words."""
    values = tuple(as_time(row["at"]) if name == "at" else row[name] for name in _FIELDS)
    if _digest(values) != row["digest"]:
        raise Broken(f"Audit row {row['id']} does not match its digest.", "audit_digest")
    if row["text"] is None:
        return False
    if _hash_text(row["salt"], row["text"]) != row["text_hash"]:
        raise Broken(f"The words of audit row {row['id']} have been changed.", "audit_text")
    return True

"""The audit: who did what, for whom, through what, and why. Append-only and chained.

Rows hold ids and codes. Free text lies in a side row of which the audit row keeps a salted hash, so that erasing
text and salt leaves the chain whole. Each row carries its digest at once; one job chains committed rows within
about a second, because a chain head locked inside every act would make all writers wait for each other.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec
from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import moment, number, prose, serial, word
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
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
extras.unique("audit_chain", "audit_id")
extras.unique("audit_text", "audit_id")
extras.index("audit", "person_id", "at")
extras.index("audit", "act_id")
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
    at = clock.now().replace(microsecond=0)
    values = (
        at, act_id, action, outcome, code, actor.person_id, actor.link_id, actor.acting_for, actor.via, actor.known_by,
        thing.person_id, thing.kind, thing.id, _hash_text(salt, text) if text else "",
    )  # fmt: skip
    columns = ", ".join(f'"{name}"' for name in _FIELDS)
    rows = await fetch(
        f'INSERT INTO audit ({columns}, "digest") VALUES ({", ".join("?" * 15)}) RETURNING id',  # noqa: S608
        *values,
        _digest(values),
    )
    if text:
        await fetch("INSERT INTO audit_text (audit_id, salt, text) VALUES (?, ?, ?)", rows[0][0], salt, text)


async def _tail_exists() -> bool:
    last = await fetch_value("SELECT MAX(id) FROM audit")
    chained = await fetch_value("SELECT MAX(audit_id) FROM audit_chain")
    return bool(last) and last != chained


# On PostgreSQL a smaller id may commit after a larger one; rows this old have no open transaction before them.
_SETTLE = timedelta(seconds=2)


@job("audit.chain", when=_tail_exists)
async def chain_tail(payload: dict[str, Any]) -> datetime | None:
    """Chain what has been committed since the last link."""
    async with write():
        last = await fetch_one("SELECT audit_id, chain FROM audit_chain ORDER BY id DESC LIMIT 1")
        head_id, head = (last[0], last[1]) if last else (0, "")
        rows = await fetch("SELECT id, digest, at FROM audit WHERE id > ? ORDER BY id LIMIT 5000", head_id)
        for row in rows:
            head = hashlib.sha256(f"{head}{row['digest']}".encode()).hexdigest()
            await fetch("INSERT INTO audit_chain (audit_id, chain) VALUES (?, ?)", row["id"], head)
    return None


async def verify() -> dict[str, int]:
    """Walk the whole audit. Returns counts; raises Broken at the first row that is not as it was written."""
    columns = ", ".join(f'a."{name}"' for name in _FIELDS)
    rows = await fetch(
        f"SELECT {columns}, a.digest, a.id, c.chain, t.salt, t.text FROM audit a "  # noqa: S608 names are ours
        "LEFT JOIN audit_chain c ON c.audit_id = a.id LEFT JOIN audit_text t ON t.audit_id = a.id ORDER BY a.id"
    )
    head, chained, texts, unchained = "", 0, 0, 0
    for row in rows:
        values = tuple(as_time(row["at"]) if name == "at" else row[name] for name in _FIELDS)
        if _digest(values) != row["digest"]:
            raise Broken(f"Audit row {row['id']} does not match its digest.", "audit_digest")
        if row["text"] is not None:
            texts += 1
            if _hash_text(row["salt"], row["text"]) != row["text_hash"]:
                raise Broken(f"The words of audit row {row['id']} have been changed.", "audit_text")
        if row["chain"] is None:
            unchained += 1
            continue
        if unchained:
            raise Broken(f"Audit row {row['id']} is chained but one before it is not.", "audit_gap")
        head = hashlib.sha256(f"{head}{row['digest']}".encode()).hexdigest()
        if head != row["chain"]:
            raise Broken(
                f"The chain breaks at audit row {row['id']}: one before it is missing or changed.", "audit_chain"
            )
        chained += 1
    links = int(await fetch_value("SELECT COUNT(*) FROM audit_chain") or 0)
    if links != chained:
        raise Broken(f"The chain has {links} links for {chained} audit rows: some rows are missing.", "audit_missing")
    return {"rows": len(rows), "chained": chained, "unchained": unchained, "texts": texts}

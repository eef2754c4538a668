"""What an act causes. Written in the act's own transaction; each listener runs as a job, once it is committed.

This is how a lower domain tells a higher one without importing it.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from piccolo.table import Table

from eccoo_node.db import extras, jobs
from eccoo_node.db.columns import moment, prose, serial, word
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.kernel import clock


class Event(Table, tablename="event"):
    """One thing that happened. The payload holds ids and codes, never a name or free text."""

    id = serial()
    at = moment()
    act_id = word(36)
    kind = word()
    subject_kind = word(32)
    # A subject of another circle has a name of up to 80.
    subject_id = word(80)
    payload = prose()


extras.append_only("event")


class Happened(msgspec.Struct, frozen=True):
    """An event as a listener gets it."""

    id: int
    at: datetime
    act_id: str
    kind: str
    subject_kind: str
    subject_id: str
    payload: dict[str, Any]


Listener = Callable[[Happened], Awaitable[None]]
# Events in one statement.
_MANY = 200
_LISTENERS: dict[str, list[str]] = {}


def on(*kinds: str) -> Callable[[Listener], Listener]:
    """Run this for each event of these kinds, at least once, after the act is committed."""

    def register(function: Listener) -> Listener:
        name = f"on:{function.__module__.rpartition('eccoo_node.')[2]}.{function.__name__}"
        for kind in kinds:
            _LISTENERS.setdefault(kind, []).append(name)

        @jobs.job(name)
        async def run(payload: dict[str, Any]) -> datetime | None:
            happened = await get(payload["event"])
            if happened:
                await function(happened)
            return None

        return function

    return register


async def tell(act_id: str, kind: str, subject_kind: str, subject_id: str, /, **payload: Any) -> int:
    """Write an event and a job for each listener, inside the act's transaction; the event's id."""
    [id_] = await tell_many(act_id, kind, subject_kind, [(subject_id, payload)])
    return id_


async def tell_many(
    act_id: str, kind: str, subject_kind: str, subjects: Sequence[tuple[str, dict[str, Any]]]
) -> list[int]:
    """The same for several subjects, each with its payload, in few statements; their ids, the earliest first."""
    now, ids = clock.now(), []
    for start in range(0, len(subjects), _MANY):
        some = subjects[start : start + _MANY]
        rows = await fetch(
            "INSERT INTO event (at, act_id, kind, subject_kind, subject_id, payload) VALUES "
            f"{', '.join(['(?, ?, ?, ?, ?, ?)'] * len(some))} RETURNING id",
            *(
                value
                for subject_id, payload in some
                for value in (now, act_id, kind, subject_kind, subject_id, msgspec.json.encode(payload).decode())
            ),
        )
        ids += sorted(int(row[0]) for row in rows)
    for id_ in ids:
        for name in _LISTENERS.get(kind, ()):
            await jobs.add(name, str(id_), event=id_)
    return ids


async def get(event_id: int) -> Happened | None:
    row = await fetch_one(
        "SELECT id, at, act_id, kind, subject_kind, subject_id, payload FROM event WHERE id = ?", event_id
    )
    return _happened(row) if row else None


def _happened(row: Any) -> Happened:
    at = as_time(row["at"])
    if at is None:
        raise ValueError("an event has a time")
    return Happened(row[0], at, row[2], row[3], row[4], row[5], msgspec.json.decode(row[6]))

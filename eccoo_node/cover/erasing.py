"""Forgetting in cover: what we hold of people of other circles, and what of ours lies in searches and offers.

What the books need stays: references, hours, sums and signatures. Who it was, where, and what they said goes.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.cover import queries
from eccoo_node.cover.rules import RETAIN
from eccoo_node.db import bound, jobs
from eccoo_node.db.rows import as_time, fetch, fetch_value, marks
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.links import erasing, letters
from eccoo_node.links.erasing import Deleted
from eccoo_node.members import erasing as home

# How the wire writes a place that is not known any more.
NOWHERE = "ZZ99"


@erasing.refers
async def went_to(person_id: str) -> Iterable[tuple[str, str]]:
    """Under which references linked circles know a person's searches, and a worker's offers."""
    asked = await fetch(
        "SELECT a.link_id, a.reference FROM asked_circle a JOIN cover_request r ON r.id = a.request_id "
        "WHERE r.person_id = ?",
        person_id,
    )
    offered = await fetch("SELECT link_id, id FROM my_offer WHERE worker_id = ?", person_id)
    return [(row[0], row[1]) for row in (*asked, *offered)]


@erasing.days
async def days_of(subjects: Sequence[str]) -> list[tuple[str, datetime]]:
    rows = await fetch(
        "SELECT a.reference, v.starts_at FROM asked_circle a JOIN cover_request r ON r.id = a.request_id JOIN visit v ON v.id = r.visit_id "
        f"WHERE a.reference IN ({marks(subjects)}) UNION SELECT m.id, o.starts_at FROM my_offer m JOIN open_request o "
        f"ON o.id = m.open_request_id WHERE m.id IN ({marks(subjects)})",
        *subjects, *subjects,
    )  # fmt: skip
    return [(row[0], _time(row[1])) for row in rows]


@erasing.deletes
async def delete_requests(link_id: str, subjects: Sequence[str]) -> Deleted:
    """What another circle asked of us. While a worker of ours is still to go there they need the name and the way."""
    now, kept = clock.now(), []
    rows = await fetch(
        f"SELECT id FROM open_request WHERE link_id = ? AND reference IN ({marks(subjects)})", link_id, *subjects
    )
    for row in rows:
        opened = await queries.open_request(row[0])
        ahead = [one for one in await queries.mine_for(opened.id) if one.state == "coming" and one.ends_at > now]
        kept += [erasing.Kept(one.ends_at, "visit_ahead") for one in ahead]
        if not ahead:
            await _bare(opened)
    return Deleted(bool(rows), tuple(kept))


async def _bare(opened: queries.Open) -> None:
    """Leave of a request what a claim may still need: when, for how much, on what terms."""
    body: dict[str, Any] = msgspec.json.decode(opened.body)
    body = {name: said for name, said in body.items() if name != "skills"} | {"area": NOWHERE, "needs": {}}
    await fetch(
        "UPDATE open_request SET body = ?, area = '', state = 'closed' WHERE id = ?",
        msgspec.json.encode(body).decode(), opened.id,
    )  # fmt: skip
    await fetch(
        "UPDATE my_offer SET disclosure = '', retain_until = NULL WHERE open_request_id = ? AND disclosure <> ''",
        opened.id,
    )


@erasing.deletes
async def delete_offers(link_id: str, subjects: Sequence[str]) -> Deleted:
    """Workers of another circle who offered to come. Whoever waits for one of them still has to know who it is."""
    rows = await fetch(
        "SELECT o.id, o.state, o.letter_id, v.id AS visit_id, v.ends_at, v.state AS visit_state FROM cover_offer o "
        "JOIN cover_request r ON r.id = o.request_id JOIN visit v ON v.id = r.visit_id "
        f"WHERE o.link_id = ? AND o.id IN ({marks(subjects)})",
        link_id, *subjects,
    )  # fmt: skip
    kept = []
    for row in rows:
        ends_at = _time(row["ends_at"])
        if (row["state"], row["visit_state"]) == ("chosen", "covered") and ends_at > clock.now():
            kept.append(erasing.Kept(ends_at, "visit_ahead"))
            continue
        await _blank(row["id"], row["letter_id"], link_id)
        if row["state"] == "live":
            await fetch("UPDATE cover_offer SET state = 'taken_back' WHERE id = ?", row["id"])
        if row["state"] == "chosen":
            await fetch("UPDATE visit SET cover_name = 'Someone' WHERE id = ? AND cover_name <> ''", row["visit_id"])
    return Deleted(bool(rows), tuple(kept))


async def _blank(offer_id: str, letter_id: str, link_id: str) -> None:
    await fetch(
        "UPDATE cover_offer SET first_name = 'Someone', face = '', face_media = '', words = '', languages = '', "
        "attested = '[]' WHERE id = ?",
        offer_id,
    )
    if letter_id:
        await letters.forget(link_id, letter_id)


def _time(value: Any) -> datetime:
    at = as_time(value)
    if at is None:
        raise ValueError("a visit has its hours")
    return at


# ---- at home


@home.keeps
async def still_going_on(person_id: str) -> list[home.Kept]:
    """A search that has not ended, and an offer elsewhere that may still be gone to or paid for."""
    last = await fetch_value(
        "SELECT MAX(v.ends_at) FROM cover_request r JOIN visit v ON v.id = r.visit_id WHERE r.state <> 'ended' "
        "AND (r.person_id = ? OR v.worker_id = ?)",
        person_id, person_id,
    )  # fmt: skip
    away = await fetch_value(
        "SELECT MAX(o.ends_at) FROM my_offer m JOIN open_request o ON o.id = m.open_request_id "
        "WHERE m.worker_id = ? AND m.state IN ('offered', 'preparing', 'coming', 'said', 'too_late')",
        person_id,
    )
    return [home.Kept("cover_open", _time(at) + RETAIN, whole=True) for at in (last, away) if at is not None]


@home.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    """What their searches told others, what was ready to be disclosed, and what they said as a worker."""
    await fetch(
        "DELETE FROM disclosure_out WHERE request_id IN (SELECT id FROM cover_request WHERE person_id = ?)", person_id
    )
    # What nobody has been shown yet.
    await fetch(
        "DELETE FROM ask_later WHERE request_id IN (SELECT id FROM cover_request WHERE person_id = ?)", person_id
    )
    for link_id, subjects in (await erasing.references(person_id)).items():
        await letters.forget_subjects(link_id, subjects)
    await fetch(
        "UPDATE asked_circle SET body = '' WHERE request_id IN (SELECT id FROM cover_request WHERE person_id = ?)",
        person_id,
    )
    await fetch(
        "UPDATE cover_offer SET first_name = 'Someone', words = '', face = '', face_media = '', languages = '', "
        "attested = '[]' WHERE worker_id = ?",
        person_id,
    )
    await fetch("UPDATE my_offer SET words = '', body = '' WHERE worker_id = ?", person_id)
    await fetch(
        "UPDATE sum_step SET words = '' WHERE words <> '' AND (by_id = ? OR subject_id IN (SELECT id FROM cover_request "
        "WHERE person_id = ?) OR subject_id IN (SELECT id FROM my_offer WHERE worker_id = ?))",
        person_id, person_id, person_id,
    )  # fmt: skip
    for row in await fetch(
        "SELECT o.id, o.link_id, o.event_id, o.state FROM letter_out o JOIN my_offer m ON m.link_id = o.link_id "
        "JOIN open_request r ON r.id = m.open_request_id AND r.reference = o.subject "
        "WHERE m.worker_id = ? AND o.type = 'cover.offered' AND o.body LIKE '%' || m.id || '%'",
        person_id,
    ):
        if row["state"] == "waiting":
            await fetch("DELETE FROM letter_out WHERE id = ?", row["id"])
        elif row["state"] != "sent":
            await letters.forget(row["link_id"], row["event_id"])


# ---- by the clock


@jobs.job("cover.retention", every=timedelta(hours=1))
async def let_go(payload: dict[str, Any]) -> datetime | None:
    """What was kept for a visit goes when its time is over, also after a long time off or where a job of its own died."""
    now = clock.now()
    async with write():
        await fetch(
            "UPDATE my_offer SET disclosure = '', retain_until = NULL WHERE disclosure <> '' AND retain_until <= ?", now
        )
        await fetch("DELETE FROM disclosure_out WHERE retain_until <= ?", now)
        # Nobody is asked to come to a visit that is over.
        await fetch(
            "DELETE FROM ask_later WHERE request_id IN "
            "(SELECT r.id FROM cover_request r JOIN visit v ON v.id = r.visit_id WHERE v.ends_at <= ?)",
            now,
        )
        for row in await fetch(
            "SELECT o.id, o.link_id, o.reference FROM open_request o WHERE o.area <> '' AND o.ends_at <= ? AND NOT EXISTS "
            "(SELECT 1 FROM my_offer m WHERE m.open_request_id = o.id AND m.state IN ('coming', 'said', 'too_late')) "
            "LIMIT 200",
            now - RETAIN,
        ):
            await _bare(await queries.open_request(row["id"]))
            await letters.forget_subjects(row["link_id"], [row["reference"]])
        for row in await fetch(
            "SELECT a.id, a.link_id, a.reference FROM asked_circle a JOIN cover_request r ON r.id = a.request_id "
            "JOIN visit v ON v.id = r.visit_id WHERE a.body <> '' AND r.state = 'ended' AND v.ends_at <= ? LIMIT 200",
            now - RETAIN,
        ):
            if await letters.forget_subjects(row["link_id"], [row["reference"]]):
                await fetch("UPDATE asked_circle SET body = '' WHERE id = ?", row["id"])
        for row in await fetch(
            "SELECT o.id, o.letter_id, o.link_id FROM cover_offer o JOIN cover_request r ON r.id = o.request_id "
            "JOIN visit v ON v.id = r.visit_id WHERE o.link_id <> '' AND o.state = 'chosen' AND o.words || o.face <> '' "
            "AND r.state = 'ended' AND v.ends_at <= ? LIMIT 200",
            now - RETAIN,
        ):
            await fetch(
                "UPDATE cover_offer SET face = '', face_media = '', words = '', languages = '', attested = '[]' "
                "WHERE id = ?",
                row["id"],
            )
            await letters.forget(row["link_id"], row["letter_id"])
    await bound.engine().wipe()
    return None

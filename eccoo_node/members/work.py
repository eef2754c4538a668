"""What is done about someone's work: their own words and limits, when they may be asked, and what was seen of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from eccoo_node.db import jobs
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, insert
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import MAX_PENCE
from eccoo_node.members.cards import FACTS, Stretch
from eccoo_node.members.reading import read_codes, read_outward, read_words
from eccoo_node.members.rules import MUST_END
from eccoo_node.members.tables import CHECK_KINDS, Check, FreeTime, Worker
from eccoo_node.record.door import Act, door

HOW_SEEN = ("in_person", "online", "idsp", "call")


@door("members.set_worker_profile")
async def set_worker_profile(
    act: Act,
    *,
    person_id: str,
    words: str = "",
    languages: str = "en",
    gender: str = "",
    rate_pence: int = 0,
    travel_pence: int = 0,
    goes_to: Iterable[str] = (),
    skills: Iterable[str] = (),
    avoids: Iterable[str] = (),
    covers: bool = True,
) -> None:
    """What someone says about the support they give: own words, own rate in pence an hour, own limits.

    Whether they are paid is not theirs to say here (`set_paid`): someone new counts as paid.
    """
    act.allow(Thing("worker", person_id, person_id, worker_id=person_id))
    if not 0 <= rate_pence <= MAX_PENCE or not 0 <= travel_pence <= MAX_PENCE:
        raise Invalid("Write the rate in pounds and pence, such as 20 or 17.50.", "bad_rate", field="rate")
    if not set(avoids) <= set(FACTS):
        raise Invalid("Choose from the list.", "bad_fact", field="avoids")
    places = [place for place in (read_outward(text) for text in goes_to) if place]
    if await fetch_value("SELECT id FROM person WHERE id = ?", person_id) is None:
        raise NotFound()
    before = await fetch_one("SELECT paid, employed FROM worker WHERE person_id = ?", person_id)
    row = Worker(
        person_id=person_id, words=read_words(words, "words"), languages=languages.strip()[:200],
        gender=gender.strip()[:16], rate_pence=rate_pence, travel_pence=travel_pence,
        goes_to=read_codes(places, "goes_to"), skills=read_codes(skills, "skills"),
        avoids=read_codes(avoids, "avoids"), paid=before is None or bool(before[0]),
        employed=before is not None and bool(before[1]), covers=covers, changed_at=clock.now(),
    )  # fmt: skip
    await fetch("DELETE FROM worker WHERE person_id = ?", person_id)
    await insert(row)
    await act.tell("worker.changed", "person", person_id)


@door("members.set_paid")
async def set_paid(act: Act, person_id: str, paid: bool) -> None:
    """Write down that someone gives support unpaid, or is paid after all."""
    act.allow(Thing("worker", person_id, person_id, worker_id=person_id))
    if not await fetch("UPDATE worker SET paid = ? WHERE person_id = ? RETURNING id", paid, person_id):
        raise NotFound()
    await act.tell("worker.changed", "person", person_id)


@door("members.set_employed")
async def set_employed(act: Act, person_id: str, employed: bool) -> None:
    """Write down that the circle pays someone a wage, or does no longer. Holds for money set aside from now on."""
    act.allow(Thing("worker", person_id, person_id, worker_id=person_id))
    if not await fetch("UPDATE worker SET employed = ? WHERE person_id = ? RETURNING id", employed, person_id):
        raise NotFound()
    await act.tell("worker.changed", "person", person_id)


@door("members.set_free_time")
async def set_free_time(act: Act, person_id: str, stretches: Iterable[Stretch]) -> None:
    """When someone may be asked, week by week, on the circle's own clock; written anew each time."""
    act.allow(Thing("worker", person_id, person_id, worker_id=person_id))
    wanted = sorted(set(stretches), key=lambda s: (s.weekday, s.from_minute, s.to_minute))
    if len(wanted) > 60:
        raise Invalid("Please choose fewer.", "too_many", field="free")
    await fetch("DELETE FROM free_time WHERE person_id = ?", person_id)
    for s in wanted:
        if not (0 <= s.weekday <= 6 and 0 <= s.from_minute < s.to_minute <= 1440):
            raise Invalid("A free time ends after it begins, on one day.", "bad_times", field="free")
        await insert(FreeTime(person_id=person_id, weekday=s.weekday, from_minute=s.from_minute, to_minute=s.to_minute))
    await act.tell("worker.changed", "person", person_id)


@door("members.record_check")
async def record_check(
    act: Act,
    *,
    person_id: str,
    kind: str,
    number: str = "",
    seen_at: datetime | None = None,
    how: str = "in_person",
    expires_at: datetime | None = None,
) -> str:
    """Write down a check that the actor has seen, and its end; its id. The one of that kind before it ends.

    A DBS certificate counts only as the original seen in person (care-rules 4). The number is kept and never shown.
    """
    act.allow(Thing("credential", "", person_id, worker_id=person_id))
    at = seen_at or clock.now()
    if kind not in CHECK_KINDS:
        raise Invalid("Choose what was seen.", "bad_kind", field="kind")
    if how not in HOW_SEEN or (kind == "dbs_enhanced" and how != "in_person"):
        raise Invalid("A DBS certificate has to be seen in person, the original.", "not_seen", field="how")
    if at > clock.now():
        raise Invalid("Write the day on which it was seen.", "in_future", field="seen_at")
    if expires_at is None and kind in MUST_END:
        raise Invalid("Write the day on which it ends.", "no_end", field="expires_at")
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("This one has already ended.", "ended", field="expires_at")
    if await fetch_value("SELECT id FROM person WHERE id = ?", person_id) is None:
        raise NotFound()
    await fetch(
        "UPDATE credential SET ended_at = ? WHERE person_id = ? AND kind = ? AND ended_at IS NULL",
        clock.now(),
        person_id,
        kind,
    )
    row = Check(
        person_id=person_id, kind=kind, number=number.strip()[:64], seen_at=at, seen_by=act.actor.person_id, how=how,
        expires_at=expires_at,
    )  # fmt: skip
    await insert(row)
    check_id = str(row.id)
    act.about(check_id)
    if expires_at is not None:
        await jobs.add("members.lapse_check", check_id, run_at=expires_at, check=check_id)
    await act.tell("check.recorded", "person", person_id, check=check_id, what=kind)
    return check_id


@door("members.end_check")
async def end_check(act: Act, check_id: str) -> None:
    """A check holds no longer, whatever its date: withdrawn, or found to be wrong. New matches stop at once."""
    row = await fetch_one("SELECT person_id, kind FROM credential WHERE id = ?", check_id)
    if row is None:
        raise NotFound()
    act.allow(Thing("credential", check_id, row[0], worker_id=row[0]))
    ended = await fetch(
        "UPDATE credential SET ended_at = ? WHERE id = ? AND ended_at IS NULL RETURNING id", clock.now(), check_id
    )
    if not ended:
        raise Conflict("This one has already ended.", "ended")
    await jobs.cancel("members.lapse_check", check_id)
    await act.tell("check.lapsed", "person", row[0], check=check_id, what=row[1])


@door("members.lapse_check")
async def lapse_check(act: Act, check_id: str) -> bool:
    """The end of a check has come: say so, unless it was ended or replaced before."""
    act.allow(Thing("credential", check_id))
    row = await fetch_one("SELECT person_id, kind, expires_at, ended_at FROM credential WHERE id = ?", check_id)
    if row is None or row[3] is not None or row[2] is None or row[2] > clock.now():
        return False
    act.thing = Thing("credential", check_id, row[0], worker_id=row[0])
    await act.tell("check.lapsed", "person", row[0], check=check_id, what=row[1])
    return True


@jobs.job("members.lapse_check")
async def _lapse(payload: dict[str, Any]) -> datetime | None:
    if await lapse_check(NODE, payload["check"]):
        return None
    # The clock of a job row and of a check can differ where a demo moves time back.
    row = await fetch_one("SELECT expires_at FROM credential WHERE id = ? AND ended_at IS NULL", payload["check"])
    later = as_time(row[0]) if row else None
    return later if later and later > clock.now() else None

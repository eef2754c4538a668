"""The doors of the week."""

from datetime import datetime

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, insert
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import undoing
from eccoo_node.escrow.sharing import share_pence
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.members import queries as members
from eccoo_node.record.door import Act, door
from eccoo_node.rota import paying, queries, questions
from eccoo_node.rota.planning import LONGEST as LONGEST
from eccoo_node.rota.planning import plan_visit as plan_visit
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.questions import Question
from eccoo_node.rota.rules import ASKED_AROUND, check_said, late, spoken_minutes
from eccoo_node.rota.tables import Absence, Said
from eccoo_node.rota.telling import answer_by, has_reached, still_to_be_told, team_around, tell, when_reached


async def set_fields(visit_id: str, **values: object) -> None:
    """Change columns of one visit. Names come from our own code."""
    names = ", ".join(f'"{name}" = ?' for name in values)
    await fetch(f"UPDATE visit SET {names} WHERE id = ?", *values.values(), visit_id)


@door("rota.cant_come")
async def cant_come(act: Act, *, visit_ids: list[str]) -> list[str]:
    """A worker can't be there, for one visit or several, in one act. No reason is asked. Said twice is said once.

    The team sees each gap at once. Returns the visits that became gaps now.
    """
    if not visit_ids:
        raise Invalid("Tick at least one visit.", "nothing_chosen", field="visits")
    now_gaps = []
    for visit_id in sorted(set(visit_ids)):
        visit = await queries.lock_visit(visit_id)
        act.allow(visit.thing)
        if visit.state == "gap" and visit.worker_id == (act.actor.acting_for or act.actor.person_id):
            continue
        if visit.state != "planned" or visit.starts_at <= clock.now():
            raise Conflict("This visit has already changed. Please look at your week again.", "visit_changed")
        await insert(Absence(visit_id=visit.id, worker_id=visit.worker_id, said_at=clock.now(), via=act.actor.via))
        await set_fields(visit.id, state="gap")
        await jobs.add("rota.gap_over", visit.id, run_at=visit.ends_at, visit=visit.id)
        around = await team_around(visit.person_id, visit.team_id, visit_worker=visit.worker_id)
        await tell(around - {act.actor.person_id}, visit.id, "gap")
        await act.tell("visit.gap", "visit", visit.id, cannot_be_missed=visit.cannot_be_missed)
        now_gaps.append(visit.id)
    return now_gaps


@door("rota.stop")
async def do_without(act: Act, *, visit_id: str) -> None:
    """The person does without this visit; the money set aside goes back whole when the worker could not come.

    Cancelled late while the worker was coming, the agreed share is theirs.
    """
    visit = await queries.lock_visit(visit_id)
    act.allow(visit.thing)
    if visit.state == "stopped":
        return
    if visit.state not in {"planned", "gap"}:
        raise Conflict("This visit has already changed.", "visit_changed")
    refuse_begun(visit.starts_at, comes=visit.state in {"planned", "covered"})
    await return_money(visit)
    await set_fields(visit.id, state="stopped", line="")
    around = await team_around(visit.person_id, visit.team_id, visit_worker=visit.worker_id)
    await tell(around - {act.actor.person_id}, visit.id, "stopped")
    await act.tell("visit.stopped", "visit", visit.id, by=act.actor.person_id, acting_for=act.actor.acting_for)


def refuse_begun(starts_at: datetime, *, comes: bool) -> None:
    """Raise Conflict once someone who `comes` is there: what they came for is answered and paid for, never called off."""
    if comes and starts_at <= clock.now():
        raise Conflict("This visit has begun. Say how it went instead.", "visit_begun")


async def return_money(visit: Visit) -> None:
    """What is set aside goes back to the payer; cancelled late while a worker was coming, the agreed share is theirs, also
    where nothing was set aside."""
    share = visit.cancel_bps if visit.state == "planned" and visit.worker_id else 0
    if not late(clock.now(), visit.starts_at, visit.cancel_hours):
        share = 0
    if visit.line and share:
        await escrow.pay_cancelled(NODE, visit.line, share, f"cancelled:{visit.line}")
    elif visit.line:
        await escrow.return_line(NODE, visit.line, f"return:{visit.line}{await undoing.anew(visit.line)}")
    elif owed := share_pence(visit.fee_pence, share):
        await paying.owe_late(visit.id, owed)


@door("rota.say_how_it_went")
async def say_how_it_went(act: Act, *, visit_id: str, answer: str, minutes: int | None = None) -> None:
    """The worker says how a visit went: as planned, shorter (with minutes), no one answered, or they didn't go."""
    visit = await queries.lock_visit(visit_id)
    act.allow(visit.thing)
    length = clock.minutes_between(visit.starts_at, visit.ends_at)
    minutes = check_said(answer, minutes, length)
    if visit.state != "planned":
        raise Conflict("This visit is not waiting for you any more.", "visit_changed")
    if clock.now() < visit.starts_at:
        raise Conflict("You can say how it went once the visit has begun.", "too_early")
    await worker_said(act, visit, answer, minutes)


async def worker_said(act: Act, visit: Visit, answer: str, minutes: int) -> None:
    """Record what the worker said and put the question to the person. Also for a worker from a linked circle."""
    actor, now = act.actor, clock.now()
    await insert(
        Said(
            visit_id=visit.id,
            side="worker",
            answer=answer,
            minutes=minutes,
            said_by=actor.person_id,
            via=actor.via,
            said_at=now,
        )
    )
    await set_fields(visit.id, state="said")
    asked = {visit.person_id, *await members.speakers_for(visit.person_id, "say_visit_went")}
    await tell(asked, visit.id, "how_did_it_go")
    if answer == "no_answer":
        # A closed door is first a worry about the person, and only then a question of money.
        await tell({f.person_id for f in await members.facilitators()}, visit.id, "no_answer")
    if minutes:
        await _tell_payers(visit, asked)
    await act.tell("visit.said", "visit", visit.id, answer=answer)
    await jobs.cancel("rota.ask_worker", visit.id)
    await wait_for_answer(visit)


async def wait_for_answer(visit: Visit) -> None:
    """The question was put: the time for it runs where it has reached the person already, else from when it does."""
    # Where no money waits for the answer, nobody is kept waiting for it.
    if not visit.paid or not await still_to_be_told("how_did_it_go", visit.id, visit.person_id):
        await _begin_window(visit)


async def _tell_payers(visit: Visit, but: set[str]) -> None:
    """That it went ahead and that it is to be paid are two questions: whoever else pays for it ahead learns of it, once."""
    knows = {row.person_id for row in await queries.told_about(visit.id) if row.news == "charge"} | but
    await tell(await queries.pay_ahead_for(visit) - knows - {visit.person_id, visit.worker_id}, visit.id, "charge")


async def _begin_window(visit: Visit) -> None:
    """The question has reached the person: from now on it settles itself where nobody answers."""
    at = await answer_by(visit.person_id)
    await set_fields(visit.id, settles_at=at)
    await jobs.add("rota.settle", visit.id, run_at=at, visit=visit.id)


@when_reached("how_did_it_go")
async def _asked(visit_id: str, person_id: str) -> None:
    visit = await queries.lock_visit(visit_id)
    waits = visit.state == "said" and visit.settles_at is None and visit.person_id == person_id
    if waits and "person" not in await queries.said(visit_id):
        await _begin_window(visit)


@door("rota.answer")
async def answer_visit(
    act: Act, *, visit_id: str, answer: str, minutes: int | None = None, words: str = "", part: str = ""
) -> str:
    """The person says whether it went ahead: yes, partly (with minutes), no, or something was wrong.

    Where both say the same it is settled, and where the worker says less than the person, too: that is what is due. Else
    only the part in question waits and the rest goes at once: the minutes that did not happen, the travel, or the whole
    (`part`, of something that was wrong). The person may speak before the worker does. Returns the visit's new state.
    """
    visit = await queries.lock_visit(visit_id)
    act.allow(visit.thing)
    if visit.state not in {"planned", "covered", "said"}:
        raise Conflict("This is settled already. Thank you.", "visit_changed")
    if clock.now() < visit.starts_at:
        raise Conflict("You can answer once the visit has begun.", "too_early")
    length = clock.minutes_between(visit.starts_at, visit.ends_at)
    spoken = spoken_minutes(answer, part, minutes, length)
    await insert(
        Said(visit_id=visit.id, side="person", answer=answer, minutes=spoken, words=words,
             said_by=act.actor.person_id, via=act.actor.via, said_at=clock.now())
    )  # fmt: skip
    worker = (await queries.said(visit_id)).get("worker")
    # A worker who says no more than the person does is agreed with; one who has said nothing has yet to be heard.
    agreed = visit.cover_circle or (worker is not None and worker.minutes <= spoken)
    # Nobody is paid for longer than they say themselves.
    due = min(spoken, worker.minutes) if worker and worker.minutes else spoken
    if answer == "yes" or (answer == "partly" and agreed):
        await settle_visit(act, visit, due, how="said_so")
        return "settled"
    await stop_asking(visit.id)
    if answer != "partly":
        await tell({f.person_id for f in await members.facilitators()}, visit.id, "something_wrong")
    if worker and not worker.minutes and not visit.cover_circle:
        # The worker says that they did not go, and the person does not say that it was as planned: nothing is due.
        await _nobody_went(visit)
        return "stopped"
    if not visit.cover_circle:
        asked = Question(part or ("whole" if answer == "no" else "minutes" if answer == "partly" else ""), spoken)
        if not await questions.ask(act, visit, asked) and (answer == "partly" or (agreed and asked.part == "minutes")):
            await settle_visit(act, visit, due, how="said_so")
            return "settled"
    await act.tell("visit.questioned", "visit", visit.id, answer=answer, minutes=spoken)
    return "said"


async def stop_asking(visit_id: str) -> None:
    """The person has spoken: what the worker said does not stand by itself any more."""
    await set_fields(visit_id, state="said", settles_at=None)
    await jobs.cancel("rota.settle", visit_id)


async def settle_visit(act: Act, visit: Visit, minutes: int, *, how: str) -> None:
    """Let the money go where it was agreed. A visit covered from a linked circle is settled by cover, which listens."""
    await set_fields(visit.id, settles_at=None)
    await jobs.cancel("rota.settle", visit.id)
    if minutes:
        await _tell_payers(visit, {act.actor.person_id})
    if not visit.cover_circle:
        await set_fields(visit.id, state="settled")
    if visit.worker_id and visit.line and not visit.cover_circle:
        length = clock.minutes_between(visit.starts_at, visit.ends_at)
        part = None if minutes == length else visit.fee_for(minutes)
        if not await questions.settle(act, visit, part):
            key = f"release:{visit.line}{await undoing.anew(visit.line)}"
            await escrow.release(NODE, visit.line, key, part_pence=part)
        if part is not None:
            await jobs.wake("rota.pay_again", visit.person_id, person=visit.person_id)
        await tell({visit.worker_id}, visit.id, "released")
    elif visit.worker_id and visit.rate_pence and not visit.cover_circle:
        length = clock.minutes_between(visit.starts_at, visit.ends_at)
        await questions.settle(act, visit, None if minutes == length else visit.fee_for(minutes))
        # It waited for the person's word, and the money may have come meanwhile.
        await jobs.wake("rota.pay_again", visit.person_id, person=visit.person_id)
    await act.tell("visit.settled", "visit", visit.id, minutes=minutes, how=how)


async def _nobody_went(visit: Visit) -> None:
    await return_money(visit)
    await set_fields(visit.id, state="stopped", line="", settles_at=None)


@door("rota.settle")
async def settle_by_time(act: Act, *, visit_id: str) -> bool:
    """Nobody answered by the hour named: what the worker said stands. False when it may not lapse yet.

    No lapse while the person is in hospital, has died, or is spoken for by the worker who is paid. Where no one opened the
    door a facilitator asks first, and has a fortnight for it. A gap that nobody filled ends with its hour: its money goes
    back.
    """
    visit = await queries.lock_visit(visit_id)
    act.allow(visit.thing)
    if visit.state == "gap" and visit.ends_at <= clock.now():
        await return_money(visit)
        await set_fields(visit.id, state="stopped", line="")
        # Whoever was only ever rung about it, and not reached, must not read afterwards that nothing was the matter.
        choosers = {visit.person_id} | await members.speakers_for(visit.person_id, "ask_for_cover")
        await tell(choosers | {f.person_id for f in await members.facilitators()}, visit.id, "nobody_came")
        return True
    if visit.state != "said" or visit.settles_at is None or visit.settles_at > clock.now():
        return False
    spoken = (await queries.said(visit_id)).get("worker")
    speaks_for_self = visit.worker_id in await members.speakers_for(visit.person_id, "say_visit_went")
    door_closed = spoken is not None and spoken.answer == "no_answer" and clock.now() < visit.ends_at + ASKED_AROUND
    if visit.standing != "here" or speaks_for_self or spoken is None or door_closed:
        await set_fields(visit.id, settles_at=visit.ends_at + ASKED_AROUND if door_closed else None)
        if visit.standing == "died":
            await tell(await members.treasurers() if visit.paid else (), visit.id, "write_down_due")
        else:
            await tell({f.person_id for f in await members.facilitators()}, visit.id, "please_ask")
        return False
    if spoken.answer == "did_not_go" and not visit.cover_circle:
        await _nobody_went(visit)
        return True
    await settle_visit(act, visit, spoken.minutes, how="window_lapsed")
    return True


@jobs.job("rota.settle")
async def _settle_job(payload: dict[str, str]) -> datetime | None:
    if await settle_by_time(NODE, visit_id=payload["visit"]):
        return None
    again = (await queries.visit(payload["visit"])).settles_at
    return again if again and again > clock.now() else None


@jobs.job("rota.gap_over")
async def _gap_over(payload: dict[str, str]) -> datetime | None:
    await settle_by_time(NODE, visit_id=payload["visit"])
    return None


@jobs.job("rota.ask_worker")
async def _ask_worker(payload: dict[str, str]) -> datetime | None:
    """A worker who has said nothing a day after the visit is asked; a person may answer first."""
    await remind_worker(NODE, visit_id=payload["visit"])
    return None


@door("rota.remind")
async def remind_worker(act: Act, *, visit_id: str) -> None:
    visit = await queries.lock_visit(visit_id)
    act.allow(visit.thing)
    if visit.state == "planned" and visit.worker_id:
        await tell({visit.worker_id}, visit.id, "say_how_it_went")


@door("rota.mark_told")
async def mark_told(act: Act, *, told_id: str) -> None:
    """A facilitator has rung, written or called round: this news has reached its person. A question that settles itself
    does so from now on."""
    row = await fetch_one("SELECT person_id, news, visit_id, about_id FROM told WHERE id = ?", told_id)
    if row is None:
        raise NotFound()
    act.allow(Thing("told", told_id, row[0], await members.circle_id()))
    first = await fetch(
        "UPDATE told SET told_at = ?, told_by = ? WHERE id = ? AND told_at IS NULL RETURNING id",
        clock.now(),
        act.actor.person_id,
        told_id,
    )
    if first:
        await has_reached(row[1], row[2] or row[3], row[0])

"""The doors of money that is in question: asking, what is held apart, and what the two settle between themselves."""

from datetime import datetime

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert
from eccoo_node.disputes import queries, rules
from eccoo_node.disputes.later import lines_of_more
from eccoo_node.disputes.moving import claimed_fee, lower, narrow, set_apart, settle
from eccoo_node.disputes.queries import Question
from eccoo_node.disputes.steps import open_one, other, step, tell_sides, wait_for, write_ask, write_split
from eccoo_node.disputes.tables import MoneyQuestion, SplitYes
from eccoo_node.escrow import queries as books
from eccoo_node.escrow.queries import Booking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.members import queries as members
from eccoo_node.record.door import Act, door
from eccoo_node.rota import queries as visits
from eccoo_node.rota import questions
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.telling import tell

PAYER_FIRST = "Whoever pays, or asked about it, has to say yes to this."


async def begin(
    act: Act, visit: Visit, side: str, part: str, sums: tuple[int, int], stands: str, *, minutes: int, words: str = ""
) -> Question:
    """Write the question down; what it says of money is the first split that lies on the table."""
    actor = act.actor
    row = MoneyQuestion(
        visit_id=visit.id, line=visit.line, state="open", stands=stands, side=side,
        raised_by=actor.acting_for or actor.person_id, typed_by=actor.person_id, via=actor.via, part=part,
        minutes=minutes, fee_pence=sums[0], travel_pence=sums[1], words=words.strip(), raised_at=clock.now(),
        next_at=clock.now(), ended="",
    )  # fmt: skip
    await insert(row)
    asker = visit.person_id if side == "theirs" else row.raised_by
    await write_ask(str(row.id), side, asker, actor.person_id, sums)
    one = await queries.question(str(row.id))
    await step(one.id, side, actor.person_id, f"asked_{part}", sum_pence=minutes, of_pence=one.whole_pence, words=words)
    given = sums if side == "worker" else (0, 0)
    await write_split(one, side, actor.person_id, given, {asker if side == "payer" else side})
    await wait_for(one, other(side))
    await tell_sides(one, "money_question", (other(side),), actor.person_id)
    await act.tell("money.question_asked", "question", one.id, visit=visit.id)
    return one


async def _widen(
    act: Act, before: Question, side: str, part: str, sums: tuple[int, int], *, minutes: int, words: str
) -> Question:
    """One more asks about the same visit: both are one question now, about the wider of the two."""
    by, asker = (
        act.actor.person_id,
        before.person_id if side == "theirs" else act.actor.acting_for or act.actor.person_id,
    )
    if any((one.side, one.person_id) == (side, asker) for one in before.asked):
        raise Conflict("Something about this visit is in question already.", "in_question")
    await write_ask(before.id, side, asker, by, sums)
    wider = max(before.fee_pence, sums[0]), max(before.travel_pence, sums[1])
    await fetch("UPDATE money_question SET fee_pence = ?, travel_pence = ? WHERE id = ?", *wider, before.id)
    one = await queries.question(before.id)
    await step(one.id, side, by, f"asked_{part}", sum_pence=minutes, of_pence=sum(sums), words=words)
    await write_split(one, side, by, (0, 0), one.needed - {"worker"})
    await wait_for(one, "worker")
    await tell_sides(one, "money_question", ("worker",), by)
    return one


# ---------------------------------------------------------------- asking


@questions.asks
async def _asked(act: Act, visit: Visit, asked: questions.Question) -> bool:
    return await take_up_answer(act.actor, visit_id=visit.id, part=asked.part, minutes=asked.minutes)


@door("disputes.answered")
async def take_up_answer(act: Act, *, visit_id: str, part: str, minutes: int) -> bool:
    """The person's answer puts a part in question: only that waits. False where there is nothing to set apart.

    Where the visit is not paid for yet, what is due is settled all the same before any money comes.
    """
    visit = await visits.lock_visit(visit_id)
    act.allow(await visits.thing_of(visit, payer=True))
    line = await books.find(visit.line, lock=True) if visit.line else None
    unpaid = line is None and visit.paid and bool(visit.worker_id)
    if not part or not (unpaid or (line and line.untouched)):
        return False
    agreed, travel = (line.terms.fee_pence, line.terms.travel_pence) if line else (visit.fee_pence, visit.travel_pence)
    # A worker who says that it was shorter asks for no more than that, whatever is in question.
    fee = await claimed_fee(visit, agreed)
    try:
        sums = rules.in_question(part, visit.rate_pence, fee, travel, minutes=minutes, way_pence=visit.on_the_way_pence)
    except Invalid:
        return False
    before = await queries.open_of_visit(visit_id)
    if unpaid:
        if before is None:
            await begin(act, visit, "theirs", part, sums, "unpaid", minutes=minutes)
        return True
    if before is None:
        one = await begin(act, visit, "theirs", part, sums, "apart", minutes=minutes)
    else:
        # Whoever pays had asked first, while the visit was not confirmed: both are one question now.
        one = await _widen(act, before, "theirs", part, sums, minutes=minutes, words="")
    await set_apart(one, due_fee_pence=fee - one.fee_pence if fee < agreed else None)
    return True


@questions.ended
async def was_settled(visit_id: str) -> bool:
    return bool(await fetch("SELECT 1 FROM money_question WHERE visit_id = ? AND state = 'ended' LIMIT 1", visit_id))


@questions.settles
async def _settles(act: Act, visit: Visit, part_pence: int | None) -> bool:
    """The visit is confirmed while whoever pays asks about a part of it: that part waits, and the rest goes."""
    one = await queries.open_of_visit(visit.id)
    if one is not None and one.stands == "unpaid" and part_pence is None:
        # Said to have been as planned after all: that lets the question rest.
        await settle(act, one, (one.fee_pence, one.travel_pence), "withdrawn", "It went ahead after all.")
        return True
    if one is not None and one.stands in {"unpaid", "apart"}:
        raise Conflict(
            "What is due for this visit is in question already. You can let it rest, or agree on it, on the page of that question.",
            "in_question",
        )
    if one is None or one.stands != "waiting":
        return False
    if part_pence is None:
        await set_apart(one)
        return True
    # They asked about a part of what the worker said. Where less than that is due, less is left to ask about, or nothing.
    less = max(0, await claimed_fee(visit, visit.fee_pence) - part_pence)
    if not part_pence or (one.fee_pence <= less and not one.travel_pence):
        await settle(act, one, (0, 0), "resolved", "")
        return False
    if less:
        one = await lower(one, less)
    await set_apart(one, due_fee_pence=part_pence - one.fee_pence)
    return True


@questions.drops
async def _dropped(act: Act, visit: Visit) -> None:
    """What was let go is undone: nobody has to give anything of it back, and what is missing may yet be written down."""
    one = await queries.open_of_visit(visit.id)
    if one is not None and one.stands in {"paid", "more"}:
        await settle(act, one, (0, 0) if one.stands == "more" else (one.fee_pence, one.travel_pence), "resolved", "")


@door("disputes.raise")
async def raise_question(
    act: Act, *, visit_id: str, part: str, minutes: int | None = None, sum_pence: int = 0, words: str = ""
) -> str:
    """Either side, or whoever pays, asks about the money of a visit, also after it was settled; the question's id.

    What has been paid stays where it is until the worker says yes; what is missing comes once whoever pays does. Raises
    Conflict("in_question") while another question is open.
    """
    visit = await visits.lock_visit(visit_id)
    thing = await visits.thing_of(visit, payer=True)
    act.allow(thing)
    side = rules.side_of(act.actor, thing)
    line = await books.find(visit.line, lock=True) if visit.line else None
    if visit.cover_circle:
        raise Conflict("Whoever came is of another circle. Please ring us: the two circles settle it.", "across")
    if line is None:
        raise Conflict("Nothing is set aside or paid for this visit.", "no_money")
    before = await queries.open_of_visit(visit_id)
    if before and not may_join(act.actor, thing, before):
        raise Conflict("Something about this visit is in question already.", "in_question")
    if visit.state == "settled":
        stands = "more" if side == "worker" else "paid"
    elif visit.state == "said" and side == "payer" and line.untouched and await _says_they_came(visit_id):
        stands = "waiting"
    else:
        raise Conflict("This can be asked once it is said how the visit went.", "not_yet")
    agreed = line.terms.fee_pence, line.terms.travel_pence
    if stands == "waiting":
        agreed = await claimed_fee(visit, agreed[0]), agreed[1]
    sums = _sums(visit, agreed, await _had(visit, line, stands), stands, part, minutes, sum_pence)
    if before:
        one = await _widen(act, before, side or "", part, sums, minutes=minutes or 0, words=words)
    else:
        one = await begin(act, visit, side or "", part, sums, stands, minutes=minutes or 0, words=words)
    act.about(one.id)
    act.because(words)
    return one.id


def may_join(actor: Actor, thing: Thing, one: Question) -> bool:
    """Whether the actor, as one of those who pay, may ask besides: while nothing has been kept apart for it."""
    asker, side = actor.acting_for or actor.person_id, rules.side_of(actor, thing)
    asked = {(asked.side, asked.person_id) for asked in one.asked}
    may = asker in thing.payers and one.stands in {"paid", "waiting"} and side in {"payer", "theirs"}
    return may and (side, one.person_id if side == "theirs" else asker) not in asked


async def _says_they_came(visit_id: str) -> bool:
    worker = (await visits.said(visit_id)).get("worker")
    return worker is not None and worker.answer != "did_not_go"


async def _had(visit: Visit, line: Booking, stands: str) -> tuple[int, int]:
    """What was let go for the visit so far; where more is asked for, with all that came on lines of their own."""
    had = [line]
    if stands == "more":
        later = await lines_of_more([visit.id])
        had += (await books.bookings(*later.get(visit.id, ()))).values()
    return sum(one.state.released_fee_pence for one in had), sum(one.state.released_travel_pence for one in had)


def _sums(
    visit: Visit,
    agreed: tuple[int, int],
    had: tuple[int, int],
    stands: str,
    part: str,
    minutes: int | None,
    sum_pence: int,
) -> tuple[int, int]:
    if stands == "more":
        return rules.missing(part, visit.rate_pence, agreed, had, minutes=minutes, way_pence=visit.on_the_way_pence)
    of = agreed if stands == "waiting" else had
    if not sum(of):
        raise Conflict("Nothing was paid for this visit.", "no_money")
    return rules.in_question(
        part, visit.rate_pence, *of, minutes=minutes, sum_pence=sum_pence, way_pence=visit.on_the_way_pence
    )


# ---------------------------------------------------------------- between the two


async def _locked(act: Act, question_id: str) -> tuple[Question, Thing]:
    one = await queries.lock_question(question_id)
    thing = await queries.thing(one)
    act.allow(thing)
    return one, thing


@door("disputes.say")
async def say(act: Act, *, question_id: str, words: str) -> None:
    """Something that both sides read."""
    one, thing = await _locked(act, question_id)
    await open_one(one)
    if not words.strip():
        raise Invalid("Please write a few words.", "empty", field="words")
    side = rules.side_of(act.actor, thing) or "theirs"
    await step(one.id, side, act.actor.person_id, "said", words=words)
    await wait_for(one, other(side))
    await tell_sides(one, "money_question", (other(side),), act.actor.person_id)


@door("disputes.propose")
async def propose(act: Act, *, question_id: str, sum_pence: int, words: str = "") -> int:
    """So much of what is in question for the worker, the rest back; the split's id. The newest takes the older's place."""
    one, thing = await _locked(act, question_id)
    await open_one(one)
    if one.stands == "waiting":
        raise Conflict("The visit is not confirmed yet. Once it is, this part waits and can be split.", "not_yet")
    given = rules.split(sum_pence, one.fee_pence, one.travel_pence, field="sum")
    side = _side(act.actor, thing)
    mine = rules.yes_of(act.actor, thing, one.needed) if side != "circle" else frozenset()
    if side in {"theirs", "payer"} and not mine:
        raise Conflict(PAYER_FIRST, "payer_first")
    await write_split(one, side, act.actor.person_id, given, mine, act.actor.via)
    await step(
        one.id, side, act.actor.person_id, "proposed", sum_pence=sum_pence, of_pence=one.whole_pence, words=words
    )
    waits = rules.waits_for(one.needed - mine)
    await wait_for(one, waits)
    await tell_sides(one, "money_split", ("theirs", "worker") if waits == "both" else (waits,), act.actor.person_id)
    found = await queries.newest_split(one.id)
    return found.id if found else 0


def _side(actor: Actor, thing: Thing) -> str:
    """For whom something is said: the worker, the person, one who pays, or the circle."""
    if not rules.deals_with_money(actor, thing):
        return "circle"
    return rules.side_of(actor, thing) or "theirs"


@door("disputes.agree")
async def agree(act: Act, *, question_id: str, split_id: int) -> bool:
    """Yes to the split on the table. Once nobody's yes is missing it is settled, and the money goes so; True then.

    What a worker has had is taken back by this yes alone, and what is missing is paid by the yes of whoever pays.
    """
    one, thing = await _locked(act, question_id)
    await open_one(one)
    found = await queries.newest_split(one.id)
    if found is None or found.id != split_id:
        raise Conflict("Another split has been proposed since. Please look at it first.", "newer_split")
    mine = rules.yes_of(act.actor, thing, one.needed)
    if mine and mine <= found.yes:
        if found.by_id == act.actor.person_id:
            raise Conflict("You proposed this. It waits for the other side.", "own_split")
        return False
    if one.stands == "waiting":
        raise Conflict("The visit is not confirmed yet. Once it is, this part waits and can be split.", "not_yet")
    if not mine:
        raise Conflict(PAYER_FIRST, "payer_first")
    for key in sorted(mine - found.yes):
        by = act.actor.person_id
        await insert(SplitYes(split_id=found.id, side=key, by_id=by, via=act.actor.via, at=clock.now()))
    side, by = _side(act.actor, thing), act.actor.person_id
    await step(one.id, side, by, "agreed", sum_pence=found.sum_pence, of_pence=one.whole_pence)
    missing = one.needed - found.yes - mine
    if missing:
        await wait_for(one, rules.waits_for(missing))
        return False
    await settle(act, one, (found.fee_pence, found.travel_pence), "agreed", "Both sides agreed on this split.")
    return True


@door("disputes.withdraw")
async def withdraw(act: Act, *, question_id: str) -> None:
    """Whoever asked lets it rest: what waited goes on as if they had not asked. Nobody is asked why.

    Where several asked, only what nobody else asks about goes on.
    """
    one, thing = await _locked(act, question_id)
    if one.ended == "withdrawn":
        return
    await open_one(one)
    resting = [asked for asked in one.asked if may_rest(act.actor, thing, one, asked)]
    if not resting:
        raise Conflict("Whoever asked this can let it rest.", "not_yours")
    for asked in resting:
        await fetch(
            "UPDATE money_ask SET rested_at = ? WHERE question_id = ? AND side = ? AND person_id = ? AND rested_at IS NULL",
            clock.now(), one.id, asked.side, asked.person_id,
        )  # fmt: skip
        await step(one.id, asked.side, act.actor.person_id, "withdrawn" if len(resting) == len(one.asked) else "rested")
    if len(resting) < len(one.asked):
        await narrow(one, [asked for asked in one.asked if asked not in resting], act.actor)
        return
    given = (0, 0) if one.stands in {"more", "waiting"} else (one.fee_pence, one.travel_pence)
    await settle(act, one, given, "withdrawn", "Whoever asked let it rest.")


def may_rest(actor: Actor, thing: Thing, one: Question, asked: queries.Asked) -> bool:
    """Whether the actor may let rest what this one asked."""
    apart = one.stands in {"apart", "unpaid"}
    return rules.may_rest(actor, thing, asked.side, asked.person_id, apart=apart, typed_by=asked.by_id)


# ---------------------------------------------------------------- in time


@jobs.job("disputes.unanswered")
async def _unanswered(payload: dict[str, str]) -> datetime | None:
    return await remind(NODE, question_id=payload["question"])


@door("disputes.remind")
async def remind(act: Act, *, question_id: str) -> datetime | None:
    """Five working days and no answer: a facilitator who has no part in it is told to ring. When to look again."""
    one = await queries.lock_question(question_id)
    thing = await queries.thing(one)
    act.allow(thing)
    now = clock.now()
    if not one.open or one.next_at > now:
        return one.next_at if one.open else None
    again = rules.next_look(now, clock.zone())
    await fetch("UPDATE money_question SET next_at = ? WHERE id = ?", again, one.id)
    await step(one.id, "node", "", "to_ring")
    helpers = {f.person_id for f in await members.facilitators()}
    free = helpers - thing.parties
    # Where every facilitator has a part in it, somebody must still be rung.
    await tell(free or helpers, one.visit_id, "money_to_ring", about=one.id, path=f"/money/questions/{one.id}")
    return again

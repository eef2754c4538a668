"""The doors of money that is in question: asking, what is held apart, and what the two settle between themselves."""

from datetime import datetime

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert, insert_once
from eccoo_node.disputes import queries, rules
from eccoo_node.disputes.queries import Question
from eccoo_node.disputes.tables import MoneyQuestion, MoneySplit, QuestionStep, SplitYes
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import clawback, corrections
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

ENDED = "This is settled already. Nothing has changed."
PAYER_FIRST = "Whoever pays has to say yes to this."


async def step(
    question_id: str, role: str, by_id: str, kind: str, *, sum_pence: int = 0, of_pence: int = 0, words: str = ""
) -> None:
    """One more line of what both sides read."""
    await insert(
        QuestionStep(
            question_id=question_id, at=clock.now(), role=role, by_id=by_id, kind=kind, sum_pence=sum_pence,
            of_pence=of_pence, words=words.strip(),
        )
    )  # fmt: skip


async def wait_for(one: Question, whom: str) -> None:
    """Whose turn it is, and when a facilitator is told to ring if nothing comes."""
    at = rules.next_look(clock.now(), clock.zone())
    await fetch("UPDATE money_question SET waits_for = ?, next_at = ? WHERE id = ?", whom, at, one.id)
    await jobs.cancel("disputes.unanswered", one.id)
    await jobs.add("disputes.unanswered", one.id, run_at=at, question=one.id)


async def people_of(one: Question, side: str) -> set[str]:
    """Who reads news for one side: the worker; or the person, whoever pays, and who speaks for them."""
    if side == "worker":
        return {one.worker_id}
    speakers = await members.speakers_for(one.person_id, "say_visit_went")
    return ({one.person_id, one.payer_person_id} | speakers) - {"", one.worker_id}


async def tell_sides(one: Question, news: str, sides: tuple[str, ...], but: str = "") -> None:
    people = {who for side in sides for who in await people_of(one, side)} - {but}
    # News is told by its code; each has its sentence in rota.news.
    await tell(people, one.visit_id, news, about=one.id, path=f"/visits/{one.visit_id}/money")


def other(side: str) -> str:
    return "theirs" if side == "worker" else "worker"


async def open_one(one: Question) -> None:
    if not one.open:
        raise Conflict(ENDED, "ended")


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
    one = await queries.question(str(row.id))
    await step(one.id, side, actor.person_id, f"asked_{part}", sum_pence=minutes, of_pence=one.whole_pence, words=words)
    given = sums if side == "worker" else (0, 0)
    await _write_split(one, side, actor.person_id, given)
    await wait_for(one, other(side))
    await tell_sides(one, "money_question", (other(side),), actor.person_id)
    await act.tell("money.question_asked", "question", one.id, visit=visit.id)
    return one


async def _write_split(one: Question, side: str, by_id: str, given: tuple[int, int]) -> None:
    await insert(
        MoneySplit(
            question_id=one.id, side=side, by_id=by_id, fee_pence=given[0], travel_pence=given[1], at=clock.now()
        )
    )


async def set_apart(one: Question, *, due_fee_pence: int | None = None) -> None:
    """Hold the part in question, and let the rest go at once."""
    given = await corrections.dispute(
        NODE, one.line, f"question:{one.id}", fee_pence=one.fee_pence, travel_pence=one.travel_pence,
        due_fee_pence=due_fee_pence,
    )  # fmt: skip
    line = await books.booking(one.line)
    gone = given.worker_pence + given.travel_pence
    await fetch(
        "UPDATE money_question SET stands = 'apart', apart_pence = ?, let_go_pence = ? WHERE id = ?",
        line.disputed_pence,
        gone,
        one.id,
    )
    await step(one.id, "node", "", "apart", sum_pence=line.disputed_pence)
    if gone:
        await step(one.id, "node", "", "let_go", sum_pence=gone)


# ---------------------------------------------------------------- asking


@questions.asks
async def _asked(act: Act, visit: Visit, asked: questions.Question) -> bool:
    return await take_up_answer(act.actor, visit_id=visit.id, part=asked.part, minutes=asked.minutes)


@door("disputes.answered")
async def take_up_answer(act: Act, *, visit_id: str, part: str, minutes: int) -> bool:
    """The person's answer puts a part in question: only that waits. False where there is nothing to set apart."""
    visit = await visits.lock_visit(visit_id)
    act.allow(await visits.thing_of(visit, payer=True))
    line = await books.find(visit.line, lock=True) if visit.line else None
    if line is None or not line.untouched or not part:
        return False
    fee, travel = line.terms.fee_pence, line.terms.travel_pence
    try:
        sums = rules.in_question(part, visit.rate_pence, fee, travel, minutes=minutes, way_pence=visit.on_the_way_pence)
    except Invalid:
        return False
    before = await queries.open_of_visit(visit_id)
    if before is None:
        one = await begin(act, visit, "theirs", part, sums, "apart", minutes=minutes)
    else:
        # Whoever pays had asked first, while the visit was not confirmed: both are one question now.
        wider = max(before.fee_pence, sums[0]), max(before.travel_pence, sums[1])
        await fetch("UPDATE money_question SET fee_pence = ?, travel_pence = ? WHERE id = ?", *wider, before.id)
        one = await queries.question(before.id)
        await step(one.id, "theirs", act.actor.person_id, f"asked_{part}", sum_pence=minutes, of_pence=one.whole_pence)
    await set_apart(one)
    return True


@questions.settles
async def _settles(act: Act, visit: Visit, part_pence: int | None) -> bool:
    """The visit is confirmed while whoever pays asks about a part of it: that part waits, and the rest goes."""
    one = await queries.open_of_visit(visit.id)
    if one is None or one.stands != "waiting":
        return False
    await set_apart(one, due_fee_pence=None if part_pence is None else part_pence)
    return True


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
    if await queries.open_of_visit(visit_id):
        raise Conflict("Something about this visit is in question already.", "in_question")
    if visit.state == "settled":
        stands = "more" if side == "worker" else "paid"
    elif visit.state == "said" and side == "payer" and line.untouched and await _says_they_came(visit_id):
        stands = "waiting"
    else:
        raise Conflict("This can be asked once it is said how the visit went.", "not_yet")
    sums = _sums(visit, line, await _had(visit, line, stands), stands, part, minutes, sum_pence)
    one = await begin(act, visit, side or "", part, sums, stands, minutes=minutes or 0, words=words)
    act.about(one.id)
    act.because(words)
    return one.id


async def _says_they_came(visit_id: str) -> bool:
    worker = (await visits.said(visit_id)).get("worker")
    return worker is not None and worker.answer != "did_not_go"


async def _had(visit: Visit, line: Booking, stands: str) -> tuple[int, int]:
    """What was let go for the visit so far; where more is asked for, with all that came on lines of their own."""
    lines = [line]
    if stands == "more":
        lines += await books.bookings_where("l.reference LIKE ?", f"visit:{visit.id}:more:%")
    return sum(one.state.released_fee_pence for one in lines), sum(one.state.released_travel_pence for one in lines)


def _sums(
    visit: Visit, line: Booking, had: tuple[int, int], stands: str, part: str, minutes: int | None, sum_pence: int
) -> tuple[int, int]:
    agreed = line.terms.fee_pence, line.terms.travel_pence
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
    if side == "theirs" and one.payer_says and not rules.pays(act.actor, thing):
        raise Conflict(PAYER_FIRST, "payer_first")
    await _write_split(one, side, act.actor.person_id, given)
    await step(
        one.id, side, act.actor.person_id, "proposed", sum_pence=sum_pence, of_pence=one.whole_pence, words=words
    )
    needed = rules.yes_needed(side)
    await wait_for(one, "both" if len(needed) > 1 else next(iter(needed)))
    await tell_sides(one, "money_split", tuple(sorted(needed)), act.actor.person_id)
    found = await queries.newest_split(one.id)
    return found.id if found else 0


def _side(actor: Actor, thing: Thing) -> str:
    """For whom a proposal is made: one of the two sides, or the circle."""
    if not rules.deals_with_money(actor, thing):
        return "circle"
    return "worker" if rules.side_of(actor, thing) == "worker" else "theirs"


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
    side = "worker" if rules.side_of(act.actor, thing) == "worker" else "theirs"
    if side not in rules.yes_needed(found.side):
        raise Conflict("You proposed this. It waits for the other side.", "own_split")
    if one.stands == "waiting":
        raise Conflict("The visit is not confirmed yet. Once it is, this part waits and can be split.", "not_yet")
    if side == "theirs" and one.payer_says and not rules.pays(act.actor, thing):
        raise Conflict(PAYER_FIRST, "payer_first")
    yes = SplitYes(split_id=found.id, side=side, by_id=act.actor.person_id, via=act.actor.via, at=clock.now())
    if not await insert_once(yes):
        return False
    await step(one.id, side, act.actor.person_id, "agreed", sum_pence=found.sum_pence, of_pence=one.whole_pence)
    if found.needs - {side}:
        await wait_for(one, next(iter(found.needs - {side})))
        return False
    await settle(act, one, (found.fee_pence, found.travel_pence), "agreed", "Both sides agreed on this split.")
    return True


@door("disputes.withdraw")
async def withdraw(act: Act, *, question_id: str) -> None:
    """Whoever asked lets it rest: what waited goes on as if nobody had asked. Nobody is asked why."""
    one, thing = await _locked(act, question_id)
    if one.ended == "withdrawn":
        return
    await open_one(one)
    if not rules.may_rest(act.actor, thing, one.side, apart=one.stands == "apart", typed_by=one.typed_by):
        raise Conflict("Whoever asked this can let it rest.", "not_yours")
    await step(one.id, one.side, act.actor.person_id, "withdrawn")
    given = (0, 0) if one.stands in {"more", "waiting"} else (one.fee_pence, one.travel_pence)
    await settle(act, one, given, "withdrawn", "Whoever asked let it rest.")


async def settle(act: Act, one: Question, given: tuple[int, int], how: str, because: str) -> None:
    """Move the money as it was settled, once; then the question is over and both sides are told."""
    fee, travel = given
    key, whole = f"settled:{one.id}", (one.fee_pence, one.travel_pence)
    if one.stands == "apart":
        await corrections.resolve(NODE, one.line, key, fee_pence=fee, travel_pence=travel, because=because)
    elif one.stands == "paid" and given != whole:
        back = whole[0] - fee, whole[1] - travel
        await clawback.claw_back(
            NODE, one.line, f"back:{one.id}", fee_pence=back[0], travel_pence=back[1], because=because
        )
        await corrections.resolve(NODE, one.line, key, fee_pence=0, travel_pence=0, because=because)
    elif one.stands == "more" and fee + travel:
        await _pay_more(one, fee, travel, key)
    await fetch(
        "UPDATE money_question SET state = 'ended', ended = ?, ended_at = ?, given_fee_pence = ?, "
        "given_travel_pence = ?, waits_for = '' WHERE id = ? AND state = 'open'",
        how, clock.now(), fee, travel, one.id,
    )  # fmt: skip
    await step(one.id, "node", "", f"moved_{one.stands}", sum_pence=fee + travel, of_pence=one.whole_pence)
    await jobs.cancel("disputes.unanswered", one.id)
    if one.stands == "apart":
        line = await books.booking(one.line)
        came = line.state.released_fee_pence + line.state.released_travel_pence
        await fetch(
            "UPDATE visit SET state = ? WHERE id = ? AND state = 'said'", "settled" if came else "stopped", one.visit_id
        )
    await tell_sides(one, "money_settled", ("worker", "theirs"), act.actor.person_id)
    await act.tell("money.question_ended", "question", one.id, how=how)


async def _pay_more(one: Question, fee: int, travel: int, key: str) -> None:
    """What was missing comes out of the payer's credit, on a line of its own. Raises Conflict("not_enough")."""
    line = await books.booking(one.line, lock=True)
    more = f"visit:{one.visit_id}:more:{one.id[-8:]}"
    if not await escrow.set_aside(
        NODE,
        more,
        line.payer_id,
        line.person_id,
        line.worker_id,
        fee,
        travel,
        key,
        employed=line.terms.employed,
        arrears=line.arrears,
    ):
        raise Conflict("There is not enough paid in for this yet.", "not_enough")
    await escrow.release(NODE, more, f"release:{more}")


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

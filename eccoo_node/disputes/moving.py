"""Where the money of a question goes: set apart, let go in part, and moved as it was settled, once."""

from collections.abc import Sequence

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.disputes import queries
from eccoo_node.disputes.later import line_of_more
from eccoo_node.disputes.queries import Question
from eccoo_node.disputes.steps import step, tell_sides, wait_for, write_split
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import clawback, corrections, lines
from eccoo_node.escrow import queries as books
from eccoo_node.escrow.lines import New
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor
from eccoo_node.kernel.errors import Conflict
from eccoo_node.record.door import Act
from eccoo_node.rota import queries as visits
from eccoo_node.rota.queries import Visit


async def claimed_fee(visit: Visit, agreed_pence: int) -> int:
    """What the worker says is due of the fee that was agreed; all of it while they have said nothing."""
    worker = (await visits.said(visit.id)).get("worker")
    if worker is None or worker.minutes >= clock.minutes_between(visit.starts_at, visit.ends_at):
        return agreed_pence
    return min(agreed_pence, visit.fee_for(worker.minutes))


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


async def lower(one: Question, by_pence: int) -> Question:
    """So much less of the fee is due than they asked about: what each asks about ends with what is due."""
    await fetch(
        "UPDATE money_ask SET rested_at = ? WHERE question_id = ? AND rested_at IS NULL AND fee_pence <= ? AND travel_pence = 0",
        clock.now(), one.id, by_pence,
    )  # fmt: skip
    for table, key in (("money_question", "id"), ("money_ask", "question_id")):
        await fetch(
            f"UPDATE {table} SET fee_pence = CASE WHEN fee_pence > ? THEN fee_pence - ? ELSE 0 END "
            f"WHERE {key} = ?{' AND rested_at IS NULL' if table == 'money_ask' else ''}",
            by_pence, by_pence, one.id,
        )  # fmt: skip
    return await queries.question(one.id)


async def narrow(one: Question, left: Sequence[queries.Asked], by: Actor) -> None:
    """What those who are left ask about stays in question; the rest goes on at once."""
    fee, travel = max(asked.fee_pence for asked in left), max(asked.travel_pence for asked in left)
    apart, let_go, gone = one.apart_pence, one.let_go_pence, (one.fee_pence - fee, one.travel_pence - travel)
    if one.stands == "apart" and any(gone):
        key = f"rested:{one.id}:{len(left)}:{fee}:{travel}"
        given = await corrections.resolve(
            NODE, one.line, key, fee_pence=gone[0], travel_pence=gone[1], because="Whoever asked let it rest.",
            keep_rest=True,
        )  # fmt: skip
        went = given.worker_pence + given.travel_pence
        apart, let_go = (await books.booking(one.line)).disputed_pence, let_go + went
        await step(one.id, "node", "", "let_go", sum_pence=went)
    await fetch(
        "UPDATE money_question SET fee_pence = ?, travel_pence = ?, apart_pence = ?, let_go_pence = ?, side = ? WHERE id = ?",
        fee, travel, apart, let_go, left[0].side, one.id,
    )  # fmt: skip
    one = await queries.question(one.id)
    await write_split(one, "theirs", left[0].by_id, (0, 0), one.needed - {"worker"})
    await wait_for(one, "worker")
    await tell_sides(one, "money_split", ("worker", "theirs"), by.person_id)


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
    elif one.stands == "unpaid":
        await _owe(one, fee, travel)
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


async def _owe(one: Question, fee: int, travel: int) -> None:
    """What was agreed is what the visit costs: it is paid for once the money is there, and for nothing there is none."""
    visit = await visits.visit(one.visit_id)
    due = await claimed_fee(visit, visit.fee_pence) - one.fee_pence + fee
    rows = await fetch(
        "UPDATE visit SET fee_pence = ?, travel_pence = travel_pence - ? WHERE id = ? AND state = 'said' "
        "RETURNING fee_pence + travel_pence",
        due, one.travel_pence - travel, one.visit_id,
    )  # fmt: skip
    if rows:
        state = "settled" if rows[0][0] else "stopped"
        await fetch("UPDATE visit SET state = ?, settles_at = NULL WHERE id = ?", state, one.visit_id)
        await jobs.wake("rota.pay_again", one.person_id, person=one.person_id)


async def _pay_more(one: Question, fee: int, travel: int, key: str) -> None:
    """What was missing comes from whoever pays, each by their part of what was set aside, on a line of its own.

    Whoever pays after each visit by now does so for this as well. Raises Conflict("not_enough").
    """
    line = await books.booking(one.line, lock=True)
    more = line_of_more(one.visit_id, one.id)
    gave = await books.funds_given(line)
    [agreed_at] = (await fetch("SELECT agreed_at FROM visit WHERE id = ?", one.visit_id))[0]
    new = New(
        more, line.payer_id, line.person_id, line.worker_id, fee, travel, None, line.terms.employed, gave[0].arrears,
        agreed_at=agreed_at,
    )  # fmt: skip
    total = (await lines.terms_of(new))[0].total_pence
    new = lines.shared_as_before(new, gave, total)
    if not await escrow.set_aside(
        NODE, more, new.payer_id, new.person_id, new.worker_id, fee, travel, key, employed=new.employed,
        arrears=new.arrears, funds=new.funds, agreed_at=agreed_at,
    ):  # fmt: skip
        raise Conflict("There is not enough paid in for this yet.", "not_enough")
    await escrow.release(NODE, more, f"release:{more}")

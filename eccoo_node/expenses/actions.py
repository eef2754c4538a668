"""The doors of what is bought for someone: a yes beforehand, what it cost, and a yes to that."""

import base64
from datetime import datetime

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, insert
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import corrections, telling
from eccoo_node.escrow.rules import is_public
from eccoo_node.expenses import queries, rules
from eccoo_node.expenses.queries import Expense
from eccoo_node.expenses.tables import Expense as ExpenseRow
from eccoo_node.expenses.tables import ExpensePhoto, PlanAllows
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.members import queries as members
from eccoo_node.members.reading import read_words
from eccoo_node.members.rules import how_said
from eccoo_node.record.door import Act, door
from eccoo_node.rota.telling import answer_by, tell, when_reached

MOST_WORDS = 120


@door("expenses.agree")
async def agree(act: Act, *, person_id: str, worker_id: str, purpose: str, ceiling_pence: int) -> str:
    """Say yes to something being bought, up to a ceiling, which is set aside at once; the expense's id.

    Raises Invalid for no purpose, nobody of the team and no usual sum; Conflict where the plan that pays does not allow
    it ("plan_forbids"), nobody pays ("no_payer") or too little is paid in ("not_enough"). Then nothing has changed.
    """
    act.allow(Thing("expense", "", person_id, worker_id=worker_id))
    said = read_words(purpose, "purpose", MOST_WORDS)
    if not said:
        raise Invalid("Say what it is for, such as “Shopping on Thursday”.", "empty", field="purpose")
    _check_ceiling(ceiling_pence)
    if worker_id not in {one.id for one in await queries.who_can_go(person_id)}:
        raise Invalid("Choose someone who comes to them.", "not_in_team", field="worker")
    payer = await _payer(person_id, act.actor.person_id)
    now = clock.now()
    row = ExpenseRow(
        person_id=person_id, worker_id=worker_id, payer_id=payer.id, purpose=said, ceiling_pence=ceiling_pence,
        agreed_by=act.actor.person_id, agreed_via=how_said(act.actor), agreed_at=now, back_at=now + rules.BACK_AFTER,
    )  # fmt: skip
    row.line = f"expense:{row.id}"
    await insert(row)
    expense_id = str(row.id)
    act.about(expense_id)
    if not await escrow.set_aside(
        NODE, row.line, payer.id, person_id, worker_id, 0, ceiling_pence, f"set_aside:{row.line}"
    ):
        raise Conflict(
            f"There is less than {pounds(ceiling_pence)} paid in that is not set aside. Nothing has changed.",
            "not_enough", field="ceiling",
        )  # fmt: skip
    await jobs.add("expenses.send_back", expense_id, run_at=row.back_at, expense=expense_id)
    await _tell({worker_id}, expense_id, "expense_new")
    await act.tell("expense.agreed", "expense", expense_id)
    return expense_id


def _check_ceiling(ceiling_pence: int) -> None:
    if type(ceiling_pence) is not int or not 0 < ceiling_pence <= rules.MOST_PENCE:
        raise Invalid(f"Choose a sum above £0 and up to {pounds(rules.MOST_PENCE)}.", "bad_amount", field="ceiling")


async def _payer(person_id: str, actor_id: str) -> queries.Pays:
    """Out of whose money it is bought: the person's own first, another's only by their yes, public by its plan."""
    payers = await queries.payers_of(person_id)
    if not payers:
        raise Conflict("Nobody has been named who pays yet. Ring us, and we set that up together.", "no_payer")
    if payer := queries.pays_whole(payers, actor_id):
        return payer
    if not all(one.public for one in payers):
        raise Conflict(
            "Somebody else’s money pays for this support, and they have not said yes to shopping. Ring us, and we ask them.",
            "payer_not_asked",
        )
    raise Conflict(
        "The money that pays for this support is for care only, as far as we know. If its plan allows shopping, our "
        "treasurer can write that down. Ring us, and we will look at it together.", "plan_forbids",
    )  # fmt: skip


async def _tell(people: set[str], expense_id: str, news: str) -> None:
    # News is told by its code; each has its sentence in rota.news.
    await tell(people, None, news, about=expense_id, path=f"/expenses/{expense_id}")


async def _asked(one: Expense) -> set[str]:
    """Whom a cost is shown to: the person, who speaks for them about money, and whoever pays."""
    speakers = await members.speakers_for(one.person_id, "money")
    return ({one.person_id, one.payer_person_id} | speakers) - {one.worker_id}


async def _facilitators() -> set[str]:
    return {f.person_id for f in await members.facilitators()}


def _move(one: Expense, what: rules.Act) -> rules.State:
    to = rules.after(one.state, what)
    if to is None:
        raise Conflict("This has changed already. Please look at it again.", "expense_changed")
    return to


async def _set(expense_id: str, **values: object) -> None:
    """Change columns of one expense. Names come from our own code."""
    names = ", ".join(f"{name} = ?" for name in values)
    await fetch(f"UPDATE expense SET {names} WHERE id = ?", *values.values(), expense_id)


@door("expenses.say_cost")
async def say_cost(
    act: Act, *, expense_id: str, cost_pence: int, photo: bytes = b"", seen_on_paper: bool = False
) -> None:
    """The worker says what it cost and shows the receipt; 0 is nothing spent, and then all of it goes back.

    `photo` is the picture drawn anew (`members.pictures.paper`). Without one, a facilitator who has the paper before them
    says so. Said again before it was answered, the later word holds; earlier photos are kept.
    """
    one = await queries.lock_expense(expense_id)
    act.allow(one.thing)
    if type(cost_pence) is not int or not 0 <= cost_pence <= rules.MOST_COST_PENCE:
        raise Invalid("Write what it cost, such as 12.45.", "bad_amount", field="cost")
    if cost_pence == 0:
        _move(one, "nothing")
        await _all_back(act, one, "expense_nothing")
        return
    to = _move(one, "say")
    paper = seen_on_paper and act.actor.person_id != one.worker_id and act.actor.wears("facilitator")
    if not photo and not paper and not await queries.has_photo(expense_id):
        raise Invalid(
            "Add a photo of the receipt. If you have it on paper only, show it to a facilitator, who can write it down.",
            "no_receipt", field="photo",
        )  # fmt: skip
    now = clock.now()
    if photo:
        data = base64.b64encode(photo).decode()
        await insert(ExpensePhoto(expense_id=expense_id, media_type="image/webp", data=data, made_at=now))
    shown = "paper" if paper and not photo else "photo"
    await _set(
        expense_id, state=to, cost_pence=cost_pence, shown=shown, said_by=act.actor.person_id,
        seen_by=act.actor.person_id if shown == "paper" else "", said_via=how_said(act.actor), said_at=now,
        more=False, settles_at=None,
    )  # fmt: skip
    await jobs.cancel("expenses.send_back", expense_id)
    await jobs.cancel("expenses.settle", expense_id)
    await _tell(await _asked(one), expense_id, "expense_cost")
    one = await queries.expense(expense_id)
    if not await queries.to_tell(one):
        await _begin_window(one)
    await act.tell("expense.said", "expense", expense_id, cost_pence=cost_pence)


async def _begin_window(one: Expense) -> None:
    """The question has reached the person: from now on it settles itself where nobody answers."""
    at = await answer_by(one.person_id)
    await _set(one.id, settles_at=at)
    await jobs.add("expenses.settle", one.id, run_at=at, expense=one.id)


@when_reached("expense_cost")
async def _reached(expense_id: str, person_id: str) -> None:
    one = await queries.lock_expense(expense_id)
    waits = one.state == "said" and one.settles_at is None and one.person_id == person_id
    # Where it was said anew, what waits to be told is the newer word.
    if waits and not await queries.to_tell(one):
        await _begin_window(one)


@door("expenses.ask_more")
async def ask_more(act: Act, *, expense_id: str) -> None:
    """It cost more than was agreed, and the worker asks for all of it. Without a yes to that they have what was agreed."""
    one = await queries.lock_expense(expense_id)
    act.allow(one.thing)
    _move(one, "ask_more")
    if not one.over_pence:
        raise Conflict("It did not cost more than was agreed.", "not_over")
    _check_ceiling(one.cost_pence)
    if one.more:
        return
    await _set(expense_id, more=True)
    await _tell(await _asked(one), expense_id, "expense_more")
    await act.tell("expense.more_asked", "expense", expense_id)


async def _all_back(act: Act, one: Expense, news: str) -> None:
    await escrow.return_line(NODE, one.line, f"return:{one.line}")
    await _set(one.id, state="back", cost_pence=0, settles_at=None, ended_at=clock.now())
    await jobs.cancel("expenses.send_back", one.id)
    await _tell(await _asked(one) | ({one.worker_id} if news == "expense_back" else set()), one.id, news)
    await act.tell("expense.back", "expense", one.id)


@door("expenses.answer")
async def answer(
    act: Act, *, expense_id: str, answer: str, right_pence: int = 0, words: str = "", seen: str | None = None
) -> str:
    """That's right ("yes"), right up to what was agreed ("ceiling"), or something is "wrong"; the new state.

    Yes to more than was agreed sets the rest aside first; where too little is paid in, Conflict("not_enough") and nothing
    has changed. Of something wrong, `right_pence` goes to the worker at once and only the part in question waits. `seen` is what the
    page asked about (`Expense.asks`): where something else is asked by now, Conflict("expense_said_anew").
    """
    one = await queries.lock_expense(expense_id)
    act.allow(one.thing)
    if answer not in {"yes", "ceiling", "wrong"} or (answer == "ceiling" and not one.more):
        raise Invalid("Choose one answer.", "nothing_chosen", field="answer")
    to = _move(one, answer)  # type: ignore[arg-type]
    if seen is not None and seen != one.asks:
        raise Conflict(
            f"{one.worker_called} has put right what it cost since you opened this page. Please look again, and answer "
            "what it says now.", "expense_said_anew", field="answer",
        )  # fmt: skip
    said = {
        "answer": answer, "answered_by": act.actor.person_id, "answered_via": how_said(act.actor),
        "answered_at": clock.now(),
    }  # fmt: skip
    if answer == "wrong":
        await _question(act, one, right_pence, read_words(words, "words", 1000))
        await _set(expense_id, state=to, settles_at=None, **said)
        return to
    await _set(expense_id, **said)
    if answer == "yes" and one.more:
        one = await _raise_ceiling(one)
    await _pay(act, one)
    return to


async def _raise_ceiling(one: Expense) -> Expense:
    """A new yes, to all that it cost: what was set aside goes back and the whole is set aside anew, in one act."""
    line = f"expense:{one.id}:more"
    _check_ceiling(one.cost_pence)
    if not await escrow.move_line(NODE, one.line, line, one.worker_id, 0, one.cost_pence, f"move:{line}"):
        raise Conflict(
            f"There is less than {pounds(one.over_pence)} paid in beyond what is set aside. You can say yes to "
            f"{pounds(one.ceiling_pence)} now, or to all of it once more is paid in.", "not_enough", field="answer",
        )  # fmt: skip
    await _set(one.id, line=line, ceiling_pence=one.cost_pence)
    return await queries.expense(one.id)


async def _pay(act: Act, one: Expense) -> None:
    """What it cost goes to the worker, never more than was agreed, and the rest goes back."""
    due = one.claimed_pence
    await escrow.release(NODE, one.line, f"release:{one.line}", travel_pence=due)
    await _settled(act, one, due, "expense_paid", {one.worker_id})


async def _settled(act: Act, one: Expense, paid_pence: int, news: str, people: set[str]) -> None:
    await _set(one.id, state="settled", paid_pence=paid_pence, settles_at=None, ended_at=clock.now())
    await jobs.cancel("expenses.settle", one.id)
    await _tell(people, one.id, news)
    await act.tell("expense.settled", "expense", one.id, paid_pence=paid_pence)


async def _question(act: Act, one: Expense, right_pence: int, words: str) -> None:
    claimed, line = one.claimed_pence, one.line
    if type(right_pence) is not int or not 0 <= right_pence < claimed:
        raise Invalid(f"Write a sum below {pounds(claimed)}, or leave it empty.", "bad_amount", field="right")
    if claimed < one.ceiling_pence:
        # What nobody asks for goes back now: it is not in question.
        line = f"expense:{one.id}:asked"
        if not await escrow.move_line(NODE, one.line, line, one.worker_id, 0, claimed, f"move:{line}"):
            raise Conflict("The money for this is not there any more.", "not_enough")
    await corrections.dispute(NODE, line, f"dispute:{line}", travel_pence=claimed - right_pence)
    await _set(one.id, line=line, right_pence=right_pence, paid_pence=right_pence, words=words)
    await jobs.cancel("expenses.settle", one.id)
    await _tell(await _facilitators(), one.id, "expense_wrong")
    await _tell({one.worker_id}, one.id, "expense_waits")
    await act.tell("expense.questioned", "expense", one.id)


@door("expenses.resolve")
async def resolve(act: Act, *, expense_id: str, due_pence: int, because: str) -> None:
    """Both agree how much of what is in question was due: so much goes to the worker and the rest back.

    The same for a cost that does not settle itself and that nobody can answer any more.
    """
    one = await queries.lock_expense(expense_id)
    act.allow(one.thing)
    _move(one, "resolve")
    act.because(because)
    if not because.strip():
        raise Invalid("Say how this was agreed.", "no_reason", field="because")
    if one.state == "said" and (one.settles_at is not None or await queries.to_tell(one)):
        raise Conflict("This is still being answered.", "expense_changed")
    most = one.claimed_pence - one.right_pence
    if type(due_pence) is not int or not 0 <= due_pence <= most:
        raise Invalid(f"Write a sum from £0 to {pounds(most)}.", "bad_amount", field="due")
    if one.state == "said":
        await escrow.release(NODE, one.line, f"release:{one.line}", travel_pence=due_pence)
        await _settled(act, one, due_pence, "expense_agreed", await _asked(one) | {one.worker_id})
        return
    await corrections.resolve(
        NODE, one.line, f"resolve:{one.line}", fee_pence=0, travel_pence=due_pence, because=because
    )
    await _settled(act, one, one.right_pence + due_pence, "expense_agreed", await _asked(one) | {one.worker_id})


@door("expenses.settle")
async def settle_by_time(act: Act, *, expense_id: str) -> bool:
    """Nobody answered by the hour named: what it cost stands, up to what was agreed. False when it may not lapse yet.

    As with visits, no lapse while the person is in hospital, has died, or is spoken for by the worker who is paid back.
    """
    one = await queries.lock_expense(expense_id)
    act.allow(one.thing)
    if one.state != "said" or one.settles_at is None or one.settles_at > clock.now():
        return False
    if one.standing != "here" or one.worker_id in await members.speakers_for(one.person_id, "money"):
        await _set(expense_id, settles_at=None)
        await _tell(await _facilitators(), expense_id, "expense_ask")
        return False
    await _set(expense_id, answer="nobody")
    await _pay(act, one)
    return True


@door("expenses.send_back")
async def send_back_by_time(act: Act, *, expense_id: str) -> bool:
    """The worker has said nothing for a fortnight: all of it goes back, and both are told."""
    one = await queries.lock_expense(expense_id)
    act.allow(one.thing)
    if rules.after(one.state, "lapse_back") is None or one.back_at > clock.now():
        return False
    await _all_back(act, one, "expense_back")
    return True


@jobs.job("expenses.settle")
async def _settle(payload: dict[str, str]) -> datetime | None:
    if await settle_by_time(NODE, expense_id=payload["expense"]):
        return None
    again = (await queries.expense(payload["expense"])).settles_at
    return again if again and again > clock.now() else None


@jobs.job("expenses.send_back")
async def _send_back(payload: dict[str, str]) -> datetime | None:
    if await send_back_by_time(NODE, expense_id=payload["expense"]):
        return None
    one = await queries.expense(payload["expense"])
    return one.back_at if one.state == "agreed" and one.back_at > clock.now() else None


@door("expenses.look_at_receipt")
async def look_at_receipt(act: Act, *, expense_id: str, before: int = 0) -> tuple[str, str]:
    """The photo, for someone who is not one of the two: that they looked at it is written down. Raises NotFound."""
    one = await queries.expense(expense_id)
    act.allow(one.thing)
    found = await queries.photo(expense_id, before)
    if found is None:
        raise NotFound()
    return found


@telling.needs("expense")
async def needs_money(reference: str) -> bool:
    """Something that is to be bought, or whose cost is not answered yet, out of this money."""
    row = await fetch_one(
        "SELECT id FROM expense WHERE line = ? AND state IN ('agreed', 'said', 'questioned')", reference
    )
    return row is not None


@door("expenses.allow_plan")
async def allow_plan(act: Act, *, payer_id: str, allows: bool, rests_on: str, travel: bool = True) -> None:
    """Write down whether the plan behind public money lets shopping, and mileage, be paid out of it, and what says so."""
    act.allow(await queries.plan_thing(payer_id))
    row = await fetch_one("SELECT person_id, fund FROM payer WHERE id = ? AND ended_at IS NULL", payer_id)
    if row is None:
        raise NotFound("There is no such payer.", "no_payer")
    if not is_public(row[1]):
        raise Conflict("This is not public money, and needs nobody’s letter.", "not_public")
    said = read_words(rests_on, "rests_on", 500)
    if not said:
        raise Invalid("Name the decision or the letter that says so, and its day.", "empty", field="rests_on")
    await insert(
        PlanAllows(
            payer_id=payer_id, allows=allows, travel=travel, rests_on=said, recorded_by=act.actor.person_id,
            recorded_at=clock.now(),
        )
    )  # fmt: skip
    await act.tell("expense.plan", "payer", payer_id, allows=allows, travel=travel)

"""What is bought for someone: agreed beforehand, shown by a receipt, paid to the penny, and never more than a yes."""

from collections.abc import Awaitable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as money
from eccoo_node.escrow import corrections
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow.verify import verify
from eccoo_node.expenses import actions, queries, rules, todo
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, Refusal
from eccoo_node.members import actions as people
from eccoo_node.members import queries as members
from eccoo_node.rota import queries as rota
from eccoo_node.rota.actions import mark_told
from tests.support import make
from tests.support.escrow import entries, last_entry
from tests.support.node import Node
from tests.unit.expenses.conftest import Shopping


async def code(asking: Awaitable[object], kind: type[Refusal] = Conflict) -> str:
    with pytest.raises(kind) as refused:
        await asking
    return refused.value.code


async def change(sql: str, *params: object) -> None:
    async with write():
        await fetch(sql, *params)


async def news(person: str) -> list[str]:
    return [row[0] for row in await fetch("SELECT news FROM told WHERE person_id = ? ORDER BY at, id", person)]


async def short(shopping: Shopping, *, since: int = 1) -> list[tuple[str, list[tuple[str, str, int]]]]:
    """The entries after the top-up, with the lines of the one expense as "line"."""
    found = []
    for kind, postings in (await entries(shopping.books))[since:]:
        found.append((kind, [(a, "line" if of.startswith("expense:") else of, n) for a, of, _, n in postings]))
    return found


SET_ASIDE = ("set_aside", [("2000", "payer", 1500), ("2100", "line", -1500)])


async def test_shopping_below_its_ceiling_is_paid_by_the_receipt_and_the_rest_goes_back(shopping: Shopping) -> None:
    """money.md A4: shopping, ceiling 1500; receipt 1245."""
    id_ = await shopping.bought()
    assert (await shopping.one(id_)).state == "said"
    assert await actions.answer(await shopping.ada(), expense_id=id_, answer="yes") == "settled"
    assert await short(shopping) == [
        SET_ASIDE, ("released", [("2000", "payer", -255), ("2100", "line", 1500), ("2210", "worker", -1245)]),
    ]  # fmt: skip
    assert await news(shopping.books.worker) == ["expense_new", "expense_paid"]
    assert await news(shopping.books.person) == ["expense_cost"]
    # What people wrote stays out of what others read of an act.
    assert await fetch("SELECT payload FROM event WHERE payload LIKE '%Shopping%'") == []
    assert (await verify())["entries"] == 3


async def test_silence_is_a_yes_at_6pm_of_the_second_working_day(shopping: Shopping, node: Node) -> None:
    id_ = await shopping.bought(1500)
    node.clock.move(timedelta(days=2, hours=9))
    await node.settle()
    assert (await shopping.one(id_)).state == "said"
    node.clock.move(timedelta(hours=1))
    await node.settle()
    one = await shopping.one(id_)
    assert (one.state, one.answer, one.paid_pence) == ("settled", "nobody", 1500)


async def test_silence_is_no_yes_of_someone_in_hospital_or_spoken_for_by_who_is_paid_back(
    shopping: Shopping, node: Node
) -> None:
    await make.speaks(shopping.books.worker, shopping.books.person, "money")
    id_ = await shopping.bought()
    node.clock.move(timedelta(days=5))
    await node.settle()
    one = await shopping.one(id_)
    assert (one.state, one.settles_at) == ("said", None)
    assert await news(shopping.facilitator) == ["expense_ask"]
    # And who is paid back says neither yes: not as themselves, nor in the person's name.
    for acting in ({}, {"acting_for": shopping.books.person}):
        wren = await members.actor_for(shopping.books.worker, **acting)  # type: ignore[arg-type]
        await code(actions.answer(wren, expense_id=id_, answer="yes"), Forbidden)
        await code(
            actions.agree(
                wren, person_id=shopping.books.person, worker_id=shopping.books.worker, purpose="x", ceiling_pence=1
            ),
            Forbidden,
        )
    # Nobody can answer any more: the treasurer writes down what was agreed.
    tess = shopping.books.treasurer
    assert await code(actions.resolve(tess, expense_id=id_, due_pence=1245, because=" "), Invalid) == "no_reason"
    await actions.resolve(tess, expense_id=id_, due_pence=1245, because="Seen with her daughter")
    assert (await short(shopping))[-1][1][-1] == ("2210", "worker", -1245)


@pytest.mark.parametrize("channel, days", [("phone", 2), ("post", 7)])
async def test_who_is_rung_or_written_to_has_their_days_from_when_they_were_asked(
    shopping: Shopping, node: Node, channel: str, days: int
) -> None:
    await change("UPDATE person SET channel = ? WHERE id = ?", channel, shopping.books.person)
    id_ = await shopping.bought()
    await actions.say_cost(await shopping.wren(), expense_id=id_, cost_pence=1300, photo=b"another photo")
    node.clock.move(timedelta(days=14))
    await node.settle()
    # Nobody has been asked yet, so silence answers nothing, and nobody writes down an answer for them.
    assert ((await shopping.one(id_)).state, (await shopping.one(id_)).settles_at) == ("said", None)
    early = actions.resolve(shopping.books.treasurer, expense_id=id_, due_pence=1, because="x")
    assert await code(early) == "expense_changed"
    fay = await members.actor_for(shopping.facilitator)
    told = [one.id for one in await rota.news_to_bring() if one.person_id == shopping.books.person]
    for at, id_of in enumerate(told):
        assert (await shopping.one(id_)).settles_at is None, at
        await mark_told(fay, told_id=id_of)
    assert len(told) == 2
    assert (await shopping.one(id_)).settles_at == node.clock().replace(hour=18) + timedelta(days=days)
    node.clock.move(timedelta(days=days, hours=11))
    await node.settle()
    assert ((await shopping.one(id_)).state, (await shopping.one(id_)).paid_pence) == ("settled", 1300)


async def test_more_than_was_agreed_needs_a_new_yes(shopping: Shopping) -> None:
    id_ = await shopping.bought(1720)
    one, ada = await shopping.one(id_), await shopping.ada()
    assert (one.claimed_pence, one.over_pence, one.more) == (1500, 220, False)
    assert await code(actions.answer(ada, expense_id=id_, answer="ceiling"), Invalid) == "nothing_chosen"
    for _ in range(2):
        await actions.ask_more(await shopping.wren(), expense_id=id_)
    await actions.answer(ada, expense_id=id_, answer="yes")
    assert await short(shopping) == [
        SET_ASIDE,
        ("returned", [("2000", "payer", -1500), ("2100", "line", 1500)]),
        ("set_aside", [("2000", "payer", 1720), ("2100", "line", -1720)]),
        ("released", [("2100", "line", 1720), ("2210", "worker", -1720)]),
    ]
    one = await shopping.one(id_)
    assert (one.ceiling_pence, one.paid_pence) == (1720, 1720)


async def test_without_that_yes_it_is_the_ceiling(shopping: Shopping, node: Node) -> None:
    first, second, third = [await shopping.bought(1720) for _ in range(3)]
    for id_ in (first, second):
        await actions.ask_more(await shopping.wren(), expense_id=id_)
    await actions.answer(await shopping.ada(), expense_id=first, answer="ceiling")
    node.clock.move(timedelta(days=3))
    await node.settle()
    assert [(await shopping.one(id_)).paid_pence for id_ in (first, second, third)] == [1500, 1500, 1500]
    short_of = await shopping.bought(9999, ceiling_pence=5000)
    await actions.ask_more(await shopping.wren(), expense_id=short_of)
    assert await code(actions.answer(await shopping.ada(), expense_id=short_of, answer="yes")) == "not_enough"
    assert (await shopping.one(short_of)).state == "said"
    await verify()


async def test_a_yes_is_to_the_sum_that_was_read_and_every_photo_is_kept(shopping: Shopping) -> None:
    id_ = await shopping.bought(1600)
    wren, ada = await shopping.wren(), await shopping.ada()
    seen = (await shopping.one(id_)).asks
    await actions.ask_more(wren, expense_id=id_)
    assert await code(actions.answer(ada, expense_id=id_, answer="yes", seen=seen)) == "expense_said_anew"
    seen = (await shopping.one(id_)).asks
    await actions.say_cost(wren, expense_id=id_, cost_pence=9900, photo=b"another photo")
    await actions.ask_more(wren, expense_id=id_)
    assert await code(actions.answer(ada, expense_id=id_, answer="yes", seen=seen)) == "expense_said_anew"
    assert ((await shopping.one(id_)).state, len(await fetch("SELECT id FROM expense_photo"))) == ("said", 2)
    shown = await queries.photo(id_)
    assert shown is not None
    assert shown[1] == "YW5vdGhlciBwaG90bw=="
    await actions.answer(ada, expense_id=id_, answer="yes", seen=(await shopping.one(id_)).asks)
    assert (await shopping.one(id_)).paid_pence == 9900


async def test_shopping_is_out_of_the_own_money_and_of_another_s_only_by_their_yes(shopping: Shopping) -> None:
    books = shopping.books
    bill = await make.person("Bill")
    other = await make.payer(books.person, bill, share_bps=1000)
    await change("UPDATE payer SET share_bps = 9000, from_at = '2026-01-01 00:00:00+00:00' WHERE id = ?", books.payer)
    await money.top_up(books.treasurer, other, 20_000, key="Bill's")
    await shopping.agreed(5000)
    assert [await escrow.credit_pence(id_) for id_ in (books.payer, other)] == [5000, 20_000]
    # Bill pays for a part of each visit only: nobody but he says yes to more than that.
    await change("UPDATE payer SET ended_at = from_at WHERE id = ?", books.payer)
    assert await code(shopping.agreed(5000)) == "payer_not_asked"
    await make.speaks(bill, books.person, "money")
    await actions.agree(
        await members.actor_for(bill, acting_for=books.person), person_id=books.person, worker_id=books.worker,
        purpose="Milk", ceiling_pence=500,
    )  # fmt: skip
    assert await escrow.credit_pence(other) == 19_500


async def test_what_is_set_aside_for_shopping_is_not_undone_while_it_is_open(shopping: Shopping) -> None:
    id_ = await shopping.bought()
    entry = await last_entry(f"expense:{id_}")
    assert entry is not None
    undo = corrections.reverse(shopping.books.treasurer, entry, "undo", because="A mistake")
    assert await code(undo) == "still_needed"
    await actions.answer(await shopping.ada(), expense_id=id_, answer="yes")


@pytest.mark.parametrize("right", [0, 1000])
async def test_only_what_is_in_question_waits(shopping: Shopping, right: int) -> None:
    id_ = await shopping.bought()
    ada, tess = await shopping.ada(), shopping.books.treasurer
    wrong = actions.answer(ada, expense_id=id_, answer="wrong", right_pence=right, words="I did not ask for wine")
    assert await wrong == "questioned"
    released = [("released", [("2100", "line", right), ("2210", "worker", -right)])] if right else []
    assert (await short(shopping))[1:] == [
        ("returned", [("2000", "payer", -1500), ("2100", "line", 1500)]),
        ("set_aside", [("2000", "payer", 1245), ("2100", "line", -1245)]),
        ("disputed", [("2100", "line", 1245 - right), ("2110", "line", right - 1245)]),
        *released,
    ]
    assert await news(shopping.facilitator) == ["expense_wrong"]
    assert await news(shopping.books.worker) == ["expense_new", "expense_waits"]
    assert await code(actions.answer(ada, expense_id=id_, answer="yes")) == "expense_changed"
    fay = await members.actor_for(shopping.facilitator)
    await code(actions.resolve(fay, expense_id=id_, due_pence=0, because="x"), Forbidden)
    too_much = actions.resolve(tess, expense_id=id_, due_pence=1246 - right, because="x")
    assert await code(too_much, Invalid) == "bad_amount"
    await actions.resolve(tess, expense_id=id_, due_pence=200, because="Both agreed by phone")
    back = 1045 - right
    assert (await short(shopping))[-1] == (
        "resolved", [("2000", "payer", -back), ("2110", "line", 1245 - right), ("2210", "worker", -200)],
    )  # fmt: skip
    assert ((await shopping.one(id_)).paid_pence, (await shopping.one(id_)).state) == (right + 200, "settled")
    await verify()


async def test_nothing_spent_and_a_silent_fortnight_give_it_all_back(shopping: Shopping, node: Node) -> None:
    nothing, silent = await shopping.agreed(), await shopping.agreed()
    await actions.say_cost(await shopping.wren(), expense_id=nothing, cost_pence=0)
    assert await news(shopping.books.person) == ["expense_nothing"]
    node.clock.move(timedelta(days=13))
    await node.settle()
    assert (await shopping.one(silent)).state == "agreed"
    node.clock.move(timedelta(days=1))
    await node.settle()
    assert [(await shopping.one(id_)).state for id_ in (nothing, silent)] == ["back", "back"]
    assert (await news(shopping.books.person))[-1] == (await news(shopping.books.worker))[-1] == "expense_back"
    assert await escrow.credit_pence(shopping.books.payer) == 10_000
    late = actions.say_cost(await shopping.wren(), expense_id=silent, cost_pence=5, photo=b"x")
    assert await code(late) == "expense_changed"


async def test_a_yes_says_what_for_who_goes_and_how_much_and_there_is_enough(shopping: Shopping) -> None:
    ada, books = await shopping.ada(), shopping.books

    async def asked(**changed: object) -> str:
        whole = {"person_id": books.person, "worker_id": books.worker, "purpose": "Milk", "ceiling_pence": 500}
        with pytest.raises(Refusal) as refused:
            await actions.agree(ada, **(whole | changed))  # type: ignore[arg-type]
        return f"{refused.value.code} {refused.value.field or ''}".strip()

    assert await asked(purpose="  ") == "empty purpose"
    assert await asked(purpose="x" * 121) == "too_long purpose"
    assert await asked(worker_id=books.other) == "not_in_team worker"
    assert await asked(worker_id=books.person) == "not_in_team worker"
    for bad in (0, -1, 50_001, 12.5, True):
        assert await asked(ceiling_pence=bad) == "bad_amount ceiling"
    assert await asked(ceiling_pence=10_001) == "not_enough ceiling"
    assert await fetch_value("SELECT COUNT(*) FROM expense") == 0
    wren = await shopping.wren()
    id_ = await shopping.agreed()
    assert await code(actions.say_cost(wren, expense_id=id_, cost_pence=-1, photo=b"x"), Invalid) == "bad_amount"
    assert await code(actions.say_cost(wren, expense_id=id_, cost_pence=1, photo=b""), Invalid) == "no_receipt"
    # On paper it counts once a facilitator has it before them: nobody says that of their own.
    alone = actions.say_cost(wren, expense_id=id_, cost_pence=1, seen_on_paper=True)
    assert await code(alone, Invalid) == "no_receipt"
    await change("UPDATE payer SET ended_at = from_at")
    assert await asked() == "no_payer"


async def test_a_facilitator_writes_down_each_step_for_either_side(shopping: Shopping) -> None:
    books = shopping.books
    for_ada, for_wren = await shopping.fay(books.person), await shopping.fay(books.worker, "paper")
    id_ = await actions.agree(
        for_ada, person_id=books.person, worker_id=books.worker, purpose="Stamps", ceiling_pence=1000
    )
    await actions.say_cost(for_wren, expense_id=id_, cost_pence=800, seen_on_paper=True)
    await actions.answer(for_ada, expense_id=id_, answer="yes")
    row = await fetch("SELECT agreed_via, agreed_by, said_via, shown, seen_by, answered_via, paid_pence FROM expense")
    fay = shopping.facilitator
    assert [tuple(one) for one in row] == [("phone", fay, "paper", "paper", fay, "phone", 800)]


async def test_public_money_is_for_shopping_only_where_its_plan_says_so(shopping: Shopping) -> None:
    """money.md A5.8."""
    tess = shopping.books.treasurer
    for fund in ("council", "direct_payment", "nhs", "local_authority"):
        await change("UPDATE payer SET fund = ?", fund)
        assert await code(shopping.agreed()) == "plan_forbids"
    allow = {"payer_id": shopping.books.payer, "allows": True}
    assert await code(actions.allow_plan(tess, **allow, rests_on=" "), Invalid) == "empty"  # type: ignore[arg-type]
    await code(actions.allow_plan(await shopping.ada(), **allow, rests_on="Letter"), Forbidden)  # type: ignore[arg-type]
    await actions.allow_plan(tess, **allow, rests_on="Calderdale’s letter of 3 November")  # type: ignore[arg-type]
    await shopping.agreed()
    await actions.allow_plan(tess, payer_id=shopping.books.payer, allows=False, rests_on="New plan of 1 December")
    assert await code(shopping.agreed()) == "plan_forbids"
    # What is anybody's own goes first, and needs no letter.
    own = await make.payer(shopping.books.person)
    assert await code(actions.allow_plan(tess, payer_id=own, allows=True, rests_on="x")) == "not_public"
    assert [one.id for one in await queries.payers_of(shopping.books.person)] == [own, shopping.books.payer]


async def test_a_treasurer_who_speaks_for_one_of_the_two_writes_down_nothing_about_their_money(
    shopping: Shopping,
) -> None:
    books = shopping.books
    ruth = await make.person("Ruth")
    await make.hat(ruth, await make.circle(), "treasurer")
    await make.speaks(ruth, books.person, "money")
    id_ = await shopping.bought(1500)
    for_ada, keeps = await members.actor_for(ruth, acting_for=books.person), await members.actor_for(ruth)
    await actions.answer(for_ada, expense_id=id_, answer="wrong", right_pence=0)
    agreed = {"expense_id": id_, "due_pence": 0, "because": "We agreed."}
    await code(actions.resolve(keeps, **agreed), Forbidden)  # type: ignore[arg-type]
    assert not access.may(keeps, "expenses.resolve", (await shopping.one(id_)).thing)
    await change("UPDATE payer SET fund = 'council'")
    plan = {"payer_id": books.payer, "allows": True, "rests_on": "Letter of 3 November"}
    await code(actions.allow_plan(keeps, **plan), Forbidden)  # type: ignore[arg-type]
    await change("UPDATE speaks_for SET speaker_id = ?, person_id = ?", ruth, books.worker)
    await code(actions.resolve(keeps, **agreed), Forbidden)  # type: ignore[arg-type]
    # Nor does whoever's own money it is, and whoever has no part in it does.
    await make.hat(books.person, await make.circle(), "treasurer")
    await code(actions.allow_plan(await shopping.ada(), **plan), Forbidden)  # type: ignore[arg-type]
    await actions.allow_plan(books.treasurer, **plan)  # type: ignore[arg-type]
    await actions.resolve(books.treasurer, **agreed)  # type: ignore[arg-type]
    assert (await shopping.one(id_)).state == "settled"


async def test_each_does_only_their_own_part_and_only_they_see_it(shopping: Shopping) -> None:
    books = shopping.books
    fern, nell, mia = [await make.person(name) for name in ("Fern", "Nell", "Mia")]
    await change("UPDATE payer SET payer_person_id = ?, said_yes_at = from_at", fern)
    await make.speaks(nell, books.person, "money")
    await make.speaks(mia, books.person, "ask_for_cover", "choose_who_comes", "share_my_details", "say_visit_went")
    id_ = await shopping.bought()
    ada, wren, other = [await members.actor_for(p) for p in (books.person, books.worker, books.other)]
    payer, stranger, fay = [await members.actor_for(p) for p in (fern, mia, shopping.facilitator)]
    for_ada = await members.actor_for(nell, acting_for=books.person)
    care_only = await members.actor_for(mia, acting_for=books.person)
    for who in (ada, wren, other, payer, stranger, care_only, fay, books.treasurer):
        if who is not wren:
            await code(actions.say_cost(who, expense_id=id_, cost_pence=1, photo=b"x"), Forbidden)
        if who not in (ada, payer):
            await code(actions.answer(who, expense_id=id_, answer="yes"), Forbidden)
        if who not in (ada,):
            ask = {"person_id": books.person, "worker_id": books.worker, "purpose": "x", "ceiling_pence": 1}
            await code(actions.agree(who, **ask), Forbidden)  # type: ignore[arg-type]

    async def looked() -> int:
        return int(await fetch_value("SELECT COUNT(*) FROM audit WHERE action = 'expenses.look_at_receipt'"))

    async def lists(who: Actor) -> bool:
        return [one.id for one in await queries.list_for(who)] == [id_]

    for who in (ada, wren, for_ada):
        assert await queries.receipt(who, id_)
        assert await lists(who)
    assert await looked() == 0
    on_the_phone = await shopping.fay(books.person)
    for number, who in enumerate((payer, fay, books.treasurer, on_the_phone), start=1):
        await code(queries.receipt(who, id_), Forbidden)
        assert (await actions.look_at_receipt(who, expense_id=id_))[0] == "image/webp"
        assert await looked() == number
    for who in (other, stranger, care_only):
        await code(actions.look_at_receipt(who, expense_id=id_), Forbidden)
        assert not await lists(who)
    assert [one.id for one in await queries.everyones(books.treasurer)] == [id_]
    await code(queries.everyones(fay), Forbidden)
    await actions.answer(payer, expense_id=id_, answer="yes")


@given(st.lists(st.sampled_from(["say", "nothing", "lapse_back", "ask_more", "yes", "ceiling", "wrong", "resolve"])))
def test_whatever_happens_it_ends_once_and_stays_ended(acts: list[rules.Act]) -> None:
    state, said = "agreed", False
    for act in acts:
        after = rules.after(state, act)
        if state in {"settled", "back"}:
            assert after is None
        if after is None:
            continue
        said = said or act == "say"
        # Nothing is paid that nobody has said the cost of, and nothing goes back by itself that somebody has.
        assert (after != "settled") or said
        assert (after != "back") or not said
        state = after


@given(st.integers(0, 10**7), st.integers(1, 50_000))
def test_never_more_than_was_agreed(cost: int, ceiling: int) -> None:
    claimed = rules.claimed_pence(cost, ceiling)
    assert 0 <= claimed <= ceiling
    assert claimed <= cost


@pytest.mark.parametrize("due_pence", [1245, 0])
async def test_a_cost_that_never_reached_someone_who_died_is_written_down(
    shopping: Shopping, node: Node, due_pence: int
) -> None:
    async with write():
        await fetch("UPDATE person SET channel = 'phone' WHERE id = ?", shopping.books.person)
    id_ = await shopping.bought()
    treasurer = shopping.books.treasurer
    with pytest.raises(Conflict):
        await actions.resolve(treasurer, expense_id=id_, due_pence=due_pence, because="x")
    await people.say_standing(await members.actor_for(shopping.facilitator), shopping.books.person, "died")
    node.clock.move(timedelta(days=90))
    await jobs.drain()
    [task] = await todo.of_the_dead(treasurer)
    assert (task.path, task.words) == (
        f"/expenses/{id_}/settle", "Ada has died and can’t be asked whether £12.45 is right.",
    )  # fmt: skip
    await actions.resolve(treasurer, expense_id=id_, due_pence=due_pence, because="The receipt was seen.")
    assert ((await shopping.one(id_)).state, await todo.of_the_dead(treasurer)) == ("settled", [])
    found = {code: pence for code, pence in (await escrow.trial_balance()).items() if pence}
    assert found == {"1000": 10_000, "2000": due_pence - 10_000} | ({"2210": -due_pence} if due_pence else {})
    await verify()

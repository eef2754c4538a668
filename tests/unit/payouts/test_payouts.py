"""Money goes out once, to whom it belongs, on the word of those who may give it; what comes back is owed as before."""

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest

import eccoo_node.rota.payout_news  # noqa: F401 (who is told of it)
from eccoo_node.db import bound
from eccoo_node.db.engine import engine_for
from eccoo_node.db.rows import fetch, fetch_value, insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import clawback, corrections, treasury
from eccoo_node.escrow import queries as books
from eccoo_node.escrow.tables import Pause
from eccoo_node.escrow.verify import verify
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND, NODE, Actor
from eccoo_node.kernel.errors import Broken, Conflict, Forbidden, Invalid
from eccoo_node.members import queries as members
from eccoo_node.payouts import actions, changing, details, giving, ours, queries
from eccoo_node.payouts.files import FORMS
from eccoo_node.payouts.rules import PAYOUT_ALONE
from tests.support import make
from tests.support.escrow import shares_out
from tests.support.node import Node
from tests.support.payouts import TODAY, Circle, hatted, is_ready, open_circle, payments, trial


async def test_a_payout_of_a4_from_earned_to_the_bank_and_back(node: Node) -> None:
    circle = await open_circle()
    wren, robin, by = circle.books.worker, circle.books.other, circle.treasurer
    await circle.earns(wren, 6000)
    await circle.earns(robin, 3000, 360)
    await circle.details(wren)
    await circle.details(robin, "55667788")
    assert await is_ready() == [("Robin", 2910, ""), ("Wren", 5100, "")]
    made = await circle.batch()
    assert await is_ready() == []
    assert (await trial())["2200"] == -7650
    await actions.file_batch(by, made)
    assert await trial() == {"1000": 9360, "2290": -8010, "4000": -1350}
    found = await queries.batch(by, made)
    assert (found.total_pence, found.state) == (8010, "sent")
    assert [(one.called, one.amount_pence, one.reference) for one in await queries.in_transit(by)] == [
        ("Robin", 2910, "HEBDEN CIRCLE 1-1"), ("Wren", 5100, "HEBDEN CIRCLE 1-2"),
    ]  # fmt: skip
    # Asked for again, nothing more happens.
    await actions.file_batch(by, made)
    assert await circle.batch() == made
    assert await fetch_value("SELECT COUNT(*) FROM entry WHERE kind = 'payout'") == 2
    with pytest.raises(Conflict, match="used for something else"):
        await circle.batch(pay_on=TODAY + timedelta(days=1))
    # Robin's comes back before the bank had paid it, Wren's after.
    of_robin, of_wren = await payments(made)
    for _ in range(2):
        await actions.confirm_paid(by, of_wren, on=TODAY, key="statement 1")
        await actions.bounced(by, of_robin, on=TODAY, key="statement 2", because="Account 12345678 closed")
    assert await trial() == {"1000": 4260, "2200": -2550, "2210": -360, "4000": -1350}
    with pytest.raises(Conflict, match="paid already"):
        await actions.confirm_paid(by, of_wren, on=TODAY, key="statement 3")
    await actions.bounced(by, of_wren, on=TODAY, key="statement 4", because="Came back")
    assert await trial() == {"1000": 9360, "2200": -7650, "2210": -360, "4000": -1350}
    # Both are ready again, and go nowhere until somebody has made sure where.
    assert await is_ready() == [("Robin", 2910, "came_back"), ("Wren", 5100, "came_back")]
    with pytest.raises(Conflict, match="Nobody is left"):
        await circle.batch("b2")
    await circle.sure(wren)
    again = await circle.sent("b3")
    assert await actions.confirm_batch(by, again, on=TODAY, key="s5") == 1
    assert await actions.confirm_batch(by, again, on=TODAY, key="s5") == 0
    assert await trial() == {"1000": 4260, "2200": -2550, "2210": -360, "4000": -1350}
    await verify()


async def test_a_refund_and_a_share_leave_from_where_they_stood(node: Node) -> None:
    circle = await open_circle()
    books, by = circle.books, circle.treasurer
    await circle.details(books.person, name="Ada")
    await books.top_up(10_000)
    await treasury.refund(by, books.payer, 4000, "refund")
    council = await make.payer(books.person, fund="local_authority")
    await escrow.top_up(by, council, 500, "council")
    await treasury.refund(by, council, 500, "back to the council")
    await treasury.receive_unmatched(by, "r1", 700, "unknown")
    await treasury.send_back(by, "r1", 700, "nobody's", because="Nobody here")
    await shares_out(books, 2500)
    # What is nobody's here, and public money, go back by hand to where they came from.
    assert sorted(await is_ready()) == [("", 700, "nobody"), ("Ada", 500, "public"), ("Ada", 4000, "")]
    assert await is_ready("1010") == [("Ada", 2500, "")]
    before = await trial()
    refunds, shares = await circle.sent(), await circle.sent("b2", bank="1010")
    assert await trial() == before
    assert (await is_ready("1010"), sorted(one[2] for one in await is_ready())) == ([], ["nobody", "public"])
    (refund,), (share,) = await payments(refunds), await payments(shares)
    await actions.bounced(by, refund, on=TODAY, key="s1", because="Came back")
    assert await trial() == before
    await actions.confirm_paid(by, share, on=TODAY, key="s2")
    assert await trial() == {code: total for code, total in before.items() if code not in {"2600", "1010"}}
    await actions.bounced(by, share, on=TODAY, key="s3", because="Came back")
    assert await trial() == before
    await circle.sure(books.person)
    (refund,) = await payments(await circle.sent("b3"))
    await actions.confirm_paid(by, refund, on=TODAY, key="s4")
    assert (await trial())["2500"] == -1200
    assert (await trial())["1000"] == before["1000"] - 4000
    await verify()


async def test_what_the_bank_was_asked_to_send_back_is_undone_and_sent_by_nobody_else(node: Node) -> None:
    circle = await open_circle()
    books, by = circle.books, circle.treasurer
    await circle.details(books.person, name="Ada")
    await books.top_up(10_000)
    first = await treasury.refund(by, books.payer, 6000, "r1")
    sent = await circle.sent()
    share = await shares_out(books, 2500)
    await circle.sent("b2", bank="1010")
    for n, entry in enumerate((first, share)):
        with pytest.raises(Conflict, match="is on its way in a batch"):
            await corrections.reverse(by, entry, f"undo {n}", because="A mistake")
    # Of two refunds only the one that no file has asked for can be undone, and then its batch sends nothing.
    second = await treasury.refund(by, books.payer, 4000, "r2")
    later = await circle.batch("b3")
    await corrections.reverse(by, second, "undo", because="A mistake")
    with pytest.raises(Conflict, match="is owed less than that now"):
        await actions.file_batch(by, later)
    await actions.take_back(by, later)
    # When it has come back it can be undone.
    (refund,) = await payments(sent)
    await actions.bounced(by, refund, on=TODAY, key="back", because="Came back")
    await corrections.reverse(by, first, "undo now", because="A mistake")
    assert (await trial())["2000"] == -10_000
    await verify()


async def test_a_refund_does_not_leave_when_the_person_it_paid_for_has_died_since(node: Node) -> None:
    circle = await open_circle()
    books, by = circle.books, circle.treasurer
    bill = await make.person("Bill", phone="01422 496001")
    payer = await make.payer(books.person, bill)
    await escrow.top_up(by, payer, 4000, "t")
    await circle.details(bill, name="Bill")
    await treasury.refund(by, payer, 4000, "r")
    batch = await circle.batch()
    async with write():
        await fetch("UPDATE person SET standing = 'died' WHERE id = ?", books.person)
    with pytest.raises(Conflict, match="The person that Bill paid for has died") as caught:
        await actions.file_batch(by, batch)
    assert caught.value.code == "has_died"


async def test_a_second_person_sees_to_what_is_large_and_to_what_pays_its_maker(node: Node) -> None:
    circle = await open_circle()
    wren, by = circle.books.worker, circle.treasurer
    cora, second = await hatted("Cora", "convenor"), await hatted("Tom", "treasurer")
    await circle.earns(wren, 60_000)
    await circle.details(wren)
    made = await circle.batch()
    assert [one.id for one in await queries.waiting_for(cora)] == [made]
    assert await queries.waiting_for(by) == []
    with pytest.raises(Conflict, match="second person"):
        await actions.file_batch(by, made)
    wren_too = Actor(person_id=wren, hats=cora.hats)
    on_phone = Actor(person_id=cora.person_id, hats=cora.hats, via="phone", acting_for=wren, known_by="rang_back")
    for nobody in (by, wren_too, on_phone, await hatted("Mia", "member"), NODE):
        with pytest.raises(Forbidden):
            await actions.approve(nobody, made)
    shown = await queries.batch(cora, made)
    assert [(one.amount_pence, one.ending, one.sort_code) for one in shown.payments] == [(51_000, "ends in 76", "")]
    await actions.approve(cora, made)
    await actions.approve(cora, made)
    with pytest.raises(Conflict, match="moved on"):
        await actions.approve(second, made)
    assert (await queries.batch(by, made)).payments[0].account_number == "12349876"
    await actions.file_batch(by, made)
    assert (await queries.batch(by, made)).payments[0].account_number == "??????76"
    approved = await fetch("SELECT actor_id FROM audit WHERE action = 'payouts.approve' AND outcome = 'done'")
    assert {row[0] for row in approved} == {cora.person_id}
    # A treasurer who is paid by it needs a second for any sum; so does whoever makes the file for another.
    await circle.earns(second.person_id, 1000)
    await circle.details(second.person_id, "11112222")
    own = await actions.make_batch(second, pay_on=TODAY, key="own")
    with pytest.raises(Conflict, match="second person"):
        await actions.file_batch(second, own)
    await actions.take_back(second, own)
    others = await circle.batch("others")
    with pytest.raises(Conflict, match="second person"):
        await actions.file_batch(second, others)
    await actions.file_batch(by, others)


async def test_a_large_sum_is_not_sent_as_many_small_ones(node: Node) -> None:
    circle = await open_circle()
    wren, by = circle.books.worker, circle.treasurer
    await circle.details(wren)
    await decide_figure(by, PAYOUT_ALONE, 5000, decision_id=await make.decision())
    await circle.earns(wren, 3000)
    await circle.sent("b1")
    await circle.earns(wren, 3100)
    made = await circle.batch("b2")
    with pytest.raises(Conflict, match="second person"):
        await actions.file_batch(by, made)
    await actions.approve(circle.facilitator, made)
    await actions.file_batch(by, made)
    node.clock.move(timedelta(days=8))
    await circle.earns(wren, 3200)
    await circle.sent("b3", pay_on=TODAY + timedelta(days=8))


async def test_no_payment_goes_where_nobody_has_made_sure(node: Node) -> None:
    circle = await open_circle()
    wren, by = circle.books.worker, circle.treasurer
    await circle.earns(wren, 6000)
    assert await is_ready() == [("Wren", 5100, "no_details")]
    await circle.details(wren, sure=False)
    assert await is_ready() == [("Wren", 5100, "not_sure")]
    own = await members.actor_for(wren)
    with pytest.raises(Forbidden):
        await giving.confirm_details(own, wren, how="paper", sort_code="203040", account_number="12349876")
    with pytest.raises(Invalid, match="not what we have"):
        await circle.sure(wren, "12349877")
    with pytest.raises(Invalid, match="no number"):
        await giving.confirm_details(by, wren, how="rang", sort_code="203040", account_number="12349876")
    await circle.sure(wren)
    made = await circle.batch()
    # Changed while the batch waits: the new number is nobody's word yet, and the old one is over.
    fay = circle.facilitator
    phone = Actor(person_id=fay.person_id, hats=fay.hats, via="phone", acting_for=wren, known_by="rang_back")
    await giving.give_details(phone, wren, name="Wren", sort_code="20 30 40", account_number="8888 8888")
    with pytest.raises(Conflict, match="have changed"):
        await actions.file_batch(by, made)
    # Whoever wrote it down is not the one who makes sure.
    with pytest.raises(Forbidden, match="Someone else"):
        await circle.sure(wren, "88888888")
    await giving.confirm_details(by, wren, how="paper", sort_code="203040", account_number="88888888")
    with pytest.raises(Conflict, match="have changed"):
        await actions.file_batch(by, made)
    await actions.take_back(by, made)
    assert await is_ready() == [("Wren", 5100, "")]
    assert await fetch_value("SELECT COUNT(*) FROM bank_details") == 2
    told_of = await fetch("SELECT subject_id FROM event WHERE kind = 'payouts.details_given'")
    assert [row[0] for row in told_of] == [wren, wren]
    # The number stands in the details alone.
    for table, columns in (
        ("audit", "thing_id, code"),
        ("audit_text", "text"),
        ("event", "payload"),
        ("job", "payload"),
    ):
        assert not [row for row in await fetch(f"SELECT {columns} FROM {table}") if "8888" in str(tuple(row))]


async def test_an_account_that_nobody_reached_waits_and_one_that_is_wrong_is_asked_for_again(node: Node) -> None:
    circle = await open_circle()
    wren, by, fay = circle.books.worker, circle.treasurer, circle.facilitator
    await circle.earns(wren, 6000)
    phone = Actor(person_id=fay.person_id, hats=fay.hats, via="phone", acting_for=wren, known_by="rang_back")
    given = {"name": "Wren", "sort_code": "203040", "account_number": "12349876"}
    heard = {"sort_code": "203040", "account_number": "12349876"}
    await giving.give_details(phone, wren, **given)
    with pytest.raises(Forbidden, match="Someone else"):
        await giving.not_sure(fay, wren, outcome="wrong")
    with pytest.raises(Invalid):
        await giving.not_sure(by, wren, outcome="confirmed")
    await giving.not_sure(by, wren, outcome="unreached")
    (waits,) = await details.to_confirm(by)
    assert (waits.tried_at, await is_ready()) == (clock.now(), [("Wren", 5100, "not_sure")])
    await giving.not_sure(by, wren, outcome="wrong")
    assert (await details.to_confirm(by), await is_ready()) == ([], [("Wren", 5100, "said_wrong")])
    with pytest.raises(Conflict, match="give it to us anew"):
        await giving.confirm_details(by, wren, how="paper", **heard)
    with pytest.raises(Conflict, match="Somebody else"):
        await giving.not_sure(by, wren, outcome="unreached")
    # The same again is a new word of theirs.
    await giving.give_details(phone, wren, **given)
    await giving.confirm_details(by, wren, how="paper", **heard)
    made = await circle.sent()
    (payment,) = await payments(made)
    await actions.bounced(by, payment, on=TODAY, key="back", because="Account closed")
    await giving.not_sure(by, wren, outcome="unreached")
    assert [(one.came_back, await is_ready()) for one in await details.to_confirm(by)] == [
        (True, [("Wren", 5100, "came_back")])
    ]
    other = await hatted("Fred", "facilitator")
    await node.settle()
    told = {(row[0], row[1]) for row in await fetch("SELECT person_id, news FROM told WHERE news <> 'bank_details'")}
    assert told == {
        (wren, "details_wrong"), (fay.person_id, "details_wrong_wrote"), (wren, "payout_back"),
        (fay.person_id, "payout_back_wrote"), (other.person_id, "payout_back_ring"),
    }  # fmt: skip


async def test_what_waits_for_another_circle_is_not_paid_out(node: Node) -> None:
    circle = await open_circle()
    wren = circle.books.worker
    await circle.earns(wren, 6000)
    await circle.details(wren)
    await escrow.owe_worker_from(
        NODE, "link", "visit:far", wren, 4000, 0, payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="far"
    )  # fmt: skip
    assert await is_ready() == [("Wren", 5100, "")]
    await circle.sent()
    assert await is_ready() == []
    assert await fetch_value("SELECT balance_pence FROM account WHERE code = '2200' AND awaiting = 'link'") == -3400


async def test_a_sum_that_waits_is_left_out_and_stops_a_file_that_would_send_it(node: Node) -> None:
    circle = await open_circle()
    wren = circle.books.worker
    line = await circle.earns(wren, 6000)
    await circle.earns(wren, 2000)
    await circle.details(wren)
    made = await circle.batch("before")
    async with write():
        await insert(
            Pause(
                line_id=(await books.booking(line)).id, worker_id=wren, amount_pence=3000, set_by="s",
                from_at=clock.now(), until_at=clock.now() + timedelta(days=7), ended_at=None,
            )
        )  # fmt: skip
    with pytest.raises(Conflict, match="Less can be paid to Wren now"):
        await actions.file_batch(circle.treasurer, made)
    await actions.take_back(circle.treasurer, made)
    assert await is_ready() == [("Wren", 5100 + 1700 - 3000, "")]
    await circle.sent("after")
    assert await is_ready() == []
    node.clock.move(timedelta(days=8))
    assert await is_ready() == [("Wren", 3000, "")]


async def _owing(circle: Circle) -> str:
    """Wren was paid for a visit that is taken back after all: £51 to give back."""
    wren, by = circle.books.worker, circle.treasurer
    await circle.details(wren)
    line = await circle.earns(wren, 6000)
    (first,) = await payments(await circle.sent("first"))
    await actions.confirm_paid(by, first, on=TODAY, key="first")
    await clawback.claw_back(NODE, line, "claw", fee_pence=6000, because="Agreed")
    await corrections.resolve(NODE, line, "resolved", fee_pence=0, because="Agreed")
    return wren


async def test_giving_back_takes_a_signed_yes_and_never_more(node: Node) -> None:
    circle = await open_circle()
    wren, by = await _owing(circle), circle.treasurer
    assert (await trial())["1300"] == 5100
    own = await members.actor_for(wren)
    await circle.earns(wren, 2000, 500)
    assert await is_ready() == [("Wren", 2200, "")]
    with pytest.raises(Forbidden):
        await giving.agree_recovery(by, wren, most_pence=1000)
    await giving.agree_recovery(own, wren, most_pence=1000)
    assert await is_ready() == [("Wren", 1200, "")]
    made = await circle.batch("b2")
    await giving.stop_recovery(own, wren)
    with pytest.raises(Conflict, match="taken back a yes"):
        await actions.file_batch(by, made)
    await actions.take_back(by, made)
    await giving.agree_recovery(own, wren, most_pence=1000)
    before = await trial()
    made = await circle.sent("b3")
    after = await trial()
    moved = {code: after.get(code, 0) - before.get(code, 0) for code in after | before}
    assert {code: pence for code, pence in moved.items() if pence} == {
        "2200": 1700, "2210": 500, "2290": -1200, "1300": -1000, "1010": 1000, "1000": -1000,
    }  # fmt: skip
    # What came back is owed; what was given back stays given.
    (payment,) = await payments(made)
    await actions.bounced(by, payment, on=TODAY, key="s", because="Came back")
    after = await trial()
    assert {code: after.get(code) for code in ("2200", "2210", "1300")} == {"2200": -700, "2210": -500, "1300": 4100}
    # All of the pay may go towards it; travel money never does.
    await circle.sure(wren)
    await giving.agree_recovery(own, wren, most_pence=9000)
    assert await is_ready() == [("Wren", 500, "")]
    (payment,) = await payments(await circle.sent("b4"))
    await actions.confirm_paid(by, payment, on=TODAY, key="s2")
    await circle.earns(wren, 1000)
    nothing = await circle.sent("b5")
    assert (await queries.batch(by, nothing)).state == "over"
    with pytest.raises(Conflict, match="Nothing is sent"):
        await actions.take_file(by, nothing, "csv")
    assert (await trial())["1300"] == 4100 - 700 - 850
    await verify()


async def test_a_break_in_the_books_stops_what_goes_out_and_not_what_comes_in(node: Node) -> None:
    circle = await open_circle()
    await circle.earns(circle.books.worker, 6000)
    await circle.details(circle.books.worker)
    made = await circle.batch()
    async with write():
        await fetch("INSERT INTO books_check (at, broken, entries) VALUES (?, 'Entry 3 is gone.', 0)", clock.now())
    for act in (circle.batch("b2"), actions.file_batch(circle.treasurer, made)):
        with pytest.raises(Conflict, match="do not add up"):
            await act
    await circle.books.top_up(100, "still")
    async with write():
        await fetch("INSERT INTO books_check (at, broken, entries) VALUES (?, '', 0)", clock.now())
    await actions.file_batch(circle.treasurer, made)
    # Nor does a file that was made before go to the bank.
    async with write():
        await fetch("INSERT INTO books_check (at, broken, entries) VALUES (?, 'Entry 3 is gone.', 0)", clock.now())
    with pytest.raises(Conflict, match="do not add up"):
        await actions.take_file(circle.treasurer, made, "csv")
    async with write():
        await fetch("INSERT INTO books_check (at, broken, entries) VALUES (?, '', 0)", clock.now())
    assert (await actions.take_file(circle.treasurer, made, "csv")).data


async def test_a_file_is_the_same_after_a_restart_or_is_not_given_out(
    node: Node, node_url: str, tmp_path: Path
) -> None:
    circle = await open_circle()
    by, wren = circle.treasurer, circle.books.worker
    account = {"name": "Hebden circle", "sort_code": "608301", "account_number": "20123456", "service_user": "123456"}
    await changing.set_account(by, "1000", **account)
    await circle.earns(wren, 6000)
    await circle.details(wren, name="Zoë O’Wren")
    made = await circle.batch()
    with pytest.raises(Conflict, match="not made yet"):
        await actions.take_file(by, made, "csv")
    await actions.file_batch(by, made)
    first = {form: await actions.take_file(by, made, form) for form in FORMS}
    assert first["csv"].data == b"203040,12349876,ZOE OWREN,51.00,HEBDEN CIRCLE 1-1,23/11/2026\r\n"
    # Later, with other details, another account of ours, and a process that knows nothing of the first.
    node.clock.move(timedelta(days=3))
    await circle.details(wren, "99887766")
    await changing.set_account(by, "1000", **{**account, "name": "New bank"})
    (change,) = await ours.waiting(by)
    await changing.confirm_account(circle.facilitator, change.id, how="rang")
    other = engine_for(node_url, tmp_path / "node.sqlite")
    await other.open()
    try:
        with bound.bound(other):
            assert {form: await actions.take_file(by, made, form) for form in FORMS} == first
    finally:
        await other.close()
    taken = "SELECT COUNT(*) FROM audit WHERE action = 'payouts.take_file' AND thing_id = ? AND outcome = 'done'"
    assert await fetch_value(taken, made) == 2 * len(FORMS)
    async with write():
        await fetch("UPDATE payout_payment SET amount_pence = 5200, pay_pence = 5200 WHERE batch_id = ?", made)
    with pytest.raises(Broken, match="not the one"):
        await actions.take_file(by, made, "csv")


async def test_two_treasurers_at_once_pay_once(node: Node) -> None:
    circle = await open_circle()
    other = await hatted("Tom", "treasurer")
    await circle.earns(circle.books.worker, 6000)
    await circle.details(circle.books.worker)
    await circle.books.top_up(1000, "more")
    await treasury.refund(circle.treasurer, circle.books.payer, 1000, "refund")
    await circle.details(circle.books.person, "33334444")
    tries = [(circle.treasurer, "a"), (other, "b"), (circle.treasurer, "a"), (other, "c")]
    made = await asyncio.gather(
        *(actions.make_batch(who, pay_on=TODAY, key=key) for who, key in tries), return_exceptions=True
    )
    batches = {one for one in made if isinstance(one, str)}
    assert len(batches) == 1, made
    assert all(isinstance(one, str | Conflict) for one in made)
    (batch,) = batches
    await asyncio.gather(*(actions.file_batch(who, batch) for who, _ in tries))
    assert await fetch_value("SELECT COUNT(*) FROM entry WHERE kind = 'payout'") == 1
    ids = await payments(batch)
    done = await asyncio.gather(
        *(actions.confirm_paid(who, id_, on=TODAY, key=f"{key} {id_}") for who, key in tries for id_ in ids),
        return_exceptions=True,
    )
    assert [one for one in done if one is not None and not isinstance(one, Conflict)] == []
    assert await fetch_value("SELECT COUNT(*) FROM entry WHERE kind = 'payout_paid'") == 2
    assert await is_ready() == []
    await verify()


async def test_days_reasons_and_people_that_are_none_are_refused(node: Node) -> None:
    circle = await open_circle()
    wren, robin, by = circle.books.worker, circle.books.other, circle.treasurer
    await circle.earns(wren, 6000)
    await circle.details(wren)
    for day in (TODAY - timedelta(days=1), date(2026, 11, 28), TODAY + timedelta(days=40)):
        with pytest.raises(Invalid):
            await circle.batch(pay_on=day)
    with pytest.raises(Invalid, match="Say why"):
        await circle.batch(leave_out={f"worker:{wren}": " "})
    with pytest.raises(Conflict, match="Nobody is left"):
        await circle.batch("b0", leave_out={f"worker:{wren}": "They asked to wait"})
    await circle.earns(robin, 1000)
    await circle.details(robin, "55667788")
    made = await circle.batch(leave_out={f"worker:{wren}": "Asked to wait; 20-30-40 12349876 is wrong"})
    (left,) = await queries.left_out(by, made)
    assert (left.called, left.amount_pence, left.reason, left.words) == (
        "Wren", 5100, "chosen", "Asked to wait; … is wrong",
    )  # fmt: skip
    await actions.file_batch(by, made)
    (payment,) = await payments(made)
    for on in (TODAY - timedelta(days=1), TODAY + timedelta(days=1)):
        with pytest.raises(Invalid, match="bank statement"):
            await actions.confirm_paid(by, payment, on=on, key="k")
    with pytest.raises(Invalid, match="what the bank says"):
        await actions.bounced(by, payment, on=TODAY, key="k", because="")
    with pytest.raises(Conflict, match="file is made"):
        await actions.take_back(by, made)
    for who in (await members.actor_for(wren), circle.facilitator, COMMAND):
        for call in (
            actions.file_batch(who, made), actions.take_back(who, made), actions.take_file(who, made, "csv"),
            actions.confirm_paid(who, payment, on=TODAY, key="x"), actions.confirm_batch(who, made, on=TODAY, key="x"),
            actions.bounced(who, payment, on=TODAY, key="x", because="x"),
            actions.make_batch(who, pay_on=TODAY, key="x"),
            changing.set_account(who, "1000", name="x", sort_code="111111", account_number="22222222"),
        ):  # fmt: skip
            with pytest.raises(Forbidden):
                await call

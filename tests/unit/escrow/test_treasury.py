"""What a treasurer writes besides lines, to the penny as money.md A4 has it, and what is refused."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import (
    actions,
    bank_lines,
    capital,
    chart,
    clawback,
    corrections,
    entering,
    owing,
    payers,
    queries,
    treasury,
)
from eccoo_node.escrow.rules import PAYS_AFTER, SHARES_OUT
from eccoo_node.escrow.verify import verify
from eccoo_node.governance.actions import decide_figure, record_decision
from eccoo_node.kernel.access import COMMAND, NODE, Actor, Hat
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from eccoo_node.members.speaking import stop_speaking
from tests.support import make
from tests.support.escrow import Books, entries, open_books, paid_out
from tests.support.node import Node

Do = Callable[[Books], Awaitable[int]]


async def refused(awaitable: Any, kind: type[Refusal] = Conflict) -> str:
    """The code of the refusal."""
    with pytest.raises(kind) as caught:
        await awaitable
    return caught.value.code


def posted(*found: tuple[str, str, int]) -> list[tuple[str, str, str, int]]:
    return [(code, of, "", amount) for code, of, amount in found]


# Each row of A4 that is about no line: what is done before, what is done, and all that it posts.
async def _nothing(books: Books) -> int:
    return 0


async def _credit(books: Books) -> int:
    return await books.top_up(10_000)


async def _received(books: Books) -> int:
    return await treasury.receive_unmatched(books.treasurer, "r1", 10_000, "in")


async def _earned(books: Books) -> int:
    """A visit of £60 went ahead: the circle's £9 lies with what it looks after."""
    await books.top_up(10_000)
    await books.set_aside("visit:1", 6000)
    await actions.release(NODE, "visit:1", "went")
    return 0


async def _by_card(books: Books) -> int:
    return await treasury.gateway_top_up(books.treasurer, books.payer, 10_000, "card")


async def _applied(books: Books) -> int:
    return await treasury.share_applied(books.treasurer, books.person, 5000, "apply")


async def _allotted(books: Books) -> int:
    await _applied(books)
    decision = await make.decision()
    return await treasury.share_allotted(books.treasurer, books.person, 5000, "allot", decision_id=decision)


async def _out(books: Books, key: str = "leave") -> int:
    """£20 of it is taken out, by a decision about that."""
    row = await fetch_value("SELECT id FROM decision WHERE about = 'shares_out'")
    decision = str(row) if row else await make.decision(about="shares_out")
    return await treasury.share_withdrawn(
        books.treasurer, books.person, 2000, key, decision_id=decision, because="She moves away."
    )


async def _allot(books: Books) -> int:
    row = await fetch_value("SELECT id FROM decision WHERE words = 'Ada is one of us.'")
    decision = str(row) if row else await make.decision("Ada is one of us.")
    return await treasury.share_allotted(books.treasurer, books.person, 5000, "k", decision_id=decision)


async def _owes_back(books: Books) -> int:
    """£51 was paid out for a visit that was not as it was said; the worker owes it."""
    await _earned(books)
    await paid_out(books, 5100)
    await clawback.claw_back(NODE, "visit:1", "back", fee_pence=6000, because="Both agreed.")
    return 0


async def _vat(books: Books) -> int:
    """£7.50 and £1.50 VAT of a visit's £60."""
    await actions.set_schedule(books.treasurer, 0, 1500, decision_id=await make.decision(), vat_bps=2000)
    await _earned(books)
    return 0


async def _leaving(books: Books) -> int:
    await _allotted(books)
    return await _out(books)


async def _refunding(books: Books) -> int:
    await books.top_up(10_000)
    return await treasury.refund(books.treasurer, books.payer, 4000, "refund")


async def _owing(books: Books) -> int:
    await books.top_up(3000)
    return await treasury.bounce(books.treasurer, books.payer, 10_000, "bounced")


ROWS: dict[str, tuple[Do, Do, list[tuple[str, str, str, int]]]] = {
    "money that nobody knows": (_nothing, _received, posted(("1000", "", 10_000), ("2090", "r1", -10_000))),
    "found to be a payer’s": (
        _received,
        lambda b: treasury.match(b.treasurer, "r1", b.payer, 10_000, "k"),
        posted(("2000", "payer", -10_000), ("2090", "r1", 10_000)),
    ),
    "sent back": (
        _received,
        lambda b: treasury.send_back(b.treasurer, "r1", 10_000, "k", because="Nobody here knows it."),
        posted(("2090", "r1", 10_000), ("2500", "r1", -10_000)),
    ),
    "a refund of credit": (
        _credit,
        lambda b: treasury.refund(b.treasurer, b.payer, 4000, "k"),
        posted(("2000", "payer", 4000), ("2500", "payer", -4000)),
    ),
    "the bank sends it": (
        _refunding,
        lambda b: treasury.refund_left(b.treasurer, b.payer, 4000, "k"),
        posted(("1000", "", -4000), ("2500", "payer", 4000)),
    ),
    "goodwill": (
        _nothing,
        lambda b: treasury.goodwill(b.treasurer, b.payer, 500, "k", because="We were late."),
        posted(("1000", "", 500), ("1010", "", -500), ("2000", "payer", -500), ("5100", "", 500)),
    ),
    "commission swept": (
        _earned,
        lambda b: treasury.sweep(b.treasurer, 900, "k"),
        posted(("1000", "", -900), ("1010", "", 900)),
    ),
    "a bounce within the credit": (
        _credit,
        lambda b: treasury.bounce(b.treasurer, b.payer, 10_000, "k"),
        posted(("1000", "", -10_000), ("2000", "payer", 10_000)),
    ),
    "a bounce of what was spent": (
        lambda b: b.top_up(3000),
        lambda b: treasury.bounce(b.treasurer, b.payer, 10_000, "k"),
        posted(
            ("1000", "", 7000), ("1000", "", -10_000), ("1010", "", -7000), ("1100", "payer", 7000), ("2000", "payer", 3000)
        ),
    ),
    "what was owed comes": (
        _owing,
        lambda b: treasury.paid_owing(b.treasurer, b.payer, 7000, "k"),
        posted(("1010", "", 7000), ("1100", "payer", -7000)),
    ),
    "a gift": (
        _nothing,
        lambda b: treasury.donation(b.treasurer, 2500, "k"),
        posted(("1010", "", 2500), ("4200", "", -2500)),
    ),
    "a gift for a purpose": (
        _nothing,
        lambda b: treasury.donation(b.treasurer, 2500, "k", fund="hoists"),
        posted(("1020", "", 2500), ("3200", "hoists", -2500)),
    ),
    "interest": (
        _nothing,
        lambda b: treasury.interest(b.treasurer, 120, "k"),
        posted(("1000", "", 120), ("1000", "", -120), ("1010", "", 120), ("4200", "", -120)),
    ),
    "paid by card": (_nothing, _by_card, posted(("1050", "", 10_000), ("2000", "payer", -10_000))),
    "the gateway pays, less its fee": (
        _by_card,
        lambda b: treasury.gateway_paid(b.treasurer, 10_000, 170, "k"),
        posted(("1000", "", 10_000), ("1010", "", -170), ("1050", "", -10_000), ("5200", "", 170)),
    ),
    "a finder’s fee by invoice": (
        _nothing,
        lambda b: treasury.finders_fee(b.treasurer, b.payer, 25_000, "k"),
        posted(("1100", "payer", 25_000), ("4100", "", -25_000)),
    ),
    "a finder’s fee from credit": (
        _credit,
        lambda b: treasury.finders_fee(b.treasurer, b.payer, 9000, "k", agreed="In writing, 20 November"),
        posted(("2000", "payer", 9000), ("4100", "", -9000)),
    ),
    "shares applied for": (_nothing, _applied, posted(("1020", "", 5000), ("2610", "person", -5000))),
    "shares allotted": (
        _applied,
        _allot,
        posted(("1010", "", 5000), ("1020", "", -5000), ("2610", "person", 5000), ("3000", "person", -5000)),
    ),
    "shares taken out": (
        _allotted, lambda b: _out(b, "k"), posted(("2600", "person", -2000), ("3000", "person", 2000)),
    ),
    "a worker’s debt let go": (
        _owes_back,
        lambda b: owing.write_off(b.treasurer, b.worker, 5100, "k", because="The meeting agreed."),
        posted(("1300", "worker", -5100), ("5100", "", 5100)),
    ),
    "a payer’s debt let go": (
        _owing,
        lambda b: owing.write_off_payer(b.treasurer, b.payer, 7000, "k", because="The meeting agreed."),
        posted(("1100", "payer", -7000), ("5100", "", 7000)),
    ),
    "VAT goes to HMRC": (
        _vat, lambda b: bank_lines.vat_paid(b.treasurer, "1010", 150, "k"), posted(("1010", "", -150), ("2400", "", 150)),
    ),
    "VAT out of the wrong account": (
        _vat,
        lambda b: bank_lines.vat_paid(b.treasurer, "1000", 150, "k"),
        posted(("1000", "", 150), ("1000", "", -150), ("1010", "", -150), ("2400", "", 150)),
    ),
    "shares paid back": (
        _leaving,
        lambda b: treasury.share_paid(b.treasurer, b.person, 2000, "k"),
        posted(("1010", "", -2000), ("2600", "person", 2000)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
async def test_each_row_is_posted_to_the_penny_once_and_can_be_undone(node: Node, row: str) -> None:
    before, do, expected = ROWS[row]
    books = await open_books()
    await before(books)
    balances = await queries.trial_balance()
    entry = await do(books)
    found = [
        (code, "person" if of == books.person else of, waits, amount)
        for code, of, waits, amount in (await entries(books))[-1][1]
    ]
    assert sorted(found) == sorted(expected)
    # Asked again with its key it is the same entry; asked for something else it is refused.
    assert (await do(books), await fetch_value("SELECT MAX(id) FROM entry")) == (entry, entry)
    await verify()
    await corrections.reverse(books.treasurer, entry, "undo", because="A mistake")
    after = await queries.trial_balance()
    assert {code: total for code, total in after.items() if total} == {c: t for c, t in balances.items() if t}
    await verify()


DOORS: dict[str, Callable[[Actor, Books], Awaitable[int]]] = {
    "receive": lambda by, b: treasury.receive_unmatched(by, "r2", 5, "x"),
    "match": lambda by, b: treasury.match(by, "r1", b.payer, 5, "x"),
    "send_back": lambda by, b: treasury.send_back(by, "r1", 5, "x", because="So"),
    "bounce": lambda by, b: treasury.bounce(by, b.payer, 5, "x"),
    "paid_owing": lambda by, b: treasury.paid_owing(by, b.payer, 5, "x"),
    "refund": lambda by, b: treasury.refund(by, b.payer, 5, "x"),
    "refund_left": lambda by, b: treasury.refund_left(by, b.payer, 5, "x"),
    "goodwill": lambda by, b: treasury.goodwill(by, b.payer, 5, "x", because="So"),
    "sweep": lambda by, b: treasury.sweep(by, 5, "x"),
    "donation": lambda by, b: treasury.donation(by, 5, "x"),
    "interest": lambda by, b: treasury.interest(by, 5, "x"),
    "bank_charge": lambda by, b: bank_lines.bank_charge(by, "1000", 5, "x"),
    "bank_charge_back": lambda by, b: bank_lines.bank_charge_back(by, "1000", 5, "x"),
    "put_in": lambda by, b: bank_lines.put_in(by, 5, "x"),
    "share_back": lambda by, b: bank_lines.share_back(by, b.worker, 5, "x"),
    "fund_spent": lambda by, b: bank_lines.fund_spent(by, "hoists", 5, "x"),
    "gift_back": lambda by, b: bank_lines.gift_back(by, 5, "x"),
    "gateway_top_up": lambda by, b: treasury.gateway_top_up(by, b.payer, 5, "x"),
    "gateway_paid": lambda by, b: treasury.gateway_paid(by, 5, 1, "x"),
    "finders_fee": lambda by, b: treasury.finders_fee(by, b.payer, 5, "x"),
    "write_off": lambda by, b: owing.write_off(by, b.worker, 5, "x", because="So"),
    "write_off_payer": lambda by, b: owing.write_off_payer(by, b.payer, 5, "x", because="So"),
    "vat_paid": lambda by, b: bank_lines.vat_paid(by, "1010", 5, "x"),
    "share_applied": lambda by, b: treasury.share_applied(by, b.person, 5, "x"),
    "share_allotted": lambda by, b: treasury.share_allotted(by, b.person, 5, "x", decision_id="d"),
    "share_withdrawn": lambda by, b: treasury.share_withdrawn(by, b.person, 5, "x", decision_id="d", because="So"),
    "share_paid": lambda by, b: treasury.share_paid(by, b.person, 5, "x"),
}


@pytest.mark.parametrize("door", DOORS)
async def test_only_a_treasurer_as_themselves_writes_it(node: Node, door: str) -> None:
    books = await open_books()
    speaking = msgspec.structs.replace(books.treasurer, acting_for=books.person, scopes=frozenset({"money"}))
    others = [
        Actor(person_id=books.person, hats=(Hat(role, "c", "circle"),)) for role in ("admin", "facilitator", "worker")
    ]
    for by in (*others, speaking, Actor(), NODE, Actor(link_id="B", via="federation")):
        assert await refused(DOORS[door](by, books), Forbidden) == "forbidden"
    assert await fetch("SELECT id FROM entry") == []


async def test_nobody_decides_on_their_own_money(node: Node) -> None:
    """Neither of what they pay, nor of what pays for their support, nor of what they are to give back."""
    books = await open_books()
    by = books.treasurer
    pays, supported = await make.payer(books.person, by.person_id), await make.payer(by.person_id, books.person)
    own = [
        msgspec.structs.replace(books, payer=payer, worker=by.person_id, person=by.person_id)
        for payer in (pays, supported)
    ]
    for door in (
        "match", "refund", "goodwill", "finders_fee", "write_off", "write_off_payer", "share_allotted", "share_withdrawn",
        "paid_owing", "gateway_top_up", "share_applied",
    ):  # fmt: skip
        for one in own:
            with pytest.raises(Forbidden, match="Another treasurer"):
                await DOORS[door](by, one)
    with pytest.raises(Forbidden, match="Another treasurer"):
        await actions.top_up(by, pays, 500, "in")
    # Nor whether the circle's own money stands in for theirs, whatever the circle has decided.
    for payer in (pays, supported):
        with pytest.raises(Forbidden, match="Another treasurer"):
            await payers.pays_after(by, payer, True, decision_id=await make.decision(about="pays_after"))
    assert await fetch("SELECT id FROM entry") == []
    # Another treasurer writes what they send in, and gives them what is due to them.
    other_one = msgspec.structs.replace(by, person_id=await make.person("Thea"))
    entry = await actions.top_up(other_one, pays, 500, "in")
    with pytest.raises(Forbidden, match="Another treasurer"):
        await corrections.reverse(by, entry, "undo", because="A slip")
    another = msgspec.structs.replace(by, person_id=await make.person("Theo"))
    await treasury.own_money(another, 500, "own", because="Reserves")
    assert await DOORS["goodwill"](another, own[0])
    assert await corrections.reverse(another, entry, "undo", because="A slip")
    # Nor on the money of someone they speak for.
    await make.speaks(another.person_id, books.person, "money")
    with pytest.raises(Forbidden, match="someone you speak for"):
        await DOORS["goodwill"](another, books)
    # Stepping down a moment before changes nothing; after a year it is anybody's again.
    await stop_speaking(another, person_id=books.person, speaker_id=another.person_id)
    with pytest.raises(Forbidden, match="or spoke for"):
        await DOORS["goodwill"](another, books)
    node.clock.move(timedelta(days=367))
    assert await treasury.goodwill(another, books.payer, 5, "a year later", because="We were late")


@pytest.mark.parametrize("amount", [0, -5, 10_000_001, 2.5, True, "500", None])
async def test_a_sum_that_is_none_is_refused_at_every_door(node: Node, amount: Any) -> None:
    b = await open_books()
    by = b.treasurer
    for asking in (
        treasury.receive_unmatched(by, "r", amount, "x"), treasury.match(by, "r", b.payer, amount, "x"),
        treasury.send_back(by, "r", amount, "x", because="So"), treasury.bounce(by, b.payer, amount, "x"),
        treasury.paid_owing(by, b.payer, amount, "x"), treasury.refund(by, b.payer, amount, "x"),
        treasury.refund_left(by, b.payer, amount, "x"), treasury.goodwill(by, b.payer, amount, "x", because="So"),
        treasury.sweep(by, amount, "x"), treasury.donation(by, amount, "x"), treasury.interest(by, amount, "x"),
        treasury.gateway_top_up(by, b.payer, amount, "x"), treasury.gateway_paid(by, amount, 0, "x"),
        treasury.gateway_paid(by, 100, amount if amount != 0 else -1, "x"), treasury.finders_fee(by, b.payer, amount, "x"),
        owing.write_off(by, b.worker, amount, "x", because="So"),
        owing.write_off_payer(by, b.payer, amount, "x", because="So"), treasury.share_applied(by, b.person, amount, "x"),
        treasury.share_allotted(by, b.person, amount, "x", decision_id="d"), treasury.share_paid(by, b.person, amount, "x"),
        treasury.share_withdrawn(by, b.person, amount, "x", decision_id="d", because="So"),
        bank_lines.vat_paid(by, "1010", amount, "x"),
    ):  # fmt: skip
        assert await refused(asking, Invalid) == "bad_amount"
    assert await fetch("SELECT id FROM entry") == []


async def test_nobody_is_given_more_than_is_there(node: Node) -> None:
    """Nor is anyone ever paid from another person's money."""
    books = await open_books()
    await _earned(books)
    by, payer, person = books.treasurer, books.payer, books.person
    decision = await make.decision()
    for asking, code in (
        (treasury.match(by, "r1", payer, 1, "a"), "short_2090"),
        (treasury.send_back(by, "r1", 1, "b", because="So"), "short_2090"),
        (treasury.refund(by, payer, 4001, "c"), "short_2000"),
        (treasury.refund_left(by, payer, 1, "d"), "short_2500"),
        (treasury.paid_owing(by, payer, 1, "e"), "short_1100"),
        (treasury.sweep(by, 901, "f"), "cash_short"),
        (treasury.finders_fee(by, payer, 4001, "g", agreed="Yes"), "short_2000"),
        (owing.write_off(by, books.worker, 1, "h", because="So"), "short_1300"),
        (owing.write_off_payer(by, payer, 1, "k", because="So"), "short_1100"),
        (bank_lines.vat_paid(by, "1010", 1, "l"), "short_2400"),
        (treasury.share_allotted(by, person, 1, "i", decision_id=decision), "short_1020"),
        (treasury.share_paid(by, person, 1, "j"), "short_2600"),
    ):
        assert await refused(asking) == code
    await verify()


async def test_public_money_pays_no_finders_fee(node: Node) -> None:
    books = await open_books()
    for fund in ("local_authority", "direct_payment", "nhs"):
        public = await make.payer(books.person, fund=fund)
        await actions.top_up(books.treasurer, public, 30_000, f"in {fund}")
        asking = treasury.finders_fee(books.treasurer, public, 25_000, "k", agreed="They said yes")
        assert await refused(asking) == "public_money"
    assert await queries.trial_balance() == {"1000": 90_000, "2000": -90_000}


async def test_what_came_in_is_found_again_near_its_day_while_it_stands(node: Node) -> None:
    books = await open_books()
    by, today = books.treasurer, node.clock().date()
    theirs = [chart.credit(books.payer)]

    async def found(pence: int = 5000, days: int = 0, unlike: str = "%other") -> datetime | None:
        return await entering.stands_already(entering.PAID_IN, theirs, pence, today + timedelta(days=days), unlike)

    # Neither a gift of the circle nor what goes back from a visit is money that came in.
    await treasury.own_money(by, 10_000, "own", because="From before")
    await treasury.goodwill(by, books.payer, 5000, "goodwill", because="We were late")
    assert await found() is None
    entry = await actions.top_up(by, books.payer, 5000, "in", effective_at=node.clock() - timedelta(days=2))
    assert await found() == node.clock() - timedelta(days=2)
    assert (await found(4999), await found(days=3), await found(days=-7), await found(unlike="%in")) == (None,) * 4
    assert await found(days=2) == await found(days=-6) == node.clock() - timedelta(days=2)
    assert await entering.stands_already(("received",), [chart.BANK], 5000, today, "%other") is None
    await corrections.reverse(by, entry, "undo", because="Another’s")
    assert await found() is None


async def test_what_someone_left_goes_to_their_estate_on_authority(node: Node) -> None:
    books = await open_books()
    await books.top_up(5000)
    public = await make.payer(books.person, fund="local_authority")
    await actions.top_up(books.treasurer, public, 700, "the council’s")
    async with write():
        await fetch("UPDATE person SET standing = 'died' WHERE id = ?", books.person)
    assert await refused(treasury.refund(books.treasurer, books.payer, 5000, "k"), Invalid) == "no_reason"
    await treasury.refund(books.treasurer, books.payer, 5000, "k", because="Grant of probate seen on 20 November")
    # Public money goes back to its source, whoever has died.
    await treasury.refund(books.treasurer, public, 700, "l")
    assert await queries.trial_balance() == {"1000": 5700, "2000": 0, "2500": -5700}


async def test_who_lets_shares_out_or_a_payer_pay_later_acts_on_a_decision_that_somebody_else_wrote_down(
    node: Node,
) -> None:
    books = await open_books()
    by, today = books.treasurer, node.clock().date()
    await _allotted(books)
    own, about_it = [
        await record_decision(
            by, words="Biscuits on Thursdays.", decided_by="Us", decided_on=today, review_on=today + timedelta(days=30),
            about=about,
        )
        for about in ("", PAYS_AFTER.name)
    ]  # fmt: skip
    for doing in (
        treasury.share_allotted(by, books.person, 1, "allot", decision_id=own),
        payers.pays_after(by, books.payer, True, decision_id=about_it),
    ):
        assert await refused(doing, Invalid) == "own_decision"
    await payers.pays_after(by, books.payer, True, decision_id=await make.decision(about="pays_after"))


async def test_a_payer_pays_after_by_a_decision_about_that_which_still_holds(node: Node) -> None:
    books = await open_books()
    by, payer = books.treasurer, books.payer
    for about in ("", SHARES_OUT.name):
        other = await make.decision("Biscuits on Thursdays.", about=about)
        assert await refused(payers.pays_after(by, payer, True, decision_id=other), Invalid) == "other_figure"
    good = await make.decision("The council pays after.", about=PAYS_AFTER.name)
    node.clock.move(timedelta(days=182))
    assert await refused(payers.pays_after(by, payer, True, decision_id=good), Invalid) == "old_decision"
    node.clock.move(timedelta(days=-1))
    await payers.pays_after(by, payer, True, decision_id=good)
    await payers.pays_after(by, payer, False)
    await decide_figure(NODE, PAYS_AFTER, 0, decision_id=good)
    assert await refused(payers.pays_after(by, payer, True, decision_id=good)) == "pays_ahead"
    assert [bool(row[0]) for row in await fetch("SELECT arrears FROM payer")] == [False]


async def test_nobody_holds_more_shares_than_the_law_allows(node: Node) -> None:
    books = await open_books()
    by, person = books.treasurer, books.person
    for number in (1, 2):
        await treasury.share_applied(by, person, 6_000_000, f"apply {number}")
    decided = await make.decision()
    await treasury.share_allotted(by, person, 6_000_000, "allot 1", decision_id=decided)
    again = treasury.share_allotted(by, person, 6_000_000, "allot 2", decision_id=decided)
    assert await refused(again) == "too_many_shares"
    await treasury.share_allotted(by, person, 4_000_000, "allot 3", decision_id=decided)


async def test_shares_are_taken_out_by_a_decision_about_that_which_the_circles_own_money_covers(node: Node) -> None:
    """care-rules.md C3.22: a decision of the last twelve months, somebody else's hand, a reason, money, no suspension."""
    books = await open_books()
    by, person, today = books.treasurer, books.person, node.clock().date()
    await _allotted(books)

    async def out(decision: str, pence: int = 2000, key: str = "leave", because: str = "She moves.") -> int:
        return await treasury.share_withdrawn(by, person, pence, key, decision_id=decision, because=because)

    async def decided(of: Actor, days_ago: int) -> str:
        on = today - timedelta(days=days_ago)
        words = "We can pay what we owe for twelve months, and £20 is left over."
        return await record_decision(
            of,
            words=words,
            decided_by="The board",
            decided_on=on,
            review_on=on + timedelta(days=30),
            about="shares_out",
        )

    good = await decided(COMMAND, 365)
    for decision, code in (
        ("none", "no_decision"), (await make.decision(), "other_figure"), (await decided(COMMAND, 366), "old_decision"),
        (await decided(by, 0), "own_decision"),
    ):  # fmt: skip
        assert await refused(out(decision), Invalid) == code
    assert await refused(out(good, because=" "), Invalid) == "no_reason"
    # Their own £50 lies in the circle's own account; £35 of it went on something else.
    await bank_lines.bank_charge(by, "1010", 3500, "spent")
    assert (await refused(out(good)), await capital.own_pence()) == ("own_short", 1500)
    # What is looked after for others does not make up for it.
    await books.top_up(10_000)
    assert await refused(out(good)) == "own_short"
    await treasury.own_money(by, 600, "own", because="Reserves")
    await decide_figure(NODE, SHARES_OUT, 0, decision_id=good)
    assert await refused(out(good)) == "shares_suspended"
    await decide_figure(NODE, SHARES_OUT, 1, decision_id=good)
    assert await out(good)
    # The rest is owed to the first already; asked again, the first is the same entry.
    assert await refused(out(await decided(COMMAND, 2), 200, "more")) == "own_short"
    # Each time rests on a decision of its own.
    assert await refused(out(good, 50, "more"), Invalid) == "used_decision"
    assert await out(good) == await fetch_value("SELECT MAX(id) FROM entry")
    assert await fetch_value("SELECT COUNT(*) FROM audit WHERE action = 'money.share_withdrawn' AND thing_id = ?", good)
    await verify()


async def test_what_is_set_aside_for_whoever_pays_after_is_not_let_go(node: Node) -> None:
    """Else they would have as credit what they never paid, once the visit is called off."""
    books = await open_books()
    by = books.treasurer
    await payers.pays_after(by, books.payer, True, decision_id=await make.decision(about="pays_after"))
    await treasury.own_money(by, 20_000, "own", because="Reserves")
    await books.set_aside("visit:1", 6000, arrears=True)
    await books.set_aside("visit:2", 5000, arrears=True)
    await actions.release(NODE, "visit:1", "went")
    [one] = await owing.owing(by)
    assert (one.called, one.amount_pence, one.most_pence, one.since) == ("Ada", 11_000, 6000, node.clock())
    asking = owing.write_off_payer(by, books.payer, 6001, "more", because="So")
    assert await refused(asking) == "still_set_aside"
    await owing.write_off_payer(by, books.payer, 6000, "k", because="They are gone.")
    await actions.return_line(NODE, "visit:2", "off")
    assert (await owing.owing(by), await queries.credit_pence(books.payer)) == ([], 0)
    await verify()


async def test_a_payer_or_a_reason_that_is_not_there_is_refused(node: Node) -> None:
    books = await open_books()
    by = books.treasurer
    for asking in (
        treasury.match(by, "r", "nobody", 5, "x"), treasury.bounce(by, "nobody", 5, "x"),
        treasury.refund(by, "nobody", 5, "x"), treasury.goodwill(by, "nobody", 5, "x", because="So"),
        treasury.gateway_top_up(by, "nobody", 5, "x"), treasury.finders_fee(by, "nobody", 5, "x"),
    ):  # fmt: skip
        assert await refused(asking, NotFound) == "no_payer"
    for asking in (
        treasury.goodwill(by, books.payer, 5, "x", because=" "), treasury.send_back(by, "r", 5, "x", because=""),
        owing.write_off(by, books.worker, 5, "x", because=""),
        owing.write_off_payer(by, books.payer, 5, "x", because=" "),
    ):  # fmt: skip
        assert await refused(asking, Invalid) == "no_reason"

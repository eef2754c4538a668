"""A statement in the books, on both engines: every line once, to its payer or to nobody, and all of it or nothing."""

import asyncio
import time
from datetime import date, timedelta

import msgspec
import pytest

from eccoo_node.banking import (
    actions,
    arriving,
    checking,
    importing,
    kept,
    leaving,
    lines,
    others,
    queries,
    rules,
    unknown,
)
from eccoo_node.banking.statements.model import Unreadable
from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import treasury
from eccoo_node.escrow.actions import Across, owe_worker_from, release, set_schedule
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor, Hat
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.payouts import changing, ours
from tests.support import make
from tests.support import statements as banks
from tests.support.banking import open_bank
from tests.support.escrow import Books
from tests.support.node import Node
from tests.support.payouts import hatted, trial
from tests.support.statements import line

_MINUTE = timedelta(minutes=1)


def banks_ofx(on: str) -> bytes:
    return banks.ofx([line(on, 10_000, "A", bank_id="one")])


async def balances(*codes: str) -> list[int]:
    found = await escrow.trial_balance()
    return [found.get(code, 0) for code in codes]


async def all_of_the_banks_day(*days: str) -> None:
    """What was said of a whole line stands in the books on the bank's day, and so does undoing that it was nobody's."""
    found = await fetch(
        "SELECT e.effective_at FROM entry e JOIN bank_line_end x ON x.entry_id IN (e.id, e.reverses_id) "
        "WHERE x.what <> 'matched'"
    )
    assert {str(row[0])[:10] for row in found} == set(days)


async def test_a_statement_goes_to_its_payers_and_the_rest_is_nobodys(node: Node) -> None:
    bank = await open_bank()
    reference = await bank.reference()
    lines = [
        line("2026-11-02", 10_000, f"ref {reference.lower()}", "MRS A SUNDERLAND"),
        line("2026-11-02", 10_000, f"ref {reference.lower()}", "MRS A SUNDERLAND"),
        line("2026-11-03", 4_200, "for wednesday", "B HILL"),
        line("2026-11-04", -900, "OUT", "SOMEONE"),
        line("2026-11-05", 0, "INTEREST"),
    ]
    done = await bank.imports(lines)
    assert (done.lines_new, done.fresh) == (5, True)
    assert await bank.ends() == [
        (10_000, "top_up", 10_000), (10_000, "top_up", 10_000), (4_200, "received", 4_200), (-900, None, None),
        (0, "nothing", 0),
    ]  # fmt: skip
    assert await balances("1000", "2000", "2090") == [24_200, -20_000, -4_200]
    days = {str(row[0])[:10] for row in await fetch("SELECT effective_at FROM entry WHERE kind = 'top_up'")}
    assert days == {"2026-11-02"}
    # The same file, a longer one that overlaps it, and one that ends within it: each payment stays one.
    assert (await bank.imports(lines)).lines_new == 0
    assert (await bank.imports([*lines, line("2026-11-06", 700, reference)])).lines_new == 1
    assert (await bank.imports(lines[:2])).lines_new == 0
    assert await balances("1000", "2000", "2090") == [24_900, -20_700, -4_200]
    found = await kept.waiting_lines(bank.books.treasurer)
    assert [(one.line.amount_pence, one.left_pence) for one in found] == [(4_200, 4_200), (-900, -900)]
    assert found[0].line.text == "B HILL for wednesday"
    await verify()


async def test_the_same_draft_is_written_once_and_another_treasurer_at_the_same_time_changes_nothing(
    node: Node,
) -> None:
    bank = await open_bank()
    lines = [line("2026-11-02", 10_000, "A"), line("2026-11-03", 4_200, "B")]
    first, second = await bank.reads(lines), await bank.reads(lines)
    tess = bank.books.treasurer
    written = await asyncio.gather(
        *(importing.write_statement(tess, one) for one in (first, second, first)), return_exceptions=True
    )
    fresh = [one.lines_new for one in written if isinstance(one, importing.Written) and one.fresh]
    refused = [one.code for one in written if isinstance(one, Conflict)]
    assert sorted(fresh) == ([0, 2] if not refused else [2])
    assert set(refused) <= {"just_written"}
    assert await balances("1000", "2090") == [14_200, -14_200]
    with pytest.raises(NotFound):
        await queries.draft(tess, first)


async def test_nothing_of_a_file_is_kept_when_one_line_can_not_be_written(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = await open_bank()
    draft = await bank.reads([line("2026-11-02", 10_000, "A"), line("2026-11-03", 66_600, "B")])
    receive = unknown.receive

    async def breaks(act: object, found: object) -> None:
        if found.amount_pence == 66_600:  # type: ignore[attr-defined]
            raise Conflict("Not this one.", "not_this")
        await receive(act, found)  # type: ignore[arg-type]

    monkeypatch.setattr(unknown, "receive", breaks)
    with pytest.raises(Conflict):
        await importing.write_statement(bank.books.treasurer, draft)
    assert await balances("1000", "2090") == [0, 0]
    assert [await fetch_value(f"SELECT COUNT(*) FROM {of}") for of in ("bank_line", "statement_import")] == [0, 0]
    monkeypatch.undo()
    assert (await importing.write_statement(bank.books.treasurer, draft)).lines_new == 2


async def test_a_long_file_is_written_in_parts_and_goes_on_by_itself(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PART", 3)
    bank = await open_bank()
    tess, reference = bank.books.treasurer, await bank.reference()
    await bank.books.top_up(700)
    lines = [line("2026-11-20", 100 * (at + 1), reference if at % 2 == 0 else "", f"S {at}") for at in range(8)]
    other = await bank.reads([line("2026-11-22", 5, "X")])
    draft = await bank.reads(lines)
    first = await importing.write_statement(tess, draft, seconds=0)
    assert (first.left, first.lines_new, await fetch_value("SELECT COUNT(*) FROM bank_line")) == (5, 8, 3)
    assert [(one.reached, one.lines) for one in await kept.half_written(tess)] == [(3, 8)]
    assert await kept.standings(tess) == []
    with pytest.raises(Conflict, match="Another file of this account is being written"):
        await importing.write_statement(tess, other)
    # A line that can't be what it seemed is nobody's, and the rest is written.
    top_up = arriving.top_up

    async def breaks(act: object, found: object, payer_id: str) -> None:
        if found.amount_pence == 500:  # type: ignore[attr-defined]
            await top_up(act, found, payer_id)  # type: ignore[arg-type]
            raise Conflict("Not this one.", "not_this")
        await top_up(act, found, payer_id)  # type: ignore[arg-type]

    monkeypatch.setattr(arriving, "top_up", breaks)
    await actions.forget_drafts({})
    node.clock.move(timedelta(days=2))
    await actions.forget_drafts({})
    for _ in range(4):
        await importing.finish({})
    assert await kept.half_written(tess) == []
    ends = await bank.ends()
    assert [amount for amount, _, _ in ends] == [100 * (at + 1) for at in range(8)]
    assert [what for _, what, _ in ends] == [
        "top_up", "received", "top_up", "received", "received", "received", "by_hand", "received",
    ]  # fmt: skip
    assert (await importing.write_statement(tess, draft)).fresh is False
    assert await fetch_value("SELECT COUNT(*) FROM event WHERE kind = 'bank.imported'") == 1
    await verify()


async def test_the_balances_are_compared_with_what_we_have(node: Node) -> None:
    bank = await open_bank()
    tess = bank.books.treasurer

    async def gaps(lines: list[object], opening_pence: int) -> list[str]:
        draft = await queries.draft(tess, await bank.reads(lines, opening_pence=opening_pence))  # type: ignore[arg-type]
        return (await checking.look(tess, draft.account, draft.statement)).gaps

    assert await gaps([line("2026-11-02", 10_000, "A")], 500) == []
    await bank.imports([line("2026-11-02", 10_000, "A"), line("2026-11-03", 1, "B")], opening_pence=500)
    assert await gaps([line("2026-11-03", 1, "B"), line("2026-11-05", 2, "C")], 10_500) == []
    assert await gaps([line("2026-11-05", 2, "C")], 10_501) == []
    assert await gaps([line("2026-11-05", 2, "C")], 10_000) == [
        "Before 5 November 2026 the lines we have lead to £105.01, and this file begins at £100. Something of £5.01 is "
        "missing between."
    ]
    # One that begins on a day of which we have the morning, and one that has that morning alone.
    assert await gaps([line("2026-11-03", 5, "Later that day")], 10_501) == []
    assert await gaps([line("2026-11-02", 10_000, "A")], 500) == []
    await bank.imports([line("2026-11-03", 5, "Later that day")], opening_pence=10_501)
    assert await gaps([line("2026-11-03", 1, "B")], 10_500) == []
    assert await gaps([line("2026-11-03", 7, "At night")], 10_506) == []
    assert await gaps([line("2026-11-03", 7, "At night")], 10_507) == [
        "Before 3 November 2026 the lines we have lead to £105.06, and this file begins at £105.07. Something of £0.01 is "
        "missing between."
    ]


async def test_another_kind_of_file_over_the_same_days_is_refused(node: Node) -> None:
    bank = await open_bank()
    await bank.imports([line("2026-11-02", 10_000, "A")])
    node.clock.move(_MINUTE)
    changed = await actions.set_account(
        bank.books.treasurer, "1000", name="Hebden circle", sort_code="089299", account_number="65432101", layout="ofx"
    )
    ofx = bank.accounts | {"1000": changed}
    with pytest.raises(Unreadable, match=r"Days of this file were read before, out of files of Starling \(CSV\)"):
        await actions.read_statement(bank.books.treasurer, ofx["1000"], "x.ofx", banks_ofx("2026-11-02"))
    assert await actions.read_statement(bank.books.treasurer, ofx["1000"], "x.ofx", banks_ofx("2026-11-03"))
    with pytest.raises(Unreadable):
        await bank.reads([line("2026-11-05", 1, "A")])


async def test_one_number_of_the_bank_for_two_payments_is_named(node: Node) -> None:
    bank = await open_bank("ofx")
    tess, account = bank.books.treasurer, bank.accounts["1000"]
    await importing.write_statement(tess, await actions.read_statement(tess, account, "x", banks_ofx("2026-11-02")))
    with pytest.raises(Unreadable, match="The bank gave this payment the number of another one"):
        await actions.read_statement(tess, account, "x", banks_ofx("2026-11-03"))


async def test_money_that_was_written_by_hand_is_not_written_twice_unless_it_is_other_money(node: Node) -> None:
    bank = await open_bank()
    reference = await bank.reference()
    await bank.books.top_up(10_000)
    day = "2026-11-22"
    draft = await bank.reads([line(day, 10_000, reference), line(day, 10_000, reference)])
    one = await queries.draft(bank.books.treasurer, draft)
    looked = await checking.look(bank.books.treasurer, one.account, one.statement)
    assert [planned.same_entry is not None for planned in looked.planned] == [True, False]
    await importing.write_statement(bank.books.treasurer, draft)
    assert await bank.ends() == [(10_000, "by_hand", 10_000), (10_000, "top_up", 10_000)]
    assert await balances("1000", "2000") == [20_000, -20_000]
    await bank.books.top_up(300)
    draft = await bank.reads([line("2026-11-23", 300, reference)])
    one = await queries.draft(bank.books.treasurer, draft)
    again = [
        planned.mark for planned in (await checking.look(bank.books.treasurer, one.account, one.statement)).planned
    ]
    await importing.write_statement(bank.books.treasurer, draft, again=again)
    assert await balances("1000", "2000") == [20_600, -20_600]


async def test_a_treasurer_says_whose_it_is_whole_or_in_parts_and_the_sender_is_remembered(node: Node) -> None:
    bank = await open_bank()
    tess, payer = bank.books.treasurer, bank.books.payer
    other = await make.payer(await make.person("Bill"))
    await bank.imports([line("2026-11-02", 10_000, "one", "F SUNDERLAND"), line("2026-11-03", 500, "two", "K HALL")])
    whose = await bank.line(10_000)
    entry = await arriving.match(tess, whose, payer, 6_000, "m1")
    assert await arriving.match(tess, whose, payer, 6_000, "m1") == entry
    assert (await kept.waiting_line(tess, whose)).left_pence == 4_000
    with pytest.raises(Conflict):
        await arriving.match(tess, whose, other, 4_001, "m2")
    await arriving.match(tess, whose, other, 3_000, "m3", remember=True)
    await arriving.send_back(tess, whose, "back", because="They sent too much.")
    with pytest.raises(NotFound):
        await kept.waiting_line(tess, whose)
    with pytest.raises(Conflict, match="Somebody has already said"):
        await arriving.explain(tess, whose, "gift")
    assert await balances("2000", "2090", "2500") == [-9_000, -500, -1_000]
    # From now on this sender's is Bill's, but a reference says otherwise, and so does money of two payers.
    reference = await bank.reference()
    await bank.imports([line("2026-11-04", 70, "x", "F Sunderland"), line("2026-11-04", 80, reference, "F SUNDERLAND")])
    assert await escrow.credit_pence(other) == 3_000
    assert await escrow.credit_pence(payer) == 6_080
    await arriving.match(tess, await bank.line(70), other, 70, "m6")
    await bank.imports([line("2026-11-05", 70, "y", "F Sunderland")])
    assert await escrow.credit_pence(other) == 3_140
    await bank.imports([line("2026-11-05", 90, "x", "K HALL")])
    await arriving.match(tess, await bank.line(500), payer, 500, "m4", remember=True)
    await arriving.match(tess, await bank.line(90), other, 90, "m5", remember=True)
    await bank.imports([line("2026-11-06", 91, "x", "K HALL")])
    assert (await bank.ends())[-1] == (91, "received", 91)
    assert await kept.payers_of_sender((await kept.waiting_lines(tess))[-1].line) == [other, payer]
    await verify()


async def test_another_sum_of_one_name_is_asked_about_and_words_of_the_bank_are_no_name(node: Node) -> None:
    bank = await open_bank()
    tess, payer = bank.books.treasurer, bank.books.payer
    for sender, text, again in (("J SMITH", "care", "other family"), ("", "FASTER PAYMENT 0123", "FASTER PAYMENT 98")):
        await bank.imports([line("2026-11-02", 5_000, text, sender)])
        await arriving.match(tess, await bank.line(5_000), payer, 5_000, f"m {text}", remember=True)
        await bank.imports([line("2026-11-03", 7_777, again, sender), line("2026-11-04", 5_000, again, sender)])
        what = "top_up" if sender else "received"
        assert (await bank.ends())[-2:] == [(7_777, "received", 7_777), (5_000, what, 5_000)]
    # What may be the sender's is offered first.
    found = (await kept.waiting_lines(tess))[0].line
    assert await kept.payers_of_sender(found) == [payer]
    # Once somebody else who pays has that name, the same sum is only offered as well; nor for two whom one pays for.
    await make.payer(await make.person("Amy"), await make.person(await _called(payer)), fund="family")
    await bank.imports([line("2026-11-05", 5_000, "other family", "J SMITH")])
    assert (await bank.ends())[-1] == (5_000, "received", 5_000)


async def _called(payer: str) -> str:
    return str(
        await fetch_value(
            "SELECT p.called FROM payer y JOIN person p ON p.id = y.payer_person_id WHERE y.id = ?", payer
        )
    )


async def test_a_file_of_long_lines_is_looked_at_quickly_and_others_are_served(node: Node) -> None:
    bank = await open_bank()
    await bank.reference()
    said = [line("2026-11-02", 100 + at, "0AA0AA0A" * 40 + str(at), "Ann") for at in range(400)]
    began = time.process_time()
    draft = await bank.reads(said[:60])
    await bank.reads(said)
    assert time.process_time() - began < 2
    # While it is written others are served between two lines.
    writing, served = asyncio.create_task(importing.write_statement(bank.books.treasurer, draft)), 0
    while not writing.done():
        await asyncio.sleep(0)
        served += 1
    assert (await writing).lines_new == 60
    assert served > 60


@pytest.mark.parametrize("code", ["1000", "1010", "1020"])
async def test_what_no_payer_sent_for_visits_is_written_as_what_it_was(node: Node, code: str) -> None:
    bank = await open_bank()
    tess, payer = bank.books.treasurer, bank.books.payer
    await bank.books.top_up(100)
    await treasury.bounce(tess, payer, 1_100, "bounced")
    # Of what is written by hand the line says nothing new; and where nothing is, it can't say so.
    on = lines.noon(date(2026, 11, 2))
    if code == "1000":
        await treasury.receive_unmatched(tess, "hand", 55, "hand", effective_at=on)
    else:
        await treasury.donation(tess, 55, "hand", fund="pens" if code == "1020" else "", effective_at=on)
    first = await balances("1000", "1010", "1020")
    sums = {"owing": 1_000, "gift": 2_000, "interest": 30, "own": 400, "by_hand": 55, "other": 66}
    await bank.imports([line("2026-11-02", -400, "own")], code="1010" if code == "1000" else "1000")
    await bank.imports([line("2026-11-02", pence, what) for what, pence in sums.items()], code=code)
    for what, pence in sums.items():
        whose = await bank.line(pence)
        if what == "other" and code == "1000":
            with pytest.raises(Invalid):
                await arriving.explain(tess, whose, what)
            await arriving.match(tess, whose, payer, pence, "m")
            continue
        purpose = "hoists" if what == "gift" and code == "1020" else ""
        for _ in range(2):
            await arriving.explain(tess, whose, what, payer_id=payer if what == "owing" else "", purpose=purpose)
        with pytest.raises(Conflict):
            await arriving.explain(tess, whose, "own" if what != "own" else "by_hand")
    assert await kept.waiting_lines(tess) == []
    assert await balances("1100", "2090") == [0, -55 if code == "1000" else 0]
    moved = [now - then for now, then in zip(await balances("1000", "1010", "1020"), first, strict=True)]
    assert moved == {"1000": [66, 3_030, 0], "1010": [0, 3_030, 0], "1020": [0, 1_030, 2_000]}[code]
    await all_of_the_banks_day("2026-11-02")
    await verify()


@pytest.mark.parametrize("code", ["1000", "1010", "1020"])
async def test_every_line_has_its_place_in_both_directions(node: Node, code: str) -> None:
    """What is no payer's: charges, gifts, shares, other circles, the card company, our own accounts."""
    bank = await open_bank()
    tess, worker = bank.books.treasurer, bank.books.worker
    await make.hat(worker, await make.circle(), "member")
    await treasury.own_money(tess, 50_000, "own", because="Before the books.")
    await bank.books.top_up(10_000)
    link = "tod"
    if code == "1000":
        # Both circles owe each other, and the card company has something.
        await treasury.gateway_top_up(tess, bank.books.payer, 5_000, "card")
        await owes_each_other(bank.books)
    # £1 of what the circle takes for this visit is VAT.
    await set_schedule(tess, 0, 1500, decision_id=await make.decision(), vat_bps=2000)
    await bank.books.set_aside("visit:2", 4_000)
    await release(NODE, "visit:2", "went too")
    first = await trial()
    came = {
        "grant": (2_000, {"purpose": "hoists"}), "applied": (1_500, {"of": worker}), "charge_back": (700, {}),
        **({
            "circle_paid": (3_000, {"of": link}), "card_sent": (4_830, {"fee_pence": 170}), "put_in": (300, {}),
            "own_in": (44, {}),
        } if code == "1000" else {"elsewhere": (55, {})}),
    }  # fmt: skip
    await bank.imports([line("2026-11-02", pence, what) for what, (pence, _) in came.items()], code=code)
    for what, (pence, more) in came.items():
        whose = await bank.line(pence)
        offered = {one.what for one in await others.may_have_come(await lines.find(whose))}
        assert what in offered
        for _ in range(2):
            await arriving.explain(tess, whose, what, **more)
    left = {
        "1000": {"charge": (500, ""), "paid_circle": (1_000, link), "vat": (100, ""), "own_cost": (77, "")},
        "1010": {"charge": (500, ""), "vat": (100, ""), "gift_back": (400, "")},
        "1020": {"charge": (500, ""), "share_back": (600, worker), "fund_spent": (250, "hoists")},
    }[code]
    await bank.imports([line("2026-11-20", -pence, what) for what, (pence, _) in left.items()], code=code)
    for what, (pence, of) in left.items():
        whose = await bank.line(-pence)
        offered = {(one.what, one.of) for one in await others.may_have_left(tess, await lines.find(whose))}
        assert (what, of) in offered
        for _ in range(2):
            await leaving.explain(tess, whose, what, of)
    now = await trial()
    moved = {of: now.get(of, 0) - first.get(of, 0) for of in {*now, *first} if now.get(of, 0) != first.get(of, 0)}
    # A gift for a purpose and shares are kept apart, and what the bank charges is the circle's own, whichever account
    # they came on: the treasurer moves them at the bank.
    assert moved == {
        "1000": {
            "1000": 3_000 + 5_000 + 300 - 1_000, "1010": 700 - 300 - 170 - 500 - 100, "1020": 3_500, "1050": -5_000,
            "1200": -3_000, "2300": 1_000, "2400": 100, "2610": -1_500, "3200": -2_000, "5200": 170 + 500 - 700,
        },
        "1010": {"1010": 700 - 500 - 400 - 100, "1020": 3_500, "2400": 100, "2610": -1_500, "3200": -2_000, "4200": 400, "5200": -200},
        "1020": {"1010": 200, "1020": 3_500 - 600 - 250, "2610": -900, "3200": -1_750, "5200": -200},
    }[code]  # fmt: skip
    assert await kept.waiting_lines(tess) == []
    await all_of_the_banks_day("2026-11-02", "2026-11-20")
    # What is said of a line is for its account and its direction, and more than is there never leaves.
    await bank.imports([line("2026-11-21", -90_000, "?"), line("2026-11-21", 9, "?")], code=code)
    for what, of in (("grant", ""), ("put_in", ""), ("gift_back" if code != "1010" else "fund_spent", "")):
        with pytest.raises(Invalid):
            await leaving.explain(tess, await bank.line(-90_000), what, of)
    with pytest.raises((Conflict, Invalid)):
        await leaving.explain(tess, await bank.line(-90_000), "paid_circle" if code == "1000" else "share_back", link)
    with pytest.raises(Invalid):
        await arriving.explain(tess, await bank.line(9), "elsewhere" if code == "1000" else "put_in")
    with pytest.raises(Invalid, match="Choose who applies"):
        await arriving.explain(tess, await bank.line(9), "applied", of=bank.books.person)
    await verify()


async def owes_each_other(books: Books) -> None:
    """We owe another circle £37 for a visit here, and it owes us £37 for one there."""
    assert await books.set_aside("visit:1", 4_000, across=Across("tod"))
    await release(NODE, "visit:1", "went")
    shares = {"payer_add_bps": 0, "worker_deduct_bps": 1500, "home_share_bps": 5000}
    await owe_worker_from(NODE, "tod", "claim:1", books.worker, 4_000, 0, key="claim", **shares)


async def test_what_left_the_bank_is_a_refund_a_sweep_a_bounce_or_waits(node: Node) -> None:
    bank = await open_bank()
    tess, payer, reference = bank.books.treasurer, bank.books.payer, await bank.reference()
    await bank.imports(
        [line("2026-11-02", 10_000, reference, "F SUNDERLAND"), line("2026-11-02", 5_000, "?", "K HALL")]
    )
    await treasury.refund(tess, payer, 4_000, "r")
    await arriving.send_back(tess, await bank.line(5_000), "b", because="Not for us.")
    out = [
        line("2026-11-03", -4_000, f"refund {reference}"), line("2026-11-03", -5_000, "back", "K HALL"),
        line("2026-11-04", -10_000, "UNPAID", "F SUNDERLAND"), line("2026-11-05", -700, "to 65432102"),
    ]  # fmt: skip
    await bank.imports(out)
    # Only what names its payer and is theirs to the penny is known by itself.
    assert await balances("2500") == [-5_000]
    waiting = {one.line.amount_pence: one.line for one in await kept.waiting_lines(tess)}
    assert list(waiting) == [-5_000, -10_000, -700]
    expected, called = await leaving.waiting(tess), await queries.called()

    async def offered(pence: int, own_named: bool = False) -> list[tuple[str, str]]:
        found = waiting[pence]
        once = await leaving.once_sent(found, "")
        return [(one.what, one.of) for one in leaving.options(found, expected, once, called, own_named)]

    receipt = f"bank:{await bank.line(5_000)}"
    assert (await offered(-5_000))[0] == ("refund_left", receipt)
    assert (await offered(-10_000))[0] == ("bounced", payer)
    assert (await offered(-700, True))[0] == ("swept", "")
    await leaving.explain(tess, waiting[-5_000].id, "refund_left", receipt)
    await leaving.explain(tess, waiting[-5_000].id, "refund_left", receipt)
    await leaving.explain(tess, waiting[-10_000].id, "bounced", payer)
    with pytest.raises(Conflict, match="not that much in the bank"):
        await leaving.explain(tess, waiting[-700].id, "swept")
    assert await bank.ends() == [
        (10_000, "top_up", 10_000), (5_000, "received", 5_000), (5_000, "sent_back", 5_000), (-4_000, "refund_left", 4_000),
        (-5_000, "refund_left", 5_000), (-10_000, "bounced", 10_000), (-700, None, None),
    ]  # fmt: skip
    with pytest.raises(Conflict, match="Read that account’s statement first"):
        await leaving.explain(tess, waiting[-700].id, "own")
    await bank.imports([line("2026-11-05", 700, "from 65432101")], code="1010")
    await leaving.explain(tess, waiting[-700].id, "own")
    with pytest.raises(Conflict):
        await leaving.explain(tess, waiting[-700].id, "by_hand")
    # What was theirs is gone, and the rest they owe: the circle's own money stands in.
    assert await balances("1000", "1010", "1100", "2000", "2500") == [0, -4_000, 4_000, 0, 0]
    with pytest.raises(Invalid):
        await leaving.explain(tess, await bank.line(10_000), "swept")
    with pytest.raises(Invalid):
        await arriving.explain(tess, waiting[-700].id, "gift")
    await verify()


async def test_our_accounts_are_kept_with_who_wrote_them_and_never_two_in_one(node: Node) -> None:
    bank = await open_bank()
    tess = bank.books.treasurer
    node.clock.move(_MINUTE)
    admin = Actor(person_id=bank.books.person, hats=(Hat("admin", await make.circle(), "circle"),))
    facts = {"name": "Hebden circle", "sort_code": "08-92-99", "layout": "lloyds"}
    # How its files come counts at once; another number waits for a second person, and a new number for Bacs does not.
    await actions.set_account(admin, "1000", account_number="11112222", service_user="123456", **facts)
    now = (await queries.accounts())["1000"]
    assert (now.account_number, now.layout) == ("65432101", "lloyds")
    stands = (await ours.accounts())["1000"]
    assert (stands.service_user, stands.recorded_by, stands.since) == (
        "123456", admin.person_id, stands.recorded_at - _MINUTE
    )  # fmt: skip
    (change,) = await ours.waiting(tess)
    assert (change.told[2], change.before[2], change.asked_by) == ("11112222", "65432101", admin.person_id)
    with pytest.raises(Conflict, match="waits for a second person already"):
        await actions.set_account(tess, "1000", **{**facts, "account_number": "33334444"})
    node.clock.move(_MINUTE)
    other = await hatted("Fay", "facilitator")
    with pytest.raises(Forbidden, match="Somebody else"):
        await changing.confirm_account(admin, change.id, how="paper")
    for nobody in (Actor(person_id=bank.books.worker), msgspec.structs.replace(other, via="phone", acting_for="x")):
        with pytest.raises(Forbidden):
            await changing.confirm_account(nobody, change.id, how="paper")
    with pytest.raises(Invalid):
        await changing.confirm_account(other, change.id, how="")
    results = await asyncio.gather(
        changing.confirm_account(other, change.id, how="paper"), changing.confirm_account(tess, change.id, how="rang"),
        changing.turn_down_account(tess, change.id), return_exceptions=True,
    )  # fmt: skip
    assert [type(one) for one in results].count(Conflict) in {1, 2}
    stands = (await ours.accounts())["1000"]
    ended = await ours.find_change(change.id)
    if ended.state == "turned_down":
        await actions.set_account(admin, "1000", account_number="11112222", service_user="123456", **facts)
        (change,) = await ours.waiting(tess)
        await changing.confirm_account(other, change.id, how="rang")
        stands = (await ours.accounts())["1000"]
    assert (stands.account_number, stands.service_user, stands.since) == ("11112222", "123456", clock.now())
    # Taken back by whoever asked, turned down by another; what stands goes on standing.
    for end, who in ((changing.take_back_account, tess), (changing.turn_down_account, admin)):
        await actions.set_account(tess, "1000", service_user="123456", **{**facts, "account_number": "33334444"})
        (change,) = await ours.waiting(tess)
        await end(who, change.id)
        await end(who, change.id)
        with pytest.raises(Conflict, match="already"):
            await changing.confirm_account(other, change.id, how="paper")
    assert (await ours.accounts())["1000"] == stands
    # The number became another of ours while it waited.
    await actions.set_account(tess, "1000", service_user="123456", **{**facts, "account_number": "77778888"})
    (change,) = await ours.waiting(tess)
    await actions.set_account(tess, "1020", **{**facts, "account_number": "55556666"})
    (twin,) = [one for one in await ours.waiting(tess) if one.code == "1020"]
    await changing.take_back_account(tess, twin.id)
    await actions.set_account(tess, "1020", **{**facts, "account_number": "77778888"})
    (twin,) = [one for one in await ours.waiting(tess) if one.code == "1020"]
    await changing.confirm_account(other, twin.id, how="paper")
    with pytest.raises(Invalid, match="another of ours"):
        await changing.confirm_account(other, change.id, how="paper")
    await changing.take_back_account(tess, change.id)
    now = (await queries.accounts())["1000"]
    node.clock.move(_MINUTE)
    for wrong, code in (
        ({"account_number": "65432102"}, "same_account"), ({"account_number": "1"}, "bad_account_number"),
        ({"sort_code": "1"}, "bad_sort_code"), ({"layout": "nowhere"}, "no_layout"), ({"name": " "}, "bad_name"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as caught:
            await actions.set_account(tess, "1000", **{**facts, "account_number": "33334444", **wrong})
        assert caught.value.code == code
    worker = Actor(person_id=bank.books.worker, hats=(Hat("worker", await make.circle(), "circle"),))
    for who in (worker, Actor(person_id=bank.books.person), admin):
        with pytest.raises(Forbidden):
            await actions.read_statement(who, now.id, "x", b"x")
        with pytest.raises(Forbidden):
            await kept.waiting_lines(who)
    with pytest.raises(Forbidden):
        await actions.set_account(worker, "1000", account_number="11112222", **facts)
    # No number of an account, and no word of a bank, is in an event or an audit row.
    said = str([tuple(row) for row in await fetch("SELECT * FROM audit")]) + str(
        [tuple(row) for row in await fetch("SELECT * FROM event")]
    )
    assert "11112222" not in said
    assert "33334444" not in said
    assert "65432101" not in said


async def test_who_may_read_how_to_pay(node: Node) -> None:
    bank = await open_bank()
    reference = await bank.reference()
    ada, circle = bank.books.person, await make.circle()
    fern, paul = await make.person("Fern"), await make.person("Paul")
    theirs = await make.payer(await make.person("Bill"), paul)
    assert await actions.references({}) is None
    mine = await queries.how_to_pay(Actor(person_id=ada))
    assert [(one.reference, one.payer_called) for one in mine] == [(reference, "Ada")]
    may = frozenset({"money"})
    assert await queries.how_to_pay(Actor(person_id=fern, acting_for=ada, scopes=may)) == mine
    assert await queries.how_to_pay(Actor(person_id=fern, acting_for=ada, scopes=frozenset({"ask_for_cover"}))) == []
    assert [one.person_called for one in await queries.how_to_pay(Actor(person_id=paul))] == ["Bill"]
    fay = Actor(person_id=fern, hats=(Hat("facilitator", circle, "circle"),))
    assert len(await queries.everyone_who_pays(fay)) == 2
    assert (await queries.how_this_one_pays(fay, theirs)).payer_called == "Paul"
    for stranger in (Actor(person_id=ada), Actor(person_id=bank.books.worker)):
        with pytest.raises(NotFound):
            await queries.how_this_one_pays(stranger, theirs)
        with pytest.raises(Forbidden):
            await queries.everyone_who_pays(stranger)
    again = await bank.reference()
    assert again == reference
    with pytest.raises(Forbidden):
        await actions.give_references(bank.books.treasurer, [theirs])


async def test_what_is_read_of_a_file_is_the_same_number_of_queries_for_any(node: Node) -> None:
    bank = await open_bank()
    tess, asked = bank.books.treasurer, []
    for many in (1, 2, 50):
        draft = await bank.reads([line("2026-11-02", 100 + at, "x", f"SENDER {at}") for at in range(many)])
        with counting_queries() as counted:
            one = await queries.draft(tess, draft)
            await checking.look(bank.books.treasurer, one.account, one.statement)
        await importing.write_statement(tess, draft)
        with counting_queries() as listed:
            await kept.waiting_lines(tess)
            await kept.imports(tess)
        asked.append((len(counted), len(listed)))
    # The first file has none before it to be compared with.
    assert asked[1] == asked[2]


async def test_drafts_go_after_a_day_and_a_described_bank_is_read(node: Node) -> None:
    bank = await open_bank()
    tess = bank.books.treasurer
    await bank.reads([line("2026-11-02", 100, "x")])
    node.clock.move(actions.DRAFTS_LAST * 2)
    await node.settle()
    assert await fetch_value("SELECT COUNT(*) FROM statement_draft") == 0
    described = checking.Profile(
        name="own", title="Our bank", day="When", paid_in="In", paid_out="Out", texts=("What",), skip=1
    )
    layout = await actions.describe_bank(tess, described)
    assert (await queries.layouts())[layout] == "Our bank"
    account = await actions.set_account(
        tess, "1000", name="Hebden circle", sort_code="089299", account_number="65432101", layout=layout
    )
    data = b"Our bank\nWhen,What,In,Out\n02/11/2026,B HILL,12.50,\n"
    await importing.write_statement(tess, await actions.read_statement(tess, account, "x.csv", data))
    assert await balances("1000", "2090") == [1_250, -1_250]
    for wrong in (
        {"title": ""},
        {"day": ""},
        {"texts": ()},
        {"amount": "Sum"},
        {"paid_in": ""},
        {"skip": 99},
        {"paid_in": "Out"},
    ):
        with pytest.raises(Invalid):
            checking.check_profile(checking.msgspec.structs.replace(described, **wrong))
    assert rules.keeps_bank(tess)

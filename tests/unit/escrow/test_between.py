"""Two circles make even, to the penny, and nobody's pay waits longer than it must (money.md A4, A5.7, A5.10)."""

from typing import Any

import msgspec
import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import chart, clawback, corrections, ledger, queries, treasury
from eccoo_node.escrow.actions import Across, owe_worker_from, release
from eccoo_node.escrow.between import bear_for_circle, circle_paid, front, fronted_pence, paid_circle, set_off
from eccoo_node.escrow.rules import FRONT_LIMIT, Leg
from eccoo_node.escrow.verify import verify
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel.access import NODE, Actor
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from eccoo_node.record.door import Act
from tests.support import make
from tests.support.escrow import Books, entries, open_books
from tests.support.node import Node

BOTH = {"payer_add_bps": 0, "worker_deduct_bps": 1500, "home_share_bps": 5000}


async def both_ways(node: Node) -> Books:
    """We owe Todmorden £55.50 for a visit of £60, and it owes us £37 for one of £40: the rows of money.md A4."""
    books = await open_books()
    await books.top_up(6000)
    assert await books.set_aside("visit:1", 6000, across=Across("tod"))
    await release(NODE, "visit:1", "went")
    await owe_worker_from(NODE, "tod", "claim:1", books.worker, 4000, 0, key="claim", **BOTH)
    return books


async def stands(code: str, holder: str = "", awaiting: str = "") -> int:
    return await ledger.balance(chart.Account(code, holder, awaiting))


async def test_set_off_and_paid(node: Node) -> None:
    books = await both_ways(node)
    assert (await stands("2300", "tod"), await stands("1200", "tod")) == (-5550, 3700)
    assert await stands("2200", books.worker, "tod") == -3400
    for _ in range(2):
        await set_off(books.treasurer, "tod", 3700, "month")
        await paid_circle(books.treasurer, "tod", 1850, "month paid")
    # The row of money.md A4, and our worker’s part of what they owed us.
    assert (await entries(books))[-3:] == [
        ("set_off", [("1200", "tod", "", -3700), ("2300", "tod", "", 3700)]),
        ("ready", [("2200", "worker", "", -3400), ("2200", "worker", "tod", 3400)]),
        ("paid_circle", [("1000", "", "", -1850), ("2300", "tod", "", 1850)]),
    ]
    owed = await queries.owed("tod")
    assert (owed.we_owe_pence, owed.they_owe_pence) == (0, 0)
    assert await stands("2200", books.worker, "tod") == 0
    assert await stands("2200", books.worker) == -3400
    # £60 came in, £18.50 went to Todmorden, £34 is the worker's; £7.50 of commission is the circle's own.
    assert await queries.trial_balance() == {
        "1000": 4150, "1200": 0, "2000": 0, "2100": 0, "2200": -3400, "2300": 0, "4000": -750,
    }  # fmt: skip
    await treasury.sweep(books.treasurer, 750, "earned")
    await verify()


async def test_they_pay_in_parts_and_workers_come_first(node: Node) -> None:
    books = await open_books()
    for number, worker in ((1, books.worker), (2, books.other)):
        await owe_worker_from(NODE, "tod", f"claim:{number}", worker, 6000, 360, key=f"claim {number}", **BOTH)
    assert await stands("1200", "tod") == 2 * (6000 + 360 - 450)
    await circle_paid(books.treasurer, "tod", 5300, "first")
    assert (await stands("2200", books.worker), await stands("2210", books.worker)) == (-5100, -200)
    assert await stands("2200", books.other) == 0
    with pytest.raises(Conflict):
        await treasury.sweep(books.treasurer, 1, "too early")
    await circle_paid(books.treasurer, "tod", 5620, "second")
    assert await stands("2210", books.worker) == await stands("2210", books.other) == -360
    assert await stands("2200", books.other) == -5100
    # What is still owed is our own part of the commission; nothing of anybody's pay.
    assert await stands("1200", "tod") == 900
    with pytest.raises(Conflict, match="does not owe us that much"):
        await circle_paid(books.treasurer, "tod", 901, "too much")
    await circle_paid(books.treasurer, "tod", 900, "third")
    await treasury.sweep(books.treasurer, 900, "now")
    await verify()


async def test_our_own_money_stands_in_within_what_was_decided(node: Node) -> None:
    books = await open_books()
    await owe_worker_from(NODE, "tod", "claim:1", books.worker, 6000, 0, key="claim", **BOTH)
    with pytest.raises(Conflict, match="at most £0"):
        await front(books.treasurer, "tod", 1, "early")
    await decide_figure(NODE, FRONT_LIMIT, 5000, decision_id=await make.decision("Up to £50."))
    await treasury.donation(books.treasurer, 6000, "gift")
    for _ in range(2):
        await front(books.treasurer, "tod", 5000, "friday")
    with pytest.raises(Conflict, match="at most £50"):
        await front(books.treasurer, "tod", 100, "more")
    assert (await stands("2200", books.worker), await stands("2200", books.worker, "tod")) == (-5000, -100)
    assert (await stands("1000"), await stands("1010"), await fronted_pence("tod")) == (5000, 1000, 5000)
    await circle_paid(books.treasurer, "tod", 5550, "paid")
    assert (await stands("2200", books.worker), await stands("2200", books.worker, "tod")) == (-5100, 0)
    assert (await stands("1000"), await stands("1010"), await fronted_pence("tod")) == (5550, 6000, 0)
    await verify()


async def test_nothing_is_put_up_that_nobody_waits_for(node: Node) -> None:
    books = await open_books()
    await decide_figure(NODE, FRONT_LIMIT, 50_000, decision_id=await make.decision())
    await owe_worker_from(NODE, "tod", "claim:1", books.worker, 1000, 0, key="claim", **BOTH)
    before = await fetch("SELECT COUNT(*) FROM entry")
    with pytest.raises(Conflict, match="do not wait"):
        await front(books.treasurer, "tod", 851, "too much")
    assert await fetch("SELECT COUNT(*) FROM entry") == before


@pytest.mark.parametrize("act", [set_off, circle_paid, paid_circle, front])
async def test_only_the_treasurer_and_only_a_sum(node: Node, act: object) -> None:
    books = await open_books()
    # The node itself sets off what both circles agreed, and nothing else.
    for nobody in (Actor(person_id=books.worker), Actor(), *(() if act is set_off else (NODE,))):
        with pytest.raises(Forbidden):
            await act(nobody, "tod", 100, "x")  # type: ignore[operator]
    for pence in (0, -1, 10_000_001, 1.5, True):
        with pytest.raises(Invalid):
            await act(books.treasurer, "tod", pence, "x")  # type: ignore[operator]
    if act is not front:
        with pytest.raises(Conflict):
            await act(books.treasurer, "tod", 100, "x")  # type: ignore[operator]


@pytest.mark.parametrize("act", [set_off, circle_paid, front, bear_for_circle])
async def test_nobody_makes_their_own_waiting_pay_ready(node: Node, act: Any) -> None:
    """Nor the pay of somebody they speak for, also where the oldest visit is somebody else's."""
    books = await both_ways(node)
    by, theo = books.treasurer, await make.person("Theo")
    another = msgspec.structs.replace(by, person_id=theo)
    await owe_worker_from(NODE, "tod", "claim:2", by.person_id, 4000, 0, key="claim 2", **BOTH)
    await decide_figure(NODE, FRONT_LIMIT, 5000, decision_id=await make.decision())
    await treasury.donation(by, 9000, "gift")
    of = ("claim:1",) if act is bear_for_circle else ()
    why = {"because": "They will not pay"} if act is bear_for_circle else {}
    with pytest.raises(Forbidden, match="Another treasurer"):
        await act(by, "tod", *of, 100, "x", **why)
    await make.speaks(theo, books.worker, "money")
    with pytest.raises(Forbidden, match="someone you speak for"):
        await act(another, "tod", *of, 100, "x", **why)
    assert await stands("2200", books.worker) == 0
    # What is owed to nobody here is anybody's to write, and so is what the other circle's own pay waits for.
    await paid_circle(by, "tod", 100, "paid")
    third = msgspec.structs.replace(by, person_id=await make.person("Thea"))
    await act(third, "tod", *of, 100, "x", **why)
    assert await stands("2200", books.worker) == -100


async def last_entries(books: Books, *kinds: str) -> list[list[tuple[str, str, int]]]:
    """What the newest entries of these kinds did, each on its net accounts."""
    found = {}
    for kind, postings in await entries(books):
        net: dict[tuple[str, str], int] = {}
        for code, of, _, amount in postings:
            net[code, of] = net.get((code, of), 0) + amount
        found[kind] = sorted((*where, amount) for where, amount in net.items() if amount)
    return [found[kind] for kind in kinds]


async def test_after_all_is_settled_paid_out_and_swept_both_circles_take_it_back(node: Node) -> None:
    books = await open_books()
    # Here somebody is supported; what was owed for it is paid, and our part is swept.
    await books.top_up(6000)
    assert await books.set_aside("visit:1", 6000, across=Across("tod"))
    await release(NODE, "visit:1", "went")
    await paid_circle(books.treasurer, "tod", 5550, "month")
    await treasury.sweep(books.treasurer, 450, "ours")
    for _ in range(2):
        await clawback.claw_back(NODE, "visit:1", "back", fee_pence=6000, because="Both treasurers agreed")
        await corrections.resolve(NODE, "visit:1", "back so", fee_pence=0, because="Both treasurers agreed")
    taken, given = await last_entries(books, "clawed_back", "resolved")
    assert taken == [
        ("1000", "", 6000), ("1010", "", -6000), ("1200", "tod", 5550), ("2110", "visit:1", -6000), ("4000", "", 450),
    ]  # fmt: skip
    assert given == [("2000", "payer", -6000), ("2110", "visit:1", 6000)]
    await verify()
    # There the worker has had their part, and the commission is swept.
    await owe_worker_from(NODE, "heb", "away:1", books.worker, 6000, 0, key="claim", **BOTH)
    await circle_paid(books.treasurer, "heb", 5550, "month")
    await _paid_out(books, 5100)
    await treasury.sweep(books.treasurer, 450, "theirs")
    for _ in range(2):
        await clawback.owe_back(NODE, "away:1", "back there", fee_pence=6000)
    # What is owed to a circle has to lie in the bank, so the circle's own money goes there with it.
    assert await last_entries(books, "owed_back") == [[
        ("1000", "", 5550), ("1010", "", -5550), ("1300", "worker", 5100), ("2300", "heb", -5550), ("4000", "", 450),
    ]]  # fmt: skip
    await verify()
    await circle_paid(books.treasurer, "tod", 5550, "back")
    await paid_circle(books.treasurer, "heb", 5550, "back")
    assert (await stands("1200", "tod"), await stands("2300", "heb")) == (0, 0)
    await verify()


async def _paid_out(books: Books, pence: int, of: chart.Account | None = None) -> None:
    async with write():
        act = Act(NODE, "test", "act")
        legs = [Leg(of or chart.worker(books.worker), chart.BANK, pence)]
        await ledger.post(act, ledger.Draft(kind="payout", key="payout", body={}), legs)


async def test_what_a_circle_never_pays_ours_bears_and_the_worker_has_all_of_it(node: Node) -> None:
    books = await open_books()
    await owe_worker_from(NODE, "tod", "away:1", books.worker, 6000, 0, key="claim", **BOTH)
    why = {"because": "We will not go on about it"}
    with pytest.raises(Forbidden):
        await bear_for_circle(NODE, "tod", "away:1", 5550, "x", **why)
    for pence in (0, 5551):
        with pytest.raises(Invalid, match="up to £55"):
            await bear_for_circle(books.treasurer, "tod", "away:1", pence, "x", **why)
    with pytest.raises(Invalid, match="who agreed"):
        await bear_for_circle(books.treasurer, "tod", "away:1", 5550, "x", because=" ")
    for _ in range(2):
        await bear_for_circle(books.treasurer, "tod", "away:1", 5500, "borne", **why)
    assert await last_entries(books, "borne") == [
        [("1000", "", 5500), ("1010", "", -5500), ("1200", "tod", -5500), ("5100", "", 5500)]
    ]
    assert (await stands("2200", books.worker), await stands("1200", "tod")) == (-5100, 50)
    await verify()


async def test_what_the_other_circle_has_paid_and_our_worker_has_not_had_is_taken_from_there(node: Node) -> None:
    books = await open_books()
    await owe_worker_from(NODE, "tod", "away:1", books.worker, 6000, 0, key="claim", **BOTH)
    await circle_paid(books.treasurer, "tod", 5550, "paid")
    await clawback.owe_back(NODE, "away:1", "back there", fee_pence=6000)
    assert (await entries(books))[-1] == (
        "owed_back", [("2200", "worker", "", 5100), ("2300", "tod", "", -5550), ("4000", "", "", 450)],
    )  # fmt: skip
    assert (await stands("2200", books.worker), await stands("1300", books.worker)) == (0, 0)
    await verify()


async def owed_for(claim: str, worker: str, travel: int = 0, **rates: int) -> None:
    await owe_worker_from(NODE, "tod", claim, worker, 4000, travel, key=claim, **{**BOTH, **rates})


async def waits(worker: str) -> list[int]:
    """What a worker waits for and what is ready, of fees and of travel."""
    return [-await stands(code, worker, link) for code in ("2200", "2210") for link in ("tod", "")]


async def test_what_was_paid_for_a_visit_that_is_put_right_pays_for_the_next(node: Node) -> None:
    """Wren’s visit was paid for and is put right. Robin’s was not in question: what came for hers is theirs now."""
    books = await open_books()
    await owed_for("claim:1", books.worker)
    await circle_paid(books.treasurer, "tod", 3700, "paid")
    await owed_for("claim:2", books.other)
    for _ in range(2):
        await clawback.owe_back(NODE, "claim:1", "right", fee_pence=4000)
    assert (await entries(books))[-3:] == [
        ("owed_back", [("1200", "tod", "", -300), ("2200", "worker", "", 3400), ("2300", "tod", "", -3400), ("4000", "", "", 300)]),
        ("set_off", [("1200", "tod", "", -3400), ("2300", "tod", "", 3400)]),
        ("ready", [("2200", "other", "", -3400), ("2200", "other", "tod", 3400)]),
    ]  # fmt: skip
    assert await waits(books.worker) == [0, 0, 0, 0]
    assert await waits(books.other) == [0, 3400, 0, 0]
    # As in the other circle’s books: neither owes anything.
    assert (await stands("1200", "tod"), await stands("2300", "tod")) == (0, 0)
    await verify()


async def test_what_the_same_worker_waits_for_on_another_visit_is_not_taken(node: Node) -> None:
    books = await open_books()
    await treasury.own_money(books.treasurer, 10_000, "own", because="To begin with")
    await owed_for("claim:1", books.worker)
    await circle_paid(books.treasurer, "tod", 3700, "paid")
    await _paid_out(books, 3400)
    await owed_for("claim:2", books.worker, 300)
    await clawback.owe_back(NODE, "claim:1", "right", fee_pence=4000)
    assert await stands("1300", books.worker) == 3400
    assert await waits(books.worker) == [0, 3400, 300, 0]
    await circle_paid(books.treasurer, "tod", 300, "the rest")
    assert (await stands("1200", "tod"), await stands("2300", "tod")) == (0, 0)
    await verify()


async def test_where_it_was_paid_out_too_our_own_money_pays_for_the_next(node: Node) -> None:
    books = await open_books()
    await treasury.own_money(books.treasurer, 10_000, "own", because="To begin with")
    await owed_for("claim:1", books.worker)
    await circle_paid(books.treasurer, "tod", 3700, "paid")
    await _paid_out(books, 3400)
    await treasury.sweep(books.treasurer, 300, "ours")
    await owed_for("claim:2", books.other)
    await owed_for("claim:3", books.other)
    await clawback.owe_back(NODE, "claim:1", "right", fee_pence=4000)
    assert await stands("1300", books.worker) == 3400
    # Our own part of what is still owed for theirs comes last, as ever: £6 of what was paid for Wren is set against it.
    assert await waits(books.other) == [3700, 3100, 0, 0]
    await verify()
    await circle_paid(books.treasurer, "tod", 3700, "paid too")
    assert await waits(books.other) == [0, 6800, 0, 0]
    assert (await stands("1200", "tod"), await stands("2300", "tod")) == (0, 0)
    await verify()


@pytest.mark.parametrize("paid_out", [False, True])
async def test_what_was_put_up_for_a_visit_that_is_put_right_is_not_taken_from_the_next(
    node: Node, paid_out: bool
) -> None:
    books = await open_books()
    await decide_figure(NODE, FRONT_LIMIT, 50_000, decision_id=await make.decision())
    await treasury.own_money(books.treasurer, 10_000, "own", because="To begin with")
    await owed_for("claim:1", books.worker, home_share_bps=10_000)
    await front(books.treasurer, "tod", 3400, "friday")
    if paid_out:
        await _paid_out(books, 3400)
    await clawback.owe_back(NODE, "claim:1", "right", fee_pence=4000)
    # What was put up is back, or the worker owes it and no longer the other circle.
    assert (await fronted_pence("tod"), await stands("1200", "tod")) == (0, 0)
    assert (await stands("1300", books.worker), await stands("1010")) == ((3400, 6600) if paid_out else (0, 10_000))
    await owed_for("claim:2", books.other, home_share_bps=10_000)
    await circle_paid(books.treasurer, "tod", 4000, "paid")
    assert await waits(books.other) == [0, 3400, 0, 0]
    await verify()


async def test_what_was_put_up_for_another_visit_comes_back_out_of_what_was_paid(node: Node) -> None:
    books = await open_books()
    await decide_figure(NODE, FRONT_LIMIT, 50_000, decision_id=await make.decision())
    await treasury.own_money(books.treasurer, 10_000, "own", because="To begin with")
    await owed_for("claim:1", books.worker)
    await circle_paid(books.treasurer, "tod", 3700, "paid")
    await owed_for("claim:2", books.other)
    await front(books.treasurer, "tod", 3000, "friday")
    await clawback.owe_back(NODE, "claim:1", "right", fee_pence=4000)
    assert await waits(books.other) == [0, 3400, 0, 0]
    assert (await fronted_pence("tod"), await stands("1010"), await stands("1200", "tod")) == (0, 10_000, 0)
    await verify()


async def test_a_visit_with_travel_that_was_paid_for_in_part_is_put_right(node: Node) -> None:
    books = await open_books()
    await owed_for("claim:1", books.worker, 400, worker_deduct_bps=0)
    await circle_paid(books.treasurer, "tod", 3900, "part")
    assert await waits(books.worker) == [100, 3900, 400, 0]
    await clawback.owe_back(NODE, "claim:1", "right", fee_pence=4000, travel_pence=400)
    assert await waits(books.worker) == [0, 0, 0, 0]
    assert (await stands("1200", "tod"), await stands("2300", "tod")) == (0, -3900)
    await verify()


async def test_travel_that_was_paid_out_is_put_right(node: Node) -> None:
    books = await open_books()
    await treasury.own_money(books.treasurer, 1000, "own", because="To begin with")
    await owed_for("claim:1", books.worker, 400)
    await circle_paid(books.treasurer, "tod", 4100, "paid")
    await _paid_out(books, 400, chart.expenses(books.worker))
    await clawback.owe_back(NODE, "claim:1", "right", fee_pence=0, travel_pence=400)
    assert (await stands("1300", books.worker), await stands("2300", "tod")) == (400, -400)
    await verify()

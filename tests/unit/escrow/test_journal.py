"""The rows of the journal that the doors cover, each compared with everything it posts."""

import pytest

from eccoo_node.escrow import actions, corrections, queries
from eccoo_node.escrow.actions import Across
from eccoo_node.kernel.access import NODE
from tests.support.escrow import entries, last_entry, open_books
from tests.support.node import Node

TWO_SIDED = (1750, 750)


async def test_a_top_up_is_the_payers_credit(node: Node) -> None:
    books = await open_books()
    await books.top_up(10_000)
    assert await entries(books) == [("top_up", [("1000", "", "", 10_000), ("2000", "payer", "", -10_000)])]
    assert await queries.credit_pence(books.payer) == 10_000


async def test_money_for_a_trial_is_set_aside(node: Node) -> None:
    books = await open_books()
    await books.top_up(10_000)
    assert await books.set_aside("visit:1", 6000)
    assert (await entries(books))[1:] == [("set_aside", [("2000", "payer", "", 6000), ("2100", "visit:1", "", -6000)])]
    assert await queries.credit_pence(books.payer) == 4000


async def test_short_credit_sets_nothing_aside(node: Node) -> None:
    books = await open_books()
    await books.top_up(5999)
    assert not await books.set_aside("visit:1", 6000)
    assert len(await entries(books)) == 1
    assert await queries.line("visit:1") is None
    await books.top_up(1)
    assert await books.set_aside("visit:1", 6000)


async def test_a_visit_that_went_ahead_pays_worker_and_circle(node: Node) -> None:
    books = await open_books()
    await books.top_up(6000)
    await books.set_aside("visit:1", 6000)
    await actions.release(NODE, "visit:1", "went")
    assert (await entries(books))[2:] == [
        ("released", [("2100", "visit:1", "", 6000), ("2200", "worker", "", -5100), ("4000", "", "", -900)])
    ]


async def test_a_two_sided_schedule_adds_for_the_payer_and_takes_less_off_the_worker(node: Node) -> None:
    books = await open_books(*TWO_SIDED)
    await books.top_up(7050)
    assert await books.set_aside("visit:1", 6000)
    await actions.release(NODE, "visit:1", "went")
    assert (await entries(books))[1:] == [
        ("set_aside", [("2000", "payer", "", 7050), ("2100", "visit:1", "", -7050)]),
        (
            "released",
            [
                ("2100", "visit:1", "", 7050),
                ("2200", "worker", "", -5550),
                ("4000", "", "", -450),
                ("4010", "", "", -1050),
            ],
        ),
    ]


async def test_a_shorter_visit_pays_its_part_and_gives_the_rest_back(node: Node) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 3000)
    given = await actions.release(NODE, "visit:1", "went", part_pence=2000)
    assert (await entries(books))[2:] == [
        (
            "released",
            [
                ("2000", "payer", "", -1000),
                ("2100", "visit:1", "", 3000),
                ("2200", "worker", "", -1700),
                ("4000", "", "", -300),
            ],
        )
    ]
    assert (given.worker_pence, given.commission_pence, given.returned_pence) == (1700, 300, 1000)


async def test_a_shorter_visit_gives_the_payers_addition_back_too(node: Node) -> None:
    books = await open_books(*TWO_SIDED)
    await books.top_up(3525)
    await books.set_aside("visit:1", 3000)
    await actions.release(NODE, "visit:1", "went", part_pence=2000)
    assert (await entries(books))[2:] == [
        (
            "released",
            [
                ("2000", "payer", "", -1175),
                ("2100", "visit:1", "", 3525),
                ("2200", "worker", "", -1850),
                ("4000", "", "", -150),
                ("4010", "", "", -350),
            ],
        )
    ]


async def test_a_visit_called_off_too_late_pays_the_agreed_share(node: Node) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 3000)
    await actions.pay_cancelled(NODE, "visit:1", 5000, "cancelled")
    assert (await entries(books))[2:] == [
        (
            "cancelled",
            [
                ("2000", "payer", "", -1500),
                ("2100", "visit:1", "", 3000),
                ("2200", "worker", "", -1275),
                ("4000", "", "", -225),
            ],
        )
    ]


async def test_a_circle_may_decide_that_cancellation_pay_bears_no_commission(node: Node) -> None:
    books = await open_books(*TWO_SIDED, cancelled_bears=False)
    await books.top_up(3525)
    await books.set_aside("visit:1", 3000)
    await actions.pay_cancelled(NODE, "visit:1", 5000, "cancelled")
    assert (await entries(books))[2:] == [
        ("cancelled", [("2000", "payer", "", -2025), ("2100", "visit:1", "", 3525), ("2200", "worker", "", -1500)])
    ]


async def test_a_worker_who_cannot_come_costs_nobody_anything(node: Node) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 3000)
    await actions.return_line(NODE, "visit:1", "off")
    assert (await entries(books))[2:] == [("returned", [("2000", "payer", "", -3000), ("2100", "visit:1", "", 3000)])]
    assert await queries.credit_pence(books.payer) == 3000


@pytest.mark.parametrize("share, fee, travel", [(10_000, 3000, 360), (5000, 1500, 0)])
async def test_a_person_who_was_not_there_pays_as_was_agreed(node: Node, share: int, fee: int, travel: int) -> None:
    """All of it, with the way there, unless the agreement says that less is due."""
    books = await open_books()
    await books.top_up(3360)
    await books.set_aside("visit:1", 3000, 360)
    if share == 10_000:
        await actions.release(NODE, "visit:1", "came for nothing")
    else:
        await actions.pay_cancelled(NODE, "visit:1", share, "came for nothing")
    back = [("2000", "payer", "", fee + travel - 3360)] if fee + travel < 3360 else []
    way = [("2210", "worker", "", -travel)] if travel else []
    assert (await entries(books))[-1][1] == [
        *back, ("2100", "visit:1", "", 3360), ("2200", "worker", "", fee * 15 // 100 - fee), *way,
        ("4000", "", "", -fee * 15 // 100),
    ]  # fmt: skip


async def test_a_disputed_part_waits_and_the_rest_goes_at_once(node: Node) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 3000)
    await corrections.dispute(NODE, "visit:1", "wrong", fee_pence=1000)
    assert (await entries(books))[2:] == [
        ("disputed", [("2100", "visit:1", "", 1000), ("2110", "visit:1", "", -1000)]),
        ("released", [("2100", "visit:1", "", 2000), ("2200", "worker", "", -1700), ("4000", "", "", -300)]),
    ]


async def test_a_dispute_is_resolved_by_a_split(node: Node) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 3000)
    await corrections.dispute(NODE, "visit:1", "wrong")
    await corrections.resolve(NODE, "visit:1", "agreed", fee_pence=1200, because="Both agreed")
    assert (await entries(books))[2:] == [
        ("disputed", [("2100", "visit:1", "", 3000), ("2110", "visit:1", "", -3000)]),
        (
            "resolved",
            [
                ("2000", "payer", "", -1800),
                ("2110", "visit:1", "", 3000),
                ("2200", "worker", "", -1020),
                ("4000", "", "", -180),
            ],
        ),
    ]


async def test_travel_time_bears_commission_and_mileage_does_not(node: Node) -> None:
    books = await open_books()
    await books.top_up(3960)
    await books.set_aside("visit:1", 3000 + 600, 8 * 45)
    await actions.release(NODE, "visit:1", "went")
    assert (await entries(books))[1:] == [
        ("set_aside", [("2000", "payer", "", 3960), ("2100", "visit:1", "", -3960)]),
        (
            "released",
            [
                ("2100", "visit:1", "", 3960),
                ("2200", "worker", "", -3060),
                ("2210", "worker", "", -360),
                ("4000", "", "", -540),
            ],
        ),
    ]


async def test_cover_at_another_rate_moves_in_one_act(node: Node) -> None:
    books = await open_books()
    await books.top_up(6600)
    await books.set_aside("visit:1", 6000)
    assert await actions.move_line(NODE, "visit:1", "visit:1:cover", books.other, 6600, 0, "cover")
    assert (await entries(books))[2:] == [
        ("returned", [("2000", "payer", "", -6000), ("2100", "visit:1", "", 6000)]),
        ("set_aside", [("2000", "payer", "", 6600), ("2100", "visit:1:cover", "", -6600)]),
    ]


async def test_cover_beyond_the_credit_changes_nothing(node: Node) -> None:
    books = await open_books()
    await books.top_up(6599)
    await books.set_aside("visit:1", 6000)
    before = await entries(books)
    assert not await actions.move_line(NODE, "visit:1", "visit:1:cover", books.other, 6600, 0, "cover")
    assert await entries(books) == before
    assert await queries.credit_pence(books.payer) == 599


async def test_our_person_their_worker_with_commission_off_the_worker(node: Node) -> None:
    books = await open_books()
    await books.top_up(6000)
    await books.set_aside("visit:1", 6000, across=Across("circle B"))
    await actions.release(NODE, "visit:1", "went")
    assert (await entries(books))[2:] == [
        (
            "released",
            [
                ("2100", "visit:1", "", 6000),
                ("2300", "circle B", "", 450),
                ("2300", "circle B", "", -6000),
                ("4000", "", "", -450),
            ],
        )
    ]
    assert (await queries.owed("circle B")).we_owe_pence == 5550


async def test_our_worker_their_person_with_commission_off_the_worker(node: Node) -> None:
    books = await open_books()
    await actions.owe_worker_from(
        NODE, "circle A", "claim:1", books.worker, 6000, 0,
        payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="claim",
    )  # fmt: skip
    assert await entries(books) == [
        (
            "owed",
            [
                ("1200", "circle A", "", 6000),
                ("1200", "circle A", "", -450),
                ("2200", "worker", "circle A", -5100),
                ("4000", "", "", 450),
                ("4000", "", "", -900),
            ],
        )
    ]
    assert (await queries.owed("circle A")).they_owe_pence == 5550


async def test_our_person_their_worker_with_a_two_sided_schedule(node: Node) -> None:
    books = await open_books(*TWO_SIDED)
    await books.top_up(7050)
    await books.set_aside("visit:1", 6000, across=Across("circle B"))
    await actions.release(NODE, "visit:1", "went")
    assert (await entries(books))[2:] == [
        (
            "released",
            [
                ("2100", "visit:1", "", 7050),
                ("2300", "circle B", "", -6300),
                ("4000", "", "", -225),
                ("4010", "", "", -525),
            ],
        )
    ]


async def test_our_worker_their_person_with_a_two_sided_schedule(node: Node) -> None:
    books = await open_books()
    await actions.owe_worker_from(
        NODE, "circle A", "claim:1", books.worker, 6000, 0,
        payer_add_bps=1750, worker_deduct_bps=750, home_share_bps=5000, key="claim",
    )  # fmt: skip
    assert await entries(books) == [
        (
            "owed",
            [
                ("1200", "circle A", "", 6300),
                ("2200", "worker", "circle A", -5550),
                ("4000", "", "", -225),
                ("4010", "", "", -525),
            ],
        )
    ]


async def test_the_reverse_flow_leaves_the_other_circle_owing(node: Node) -> None:
    books = await open_books()
    given = await actions.owe_worker_from(
        NODE, "circle B", "claim:1", books.worker, 4000, 0,
        payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="claim",
    )  # fmt: skip
    assert (await queries.owed("circle B")).they_owe_pence == given.due_pence == 3700


async def test_mileage_across_circles_waits_with_the_fee(node: Node) -> None:
    books = await open_books()
    await books.top_up(6360)
    await books.set_aside("visit:1", 6000, 360, across=Across("circle B"))
    await actions.release(NODE, "visit:1", "went")
    await actions.owe_worker_from(
        NODE, "circle A", "claim:1", books.worker, 6000, 360,
        payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="claim",
    )  # fmt: skip
    assert [found for kind, found in await entries(books) if kind in {"released", "owed"}] == [
        [
            ("2100", "visit:1", "", 6360),
            ("2300", "circle B", "", 450),
            ("2300", "circle B", "", -6360),
            ("4000", "", "", -450),
        ],
        [
            ("1200", "circle A", "", 6360),
            ("1200", "circle A", "", -450),
            ("2200", "worker", "circle A", -5100),
            ("2210", "worker", "circle A", -360),
            ("4000", "", "", 450),
            ("4000", "", "", -900),
        ],
    ]


@pytest.mark.parametrize("key", ["again", "other"])
async def test_a_mirror_undoes_an_entry_once(node: Node, key: str) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 3000)
    await actions.release(NODE, "visit:1", "went", part_pence=2000)
    entry = await last_entry("visit:1")
    assert entry is not None
    undone = await corrections.reverse(books.treasurer, entry, "again", because="Wrong visit")
    assert (await entries(books))[3:] == [
        (
            "reversed",
            [
                ("2000", "payer", "", 1000),
                ("2100", "visit:1", "", -3000),
                ("2200", "worker", "", 1700),
                ("4000", "", "", 300),
            ],
        )
    ]
    state = await queries.line("visit:1")
    assert state is not None
    assert (state.state, state.set_aside_pence, state.returned_pence) == ("set_aside", 3000, 0)
    if key == "again":
        assert await corrections.reverse(books.treasurer, entry, key, because="Wrong visit") == undone

"""Money set aside for many at once is the same, row by row, as money set aside one by one."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eccoo_node.db.rows import fetch
from eccoo_node.escrow import actions, queries
from eccoo_node.escrow.batch import Aside, Asked, set_aside_many
from eccoo_node.escrow.lines import Across, New
from eccoo_node.escrow.sharing import Fund, Terms
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import Node, build, open_node


class Line(msgspec.Struct, frozen=True):
    """One visit to set money aside for, as a test draws it. `number` is its reference and key: asked twice is once."""

    number: int
    fee: int
    travel: int
    how: str


LINES = st.lists(
    st.builds(
        Line, st.integers(0, 11), st.integers(1, 4000), st.integers(0, 500),
        st.sampled_from(("plain", "plain", "council", "both", "arrears", "both, one after", "employed", "across")),
    ),
    max_size=12, unique_by=lambda line: line.number,
)  # fmt: skip


def asked_for(books: Books, council: str, line: Line, add_bps: int) -> Asked:
    employed, arrears = line.how == "employed", line.how == "arrears"
    total = Terms(line.fee, line.travel, 0 if employed else add_bps).total_pence
    payer, funds = books.payer, ()
    if line.how in {"council", "arrears"}:
        payer = council
    if line.how.startswith("both") and total > 1:
        payer, most = council, total * 2 // 3 or 1
        funds = (Fund(council, most, line.how != "both"), Fund(books.payer, total - most))
    new = New(
        f"visit:{line.number}", payer, books.person, books.worker, line.fee, line.travel,
        Across("circle B") if line.how == "across" else None, employed, arrears, funds,
    )  # fmt: skip
    return Asked(new, f"key {line.number}")


async def one_by_one(asked: list[Asked]) -> Aside:
    done, short = {}, {}
    for one in asked:
        new = one.new
        there = await actions.set_aside(
            NODE, new.reference, new.payer_id, new.person_id, new.worker_id, new.fee_pence, new.travel_pence, one.key,
            across=new.across, employed=new.employed, arrears=new.arrears, funds=new.funds,
        )  # fmt: skip
        terms = Terms(
            new.fee_pence, new.travel_pence, 0 if new.employed else (await queries.schedule_now()).payer_add_bps
        )
        (done if there else short)[new.reference] = terms.total_pence
    return Aside(done, short)


async def in_batches(asked: list[Asked], size: int) -> Aside:
    found = Aside({}, {})
    for start in range(0, len(asked), size):
        part = await set_aside_many(NODE, asked[start : start + size])
        found.done.update(part.done)
        found.short.update(part.short)
    return found


async def books_as_written(names: dict[str, str]) -> list[Any]:
    """Every row that money left behind, with names for ids that are drawn afresh each time."""

    def named(row: Any) -> tuple[Any, ...]:
        return tuple(names.get(value, value) for value in tuple(row))

    return [
        [named(row) for row in await fetch(sql)]
        for sql in (
            "SELECT id, reference, origin, payer_id, person_id, worker_id, link_id, fee_pence, contribution_pence, "
            "travel_pence, payer_add_bps, worker_deduct_bps, home_share_bps, employed, arrears FROM line ORDER BY id",
            "SELECT * FROM line_state ORDER BY line_id",
            "SELECT line_id, payer_id, amount_pence, arrears FROM line_fund ORDER BY id",
            "SELECT id, kind, key, line_id, fee_pence, travel_pence FROM entry ORDER BY id",
            "SELECT p.entry_id, a.code, a.holder, p.amount_pence FROM posting p JOIN account a ON a.id = p.account_id "
            "ORDER BY p.entry_id, p.id",
            "SELECT code, holder, balance_pence FROM account WHERE balance_pence <> 0 ORDER BY code, holder, balance_pence",
            "SELECT kind, subject_id FROM event WHERE kind = 'money.set_aside' ORDER BY id",
            "SELECT thing_id, person_id, outcome FROM audit WHERE action LIKE 'money.set_aside%' ORDER BY id",
        )
    ]


async def told(lines: list[Line], credit: tuple[int, int], add_bps: int, size: int | None) -> tuple[Aside, list[Any]]:
    with tempfile.TemporaryDirectory() as name:
        await build("", Path(name))
        async with open_node(Path(name)):
            books = await open_books(payer_add_bps=add_bps)
            council = await make.payer(books.person, fund="local_authority")
            for payer, amount in zip((books.payer, council), credit, strict=True):
                if amount:
                    await actions.top_up(books.treasurer, payer, amount, payer)
            asked = [asked_for(books, council, line, add_bps) for line in lines]
            # Some were set aside before, and are asked for again among the rest.
            await one_by_one(asked[::5])
            answer = await one_by_one(asked) if size is None else await in_batches(asked, size)
            names = {books.payer: "payer", council: "council", books.person: "person", books.worker: "worker"}
            rows = await books_as_written(names)
            rows[5].sort()
            await verify()
            return answer, rows


@settings(max_examples=12)
@given(LINES, st.tuples(st.integers(0, 9000), st.integers(0, 9000)), st.sampled_from((0, 750)), st.integers(1, 12))
def test_a_batch_leaves_the_very_rows_that_one_by_one_leaves(
    lines: list[Line], credit: tuple[int, int], add_bps: int, size: int
) -> None:
    assert asyncio.run(told(lines, credit, add_bps, size)) == asyncio.run(told(lines, credit, add_bps, None))


async def test_a_batch_on_either_engine_goes_by_its_order_and_is_safe_to_ask_twice(node: Node) -> None:
    books = await open_books()
    await books.top_up(10_000)
    asked = [
        Asked(New(f"visit:{n}", books.payer, books.person, books.worker, fee, 0, None), f"key {n}")
        for n, fee in enumerate((6000, 5000, 3000, 2000, 1000))
    ]
    answer = await set_aside_many(NODE, asked)
    # £50 does not fit beside £60, and what comes after it still does, as far as it goes.
    assert answer == Aside({"visit:0": 6000, "visit:2": 3000, "visit:4": 1000}, {"visit:1": 5000, "visit:3": 2000})
    assert await set_aside_many(NODE, asked) == answer
    assert await queries.credit_pence(books.payer) == 0
    assert await set_aside_many(NODE, []) == Aside({}, {})
    changed = [*asked[1:2], Asked(msgspec.structs.replace(asked[0].new, fee_pence=1), "key 0")]
    with pytest.raises(Conflict):
        await set_aside_many(NODE, changed)
    taken = [
        Asked(asked[2].new, "another key"),
        Asked(New("visit:9", *msgspec.structs.astuple(asked[4].new)[1:]), "k9"),
    ]
    await books.top_up(9000, "more")
    for wrong, error in (
        (taken, Conflict),
        ([Asked(msgspec.structs.replace(asked[0].new, fee_pence=-1), "k")], Invalid),
    ):
        with pytest.raises(error):
            await set_aside_many(NODE, wrong)
    # A batch that is refused leaves nothing, of none of its lines.
    assert await queries.credit_pence(books.payer) == 9000
    many = [Asked(New(f"m:{n}", books.payer, books.person, books.worker, 1, 0, None), f"m {n}") for n in range(300)]
    assert len((await set_aside_many(NODE, many)).done) == 300
    with pytest.raises(Forbidden):
        await set_aside_many(books.treasurer, asked[:1])
    await verify()


async def test_what_went_back_since_is_not_said_to_be_there(node: Node) -> None:
    books = await open_books()
    await books.top_up(2000)
    asked = [Asked(New("visit:1", books.payer, books.person, books.worker, 1000, 0, None), "key 1")]
    assert (await set_aside_many(NODE, asked)).done == {"visit:1": 1000}
    assert (await set_aside_many(NODE, asked)).done == {"visit:1": 1000}
    await actions.return_line(NODE, "visit:1", "off")
    assert await set_aside_many(NODE, asked) == Aside({}, {"visit:1": 1000})

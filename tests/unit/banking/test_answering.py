"""What the books have already, and transfers between our own accounts: each line names what it answers to, on both engines."""

import msgspec
import pytest

from eccoo_node.banking import answering, arriving, kept, leaving, lines, reopening
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import corrections, treasury
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from tests.support import make
from tests.support.banking import Bank, open_bank
from tests.support.node import Node
from tests.support.payouts import trial
from tests.support.statements import line


async def offered(line_id: int) -> list[tuple[str, str, str]]:
    """What a line may answer to: what, which, and the kind of the entry."""
    return [(one.what, one.of, one.kind) for one in await answering.may_answer(await lines.find(line_id))]


async def says(line_id: int) -> list[tuple[str, str]]:
    return [(one.what, one.of) for one in await lines.ends(line_id)]


async def waiting(bank: Bank) -> list[int]:
    return [one.line.amount_pence for one in await kept.waiting_lines(bank.books.treasurer)]


async def newest(kind: str) -> str:
    return str(await fetch_value("SELECT MAX(id) FROM entry WHERE kind = ?", kind))


async def back(bank: Bank, line_id: int) -> None:
    await reopening.take_back(bank.books.treasurer, line_id, because="It was another")


async def test_what_left_is_in_the_books_only_where_an_entry_of_its_sum_is(node: Node) -> None:
    bank = await open_bank()
    tess, ada = bank.books.treasurer, bank.books.payer
    await bank.books.top_up(10_000)
    await treasury.refund(tess, ada, 4_000, "r")
    await bank.imports(
        [line("2026-11-20", -4_000, "one"), line("2026-11-21", -4_000, "two"), line("2026-11-21", -1, "x")]
    )
    first, second = await bank.line(-4_000) - 1, await bank.line(-4_000)
    for one in (first, second, await bank.line(-1)):
        with pytest.raises(Conflict, match="was written by hand that this line could be"):
            await leaving.explain(tess, one, "by_hand")
    await treasury.refund_left(tess, ada, 4_000, "by hand")
    entry = await newest("refund_left")
    # Not as anything else, and not as another entry.
    assert await offered(second) == [("by_hand", entry, "refund_left")]
    for what, of in (("own", entry), ("by_hand", "1"), ("own", f"line:{first}")):
        with pytest.raises(Conflict):
            await leaving.explain(tess, second, what, of)
    for _ in range(2):
        await leaving.explain(tess, second, "by_hand", entry)
    assert (await says(second), await offered(first), await waiting(bank)) == ([("by_hand", entry)], [], [-4_000, -1])
    # It was the other line: taken back, and said of that one. The entry stays.
    with pytest.raises(Invalid, match="Say why"):
        await reopening.take_back(tess, second, because=" ")
    before = await trial()
    await back(bank, second)
    with pytest.raises(Conflict, match="has been taken back"):
        await back(bank, second)
    assert (await says(second), await trial(), await waiting(bank)) == ([], before, [-4_000, -4_000, -1])
    await leaving.explain(tess, first, "by_hand")
    assert (await says(first), await offered(second)) == ([("by_hand", entry)], [])
    # Undoing the entry opens the line that answers to it.
    await corrections.reverse(tess, int(entry), "undo", because="Not sent")
    assert (await says(first), await offered(second)) == ([], [])
    await verify()


async def test_nobody_says_alone_that_money_of_theirs_left_or_takes_that_back(node: Node) -> None:
    bank = await open_bank()
    tess = bank.books.treasurer
    own = await make.payer(tess.person_id)
    thea = msgspec.structs.replace(tess, person_id=await make.person("Thea"))
    await treasury.own_money(tess, 5_000, "own", because="Reserves")
    await treasury.goodwill(thea, own, 900, "g", because="Sorry")
    await treasury.refund(thea, own, 900, "r")
    await treasury.refund_left(tess, own, 900, "by hand")
    await bank.imports([line("2026-11-20", -900, "one")])
    whose = await bank.line(-900)
    with pytest.raises(Forbidden, match="Another treasurer"):
        await leaving.explain(tess, whose, "by_hand")
    await leaving.explain(thea, whose, "by_hand")
    with pytest.raises(Forbidden, match="Another treasurer"):
        await back(bank, whose)
    await reopening.take_back(thea, whose, because="No")
    assert await waiting(bank) == [-900]
    await verify()


async def test_the_two_lines_of_a_sweep_are_one_entry(node: Node) -> None:
    bank = await open_bank()
    tess = bank.books.treasurer
    await treasury.own_money(tess, 5_000, "own", because="Reserves")
    await bank.imports([line("2026-11-20", 300, "from 65432102")])
    came = await bank.line(300)
    with pytest.raises(Conflict, match="Read that account’s statement first"):
        await arriving.explain(tess, came, "own")
    await arriving.explain(tess, came, "put_in")
    entry = await newest("put_in")
    await bank.imports([line("2026-11-20", -300, "to 65432101")], code="1010")
    left = await bank.line(-300)
    assert await offered(left) == [("own", entry, "put_in")]
    await leaving.explain(tess, left, "own", entry)
    assert (await waiting(bank), await offered(came)) == ([], [])
    # What wrote an entry is undone, not taken back; then both lines wait again.
    with pytest.raises(Conflict, match="is undone in the books"):
        await back(bank, came)
    await corrections.reverse(tess, int(entry), "undo", because="No transfer")
    assert (await waiting(bank), (await trial())["2090"]) == ([300, -300], -300)
    await verify()


async def test_two_lines_without_an_entry_are_explained_and_taken_back_together(node: Node) -> None:
    """A gift came to the wrong account, and was moved to where the books have it."""
    bank = await open_bank()
    tess = bank.books.treasurer
    await bank.imports([line("2026-11-02", 500, "gift")])
    gift = await bank.line(500)
    await arriving.explain(tess, gift, "gift")
    await bank.imports(
        [line("2026-11-02", 500, "gift"), line("2026-11-20", -500, "moved"), line("2026-11-20", -2_000, "rent")]
    )
    moved, rent = await bank.line(-500), await bank.line(-2_000)
    # Of another sum it is nothing of the kind.
    assert (await offered(moved), await offered(rent)) == ([("own", f"line:{gift}", "")], [])
    await leaving.explain(tess, moved, "own", f"line:{gift}")
    assert (await says(gift), await says(moved)) == ([("gift", "")], [("own", f"line:{gift}")])
    assert [one.apart_pence for one in await kept.standings(tess) if one.code == "1000"] == [0]
    # The other account's own line is the gift's entry, or the other side of the transfer.
    await bank.imports([line("2026-11-21", 500, "moved"), line("2026-11-21", 2_000, "rent")], code="1010")
    arrived, rest = (
        row[0] for row in await fetch("SELECT id FROM bank_line WHERE code = '1010' ORDER BY amount_pence")
    )
    entry = await newest("donated")
    assert await offered(arrived) == [("by_hand", entry, "donated"), ("own", f"line:{moved}", "")]
    await arriving.explain(tess, arrived, "own", of=f"line:{moved}")
    # Two that nobody has explained are explained at once.
    await leaving.explain(tess, rent, "own", f"line:{rest}")
    assert (await says(rent), await says(rest)) == ([("own", f"line:{rest}")], [("own", f"line:{rent}")])
    assert await waiting(bank) == []
    await back(bank, rest)
    assert (await says(rent), await says(rest), await waiting(bank)) == ([], [], [-2_000, 2_000])
    # What the moves answer to is undone, and so they wait as well; nothing else is lost.
    await corrections.reverse(tess, int(entry), "undo", because="It was a payer's")
    assert await waiting(bank) == [500, -500, -2_000, 500, 2_000]
    assert (await trial())["2090"] == -500
    await verify()


async def test_money_that_we_look_after_is_nobodys_again_when_a_transfer_is_taken_back(node: Node) -> None:
    bank = await open_bank()
    tess, ada = bank.books.treasurer, bank.books.payer
    await bank.imports([line("2026-11-20", 5_000, "J BLOGGS")])
    await bank.imports([line("2026-11-20", -5_000, "rent")], code="1010")
    came, left = await bank.line(5_000), await bank.line(-5_000)
    for number in range(2):
        await arriving.explain(tess, came, "own", of=f"line:{left}")
        assert (await waiting(bank), (await trial()).get("2090", 0)) == ([], 0)
        await back(bank, (came, left)[number])
        assert (await waiting(bank), (await trial())["2090"]) == ([5_000, -5_000], -5_000)
    await arriving.match(tess, came, ada, 2_000, "m")
    # Some of it is a payer's now, so it is no transfer.
    assert await offered(left) == []
    with pytest.raises(Conflict, match="a part of it"):
        await arriving.explain(tess, came, "own", of=f"line:{left}")
    assert await escrow.credit_pence(ada) == 2_000
    await leaving.explain(tess, left, "other")
    assert [(one.what, one.of) for one in await kept.said_lines(tess)] == [("other", "")]
    await back(bank, left)
    assert await waiting(bank) == [5_000, -5_000]
    await verify()

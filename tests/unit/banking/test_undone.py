"""What was written of a line of the bank can be undone, and then the line waits again, on both engines."""

import asyncio

import msgspec
import pytest

from eccoo_node.banking import actions as banking
from eccoo_node.banking import arriving, kept, leaving, lines
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import actions, corrections, treasury
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.errors import Conflict, Forbidden
from tests.support import make
from tests.support.banking import Bank, open_bank
from tests.support.node import Node
from tests.support.payouts import trial
from tests.support.statements import line


async def undo(bank: Bank, entry: int, key: str = "") -> int:
    return await corrections.reverse(bank.books.treasurer, entry, key or f"undo {entry}", because="It was another’s")


async def newest(kind: str) -> int:
    return int(await fetch_value("SELECT MAX(id) FROM entry WHERE kind = ?", kind))


async def test_money_given_to_the_wrong_payer_goes_to_the_right_one(node: Node) -> None:
    bank = await open_bank()
    tess, ada = bank.books.treasurer, bank.books.payer
    bill = await make.payer(await make.person("Bill"))
    reference = await bank.reference()
    await bank.imports([line("2026-11-02", 10_000, reference, "B HILL"), line("2026-11-03", 900, "x", "B HILL")])
    whose = await bank.line(10_000)
    first = await newest("top_up")
    # Undone once, however often and by how many at once.
    done = await asyncio.gather(*(undo(bank, first, key) for key in ("a", "b")), return_exceptions=True)
    assert sorted(isinstance(one, Conflict) for one in done) == [False, True]
    with pytest.raises(Conflict, match="already been undone"):
        await undo(bank, first, "c")
    assert await fetch_value("SELECT COUNT(*) FROM entry WHERE kind = 'reversed'") == 1
    assert (await kept.waiting_line(tess, whose)).left_pence == 10_000
    assert await kept.how_many_wait(tess) == 2
    assert (await escrow.credit_pence(ada), (await trial())["1000"]) == (0, 10_900)
    # It is said anew, as often as it takes, and what is known of a sender goes with what was said.
    second = await arriving.match(tess, whose, ada, 10_000, "m1", remember=True)
    await undo(bank, second)
    later = msgspec.structs.replace(await lines.find(whose), id=0)
    assert await kept.payers_of_sender(later) == []
    await arriving.match(tess, whose, bill, 10_000, "m2", remember=True)
    assert [await escrow.credit_pence(one) for one in (ada, bill)] == [0, 10_000]
    assert [one.line.amount_pence for one in await kept.waiting_lines(tess)] == [900]
    await bank.imports([line("2026-11-05", 10_000, "thanks", "B HILL")])
    assert await escrow.credit_pence(bill) == 20_000
    # What is nobody's is said, not undone.
    received = int(await fetch_value("SELECT MAX(id) FROM entry WHERE kind = 'received'"))
    with pytest.raises(Conflict, match="Say whose it is"):
        await undo(bank, received)
    await verify()


@pytest.mark.parametrize("code", ["1000", "1010"])
async def test_what_was_no_payers_is_said_anew_as_often_as_it_takes(node: Node, code: str) -> None:
    bank = await open_bank()
    tess = bank.books.treasurer
    await treasury.own_money(tess, 5_000, "own", because="Reserves")
    await bank.imports([line("2026-11-02", 2_000, "hello"), line("2026-11-03", -300, "what")], code=code)
    came, gone = await bank.line(2_000), await bank.line(-300)
    before = await trial()
    for _ in range(2):
        await arriving.explain(tess, came, "gift")
        await leaving.explain(tess, gone, "charge")
        assert await kept.waiting_lines(tess) == []
        await undo(bank, await newest("donated"))
        await undo(bank, await newest("bank_charge"))
        assert [one.left_pence for one in await kept.waiting_lines(tess)] == [2_000, -300]
        assert {of: pence for of, pence in (await trial()).items() if pence} == {
            of: pence for of, pence in before.items() if pence
        }
        assert [one.apart_pence for one in await kept.standings(tess) if one.code == "1000"] == [0] * (code == "1000")
    await arriving.explain(tess, came, "interest")
    await arriving.explain(tess, came, "interest")
    with pytest.raises(Conflict, match="already said"):
        await arriving.explain(tess, came, "own")
    assert await fetch("SELECT id FROM entry WHERE kind = 'interest'") != []
    assert [one.left_pence for one in await kept.waiting_lines(tess)] == [-300]
    await verify()


async def test_one_treasurer_alone_never_has_what_came_for_nobody_or_for_another(node: Node) -> None:
    """Neither by writing it down as their own and saying that the line stands in the books, nor by undoing another's."""
    bank = await open_bank()
    tess, ada = bank.books.treasurer, bank.books.payer
    own = await make.payer(tess.person_id)
    thea = msgspec.structs.replace(tess, person_id=await make.person("Thea"))
    await bank.imports([line("2026-11-02", 100_000, "thanks", "A STRANGER")])
    waits = await bank.line(100_000)
    with pytest.raises(Forbidden, match="Another treasurer"):
        await arriving.match(tess, waits, own, 100_000, "m")
    with pytest.raises(Forbidden, match="Another treasurer"):
        await actions.top_up(tess, own, 100_000, "k")
    with pytest.raises(Conflict, match="Nothing of £1,000 was"):
        await arriving.explain(tess, waits, "by_hand")
    # What another treasurer wrote down for them tells of their line, and that is another's to say too.
    entry = await actions.top_up(thea, own, 100_000, "k")
    with pytest.raises(Forbidden, match="Another treasurer"):
        await arriving.explain(tess, waits, "by_hand")
    await arriving.explain(thea, waits, "by_hand")
    assert await kept.waiting_lines(tess) == []
    assert (await lines.ends(waits))[-1].entry_id == entry
    # An entry tells of one line, and one that is undone of none.
    await bank.imports([line("2026-11-03", 100_000, "again", "A STRANGER")])
    second = await bank.line(100_000)
    with pytest.raises(Conflict, match="Nothing of £1,000 was"):
        await arriving.explain(thea, second, "by_hand")
    theirs = await actions.top_up(tess, ada, 100_000, "Ada's")
    await undo(bank, theirs)
    with pytest.raises(Conflict, match="Nothing of £1,000 was"):
        await arriving.explain(tess, second, "by_hand")
    # Their own reference says whose it is without anybody.
    await banking.references({})
    reference = await fetch_value("SELECT reference FROM payer_reference WHERE payer_id = ?", own)
    await bank.imports([line("2026-11-04", 700, str(reference))])
    assert [await escrow.credit_pence(one) for one in (ada, own)] == [0, 100_700]
    await verify()

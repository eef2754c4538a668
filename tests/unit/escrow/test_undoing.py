"""Why an entry can't be undone, and what to do instead: each reason as whoever tries reads it, on both engines."""

import pytest

from eccoo_node.db.rows import fetch_value
from eccoo_node.escrow import corrections, say_entry, treasury, undoing
from eccoo_node.escrow.actions import owe_worker_from, release
from eccoo_node.escrow.lines import Across
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from tests.support.banking import open_bank
from tests.support.escrow import Books, open_books
from tests.support.node import Node
from tests.support.statements import line

_BATCH = "This is a payment of a batch. Open the batch"
_CIRCLES = "It is put right on that circle’s page."
# What each kind that is not undone by its mirror says instead.
INSTEAD = {
    "reversed": "This undid something else.",
    "disputed": "This is a question that somebody has raised.",
    "clawed_back": "This is a question that was raised again.",
    "resolved": "It was settled, and both were told.",
    "payout": _BATCH, "payout_paid": _BATCH, "payout_bounced": _BATCH,
    "circle_paid": _CIRCLES, "paid_circle": _CIRCLES, "set_off": _CIRCLES, "fronted": _CIRCLES, "front_back": _CIRCLES,
    "ready": _CIRCLES, "owed_back": _CIRCLES, "carried": _CIRCLES, "taken_on": _CIRCLES,
}  # fmt: skip


def test_every_kind_of_entry_is_undone_or_says_what_to_do_instead() -> None:
    assert set(say_entry.KINDS) == set(INSTEAD) | set(undoing.CAN_BE_UNDONE)


@pytest.mark.parametrize("kind", [*INSTEAD, "borne", "of another time"])
async def test_what_is_not_undone_by_its_mirror_says_why(node: Node, kind: str) -> None:
    said = {"borne": _CIRCLES, "of another time": "Others have gone by this since. Write down anew what was right."}
    refused = await undoing.refusal(0, kind, "", None)
    assert refused is not None
    assert refused.code == "not_reversible"
    assert (INSTEAD | said)[kind] in refused.sentence


async def refused(books: Books, kind: str) -> tuple[str, str]:
    """What happens when the newest entry of this kind is undone: the code, and what is said."""
    entry = int(await fetch_value("SELECT MAX(id) FROM entry WHERE kind = ?", kind))
    with pytest.raises(Conflict) as caught:
        await corrections.reverse(books.treasurer, entry, f"undo {entry}", because="A mistake")
    return caught.value.code, caught.value.sentence


async def test_what_is_in_question_is_settled_first(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 1000)
    await corrections.dispute(NODE, "visit:1", "part", fee_pence=400)
    for kind in ("set_aside", "released"):
        assert await refused(books, kind) == ("disputed", "Part of this is in question. Settle that first.")
    assert (await refused(books, "disputed"))[0] == "not_reversible"


async def test_what_lies_between_two_circles_is_put_right_with_the_other(node: Node) -> None:
    books = await open_books()
    await books.top_up(10_000)
    assert await books.set_aside("visit:1", 4_000, across=Across("tod"))
    await release(NODE, "visit:1", "went")
    shares = {"payer_add_bps": 0, "worker_deduct_bps": 1500, "home_share_bps": 5000}
    await owe_worker_from(NODE, "tod", "claim:1", books.worker, 4_000, 0, key="claim", **shares)
    for kind in ("released", "owed"):
        code, sentence = await refused(books, kind)
        assert (code, "would change our books alone" in sentence) == ("between_circles", True)


async def test_what_the_bank_has_and_is_nobodys_is_said_and_not_undone(node: Node) -> None:
    bank = await open_bank()
    await bank.imports([line("2026-11-02", 900, "x")])
    code, sentence = await refused(bank.books, "received")
    assert (code, "Say whose it is at “Whose money is this?”." in sentence) == ("not_here", True)
    # What no file tells of was written by hand, and is undone.
    await treasury.receive_unmatched(bank.books.treasurer, "hand", 55, "hand")
    entry = int(await fetch_value("SELECT MAX(id) FROM entry WHERE kind = 'received'"))
    await corrections.reverse(bank.books.treasurer, entry, "undo", because="A mistake")

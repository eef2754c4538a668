"""What was found to hold is gone by only while it is the same to the byte, and hides nothing."""

from functools import partial

import msgspec
import pytest

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import snapshot, write
from eccoo_node.escrow import actions, checking, corrections, ledger, verify_checkpoint
from eccoo_node.escrow import verify as verifying
from eccoo_node.escrow.verify import Books as Walk
from eccoo_node.escrow.verify import check_inside, verify
from eccoo_node.escrow.verify_checkpoint import KEPT, Checkpoint, kept
from eccoo_node.kernel.access import NODE
from tests.support.escrow import last_entry
from tests.support.node import Node
from tests.unit.escrow.test_verify import (
    CORRUPTIONS,
    FORGERIES,
    STRANGE,
    broken,
    named,
    only_sqlite,
    true_books,
    unguard,
)


@pytest.fixture(autouse=True)
def short_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """Books of some entries have a checkpoint as those of years do: behind fifteen of eighteen."""
    monkeypatch.setattr(verify_checkpoint, "LEAST", 1)
    monkeypatch.setattr(ledger, "LOOK_BACK", 2)
    monkeypatch.setattr(verifying, "PAGE", 5)


async def checkpoint() -> Checkpoint:
    await verify()
    made = await kept()
    assert made is not None
    return made


async def gone_by(given: Checkpoint | None) -> bool:
    """Whether the books hold, and that checkpoint was gone by."""
    async with snapshot():
        walk = Walk(given)
        counts = await walk.check()
        assert counts == await check_inside()
    return walk.checkpoint is not None


async def test_what_was_found_to_hold_is_not_reckoned_again(node: Node) -> None:
    books = await true_books()
    await node.settle()
    made = await checkpoint()
    assert made.entries == made.pages[-1] == 15
    assert await gone_by(made)
    # Lines of which some entries lie before it go on.
    entry = await last_entry("visit:1")
    assert entry is not None
    await corrections.reverse(books.treasurer, entry, "undo 1", because="It was another visit")
    await actions.release(NODE, "visit:1", "went 1 after all", part_pence=3000)
    await books.top_up(700)
    assert await gone_by(made)
    await node.settle()
    assert await gone_by(made)


@pytest.mark.parametrize("chained", [True, False])
async def test_before_a_checkpoint_all_is_chained(node: Node, chained: bool) -> None:
    await true_books()
    if chained:
        await node.settle()
    await verify()
    assert (await kept() is not None) == chained


async def test_short_books_have_no_checkpoint(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_checkpoint, "LEAST", 16)
    await true_books()
    await node.settle()
    await verify()
    assert await kept() is None


async def test_a_changed_row_is_named_before_a_checkpoint_as_without_one(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = await true_books()
    await node.settle()
    made = await checkpoint()
    await unguard()
    # So that what is not chained is missed at once.
    monkeypatch.setattr(ledger, "LOOK_BACK", -1)

    async def check() -> None:
        await Walk(made).check()

    found = {invariant: await named(partial(fetch, sql), check) for invariant, sql in CORRUPTIONS.items()}
    assert found == {invariant: invariant.split()[0] for invariant in CORRUPTIONS}
    monkeypatch.setattr(ledger, "LOOK_BACK", 2)
    found = {invariant: await named(partial(forged, books), check) for invariant, forged in FORGERIES.items()}
    assert found == {invariant: invariant.split()[0] for invariant in FORGERIES}
    assert await gone_by(made)


@only_sqlite
async def test_what_is_no_text_and_no_number_is_named_before_a_checkpoint(node: Node) -> None:
    await true_books()
    await node.settle()
    made = await checkpoint()
    await unguard()

    async def check() -> None:
        await Walk(made).check()

    found = {invariant: await named(partial(fetch, sql), check) for invariant, sql in STRANGE.items()}
    assert found == {invariant: invariant.split()[0] for invariant in STRANGE}


async def test_a_checkpoint_that_was_changed_is_not_gone_by(node: Node) -> None:
    await true_books()
    await node.settle()
    made = await checkpoint()
    paths = msgspec.structs.replace(made.paths, of=[(line, 0) for line, _ in made.paths.of])
    for other in (
        msgspec.structs.replace(made, paths=paths),
        msgspec.structs.replace(made, entries=made.entries + 1),
        msgspec.structs.replace(made, digest=""),
        msgspec.structs.replace(made, pages=made.pages[:-1]),
        None,
    ):
        assert not await gone_by(other)


@pytest.mark.parametrize("told", ["", "{}", "[1]", '{"walk":0}'])
async def test_a_checkpoint_that_can_t_be_read_is_none(node: Node, told: str) -> None:
    await true_books()
    await node.settle()
    await checkpoint()
    async with write():
        await fetch("UPDATE books_checkpoint SET told = ?", told)
    assert await kept() is None
    assert await checkpoint() is not None


async def test_after_a_week_and_where_it_is_asked_for_everything_is_reckoned_anew(node: Node) -> None:
    books = await true_books()
    await node.settle()
    made = await checkpoint()
    for pence in range(100, 105):
        await books.top_up(pence)
    await node.settle()
    assert await checkpoint() == made
    await checking.add_up(whole=True)
    newer = await kept()
    assert newer is not None
    assert newer.entries == 20
    node.clock.move(KEPT)
    assert await kept() is None
    assert (await checkpoint()).entries == 20
    assert await fetch_value("SELECT COUNT(*) FROM books_checkpoint") == 1


async def test_books_that_do_not_hold_have_no_checkpoint(node: Node) -> None:
    await true_books()
    await node.settle()
    await unguard()
    async with write():
        await fetch("UPDATE line_state SET returned_pence = returned_pence + 1 WHERE line_id = 2")
    assert await broken() == "line_shares"
    assert await kept() is None


async def test_a_checkpoint_of_another_walk_is_none(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    await true_books()
    await node.settle()
    await checkpoint()
    monkeypatch.setattr(verify_checkpoint, "_WALK", 2)
    assert await kept() is None

"""What lies in the keys folder, and the books: an old copy, a full disk, two who press at once."""

import asyncio
import shutil
from datetime import timedelta

import pytest

from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Broken, Conflict
from eccoo_node.keys import actions as keys
from eccoo_node.keys import sheet
from eccoo_node.links import identity
from tests.support.pair import Pair, PairNode


async def begun(node: PairNode, instead_of: str) -> str:
    try:
        with node.bound():
            return await keys.begin_anew(COMMAND, instead_of=instead_of)
    except Conflict as refused:
        return refused.code


async def test_a_node_begins_anew_from_an_older_copy_of_its_keys(two_nodes: Pair) -> None:
    a = two_nodes.a
    shutil.copytree(a.folder.keys, a.folder.home / "older")
    two_nodes.move(timedelta(minutes=1))
    with a.bound():
        await keys.renew(COMMAND)
    shutil.rmtree(a.folder.keys)
    shutil.copytree(a.folder.home / "older", a.folder.keys)
    with a.bound():
        before = identity.current().node_id
        with pytest.raises(Conflict) as old:
            await keys.recover(COMMAND, a.words)
        assert old.value.code == "old_log"
    words = await begun(a, before)
    with a.bound():
        log, state = identity.read_log(a.folder)
        assert state.node_id != before
        assert sheet.opens(log, words)
    assert await a.rows("SELECT op, node_id, seq FROM key_change WHERE op = 'anew'") == [("anew", state.node_id, 0)]


async def test_of_two_who_begin_anew_at_once_one_is_told_so(two_nodes: Pair) -> None:
    a = two_nodes.a
    with a.bound():
        before = identity.current().node_id
    first, second = sorted(await asyncio.gather(begun(a, before), begun(a, before)), key=len)
    assert first == "changed_meanwhile"
    assert len(second.split()) == 24
    assert await a.rows("SELECT COUNT(*) FROM key_change") == [(1,)]


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("full", ["words", "log"])
async def test_on_a_full_disk_no_log_is_promised_to_words_that_nobody_saw(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch, full: str, waits: bool
) -> None:
    a = two_nodes.a
    if waits:
        sheet.put_by(a.folder, a.words)
    before = (a.folder.keys / identity.LOG_FILE).read_bytes()

    def no_space(*_: object) -> None:
        raise Broken("The disk is full.", "not_written") if full == "words" else OSError(28, "No space left on device")

    monkeypatch.setattr(*((sheet, "put_by") if full == "words" else (identity, "write_log")), no_space)
    two_nodes.move(timedelta(minutes=1))
    for act in (
        lambda: keys.recover(COMMAND, a.words, new_sheet=True),
        lambda: keys.move(COMMAND, a.words, "http://127.0.0.1:9", new_sheet=True),
        lambda: keys.begin_anew(COMMAND),
    ):
        with a.bound(), pytest.raises(Broken):
            await act()
    assert (a.folder.keys / identity.LOG_FILE).read_bytes() == before
    assert await a.rows("SELECT op FROM key_change") == []
    with a.bound():
        found = sheet.waiting()
        assert (found and " ".join(found.words)) == (a.words if waits else None)
        monkeypatch.undo()
        await keys.recover(COMMAND, a.words, new_sheet=True)

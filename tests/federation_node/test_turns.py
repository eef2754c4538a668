"""Taking letters in by turns."""

import asyncio

import pytest

from eccoo_federation.errors import ProtocolError
from eccoo_node.federating.turns import MOST_WAITING, SHORT, Turns


class Row:
    """Those who want a turn, and the order in which they had it."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.had: list[str] = []
        self.at_once = 0

    async def take(self, name: str, letters: int, goes_on: asyncio.Event) -> None:
        async with self.turns.turn(letters):
            self.at_once += 1
            assert self.at_once == 1
            await goes_on.wait()
            self.had.append(name)
            self.at_once -= 1


async def test_one_at_a_time_and_a_short_word_before_long_ones() -> None:
    row, goes_on = Row(), asyncio.Event()
    wanted = [("first", 50), ("second", 50), ("third", 50), ("one word", 1), ("few", SHORT)]
    tasks = []
    for name, letters in wanted:
        tasks.append(asyncio.create_task(row.take(name, letters, goes_on)))
        await asyncio.sleep(0)
    goes_on.set()
    await asyncio.gather(*tasks)
    assert row.had == ["first", "one word", "few", "second", "third"]


async def test_who_gave_up_or_failed_keeps_nobody_waiting() -> None:
    row, goes_on, tasks = Row(), asyncio.Event(), []
    goes_on.set()
    async with row.turns.turn(50):
        for name in ("gone", "gone at its turn", "last"):
            tasks.append(asyncio.create_task(row.take(name, 50, goes_on)))
            await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
    # Its turn was given to it this very moment, and it has not run since.
    tasks[1].cancel()
    await tasks[2]
    assert row.had == ["last"]
    with pytest.raises(ValueError, match="once"):
        async with row.turns.turn(1):
            raise ValueError("once")
    async with asyncio.timeout(1), row.turns.turn(50):
        pass


async def test_more_than_could_ever_have_their_turn_are_asked_to_come_again() -> None:
    row, goes_on = Row(), asyncio.Event()
    tasks = [asyncio.create_task(row.take(str(number), 50, goes_on)) for number in range(MOST_WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(ProtocolError) as refused:
        await row.take("one more", 50, goes_on)
    assert (refused.value.code, refused.value.status) == ("too_many", 429)
    assert refused.value.detail["retry_after"] > 0
    short = asyncio.create_task(row.take("one word", 1, goes_on))
    await asyncio.sleep(0)
    goes_on.set()
    await asyncio.gather(short, *tasks)
    assert row.had[:2] == ["0", "one word"]
    assert len(row.had) == MOST_WAITING + 2

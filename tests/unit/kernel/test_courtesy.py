"""Long work lets pages pass, and goes on all the same."""

import asyncio

from eccoo_node.kernel.courtesy import WAITS_S, in_a_row, let_pages_pass, somebody_waits


async def test_work_waits_for_a_page_but_not_for_ever() -> None:
    said: list[str] = []

    async def page(turns: int) -> None:
        with somebody_waits():
            for _ in range(turns):
                await asyncio.sleep(0)
            said.append("page")

    async def work() -> None:
        await let_pages_pass()
        said.append("work")

    await asyncio.gather(page(5), work())
    assert said == ["page", "work"]
    with somebody_waits():
        async with asyncio.timeout(1):
            began = asyncio.get_running_loop().time()
            await let_pages_pass()
            assert asyncio.get_running_loop().time() - began >= WAITS_S
    async with asyncio.timeout(1):
        await let_pages_pass()


async def test_a_page_that_waits_for_the_work_itself_is_not_waited_for() -> None:
    turn, said = asyncio.Lock(), list[str]()

    async def page() -> None:
        with somebody_waits():
            with in_a_row():
                await turn.acquire()
            said.append("page")

    async with turn:
        waiting = asyncio.create_task(page())
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(50):
            await let_pages_pass()
        assert loop.time() - began < 50 * WAITS_S / 2
        said.append("work")
    await waiting
    assert said == ["work", "page"]

"""Long work lets pages pass, and goes on all the same."""

import asyncio

from eccoo_node.kernel.courtesy import WAITS_S, let_pages_pass, somebody_waits


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

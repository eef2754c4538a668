"""Three whole nodes in one test process: Hebden and Burnley are each linked with Todmorden, and not with each other."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import introducing, showing
from eccoo_node.links.rules import BOTH_WAYS, Terms
from tests.support.pair import ENGINES, Pair, PairNode, databases, open_nodes

THREE = ("Hebden", "Todmorden", "Burnley")
INTRODUCE = Terms(we_may=(*BOTH_WAYS, "introduce"), they_may=(*BOTH_WAYS, "introduce"))


class Three:
    """Hebden and Burnley each know Todmorden, and nothing of each other."""

    def __init__(self, *nodes: PairNode) -> None:
        self.x, self.y, self.z = nodes
        self.xy, self.yz = Pair(self.x, self.y), Pair(self.z, self.y)

    @property
    def all(self) -> tuple[PairNode, ...]:
        return self.x, self.y, self.z

    async def settle(self) -> None:
        for _ in range(30):
            if not sum([await node.settle() for node in self.all]):
                return

    async def shown(self) -> None:
        """Burnley lets itself be heard of through Todmorden, and Todmorden shows it."""
        with self.z.bound():
            await showing.set_shown(COMMAND, self.yz.link_id, shown_there=True, we_show=False)
        await self.settle()
        with self.y.bound():
            await showing.set_shown(COMMAND, self.yz.link_id, shown_there=False, we_show=True)
        await self.settle()

    async def heard(self) -> list[introducing.Heard]:
        with self.x.bound():
            await showing.look(COMMAND, self.xy.link_id)
        await self.settle()
        with self.x.bound():
            return await introducing.heard(self.xy.link_id)

    async def ask(self, why: str = "We share a valley.") -> str:
        [one] = await self.heard()
        with self.x.bound():
            id_ = await introducing.ask(COMMAND, self.xy.link_id, reference=one.reference, why=why)
        await self.settle()
        return id_


@pytest.fixture(params=ENGINES)
def three_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    yield from databases(request, tmp_path, *THREE)


@pytest.fixture
async def three(three_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Three]:
    """Both links stand, on either engine."""
    async with open_nodes(tmp_path, three_urls) as nodes:
        made = Three(*nodes)
        for pair in (made.xy, made.yz):
            await pair.link(INTRODUCE)
        yield made

"""The link between the two circles, agreed as any two circles agree it: an invitation, six words, two yeses, over HTTP.

Both nodes are being served; here their admins press the buttons, and the nodes themselves call each other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from eccoo_node.demo.cast import HEBDEN, TODMORDEN
from eccoo_node.demo.place import Made, Place
from eccoo_node.hosting.running import opened
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.settings import load
from eccoo_node.links import actions as links
from eccoo_node.links.queries import Page, page
from eccoo_node.members.queries import actor_for

PATIENCE_S = 60


class Side:
    """One of the two, and the admin who acts there."""

    def __init__(self, place: Place, made: Made, name: str, admin: str) -> None:
        self.folder = place.folder(name)
        self.settings, _ = load(self.folder, {})
        self.admin = made.circles[name].people[admin]

    async def do(self, act: Callable[..., Awaitable[str | None]], *args: str) -> str:
        async with opened(self.folder, self.settings):
            return await act(await actor_for(self.admin), *args) or ""

    async def until(self, link_id: str, holds: Callable[[Page], object]) -> Page:
        """Wait until the node's own jobs have brought the link so far. Raises Broken when they do not."""
        deadline = time.monotonic() + PATIENCE_S
        async with opened(self.folder, self.settings):
            while not holds(found := await page(link_id)):
                if time.monotonic() > deadline:
                    stuck = found.health.trouble or found.circle.standing
                    raise Broken(f"The two circles of the demo could not agree their link: {stuck}.", "no_link")
                await asyncio.sleep(0.1)
            return found


async def link(place: Place, made: Made) -> None:
    """Link the two circles of a demo, whose nodes answer."""
    a, b = Side(place, made, HEBDEN, "gwen"), Side(place, made, TODMORDEN, "pete")
    link_id = await b.do(links.accept_invite, await a.do(links.make_invite))
    words = [(await side.until(link_id, lambda found: found.words)).words for side in (b, a)]
    if words[0] != words[1]:
        raise Broken("The six words are not the same in both circles: something stands between them.", "words_differ")
    for side in (a, b):
        await side.do(links.words_same, link_id)
    await b.do(links.propose, link_id)
    await a.until(link_id, lambda found: found.theirs)
    await a.do(links.agree, link_id)
    for side in (a, b):
        await side.until(link_id, lambda found: found.circle.standing == "open")

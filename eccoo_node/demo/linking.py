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
from eccoo_node.links.rules import BOTH_WAYS, Terms
from eccoo_node.members.queries import actor_for
from eccoo_node.pools import actions as pools

PATIENCE_S = 60
# Beside cover, each sees those workers of the other who say yes, and what was seen of their papers.
MAY = (*BOTH_WAYS, "attest.read", "pool.read:first_name,skills,languages,areas,rate,hours")


class Side:
    """One of the two, and the admin who acts there."""

    def __init__(self, place: Place, made: Made, name: str, admin: str) -> None:
        self.folder = place.folder(name)
        self.settings, _ = load(self.folder, {})
        self.people = made.circles[name].people
        self.admin = self.people[admin]

    async def show_worker(self, key: str, link_id: str) -> None:
        """One worker says yes to being seen by the other circle, with all that it may see."""
        async with opened(self.folder, self.settings):
            worker = self.people[key]
            fields = await pools.fields_for(link_id)
            await pools.share(
                await actor_for(worker), link_id=link_id, worker_id=worker, fields=fields,
                words="People of the other circle may see this of me. I can stop it at any time.",
            )  # fmt: skip

    async def do(self, act: Callable[..., Awaitable[str | None]], *args: object) -> str:
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
    await b.do(links.propose, link_id, Terms(we_may=MAY, they_may=MAY))
    await a.until(link_id, lambda found: found.theirs)
    await a.do(links.agree, link_id)
    for side in (a, b):
        await side.until(link_id, lambda found: found.circle.standing == "open")
    await a.show_worker("maryam", link_id)
    await b.show_worker("olena", link_id)

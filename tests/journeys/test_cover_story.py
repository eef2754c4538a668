"""The cover story in a browser, on two nodes: once as on a phone, once without any script."""

from collections.abc import Awaitable, Callable

import pytest

from tests.journeys import story
from tests.journeys.walking import HEBDEN, TODMORDEN, Walk, plain

NewWalk = Callable[..., Awaitable[Walk]]
WAYS = {
    "on a phone": {"width": 360, "height": 640},
    "without scripts": {"js": False, "width": 1280},
}


@pytest.mark.parametrize("way", WAYS)
async def test_someone_from_over_the_hill_comes_instead_and_is_paid(new_walk: NewWalk, way: str) -> None:
    await story.whole(await new_walk(**WAYS[way]))


async def test_both_circles_stand_side_by_side_in_one_browser(new_walk: NewWalk) -> None:
    walk = await new_walk()
    await walk.be("Joan")
    await walk.be("Olena")
    for circle, called in ((HEBDEN, "Joan"), (TODMORDEN, "Olena")):
        await walk.tabs[circle].reload()
        assert plain(await walk.tabs[circle].locator("header .me").inner_text()) == f"You are signed in as {called}"

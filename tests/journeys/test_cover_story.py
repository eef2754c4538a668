"""The cover story in a browser without any script, on two nodes. On a phone it is walked in test_every_page, and looked at."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from tests.journeys import story
from tests.journeys.walking import HEBDEN, TODMORDEN, Walk, plain

NewWalk = Callable[..., Awaitable[Walk]]


async def test_someone_from_over_the_hill_comes_instead_and_is_paid(new_walk: NewWalk) -> None:
    walk = await new_walk(js=False, width=1280)
    await story.whole(walk)
    await the_month_is_settled(walk)


async def the_month_is_settled(walk: Walk) -> None:
    """When the month is over both books agree its statement by themselves; a second person makes sure of the account, and
    what was owed is sent."""
    visited = walk.demo.day(3)
    walk.demo.move_to((visited.replace(day=1) + timedelta(days=32)).replace(day=2))
    await walk.be("Ifeoma")
    await walk.open("/money")
    await walk.card("Hebden Bridge circle")
    await walk.until_it_says("Hebden Bridge circle pays us £61.05 by ")
    here = walk.path
    await walk.card("What they owe us: £61.05")
    await walk.says("agreed", "£61.05")
    await walk.be("Nasreen")
    await walk.open(here)
    await walk.until_it_says("Pay Todmorden circle £61.05")
    await walk.reads("Todmorden circle", act="Write their account down")
    await walk.press("Write their account down")
    await walk.reads("Where their money goes", "Their treasurer reads it to you on the telephone.", act="Write it down")
    await walk.fill("Name on the account", "Todmorden circle")
    await walk.fill("Sort code", "20-30-40")
    await walk.fill("Account number", "12345679")
    await walk.press("Write it down")
    await walk.be("Ruth")
    await walk.open(f"{here}/account")
    await walk.page.get_by_role("radio").first.check()
    await walk.press("Write it down")
    await walk.says("Money for them goes there now.")
    await walk.be("Nasreen")
    await walk.open(here)
    await walk.reads("Todmorden circle", "Account number 12345679", "Sum £61.05", act="We have sent it")
    await walk.press("We have sent it")
    await walk.says("£61.05 is on its way to Todmorden circle. It says when it has arrived.")


async def test_both_circles_stand_side_by_side_in_one_browser(new_walk: NewWalk) -> None:
    walk = await new_walk()
    await walk.be("Joan")
    await walk.be("Olena")
    for circle, called in ((HEBDEN, "Joan"), (TODMORDEN, "Olena")):
        await walk.tabs[circle].reload()
        assert plain(await walk.tabs[circle].locator("header .me").inner_text()) == f"You are signed in as {called}"

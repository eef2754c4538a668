"""Someone dies, and the circle's people see to what is left: on a small phone, and the treasurer too."""

from collections.abc import Awaitable, Callable

from tests.journeys.inspecting import Inspector
from tests.journeys.walking import Walk

NewWalk = Callable[..., Awaitable[Walk]]


async def test_a_death_is_written_down_and_what_is_left_is_seen_to(new_walk: NewWalk) -> None:
    walk = await new_walk(width=320, height=640)
    walk.look = inspector = Inspector()
    await inspector.watch(*walk.tabs.values())
    await walk.be("Ruth")
    await walk.move_on("Thursday, noon")
    await walk.open("/home")
    await walk.press("On the phone")
    await walk.fill("Name or phone number", "Edith")
    await walk.press("Find them")
    await walk.press("Edith is in hospital, is home again, or has died")
    await walk.reads("How is Edith?", "Edith is at home, as far as we know.", act="Write it down")
    await walk.choose("In hospital")
    await walk.press("Write it down")
    await walk.reads("How is Edith?", "Edith is in hospital, since")
    await walk.press("Write it down")
    await walk.says("Choose how they are.")
    await walk.choose("Died")
    await walk.press("Write it down")
    await walk.reads("Has Edith died?", "If that is so, we are sorry.", act="Write down that Edith has died")
    await walk.press("Write down that Edith has died")
    await walk.reads("How is Edith?", "Edith died on", "Whoever comes to Edith is being told.")
    await walk.be("Maryam")
    await walk.until_it_says("Edith has died. We are sorry.")
    await walk.be("Nasreen")
    await walk.open("/money")
    await walk.press(walk.page.locator("main a[href$='/due']").first)
    await walk.reads("How much of this visit is due?", act="Write it down")
    await walk.choose("A part of it")
    await walk.press("Write it down")
    await walk.says("Say how you know.")
    await walk.fill("How many minutes", "30")
    await walk.fill("How do you know?", "Joan was there.")
    await walk.press("Write it down")
    await walk.says("It is written down.")
    inspector.approve()

"""Other ways through the story: by telephone, a worker who can't after all, and a person whose own choice stands."""

from collections.abc import Awaitable, Callable

from tests.journeys import story
from tests.journeys.walking import Walk

NewWalk = Callable[..., Awaitable[Walk]]


async def ruth_rings_edith(walk: Walk) -> None:
    """(v) How she knows that it's Edith; from then on each button records Edith's own answer."""
    await walk.be("Ruth")
    await walk.press("Someone is on the phone")
    await walk.reads("Who is it?", act="Find them")
    await walk.fill("Name or phone number", "960011")
    await walk.press("Find them")
    await walk.reads(
        "How do you know it’s Edith?", "They said our agreed words", "Ask: what are our words? They are “Tinker is in”.",
        "I rang back the number we know", "It counts as Edith’s own answer.", act="Write down what Edith says",
    )  # fmt: skip
    await walk.choose("They said our agreed words")
    await walk.press("Write down what Edith says")
    banner = walk.page.get_by_role("region", name="Whom you act for")
    await walk.says("You are writing down what Edith says.", "Stop writing for Edith", inside=banner)


async def reads_aloud(walk: Walk, heading: str, *sentences: str, record: bool = True) -> None:
    """A question as Ruth reads it to Edith, in the words that Edith would read herself."""
    act = "Record Edith’s answer" if record else ""
    await walk.reads(heading, "Read this to Edith:", *sentences, act=act)


async def test_a_facilitator_does_each_of_the_persons_steps_on_the_phone(new_walk: NewWalk) -> None:
    walk = await new_walk(width=360, height=640)
    await story.maryam_cannot_be_there(walk)
    await ruth_rings_edith(walk)
    await reads_aloud(walk, "Maryam can’t come on Wednesday at 9am", "You can choose what happens next.", record=False)
    await walk.press("Choose what happens")
    await walk.choose("Someone else comes")
    await walk.press("Continue")
    # Her wish names Bronagh, who works on Thursdays and Fridays only: it is not offered to be read out.
    await reads_aloud(walk, "Nobody of our own is free then", "You can ask circles further away.")
    await walk.press("Record Edith’s answer")
    await reads_aloud(walk, "Nobody of our own is free on Wednesday", record=False)
    await walk.press("Ask further away")
    await reads_aloud(walk, "Shall we ask Todmorden circle?", "£60", "They do not see your name or address.")
    await walk.press("Record Edith’s answer")
    await walk.says("Read this back to Edith: We’ve asked Todmorden circle.")
    await walk.press("Stop writing for Edith")
    await walk.reads("Who is it?", "You are Ruth again.")

    await walk.be("Siobhán")
    await walk.until("Someone in HX7 needs a worker on Wednesday at 9am")
    for words in ("See what is asked", "Offer to come", "Send my offer"):
        await walk.press(words)

    await ruth_rings_edith(walk)
    await walk.until("Someone offers to come on Wednesday")
    await walk.press("See who offers")
    await reads_aloud(walk, "Siobhán offers to come on Wednesday", record=False)
    await walk.press(walk.page.locator("main .cards").get_by_role("link", name="Siobhán"))
    await reads_aloud(
        walk, "Siobhán", "Siobhán costs £60. That is what is set aside for Wednesday.",
        "Siobhán will then get your name, your address and what they need to know.",
    )  # fmt: skip
    await walk.press("Record Edith’s answer")
    await walk.until("Siobhán is coming on Wednesday")

    await walk.be("Siobhán")
    await walk.until("You are chosen to come to Edith on Wednesday")
    await walk.press("Read it")
    await walk.until("You are coming to Edith on Wednesday")
    await walk.press("I’ve read this and I’m coming")
    await walk.move_on("Thursday, 8am")
    await walk.be("Siobhán")
    await walk.press("Say how it went")
    await walk.choose("As planned")
    await walk.press("Send")

    await ruth_rings_edith(walk)
    await walk.until_it_says("Did Siobhán come yesterday?")
    await walk.open("/home")
    question = walk.page.get_by_role("link", name="Did Siobhán come yesterday?")
    await walk.press(question.or_(walk.one("Say whether it went ahead")).first)
    await reads_aloud(
        walk,
        "Did Siobhán come yesterday?",
        "When you say it went ahead, £51 goes to Siobhán and £9 to the two circles.",
    )
    await walk.choose("Yes, as planned")
    await walk.press("Record Edith’s answer")
    await walk.says("Read this back to Edith: Thank you. Your answer is: yes, as planned.")
    await walk.until_it_says("£51 went to Siobhán")


async def joan_has_chosen_siobhan(walk: Walk) -> None:
    """Siobhán offers at the sum that is set aside, so one yes is enough."""
    await story.joan_asks(walk)
    await story.joan_asks_further(walk)
    await story.siobhan_offers(walk)
    walk.page = walk.tabs["hebden"]
    await walk.until("Siobhán offers to come to Edith on Thursday")
    await walk.press(walk.page.locator("main .cards").get_by_role("link", name="Siobhán"))
    await walk.press("Yes, ask Siobhán to come")
    await walk.until("Siobhán is coming to Edith on Thursday")


async def test_when_she_cannot_after_all_the_search_goes_on_and_she_forgets_the_address(new_walk: NewWalk) -> None:
    walk = await new_walk(js=False, width=360)
    await joan_has_chosen_siobhan(walk)
    search = walk.path
    await walk.be("Siobhán")
    await walk.press("Read it")
    await walk.until("You are coming to Edith on Thursday")
    hers = walk.path
    await walk.press("I can’t after all")
    await walk.reads(
        "You can’t come after all?", "You don’t need to say why.", "Please also ring Hebden Bridge circle, 01632 960001.",
        act="I can’t come",
    )  # fmt: skip
    await walk.press("I can’t come")
    await walk.says("They have been told, and look for someone else.")
    await walk.open(hers)
    await walk.reads("You are not expected on Thursday", "Thank you for saying so.")
    await story.knows_nobody(walk)
    await walk.be("Joan")
    await walk.until_it_says("We’ve asked the circles around us about Thursday")
    assert "is coming to Edith on Thursday" not in await walk.text()
    await walk.speak_for("Edith")
    await walk.open(search)
    await walk.until("We’ve asked Todmorden circle")
    await walk.says("Ask someone else of our own")
    await walk.be("Olena")
    await walk.until("Someone in HX7 needs a worker on Thursday at 9am")


async def test_a_daughters_yes_after_her_mothers_no_changes_nothing(new_walk: NewWalk) -> None:
    walk = await new_walk(width=1280)
    await story.joan_asks(walk)
    search = walk.path
    await walk.press("Ask further away")
    edith = await walk.page.context.browser.new_context(locale="en-GB")  # type: ignore[union-attr]
    hers = Walk(walk.demo, await edith.new_page(), await edith.new_page())
    await hers.be("Edith")
    await hers.open(search)
    await hers.press("Do without instead")
    await hers.reads(
        "Do without on Thursday?", "Those we asked are told.", "The £60 set aside goes back.", act="Yes, do without"
    )
    await hers.press("Yes, do without")
    await hers.says("Nobody comes on Thursday. Those who were asked know.")
    await edith.close()
    await walk.press("Yes, ask them")
    await walk.reads(
        "Edith has chosen otherwise", "Edith’s own choice stands, so nothing was changed. Ruth has been told and will ring.",
        act="See the visit",
    )  # fmt: skip
    await walk.press("See the visit")
    await walk.says("does not take place")
    await walk.be("Ruth")
    await walk.says("Joan and Edith want different things on Thursday at 9am. Edith’s own choice stands.")
    await walk.be("Olena")
    await walk.reads("Nothing waits for you")

"""The cover story screen by screen, as ../screens says it: each function is one person's part, and asserts what they read.

Letters in the docstrings are those of the screens. Numbers are those of the demo: £30 an hour, two hours; Olena asks £33.
"""

from tests.journeys.walking import TODMORDEN, Walk, plain

RUTH = "Ruth, 01632 960002"
WORDS = "I know hoists, and I am gentle in the mornings."
# What the other circle must not learn before somebody is sure to come. Names that Todmorden has of its own are not among them.
EDITHS = ("Edith", "Oakenshaw", "Peat Pits", "Slack Top", "960011", "1947", "Tinker", "Joan")


async def maryam_cannot_be_there(walk: Walk) -> str:
    """(a–d) On Wednesday, in one act. The address of that visit."""
    await walk.be("Maryam")
    await walk.press("Week")
    await walk.reads("Your week")
    day = walk.page.locator(".week > li").filter(has_text=walk.day(2))
    await walk.press(day.get_by_role("link", name="Edith"))
    await walk.reads(
        f"{walk.day(2)}, 9am to 11am", "Edith Getting up, washing and breakfast", "you are coming",
        "£60 is set aside for Wednesday. When Edith says it went ahead, £51 goes to you and £9 to the circle.",
        act="I can’t be there",
    )  # fmt: skip
    visit = walk.path
    await walk.press("I can’t be there")
    await walk.reads("Which visits can’t you be there for?", "You don’t need to say why.", act="Tell Edith’s team")
    assert await walk.page.get_by_role("checkbox").evaluate_all("boxes => boxes.map(b => b.checked)") == [True]
    await walk.press("Tell Edith’s team")
    await walk.reads(
        "We’re telling Edith’s team", "Edith chooses what happens next. You need do nothing more.", "Joan told today, 9",
        "Edith we are ringing them", f"Is it urgent? Please also ring {RUTH}.", act="Back to my week",
    )  # fmt: skip
    await walk.press("Back to my week")
    await walk.says("you can’t be there")
    return visit


async def tomasz_is_refused(walk: Walk, visit: str) -> None:
    """(e) A paid worker cannot open cover, whatever other hats he wears."""
    await walk.be("Tomasz")
    await walk.press("Maryam can’t come to Edith on Wednesday at 9am.")
    await walk.says("Edith, or someone who speaks for Edith, chooses what happens next.")
    assert await walk.page.get_by_role("link", name="Choose what happens").count() == 0
    assert await walk.open(f"{visit}/choose") == 403
    await walk.reads(
        "Edith decides who comes",
        "It is Edith’s home. So only Edith, or someone who speaks for Edith, can ask. Joan has been told. We are telling Edith.",
        f"Urgent? Ring {RUTH}.", act="Back to my week",
    )  # fmt: skip


async def joan_asks(walk: Walk) -> None:
    """(f–i) Speaking for Edith, she asks Bronagh for Thursday."""
    await walk.be("Joan")
    await walk.says("Maryam can’t come to Edith on Thursday at 9am", "You can choose what happens next.")
    await walk.speak_for("Edith")
    # Thursday alone, or after Wednesday, which comes sooner.
    thursday = walk.page.get_by_role("link", name="Maryam can’t come to Edith on Thursday at 9am")
    await walk.press(thursday.or_(walk.one("Choose what happens")).last)
    await walk.says("Maryam can’t come on Thursday at 9am.")
    await walk.reads("What happens next?", "Another time", "Do without", "Talk to Ruth", act="Continue")
    await walk.choose("Someone else comes")
    await walk.press("Continue")
    await walk.reads(
        "Who shall we ask first?", f"{walk.day(3)}, 9am to 11am", "As I said before", "“If Maryam can’t come, ask Bronagh.",
        "Bronagh, £30 an hour In our circle", act="Ask them",
    )  # fmt: skip
    await walk.choose("Bronagh, £30 an hour")
    await walk.press("Ask them")
    await walk.reads("We’ve asked Bronagh", "No answer yet. The next news is by noon.", act="Ask further away")


async def joan_asks_further(walk: Walk) -> list[str]:
    """(j) She reads exactly what the other circle will see, and says yes. The lines she read."""
    await walk.press("Ask further away")
    await walk.reads(
        "Shall we ask Todmorden circle?",
        "They will see:",
        "They do not see Edith’s name or address.",
        act="Yes, ask them",
    )
    shown = [plain(row) for row in await walk.page.locator("main dl > div").all_inner_texts()]
    assert shown == [
        "Where HX7", f"When {walk.day(3)}, 9am to 11am", "What is there A hoist, stairs and pets",
        "Skills Moving and handling, washing and dressing", "Language English", "Wished for A woman", "Fee £60",
        "If called off Half of the fee, less than 24 hours before", f"Safety review Done on {walk.seen_on(-11)}",
    ]  # fmt: skip
    await walk.press("Yes, ask them")
    await walk.reads("We’ve asked Bronagh and Todmorden circle", "No answer yet. The next news is by noon.")
    return shown


async def knows_nobody(walk: Walk) -> None:
    """Nothing of Edith stands in the page, seen or unseen."""
    html = await walk.page.content()
    assert [word for word in EDITHS if word in html] == []


async def olena_offers(walk: Walk, shown: list[str]) -> None:
    """(p, q) In the other circle, at her own rate, in her own words."""
    await walk.be("Olena")
    await walk.until("Someone in HX7 needs a worker on Thursday at 9am")
    await walk.reads("Someone in HX7 needs a worker on Thursday at 9am", act="See what is asked")
    await knows_nobody(walk)
    await walk.press("See what is asked")
    await walk.reads(
        "Someone in HX7 needs a worker", shown[1].removeprefix("When "), *shown[2:], "You would take home £51 of the £60.",
        "At your own £33 an hour it comes to £66. You take home £56.10. £9.90 goes to the two circles.",
        "You get the name and the address only if they choose you. You’ll hear by noon.", act="Offer to come",
    )  # fmt: skip
    await knows_nobody(walk)
    await walk.press("Offer to come")
    await walk.fill("In your own words", WORDS)
    await walk.reads(
        "Offer to come", "Hebden Bridge circle shows the person my first name, my picture, my words and rate, and that I "
        "speak English and Ukrainian. Todmorden circle says which of my papers it has seen.", "You’ll hear by noon.",
        act="Send my offer",
    )  # fmt: skip
    await knows_nobody(walk)
    await walk.press("Send my offer")
    await walk.reads("Your offer is with Hebden Bridge circle", "they have not chosen yet", "You’ll hear by noon.")
    await knows_nobody(walk)


async def siobhan_offers(walk: Walk) -> None:
    """(p, q) So does another, for what is set aside."""
    await walk.be("Siobhán")
    await walk.until("Someone in HX7 needs a worker on Thursday at 9am")
    for words in ("See what is asked", "Offer to come", "Send my offer"):
        await walk.press(words)
    await walk.reads("Your offer is with Hebden Bridge circle")
    await knows_nobody(walk)


async def joan_chooses_olena(walk: Walk) -> None:
    """(k, l) The offers, oldest first; one offer; the yes. Olena costs more, so the payer, who is Joan herself, is asked."""
    await walk.be("Joan")
    await walk.speak_for("Edith")
    await walk.until_it_says("to come to Edith on Thursday")
    offers = walk.page.get_by_role("link", name="to come to Edith on Thursday")
    await walk.press(offers.or_(walk.one("See who offers")).first)
    await walk.until("Two people offer to come to Edith on Thursday")
    await walk.reads(
        "Two people offer to come to Edith on Thursday", "Bronagh has not answered yet. You can choose now, or wait."
    )
    assert [" ".join(one.split()) for one in await walk.page.locator("main .cards li").all_inner_texts()] == [
        "O Olena Todmorden circle, £66, £6 more than set aside", "S Siobhán Todmorden circle, £60",
    ]  # fmt: skip
    await walk.press(walk.page.locator("main .cards").get_by_role("link", name="Olena"))
    await walk.until_it_says("Todmorden circle saw Olena’s")
    await walk.reads(
        "Olena", "Todmorden circle", f"“{WORDS}”", "Todmorden circle saw Olena’s DBS certificate, insurance papers and "
        f"papers that allow work here on {walk.seen_on(-17)}.",
        "Olena costs £66. That is £6 more than the £60 set aside for Thursday.",
        "£56.10 of it goes to Olena and £9.90 to the two circles.",
        "Olena will then get Edith’s name, Edith’s address and what they need to know.", "Speaks English and Ukrainian",
        act="Yes, ask Olena to come",
    )  # fmt: skip
    await walk.press("Yes, ask Olena to come")


async def joan_pays(walk: Walk) -> None:
    """As the one who pays she says yes under her own name, from the page that asks her to."""
    await walk.reads(
        "Joan is asked first", "Olena costs more than is set aside for Thursday. Olena is told once Joan has said yes.",
        "That is you, as the one who pays.", act="Go on as Joan",
    )  # fmt: skip
    assert "Olena" not in await walk.page.locator("main .cards").inner_text()
    await walk.press("Go on as Joan")
    await walk.reads(
        "Is it all right to pay for Olena?", "Olena costs £66. That is £6 more than the £60 set aside for Thursday.",
        "Until then nobody is told, and Edith can still choose someone else.", act="Yes, set £6 more aside",
    )  # fmt: skip
    assert await walk.page.get_by_role("region", name="Whom you act for").count() == 0
    await walk.press("Yes, set £6 more aside")
    await walk.says("Thank you. We’re telling Olena.")


async def everyone_reads_that_olena_is_coming(walk: Walk) -> str:
    """(m, r, t) Only now the name, the address and what must be known. The address of Olena's page."""
    await walk.be("Edith")
    await walk.until_it_says("Olena is coming on Thursday at 9am.")
    await walk.says("Olena Thursday, 9am to 11am", "is coming, from Todmorden circle")
    await walk.be("Olena")
    await walk.until("You are chosen to come to Edith on Thursday")
    await walk.press("Read it")
    await walk.until("You are coming to Edith on Thursday")
    await walk.reads(
        "You are coming to Edith on Thursday", "Name Edith Oakenshaw", "Address 3 Peat Pits Road Slack Top Hebden Bridge",
        "Way in Round the back. The key is in the safe by the coal hole: 1947.", "Edith is moved with the hoist",
        "Telephone 01632 960011", f"Stuck on the way? Ring {RUTH}.", "You take home £56.10.", act="I’ve read this and I’m coming",
    )  # fmt: skip
    html = await walk.page.content()
    assert [word for word in EDITHS if word not in html] == ["Joan"], "The search before would have found them."
    await walk.press("I’ve read this and I’m coming")
    await walk.reads("You are coming to Edith on Thursday", "you have read this and are coming", "I can’t after all")
    return walk.path


async def siobhan_is_told_kindly(walk: Walk) -> None:
    """(t) Not chosen: someone has someone, and thank you."""
    await walk.be("Siobhán")
    await walk.until_it_says("Someone in HX7 has someone for Thursday. Thank you for offering.")
    await walk.press(walk.page.get_by_role("link", name="Someone in HX7 has someone for Thursday."))
    await walk.reads("Someone in HX7 has someone for Thursday", "Thank you for offering.", act="Back to my week")
    await knows_nobody(walk)


async def joan_sees_thursday(walk: Walk, search: str) -> None:
    """(m) The search's own page."""
    await walk.be("Joan")
    await walk.speak_for("Edith")
    await walk.open(search)
    await walk.until_it_says("it is sure")
    await walk.reads("Olena is coming to Edith on Thursday", act="See Thursday")
    await walk.press("See Thursday")
    await walk.says(
        "£66 is set aside for Thursday. When Edith says it went ahead, £56.10 goes to Olena and £9.90 to the two circles."
    )


async def olena_says_how_it_went(walk: Walk) -> None:
    """(s) After the visit."""
    await walk.be("Olena")
    await walk.until("How did it go with Edith today?")
    await walk.reads("How did it go with Edith today?", "Then they are asked too.", act="Say how it went")
    await walk.press("Say how it went")
    await walk.reads(
        "How did it go today?",
        "As planned",
        "Shorter than planned",
        "No one answered the door",
        "I didn’t go",
        act="Send",
    )
    await walk.choose("As planned")
    await walk.press("Send")
    await walk.says("Thank you. They are asked too, and then the money is yours.")


async def edith_answers(walk: Walk) -> None:
    """(n) The money is released."""
    await walk.be("Edith")
    await walk.until("Did Olena come today?")
    # Edith is on the list of those who are rung, so it does not settle itself before somebody has.
    await walk.press("Say whether it went ahead")
    await walk.reads(
        "Did Olena come today?", "Yes, as planned", "Partly", "No", "Something was wrong",
        "£66 is set aside for today. When you say it went ahead, £56.10 goes to Olena and £9.90 to the two circles.",
        act="Send my answer",
    )  # fmt: skip
    await walk.choose("Yes, as planned")
    await walk.press("Send my answer")
    await walk.reads(f"{walk.day(3)}, 9am to 11am", "Thank you. Your answer is: yes, as planned.")
    await walk.until_it_says("£56.10 went to Olena and £9.90 to the two circles.")
    await walk.says("went ahead")


async def both_treasurers_read_the_same(walk: Walk, owed: str, kept: str) -> None:
    """(w) What is owed and where it came from, on both sides, to the penny: `owed` holds what was earned and half of the rest."""
    await walk.be("Ifeoma")
    await walk.press("Money")
    await walk.until_it_says(f"Hebden Bridge circle owes us {owed} for one visit")
    await walk.press(f"Hebden Bridge circle owes us {owed} for one visit")
    await walk.reads(
        "Hebden Bridge circle", f"Hebden Bridge circle owes us {owed} for one visit.", act="See where it came from"
    )
    await walk.press("See where it came from")
    await walk.reads("Where it came from", f"Hebden Bridge circle keeps {kept} and we keep {kept}. So they owe {owed}.")
    await walk.be("Nasreen")
    await walk.press("Money")
    await walk.press(f"We owe Todmorden circle {owed} for one visit")
    await walk.reads("Todmorden circle", f"We owe Todmorden circle {owed} for one visit.", act="See where it came from")
    await walk.press("See where it came from")
    await walk.reads("Where it came from", f"Todmorden circle keeps {kept} and we keep {kept}. So we owe {owed}.")


async def whole(walk: Walk) -> None:
    """From the first gap to the last penny."""
    await walk.open("/demo")
    await walk.reads("Someone can’t come on Thursday", "1. Joan", act="Begin: sign in as Joan")
    visit = await maryam_cannot_be_there(walk)
    await tomasz_is_refused(walk, visit)
    await joan_asks(walk)
    search = walk.path
    shown = await joan_asks_further(walk)
    await olena_offers(walk, shown)
    # Two nodes in one browser: being Olena in Todmorden has left Joan signed in, and speaking, in Hebden Bridge.
    assert walk.page is walk.tabs[TODMORDEN]
    await siobhan_offers(walk)
    await joan_chooses_olena(walk)
    await joan_pays(walk)
    await everyone_reads_that_olena_is_coming(walk)
    await siobhan_is_told_kindly(walk)
    await joan_sees_thursday(walk, search)
    await walk.move_on("Thursday, noon")
    await olena_says_how_it_went(walk)
    await edith_answers(walk)
    await both_treasurers_read_the_same(walk, "£61.05", "£4.95")
    await walk.be("Olena")
    await walk.until_it_says("is settled, and the money is yours.")
    await the_demo_says_that_it_has_been_told(walk)


async def the_demo_says_that_it_has_been_told(walk: Walk) -> None:
    """On both its pages: what can be done now, and how one begins afresh; nothing offers to begin what has been."""
    for page in walk.tabs.values():
        walk.page = page
        await walk.open("/demo")
        await walk.reads("The story has been told", "To begin afresh", "make demo DEMO_RESET=1", "eccoo demo --reset")
        assert "Begin" not in await walk.text()

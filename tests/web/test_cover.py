"""The pages of cover, on both sides of the hill: what each says, to whom, and its one button."""

import re
from datetime import timedelta

import msgspec
import pytest

from eccoo_federation import limits
from eccoo_federation.bodies import CoverRequested
from eccoo_node.cover import say as words
from eccoo_node.cover.shown import stored
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from tests.support import make
from tests.web.covering import ask_far, ask_near, choose, coming, gap, offer
from tests.web.story import Answer, Walk

# ---- asking ----


async def test_a_circle_that_can_take_no_more_requests_is_not_waited_for_and_asked_again(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = limits.OPEN_REQUESTS
    monkeypatch.setattr(limits, "OPEN_REQUESTS", 0)
    search = (await ask_near(walk)).search
    edith = await walk.a.read_as("Edith")
    await edith.press(await edith.get(f"{search}/further"), "Yes, ask them")
    await walk.settle()
    page = await edith.get(search)
    assert page.heading == "We’ve asked Sol"
    assert "Todmorden circle can’t take more requests just now. We ask it again by " in page.text
    assert "Ring Fay, 01422 960333" in page.text
    sol = await walk.a.read_as("Sol")
    asked = next(link for link in (await sol.get("/home")).links if link.startswith("/asks/"))
    await sol.press(await sol.get(asked), "Not this time")
    assert (await edith.get(search)).heading == "Nobody we asked can come on Thursday"
    monkeypatch.setattr(limits, "OPEN_REQUESTS", most)
    walk.pair.move(timedelta(hours=4))
    for _ in range(2):
        await walk.settle()
    page = await edith.get(search)
    assert page.heading == "We’ve asked Todmorden circle"
    assert "more requests" not in page.text
    assert (await (await walk.b.read_as("Bea")).get("/requests")).links


async def test_a_paid_worker_who_tries_to_ask_reads_who_decides_and_whom_to_ring(walk: Walk) -> None:
    visit = await gap(walk)
    # Wren is paid; Sol is paid and wears a facilitator's hat as well.
    for name in ("Wren", "Sol"):
        reader = await walk.a.read_as(name)
        for path in (
            f"/visits/{visit}/choose",
            f"/cover/ask?visit={visit}",
            f"/visits/{visit}/without",
            f"/visits/{visit}/talk",
        ):
            page = await reader.get(path)
            assert (page.status, page.acts) == (403, ["Back to my week"])
            assert page.text == (
                "Thursday 26 November, 9am to 11am Edith decides who comes It is Edith’s home. So only Edith, or someone who "
                "speaks for Edith, can ask. Ruth has been told. We are telling Edith. Urgent? Ring Fay, 01422 960333 . Back to my week"
            )


async def test_a_paid_worker_cannot_send_the_form_of_someone_who_may(walk: Walk) -> None:
    visit = await gap(walk)
    edith, wren = await walk.a.read_as("Edith"), await walk.a.read_as("Wren")
    page = await edith.get(f"/cover/ask?visit={visit}")
    own = await wren.get(f"/visits/{visit}/told")
    token = (await wren.get("/sessions")).html.split('name="_form" value="')[1].split('"')[0]
    forged = Answer(
        200, own.path, page.html.replace(page.html.split('name="_form" value="')[1].split('"')[0], token), {}
    )
    sent = await wren.send(forged, "Ask them", workers=[walk.a.people["Sol"]])
    assert (sent.status, sent.heading) == (403, "Edith decides who comes")
    with walk.a.node.bound():
        assert await fetch_value("SELECT COUNT(*) FROM cover_request") == 0


async def test_once_all_of_our_own_are_asked_the_page_leads_back_to_how_it_stands(walk: Walk) -> None:
    edith, visit = await walk.a.read_as("Edith"), await gap(walk)
    page = await edith.get(f"/cover/ask?visit={visit}")
    everyone = re.findall(r'name="workers" value="([^"]*)"', page.html)
    search = await edith.press(page, "Ask them", workers=[one for one in everyone if one != "wish"])
    page = await edith.get(f"/cover/ask?visit={visit}")
    assert (page.heading, page.acts) == ("We’ve asked everyone who is free then", ["See how it stands"])
    assert search.path in page.links


async def test_someone_who_speaks_first_says_so_and_then_chooses(walk: Walk) -> None:
    visit = await gap(walk)
    ruth = await walk.a.read_as("Ruth")
    page = await ruth.get(f"/visits/{visit}/choose")
    assert (page.status, page.acts) == (403, ["Speak for Edith"])
    home = await ruth.press(page, "Speak for Edith")
    assert (home.heading, home.acts) == ("Wren can’t come to Edith on Thursday at 9am", ["Choose what happens"])
    assert "You are speaking for <strong>Edith</strong>" in home.html
    page = await ruth.get(f"/visits/{visit}/choose")
    assert page.text == (
        "Wren can’t come on Thursday at 9am. What happens next? Someone else comes Another time Do without Talk to Fay Continue"
    )
    assert (await ruth.press(page, "Continue")).status == 422
    for choice, heading in (
        ("ask", "Who shall we ask first?"), ("another-time", "Which other time would suit?"),
        ("without", "Do without on Thursday?"), ("talk", "Talk to Fay"),
    ):  # fmt: skip
        assert (await ruth.press(page, "Continue", next=choice)).heading == heading
        page = await ruth.get(f"/visits/{visit}/choose")


async def test_our_own_are_asked_by_name_or_as_she_said_before(walk: Walk) -> None:
    edith = await walk.a.read_as("Edith")
    page = await edith.get(f"/cover/ask?visit={await gap(walk)}")
    assert page.text == (
        "Back Thursday 26 November, 9am to 11am Who shall we ask first? As I said before “If you can’t reach me, ask Sol.” "
        "S Sol, £30 an hour In the team already R Robin, £20 an hour In our circle Ask them"
    )
    wrong = await edith.press(page, "Ask them")
    assert (wrong.status, "Choose at least one person to ask." in wrong.text) == (422, True)
    asked = await edith.press(wrong, "Ask them", workers="wish")
    assert (asked.heading, asked.acts) == ("We’ve asked Sol", ["Ask further away"])
    assert "No answer yet. The next news is by 10am." in asked.text
    with walk.a.node.bound():
        assert [tuple(r) for r in await fetch("SELECT by_wish, asked_via FROM cover_request")] == [(1, "screen")]


async def test_a_worker_of_ours_says_yes_and_is_chosen(walk: Walk) -> None:
    told = await ask_near(walk, "Robin", "Sol")
    robin = await walk.a.read_as("Robin")
    home = await robin.get("/home")
    assert (home.heading, home.acts) == ("Can you come to Edith on Thursday at 9am?", ["Answer"])
    page = await robin.get(f"/visits/{walk.a.visits['Thursday']}")
    assert page.text == (
        "Thursday 26 November, 9am to 11am Can you come to Edith? HX7. Getting up and breakfast. At your rate it comes to £40. "
        "You take home £34. £6 goes to the circle. Called off less than 24 hours before, you have £17. Yes, I can come Not this time A no is shown to nobody. "
        "What is there A hoist Skill Moving and handling Language English"
    )
    done = await robin.press(page, "Yes, I can come")
    assert "Thank you. Edith knows that you offer to come on Thursday, and chooses." in done.text
    edith = await walk.a.read_as("Edith")
    search = await edith.get(told.search)
    assert search.heading == "Robin offers to come on Thursday"
    assert "R Robin Our own circle, £40, £20 less than set aside Sol has not answered yet." in search.text
    chosen = await choose(walk, told, "Robin")
    assert (chosen.heading, chosen.acts) == ("Robin is coming on Thursday", ["See Thursday"])


async def test_a_no_is_shown_to_nobody(walk: Walk) -> None:
    told = await ask_near(walk, "Robin", "Sol")
    robin = await walk.a.read_as("Robin")
    await robin.press(await robin.get(f"/visits/{walk.a.visits['Thursday']}"), "Not this time")
    edith = await walk.a.read_as("Edith")
    search = await edith.get(told.search)
    assert search.heading == "We’ve asked Sol"
    assert "Robin" not in search.text


async def test_what_linked_circles_see_is_shown_first_word_for_word(walk: Walk) -> None:
    told = await ask_near(walk)
    ruth = await walk.a.read_as("Ruth", "Edith")
    page = await ruth.get(f"{told.search}/further")
    rows = (
        ("Where", "HX7"), ("When", "Thursday 26 November, 9am to 11am"), ("What is there", "A hoist"),
        ("Skill", "Moving and handling"), ("Language", "English"), ("Fee", "£60"),
        ("If called off", "Half of the fee, less than 24 hours before"),
    )  # fmt: skip
    assert page.text == (
        "Back Thursday 26 November, 9am to 11am Shall we ask Todmorden circle? They will see: "
        + " ".join(f"{label} {said}" for label, said in rows) + " They do not see Edith’s name or address. Yes, ask them"
    )  # fmt: skip
    assert (await ruth.press(page, "Yes, ask them")).heading == "We’ve asked Sol and Todmorden circle"
    await walk.settle()
    with walk.a.node.bound():
        sent = await fetch_value("SELECT body FROM asked_circle")
        kept = await fetch_value("SELECT words FROM consent WHERE kind = 'cover.ask_further'")
        assert words.question(stored(sent, CoverRequested), clock.now()).rows == rows
    lines = [f"{label}: {said}" for label, said in rows]
    assert kept == "\n".join(["Todmorden circle will see:", *lines, "They do not see Edith’s name or address."])
    with walk.b.node.bound():
        came = await fetch_value("SELECT body FROM open_request")
    assert msgspec.json.decode(came) == msgspec.json.decode(sent)
    bea = await walk.b.read_as("Bea")
    home = await bea.get("/home")
    assert home.heading == "Someone in HX7 needs a worker on Thursday at 9am"
    everything = "".join(
        [(await bea.get(path)).html for path in ("/home", "/requests", *[x for x in home.links if "/requests/" in x])]
    )
    assert not any(planted in everything for planted in ("Edith", "Crabtree", "Heights", "960222"))


async def test_a_yes_to_a_question_that_has_changed_is_asked_again(walk: Walk) -> None:
    told = await ask_near(walk)
    edith = await walk.a.read_as("Edith")
    page = await edith.get(f"{told.search}/further")
    with walk.a.node.bound():
        async with write():
            await fetch("UPDATE care_facts SET smoke = ?", True)
    again = await edith.press(page, "Yes, ask them")
    assert again.status == 422
    assert "What they will see has changed since you opened this page. Please read it again." in again.text
    assert "What is there A hoist and someone who smokes" in again.text
    assert (await edith.press(again, "Yes, ask them")).heading == "We’ve asked Sol and Todmorden circle"


# ---- offering and choosing ----


async def test_the_other_side_reads_codes_pay_and_what_they_would_take_home(walk: Walk) -> None:
    told = await ask_far(walk)
    bea = await walk.b.read_as("Bea")
    page = await bea.get(told.opened)
    assert (page.heading, page.acts) == ("Someone in HX7 needs a worker", ["Offer to come"])
    assert page.text == (
        "All that is asked Hebden circle Someone in HX7 needs a worker Thursday 26 November, 9am to 11am "
        "You would take home £51 of the £60. Offer to come What is there A hoist Skill Moving and handling Language English "
        "Fee £60 If called off Half of the fee, less than 24 hours before At your own £30 an hour it comes to £60. "
        "You take home £51. £9 goes to the two circles. "
        "Called off less than 24 hours before, you have £25.50. "
        "You get the name and the address only if they choose you. You’ll hear by 10am."
    )
    form = await bea.get(f"{told.opened}/offer")
    assert 'value="30"' in form.html
    wrong = await bea.press(form, "Send my offer", rate="a lot")
    assert (wrong.status, 'value="a lot"' in wrong.html) == (422, True)
    assert "Write the sum in pounds and pence, such as 20 or 17.50." in wrong.text
    sent = await bea.press(wrong, "Send my offer", rate="33", own_words="I take my time.")
    assert sent.text == (
        "Your offer is on its way. Thursday 26 November, 9am to 11am Your offer is with Hebden circle "
        "they have not chosen yet You’ll hear by 10am. Take back my offer"
    )
    back = await bea.press(sent, "Take back my offer")
    assert back.text.startswith("Your offer is taken back.")


async def test_a_request_is_closed_to_whom_it_does_not_fit(walk: Walk) -> None:
    told = await ask_far(walk)
    with walk.b.node.bound():
        walk.b.people["Kim"] = await make.worker("Kim", skills="[]")
        walk.b.people["Lou"] = await make.person("Lou")
    kim, lou = await walk.b.read_as("Kim"), await walk.b.read_as("Lou")
    assert [(await kim.get(p)).status for p in ("/requests", told.opened, f"{told.opened}/offer")] == [200, 404, 404]
    assert "Nobody asks just now." in (await kim.get("/requests")).text
    assert [(await lou.get(p)).status for p in ("/requests", told.opened, f"{told.opened}/offer")] == [403, 403, 403]


async def test_offers_are_shown_oldest_first_and_one_in_full(walk: Walk) -> None:
    told = await ask_far(walk)
    await offer(walk, told, "Cass", "28")
    await offer(walk, told, "Bea", "33")
    ruth = await walk.a.read_as("Ruth", "Edith")
    page = await ruth.get(told.search)
    assert page.text == (
        "Thursday 26 November, 9am to 11am Two people offer to come to Edith on Thursday "
        "C Cass Todmorden circle, £56, £4 less than set aside B Bea Todmorden circle, £66, £6 more than set aside "
        "Sol has not answered yet. You can choose now, or wait. Do without instead Talk to Fay"
    )
    one = await ruth.get([link for link in page.links if "/offers/" in link][1])
    assert one.acts == ["Yes, ask Bea to come"]
    assert one.text == (
        "Everyone who offers Thursday 26 November, 9am to 11am B Bea Todmorden circle “I take my time.” "
        "Todmorden circle saw Bea’s DBS certificate, insurance papers and papers that allow work here on 23 November. "
        "That is what they saw on that day. It is not the paper itself: ask Bea to show it to you. "
        "Bea costs £66. That is £6 more than the £60 set aside for Thursday. "
        "£56.10 of it goes to Bea and £9.90 to the two circles. "
        "Called off less than 24 hours before, £33 is due: £28.05 to Bea and £4.95 to the two circles. "
        "Bea will then get Edith’s name, Edith’s address and what they need to know. Yes, ask Bea to come "
        "Speaks English Rate £33 an hour Papers good DBS certificate until 23 November 2027, "
        "insurance papers until 23 November 2027, papers that allow work here until 23 November 2027 "
        "If someone else is chosen, Bea is told kindly that someone was found. If you do nothing, this offer ends on Thursday at 9am."
    )


async def test_both_sides_read_that_she_is_coming_and_only_then_the_name_and_the_address(walk: Walk) -> None:
    told = await ask_far(walk)
    bea_offer = await offer(walk, told, "Bea", "33")
    cass_offer = await offer(walk, told, "Cass", "28")
    page = await choose(walk, told, "Bea")
    assert (page.heading, page.acts) == ("We’re telling Bea", [])
    assert "It says so here when we are sure, by 6pm on Wednesday at the latest." in page.text
    await walk.settle()
    edith, bea, cass = await walk.a.read_as("Edith"), await walk.b.read_as("Bea"), await walk.b.read_as("Cass")
    page = await edith.get(told.search)
    assert (page.heading, page.acts) == ("Bea is coming on Thursday", ["See Thursday"])
    assert (await bea.get("/home")).heading == "You are chosen to come to Edith on Thursday"
    page = await bea.get(bea_offer)
    assert page.text == (
        "Thursday 26 November, 9am to 11am You are coming to Edith on Thursday Name Edith Crabtree "
        "Address 14 Heights Road, Pecket Well Way in Key safe by the door What you must know Likes the radio on "
        "Telephone 01422 960222 I’ve read this and I’m coming I can’t after all Stuck on the way? Ring Fay, 01422 960333 . "
        "You take home £56.10."
    )
    page = await bea.press(page, "I’ve read this and I’m coming")
    assert "you have read this and are coming" in page.text
    page = await cass.get(cass_offer)
    assert page.text == (
        "Thursday 26 November, 9am to 11am Someone in HX7 has someone for Thursday Thank you for offering. Back to my week"
    )
    wren = await walk.a.read_as("Wren")
    assert "Bea comes instead" in (await wren.get("/week")).text


async def test_i_cant_after_all_asks_for_no_reason_and_takes_the_address_away(walk: Walk) -> None:
    told = await coming(walk)
    bea = await walk.b.read_as("Bea")
    page = await bea.get(f"{told.offers['Bea']}/cant-come")
    assert page.text == (
        "Back Thursday 26 November, 9am to 11am You can’t come after all? You don’t need to say why. They look for someone else, "
        "and you no longer see the name and the address. I can’t come Is it today? Please also ring Hebden circle, 01422 900000 ."
    )
    await bea.press(page, "I can’t come")
    await walk.settle()
    page = await bea.get(told.offers["Bea"])
    assert page.text == (
        "Thursday 26 November, 9am to 11am You are not expected on Thursday They have been told. Thank you for saying so. "
        "Back to my week"
    )
    edith = await walk.a.read_as("Edith")
    assert (await edith.get(told.search)).heading == "We’ve asked Todmorden circle"


async def test_after_the_visit_each_side_is_asked_and_reads_what_became_of_the_money(walk: Walk) -> None:
    told = await coming(walk)
    walk.pair.move(timedelta(days=3, hours=4))
    await walk.settle()
    bea, edith = await walk.b.read_as("Bea"), await walk.a.read_as("Edith")
    assert (await bea.get("/home")).heading == "How did it go with Edith today?"
    page = await bea.get(f"{told.offers['Bea']}/went")
    noone = await bea.press(page, "Send", answer="no_answer")
    assert "Edith, 01422 960222 Then Fay, 01422 960333 Do you fear for Edith? Ring 999 now." in noone.text
    # Back, and another answer on the very same page: it is a new one.
    done = await bea.press(page, "Send", answer="as_planned")
    assert done.text.startswith("Thank you. They are asked too, and then the money is yours.")
    await walk.settle()
    assert (await edith.get("/home")).heading == "Did Bea come today?"
    page = await edith.get(f"/visits/{walk.a.visits['Thursday']}/answer")
    assert (
        "£66 is set aside for today. When you say it went ahead, £56.10 goes to Bea and £9.90 to the two circles."
        in page.text
    )
    await edith.press(page, "Send my answer", answer="yes")
    await walk.settle()
    page = await edith.get(f"/visits/{walk.a.visits['Thursday']}")
    assert "went ahead £56.10 went to Bea and £9.90 to the two circles." in page.text
    page = await bea.get(told.offers["Bea"])
    assert (page.heading, page.acts) == ("The visit today is settled", ["See my money"])
    assert "£56.10 is yours." in page.text

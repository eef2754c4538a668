"""The pages of one visit: who can't be there, who knows, how it went."""

from datetime import timedelta

from eccoo_node.db.rows import fetch
from tests.support import make
from tests.web.story import Answer, Visitor, Walk


async def gap(walk: Walk) -> Answer:
    """Wren says that she can't be there on Thursday; the page she then reads."""
    wren = await walk.a.read_as("Wren")
    page = await wren.get(f"/visits/{walk.a.visits['Thursday']}/cant-come")
    return await wren.press(page, "Tell Edith’s team")


async def test_a_worker_reads_where_and_how_and_what_is_set_aside(walk: Walk) -> None:
    wren = await walk.a.read_as("Wren")
    page = await wren.get(f"/visits/{walk.a.visits['Thursday']}")
    assert (page.heading, page.acts) == ("Thursday 26 November, 9am to 11am", ["I can’t be there"])
    assert page.text == (
        "Your visit to Edith Thursday 26 November, 9am to 11am E Edith Getting up and breakfast you are coming "
        "£60 is set aside for Thursday. When Edith says it went ahead, £51 goes to you and £9 to the circle. "
        "I can’t be there What you need to know Where 14 Heights Road, Pecket Well Way in Key safe by the door "
        "Good to know Likes the radio on Telephone 01422 960222"
    )


async def test_i_cant_be_there_is_one_act_with_this_visit_ticked_and_no_reason_asked(walk: Walk) -> None:
    wren = await walk.a.read_as("Wren")
    page = await wren.get(f"/visits/{walk.a.visits['Thursday']}/cant-come")
    assert (page.heading, page.acts) == ("Which visits can’t you be there for?", ["Tell Edith’s team"])
    assert page.text == (
        "The visit Which visits can’t you be there for? You don’t need to say why. "
        "Edith Thursday 26 November, 9am to 11am Edith Friday 27 November, 9am to 10am Tell Edith’s team"
    )
    told = await wren.press(page, "Tell Edith’s team")
    assert (told.heading, told.acts) == ("We’re telling Edith’s team", ["Back to my week"])
    assert told.text == (
        "Thursday 26 November, 9am to 11am We’re telling Edith’s team "
        "Edith chooses what happens next. You need do nothing more. Back to my week Who knows "
        "R Ruth told today, 8am E Edith we are ringing them S Sol we are ringing them "
        "Is it urgent? Please also ring Fay, 01422 960333 . Who can ask somebody else to come?"
    )
    # The very form again, as from a trembling hand: the same page, and one absence.
    again = await wren.press(page, "Tell Edith’s team")
    assert again.text == told.text
    with walk.a.node.bound():
        rows = await fetch("SELECT visit_id, worker_id, via FROM absence")
    assert [tuple(row) for row in rows] == [(walk.a.visits["Thursday"], walk.a.people["Wren"], "screen")]


async def test_two_visits_go_in_one_act_and_none_is_an_error_that_keeps_the_page(walk: Walk) -> None:
    wren = await walk.a.read_as("Wren")
    page = await wren.get(f"/visits/{walk.a.visits['Thursday']}/cant-come")
    wrong = await wren.press(page, "Tell Edith’s team", visits=[])
    assert (wrong.status, wrong.heading) == (422, "Which visits can’t you be there for?")
    assert "Please look at this again Tick the visits you can’t be there for." in wrong.text
    both = [walk.a.visits["Thursday"], walk.a.visits["Friday"]]
    await wren.press(wrong, "Tell Edith’s team", visits=both)
    edith = await walk.a.read_as("Edith")
    home = await edith.get("/home")
    assert home.heading == "Wren can’t come on Thursday at 9am"
    assert "Also waiting Wren can’t come on Friday at 9am You can choose what happens next." in home.text


async def test_on_the_day_itself_the_first_thing_said_is_whom_to_ring(walk: Walk) -> None:
    walk.pair.move(timedelta(days=3))
    told = await gap(walk)
    assert "We’re telling Edith’s team It is today. Please also ring Fay, 01422 960333 . Back to my week" in told.text


async def test_the_team_sees_the_gap_at_once_each_in_their_own_words(walk: Walk) -> None:
    await gap(walk)
    said = {}
    for name in ("Edith", "Ruth", "Sol", "Tomasz"):
        reader = await walk.a.read_as(name)
        page = await reader.get("/home")
        said[name] = (page.heading, page.acts)
    assert said == {
        "Edith": ("Wren can’t come on Thursday at 9am", ["Choose what happens"]),
        "Ruth": ("Wren can’t come to Edith on Thursday at 9am", ["Speak for Edith"]),
        # Sol wears a facilitator's hat as well.
        "Sol": ("What needs you today", ["Someone is on the phone"]),
        # A neighbour knows of their own visits only.
        "Tomasz": ("You are coming on Saturday at 2pm", ["See my next visit"]),
    }


async def test_a_volunteer_sees_only_their_own_visits(walk: Walk) -> None:
    tomasz = await walk.a.read_as("Tomasz")
    found = {path: (await tomasz.get(path)).status for path in (
        f"/visits/{walk.a.visits['Saturday']}", f"/visits/{walk.a.visits['Thursday']}", f"/visits/{walk.a.visits['Thursday']}/told",
        f"/weeks/{walk.a.people['Edith']}", f"/visits/{walk.a.visits['Thursday']}/choose",
    )}  # fmt: skip
    assert list(found.values()) == [200, 404, 404, 404, 404]
    page = await tomasz.get(f"/visits/{walk.a.visits['Saturday']}")
    assert "£" not in page.text


async def test_a_week_is_days_down_with_whoever_comes(walk: Walk) -> None:
    edith, wren = await walk.a.read_as("Edith"), await walk.a.read_as("Wren")
    week = await edith.get("/week")
    assert week.text == (
        "23 to 29 November Your week The week before The week after "
        "Monday 23 November today S Sol 9am to 10am Breakfast and a wash is coming set aside "
        "Tuesday 24 November No visits Wednesday 25 November No visits "
        "Thursday 26 November W Wren 9am to 11am Getting up and breakfast is coming set aside "
        "Friday 27 November W Wren 9am to 10am Breakfast and a wash is coming set aside "
        "Saturday 28 November T Tomasz 2pm to 3pm Company is coming Sunday 29 November No visits "
        "What this week costs Plan visits, and who comes every week Your team"
    ).replace("S Sol 9am to 10am", "S Sol 10am to 11am")
    nonsense = await edith.get("/week?from=next")
    assert nonsense.text == week.text
    later = await edith.get("/week?from=2026-12-01")
    assert later.text == (
        "30 November to 6 December Your week The week before This week The week after "
        "No visits are planned this week. When one is, it stands here with who comes and when. "
        "What this week costs Plan visits, and who comes every week Your team"
    )
    assert "E Edith 9am to 11am 14 Heights Road, Pecket Well you are coming" in (await wren.get("/week")).text
    assert (await wren.get(f"/weeks/{walk.a.people['Edith']}")).heading == "Edith’s week"


async def answer_form(walk: Walk, name: str, acting_for: str = "", via: str = "screen") -> tuple[Visitor, Answer]:
    reader = await walk.a.read_as(name, acting_for, via)
    return reader, await reader.get(f"/visits/{walk.a.visits['Thursday']}/answer")


async def worker_says(walk: Walk, answer: str = "as_planned", **more: str) -> None:
    """Wren has been on Thursday and says how it went."""
    walk.pair.move(timedelta(days=3, hours=4))
    await walk.settle()
    wren = await walk.a.read_as("Wren")
    page = await wren.get(f"/visits/{walk.a.visits['Thursday']}/went")
    assert (page.heading, page.acts) == ("How did it go today?", ["Send"])
    page = await wren.press(page, "Send", answer=answer)
    if more:
        await wren.press(page, "Send", **more)
    await walk.story.edith_is_rung()


async def test_before_they_answer_the_person_reads_that_the_worker_said_it_was_shorter(walk: Walk) -> None:
    await worker_says(walk, "shorter", minutes="45")
    edith, page = await answer_form(walk, "Edith")
    assert (
        "Did Wren come today? Wren says that it was 45 of the 120 minutes. Yes, 45 minutes Yes, and less than that No "
        "Something was wrong Send my answer For 45 minutes the fee is £22.50. When you say so, it is let go, and the rest "
        "goes back."
    ) in page.text
    done = await edith.press(page, "Send my answer", answer="yes")
    assert done.text.startswith("Thank you. Your answer is: yes, 45 minutes.")
    assert "£37.50 went back, because the visit was 45 minutes of 120." in done.text


async def test_the_person_answers_and_the_money_goes_where_it_was_agreed(walk: Walk) -> None:
    await worker_says(walk)
    edith, page = await answer_form(walk, "Edith")
    assert page.text == (
        "Back Thursday 26 November, 9am to 11am Did Wren come today? Yes, as planned Partly No Something was wrong "
        "Send my answer £60 is set aside for today. When you say it went ahead, £51 goes to Wren and £9 to the circle. "
        "If nobody answers, this settles itself on Monday at 6pm."
    )
    done = await edith.press(page, "Send my answer", answer="yes")
    assert done.text.startswith("Thank you. Your answer is: yes, as planned. Thursday 26 November, 9am to 11am")
    assert "went ahead £51 went to Wren and £9 to the circle." in done.text


async def test_partly_is_asked_in_minutes_and_a_slip_keeps_what_was_typed(walk: Walk) -> None:
    await worker_says(walk)
    edith, page = await answer_form(walk, "Edith")
    page = await edith.press(page, "Send my answer", answer="partly")
    assert (page.heading, page.acts) == ("How long was Wren there?", ["Send my answer"])
    wrong = await edith.press(page, "Send my answer", minutes="500")
    assert (wrong.status, wrong.heading) == (422, "How long was Wren there?")
    assert 'value="500"' in wrong.html
    assert "Write how many minutes they were there, fewer than 120." in wrong.text
    done = await edith.press(wrong, "Send my answer", minutes="60")
    assert done.text.startswith(
        "The visit Thank you. Your answer is: 60 minutes. The rest waits until Wren has answered. "
        "Thursday 26 November, 9am to 11am £30 of this waits £30 is kept apart until this is settled. "
        "£25.50 went to Wren at once, and £4.50 to the circle."
    )


async def test_minutes_in_letters_keep_the_question_that_they_answer(walk: Walk) -> None:
    walk.pair.move(timedelta(days=3, hours=4))
    visit = walk.a.visits["Thursday"]
    wren = await walk.a.read_as("Wren")
    page = await wren.get(f"/visits/{visit}/went?said=shorter")
    wrong = await wren.press(page, "Send", minutes="abc")
    assert (wrong.status, wrong.heading, 'value="abc"' in wrong.html) == (422, "How long were you there?", True)
    await wren.press(wrong, "Send", minutes="100")
    edith = await walk.a.read_as("Edith")
    for said, heading in (("partly", "How long was Wren there?"), ("wrong", "What was wrong?")):
        page = await edith.get(f"/visits/{visit}/answer?said={said}")
        wrong = await edith.press(page, "Send my answer", minutes="abc")
        assert (wrong.status, wrong.heading, 'value="abc"' in wrong.html) == (422, heading, True)


async def test_that_nobody_came_is_said_with_its_sum_and_a_word_before_it_counts(walk: Walk) -> None:
    await worker_says(walk)
    edith, page = await answer_form(walk, "Edith")
    page = await edith.press(page, "Send my answer", answer="no")
    assert (page.heading, page.acts) == ("Wren did not come?", ["Yes, nobody came"])
    assert (
        "£60 is set aside. All of it waits until you have both been heard. You then propose that all of it goes back. "
        "Wren is asked whether that is right."
    ) in page.text
    with walk.a.node.bound():
        assert not await fetch("SELECT id FROM money_question")
    done = await edith.press(page, "Yes, nobody came", words="I waited until noon.")
    assert "Edith proposes that all of it goes back." in done.text
    with walk.a.node.bound():
        rows = await fetch("SELECT answer, words FROM said WHERE side = 'person'")
    assert [tuple(row) for row in rows] == [("no", "I waited until noon.")]


async def test_something_was_wrong_reaches_a_facilitator_and_holds_the_money(walk: Walk) -> None:
    await worker_says(walk)
    edith, page = await answer_form(walk, "Edith")
    page = await edith.press(page, "Send my answer", answer="wrong")
    assert "Only the part in question waits until you have been heard. Are you in danger? Ring 999" in page.text
    done = await edith.press(page, "Send my answer", words="She was very late")
    assert done.text.startswith(
        "The visit Thank you. Fay has been told and will ring. Only the part in question waits."
    )
    fay = await walk.a.read_as("Fay")
    home = await fay.get("/home")
    assert "Someone needs you Edith said that something was not right with the visit today at 9am." in home.text


async def test_no_one_answered_is_first_a_worry_about_the_person(walk: Walk) -> None:
    walk.pair.move(timedelta(days=3, hours=2))
    wren = await walk.a.read_as("Wren")
    page = await wren.get(f"/visits/{walk.a.visits['Thursday']}/went")
    page = await wren.press(page, "Send", answer="no_answer")
    assert page.text == (
        "Back Edith, Thursday 26 November, 9am to 11am Please ring Edith first Edith, 01422 960222 "
        "Then Fay, 01422 960333 Do you fear for Edith? Ring 999 now. Send this once you have rung. "
        "You are paid for the visit. Send"
    )
    done = await wren.press(page, "Send")
    assert done.text.startswith("Thank you for saying so. We’ve told those who need to know.")


async def test_the_worker_cannot_answer_for_the_person(walk: Walk) -> None:
    await worker_says(walk)
    _, page = await answer_form(walk, "Wren")
    assert page.status == 403
    assert "You were paid for this visit, so someone else has to say how it went." in page.text


async def test_a_facilitator_reads_aloud_and_records_the_persons_answer(walk: Walk) -> None:
    await worker_says(walk)
    fay, page = await answer_form(walk, "Fay", "Edith", "phone")
    assert (page.heading, page.acts) == ("Did Wren come today?", ["Record Edith’s answer"])
    assert "Thursday 26 November, 9am to 11am Read this to Edith: Did Wren come today?" in page.text
    done = await fay.press(page, "Record Edith’s answer", answer="yes")
    assert "Read this back to Edith: Thank you. Your answer is: yes, as planned." in done.text
    with walk.a.node.bound():
        rows = await fetch("SELECT side, answer, said_by, via FROM said ORDER BY said_at, id")
    assert [tuple(row) for row in rows] == [
        ("worker", "as_planned", walk.a.people["Wren"], "screen"), ("person", "yes", walk.a.people["Fay"], "phone"),
    ]  # fmt: skip


async def test_people_who_are_rung_wait_until_a_facilitator_says_they_know(walk: Walk) -> None:
    await gap(walk)
    fay = await walk.a.read_as("Fay")
    page = await fay.get("/to-ring")
    assert page.text == (
        "Today They would rather be rung, written to or called on People to tell Ring Edith , 01422 960222 "
        "“Wren can’t come on Thursday at 9am.” Edith knows now Papers to post stand on a list of their own."
    )
    after = await fay.press(page, "Edith knows now")
    assert after.text.startswith("Today Written down: Edith knows.")
    assert "Nobody waits to be told." in after.text
    wren = await walk.a.read_as("Wren")
    told = await wren.get(f"/visits/{walk.a.visits['Thursday']}/told")
    assert "E Edith told today, 8am" in told.text


async def test_only_a_facilitator_brings_news(walk: Walk) -> None:
    await gap(walk)
    for name in ("Wren", "Edith", "Tess"):
        reader = await walk.a.read_as(name)
        assert (await reader.get("/to-ring")).status == 403


async def test_who_may_only_say_how_a_visit_went_reads_the_question_and_no_sum(walk: Walk) -> None:
    visit = walk.a.visits["Thursday"]
    with walk.a.node.bound():
        for name, scopes in (("Alan", ("say_visit_went",)), ("Nell", ("say_visit_went", "money"))):
            walk.a.people[name] = await make.person(name)
            await make.speaks(walk.a.people[name], walk.a.people["Edith"], *scopes)
    walk.pair.move(timedelta(days=3, hours=4))
    await walk.settle()
    wren = await walk.a.read_as("Wren")
    await wren.press(await wren.get(f"/visits/{visit}/went"), "Send", answer="as_planned")
    assert "This does not settle itself before Edith has been asked." in (await wren.get(f"/visits/{visit}")).text
    await walk.story.edith_is_rung()
    await walk.settle()
    for name, sees in (("Edith", True), ("Ruth", True), ("Nell", True), ("Alan", False)):
        reader = await walk.a.read_as(name, acting_for="" if name == "Edith" else "Edith")
        page = await reader.get(f"/visits/{visit}/answer")
        assert page.heading.startswith("Did Wren come")
        assert "If nobody answers, this settles itself" in page.text
        seen = [page, await reader.get(f"/visits/{visit}/answer?said=partly"), await reader.get(f"/visits/{visit}")]
        assert ["£" in one.text for one in seen] == [sees] * 3
    alan = await walk.a.read_as("Alan", acting_for="Edith")
    assert "£" not in (await alan.get("/home")).text
    unsent = await alan.press(await alan.get(f"/visits/{visit}/answer"), "Send my answer")
    sent = await alan.press(unsent, "Send my answer", answer="yes")
    assert "Thank you. Your answer is: yes, as planned." in sent.text
    assert "£" not in unsent.text + sent.text

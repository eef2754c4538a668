"""Money that is in question, in the browser: both sides read the same, one says yes, else someone free of it decides."""

import re

import httpx

from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch_value
from eccoo_node.rota import actions as rota
from tests.support.node import MONDAY, Node
from tests.support.questions import cast
from tests.web.money.conftest import SignIn
from tests.web.money.test_money_pages import act_for_person, acts, text


def timeline(page: httpx.Response) -> str:
    """The first list of what was said and done."""
    found = re.search(r'<ol class="bring".*?</ol>', page.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found.group(0)).split()) if found else ""


async def test_both_read_the_same_and_a_yes_to_the_split_settles_it(node: Node, browser_of: SignIn) -> None:
    them = await cast(node)
    one = await them.asked()
    path = f"/visits/{one.visit_id}/money"
    ada, wren = await browser_of(them.ids["Ada"]), await browser_of(them.ids["Wren"])
    theirs, hers = await ada.get(path), await wren.get(path)
    assert (
        timeline(theirs)
        == timeline(hers)
        == (
            "Ada said: It was 60 of the 90 minutes. Thursday 26 November at 11am £10 was kept apart. Thursday 26 November at "
            "11am £20.60 went to Wren at once. Thursday 26 November at 11am"
        )
    )
    assert text(hers).startswith(
        "The visit Thursday 26 November, 9am to 10.30am £10 of this waits £10 is kept apart until this is settled. £20.60 "
        "went to Wren at once, and £3 to the circle. Ada proposes that all of it goes back. Yes, that is right It waits "
        "for Wren. "
        "If nothing comes by Thursday 3 December at 6pm, a facilitator rings."
    )
    assert (acts(theirs), acts(hers)) == ([], ["Yes, that is right"])
    assert "Something about the money for the visit today is in question" in text(await wren.get("/home"))
    # One state, one word on every page.
    assert "set aside" not in text(await ada.get("/week"))
    pages = ["/week", f"/visits/{one.visit_id}"]
    for reader, more in ((ada, [f"/weeks/{them.ids['Ada']}/cost"]), (wren, [])):
        for found in [*pages, *more]:
            assert re.findall(r'class="state[^>]*>(?:<[^>]*>)*([^<]*)', (await reader.get(found)).text) == [
                "in question"
            ]
    await ada.get(path)
    await wren.get(path)
    slip = await wren.send(f"{path}/split", {"sum": "11", "with_it": "I stayed until half past."})
    assert slip.status_code == 422
    assert "Write a sum from £0 to £10." in slip.text
    assert "I stayed until half past." in slip.text
    assert "<details open><summary>Propose another split</summary>" in slip.text
    assert "<details><summary>Say something that both of you read</summary>" in slip.text
    assert (await wren.send(f"{path}/split", {"sum": "6", "with_it": "Six?"})).status_code == 303
    await ada.send(f"{path}/say", {"words": "I was asleep by then."})
    page = await ada.get(path)
    assert (
        "Wren proposes £6 of the £10 for Wren. Then £5.10 goes to Wren, £0.90 to the circle and £4 goes back."
        in text(page)
    )
    await wren.get(path)
    assert (await ada.send(f"{path}/agree")).status_code == 303
    done = text(await ada.follow())
    assert done.startswith(
        "The visit Thank you. It is settled. Thursday 26 November, 9am to 10.30am The money for this visit"
    )
    assert "Both sides agreed on Thursday 26 November." in done
    late = await wren.send(f"{path}/split", {"sum": "7"})
    assert (late.status_code, "This is settled already. Nothing has changed." in late.text) == (409, True)
    assert (await them.sums())["2200"] == -1700 - 510
    assert "£25.70 went to you and £3.90 to the circle. £4 went back." in text(
        await wren.get(f"/visits/{one.visit_id}")
    )


async def test_it_is_decided_by_someone_free_of_it_and_the_note_is_never_shown(node: Node, browser_of: SignIn) -> None:
    them = await cast(node)
    one = await them.asked(answer="wrong", part="whole", minutes=None, words="She shouted at me.")
    path, page = f"/money/questions/{one.id}", f"/visits/{one.visit_id}/money"
    fay, tess, wren = [await browser_of(them.ids[who]) for who in ("Fay", "Tess", "Wren")]
    assert "Ada and Wren: £33.60, today It waits for Wren." in text(await fay.get("/money/questions"))
    assert "She shouted at me." in text(await fay.get(path))
    before = await fay.get(path)
    assert ("Both have been heard" in acts(before), f'href="/phone/{them.ids["Wren"]}"' in before.text) == (True, True)
    await fay.send(f"{path}/note", {"note": "Both were upset."})
    await fay.get(path)
    slip = await fay.send(f"{path}/heard", {"theirs": "She was frightened.", "workers": ""})
    assert (slip.status_code, "She was frightened." in slip.text) == (422, True)
    assert "Tess decides, as treasurer." in text(await fay.get(path))
    waits = "In question, Ada and Wren: £33.60, today Both have been heard. Someone of the circle decides, by"
    assert waits not in text(await tess.get("/money"))
    await fay.get(path)
    assert (await fay.send(f"{path}/heard", {"theirs": "She was frightened.", "workers": "Late."})).status_code == 303
    assert waits in text(await tess.get("/money"))
    assert waits in text(await tess.get("/home"))
    found = await tess.get(path)
    assert "You decide, as treasurer." in text(found)
    assert (acts(found), "shouted" in found.text) == (["Decide it so"], False)
    slip = await tess.send(f"{path}/decide", {"amount": "12"})
    assert slip.status_code == 422 or "words" in slip.text
    done = await tess.send(f"{path}/decide", {"amount": "20", "words": "You were both right in part."})
    assert done.status_code == 303
    assert waits not in text(await tess.get("/money"))
    assert "Decided lately Ada and Wren: £33.60, today It was decided on Thursday 26 November." in text(
        await tess.get("/money/questions")
    )
    read = await wren.get(page)
    assert "The treasurer decided: £20 of £33.60 for Wren. “You were both right in part.”" in text(read)
    assert not {"upset", "frightened", "shouted", "Tess"} & set(re.findall(r"\w+", read.text))
    assert (await fay.get("/money/questions/none")).status_code == 404


async def test_who_may_not_read_it_finds_nothing_and_who_has_a_part_in_it_is_told_so(
    node: Node, browser_of: SignIn
) -> None:
    them = await cast(node, pays="Tess")
    one = await them.asked()
    path, page = f"/money/questions/{one.id}", f"/visits/{one.visit_id}/money"
    for who, status in (("Mia", 404), ("Ruth", 404), ("Fay", 404), ("Con", 404), ("Tess", 200), ("Ada", 200)):
        assert (await (await browser_of(them.ids[who])).get(page)).status_code == status
    for who, status in (("Mia", 403), ("Ada", 403), ("Wren", 403), ("Tess", 403), ("Con", 200), ("Fay", 200)):
        assert (await (await browser_of(them.ids[who])).get(path)).status_code == status
    con = await browser_of(them.ids["Con"])
    assert "You decide, as convenor, because the treasurer has a part in it." in text(await con.get(path))
    await con.send(f"{path}/aside", {"interest": "My niece"})
    fay = await browser_of(them.ids["Fay"])
    said = text(await fay.get(path))
    assert "Everyone who could decide this has a part in it. Please ring the circle." in said
    assert "The convenor has a part in this, and keeps out of it." in said
    ruth = await browser_of(them.ids["Ruth"])
    session = await fetch_value("SELECT id FROM session WHERE person_id = ?", them.ids["Ruth"])
    await act_for_person(session, them.ids["Ruth"], them.ids["Ada"])
    assert (await ruth.get(page)).status_code == 404


async def test_it_is_asked_about_after_the_visit_was_paid(node: Node, browser_of: SignIn) -> None:
    them = await cast(node)
    visit = await them.went()
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="yes")
    ada, page = await browser_of(them.ids["Ada"]), f"/visits/{visit}/money"
    assert "About the money for this visit" in text(await ada.get(f"/visits/{visit}"))
    assert "Something is not right" in text(await ada.get(page))
    await ada.get(f"{page}/ask")
    slip = await ada.send(f"{page}/ask", {"part": "minutes", "words": "It was short."})
    assert slip.status_code == 422
    assert "It was short." in slip.text
    assert (await ada.send(f"{page}/ask", {"part": "minutes", "minutes": "60"})).status_code == 303
    said = text(await ada.follow())
    assert "£10 of this is in question It has gone to Wren already. It comes back only if Wren says yes." in said
    wren = await browser_of(them.ids["Wren"])
    assert "Then £8.50 comes back from Wren and £1.50 from the circle." in text(await wren.get(page))
    await wren.send(f"{page}/agree")
    assert await them.sums() == {"1000": 10_000, "2000": -7640, "2200": -1700, "2210": -360, "4000": -300}


async def test_whoever_pays_finds_the_visit_and_asks_about_a_sum(node: Node, browser_of: SignIn) -> None:
    them = await cast(node, pays="Bill")
    visit = await them.went()
    bill = await browser_of(them.ids["Bill"])
    assert "Something about the money for a visit is not right" in text(await bill.get("/money"))
    assert "Thursday 26 November, 9am to 10.30am Wren, for Ada" in text(await bill.get("/money/ask"))
    for who in ("Mia", "Ruth", "Tess"):
        assert "Wren, for Ada" not in text(await (await browser_of(them.ids[who])).get("/money/ask"))
    await bill.get(f"/visits/{visit}/money/ask")
    await bill.send(f"/visits/{visit}/money/ask", {"part": "sum", "amount": "5"})
    assert "All of it is still set aside. Once the visit is confirmed, only this part waits." in text(
        await bill.follow()
    )


async def test_the_lead_lets_a_sum_wait_and_both_read_the_same_neutral_words(node: Node, browser_of: SignIn) -> None:
    them = await cast(node)
    visit = await them.went()
    lea = await browser_of(them.ids["Lea"])
    assert (await (await browser_of(them.ids["Fay"])).get("/money/waits")).status_code == 403
    assert "Sums that wait" in text(await lea.get("/home"))
    page = await lea.get("/money/waits/new?name=wren")
    assert "Wren, for Ada: Thursday 26 November, 9am to 10.30am, up to £29.10" in text(page)
    form = {"line": f"visit:{visit}", "amount": "10", "until": "2026-12-03", "spoke_up": "yes"}
    slip = await lea.send("/money/waits/new?name=wren", form)
    assert "It waits only with their own yes" in slip.text
    assert (await lea.send("/money/waits/new?name=wren", form | {"worker_yes": "Rang, Thursday"})).status_code == 303
    assert "£10, Wren, for Ada" in text(await lea.follow())
    words = (
        "Part of the money for this visit waits. It says nothing about anybody. It is looked at again by "
        "Thursday 3 December at 6pm."
    )
    for who in ("Ada", "Wren"):
        read = await (await browser_of(them.ids[who])).get(f"/visits/{visit}/money")
        assert words in text(read)
        assert not {"Lea", "safeguarding", "Rang"} & set(re.findall(r"\w+", read.text))
    pause = await fetch_value("SELECT id FROM pause")
    await lea.get("/money/waits")
    assert (await lea.send(f"/money/waits/{pause}/longer", {"until": "2027-12-03"})).status_code == 422
    await lea.get("/money/waits")
    assert (await lea.send(f"/money/waits/{pause}/end")).status_code == 303
    assert "Nothing waits now." in text(await lea.follow())


async def test_the_list_asks_as_much_for_two_as_for_one(node: Node, browser_of: SignIn) -> None:
    them = await cast(node)
    await them.asked()
    fay, counts = await browser_of(them.ids["Fay"]), []
    for days in (0, 1):
        if days:
            node.clock.set(MONDAY)
            visit = await them.visit(days=days)
            node.clock.set(MONDAY.replace(hour=20) + 4 * (MONDAY - MONDAY.replace(day=22)))
            await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="no")
        await fay.get("/money/questions")
        with counting_queries() as counted:
            page = await fay.get("/money/questions")
        assert page.text.count("Ada and Wren") == days + 1
        counts.append(len(counted))
    assert counts[0] == counts[1]

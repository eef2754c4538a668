"""The person says otherwise than another circle's worker: where the two circles write the sum that both came to."""

from datetime import timedelta

from tests.web.covering import coming
from tests.web.story import Walk

AGREED = "Rang each other on Monday"


async def in_question(walk: Walk) -> tuple[str, str]:
    """Bea says that it went as planned, Edith that it was one hour of the two; the two pages."""
    told = await coming(walk)
    walk.pair.move(timedelta(days=3, hours=4))
    bea = await walk.b.read_as("Bea")
    await bea.press(await bea.get(f"{told.offers['Bea']}/went"), "Send", answer="as_planned")
    await walk.settle()
    visit = f"/visits/{walk.a.visits['Thursday']}"
    edith = await walk.a.read_as("Edith")
    page = await edith.get(f"{visit}/answer")
    await edith.press(page, "Send my answer", answer="partly", minutes="60", asked="yes")
    await walk.settle()
    return f"{visit}/between", f"{told.offers['Bea']}/between"


async def test_the_two_circles_come_to_one_sum_from_their_pages(walk: Walk) -> None:
    here, away = await in_question(walk)
    fay, tom = await walk.a.read_as("Fay"), await walk.b.read_as("Tom")
    assert here in (await fay.get("/home")).links
    assert away in (await tom.get("/home")).links
    asked = (await (await walk.a.read_as("Edith")).get(here.removesuffix("/between"))).text
    assert "You said: 60 minutes. Both circles must agree before it moves." in asked
    assert "When you say it went ahead" not in asked
    page = await fay.get(here)
    assert (page.heading, page.acts) == ("What did both circles come to?", ["Write this sum down"])
    for who, words in ((await walk.a.read_as("Edith"), "Part of the money is in question"),):
        seen = await who.get(here)
        assert (seen.heading, seen.acts) == (words, [])
    assert "1 hour of 2 hours, so £33 of the £66 is right" in page.text
    page = await fay.press(page, "Write this sum down", fee="50", words="")
    assert (page.status, 'value="50"' in page.html) == (422, True)
    page = await fay.press(page, "Write this sum down", fee="66.01", words=AGREED)
    assert (page.status, "Write a sum from £0 to £66." in page.text) == (422, True)
    page = await fay.press(page, "Write this sum down", fee="50", words=AGREED)
    assert "We wrote £50. Once Todmorden circle has written the same, the money moves." in page.text
    await walk.settle()
    page = await tom.get(away)
    assert "Hebden circle wrote £50. Is that your sum too?" in page.text
    assert AGREED not in page.html
    page = await tom.press(page, "Write this sum down", fee="55", words="Bea")
    await walk.settle()
    assert "We wrote £50, and Todmorden circle wrote £55. Please ring them once more." in (await fay.get(here)).text
    page = await tom.press(await tom.get(away), "Write this sum down", fee="50", words="Fay rang me")
    # Word that it is agreed is still under way.
    assert ("Both circles have written the same." in page.text, "once more" in page.text, page.acts) == (
        True,
        False,
        [],
    )
    await walk.settle()
    for who, path in ((fay, here), (tom, away), (await walk.b.read_as("Bea"), away)):
        page = await who.get(path)
        assert (page.heading, page.acts) == ("Both circles came to £50", [])
    assert here not in (await fay.get("/home")).links
    assert away not in (await tom.get("/home")).links
    assert "£42.50 is yours." in (await (await walk.b.read_as("Bea")).get(away.removesuffix("/between"))).text
    for name in ("Edith", "Fay"):
        assert here in (await (await walk.a.read_as(name)).get(here.removesuffix("/between"))).links


async def test_nobody_writes_about_what_they_have_a_part_in(walk: Walk) -> None:
    here, away = await in_question(walk)
    # Sol helps people and is paid in Edith's team.
    sol = await walk.a.read_as("Sol")
    assert here not in (await sol.get("/home")).links
    assert (await sol.get(here)).status == 403
    # Who keeps the books has no say in it and no page of it, and reads that it waits.
    for side, name, other in ((walk.a, "Tess", "Todmorden circle"), (walk.b, "Kit", "Hebden circle")):
        page = await (await side.read_as(name)).get("/money/questions")
        assert f"£66 for a visit waits until {other} and we have come to one sum." in page.text
        assert not {"Edith", "Bea"} & set(page.text.replace(".", " ").split())
    for name in ("Wren", "Tess"):
        assert (await (await walk.a.read_as(name)).get(here)).status == 404
    for name in ("Cass", "Kit"):
        assert (await (await walk.b.read_as(name)).get(away)).status == 404
    bea = await walk.b.read_as("Bea")
    assert away in (await bea.get(away.removesuffix("/between"))).links
    assert "Hebden circle said: £33 of the £66 is right." in (await bea.get(away)).text
    tom = await walk.b.read_as("Tom")
    page = await tom.press(await tom.get(away), "Leave it to someone else", interest="Bea is my cousin")
    assert (page.path, away in page.links) == ("/home", False)
    assert (await tom.get(away)).status == 403
    page = await bea.get(away)
    assert "Somebody of our circle has a part in this" in page.text
    assert "cousin" not in page.html

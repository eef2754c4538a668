"""The steps of the cover story through the pages, as far as each test needs them."""

import msgspec

from tests.web.story import Answer, Visitor, Walk


class Told(msgspec.Struct):
    """What a walk has come to: the page of the search, and the offers by name."""

    search: str
    opened: str = ""
    offers: dict[str, str] = {}


async def gap(walk: Walk) -> str:
    """Wren can't be there on Thursday; the visit."""
    visit = walk.a.visits["Thursday"]
    wren = await walk.a.read_as("Wren")
    await wren.press(await wren.get(f"/visits/{visit}/cant-come"), "Tell Edith’s team")
    return visit


async def ask_near(walk: Walk, *names: str) -> Told:
    """Edith asks her own people."""
    edith = await walk.a.read_as("Edith")
    page = await edith.get(f"/cover/ask?visit={await gap(walk)}")
    page = await edith.press(page, "Ask them", workers=[walk.a.people[name] for name in names or ("Sol",)])
    return Told(page.path)


async def ask_far(walk: Walk) -> Told:
    told = await ask_near(walk)
    edith = await walk.a.read_as("Edith")
    await edith.press(await edith.get(f"{told.search}/further"), "Yes, ask them")
    await walk.settle()
    bea = await walk.b.read_as("Bea")
    told.opened = next(link for link in (await bea.get("/requests")).links if link.startswith("/requests/"))
    return told


async def offer(walk: Walk, told: Told, name: str, rate: str) -> str:
    """A worker of Todmorden offers to come; the page of their own offer."""
    worker = await walk.b.read_as(name)
    page = await worker.press(
        await worker.get(f"{told.opened}/offer"), "Send my offer", rate=rate, own_words="I take my time."
    )
    await walk.settle()
    told.offers[name] = page.path
    return page.path


async def choose(walk: Walk, told: Told, name: str, reader: Visitor | None = None) -> Answer:
    edith = reader or await walk.a.read_as("Edith")
    page = await edith.get(told.search)
    for link in page.links:
        if "/offers/" in link:
            one = await edith.get(link)
            if one.heading == name:
                return await edith.press(one, f"Yes, ask {name} to come")
    raise AssertionError(f"{name} has not offered: {page.text}")


async def coming(walk: Walk) -> Told:
    """The main path, up to both sides reading that Bea is coming."""
    told = await ask_far(walk)
    await offer(walk, told, "Cass", "28")
    await offer(walk, told, "Bea", "33")
    await choose(walk, told, "Bea")
    await walk.settle()
    return told

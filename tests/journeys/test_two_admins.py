"""Two admins in a browser, on two circles that know each other and a third that joins by invitation during the walk: linking,
looking after the link, whom one sees and asks by name, keys, being introduced, passing someone on, being forgotten, the end."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.journeys import story
from tests.journeys.inspecting import Inspector
from tests.journeys.running import Demo
from tests.journeys.walking import HEBDEN, TODMORDEN, Walk, plain
from tests.support.linked import LOOPBACK
from tests.support.ports import free_port
from tests.support.processes import NodeProcess, eccoo

NewWalk = Callable[..., Awaitable[Walk]]
CRAGG = "Cragg Vale circle"
ADDRESS_OF_ANN = ("init", "--name", CRAGG, "--place", "Cragg Vale", "--phone", "01632 960801", "--public-url", "",
                  "--called", "Ann", "--email", "")  # fmt: skip


class Three(Walk):
    """Both circles of the demo, and a third whose admin has a tab of her own."""

    cragg: NodeProcess
    hers: Page
    inspector: Inspector

    @property
    def base(self) -> str:
        return self.cragg.url if self.page is self.hers else super().base

    def as_ann(self) -> None:
        self.page = self.hers

    def still(self, circle: str) -> None:
        """Whoever was signed in there last."""
        self.page = self.tabs[circle]

    async def tick(self, name: str, *values: str, off: bool = False) -> None:
        for value in values:
            await self.page.locator(f'input[name="{name}"][value="{value}"]').set_checked(not off)

    async def time_passes(self) -> None:
        """Two days, in all three."""
        self.still(HEBDEN)
        await self.move_on("Two days later")
        told_the_time(self.demo, self.cragg.home)

    async def six_words(self) -> list[str]:
        return [plain(one) for one in await self.page.locator("main ol.six li").all_inner_texts()]


def told_the_time(demo: Demo, home: Path) -> None:
    """The demo's present is for its own two circles; a third reads it where they do."""
    (home / "clock").write_bytes((demo.root / HEBDEN / "clock").read_bytes())


@pytest.fixture
def cragg(demo: Demo, tmp_path: Path) -> NodeProcess:
    """A circle made and served as anybody's, which has nobody in it but the one who made it."""
    port, home = free_port(), tmp_path / "cragg"
    home.mkdir()
    told_the_time(demo, home)
    env = {
        **LOOPBACK,
        "ECCOO_WEB_PORT": str(port),
        "ECCOO_WEB_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ECCOO_DEMO": "true",
    }
    made = eccoo(home, *ADDRESS_OF_ANN, env=env)
    assert made.returncode == 0, made.stderr
    node = NodeProcess(home, port, env=env)
    node.words = " ".join(re.findall(r"\d+\. ([a-z]+)", made.stdout))
    return node


@pytest_asyncio.fixture(loop_scope="session")
async def three(new_walk: NewWalk, cragg: NodeProcess) -> AsyncIterator[Three]:
    two = await new_walk(width=320, height=640)
    walk = Three(two.demo, *two.tabs.values())
    walk.cragg, walk.hers = cragg.start(), await two.page.context.new_page()
    walk.look = walk.inspector = Inspector()
    await walk.inspector.watch(*walk.tabs.values(), walk.hers)
    yield walk
    assert cragg.eccoo("federation", "verify").returncode == 0
    assert cragg.stop() == 0


async def ann_gets_in(walk: Three) -> None:
    """By the link that her node printed when it was started."""
    walk.as_ann()
    [link] = re.findall(r"http://127\.0\.0\.1:\d+(/sign-in/\S+)", walk.cragg.output)
    await walk.open(link)
    await walk.reads("Hello Ann")
    await walk.press("Sign in as Ann")
    await walk.open("/admin/places")
    await walk.fill("First halves of postcodes", "HX5")
    await walk.press("Keep this")


async def gwen_invites_and_ann_accepts(walk: Three) -> str:
    """Both see the same six words, and both say so. The path of the link, which is the same in both circles."""
    await walk.be("Gwen")
    await walk.open("/admin/links")
    await walk.reads("Linked circles", "Todmorden circle", act="Invite a circle")
    await walk.press("Invite a circle")
    await walk.reads("Invite a circle", "It works once, within two days.", act="Make an invitation")
    await walk.press("Make an invitation")
    await walk.reads("Here is the invitation", "We can’t show it again", act="To the linked circles")
    invitation = await walk.page.get_by_label("The invitation, in one piece").input_value()
    walk.as_ann()
    await walk.open("/admin/links")
    await walk.reads("Linked circles", "No circle is linked yet.")
    await walk.press("We were invited")
    await walk.reads("Take up an invitation", act="Call the other circle")
    await walk.fill("Paste the invitation here", invitation)
    await walk.press("Call the other circle")
    await walk.until("Are they the same on both screens?")
    here, words = walk.path, await walk.six_words()
    assert len(words) == 6
    await walk.press("Yes, the same")
    walk.still(HEBDEN)
    await walk.press("To the linked circles")
    await walk.card(CRAGG)
    await walk.until("Are they the same on both screens?")
    await walk.reads(
        "Are they the same on both screens?", "Ring them, on a number you had before today.", act="Yes, the same"
    )
    assert await walk.six_words() == words
    await walk.press("Yes, the same")
    return here


async def ann_suggests_and_gwen_agrees(walk: Three, here: str) -> None:
    walk.as_ann()
    await walk.reads("Do we agree to this?", "This is what circles usually agree.", act="Agree")
    await walk.press("Suggest something else")
    await walk.reads("What may each ask of the other?", "It counts once both have said yes.", act="Suggest this")
    for side in ("we", "they"):
        await walk.tick(side, "introduce")
        await walk.tick(f"{side}_pool", "first_name", "languages", "areas")
    await walk.press("Suggest this")
    await walk.reads("Now Hebden Bridge circle is asked", "No answer yet.", act="Look again")
    walk.still(HEBDEN)
    await walk.until_it_says(f"{CRAGG} suggests it")
    await walk.reads("Do we agree to this?", act="Agree")
    await walk.press("Agree")
    await walk.until_it_says("linked")
    await walk.reads(CRAGG, f"We are linked with {CRAGG}.", "Pause this link", "End this link")
    walk.as_ann()
    await walk.until("Hebden Bridge circle")
    await walk.reads("Hebden Bridge circle", "linked", "Last heard from Just now")


async def the_link_is_looked_after(walk: Three, here: str) -> None:
    """What is taken away counts at once; a pause is seen by both, and so is going on; how the link is doing."""
    walk.still(HEBDEN)
    await walk.open(f"{here}/terms")
    await walk.tick("they_pool", "areas", off=True)
    await walk.press("Change this")
    await walk.reads(CRAGG, "That counts from now on.")
    await walk.press("Pause this link")
    await walk.reads(CRAGG, "paused by us", "Visits already agreed are kept.", act=f"Go on with {CRAGG}")
    walk.as_ann()
    await walk.until_it_says("paused by them")
    await walk.reads("Hebden Bridge circle", "They have paused.")
    walk.still(HEBDEN)
    await walk.press(f"Go on with {CRAGG}")
    await walk.press("How the link is doing")
    await walk.until_it_says("Waiting to be sent Nothing")
    await walk.reads("How the link is doing", "linked", "All is well.", "The two clocks agree.", "In figures")


async def bronagh_lets_them_see_her(walk: Three, here: str) -> None:
    """They see what she ticked, and nothing else."""
    await walk.be("Bronagh")
    await walk.open("/shown")
    await walk.reads("Who may see you elsewhere?", f"{CRAGG}")
    await walk.card(CRAGG)
    await walk.reads(
        f"What may people of {CRAGG} see of you?",
        "First name Bronagh",
        "You can stop it at any time",
        act="Let them see this",
    )
    assert "Places" not in await walk.text(), "That was taken away."
    await walk.tick("fields", "first_name", "languages")
    await walk.press("Let them see this")
    await walk.reads(f"People of {CRAGG} see this of you", act="Stop showing me")
    walk.as_ann()
    await walk.open("/near")
    await walk.until_it_says("Bronagh")
    await walk.reads("Workers in circles near us", "Each of them said that you may see this.")
    await walk.card("Bronagh")
    await walk.reads("Bronagh", "Hebden Bridge circle")
    shown = [plain(row) for row in await walk.page.locator("main dl > div").all_inner_texts()]
    assert shown == ["Speaks English"]


async def joan_asks_for_olena_by_name(walk: Three) -> None:
    look, walk.look = walk.look, None
    await story.joan_asks(walk)
    walk.look = look
    await walk.press("Ask further away")
    await walk.reads(
        "Shall we ask Todmorden circle?", "Would you like to ask for someone by name?", act="Yes, ask them"
    )
    await walk.choose("Olena")
    await walk.press("Yes, ask them")
    await walk.be("Olena")
    await walk.until_it_says("A neighbour in HX7 asks for you on Thursday at 9am")


async def gwen_renews_the_keys(walk: Three) -> None:
    await walk.be("Gwen")
    await walk.open("/admin/identity")
    await walk.press("Renew the keys now")
    await walk.reads("Our keys", "New keys Made already. They count from", f"{CRAGG}:")
    await walk.until_it_says(f"{CRAGG}: was told")


async def ann_is_introduced_to_todmorden(walk: Three, here: str) -> None:
    """Both circles of the demo say yes to introductions; Todmorden lets itself be heard of; then it is asked, and invites."""
    await walk.be("Pete")
    await walk.open("/admin/links")
    await walk.card("Hebden Bridge circle")
    known = walk.path
    await walk.open(f"{known}/terms")
    for side in ("we", "they"):
        await walk.tick(side, "introduce")
    await walk.press("Change this")
    await walk.says("You have suggested a change.")
    walk.still(HEBDEN)
    await walk.open(known)
    await walk.until_it_says("Todmorden circle suggests a change.")
    await walk.press("See what they suggest")
    await walk.reads("Do we agree to this?", act="Agree")
    await walk.press("Agree")
    walk.still(TODMORDEN)
    await walk.open(known)
    await walk.until_it_says("Who may hear of whom")
    await walk.press("Who may hear of whom")
    await walk.reads("Who may hear of whom?", "Its name and place are shown, and nothing else.", act="Keep this")
    await walk.tick("shown", "shown_there")
    await walk.press("Keep this")
    walk.still(HEBDEN)
    await walk.open(f"{known}/shown")
    await walk.until_it_says("Todmorden circle has said yes")
    await walk.tick("shown", "we_show")
    await walk.press("Keep this")
    walk.as_ann()
    await walk.open(f"{here}/circles")
    await walk.reads("Circles that Hebden Bridge circle knows", act="Ask whom they know")
    await walk.press("Ask whom they know")
    await walk.until_it_says("Todmorden circle, Todmorden")
    await walk.reads("Circles that Hebden Bridge circle knows", act="Ask to be introduced")
    await walk.choose("Todmorden circle")
    await walk.fill("Why?", "We share a valley.")
    await walk.press("Ask to be introduced")
    await walk.reads("Being introduced", "Hebden Bridge circle passes it on. No answer yet.")
    walk.still(TODMORDEN)
    await walk.open("/admin/links/introductions")
    await walk.until_it_says("We share a valley.")
    await walk.reads(
        "Being introduced", f"{CRAGG}, Cragg Vale", "They would like to link with us.", act="Yes, invite them"
    )
    await walk.press("Yes, invite them")
    await walk.reads("Being introduced", "An invitation is on its way to them.")
    walk.as_ann()
    await walk.until_it_says("they say yes")
    await walk.reads("Being introduced", act="Link with Todmorden circle")
    await walk.press("Link with Todmorden circle")
    await walk.until("Are they the same on both screens?")
    new, words = walk.path, await walk.six_words()
    walk.still(TODMORDEN)
    await walk.open(new)
    await walk.until("Are they the same on both screens?")
    assert await walk.six_words() == words


async def a_stranger_is_passed_on(walk: Three) -> None:
    """Someone asks Hebden Bridge from the place of the third circle, says yes, and hears that they are in touch."""
    walk.still(HEBDEN)
    asker = await walk.page.context.browser.new_context(locale="en-GB", viewport={"width": 320, "height": 640})  # type: ignore[union-attr]
    walk.page = walk.tabs["stranger"] = await asker.new_page()
    await walk.inspector.watch(walk.page)
    await walk.page.goto(f"{walk.demo.url(HEBDEN)}/ask-us")
    await walk.reads("Ask us", "Somebody from the circle reads this and gets in touch.", act="Send it")
    await walk.page.get_by_role("radio").first.check()
    await walk.fill("Your name", "Winifred")
    await walk.fill("How can we reach you?", "01632 960333")
    await walk.fill("The first half of your postcode", "HX5")
    await walk.press("Send it")
    await walk.until(f"{CRAGG} is the circle of your place. May we put you in touch?")
    await walk.press(f"Yes, tell {CRAGG}")
    await walk.reads(f"{CRAGG} gets in touch with you", "You can take it back at any time.", act="Take it back")
    walk.as_ann()
    await walk.open("/enquiries")
    await walk.until_it_says("Winifred, from Hebden Bridge circle")
    await walk.reads("Who asks from outside", "Reached by 01632 960333", "We couldn’t reach them")
    await walk.press("We are in touch")
    await walk.says("The other circle is told, and what we know of them is deleted.")
    walk.page = walk.tabs.pop("stranger")
    await walk.until("You are in good hands")
    await walk.reads("You are in good hands", f"{CRAGG} told us that they are in touch with you.")
    await asker.close()


async def bronagh_is_forgotten(walk: Three) -> None:
    """She asked before the days passed. The other circle has said that it deleted what it had, and shows nobody any more."""
    await walk.be("Gwen")
    await walk.open("/forgotten")
    await walk.until_it_says("Deleted everywhere")
    await walk.reads("Who asked to be forgotten", CRAGG, "deleted on")
    walk.as_ann()
    await walk.open("/near")
    await walk.reads("Workers in circles near us", "they stand here.")


async def ann_brings_her_keys_back(walk: Three, here: str) -> None:
    """With the words of her sheet all keys are made anew; Gwen is asked to ring her, and says that she has."""
    walk.as_ann()
    await walk.open("/admin/identity")
    await walk.press("The keys were lost, or stolen")
    await walk.reads(
        "Make all keys anew?", "New ones are made at once, and every old one is void.", act="Make new keys"
    )
    await walk.fill("The 24 words of the sheet", walk.cragg.words)
    await walk.page.get_by_label("Make a new sheet, too").check()
    await walk.press("Make new keys")
    await walk.reads(
        "All keys are new", "The old ones are void from now on.", "The new recovery sheet", act="I have it on paper"
    )
    words = await walk.six_words()
    await walk.press("I have it on paper")
    await walk.reads("Which words are these?", act="These are the words")
    for field in await walk.page.locator("main .field").all():
        place = int(plain(await field.locator("label").inner_text()).split()[-1])
        await field.locator("input").fill(words[place - 1])
    await walk.press("These are the words")
    await walk.reads("Our keys", "All keys were replaced on")
    walk.still(HEBDEN)
    await walk.open(here)
    await walk.until_it_says(f"{CRAGG} has replaced its keys.")
    await walk.reads(CRAGG, "Ring them before you trust a change of account.", act="I have rung them")
    await walk.press("I have rung them")
    await walk.reads(CRAGG, "Noted. It stays in the list of what went wrong.")


async def the_link_ends(walk: Three, here: str) -> None:
    walk.as_ann()
    await walk.open(here)
    await walk.press("End this link")
    await walk.until_it_says("No visit is agreed with them, and nothing is owed.")
    await walk.reads(
        "End the link with Hebden Bridge circle?",
        "No visit is agreed with them, and nothing is owed.",
        act="End the link",
    )
    await walk.press("End the link")
    await walk.reads("Hebden Bridge circle", "We have ended this link")
    walk.still(HEBDEN)
    await walk.open(here)
    await walk.until_it_says("They have ended this link")
    await walk.reads(CRAGG, act="To the linked circles")


async def test_a_third_circle_joins_and_two_admins_look_after_what_they_agreed(three: Three) -> None:
    walk = three
    await joan_asks_for_olena_by_name(walk)
    await ann_gets_in(walk)
    here = await gwen_invites_and_ann_accepts(walk)
    await ann_suggests_and_gwen_agrees(walk, here)
    await the_link_is_looked_after(walk, here)
    await bronagh_lets_them_see_her(walk, here)
    await gwen_renews_the_keys(walk)
    await ann_is_introduced_to_todmorden(walk, here)
    await walk.be("Bronagh")
    await walk.open("/be-forgotten")
    await walk.reads(
        "Be forgotten",
        f"We ask these circles to delete it too, and we go on asking until they have: {CRAGG}.",
        act="Ask to be forgotten",
    )
    await walk.press("Ask to be forgotten")
    await walk.reads("We will forget you", act="Stay after all")
    for _ in range(2):
        await walk.time_passes()
    await a_stranger_is_passed_on(walk)
    await bronagh_is_forgotten(walk)
    await ann_brings_her_keys_back(walk, here)
    await the_link_ends(walk, here)
    walk.inspector.approve()

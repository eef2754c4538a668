"""Family sees nothing by default: what they see follows from what the person has said yes to, and ends with it."""

from datetime import timedelta

import pytest

from eccoo_node.kernel.access import COMMAND, Actor, Hat, Thing, may
from eccoo_node.kernel.ids import hash_secret
from eccoo_node.members import queries as members
from eccoo_node.members import speaking
from eccoo_node.members.rules import RELATIVE, yes_to
from eccoo_node.members.session_reads import session_actor
from eccoo_node.members.sign_in import sign_in_as
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries
from eccoo_node.teams.queries import team_page
from tests.support import make
from tests.support.node import MONDAY, Node

THURSDAY = MONDAY + timedelta(days=3, hours=1)


class Home:
    """Edith, her daughter Ruth, her cousin Cyril and her unpaid helper Wren, who comes on Thursday."""

    async def begin(self, channel: str = "email") -> "Home":
        self.edith, self.wren = await make.person("Edith"), await make.worker("Wren", rate_pence=0, paid=False)
        self.ruth = await make.person("Ruth", channel=channel, email="ruth@example.test")
        self.cyril = await make.person("Cyril", channel=channel, email="cyril@example.test")
        self.fay = await make.person("Fay", phone="01422 960333")
        await make.hat(self.fay, await make.circle(), "facilitator")
        self.team = await make.team(self.edith)
        await make.hat(self.ruth, self.team, "family", "daughter")
        await make.hat(self.cyril, self.team, "family", "cousin")
        await make.hat(self.wren, self.team, "worker")
        await make.speaks(self.ruth, self.edith, "say_visit_went")
        self.visit = await rota.plan_visit(
            await members.actor_for(self.edith), person_id=self.edith, worker_id=self.wren, starts_at=THURSDAY,
            ends_at=THURSDAY + timedelta(hours=2), what="Breakfast",
        )  # fmt: skip
        return self

    async def sees(self, called: str) -> tuple[bool, bool, bool]:
        """Whether this one sees the week, the visit, and where it is."""
        actor = await members.actor_for(getattr(self, called))
        visit, week = (await queries.visit(self.visit)).thing, Thing("week", self.edith, self.edith, self.team)
        return (
            may(actor, "rota.see_week", week),
            may(actor, "rota.see_visit", visit),
            may(actor, "rota.see_where", visit),
        )


async def test_family_sees_as_much_as_the_person_said_yes_to_and_nothing_without(node: Node) -> None:
    home = await Home().begin()
    assert (await home.sees("cyril"), await home.sees("ruth")) == ((False,) * 3, (True, True, False))
    await make.speaks(home.ruth, home.edith, "share_my_details")
    await make.speaks(home.cyril, home.edith, "money", days=2)
    assert (await home.sees("cyril"), await home.sees("ruth")) == ((True, True, False), (True,) * 3)
    node.clock.move(timedelta(days=2))
    assert await home.sees("cyril") == (False,) * 3
    await speaking.stop_speaking(await members.actor_for(home.edith), person_id=home.edith, speaker_id=home.ruth)
    assert await home.sees("ruth") == (False,) * 3


async def test_a_session_wears_family_only_as_far_as_the_yes_goes(node: Node) -> None:
    home = await Home().begin()
    worn = {}
    for called in ("ruth", "cyril"):
        id_ = getattr(home, called)
        signed = await sign_in_as(COMMAND, id_, device="")
        found = await session_actor(hash_secret(signed.token))
        assert found is not None
        assert found.actor.hats == await members.hats_of(id_)
        worn[called] = found.actor.hats
    assert worn == {
        "ruth": (Hat("family", home.team, "team", home.edith, frozenset({"say_visit_went"})),),
        "cyril": (Hat(RELATIVE, home.team, "team", home.edith),),
    }


async def test_a_yes_in_one_team_opens_no_other(node: Node) -> None:
    ruth = Actor(
        "ruth", (Hat("family", "t1", "team", "edith", frozenset({"money"})), Hat(RELATIVE, "t2", "team", "wilf"))
    )
    asked = [yes_to(ruth, *where) for where in (("edith", "t1"), ("wilf", "t2"), ("wilf", "t1"), ("edith", ""))]
    assert asked == [frozenset({"money"}), frozenset(), frozenset(), frozenset()]
    # To say that one speaks for someone is not yet to have their yes.
    assert not may(Actor("eve", acting_for="edith"), "rota.see_week", Thing("week", "edith", "edith", "t1"))


@pytest.mark.parametrize("channel", ["email", "phone"])
async def test_family_is_told_only_with_a_yes_and_what_was_told_goes_with_it(node: Node, channel: str) -> None:
    home = await Home().begin(channel)
    await rota.cant_come(await members.actor_for(home.wren), visit_ids=[home.visit])
    since = MONDAY - timedelta(days=1)

    async def told() -> dict[str, tuple[str, ...]]:
        people = {called: getattr(home, called) for called in ("edith", "ruth", "cyril")}
        return {called: tuple(n.news for n in await queries.news_of(id_, since)) for called, id_ in people.items()}

    async def to_bring() -> set[str]:
        return {n.called for n in await queries.news_to_bring()}

    assert await told() == {"edith": ("gap",), "ruth": ("gap",), "cyril": ()}
    assert await to_bring() == ({"Edith", "Ruth"} if channel == "phone" else {"Edith"})
    await speaking.stop_speaking(await members.actor_for(home.edith), person_id=home.edith, speaker_id=home.ruth)
    assert await told() == {"edith": ("gap",), "ruth": (), "cyril": ()}
    assert await to_bring() == {"Edith"}


async def test_family_without_a_yes_finds_their_own_place_in_the_team_and_what_to_ask_for(node: Node) -> None:
    home = await Home().begin()
    ruth = await team_page(await members.actor_for(home.ruth), home.team)
    assert ({star.called for star in ruth.others}, ruth.may_ask_for) == ({"Ruth", "Cyril", "Wren"}, ())
    cyril = await team_page(await members.actor_for(home.cyril), home.team)
    assert [(star.called, star.words) for star in cyril.others] == [("Cyril", "Cousin")]
    assert cyril.may_ask_for[0] == "ask for someone else to come, when their worker can’t"
    # Whoever helps as well sees the team as those who help do.
    await make.hat(home.cyril, home.team, "volunteer")
    assert len((await team_page(await members.actor_for(home.cyril), home.team)).others) == 3


async def test_a_picture_of_someone_in_the_team_is_seen_with_a_yes(node: Node) -> None:
    home = await Home().begin()
    ned = await make.person("Ned")
    await make.hat(ned, home.team, "neighbour")
    shown = {
        (viewer, of): await members.may_show_face(await members.actor_for(getattr(home, viewer)), of_id)
        for viewer in ("ruth", "cyril", "wren") for of, of_id in (("Edith", home.edith), ("Ned", ned))
    }  # fmt: skip
    assert [pair for pair, seen in shown.items() if not seen] == [("cyril", "Ned")]

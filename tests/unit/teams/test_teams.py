"""A team as its page shows it."""

import pytest

from eccoo_node.db.counting import counting_queries
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import hats
from eccoo_node.members import queries as members
from eccoo_node.members.offers import open_offers
from eccoo_node.teams import queries
from eccoo_node.teams.queries import Star
from tests.support import make
from tests.support.node import Node


async def around_ada() -> tuple[str, str, str]:
    ada, dot, ben = await make.person("Ada"), await make.person("Dot"), await make.person("Ben")
    team = await make.team(ada)
    await make.hat(dot, team, "family", "daughter")
    await make.hat(dot, team, "coordinator")
    await make.speaks(dot, ada, "ask_for_cover")
    await hats.offer_hat(await members.actor_for(ada), community_id=team, person_id=ben, role="neighbour")
    return ada, dot, team


async def test_each_person_is_one_dot_and_who_was_only_asked_is_told_apart(node: Node) -> None:
    ada, dot, team = await around_ada()
    page = await queries.team_page(await members.actor_for(ada), team)
    assert page.centre.id == ada
    assert [(s.called, s.words, s.joined) for s in page.others] == [
        ("Dot", "Daughter, keeps the week together, speaks for you", True),
        ("Ben", "We’ve asked. No answer yet.", False),
    ]
    # In the team one sees who is in it; who was asked, and who speaks, is between the person and who they told.
    page = await queries.team_page(await members.actor_for(dot), team)
    assert page.others == (Star(dot, "Dot", "", "Daughter, keeps the week together"),)


async def test_whoever_speaks_for_someone_is_not_told_who_else_speaks(node: Node) -> None:
    ada, _, team = await around_ada()
    nell = await make.person("Nell")
    await make.speaks(nell, ada, "money")
    page = await queries.team_page(await members.actor_for(nell, acting_for=ada), team)
    assert [s.words for s in page.others if s.called == "Dot"] == ["Daughter, keeps the week together"]


async def test_a_no_is_never_shown(node: Node) -> None:
    ada, _, team = await around_ada()
    ben = (await members.find_people("Ben"))[0].id
    [(offer, *_)] = await open_offers(ben)
    await hats.answer_hat(await members.actor_for(ben), offer, yes=False)
    page = await queries.team_page(await members.actor_for(ada), team)
    assert [s.called for s in page.others] == ["Dot"]


async def test_a_team_is_seen_by_those_in_it_and_by_facilitators(node: Node) -> None:
    _, _, team = await around_ada()
    fay = await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    eve = await make.person("Eve")
    await make.team(eve)
    await queries.team_page(await members.actor_for(fay), team)
    for actor in (await members.actor_for(eve), Actor()):
        # As if it were not there: who has a team around them is private.
        with pytest.raises(NotFound):
            await queries.team_page(actor, team)
    with pytest.raises(NotFound):
        await queries.team_page(await members.actor_for(fay), await make.circle())


async def test_a_team_page_is_a_constant_number_of_statements(node: Node) -> None:
    ada, _, team = await around_ada()
    actor, counts = await members.actor_for(ada), []
    for more in (0, 30):
        for n in range(more):
            await make.hat(await make.person(f"P{n}"), team, "neighbour")
        with counting_queries() as seen:
            page = await queries.team_page(actor, team)
        counts.append((len(seen), len(page.others)))
    assert counts == [(5, 2), (5, 32)]

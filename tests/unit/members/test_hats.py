"""Circles, teams and the roles in them."""

from datetime import timedelta

import pytest

from eccoo_node.kernel.access import COMMAND, Actor, Hat
from eccoo_node.kernel.errors import Conflict, Forbidden, NotFound
from eccoo_node.members import actions, hats, offers, queries, work
from eccoo_node.members.cards import TeamMember
from tests.support import make
from tests.support.node import Node


async def facilitator(called: str = "Fay") -> str:
    id_ = await make.person(called, phone="01422 496 0001")
    await make.hat(id_, await make.circle(), "facilitator")
    return id_


async def test_a_new_node_gets_one_circle_and_someone_who_looks_after_it(node: Node) -> None:
    begun = await actions.begin_circle(COMMAND, name="Hebden circle", called="Fay", email="Fay@Example.org")
    assert await queries.circle_id() == begun.circle_id
    assert {hat.role for hat in await queries.hats_of(begun.person_id)} == {"member", "facilitator", "admin"}
    with pytest.raises(Conflict) as refused:
        await actions.begin_circle(COMMAND, name="Another", called="Gil")
    assert refused.value.code == "circle_exists"
    with pytest.raises(Forbidden):
        await actions.begin_circle(Actor(begun.person_id), name="Another", called="Gil")


async def test_a_node_without_a_circle_says_so(node: Node) -> None:
    with pytest.raises(NotFound) as missing:
        await queries.circle_id()
    assert missing.value.code == "no_circle"


async def test_a_facilitator_registers_a_caller_of_whom_only_the_name_is_known(node: Node) -> None:
    fay = await queries.actor_for(await facilitator(), via="phone")
    ada = await actions.register_person(fay, called="  Ada   Lumb ", outward="hx7 8ad")
    card = await queries.person(ada)
    assert (card.called, card.outward, card.channel, card.face) == ("Ada Lumb", "HX7", "phone", "")
    assert await queries.hats_of(ada) == ()
    with pytest.raises(Forbidden):
        await actions.register_person(await queries.actor_for(ada), called="Bea")


async def test_a_team_belongs_to_the_person_it_is_around(node: Node) -> None:
    fay, ada = await facilitator(), await make.person("Ada")
    told = await queries.actor_for(fay, "phone", ada, "rang_back")
    team = await hats.start_team(told, ada)
    assert await hats.start_team(told, ada) == team
    assert await queries.hats_of(ada) == (Hat("owner", team, "team", ada),)
    with pytest.raises(Forbidden):
        await hats.start_team(await queries.actor_for(fay), await make.person("Bea"))
    own = (await queries.team_members(team))[0].hat_id
    with pytest.raises(Forbidden):
        await hats.end_hat(await queries.actor_for(ada), own)


async def test_a_role_begins_with_the_wearers_own_yes(node: Node) -> None:
    ada, ben = await make.person("Ada"), await make.person("Ben")
    team = await make.team(ada)
    me = await queries.actor_for(ada)
    offer = await hats.offer_hat(me, community_id=team, person_id=ben, role="neighbour", known_as="next door")
    assert await hats.offer_hat(me, community_id=team, person_id=ben, role="neighbour") == offer
    assert await queries.hats_of(ben) == ()
    with pytest.raises(Forbidden):
        await hats.answer_hat(me, offer, yes=True)
    hat = await hats.answer_hat(await queries.actor_for(ben), offer, yes=True)
    assert await queries.hats_of(ben) == (Hat("neighbour", team, "team", ada),)
    with pytest.raises(Conflict) as closed:
        await hats.answer_hat(await queries.actor_for(ben), offer, yes=False)
    assert closed.value.code == "offer_closed"
    await hats.end_hat(await queries.actor_for(ben), hat)
    assert await queries.hats_of(ben) == ()


async def test_a_facilitator_writes_both_yeses_down_and_never_their_own(node: Node) -> None:
    fay, ada, ben = await facilitator(), await make.person("Ada"), await make.person("Ben")
    team = await make.team(ada)
    told = await queries.actor_for(fay, "phone", ada, "rang_back")
    await hats.give_hat(told, community_id=team, person_id=ben, role="family", known_as="son", wearer_said="phone")
    assert [(m.called, m.role, m.known_as) for m in await queries.team_members(team)] == [
        ("Ada", "owner", ""),
        ("Ben", "family", "son"),
    ]
    with pytest.raises(Forbidden):
        await hats.give_hat(told, community_id=team, person_id=fay, role="family", wearer_said="phone")
    for actor in (await queries.actor_for(ada), await queries.actor_for(fay)):
        with pytest.raises(Forbidden):
            await hats.give_hat(actor, community_id=team, person_id=ben, role="coordinator", wearer_said="phone")


async def test_only_an_admin_gives_a_role_with_power(node: Node) -> None:
    circle = await make.circle()
    fay, ada, ben = await facilitator(), await make.person("Ada"), await make.person("Ben")
    await make.hat(ada, circle, "admin")
    with pytest.raises(Forbidden):
        await hats.give_hat(
            await queries.actor_for(fay), community_id=circle, person_id=ben, role="treasurer", wearer_said="phone"
        )
    await hats.give_hat(
        await queries.actor_for(ada), community_id=circle, person_id=ben, role="treasurer", wearer_said="phone"
    )
    assert (await queries.actor_for(ben)).wears("treasurer")


async def test_the_last_admin_cannot_leave(node: Node) -> None:
    circle, ada = await make.circle(), await make.person("Ada")
    hat = await make.hat(ada, circle, "admin")
    with pytest.raises(Conflict) as refused:
        await hats.end_hat(await queries.actor_for(ada), hat)
    assert refused.value.code == "last_admin"


async def test_an_admin_who_has_died_is_not_the_one_who_stays(node: Node) -> None:
    circle, ada, ben = await make.circle(), await make.person("Ada"), await make.person("Ben", standing="died")
    hat = await make.hat(ada, circle, "admin")
    await make.hat(ben, circle, "admin")
    with pytest.raises(Conflict) as refused:
        await hats.end_hat(await queries.actor_for(ada), hat)
    assert refused.value.code == "last_admin"


async def test_a_worker_joins_a_team_only_with_their_papers_in_date(node: Node) -> None:
    fay, ada = await facilitator(), await make.person("Ada")
    wren, finn = await make.worker("Wren"), await make.worker("Finn", checked=False)
    team = await make.team(ada)
    told = await queries.actor_for(fay, "phone", ada, "rang_back")
    await hats.give_hat(told, community_id=team, person_id=wren, role="worker", wearer_said="phone")
    with pytest.raises(Conflict) as refused:
        await hats.give_hat(told, community_id=team, person_id=finn, role="worker", wearer_said="phone")
    assert refused.value.code == "checks_missing"
    assert [m.called for m in await queries.team_members(team)] == ["Ada", "Wren"]


async def test_a_hat_with_a_date_ends_at_that_date_and_can_be_given_again(node: Node) -> None:
    ada, ben = await make.person("Ada"), await make.person("Ben")
    team, me = await make.team(ada), await queries.actor_for(ada)
    until = node.clock() + timedelta(days=7)
    for _ in range(2):
        offer = await hats.offer_hat(me, community_id=team, person_id=ben, role="family", until_at=until)
        await hats.answer_hat(await queries.actor_for(ben), offer, yes=True)
        node.clock.set(until - timedelta(seconds=1))
        assert len(await queries.hats_of(ben)) == 1
        node.clock.set(until)
        assert await queries.hats_of(ben) == ()
        until = node.clock() + timedelta(days=7)


async def test_paid_workers_of_a_team_are_named_whatever_other_hats_they_wear(node: Node) -> None:
    circle, ada = await make.circle(), await make.person("Ada")
    team = await make.team(ada)
    wren, vic = await make.worker("Wren"), await make.worker("Vic")
    unlisted = await make.person("Una")
    for id_, roles in ((wren, ("worker", "family", "coordinator")), (vic, ("worker",)), (unlisted, ("worker",))):
        for role in roles:
            await make.hat(id_, team, role)
    await make.hat(wren, circle, "facilitator")
    await make.hat(await make.worker("Finn"), team, "family")
    fay = await queries.actor_for(await facilitator())
    await work.set_paid(fay, vic, paid=False)
    # Of Una nothing is written: the doubt counts as paid. Finn works elsewhere and is family here.
    assert await queries.paid_workers_of(team) == {wren, unlisted}


async def test_nobody_declares_themselves_unpaid(node: Node) -> None:
    wren = await make.worker("Wren")
    await make.hat(wren, await make.circle(), "facilitator")
    with pytest.raises(Forbidden):
        await work.set_paid(await queries.actor_for(wren), wren, paid=False)
    await work.set_worker_profile(await queries.actor_for(wren), person_id=wren, words="New words.")
    team = await make.team(await make.person("Ada"))
    await make.hat(wren, team, "worker")
    assert await queries.paid_workers_of(team) == {wren}


async def test_a_team_page_takes_the_same_statements_however_many_are_in_it(node: Node) -> None:
    from eccoo_node.db.counting import counting_queries

    ada = await make.person("Ada")
    team = await make.team(ada)
    counts = []
    for more in (0, 12):
        for n in range(more):
            await make.hat(await make.person(f"P{n}"), team, "neighbour")
        with counting_queries() as seen:
            members = await queries.team_members(team)
        counts.append((len(seen), len(members)))
    assert counts == [(1, 1), (1, 13)]
    assert members[0] == TeamMember(ada, "Ada", "owner", "", False, members[0].hat_id)


async def test_an_asking_counts_while_its_asker_may_ask_and_for_sixty_days(node: Node) -> None:
    circle, adam, bea = await make.circle(), await make.person("Adam"), await make.person("Bea")
    hat = await make.hat(adam, circle, "admin")
    await make.hat(bea, circle, "admin")
    me = await queries.actor_for(adam)
    own = await hats.offer_hat(me, community_id=circle, person_id=adam, role="treasurer")
    assert [one.id for one in await offers.asked_in_the_circle()] == [own]
    await hats.end_hat(await queries.actor_for(bea), hat)
    assert await offers.asked_in_the_circle() == []
    assert await offers.open_offers(adam) == []
    with pytest.raises(Conflict) as over:
        await hats.answer_hat(await queries.actor_for(adam), own, yes=True)
    assert over.value.code == "run_out"
    # One that counts no more does not stand in the way of another.
    anew = await hats.offer_hat(await queries.actor_for(bea), community_id=circle, person_id=adam, role="treasurer")
    assert anew != own
    node.clock.move(timedelta(days=60))
    with pytest.raises(Conflict):
        await hats.answer_hat(await queries.actor_for(adam), anew, yes=True)
    last = await hats.offer_hat(await queries.actor_for(bea), community_id=circle, person_id=adam, role="treasurer")
    node.clock.move(timedelta(days=59))
    assert [one.id for one in await offers.asked_in_the_circle()] == [last]
    await hats.answer_hat(await queries.actor_for(adam), last, yes=True)
    assert (await queries.actor_for(adam)).wears("treasurer")


async def test_a_facilitators_asking_of_a_member_ends_with_the_facilitator(node: Node) -> None:
    circle, fay, ben = await make.circle(), await facilitator(), await make.person("Ben")
    offer = await hats.offer_hat(await queries.actor_for(fay), community_id=circle, person_id=ben, role="member")
    assert [(id_, role) for id_, role, _, _ in await offers.open_offers(ben)] == [(offer, "member")]
    for called in ("Gil", "Hal"):
        await actions.say_standing(await queries.actor_for(await facilitator(called)), fay, "died")
    assert await offers.open_offers(ben) == []

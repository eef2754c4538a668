"""Whoever has power in the circle is written down as having died by two, and can be found to live."""

from datetime import timedelta

import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.kernel.access import COMMAND, Actor
from eccoo_node.kernel.errors import Conflict, Forbidden
from eccoo_node.members import actions, deaths, queries, sign_in
from tests.support import make
from tests.support.node import Node


async def one_with(role: str, called: str) -> tuple[str, Actor]:
    id_ = await make.person(called)
    await make.hat(id_, await make.circle(), role)
    return id_, await queries.actor_for(id_)


async def standing(person_id: str) -> str:
    return (await queries.person(person_id)).standing


async def test_one_facilitator_alone_does_not_write_an_admin_off(node: Node) -> None:
    adam, me = await one_with("admin", "Adam")
    (fay_id, fay), (tess_id, tess) = await one_with("facilitator", "Fay"), await one_with("treasurer", "Tess")
    with pytest.raises(Forbidden):
        await actions.say_standing(tess, adam, "died")
    signed = await sign_in.sign_in_as(COMMAND, adam)
    assert not await actions.say_standing(fay, adam, "died")
    assert (await standing(adam), await deaths.others(fay_id, adam)) == ("here", {tess_id})
    with pytest.raises(Conflict) as again:
        await actions.say_standing(fay, adam, "died")
    assert again.value.code == "second_needed"
    for who, said in ((me, "here"), (tess, "in_hospital")):
        with pytest.raises(Forbidden):
            await actions.say_standing(who, adam, said)
    # It was not so: whoever looks after the circle says so, and the next word is a first one again.
    assert await actions.say_standing(tess, adam, "here")
    assert await deaths.first_word(adam) is None
    assert not await actions.say_standing(fay, adam, "died")
    assert await actions.say_standing(tess, adam, "died")
    assert await standing(adam) == "died"
    assert await fetch("SELECT id FROM session WHERE id = ? AND ended_at IS NULL", signed.session_id) == []
    assert await deaths.first_word(adam) is None


async def test_where_nobody_else_is_left_the_same_word_counts_a_week_later(node: Node) -> None:
    adam, _ = await one_with("admin", "Adam")
    _, fay = await one_with("facilitator", "Fay")
    assert not await actions.say_standing(fay, adam, "died")
    node.clock.move(timedelta(days=6))
    with pytest.raises(Conflict) as soon:
        await actions.say_standing(fay, adam, "died")
    assert soon.value.code == "too_soon"
    await sign_in.sign_in_as(COMMAND, adam)
    node.clock.move(timedelta(days=1))
    with pytest.raises(Conflict) as seen:
        await actions.say_standing(fay, adam, "died")
    assert seen.value.code == "seen_since"
    assert await actions.say_standing(fay, adam, "here")
    assert not await actions.say_standing(fay, adam, "died")
    node.clock.move(timedelta(days=7))
    assert await actions.say_standing(fay, adam, "died")


async def test_of_anybody_else_one_word_is_enough(node: Node) -> None:
    _, fay = await one_with("facilitator", "Fay")
    ada, _ = await one_with("worker", "Ada")
    assert await actions.say_standing(fay, ada, "died")
    assert await standing(ada) == "died"

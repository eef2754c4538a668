"""Terms that hold once both said yes, and consents that can be taken back."""

import hashlib

import pytest

from eccoo_node.agreements import actions, queries, say
from eccoo_node.agreements.actions import Agreed
from eccoo_node.agreements.queries import TermsCard
from eccoo_node.db.rows import fetch
from eccoo_node.escrow.queries import Schedule
from eccoo_node.escrow.schedules import hour
from eccoo_node.kernel.errors import Forbidden, Invalid, NotFound
from eccoo_node.members import queries as members
from tests.support import make
from tests.support.node import Node


async def in_force(person_id: str) -> queries.TermsCard | None:
    """What someone's only worker and they both said yes to."""
    held = [terms for terms in await queries.terms_of(person_id) if terms.from_at]
    assert len(held) <= 1
    return held[0] if held else None


async def test_terms_hold_once_both_have_said_yes_to_the_same_numbers(node: Node) -> None:
    ada, wren = await make.person("Ada"), await make.worker("Wren")
    payer = await make.payer(ada)
    her, worker = await members.actor_for(ada), await members.actor_for(wren)
    both = {"person_id": ada, "worker_id": wren, "payer_id": payer, "rate_pence": 2000}
    offer = await actions.agree_terms(worker, **both)
    assert not offer.in_force
    assert await actions.agree_terms(worker, **both) == offer
    assert await in_force(ada) is None
    # Another rate is another question.
    other = await actions.agree_terms(her, **{**both, "rate_pence": 1900})
    assert (other.in_force, other.id != offer.id) == (False, True)
    assert await actions.agree_terms(her, **both) == Agreed(offer.id, in_force=True)
    held = await in_force(ada)
    assert held is not None
    assert (held.id, held.rate_pence, held.payer_id, held.cancel_hours, held.cancel_bps) == (
        offer.id, 2000, payer, 24, 5000,
    )  # fmt: skip
    assert await queries.terms_of(ada) == [held]


async def test_new_terms_leave_the_old_in_force_until_the_other_side_agrees(node: Node) -> None:
    ada, wren = await make.person("Ada"), await make.worker("Wren")
    her, worker = await members.actor_for(ada), await members.actor_for(wren)
    old = {"person_id": ada, "worker_id": wren, "rate_pence": 2000}
    await actions.agree_terms(worker, **old)
    await actions.agree_terms(her, **old)
    new = {**old, "rate_pence": 2200}
    await actions.agree_terms(worker, **new)
    now = await in_force(ada)
    assert now is not None
    assert now.rate_pence == 2000
    await actions.agree_terms(her, **new)
    now = await in_force(ada)
    assert now is not None
    assert now.rate_pence == 2200


async def test_nobody_says_both_yeses(node: Node) -> None:
    ada, wren, eve = await make.person("Ada"), await make.worker("Wren"), await make.person("Eve")
    await make.speaks(wren, ada, "choose_who_comes")
    terms = {"person_id": ada, "worker_id": wren, "rate_pence": 2000}
    await actions.agree_terms(await members.actor_for(wren), **terms)
    with pytest.raises(Forbidden):
        await actions.agree_terms(await members.actor_for(wren, acting_for=ada), **terms)
    with pytest.raises(Forbidden):
        await actions.agree_terms(await members.actor_for(eve), **terms)
    assert await in_force(ada) is None


async def test_a_daughter_who_may_choose_who_comes_says_yes_for_the_person(node: Node) -> None:
    ada, wren, dot = await make.person("Ada"), await make.worker("Wren"), await make.person("Dot")
    await make.speaks(dot, ada, "choose_who_comes")
    terms = {"person_id": ada, "worker_id": wren, "rate_pence": 2000}
    await actions.agree_terms(await members.actor_for(wren), **terms)
    agreed = await actions.agree_terms(await members.actor_for(dot, acting_for=ada), **terms)
    assert agreed.in_force
    row = (await fetch("SELECT person_yes_by, person_yes_via, worker_yes_by FROM terms"))[0]
    assert tuple(row) == (dot, "screen", wren)


async def test_terms_are_bounded_and_name_the_persons_own_payer(node: Node) -> None:
    ada, wren = await make.person("Ada"), await make.worker("Wren")
    her = await members.actor_for(ada)
    for bad in ({"rate_pence": -1}, {"rate_pence": 2000, "cancel_bps": 10_001}, {"rate_pence": 10**9}):
        with pytest.raises(Invalid):
            await actions.agree_terms(her, person_id=ada, worker_id=wren, **bad)
    strangers = await make.payer(await make.person("Eve"))
    with pytest.raises(NotFound):
        await actions.agree_terms(her, person_id=ada, worker_id=wren, rate_pence=2000, payer_id=strangers)


async def test_ended_terms_hold_no_longer(node: Node) -> None:
    ada, wren = await make.person("Ada"), await make.worker("Wren")
    terms = {"person_id": ada, "worker_id": wren, "rate_pence": 2000}
    await actions.agree_terms(await members.actor_for(wren), **terms)
    agreed = await actions.agree_terms(await members.actor_for(ada), **terms)
    await actions.end_terms(await members.actor_for(wren), agreed.id)
    assert await in_force(ada) is None


async def test_a_consent_keeps_its_words_and_can_be_taken_back(node: Node) -> None:
    ada, dot = await make.person("Ada"), await make.person("Dot")
    await make.speaks(dot, ada, "share_my_details")
    words = "Circle B may read my outward postcode and what is needed."
    consent = await actions.give_consent(
        await members.actor_for(dot, acting_for=ada), person_id=ada, kind="cover.further", words=words,
        subject_kind="visit", subject_id="v1",
    )  # fmt: skip
    [held] = await fetch("SELECT id, words, said_by, via FROM consent")
    assert tuple(held) == (consent, words, dot, "screen")
    assert (await fetch("SELECT words_hash FROM consent"))[0][0] == hashlib.sha256(words.encode()).hexdigest()
    for _ in range(2):
        await actions.withdraw_consent(await members.actor_for(ada), consent)
    # It was taken back once, by a row of its own.
    assert [row[0] for row in await fetch("SELECT withdraws FROM consent ORDER BY said_at, id")] == ["", consent]


async def test_a_scope_that_was_not_given_covers_no_consent(node: Node) -> None:
    ada, dot = await make.person("Ada"), await make.person("Dot")
    await make.speaks(dot, ada, "ask_for_cover")
    with pytest.raises(Forbidden):
        await actions.give_consent(
            await members.actor_for(dot, acting_for=ada), person_id=ada, kind="cover.further", words="Yes."
        )


async def test_both_who_say_yes_at_the_same_moment_agree_once(node: Node) -> None:
    import asyncio

    ada, wren = await make.person("Ada"), await make.worker("Wren")
    sides = [await members.actor_for(ada), await members.actor_for(wren)] * 3
    done = await asyncio.gather(
        *(actions.agree_terms(side, person_id=ada, worker_id=wren, rate_pence=2000) for side in sides)
    )
    held = await in_force(ada)
    assert held is not None
    assert {agreed.id for agreed in done} == {held.id}
    assert len(await fetch("SELECT id FROM terms")) == 1


def said(add: int, deduct: int, *, bears: bool = True, employed: bool = False, rate: int = 2000) -> list[str]:
    """What an hour comes to, and one called off late with half of it due: as whoever pays reads it, then the worker."""
    card = TermsCard("", "ada", "wren", "", rate, 0, 0, 0, 24, 5000, None, None, None)
    found = hour(Schedule(1, add, deduct, bears, 0), rate, 5000, employed)
    late = "Called off less than 24 hours before, "
    return [
        words.removeprefix(late)
        for side, other in (("person", "Ruth"), ("worker", "Ada"))
        for words in (
            say.comes_to(found, side, other, pays=True),
            say.late_comes_to(found, card, side, other, pays=True),
        )
    ]


def test_each_side_reads_in_pounds_what_an_hour_comes_to_and_where_it_goes() -> None:
    assert said(750, 1750) == [
        "You pay £21.50 an hour in all: £16.50 to Ruth and £5 to the circle.",
        "you pay £10.75 for each hour: £8.25 to Ruth and £2.50 to the circle.",
        "You have £16.50 of each hour. £3.50 goes to the circle, and whoever pays adds £1.50 for it.",
        "you have £8.25 for each hour. £1.75 goes to the circle, and whoever pays adds £0.75 for it.",
    ]
    # A share is rounded down to the penny, and the circle may take nothing of what is called off.
    assert said(0, 1500, rate=1835, bears=False) == [
        "You pay £18.35 an hour in all: £15.60 to Ruth and £2.75 to the circle.",
        "you pay £9.17 for each hour: all of it to Ruth. The circle takes nothing of that.",
        "You have £15.60 of each hour. £2.75 goes to the circle.",
        "you have £9.17 for each hour. The circle takes nothing of that.",
    ]
    assert said(1000, 0)[2:] == [
        "You have £20 of each hour. Whoever pays adds £2 for the circle.",
        "you have £10 for each hour. Whoever pays adds £1 for the circle.",
    ]
    assert said(0, 0) == [
        "You pay £20 an hour in all: all of it to Ruth.", "you pay £10 for each hour: all of it to Ruth.",
        "You have the whole £20 of each hour. The circle takes nothing.", "you have £10 for each hour.",
    ]  # fmt: skip
    assert said(750, 1750, employed=True)[::2] == [
        "You pay £20 an hour in all, to the circle. It pays Ruth a wage.",
        "You have your wage from the circle. What is paid for your visits is the circle’s.",
    ]

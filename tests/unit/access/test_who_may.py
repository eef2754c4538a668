"""What nobody may see or do for somebody else, rule by rule. The pages are walked in tests/web/test_access.py."""

from collections.abc import Iterable

import pytest

from eccoo_node import app  # noqa: F401 every rule is registered by what the app is put together from
from eccoo_node.kernel.access import _RULES as RULES
from eccoo_node.kernel.access import NODE, Actor, Hat, Thing, actions, may
from eccoo_node.record import door

TEAM = "Edith's team"
VISIT = Thing("visit", "v", "edith", TEAM, "wren", "edith", "", frozenset({"wren", "pell"}))
EVERY_SCOPE = ("ask_for_cover", "choose_who_comes", "share_my_details", "say_visit_went", "money")


def of_team(person: str, role: str) -> Actor:
    return Actor(person, (Hat(role, TEAM, "team", "edith"),))


def speaks(person: str, for_whom: str, *scopes: str, hats: Iterable[Hat] = ()) -> Actor:
    return Actor(person, tuple(hats), "screen", for_whom, frozenset(scopes))


def facilitator(person: str, *more: Hat, **acting: str) -> Actor:
    return Actor(person, (Hat("facilitator", "circle", "circle"), *more), **acting)  # type: ignore[arg-type]


PAID = Hat("worker", TEAM, "team", "edith")
NOBODY, MEMBER = Actor(), Actor("mia", (Hat("member", "circle", "circle"),))


@pytest.mark.parametrize("action", ["rota.see_visit", "rota.see_week"])
def test_a_week_or_a_visit_that_has_no_worker_is_no_more_open_than_another(action: str) -> None:
    for actor in (NOBODY, MEMBER, speaks("ruth", "harold", *EVERY_SCOPE)):
        assert not may(actor, action, Thing("week", "edith", "edith", TEAM))


def test_whoever_speaks_for_a_worker_is_not_let_into_the_homes_the_worker_goes_to() -> None:
    assert may(Actor("wren"), "rota.see_visit", VISIT)
    assert not may(speaks("winnie", "wren", *EVERY_SCOPE), "rota.see_visit", VISIT)


def test_a_volunteer_sees_only_their_own_visits() -> None:
    assert not may(of_team("tom", "volunteer"), "rota.see_visit", VISIT)
    assert not may(of_team("tom", "volunteer"), "rota.see_week", Thing("week", "edith", "edith", TEAM))
    assert may(of_team("tom", "volunteer"), "rota.see_visit", Thing("visit", "v", "edith", TEAM, "tom"))


def test_who_was_asked_is_seen_by_those_who_may_ask_or_choose_and_never_by_a_paid_worker() -> None:
    assert [
        may(actor, "cover.see", VISIT)
        for actor in (
            Actor("edith"), speaks("ruth", "edith", "ask_for_cover"), speaks("ruth", "edith", "choose_who_comes"),
            facilitator("fay"), facilitator("fay", via="phone", acting_for="edith", known_by="rang_back"),
        )
    ] == [True] * 5  # fmt: skip
    assert [
        may(actor, "cover.see", VISIT)
        for actor in (
            NOBODY, MEMBER, of_team("cousin", "family"), of_team("kit", "coordinator"), of_team("wren", "worker"),
            speaks("nell", "edith", "money"), speaks("ann", "edith", "say_visit_went", "share_my_details"),
            speaks("wren", "edith", *EVERY_SCOPE), facilitator("pell", PAID), speaks("ruth", "harold", *EVERY_SCOPE),
        )
    ] == [False] * 10  # fmt: skip


def test_a_thing_that_names_nobody_is_nobodys() -> None:
    nothing = Thing("visit")
    assert [action for action in actions() if action.startswith(("cover.", "rota.", "agreements.")) and any(
        may(actor, action, nothing) for actor in (NOBODY, MEMBER)
    )] == []  # fmt: skip


@pytest.mark.parametrize("action", ["cover.override", "cover.resolve", "cover.take_after_all"])
def test_a_facilitator_who_is_paid_in_the_team_settles_nothing_about_its_cover(action: str) -> None:
    assert may(facilitator("fay"), action, VISIT)
    assert not may(facilitator("pell", PAID), action, VISIT)


def test_nobody_writes_down_what_their_own_pay_comes_to() -> None:
    mine = Thing("my_offer", "o", worker_id="fay", link_id="l")
    for action in ("cover.resolve_away", "cover.let_go"):
        assert not may(facilitator("fay"), action, mine)
        assert may(facilitator("sol"), action, mine)


def test_a_worker_plans_no_visit_for_whom_they_are_paid_to_come_to() -> None:
    assert may(speaks("ruth", "edith", "choose_who_comes"), "rota.plan", VISIT)
    assert not may(speaks("wren", "edith", "choose_who_comes"), "rota.plan", VISIT)
    assert not may(speaks("pell", "edith", "choose_who_comes"), "rota.plan", VISIT)
    assert may(Actor("edith"), "rota.plan", VISIT)


def test_only_the_payers_money_scope_says_yes_to_more() -> None:
    for actor in (speaks("ruth", "edith", *EVERY_SCOPE[:4]), facilitator("fay"), of_team("wren", "worker")):
        assert not may(actor, "cover.pay_more", VISIT)
    assert may(speaks("nell", "edith", "money"), "cover.pay_more", VISIT)


def test_every_door_has_a_rule_and_every_rule_a_door_or_a_page() -> None:
    assert sorted(set(door.doors()) - set(RULES)) == []
    assert may(NODE, "an action nobody wrote a rule for", Thing("x")) is False

"""Deny by default; and who counts as the person speaking."""

import pytest

from eccoo_node.kernel import access
from eccoo_node.kernel.access import SCOPES, Actor, Hat, Thing

FACILITATOR = Hat("facilitator", "c", "circle")


def test_an_action_without_a_rule_is_nobodys() -> None:
    for actor in (Actor(), Actor(person_id="p"), access.NODE, access.COMMAND):
        assert not access.may(actor, "nobody.wrote.this", Thing("x"))


def test_a_sentence_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_RULES", {"x": lambda actor, thing: "Please ring us."})
    assert not access.may(Actor(), "x", Thing("x"))
    with pytest.raises(access.Forbidden, match="Please ring us"):
        access.requires(Actor(), "x", Thing("x"))


@pytest.mark.parametrize("verdict", [None, 1, "", "yes", [], object()])
def test_only_true_is_a_yes(monkeypatch: pytest.MonkeyPatch, verdict: object) -> None:
    monkeypatch.setattr(access, "_RULES", {"x": lambda actor, thing: verdict})
    assert not access.may(Actor(), "x", Thing("x"))


@pytest.mark.parametrize("scope", SCOPES)
def test_a_person_speaks_for_themselves_and_not_while_they_speak_for_another(scope: str) -> None:
    assert Actor(person_id="p").speaks_as("p", scope)
    assert not Actor(person_id="p", acting_for="q").speaks_as("p", scope)
    assert not Actor(person_id="p").speaks_as("q", scope)
    assert not Actor().speaks_as("", scope)


def test_a_daughter_speaks_as_far_as_the_yes_goes() -> None:
    daughter = Actor(person_id="d", acting_for="p", scopes=frozenset({"ask_for_cover"}))
    assert daughter.speaks_as("p", "ask_for_cover")
    assert not daughter.speaks_as("p", "money")
    assert not daughter.speaks_as("q", "ask_for_cover")


def test_a_facilitator_writes_down_what_is_said_once_they_know_who_says_it() -> None:
    known = Actor(person_id="f", hats=(FACILITATOR,), via="phone", acting_for="p", known_by="agreed_words")
    assert known.speaks_as("p", "money")
    for other in (
        Actor(person_id="f", hats=(FACILITATOR,), via="phone", acting_for="p"),
        Actor(person_id="f", hats=(), via="phone", acting_for="p", known_by="agreed_words"),
        Actor(person_id="f", hats=(FACILITATOR,), via="screen", acting_for="p", known_by="agreed_words"),
        Actor(person_id="f", hats=(FACILITATOR,), via="phone", acting_for="q", known_by="agreed_words"),
    ):
        assert not other.speaks_as("p", "money"), other


def test_the_node_is_nobody_else() -> None:
    assert access.NODE.is_node()
    assert access.COMMAND.is_node()
    for other in (
        Actor(),
        Actor(via="job", person_id="p"),
        Actor(via="job", link_id="l"),
        Actor(via="federation", link_id="l"),
    ):
        assert not other.is_node()

"""Who may do what. Deny by default: an action without a rule is refused to everyone.

A rule is a plain function from an actor and a thing to True, False or a sentence that says why not.
Domains register theirs beside the doors they guard; the door decides.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from eccoo_node.kernel.errors import Forbidden

Via = Literal["screen", "phone", "paper", "federation", "job", "command"]
# What a person can let another do for them. Co-ordinating a team is none of these.
SCOPES = ("ask_for_cover", "choose_who_comes", "share_my_details", "say_visit_went", "money")


class Hat(msgspec.Struct, frozen=True):
    """A role someone wears in a community now, by their own consent.

    Being family opens nothing by itself. `scopes` is, of a family hat alone, what the person of that team has said yes
    to; while there is none the hat is read as "relative", which no rule names, so that none can open by mistake.
    """

    role: str
    community_id: str
    kind: str  # circle, team, practice
    person_id: str = ""  # whose team it is; empty for a circle
    scopes: frozenset[str] = frozenset()


class Actor(msgspec.Struct, frozen=True):
    """Who acts, wearing what, through what, and for whom.

    `person_id` is empty for the node itself (`via` job or command) and for another circle (`link_id`).
    `acting_for` is the person spoken for; `scopes` is what that person's own yes covers. A facilitator on the
    phone has `via="phone"`, `acting_for` the caller, and `known_by`: how they know it is them.
    """

    person_id: str = ""
    hats: tuple[Hat, ...] = ()
    via: Via = "screen"
    acting_for: str = ""
    scopes: frozenset[str] = frozenset()
    known_by: str = ""
    link_id: str = ""

    def wears(self, *roles: str, community_id: str = "") -> bool:
        """Whether the actor wears one of these hats, in this community if one is named."""
        return any(h.role in roles and (not community_id or h.community_id == community_id) for h in self.hats)

    def is_node(self) -> bool:
        return self.via in {"job", "command"} and not self.person_id and not self.link_id

    def speaks_as(self, person_id: str, scope: str) -> bool:
        """The person themselves, or someone who speaks for them with this scope, or a facilitator
        who writes down what they say on the phone, face to face or by post."""
        if not person_id:
            return False
        if self.person_id == person_id and not self.acting_for:
            return True
        if self.acting_for != person_id:
            return False
        if self.via in {"phone", "paper"}:
            return self.wears("facilitator") and bool(self.known_by)
        return scope in self.scopes


NODE = Actor(via="job")
COMMAND = Actor(via="command")


class Thing(msgspec.Struct, frozen=True):
    """What an act is about, as far as permission needs to know it."""

    kind: str
    id: str = ""
    person_id: str = ""  # the person supported, or whose record it is
    community_id: str = ""  # the team or circle it lies in
    worker_id: str = ""  # the worker it concerns
    payer_id: str = ""
    link_id: str = ""
    paid_workers: frozenset[str] = frozenset()  # of that team, when the rule needs them
    parties: frozenset[str] = frozenset()  # whoever has a part in it, when the rule needs them
    payers: frozenset[str] = frozenset()  # everyone who pays for it, `payer_id` among them, when the rule needs them


Rule = Callable[[Actor, Thing], bool | str]
_RULES: dict[str, Rule] = {}


def rule(*actions: str) -> Callable[[Rule], Rule]:
    """Register the rule of one or more actions. Two rules for one action are a mistake."""

    def register(function: Rule) -> Rule:
        for action in actions:
            if action in _RULES:
                raise RuntimeError(f"two rules for {action}")
            _RULES[action] = function
        return function

    return register


def actions() -> Iterable[str]:
    return sorted(_RULES)


def may(actor: Actor, action: str, thing: Thing) -> bool:
    """Whether the actor may do this. False for an action nobody wrote a rule for."""
    return _verdict(actor, action, thing) is True


def requires(actor: Actor, action: str, thing: Thing) -> None:
    """Raise Forbidden, with the rule's own sentence where it has one."""
    verdict = _verdict(actor, action, thing)
    if verdict is not True:
        raise Forbidden(verdict) if isinstance(verdict, str) else Forbidden()


def _verdict(actor: Actor, action: str, thing: Thing) -> bool | str:
    known = _RULES.get(action)
    return known(actor, thing) if known else False

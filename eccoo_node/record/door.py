"""The door: one function for each thing a person can do.

A door is called with the actor first. It runs in one transaction, must ask for permission before it ends, and
leaves one audit row for each thing it asked about and the events it told. An error rolls all of it back. A refusal by
permission is recorded afterwards, in a transaction of its own. A door called by a door asks again and writes under the
same act.
"""

import functools
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from eccoo_node.db.engine import DEADLOCKS
from eccoo_node.db.transaction import current, write
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Forbidden
from eccoo_node.kernel.ids import new_id
from eccoo_node.record import audit, events

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 5
_act_id: ContextVar[str] = ContextVar("act_id", default="")
_DOORS: dict[str, Callable[..., Any]] = {}


class Act:
    """One act under way: who acts, and what it is about once `allow` has been asked."""

    def __init__(self, actor: Actor, action: str, act_id: str) -> None:
        self.actor = actor
        self.action = action
        self.id = act_id
        self.things: list[Thing] = []
        self.text = ""

    @property
    def thing(self) -> Thing | None:
        """What was asked about last. A door may name it more exactly once it knows."""
        return self.things[-1] if self.things else None

    @thing.setter
    def thing(self, thing: Thing) -> None:
        self.things[-1:] = [thing]

    def allow(self, thing: Thing) -> None:
        """Ask for permission to do this to that thing. Raises Forbidden. Every door asks, before it changes anything.

        A door that does the same to several things asks for each, and each is in the record.
        """
        self.things.append(thing)
        access.requires(self.actor, self.action, thing)

    def because(self, text: str) -> None:
        """Words that belong to the record: a reason, what was said. Kept apart, so that they can be erased."""
        self.text = text

    def about(self, thing_id: str) -> None:
        """Name the thing that the act made, for the audit."""
        if self.thing is None:
            raise RuntimeError("ask for permission first")
        self.thing = Thing(self.thing.kind, thing_id, self.thing.person_id, self.thing.community_id)

    async def tell(self, kind: str, subject_kind: str, subject_id: str, /, **payload: Any) -> int:
        """Write an event and what it sets going, inside the act's transaction; its id."""
        return await events.tell(self.id, kind, subject_kind, subject_id, **payload)


Inside = Callable[Concatenate[Act, P], Awaitable[R]]
Outside = Callable[Concatenate[Actor, P], Coroutine[Any, Any, R]]


def door(action: str) -> Callable[[Inside[P, R]], Outside[P, R]]:
    """Make a function the door of an action."""

    def make(function: Inside[P, R]) -> Outside[P, R]:
        if action in _DOORS:
            raise RuntimeError(f"two doors for {action}")

        @functools.wraps(function)
        async def go_through(actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
            inner = current() is not None
            act_id = _act_id.get() or new_id()
            token = _act_id.set(act_id)
            try:
                for attempt in range(RETRIES):
                    act = Act(actor, action, act_id)
                    try:
                        return await _once(act, function, *args, **kwargs)
                    except DEADLOCKS:
                        if inner or attempt == RETRIES - 1:
                            raise
                    except Forbidden as refused:
                        if not inner:
                            await _record_refusal(act, refused)
                        raise
                raise AssertionError("unreachable")
            finally:
                _act_id.reset(token)

        _DOORS[action] = go_through
        return cast("Outside[P, R]", go_through)

    return make


async def _once(act: Act, function: Callable[..., Awaitable[R]], *args: Any, **kwargs: Any) -> R:
    async with write():
        result = await function(act, *args, **kwargs)
        if not act.things:
            raise RuntimeError(f"the door {act.action} never asked for permission")
        things = list(dict.fromkeys(act.things))
        if len(things) > 1 and not act.text:
            await audit.note_many(act.actor, act.id, act.action, things)
            return result
        for thing in things:
            await audit.note(act.actor, act.id, act.action, thing, text=act.text)
        return result


async def _record_refusal(act: Act, refused: Forbidden) -> None:
    if not act.actor.person_id and not act.actor.link_id:
        return
    async with write():
        await audit.note(
            act.actor, act.id, act.action, act.thing or Thing("unknown"), outcome="refused", code=refused.code
        )


def doors() -> dict[str, Callable[..., Any]]:
    """Every door by its action; each has a rule, which a test checks."""
    return dict(_DOORS)

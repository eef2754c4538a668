"""The doors of cover. What the protocol between circles does not let anybody do now is a refusal like any other."""

import functools
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from eccoo_federation.errors import ProtocolError
from eccoo_node.kernel.errors import Conflict
from eccoo_node.record import door as record
from eccoo_node.record.door import Act, Inside, Outside

P = ParamSpec("P")
R = TypeVar("R")

NOT_NOW = "This can’t be done now. Please look at the page again."


def door(action: str) -> Callable[[Inside[P, R]], Outside[P, R]]:
    """A door as any other; here alone a ProtocolError of the library becomes a Conflict with the same code.

    To a linked circle it stays what it is: its letter is refused under that code.
    """

    def make(function: Inside[P, R]) -> Outside[P, R]:
        return record.door(action)(_in_words(function))

    return make


def _in_words(function: Callable[Concatenate[Act, P], Awaitable[R]]) -> Callable[Concatenate[Act, P], Awaitable[R]]:
    @functools.wraps(function)
    async def told(act: Act, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await function(act, *args, **kwargs)
        except ProtocolError as refused:
            if act.actor.link_id:
                raise
            # Its sentences about what can be done when are for people; the others speak of fields and of bytes.
            sentence = refused.sentence if refused.code == "wrong_state" else NOT_NOW
            raise Conflict(sentence, refused.code) from refused

    return told


__all__ = ["Act", "door"]

"""What happens to the part of a visit's money that is in question. Whoever settles such questions stands above the week
and registers here; it happens in the very act in which the question was asked.
"""

from collections.abc import Awaitable, Callable

import msgspec

from eccoo_node.record.door import Act
from eccoo_node.rota.queries import Visit


class Question(msgspec.Struct, frozen=True):
    """`part`: minutes, travel, whole, or nothing where only a word was said. `minutes`: how long the person says it was."""

    part: str
    minutes: int


Asks = Callable[[Act, Visit, Question], Awaitable[bool]]
Settles = Callable[[Act, Visit, int | None], Awaitable[bool]]
Ended = Callable[[str], Awaitable[bool]]
Drops = Callable[[Act, Visit], Awaitable[None]]
_ENDED: list[Ended] = []
_ASKS: list[Asks] = []
_SETTLES: list[Settles] = []
_DROPS: list[Drops] = []


def asks(function: Asks) -> Asks:
    """Register who takes up a question; True where it set a part of the money apart."""
    _ASKS[:] = [function]
    return function


def settles(function: Settles) -> Settles:
    """Register who is asked before a visit's money goes; True where it has let it go itself, less what is in question."""
    _SETTLES[:] = [function]
    return function


def ended(function: Ended) -> Ended:
    """Register who knows by a visit's id whether what it costs was settled between the two."""
    _ENDED[:] = [function]
    return function


def drops(function: Drops) -> Drops:
    """Register who ends what is asked about money that has gone back to where it waits, as if it had never been let go."""
    _DROPS[:] = [function]
    return function


async def was_settled(visit_id: str) -> bool:
    for handler in _ENDED:
        return await handler(visit_id)
    return False


async def ask(act: Act, visit: Visit, question: Question) -> bool:
    for handler in _ASKS:
        return await handler(act, visit, question)
    return False


async def settle(act: Act, visit: Visit, part_pence: int | None) -> bool:
    for handler in _SETTLES:
        return await handler(act, visit, part_pence)
    return False


async def drop(act: Act, visit: Visit) -> None:
    for handler in _DROPS:
        await handler(act, visit)

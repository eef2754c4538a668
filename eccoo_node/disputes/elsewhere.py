"""Sums that wait between two circles. Whoever knows of them stands above and registers here; the list says so in one line
of each, and names nobody: they are settled by the facilitators of both circles."""

from collections.abc import Awaitable, Callable

from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing

# Each sum, in pence, with what the other circle is called.
Waiting = Callable[[], Awaitable[list[tuple[int, str]]]]
_WAITING: list[Waiting] = []


def waits(function: Waiting) -> Waiting:
    """Register who knows of them."""
    _WAITING.append(function)
    return function


async def waiting(actor: Actor) -> list[tuple[int, str]]:
    """What waits between the circles now. Raises Forbidden."""
    access.requires(actor, "disputes.list", Thing("question"))
    return [one for function in _WAITING for one in await function()]

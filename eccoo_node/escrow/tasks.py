"""What waits for the treasurer. Each domain that has something for them says so here; escrow knows none of them."""

from collections.abc import Awaitable, Callable

import msgspec

from eccoo_node.escrow import ledger
from eccoo_node.escrow.chart import OPERATING
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import pounds


class Task(msgspec.Struct, frozen=True):
    """One thing to do, the page on which it is done, and what the button says that leads there."""

    title: str
    path: str
    words: str = ""
    button: str = "See what to do"


Tasks = Callable[[Actor], Awaitable[list[Task]]]
_TASKS: list[Tasks] = []


def tasks(function: Tasks) -> Tasks:
    """Register what a domain has for the treasurer to do. It reads in a constant number of statements."""
    _TASKS.append(function)
    return function


async def for_treasurer(actor: Actor) -> list[Task]:
    """Everything that waits, in the order in which the domains were built."""
    return [task for function in _TASKS for task in await function(actor)]


@tasks
async def _own_account(actor: Actor) -> list[Task]:
    there = await ledger.balance(OPERATING)
    if there >= 0:
        return []
    words = "More has been put up than is written down as its own. Write down what it had, or what has come in since."
    return [Task(f"The circle’s own account stands at {pounds(there)}", "/money/write/own", words, "Write it down")]

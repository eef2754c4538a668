"""What waits for the treasurer. Each domain that has something for them says so here; escrow knows none of them."""

from collections.abc import Awaitable, Callable

import msgspec

from eccoo_node.escrow import capital, ledger, payers, say
from eccoo_node.escrow.chart import OPERATING
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import pounds


class Task(msgspec.Struct, frozen=True):
    """One thing to do, the page on which it is done, and what the button says that leads there."""

    title: str
    path: str
    words: str = ""
    button: str = "See what to do"
    # It can wait: it stands after the rest.
    later: bool = False


Tasks = Callable[[Actor], Awaitable[list[Task]]]
_TASKS: list[Tasks] = []


def tasks(function: Tasks) -> Tasks:
    """Register what a domain has for the treasurer to do. It reads in a constant number of statements."""
    _TASKS.append(function)
    return function


async def for_treasurer(actor: Actor) -> list[Task]:
    """Everything that waits, in the order in which the domains were built; last what can wait."""
    found = [task for function in _TASKS for task in await function(actor)]
    return sorted(found, key=lambda task: task.later)


@tasks
async def _own_account(actor: Actor) -> list[Task]:
    there = await ledger.balance(OPERATING)
    # What lies among the money we look after is the circle's own as well, and stands in for it.
    if there >= 0 or there + await ledger.spare_cash() >= 0:
        return []
    words = "More has been put up than is written down as its own. Write down what it had, or what has come in since."
    return [Task(f"The circle’s own account stands at {pounds(there)}", "/money/write/own", words, "Write it down")]


@tasks
async def _left_behind(actor: Actor) -> list[Task]:
    """What whoever pays no longer has here still, each: it is theirs."""
    return [
        Task(
            f"{one.payer_called} no longer pays here and has {pounds(one.credit_pence)} left",
            f"/money/write/refund?payer={one.payer_id}", say.left_behind(one), "Send it back", later=True,
        )
        for one in await payers.left_behind()
    ]  # fmt: skip


@tasks
async def _shares_applied(actor: Actor) -> list[Task]:
    return [
        Task(
            f"{one.called} has sent {pounds(one.applied_pence)} for shares", f"/money/shares-of-members/{one.member_id}",
            "It is kept apart until they are allotted, or it goes back.", "See what was sent", later=True,
        )
        for one in await capital.holdings(actor)
        if one.applied_pence
    ]  # fmt: skip

"""What shopping leaves for the treasurer to do."""

from eccoo_node.escrow.tasks import Task, tasks
from eccoo_node.expenses import queries
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import pounds


@tasks
async def of_the_dead(actor: Actor) -> list[Task]:
    """What was bought for someone who can't be asked about it any more: what is due for it is written down here."""
    return [
        Task(
            f"What is due for “{one.purpose}”", f"/expenses/{one.id}/settle",
            f"{one.person_called} has died and can’t be asked whether {pounds(one.cost_pence)} is right.", "Write it down",
        )
        for one in await queries.of_the_dead()
        if access.may(actor, "expenses.resolve", one.thing)
    ]  # fmt: skip

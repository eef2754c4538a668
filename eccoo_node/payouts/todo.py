"""What money going out leaves for the treasurer to do."""

from eccoo_node.escrow.tasks import Task, tasks
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import pounds
from eccoo_node.payouts import queries, say
from eccoo_node.payouts.ready import ready


@tasks
async def for_treasurer(actor: Actor) -> list[Task]:
    """What is ready for a batch, each batch whose file can be made, and what is on its way and not yet seen paid."""
    able = [one for one in await ready("1000") if not one.reason]
    found = [Task(say.ready(able), "/money/payouts", "Make a batch of it.")] if able else []
    for one in await queries.open_batches(actor):
        path = f"/money/payouts/{one.id}"
        if one.state == "ready":
            found.append(Task(f"Batch {one.number} can go to the bank", path, f"{say.batch(one)}. Make its file."))
        elif one.state == "waits":
            found.append(
                Task(f"Batch {one.number} waits for a second person", path, f"{say.batch(one)}. Ring one of them.")
            )
        else:
            waiting = pounds(sum(line.amount_pence for line in one.payments if line.state == "sent"))
            found.append(Task(f"{waiting} is on its way", path, "Write down when the statement shows it."))
    return found

"""What money going out leaves for the treasurer to do."""

from eccoo_node.escrow.tasks import Task, tasks
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import pounds
from eccoo_node.payouts import queries, say
from eccoo_node.payouts.ready import ready


@tasks
async def for_treasurer(actor: Actor) -> list[Task]:
    """What is ready for a batch, each batch whose file can be made, what is on its way and not yet seen paid, and
    what came back or waits for a bank account."""
    ready_ = await ready("1000")
    able = [one for one in ready_ if not one.reason]
    found = [Task(say.ready(able), "/money/payouts", "Make a batch of it.", "Pay it out")] if able else []
    for one in await queries.open_batches(actor):
        path = f"/money/payouts/{one.id}"
        if one.state == "ready":
            found.append(
                Task(
                    f"Batch {one.number} can go to the bank",
                    path,
                    f"{say.batch(one)}.",
                    "Look at it, and make its file",
                )
            )
        elif one.state == "waits":
            found.append(
                Task(f"Batch {one.number} waits for a second person", path, f"{say.batch(one)}.", "See whom to ring")
            )
        else:
            waiting = pounds(sum(line.amount_pence for line in one.payments if line.state == "sent"))
            found.append(
                Task(f"{waiting} is on its way", path, "Write down when the statement shows it.", "See the batch")
            )
    back = [one for one in ready_ if one.reason == "came_back"]
    if back:
        title = f"{pounds(sum(one.amount_pence for one in back))} came back from the bank"
        path = f"/money/details/{back[0].person_id}" if len(back) == 1 else "/money/details"
        found.append(Task(title, path, f"For {say.people(len(back))}. Make sure of the account.", "Make sure"))
    if unknown := [one for one in ready_ if one.reason == "no_details"]:
        title = f"{pounds(sum(one.amount_pence for one in unknown))} waits for a bank account"
        words = f"{say.people(len(unknown)).capitalize()} {'has' if len(unknown) == 1 else 'have'} not said where their money goes."
        found.append(Task(title, "/money/payouts", words, "See who they are"))
    return found

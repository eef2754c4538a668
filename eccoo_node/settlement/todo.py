"""What making even leaves for the treasurer to do."""

from eccoo_node.escrow.tasks import Task, tasks
from eccoo_node.kernel.access import Actor
from eccoo_node.settlement import queries, say


@tasks
async def for_treasurer(actor: Actor) -> list[Task]:
    """One for each circle with something to pay, to look for or to look at."""
    found = []
    for one in await queries.waiting():
        if step := say.step(one):
            found.append(Task(step.title, f"/money/circles/{one.link_id}", step.words, step.button))
    return found

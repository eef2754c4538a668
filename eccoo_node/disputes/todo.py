"""What is in question and leaves for the treasurer to do."""

from eccoo_node.disputes import queries, say
from eccoo_node.escrow.tasks import Task, tasks
from eccoo_node.kernel.access import Actor


@tasks
async def for_treasurer(actor: Actor) -> list[Task]:
    """What waits for a decision: both have been heard. Of what they have a part in themselves nothing is said."""
    waiting = [one for one in await queries.open_questions(actor) if one.waits_for == "decision"]
    return [
        Task(f"In question, {say.card(one)}", f"/money/questions/{one.id}", say.waits(one), "Look at it, and decide")
        for one in waiting
    ]

"""What visits leave for the treasurer to do."""

from eccoo_node.escrow.tasks import Task, tasks
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.words import count
from eccoo_node.rota import due, say, unpaid


@tasks
async def for_treasurer(actor: Actor) -> list[Task]:
    """What is not paid for yet, with how much is missing: somebody has to be rung."""
    short = await unpaid.everywhere(actor)
    if not short:
        return []
    many = sum(len(one.visits) for one in short)
    title = f"{count(many).capitalize()} {'visit is' if many == 1 else 'visits are'} not paid for yet"
    return [Task(title, "/money/weekly", say.missing_in_all(short), "See whom to ring")]


@tasks
async def of_the_dead(actor: Actor) -> list[Task]:
    """Visits of which nobody can be asked any more: what is due for each is written down here."""
    return [
        Task(
            f"What is due for {one.who or 'the'}{'’s' if one.who else ''} visit to {one.person_called}", f"/visits/{one.id}/due",
            f"{one.person_called} has died and can’t be asked how {say.when(one)} went.", "Write it down",
        )
        for one in await due.waiting(actor)
    ]  # fmt: skip

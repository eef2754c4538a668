"""What the bank leaves for the treasurer to do."""

from eccoo_node.banking import kept, say
from eccoo_node.banking.rules import UNREAD_DAYS
from eccoo_node.escrow.tasks import Task, tasks
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor


@tasks
async def for_treasurer(actor: Actor) -> list[Task]:
    """What nobody has explained, and accounts of which no file has been read for long. Two statements."""
    found = []
    if waiting := await kept.how_many_wait(actor):
        title = f"{say.payments(waiting).capitalize()} nobody has explained"
        found.append(Task(title, "/money/inbox", "Say whose money it is, or what it was.", "Look at them"))
    today = clock.today()
    days = {
        code: (today - since.astimezone(clock.zone()).date()).days
        for code, since in (await kept.unread_since(actor)).items()
    }
    if late := {code: gone for code, gone in days.items() if gone > UNREAD_DAYS}:
        title = "The bank’s file has not been read for a while"
        words = " ".join(f"{say.account(code)}: not for {gone} days." for code, gone in late.items())
        found.append(Task(title, "/money/bank", words, "Read a bank statement"))
    return found

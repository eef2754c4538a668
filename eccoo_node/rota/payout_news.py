"""Word of money going out, to those whom it concerns, by the way they chose."""

from eccoo_node.db.transaction import write
from eccoo_node.members import queries as members
from eccoo_node.payouts import queries as payouts
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.rota.telling import tell


@events.on("payouts.details_given")
async def details_given(happened: Happened) -> None:
    """Whoever's money it is hears of every change, also of their own: a stranger may have made it in their name."""
    async with write():
        await tell({happened.subject_id}, None, "bank_details", about=happened.subject_id, path="/money/where-to")


@events.on("payouts.bounced")
async def bounced(happened: Happened) -> None:
    person = happened.payload["person"]
    async with write():
        await tell({person}, None, "payout_back", about=person, path="/money/where-to")
        ringing = {one.person_id for one in await members.facilitators()} - {person}
        await tell(ringing, None, "payout_back_ring", about=person, path=f"/money/details/{person}")


@events.on(
    "payouts.account_asked", "payouts.account_confirmed", "payouts.account_turned_down", "payouts.account_taken_back"
)
async def our_account(happened: Happened) -> None:
    """Everyone who answers for the circle's money hears of each change of its accounts, asked for, seen to or given up."""
    change = happened.subject_id
    async with write():
        to = await members.wearing("treasurer", "convenor", "admin")
        news = happened.kind.removeprefix("payouts.")
        await tell(to, None, news, about=change, path=f"/money/account-changes/{change}")


@events.on("payouts.approved")
async def approved(happened: Happened) -> None:
    batch = await payouts.find_batch(happened.subject_id)
    async with write():
        await tell({batch.made_by}, None, "batch_approved", about=batch.id, path=f"/money/payouts/{batch.id}")

"""Word of money going out, to those whom it concerns, by the way they chose."""

from eccoo_node.db.transaction import write
from eccoo_node.members import queries as members
from eccoo_node.payouts import details
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
        # Whoever wrote the account down can't be the one who makes sure of it: they ask for it again.
        wrote = await _who_wrote(await details.given_by((await payouts.find_payment(happened.subject_id)).details_id))
        await tell(wrote - {person}, None, "payout_back_wrote", about=person, path="/money/details")
        ringing = {one.person_id for one in await members.facilitators()} - {person} - wrote
        await tell(ringing, None, "payout_back_ring", about=person, path=f"/money/details/{person}")


async def _who_wrote(person_id: str) -> set[str]:
    """Whoever wrote somebody's account down, while they are still a facilitator here."""
    return {person_id} & {one.person_id for one in await members.facilitators()}


@events.on("payouts.details_wrong")
async def details_wrong(happened: Happened) -> None:
    """Whoever made sure heard that it is not right: it is asked for again."""
    person = happened.subject_id
    async with write():
        await tell({person}, None, "details_wrong", about=person, path="/money/where-to")
        wrote = await _who_wrote(await details.given_by(happened.payload["details"]))
        await tell(wrote - {person}, None, "details_wrong_wrote", about=person, path="/money/details")


@events.on(
    "payouts.account_asked", "payouts.account_confirmed", "payouts.account_turned_down", "payouts.account_taken_back"
)
async def our_account(happened: Happened) -> None:
    """Everyone who answers for the circle's money hears of each change of its accounts, asked for, seen to or given up."""
    change = happened.subject_id
    async with write():
        to = {row.person_id for row in await members.wearing("treasurer", "convenor", "admin")}
        news = happened.kind.removeprefix("payouts.")
        await tell(to, None, news, about=change, path=f"/money/account-changes/{change}")


@events.on("payouts.approved")
async def approved(happened: Happened) -> None:
    batch = await payouts.find_batch(happened.subject_id)
    async with write():
        await tell({batch.made_by}, None, "batch_approved", about=batch.id, path=f"/money/payouts/{batch.id}")

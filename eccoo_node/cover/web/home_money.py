"""What waits for someone about money, for their first page."""

from datetime import datetime

import msgspec

from eccoo_node.cover import lists
from eccoo_node.cover.web.items import Item, Says
from eccoo_node.disputes import queries as questions
from eccoo_node.escrow import checking, tasks
from eccoo_node.escrow import rules as books
from eccoo_node.expenses.waiting import waiting as waiting_costs
from eccoo_node.kernel.access import Actor, Thing, may
from eccoo_node.kernel.words import count
from eccoo_node.payouts import details, ours
from eccoo_node.payouts import queries as payouts
from eccoo_node.payouts import say as payouts_say
from eccoo_node.payouts.ready import needs_account
from eccoo_node.rota import queries as rota
from eccoo_node.rota import say, unpaid
from eccoo_node.rota.say import Reader
from eccoo_node.rota.unpaid import NotPaid


async def about_money(
    actor: Actor, reader: Reader, now: datetime, says: Says, to_pay: dict[str, lists.Search], *, own: bool
) -> list[Item]:
    """Everything of it that is this reader's."""
    found = await for_payer(to_pay, reader, now)
    if says.pays:
        found += [unpaid_item(one, reader, now) for one in await unpaid.for_reader(reader.id)]
    found += [Item(*msgspec.structs.astuple(one)) for one in await waiting_costs(actor, reader, now, pays=says.pays)]
    if own or says.pays:
        found += await for_question(reader, now)
    if not actor.acting_for:
        found += await for_payouts(actor)
        found += await for_treasurer(actor, {one.path for one in found})
    return found + await for_books(actor)


async def for_treasurer(actor: Actor, said: set[str]) -> list[Item]:
    """What the page of the circle's money says is to be done; a batch that waits for their own yes is said already."""
    if not books.keeps_books(actor):
        return []
    return [
        Item(4, one.title, one.words, one.path, one.button, "waiting")
        for one in await tasks.for_treasurer(actor)
        if not {one.path, f"{one.path}/yes"} & said
    ]


async def for_payer(searches: dict[str, lists.Search], reader: Reader, now: datetime) -> list[Item]:
    """Prices that wait for the reader's own yes; the searches by their visit."""
    found = []
    for visit in await rota.visits_named(list(searches)):
        search = searches[visit.id]
        title = f"{search.chosen} costs more {say.on_day(visit.starts_at, now)}"
        to = "" if reader.is_you(visit.person_id) else f" for {visit.person_called}"
        found.append(
            Item(
                1,
                title + to,
                "It needs your yes, because you pay.",
                f"/cover/offers/{search.chosen_id}",
                "See what it costs",
                "waiting",
            )
        )
    return found


def unpaid_item(one: NotPaid, reader: Reader, now: datetime) -> Item:
    """What is not paid for yet, for whom it is for and whoever pays."""
    words = say.what_is_missing(one, reader)
    if one.mine_pence:
        return Item(2, say.not_paid(one, reader, now), words, "/money", "See how to pay in", "waiting")
    path = f"/visits/{one.first.id}"
    return Item(6, say.not_paid(one, reader, now), words, path, "See the visit", "waiting", tells=True)


# By why: how urgent it is, and the words. What stands for weeks hides nobody who needs a worker today.
_NEEDS_ACCOUNT = {
    "came_back": (
        3, "A payment to you came back from the bank", "Your money is safe. Please look at your bank account here.",
        "/money/where-to", "See my bank account",
    ),
    "said_wrong": (
        6, "Your money waits for your bank account", "The one that we have is not right. Please give it to us again.",
        "/money/where-to", "See my bank account",
    ),
    "no_details": (
        6, "Your money waits for your bank account", "It can’t be sent before you have said where it goes.",
        "/money/where-to", "Say where it goes",
    ),
}  # fmt: skip


async def for_payouts(actor: Actor) -> list[Item]:
    """What of the reader’s own waits for a bank account, those that wait for their own second yes, and bank accounts that somebody has to make sure of."""
    found = []
    if said := _NEEDS_ACCOUNT.get(await needs_account(actor.person_id)):
        found.append(Item(*said, "waiting"))
    found += [
        Item(
            2, f"{payouts_say.batch(one)}: may it be sent?",
            f"{one.maker} made this batch.", f"/money/payouts/{one.id}/yes", "Look at it", "waiting",
        )
        for one in await payouts.waiting_for(actor)
    ]  # fmt: skip
    found += [
        Item(
            1, f"{one.title}: the bank account is to change",
            f"{one.asker} asks for it. It counts once somebody else has made sure.",
            f"/money/account-changes/{one.id}", "Make sure", "waiting",
        )
        for one in await ours.waiting(actor)
        if may(actor, "payouts.confirm_account", one.thing)
    ]  # fmt: skip
    sure = await details.to_confirm(actor) if actor.wears("facilitator", "treasurer") else []
    if sure:
        title = (
            f"Is this really {say.whose(sure[0].called)} bank account?"
            if len(sure) == 1
            else f"{count(len(sure)).capitalize()} bank accounts wait for someone to make sure"
        )
        path = f"/money/details/{sure[0].person_id}" if len(sure) == 1 else "/money/details"
        found.append(Item(4, title, "Nobody is paid to a new account before that.", path, "Make sure", "waiting"))
    return found


async def for_question(reader: Reader, now: datetime) -> list[Item]:
    """Money of the reader's visits that is in question, and waits for their answer."""
    return [
        Item(
            3, f"Something about the money for the visit {say.on_day(one.starts_at, now)} is in question",
            "You can say yes to what is proposed, or propose something else.", f"/visits/{one.visit_id}/money",
            "See what is in question", "waiting",
        )
        for one in await questions.open_for(reader.id)
        if reader.mode != "speaks" or one.worker_id != reader.id
    ]  # fmt: skip


async def for_books(actor: Actor) -> list[Item]:
    """That the books do not add up, for those who see to it."""
    if not may(actor, "money.add_up", Thing("books")) or not await checking.books_break():
        return []
    words = "Nothing is paid out until it is mended. Money can still come in."
    return [Item(0, "The books don’t add up", words, checking.PAGE, "See what to do", "gap")]

"""The words in which one entry of the books is told: what it was, and from where to where it moved how much. Pure."""

from collections.abc import Sequence

import msgspec

from eccoo_node.escrow.chart import CHART
from eccoo_node.escrow.entries import Entry, Names, Posted
from eccoo_node.escrow.say import day_and_year, visit
from eccoo_node.kernel.money import pounds

# Every kind of entry, in the order in which it is offered.
KINDS = {
    "top_up": "Money came in",
    "received": "Money came in, and nobody knew whose",
    "matched": "It was known whose money it was",
    "by_card": "Paid by card",
    "card_paid": "The card company sent what it had",
    "paid_owing": "Somebody paid what they owed",
    "donated": "A gift or a grant",
    "interest": "Interest of the bank",
    "set_aside": "Set aside",
    "released": "A visit went ahead",
    "returned": "Not needed, and back to whoever pays",
    "cancelled": "Called off too late to be free",
    "disputed": "Put in question",
    "resolved": "A question was settled",
    "clawed_back": "Put in question after it was let go",
    "refunded": "Asked to have money back",
    "refund_left": "Money back was sent",
    "sent_back": "Nobody’s here, and goes back",
    "bounced": "The bank took a payment back",
    "goodwill": "The circle gave something back",
    "finders_fee": "A finder’s fee",
    "written_off": "A debt was let go, and the circle bore it",
    "payout": "On its way to somebody’s bank",
    "payout_paid": "The bank paid it",
    "payout_bounced": "A payment came back",
    "swept": "What the circle had earned was moved",
    "own": "The circle’s own money",
    "put_in": "The circle’s own money was moved in",
    "vat_paid": "VAT was paid to HMRC",
    "bank_charge": "A charge of the bank",
    "bank_charge_back": "The bank gave a charge back",
    "gift_back": "A gift went back",
    "fund_spent": "A gift was spent on its purpose",
    "owed": "Another circle owes us for a visit",
    "owed_back": "Another circle took some of it back",
    "circle_paid": "Another circle paid us",
    "paid_circle": "We paid another circle",
    "set_off": "Set off with another circle",
    "fronted": "We put it up for another circle",
    "front_back": "What we had put up came back",
    "ready": "Ready for the worker",
    "carried": "Carried over to a new link",
    "taken_on": "Taken on with a new link",
    "applied": "Sent for shares",
    "allotted": "Shares were allotted",
    "withdrawn": "Shares are taken out",
    "share_paid": "Shares were paid back",
    "share_back": "What was sent for shares went back",
    "reversed": "A mistake was undone",
}

_OURS = {
    "1000": "the account in which we look after money",
    "1010": "the circle’s own account",
    "1020": "the account in which money is kept apart",
    "1050": "the card company",
    "2400": "VAT",
    "3100": "the circle’s reserves",
    "4000": "the circle’s part",
    "4010": "what payers add for the circle",
    "4050": "the circle, which employs the worker",
    "4100": "finder’s fees",
    "4200": "gifts and interest",
    "5100": "what the circle gave",
    "5200": "what banks charged",
    "5300": "interest on shares",
}
_THEIRS = {
    "1100": "what {} owes the circle",
    "1200": "what {} owes us",
    "1300": "what {} is to give back",
    "2000": "{}, not set aside",
    "2200": "{}, earned",
    "2210": "{}, travel and expenses",
    "2290": "{}, on its way to their bank",
    "2300": "what we owe {}",
    "2500": "on its way back to {}",
    "2600": "{}, shares to be paid back",
    "2610": "{}, sent for shares",
    "3000": "{}, shares",
    "3200": "kept for {}",
}


def kind(of: str) -> str:
    return KINDS.get(of, "Written down")


def _name(one: Posted, names: Names) -> str:
    if one.code in {"1200", "2300"}:
        return names.circles.get(one.holder, "another circle")
    if one.code == "3200":
        return one.holder
    return names.people.get(one.holder, "whoever sent it" if one.code == "2500" else "somebody")


def place(one: Posted, entry: Entry, names: Names) -> str:
    """ "Ada, not set aside"; "the account in which we look after money"."""
    if one.code in _OURS:
        return _OURS[one.code]
    if one.code == "2090":
        return "nobody’s yet"
    if one.code in {"2100", "2110"}:
        told = names.told.get(entry.reference)
        of = visit(told) if told else "a visit"
        return f"set aside for {of}" if one.code == "2100" else f"in question, of {of}"
    where = _THEIRS[one.code].format(_name(one, names))
    return f"{where}, waits for {names.circles.get(one.awaiting, 'another circle')}" if one.awaiting else where


class _Rest(msgspec.Struct):
    """What is not told yet of what an entry did to one account."""

    place: Posted
    pence: int


# What the circle's own account stands in for comes from there, and not from the account for others' money.
_LAST = ("1000",)
_BANKS = ("1000", "1010", "1020")
Move = tuple[Posted, Posted, int]


def moves(posted: Sequence[Posted]) -> list[Move]:
    """An entry as so much from one place to another.

    Between two of our accounts it goes from the one that has less now; a cost is where money went. Everything else is from
    debit to credit, as the tables in docs/money.md have it. What an entry both gave and took is taken together.
    """
    nets: dict[tuple[str, str, str], int] = {}
    for one in posted:
        whose = (one.code, one.holder, one.awaiting)
        nets[whose] = nets.get(whose, 0) + one.amount_pence
    rest = [_Rest(Posted(*whose, pence), pence) for whose, pence in nets.items()]
    rest.sort(key=lambda one: one.place.code in _LAST)
    ours = [one for one in rest if CHART[one.place.code].nature == "asset"]
    theirs = [one for one in rest if CHART[one.place.code].nature != "asset"]
    found = [(less, more, pence) for more, less, pence in _pair(ours, ours)]
    found += _pair(theirs, theirs)
    for debit, credit, pence in (*_pair(ours, theirs), *_pair(theirs, ours)):
        cost = "expense" in {CHART[debit.code].nature, CHART[credit.code].nature}
        found.append((credit, debit, pence) if cost else (debit, credit, pence))
    return found


def _pair(debits: Sequence[_Rest], credits_: Sequence[_Rest]) -> list[Move]:
    """What was posted to some of these as debit and to some of those as credit, as far as both reach."""
    found: list[Move] = []
    for debit in debits:
        for credit in credits_:
            part = min(debit.pence, -credit.pence)
            if part > 0:
                found.append((debit.place, credit.place, part))
                debit.pence -= part
                credit.pence += part
    return found


def rows(entry: Entry, names: Names, *, undone: bool = False) -> list[list[str]]:
    """From, to and how much; `undone`: as the entry that undoes it has them."""
    sign = -1 if undone else 1
    posted = [msgspec.structs.replace(one, amount_pence=sign * one.amount_pence) for one in entry.postings]
    found = []
    for source, to, pence in moves(posted):
        from_, into = place(source, entry, names), place(to, entry, names)
        if source.code in _BANKS and CHART[to.code].nature != "asset" and source.amount_pence > 0:
            from_ = f"came into {from_}"
        if to.code in _BANKS and CHART[source.code].nature != "asset" and to.amount_pence < 0:
            into = f"out of {into}"
        found.append([_capital(from_), _capital(into), pounds(pence)])
    return found


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def title(entry: Entry, names: Names) -> str:
    """ "Money came in: £100"; "Shopping was paid for: £12.45"."""
    told = names.told.get(entry.reference)
    words = kind(entry.kind)
    if entry.kind == "released" and told and told.bought:
        words = "Shopping was paid for"
    elif entry.kind == "released" and any(one.code == "2300" for one in entry.postings):
        words = "A visit of another circle’s worker went ahead"
    return f"{words}: {pounds(entry.amount_pence)}"


def people(entry: Entry, names: Names) -> list[str]:
    """Whose money it is: first who has it, then who pays for what it is for."""
    kept_for = ("payer", "worker", "member", "link", "fund")
    found = dict.fromkeys(_name(one, names) for one in entry.postings if CHART[one.code].holder in kept_for)
    return list(found | dict.fromkeys([names.people[entry.payer_id]] if entry.payer_id in names.people else []))


def whose(entry: Entry, names: Names) -> str:
    """Whose money it is, and for which visit: "Ada. Thursday 26 November, 9am to 11am (Wren)"."""
    found = people(entry, names)
    said = ["; ".join(found)] if found else []
    if told := names.told.get(entry.reference):
        said.append(visit(told))
    return ". ".join(said)


def card(entry: Entry, names: Names) -> dict[str, object]:
    """One entry as a thing to open."""
    written = f"Written by {entry.by}" if entry.by else "Written by itself"
    words = ". ".join(part for part in (day_and_year(entry.effective_at), whose(entry, names), written) if part)
    state = ("open", "Undone") if entry.undone_by else None
    return {"path": f"/money/entries/{entry.id}", "title": title(entry, names), "words": f"{words}.", "state": state}

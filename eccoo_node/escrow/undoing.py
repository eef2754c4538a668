"""Whether an entry can be undone, who may not decide on it, and what is to happen where it came from.

Escrow knows no bank. Whoever writes entries because of something outside the books (a line of a statement) registers as
its source: it says so in words, may refuse, and opens it again in the same transaction.
"""

from typing import Protocol

from eccoo_node.db.rows import fetch, fetch_one, fetch_value
from eccoo_node.escrow import entering, telling
from eccoo_node.escrow.bookings import Booking
from eccoo_node.kernel.errors import Conflict
from eccoo_node.record.door import Act


class Source(Protocol):
    """Something outside the books that entries come from. `path`: where it is said anew what it was."""

    path: str

    async def says(self, entry_id: int) -> str:
        """What this entry came from and what becomes of that when it is undone; empty where it came from elsewhere."""

    async def refuses(self, entry_id: int) -> str:
        """Why an entry that came from it may not be undone; empty where it may."""

    async def take(self, entry_id: int) -> bool:
        """Lock what it came from, before any account is; whether it came from here."""

    async def open_again(self, act: Act, entry_id: int) -> None:
        """The entry is undone: what it came from is to be said anew."""


_SOURCES: list[Source] = []


def source(one: Source) -> Source:
    """Register something that entries come from."""
    _SOURCES.append(one)
    return one


async def take(entry_id: int) -> list[Source]:
    """What an entry came from, locked."""
    return [one for one in _SOURCES if await one.take(entry_id)]


async def says(entry_id: int) -> list[str]:
    """What an entry came from, in words."""
    return [words for one in _SOURCES if (words := await one.says(entry_id))]


async def then(entry_id: int) -> str:
    """Where it is said anew what it was, once it is undone; empty for what came from nowhere else."""
    for one in _SOURCES:
        if await one.says(entry_id):
            return one.path
    return ""


async def anew(reference: str) -> str:
    """What a key of a line needs besides, so that what was undone of it can be written once more; empty while nothing was."""
    count = await fetch_value(
        "SELECT COUNT(*) FROM entry e JOIN line l ON l.id = e.line_id WHERE l.reference = ? AND e.reverses_id IS NOT NULL",
        reference,
    )
    return f":{count}" if count else ""


# An entry of these kinds can be undone by its mirror. A dispute is ended by resolving it instead.
CAN_BE_UNDONE = (
    "top_up", "set_aside", "returned", "released", "cancelled", "owed", "received", "matched", "sent_back", "bounced",
    "paid_owing", "refunded", "refund_left", "goodwill", "swept", "donated", "own", "interest", "by_card", "card_paid",
    "finders_fee", "written_off", "bank_charge", "bank_charge_back",
    "put_in", "share_back", "fund_spent", "gift_back", "vat_paid", "applied", "allotted", "withdrawn", "share_paid",
)  # fmt: skip


# Why another kind can't be, and what to do instead.
_ANEW = "Others have gone by this since. Write down anew what was right."
_BATCH = "This is a payment of a batch. Open the batch, and write down there what became of it."
_CIRCLES = "It follows from what two circles owe and have paid each other. It is put right on that circle’s page."
_INSTEAD = {
    "reversed": "This undid something else. If that was right after all, write it down anew.",
    "disputed": "This is a question that somebody has raised. Once it is settled, its money moves by itself.",
    "clawed_back": "This is a question that was raised again. Once it is settled, its money moves by itself.",
    "resolved": "It was settled, and both were told. If that was wrong, the question is raised again where it stood.",
    **dict.fromkeys(("payout", "payout_paid", "payout_bounced"), _BATCH),
    **dict.fromkeys(
        ("circle_paid", "paid_circle", "set_off", "fronted", "front_back", "ready", "owed_back", "borne", "carried", "taken_on"),
        _CIRCLES,
    ),
}  # fmt: skip


async def refusal(
    entry_id: int, kind: str, reference: str, found: Booking | None, *, told_anew: bool = False
) -> Conflict | None:
    """Why an entry of this kind, of this line, can't be undone now; None where nothing but its accounts may refuse."""
    if await fetch_value("SELECT COUNT(*) FROM entry WHERE reverses_id = ?", entry_id):
        return Conflict("This entry has already been undone.", "already_reversed")
    if kind not in CAN_BE_UNDONE:
        return Conflict(_INSTEAD.get(kind, _ANEW), "not_reversible")
    if await _between_circles(entry_id):
        return Conflict(
            "This lies between two circles, and undoing it here would change our books alone. Once it stands on a statement, "
            "put it right on that circle’s page, at “One of these was wrong after all”.", "between_circles",
        )  # fmt: skip
    for one in () if told_anew else _SOURCES:
        if sentence := await one.refuses(entry_id):
            return Conflict(sentence, "not_here")
    if found and found.disputed_pence:
        return Conflict("Part of this is in question. Settle that first.", "disputed")
    if found and await _newest_standing(found.id) != entry_id:
        return Conflict("Undo what came later first.", "not_newest")
    if kind == "set_aside" and await telling.needed(reference):
        return Conflict(
            "Something that is not settled yet counts on this money. It goes back by itself once that is called off.",
            "still_needed",
        )
    return None


async def _between_circles(entry_id: int) -> bool:
    found = await fetch_value(
        "SELECT COUNT(*) FROM posting p JOIN account a ON a.id = p.account_id "
        "WHERE p.entry_id = ? AND a.code IN ('1200', '2300')",
        entry_id,
    )
    return bool(found)


async def _newest_standing(line_id: int) -> int | None:
    """The newest entry of a line that is neither undone nor the undoing of another."""
    value = await fetch_value(
        "SELECT MAX(e.id) FROM entry e WHERE e.line_id = ? AND e.reverses_id IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id)",
        line_id,
    )
    return int(value) if value else None


async def parties(entry_id: int) -> frozenset[str]:
    """Whose money an entry moved, and who speaks for them about it: whoever stands on its accounts, and whoever pays for
    its line or is paid by it. None of them decides on it as a treasurer."""
    rows = await fetch(
        "SELECT a.holder FROM posting p JOIN account a ON a.id = p.account_id "
        "WHERE p.entry_id = ? AND a.code NOT IN ('2100', '2110', '1200', '2300') AND a.holder <> '' "
        "UNION SELECT f.payer_id FROM entry e JOIN line_fund f ON f.line_id = e.line_id WHERE e.id = ?",
        entry_id,
        entry_id,
    )
    holders = {row[0] for row in rows}
    line = await fetch_one(
        "SELECT l.payer_id, l.worker_id FROM entry e JOIN line l ON l.id = e.line_id WHERE e.id = ?", entry_id
    )
    holders |= {one for one in tuple(line or ()) if one}
    return await entering.concerned(holders)

"""What a line may be that is no payer's and no payment of ours: charges, gifts, shares, other circles, the card company,
our own accounts. With these no line of a statement is without a place.

A line may stand on an account that its money does not belong to. Then the books say where it belongs, and the two agree
again once it has been moved at the bank; the lines of that move answer to that line, or to its entry (`answering`).
"""

import msgspec

from eccoo_node.banking.lines import Line
from eccoo_node.banking.rules import CLIENT, OPERATING, RING_FENCED
from eccoo_node.db.rows import fetch_value
from eccoo_node.escrow import bank_lines, between, capital, chart, ledger, telling, treasury
from eccoo_node.escrow import queries as escrow
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import pounds

# What may have come in, and what may have left, by account. Those with no entry stand in the books, or belong nowhere in them.
CAME = {
    CLIENT: ("grant", "applied", "circle_paid", "card_sent", "charge_back", "put_in", "own_in"),
    OPERATING: ("grant", "applied", "charge_back", "elsewhere"),
    RING_FENCED: ("grant", "applied", "charge_back", "elsewhere"),
}
LEFT = {
    CLIENT: ("charge", "paid_circle", "vat", "own_cost"),
    OPERATING: ("charge", "vat", "gift_back"),
    RING_FENCED: ("charge", "share_back", "fund_spent"),
}

_MOVE_APART = "Move it to the account in which money is kept apart."
_MOVE_OWN = "Move it to the circle’s own account."


class Choice(msgspec.Struct, frozen=True):
    """Something that a line may have been. `of`: which circle, member or purpose. `likely`: it is what was waited for, to the
    penny."""

    what: str
    words: str
    hint: str = ""
    of: str = ""
    likely: bool = False

    @property
    def option(self) -> tuple[str, str, str]:
        return f"{self.what}:{self.of}" if self.of else self.what, self.words, self.hint


async def may_have_come(line: Line) -> list[Choice]:
    """The likeliest first. What another circle or the card company would have sent is offered where it owes that much."""
    client = line.code == CLIENT
    found = []
    if client:
        owed = await escrow.owed_by_link()
        names = await telling.circles(list(owed))
        found += [
            Choice(
                "circle_paid",
                f"{names[of]} paid what it owed us",
                f"It owes us {pounds(one[2])}.",
                of,
                one[2] == line.amount_pence,
            )
            for of, one in owed.items()
            if one[2] >= line.amount_pence
        ]
        if await card_pence() >= line.amount_pence:
            found.append(Choice("card_sent", "The card company sent what it had", "Write below what it kept."))
    apart = "" if line.code == RING_FENCED else _MOVE_APART
    found.append(Choice("applied", "Somebody applies for shares", f"Choose below who. {apart}".strip()))
    found.append(Choice("grant", "A grant to the circle", "Write below what it is for, if it is for one purpose."))
    own = _MOVE_OWN if client else ""
    found.append(Choice("charge_back", "A charge that the bank gave back", own))
    if client:
        found.append(Choice("put_in", "The circle’s own money, moved here", "The books don’t have it yet."))
        mine = "Something of the circle’s own, sent to the wrong account"
        found.append(Choice("own_in", mine, f"Such as a supplier’s refund. {own}"))
    else:
        found.append(
            Choice(
                "elsewhere", "It was meant for the account in which we look after money",
                "Move it there. Say whose it is when it arrives there.",
            )
        )  # fmt: skip
    return found


async def may_have_left(actor: Actor, line: Line) -> list[Choice]:
    """Other circles, applications and purposes where there is that much to send."""
    amount = -line.amount_pence
    found = []
    if line.code == CLIENT:
        owed = await escrow.waiting_on("2300")
        names = await telling.circles(list(owed))
        found += [
            Choice("paid_circle", f"{names[of]} was paid what we owed it", f"We owe it {pounds(pence)}.", of)
            for of, pence in owed.items()
            if pence >= amount
        ]
    if line.code == RING_FENCED:
        applied = await escrow.waiting_on("2610")
        called = await members_called(actor)
        found += [
            Choice("share_back", f"{called.get(of, 'Somebody')} had back what they sent for shares",
                   f"{pounds(pence)} is not allotted.", of)
            for of, pence in applied.items()
            if pence >= amount
        ]  # fmt: skip
        found += [
            Choice("fund_spent", f"Spent on {of}, for which it was given", f"{pounds(pence)} is left of it.", of)
            for of, pence in (await escrow.waiting_on("3200")).items()
            if pence >= amount
        ]
    back = "" if line.code == OPERATING else "Move as much here from the circle’s own account."
    found.append(Choice("charge", "A charge of the bank", f"The circle bears it. {back}".strip()))
    vat = -await ledger.balance(chart.VAT)
    if line.code != RING_FENCED and vat >= amount:
        found.append(Choice("vat", "VAT, paid to HMRC", f"The circle owes {pounds(vat)} of it. {back}".strip()))
    if line.code == CLIENT:
        found.append(
            Choice("own_cost", "Something the circle paid for itself", f"These books keep nothing of that. {back}")
        )
    if line.code == OPERATING:
        found.append(Choice("gift_back", "A gift or a grant that went back to whoever gave it"))
    return found


async def card_pence() -> int:
    """What the card company has of ours."""
    return await ledger.balance(chart.GATEWAY)


async def members_called(actor: Actor) -> dict[str, str]:
    """The circle's members by name, for whom a share may be. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("bank_line"))
    return await capital.members_called()


# ---------------------------------------------------------------- writing it


async def write_came(actor: Actor, line: Line, what: str, of: str, purpose: str, fee_pence: int) -> int | None:
    """The entry of what came in; None where the books keep none. Raises whatever the entry itself refuses."""
    _allowed(CAME, line, what)
    amount, key, at = line.amount_pence, f"{line.key}:{what}", line.noon
    if what == "grant":
        return await treasury.donation(actor, amount, key, fund=purpose.strip(), effective_at=at)
    if what == "applied":
        if of not in await members_called(actor):
            raise Invalid("Choose who applies for shares.", "no_member", field="member")
        return await treasury.share_applied(actor, of, amount, key, effective_at=at)
    if what == "circle_paid":
        await between.circle_paid(actor, of, amount, key, effective_at=at)
        return await _between(of, key)
    if what == "card_sent":
        return await treasury.gateway_paid(actor, amount + fee_pence, fee_pence, key, effective_at=at)
    if what == "charge_back":
        return await bank_lines.bank_charge_back(actor, line.code, amount, key, effective_at=at)
    if what == "put_in":
        return await bank_lines.put_in(actor, amount, key, effective_at=at)
    return None


async def write_left(actor: Actor, line: Line, what: str, of: str) -> int | None:
    """The same for what left."""
    _allowed(LEFT, line, what)
    amount, key, at = -line.amount_pence, f"{line.key}:{what}", line.noon
    if what == "charge":
        return await bank_lines.bank_charge(actor, line.code, amount, key, effective_at=at)
    if what == "paid_circle":
        await between.paid_circle(actor, of, amount, key, effective_at=at)
        return await _between(of, key)
    if what == "share_back":
        return await bank_lines.share_back(actor, of, amount, key, effective_at=at)
    if what == "fund_spent":
        return await bank_lines.fund_spent(actor, of, amount, key, effective_at=at)
    if what == "vat":
        return await bank_lines.vat_paid(actor, line.code, amount, key, effective_at=at)
    if what == "gift_back":
        return await bank_lines.gift_back(actor, amount, key, effective_at=at)
    return None


def _allowed(kinds: dict[str, tuple[str, ...]], line: Line, what: str) -> None:
    if what not in kinds[line.code]:
        raise Invalid("Choose what it was.", "no_choice", field="what")


async def _between(link_id: str, key: str) -> int | None:
    found = await fetch_value("SELECT id FROM entry WHERE key = ?", between.entry_key(link_id, key))
    return None if found is None else int(found)

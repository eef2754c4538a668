"""Who may move money, and what an entry may be. Pure: no table, no clock."""

from collections.abc import Sequence

import msgspec

from eccoo_node.escrow import chart
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.sharing import Fund, Shares, Terms
from eccoo_node.governance import figures
from eccoo_node.governance.figures import Figure
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import MAX_PENCE, pounds

FRONT_LIMIT = figures.declare(
    Figure(
        name="front_limit", kind="pence", first=0, least=0, most=MAX_PENCE, two_people=True,
        title="The most that we put up for another circle",
        words="Out of the circle’s own money, so that our workers need not wait until that circle has paid.",
    )
)  # fmt: skip

SHARES_OUT = figures.declare(
    Figure(
        name="shares_out", kind="whether", first=1, least=0, most=1, two_people=True,
        title="Whether members may take their shares out",
        words="Each time rests on a decision of its own that the circle can bear it. While this is no, nobody takes any out.",
    )
)  # fmt: skip

PAYS_AFTER = figures.declare(
    Figure(
        name="pays_after", kind="whether", first=1, least=0, most=1, two_people=True,
        title="Whether somebody may pay after the visit",
        words="Each payer who does rests on a decision that is about this. While this is no, nobody new begins to.",
    )
)  # fmt: skip

PUBLIC_FUNDS = frozenset({"council", "local_authority", "direct_payment", "nhs"})


def is_public(fund: str) -> bool:
    """Whether this is money that the state gave for care, which may be spent on nothing else (money.md A5.8)."""
    return fund in PUBLIC_FUNDS


def keeps_books(actor: Actor) -> bool:
    """Whether this is the circle's treasurer, acting as themselves."""
    return actor.wears("treasurer") and not actor.acting_for


@access.rule(
    "money.receive",
    "money.send_back",
    "money.bounce",
    "money.refund_left",
    "money.sweep",
    "money.own",
    "money.donation",
    "money.interest",
    "money.bank_charge",
    "money.bank_charge_back",
    "money.put_in",
    "money.share_back",
    "money.fund_spent",
    "money.gift_back",
    "money.gateway_paid",
    "money.share_paid",
    "money.vat_paid",
    "money.paid_circle",
)
def _treasurer(actor: Actor, thing: Thing) -> bool | str:
    return keeps_books(actor) or "Only the circle’s treasurer can write this in the books."


@access.rule("money.set_off")
def _sets_off(actor: Actor, thing: Thing) -> bool | str:
    # The node writes what both circles agreed entry by entry.
    return actor.is_node() or another_treasurer(actor, thing)


@access.rule("money.top_up")
def _tops_up(actor: Actor, thing: Thing) -> bool | str:
    # The node writes what came with a payer's own reference: nobody decides whose that is.
    return actor.is_node() or another_treasurer(actor, thing)


@access.rule(
    "money.match",
    "money.paid_owing",
    "money.gateway_top_up",
    "money.refund",
    "money.goodwill",
    "money.finders_fee",
    "money.write_off",
    "money.write_off_payer",
    "money.share_applied",
    "money.share_allotted",
    "money.share_withdrawn",
    "money.bear_for_circle",
    "money.circle_paid",
    "money.front",
    "money.pays_after",
    "money.reverse",
)
def another_treasurer(actor: Actor, thing: Thing) -> bool | str:
    """`thing.parties`: whoever pays and whose support it pays for, the worker or the member, and who speaks for them about money.
    Nobody decides on their own money."""
    if not keeps_books(actor):
        return "Only the circle’s treasurer can write this in the books."
    if actor.person_id in thing.parties:
        return "This is about your own money, or that of someone you speak for, or spoke for. Another treasurer writes it down."
    return True


@access.rule("money.add_up")
def _adds_up(actor: Actor, thing: Thing) -> bool | str:
    """Who keeps the books, and who looks after the node: a break is for both to see to."""
    admin = actor.wears("admin") and not actor.acting_for
    return keeps_books(actor) or admin or "Only the circle’s treasurer or an admin can ask for this."


@access.rule(
    "money.see_books", "money.trace", "money.trace_line", "money.trace_payer", "money.trace_shares", "money.trace_entry",
    "money.look_through",
)  # fmt: skip
def _reads_books(actor: Actor, thing: Thing) -> bool | str:
    return keeps_books(actor) or "Only the circle’s treasurer can look into the books."


@access.rule("money.carry_circle", "money.take_on_circle")
def _carries(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or "What stands with a circle goes over to a new link when both admins have signed."


@access.rule("money.export")
def _takes_books(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or keeps_books(actor) or "Only the circle’s treasurer can take the books elsewhere."


@access.rule("money.see_payer")
def _reads_of_payer(actor: Actor, thing: Thing) -> bool | str:
    """Whoever pays, whose support it pays for, and whoever speaks for either about money."""
    return any(actor.speaks_as(person_id, "money") for person_id in (thing.person_id, thing.payer_id))


@access.rule("money.see_shares")
def _reads_own_shares(actor: Actor, thing: Thing) -> bool | str:
    return actor.speaks_as(thing.person_id, "money")


@access.rule("money.set_schedule")
def _decides_schedule(actor: Actor, thing: Thing) -> bool | str:
    # The node itself only writes the first one, while it is being set up; see the door.
    return actor.is_node() or keeps_books(actor) or "Only the circle’s treasurer can write this in the books."


@access.rule(
    "money.set_aside",
    "money.set_aside_many",
    "money.return",
    "money.move",
    "money.release",
    "money.pay_cancelled",
    "money.dispute",
    "money.resolve",
    "money.claw_back",
    "money.owe",
    "money.owe_back",
)
def _consequence(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or "Money that is set aside moves when a visit is agreed, happens or is called off."


class Leg(msgspec.Struct, frozen=True):
    """So much from one account to another, so an entry that does not balance cannot be written down."""

    debit: Account
    credit: Account
    amount_pence: int


Posting = tuple[Account, int]


def postings(legs: Sequence[Leg]) -> list[Posting]:
    """The legs as signed amounts, one for each account and side, in the order in which accounts are locked.

    Both sides of one account are kept apart, so that a gross sum and what is taken off it both stay visible.
    """
    summed: dict[tuple[Account, bool], int] = {}
    for leg in legs:
        _check(leg)
        for side in ((leg.debit, False), (leg.credit, True)):
            summed[side] = summed.get(side, 0) + leg.amount_pence
    if not summed:
        raise ValueError("an entry moves something")
    return [(account, -amount if is_credit else amount) for (account, is_credit), amount in sorted(summed.items())]


def _check(leg: Leg) -> None:
    if type(leg.amount_pence) is not int or leg.amount_pence <= 0:
        raise ValueError("a leg moves a whole number of pence above 0")
    if leg.debit == leg.credit:
        raise ValueError("a leg goes from one account to another")
    for account in (leg.debit, leg.credit):
        if account.code not in chart.CHART:
            raise ValueError(f"there is no account {account.code}")
        if bool(account.kind.holder) != bool(account.holder):
            raise ValueError(f"account {account.code} is kept for each {account.kind.holder or 'circle as a whole'}")
    # It goes to the same worker, free or under another link, or back to the circle that owes it.
    same_worker = (leg.credit.code, leg.credit.holder) == (leg.debit.code, leg.debit.holder)
    if leg.debit.awaiting and not same_worker and leg.credit != chart.due_from(leg.debit.awaiting):
        raise ValueError("what another circle has yet to pay is not paid out before it is settled or fronted")


def net(found: Sequence[Posting]) -> dict[Account, int]:
    """What an entry does to each balance, in locking order."""
    changes: dict[Account, int] = {}
    for account, amount in sorted(found):
        changes[account] = changes.get(account, 0) + amount
    return changes


def spare_cash_change(found: Sequence[Posting]) -> int:
    """By how much client money grows beyond what it must cover. Below 0 the whole books are asked (A5.7)."""
    return sum(amount for account, amount in found if account.kind.cash or account.claims_cash)


def legs(*found: tuple[Account, Account, int]) -> list[Leg]:
    """Legs of (debit, credit, amount), without those that move nothing."""
    return [Leg(debit, credit, amount) for debit, credit, amount in found if amount]


def pair(debits: Sequence[tuple[Account, int]], credits_: Sequence[tuple[Account, int]]) -> list[Leg]:
    """Legs from several accounts to several others, in their order. Raises ValueError where the sums differ."""
    if sum(amount for _, amount in debits) != sum(amount for _, amount in credits_):
        raise ValueError("an entry gives as much as it takes")
    found: list[Leg] = []
    waiting = [(account, amount) for account, amount in credits_ if amount]
    for account, amount in debits:
        rest = amount
        while rest:
            to, there = waiting.pop(0)
            part = min(rest, there)
            found.append(Leg(account, to, part))
            rest -= part
            if part < there:
                waiting.insert(0, (to, there - part))
    return found


def charged_legs(source: Account, commission: int, contribution: int, given: Shares) -> list[Leg]:
    """What the circle charges, with the tax in it apart once it is registered for it."""
    return legs(
        (source, chart.COMMISSION, commission - given.vat_pence),
        (source, chart.CONTRIBUTION, contribution - given.contribution_vat_pence),
        (source, chart.VAT, given.vat_pence + given.contribution_vat_pence),
    )


def release_legs(source: Account, worker_id: str, given: Shares) -> list[Leg]:
    """Let go to our own worker: fee less commission, travel, and what the circle keeps; to us if we employ them."""
    if given.employer_pence:
        return legs((source, chart.CARE_INCOME, given.employer_pence))
    return [
        *legs(
            (source, chart.worker(worker_id), given.worker_pence),
            (source, chart.expenses(worker_id), given.travel_pence),
        ),
        *charged_legs(source, given.commission_pence, given.contribution_pence, given),
    ]


def across_legs(source: Account, link_id: str, given: Shares, terms: Terms) -> list[Leg]:
    """Let go to a linked circle, whose worker went; its books have the mirror of it (`due_legs`).

    Where only the worker bears commission, the whole fee stands first and our part of it is taken off again.
    """
    owed = chart.due_to(link_id)
    if terms.payer_add_bps == 0:
        return [
            *legs((source, owed, given.fee_pence + given.travel_pence)),
            *charged_legs(owed, given.asking_commission_pence, 0, given),
        ]
    return [
        *legs((source, owed, given.due_pence)),
        *charged_legs(source, given.asking_commission_pence, given.asking_contribution_pence, given),
    ]


def due_legs(link_id: str, worker_id: str, given: Shares, terms: Terms) -> list[Leg]:
    """Our worker went for a linked circle: it owes us, and until it has paid our worker's part waits for it."""
    owing = chart.due_from(link_id)
    theirs = legs(
        (owing, chart.worker(worker_id, awaiting=link_id), given.worker_pence),
        (owing, chart.expenses(worker_id, awaiting=link_id), given.travel_pence),
    )
    if terms.payer_add_bps == 0:
        return [
            *theirs,
            *charged_legs(owing, given.commission_pence, 0, given),
            *legs((chart.COMMISSION, owing, given.asking_commission_pence)),
        ]
    return [*theirs, *charged_legs(owing, given.home_commission_pence, given.home_contribution_pence, given)]


def fund_legs(held: Account, funds: Sequence[Fund], parts: Sequence[int], *, back: bool = False) -> list[Leg]:
    """Set aside out of each fund its part, or give it back. Where a fund pays in arrears the circle's own money
    stands in for it, so that nobody else's does (money.md A4)."""
    found: list[Leg] = []
    for fund, part in zip(funds, parts, strict=True):
        source = chart.receivable(fund.payer_id) if fund.arrears else chart.credit(fund.payer_id)
        found += legs((held, source, part)) if back else legs((source, held, part))
        if fund.arrears:
            ours, bank = chart.OPERATING, chart.BANK
            found += legs((ours, bank, part)) if back else legs((bank, ours, part))
    return found


def check_sum(amount_pence: int, field: str = "amount", most_pence: int = MAX_PENCE) -> None:
    """Raises Invalid for anything but whole pence above nothing and up to `most_pence`."""
    if type(amount_pence) is not int or not 0 < amount_pence <= most_pence:
        raise Invalid(f"Write a sum above £0 and up to {pounds(most_pence)}.", "bad_amount", field=field)

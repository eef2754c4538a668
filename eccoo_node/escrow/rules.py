"""How money is shared, what an entry may be, and who may move it. Pure: no table, no clock.

Everything about a line follows from how much of its fee has been let go, because commission is always reckoned on the
whole let go so far (money.md, Rounding). So a fee released in parts comes to the same pennies as one released whole.
"""

from collections.abc import Sequence

import msgspec

from eccoo_node.escrow import chart
from eccoo_node.escrow.chart import Account
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.money import commission_pence

WHOLE_BPS = 10_000


def keeps_books(actor: Actor) -> bool:
    """Whether this is the circle's treasurer, acting as themselves."""
    return actor.wears("treasurer") and not actor.acting_for


@access.rule("money.top_up", "money.resolve", "money.reverse")
def _treasurer(actor: Actor, thing: Thing) -> bool | str:
    return keeps_books(actor) or "Only the circle’s treasurer can write this in the books."


@access.rule("money.see_books", "money.trace")
def _reads_books(actor: Actor, thing: Thing) -> bool | str:
    return keeps_books(actor) or "Only the circle’s treasurer can look into the books."


@access.rule("money.see_payer")
def _reads_of_payer(actor: Actor, thing: Thing) -> bool | str:
    """Whoever pays, whose support it pays for, and whoever speaks for either about money."""
    return any(actor.speaks_as(person_id, "money") for person_id in (thing.person_id, thing.payer_id))


@access.rule("money.set_schedule")
def _decides_schedule(actor: Actor, thing: Thing) -> bool | str:
    # The node itself only writes the first one, while it is being set up; see the door.
    return actor.is_node() or keeps_books(actor) or "Only the circle’s treasurer can write this in the books."


@access.rule(
    "money.set_aside",
    "money.return",
    "money.move",
    "money.release",
    "money.pay_cancelled",
    "money.dispute",
    "money.owe",
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
    if leg.debit.awaiting and leg.credit not in {
        Account(leg.debit.code, leg.debit.holder),
        chart.due_from(leg.debit.awaiting),
    }:
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


class Terms(msgspec.Struct, frozen=True):
    """What was agreed for one line and can no longer change. `across`: its worker belongs to a linked circle."""

    fee_pence: int
    travel_pence: int = 0
    payer_add_bps: int = 0
    worker_deduct_bps: int = 0
    across: bool = False
    home_share_bps: int = 0
    cancelled_bears: bool = True

    @property
    def contribution_pence(self) -> int:
        """What the payer adds on top of the fee."""
        return commission_pence(self.fee_pence, self.payer_add_bps)

    @property
    def total_pence(self) -> int:
        """What is set aside."""
        return self.fee_pence + self.contribution_pence + self.travel_pence


class State(msgspec.Struct, frozen=True):
    """How far a line has got. `free_fee_pence` is the part of the released fee that bears no commission."""

    released_fee_pence: int = 0
    released_travel_pence: int = 0
    free_fee_pence: int = 0
    returned_pence: int = 0
    disputed_fee_pence: int = 0
    disputed_travel_pence: int = 0


class Shares(msgspec.Struct, frozen=True):
    """Who gets what of a sum let go.

    `worker_pence` is the fee less commission, without travel. `ours_pence` is what this circle keeps, and of a line
    across circles `theirs_pence` is what the other keeps. `due_pence` is what the asking circle then owes the home one.
    """

    fee_pence: int = 0
    travel_pence: int = 0
    worker_pence: int = 0
    commission_pence: int = 0
    contribution_pence: int = 0
    asking_commission_pence: int = 0
    asking_contribution_pence: int = 0
    returned_pence: int = 0

    @property
    def home_commission_pence(self) -> int:
        return self.commission_pence - self.asking_commission_pence

    @property
    def home_contribution_pence(self) -> int:
        return self.contribution_pence - self.asking_contribution_pence

    @property
    def asking_pence(self) -> int:
        return self.asking_commission_pence + self.asking_contribution_pence

    @property
    def home_pence(self) -> int:
        return self.home_commission_pence + self.home_contribution_pence

    @property
    def due_pence(self) -> int:
        """What the circle that holds the money owes the worker's home circle."""
        return self.worker_pence + self.home_pence + self.travel_pence


def shares(terms: Terms, fee_pence: int, travel_pence: int = 0) -> Shares:
    """The shares of the first `fee_pence` of a line.

    Commission and contribution are rounded down, so the circles never take more than agreed; the worker has the rest.
    The asking circle's part of each is rounded down too: an odd penny goes to the worker's home circle.
    """
    commission = commission_pence(fee_pence, terms.worker_deduct_bps)
    contribution = commission_pence(fee_pence, terms.payer_add_bps)
    asking_bps = WHOLE_BPS - terms.home_share_bps
    return Shares(
        fee_pence=fee_pence,
        travel_pence=travel_pence,
        worker_pence=fee_pence - commission,
        commission_pence=commission,
        contribution_pence=contribution,
        asking_commission_pence=commission_pence(commission, asking_bps) if terms.across else commission,
        asking_contribution_pence=commission_pence(contribution, asking_bps) if terms.across else contribution,
    )


def between(before: Shares, after: Shares) -> Shares:
    return Shares(**{name: getattr(after, name) - getattr(before, name) for name in Shares.__struct_fields__})


def so_far(terms: Terms, state: State) -> Shares:
    """Everything that has been let go of a line."""
    bearing = shares(terms, state.released_fee_pence - state.free_fee_pence, state.released_travel_pence)
    return msgspec.structs.replace(
        bearing,
        fee_pence=state.released_fee_pence,
        worker_pence=bearing.worker_pence + state.free_fee_pence,
        returned_pence=state.returned_pence,
    )


def disputed_pence(terms: Terms, state: State) -> int:
    """What lies apart until a dispute is resolved: part of the fee with the contribution that goes with it."""
    undisputed = commission_pence(terms.fee_pence - state.disputed_fee_pence, terms.payer_add_bps)
    return state.disputed_fee_pence + state.disputed_travel_pence + terms.contribution_pence - undisputed


def held_pence(terms: Terms, state: State) -> int:
    """What is still set aside on a line and not disputed."""
    gone = so_far(terms, state)
    return (
        terms.total_pence
        - gone.fee_pence
        - gone.contribution_pence
        - gone.travel_pence
        - gone.returned_pence
        - disputed_pence(terms, state)
    )


def left(terms: Terms, state: State) -> tuple[int, int]:
    """The fee and the travel that can still be let go; nothing once the rest has been returned."""
    if held_pence(terms, state) == 0:
        return 0, 0
    return (
        terms.fee_pence - state.released_fee_pence - state.disputed_fee_pence,
        terms.travel_pence - state.released_travel_pence - state.disputed_travel_pence,
    )


def release(
    terms: Terms, state: State, fee_pence: int, travel_pence: int, *, free: bool = False
) -> tuple[Shares, State]:
    """Let go this much of what is set aside and give the rest back to the payer; the shares, and the line after it."""
    most_fee, most_travel = left(terms, state)
    if not 0 <= fee_pence <= most_fee or not 0 <= travel_pence <= most_travel:
        raise ValueError("a line gives no more than is set aside on it")
    return _let_go(terms, state, held_pence(terms, state), fee_pence, travel_pence, free=free)


def _let_go(terms: Terms, state: State, lying_pence: int, fee: int, travel: int, *, free: bool) -> tuple[Shares, State]:
    moved = msgspec.structs.replace(
        state,
        released_fee_pence=state.released_fee_pence + fee,
        released_travel_pence=state.released_travel_pence + travel,
        free_fee_pence=state.free_fee_pence + (fee if free else 0),
    )
    shared = between(so_far(terms, state), so_far(terms, moved))
    rest = lying_pence - fee - travel - shared.contribution_pence
    return (
        msgspec.structs.replace(shared, returned_pence=rest),
        msgspec.structs.replace(moved, returned_pence=state.returned_pence + rest),
    )


def set_apart(terms: Terms, state: State, fee_pence: int, travel_pence: int) -> tuple[int, State]:
    """Set the disputed part apart; how much moves, and the line after it. One dispute at a time."""
    most_fee, most_travel = left(terms, state)
    if state.disputed_fee_pence or state.disputed_travel_pence:
        raise ValueError("one dispute at a time")
    if not 0 <= fee_pence <= most_fee or not 0 <= travel_pence <= most_travel or not fee_pence + travel_pence:
        raise ValueError("a dispute is about something that is set aside")
    moved = msgspec.structs.replace(state, disputed_fee_pence=fee_pence, disputed_travel_pence=travel_pence)
    return disputed_pence(terms, moved), moved


def resolve(terms: Terms, state: State, fee_pence: int, travel_pence: int) -> tuple[Shares, State]:
    """Of what was disputed, this much for the worker and the rest back to the payer."""
    if not 0 <= fee_pence <= state.disputed_fee_pence or not 0 <= travel_pence <= state.disputed_travel_pence:
        raise ValueError("a dispute gives no more than was set apart")
    settled = msgspec.structs.replace(state, disputed_fee_pence=0, disputed_travel_pence=0)
    return _let_go(terms, settled, disputed_pence(terms, state), fee_pence, travel_pence, free=False)


def share_pence(fee_pence: int, bps: int) -> int:
    """The agreed share of a fee, for a visit called off too late. Rounded down, as on the wire (`visit.claimed`)."""
    if fee_pence < 0 or not 0 <= bps <= WHOLE_BPS:
        raise ValueError("a fee is never negative and a share lies between 0 and 10000")
    return fee_pence * bps // WHOLE_BPS


def _legs(*found: tuple[Account, Account, int]) -> list[Leg]:
    return [Leg(debit, credit, amount) for debit, credit, amount in found if amount]


def release_legs(source: Account, worker_id: str, payer_id: str, given: Shares) -> list[Leg]:
    """Let go to our own worker: fee less commission, travel, what the circle keeps, and the rest back to the payer."""
    return _legs(
        (source, chart.worker(worker_id), given.worker_pence),
        (source, chart.expenses(worker_id), given.travel_pence),
        (source, chart.COMMISSION, given.commission_pence),
        (source, chart.CONTRIBUTION, given.contribution_pence),
        (source, chart.credit(payer_id), given.returned_pence),
    )


def across_legs(source: Account, link_id: str, payer_id: str, given: Shares, terms: Terms) -> list[Leg]:
    """Let go to a linked circle, whose worker went; its books have the mirror of it (`due_legs`).

    Where only the worker bears commission, the whole fee stands first and our part of it is taken off again.
    """
    owed, back = chart.due_to(link_id), (source, chart.credit(payer_id), given.returned_pence)
    if terms.payer_add_bps == 0:
        return _legs(
            (source, owed, given.fee_pence + given.travel_pence),
            (owed, chart.COMMISSION, given.asking_commission_pence),
            back,
        )
    return _legs(
        (source, owed, given.due_pence),
        (source, chart.CONTRIBUTION, given.asking_contribution_pence),
        (source, chart.COMMISSION, given.asking_commission_pence),
        back,
    )


def due_legs(link_id: str, worker_id: str, given: Shares, terms: Terms) -> list[Leg]:
    """Our worker went for a linked circle: it owes us, and until it has paid our worker's part waits for it."""
    owing = chart.due_from(link_id)
    worker, travel = chart.worker(worker_id, awaiting=link_id), chart.expenses(worker_id, awaiting=link_id)
    if terms.payer_add_bps == 0:
        return _legs(
            (owing, worker, given.worker_pence),
            (owing, travel, given.travel_pence),
            (owing, chart.COMMISSION, given.commission_pence),
            (chart.COMMISSION, owing, given.asking_commission_pence),
        )
    return _legs(
        (owing, worker, given.worker_pence),
        (owing, travel, given.travel_pence),
        (owing, chart.CONTRIBUTION, given.home_contribution_pence),
        (owing, chart.COMMISSION, given.home_commission_pence),
    )

"""What was agreed for a line, how far it has got, and who gets what of it. Pure: no table, no clock.

Everything about a line follows from how much of its fee has been let go, because commission is always reckoned on the
whole let go so far (money.md, Rounding). So a fee released in parts comes to the same pennies as one released whole.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from eccoo_node.kernel.money import commission_pence, share_out

WHOLE_BPS = 10_000


class Terms(msgspec.Struct, frozen=True):
    """What was agreed for one line and can no longer change.

    `across`: two circles share it, and `at_home` says that these are the books of its worker's own circle. `vat_bps`:
    what we charge for the line already has tax in it at this rate. `employed`: its worker has a wage from the circle,
    so all of it is the circle's.
    """

    fee_pence: int
    travel_pence: int = 0
    payer_add_bps: int = 0
    worker_deduct_bps: int = 0
    across: bool = False
    home_share_bps: int = 0
    cancelled_bears: bool = True
    at_home: bool = False
    vat_bps: int = 0
    employed: bool = False

    @property
    def contribution_pence(self) -> int:
        """What the payer adds on top of the fee."""
        return commission_pence(self.fee_pence, self.payer_add_bps)

    @property
    def total_pence(self) -> int:
        """What is set aside."""
        return self.fee_pence + self.contribution_pence + self.travel_pence


class Fund(msgspec.Struct, frozen=True):
    """Out of whose money how much of a line is set aside. In `arrears`: they pay after, and owe it until then."""

    payer_id: str
    amount_pence: int
    arrears: bool = False


def funds_mark(funds: Sequence[Fund]) -> str:
    """The digest of several funds; empty for one, which the line itself names."""
    return hashlib.sha256(msgspec.json.encode(funds)).hexdigest() if len(funds) > 1 else ""


def parts_of(amount_pence: int, left: Sequence[int]) -> list[int]:
    """What goes back to each fund of a line, by what is left of each. Raises ValueError for more than there is."""
    if not 0 <= amount_pence <= sum(left):
        raise ValueError("no more goes back than was set aside")
    return share_out(amount_pence, list(left)) if amount_pence else [0 for _ in left]


class State(msgspec.Struct, frozen=True):
    """How far a line has got. `free_fee_pence` is the part of the released fee that bears no commission."""

    released_fee_pence: int = 0
    released_travel_pence: int = 0
    free_fee_pence: int = 0
    returned_pence: int = 0
    disputed_fee_pence: int = 0
    disputed_travel_pence: int = 0
    # The contribution that goes with the disputed fee: what rounding leaves depends on when it was set apart.
    disputed_contribution_pence: int = 0


class Shares(msgspec.Struct, frozen=True):
    """Who gets what of a sum let go.

    `worker_pence` is the fee less commission, without travel; `employer_pence` is the whole of an employed worker's visit.
    `due_pence` is what the asking circle then owes the home one. The two `vat` sums are the tax within what we charge.
    """

    fee_pence: int = 0
    travel_pence: int = 0
    worker_pence: int = 0
    commission_pence: int = 0
    contribution_pence: int = 0
    asking_commission_pence: int = 0
    asking_contribution_pence: int = 0
    returned_pence: int = 0
    employer_pence: int = 0
    vat_pence: int = 0
    contribution_vat_pence: int = 0

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
    asking = commission_pence(commission, asking_bps) if terms.across else commission
    asking_contribution = commission_pence(contribution, asking_bps) if terms.across else contribution
    if terms.employed:
        return Shares(fee_pence=fee_pence, travel_pence=travel_pence, employer_pence=fee_pence + travel_pence)
    return Shares(
        fee_pence=fee_pence,
        travel_pence=travel_pence,
        worker_pence=fee_pence - commission,
        commission_pence=commission,
        contribution_pence=contribution,
        asking_commission_pence=asking,
        asking_contribution_pence=asking_contribution,
        vat_pence=vat_within(commission - asking if terms.at_home else asking, terms.vat_bps),
        contribution_vat_pence=vat_within(
            contribution - asking_contribution if terms.at_home else asking_contribution, terms.vat_bps
        ),
    )


def vat_within(charged_pence: int, vat_bps: int) -> int:
    """The tax in a sum that has it in it already, rounded down: of £9 at 20% it is £1.50."""
    return charged_pence * vat_bps // (WHOLE_BPS + vat_bps)


def between(before: Shares, after: Shares) -> Shares:
    return Shares(**{name: getattr(after, name) - getattr(before, name) for name in Shares.__struct_fields__})


# Each door asks this of one line several times, and whoever adds the books up of many that went alike.
@lru_cache(maxsize=1024)
def so_far(terms: Terms, state: State) -> Shares:
    """Everything that has been let go of a line."""
    bearing = shares(terms, state.released_fee_pence - state.free_fee_pence, state.released_travel_pence)
    return msgspec.structs.replace(
        bearing,
        fee_pence=state.released_fee_pence,
        worker_pence=bearing.worker_pence + (0 if terms.employed else state.free_fee_pence),
        employer_pence=bearing.employer_pence + (state.free_fee_pence if terms.employed else 0),
        returned_pence=state.returned_pence,
    )


def disputed_pence(state: State) -> int:
    """What lies apart until a dispute is resolved: part of the fee with the contribution that goes with it."""
    return state.disputed_fee_pence + state.disputed_travel_pence + state.disputed_contribution_pence


def held_pence(terms: Terms, state: State) -> int:
    """What is still set aside on a line and not disputed."""
    gone = so_far(terms, state)
    return (
        terms.total_pence
        - gone.fee_pence
        - gone.contribution_pence
        - gone.travel_pence
        - gone.returned_pence
        - disputed_pence(state)
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


def called_off_late(terms: Terms, share_bps: int) -> Shares:
    """The shares of what is due of a visit that is called off too late."""
    due = share_pence(terms.fee_pence, share_bps)
    return release(terms, State(), due, 0, free=not terms.cancelled_bears)[0]


def set_apart(
    terms: Terms, state: State, fee_pence: int, travel_pence: int, *, due_pence: int | None = None
) -> tuple[int, State]:
    """Set the disputed part apart; how much moves, and the line after it. One dispute at a time.

    `due_pence` is what is let go of the rest of the fee, where it is not all of it: the contribution that is set apart is
    then what the disputed part would bear on top of that, so that it never falls short by a penny.
    """
    most_fee, most_travel = left(terms, state)
    if state.disputed_fee_pence or state.disputed_travel_pence:
        raise ValueError("one dispute at a time")
    if not 0 <= fee_pence <= most_fee or not 0 <= travel_pence <= most_travel or not fee_pence + travel_pence:
        raise ValueError("a dispute is about something that is set aside")
    rest = terms.fee_pence - fee_pence
    due = rest if due_pence is None else min(due_pence, rest)
    undisputed = commission_pence(due, terms.payer_add_bps)
    moved = msgspec.structs.replace(
        state,
        disputed_fee_pence=fee_pence,
        disputed_travel_pence=travel_pence,
        disputed_contribution_pence=commission_pence(due + fee_pence, terms.payer_add_bps) - undisputed,
    )
    return disputed_pence(moved), moved


def give_back(terms: Terms, state: State, fee_pence: int, travel_pence: int) -> tuple[Shares, State]:
    """As if so much less had been let go; what each had of it, and the line after it."""
    if not 0 <= fee_pence <= state.released_fee_pence or not 0 <= travel_pence <= state.released_travel_pence:
        raise ValueError("no more is taken back than was let go")
    before = msgspec.structs.replace(
        state,
        released_fee_pence=state.released_fee_pence - fee_pence,
        released_travel_pence=state.released_travel_pence - travel_pence,
        free_fee_pence=max(0, state.free_fee_pence - fee_pence),
    )
    return between(so_far(terms, before), so_far(terms, state)), before


def claw_back(terms: Terms, state: State, fee_pence: int, travel_pence: int) -> tuple[Shares, State]:
    """Set apart what was let go already; what each had of it, and the line after it. At the rates it was let go at."""
    if state.disputed_fee_pence or state.disputed_travel_pence:
        raise ValueError("one dispute at a time")
    taken, before = give_back(terms, state, fee_pence, travel_pence)
    return taken, msgspec.structs.replace(
        before,
        disputed_fee_pence=fee_pence,
        disputed_travel_pence=travel_pence,
        disputed_contribution_pence=taken.contribution_pence,
    )


def resolve(
    terms: Terms, state: State, fee_pence: int, travel_pence: int, *, free: bool = False
) -> tuple[Shares, State]:
    """Of what was disputed, this much for the worker and the rest back to the payer."""
    if not 0 <= fee_pence <= state.disputed_fee_pence or not 0 <= travel_pence <= state.disputed_travel_pence:
        raise ValueError("a dispute gives no more than was set apart")
    settled = msgspec.structs.replace(
        state, disputed_fee_pence=0, disputed_travel_pence=0, disputed_contribution_pence=0
    )
    return _let_go(terms, settled, disputed_pence(state), fee_pence, travel_pence, free=free)


def resolve_part(
    terms: Terms, state: State, fee_pence: int, travel_pence: int, *, free: bool = False
) -> tuple[Shares, State]:
    """Of what was disputed, this much for the worker; the rest stays disputed, with the contribution that goes with it."""
    if not 0 <= fee_pence <= state.disputed_fee_pence or not 0 <= travel_pence <= state.disputed_travel_pence:
        raise ValueError("a dispute gives no more than was set apart")
    less = msgspec.structs.replace(
        state,
        disputed_fee_pence=state.disputed_fee_pence - fee_pence,
        disputed_travel_pence=state.disputed_travel_pence - travel_pence,
    )
    given, _ = _let_go(terms, less, 0, fee_pence, travel_pence, free=free)
    kept = msgspec.structs.replace(
        less, disputed_contribution_pence=state.disputed_contribution_pence - given.contribution_pence
    )
    return _let_go(terms, kept, disputed_pence(state) - disputed_pence(kept), fee_pence, travel_pence, free=free)


def share_pence(fee_pence: int, bps: int) -> int:
    """The agreed share of a fee, for a visit called off too late. Rounded down, as on the wire (`visit.claimed`)."""
    if fee_pence < 0 or not 0 <= bps <= WHOLE_BPS:
        raise ValueError("a fee is never negative and a share lies between 0 and 10000")
    return fee_pence * bps // WHOLE_BPS

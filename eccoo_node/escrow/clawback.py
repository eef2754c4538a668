"""Taking back what was let go: only with what both agreed on record, and never out of what somebody else is owed.

The sum lies in question again (2110) until it is resolved, so that it is shared by what was agreed and not by who
asked. What a worker has had paid out already they owe (1300); it is taken off a later payout only by their own signed
yes, or the circle bears it.
"""

from eccoo_node.escrow import between, chart, ledger, lines, pausing, queries, rules, sharing
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.queries import Booking
from eccoo_node.escrow.rules import Leg
from eccoo_node.escrow.sharing import Shares
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import pounds
from eccoo_node.record.door import Act, door


@door("money.claw_back")
async def claw_back(act: Act, line: str, key: str, *, fee_pence: int, travel_pence: int = 0, because: str) -> Shares:
    """Set apart again what was let go (2200, 4000 / 2110; what was paid out already 1300 / 2110); what each had of it.

    At the rates it was let go at. Client money is made whole out of the circle's own for what has left it: payouts,
    and commission that was swept (1000 / 1010). Across circles what was owed is owed less, or owed back (1200).
    """
    found = await lines.own(act, line)
    act.because(because)
    body = {"line": line, "fee": fee_pence, "travel": travel_pence}
    if before := await ledger.already("clawed_back", key, body):
        return sharing.between(await queries.entry_shares(found, before), Shares())
    if not because.strip():
        raise Invalid("Say what was agreed, by whom and when.", "no_reason", field="because")
    if found.origin == "due":
        raise Conflict("The circle that asked for this visit takes it back; its books lead.", "not_ours")
    if found.disputed_pence:
        raise Conflict("Part of this is in question already.", "disputed")
    _fits(found, fee_pence, travel_pence)
    await ledger.lock_bank()
    taken, state = sharing.claw_back(found.terms, found.state, fee_pence, travel_pence)
    debits = await (_from_circle if found.link_id else _from_worker)(found, taken)
    apart, covered = sharing.disputed_pence(state), sum(sum_ for account, sum_ in debits if account.claims_cash)
    legs = rules.pair(debits, [(chart.disputed(found.id), apart)])
    short = apart - covered - await ledger.spare_cash()
    if short > 0:
        legs.append(Leg(chart.BANK, chart.OPERATING, short))
    await _enter(act, found, key, body, taken, legs)
    await lines.keep(found, state)
    await act.tell("money.clawed_back", "line", line, amount_pence=apart)
    return taken


@door("money.owe_back")
async def owe_back(act: Act, line: str, key: str, *, fee_pence: int, travel_pence: int = 0) -> Shares:
    """The circle that asked takes back what our worker had of a visit there: the mirror of its `claw_back`.

    Their circle owes us less, or we owe it (1200, 2300); our worker's part is taken from what still waits for that
    circle, then from what is ready, and what was paid out they owe (1300). What that circle paid for this visit then
    pays for the others that it owes us for: nobody who waits for another visit waits longer, and what was put up comes back.
    """
    found = await lines.own(act, line)
    body = {"line": line, "fee": fee_pence, "travel": travel_pence}
    if before := await ledger.already("owed_back", key, body):
        return sharing.between(await queries.entry_shares(found, before), Shares())
    if found.origin != "due":
        raise Conflict("The money for this visit lies here.", "not_theirs")
    _fits(found, fee_pence, travel_pence)
    await ledger.lock_bank()
    less, state = sharing.give_back(found.terms, found.state, fee_pence, travel_pence)
    if not less.due_pence:
        raise Invalid("At these shares nothing is owed for it.", "bad_amount", field="fee")
    owing = chart.due_from(found.link_id)
    there = await ledger.balance(owing, lock=True)
    debits = await _from_worker(found, less, awaiting=found.link_id)
    waited = sum(sum_ for account, sum_ in debits if account.awaiting)
    others = await between.waiting_pence(found.link_id) - waited + await between.fronted_pence(found.link_id)
    less_owed = max(waited, min(there - others, less.due_pence))
    legs = rules.pair(debits, [(owing, less_owed), (chart.due_to(found.link_id), less.due_pence - less_owed)])
    covered = sum(sum_ for account, sum_ in debits if account.claims_cash)
    short = less.due_pence - less_owed - covered - await ledger.spare_cash()
    if short > 0:
        legs.append(Leg(chart.BANK, chart.OPERATING, short))
    await _enter(act, found, key, body, less, legs)
    await lines.keep(found, state)
    if off := min(there, less.due_pence) - less_owed:
        await between.take_off(act, found.link_id, off, between.entry_key(found.link_id, f"{key}:off"))
    await act.tell("money.owed_back", "line", line, worker=found.worker_id, link=found.link_id)
    return less


def _fits(found: Booking, fee_pence: int, travel_pence: int) -> None:
    most_fee, most_travel = found.state.released_fee_pence, found.state.released_travel_pence
    for field, part, most in (("fee", fee_pence, most_fee), ("travel", travel_pence, most_travel)):
        if type(part) is not int or not 0 <= part <= most:
            raise Invalid(
                f"Write a sum up to {pounds(most)}, which is what was let go.", "more_than_released", field=field
            )
    if fee_pence + travel_pence == 0:
        raise Invalid("Say how much of it is taken back.", "bad_amount", field="fee")


async def _enter(act: Act, found: Booking, key: str, body: dict[str, object], taken: Shares, legs: list[Leg]) -> None:
    kind = "owed_back" if found.origin == "due" else "clawed_back"
    free = min(found.state.free_fee_pence, taken.fee_pence)
    draft = ledger.Draft(
        kind=kind, key=key, body=body, line_id=found.id, line_mark=found.mark,
        fee_pence=-taken.fee_pence, travel_pence=-taken.travel_pence, free_fee_pence=-free,
    )  # fmt: skip
    await ledger.post(act, draft, legs)


async def _from_circle(found: Booking, taken: Shares) -> list[tuple[Account, int]]:
    """What a linked circle was to have of it is owed less; what it has had already, it owes us."""
    owed = chart.due_to(found.link_id)
    still = min(-await ledger.balance(owed, lock=True), taken.due_pence)
    return [
        *_charged(taken.asking_commission_pence, taken.asking_contribution_pence, taken),
        (owed, still),
        (chart.due_from(found.link_id), taken.due_pence - still),
    ]


async def _from_worker(found: Booking, taken: Shares, *, awaiting: str = "") -> list[tuple[Account, int]]:
    """What our worker has of it: first what still waits for a circle, then what is ready, then what they have had.

    Only of this line: neither what they wait for on others nor what they earned since is taken without their yes."""
    if taken.employer_pence:
        return [(chart.CARE_INCOME, taken.employer_pence)]
    waiting, ready, owes = [], [], 0
    here = [one for one in await between.waiting(awaiting) if one.reference == found.reference] if awaiting else []
    for wanted, account in ((taken.worker_pence, chart.worker), (taken.travel_pence, chart.expenses)):
        rest = wanted
        waits = account(found.worker_id, awaiting=awaiting)
        for part in [min(one.amount_pence, rest) for one in here if one.account == waits]:
            await ledger.balance(waits, lock=True)
            waiting.append((waits, part))
            rest -= part
        part = min(await _not_paid_out(found, account(found.worker_id)), rest)
        ready.append((account(found.worker_id), part))
        owes += rest - part
    ours = (taken.home_commission_pence, taken.home_contribution_pence) if awaiting else (
        taken.commission_pence, taken.contribution_pence,
    )  # fmt: skip
    # What waits for a circle may only be set against what that circle owes, so it comes first.
    return [*waiting, *ready, (chart.worker_owes(found.worker_id), owes), *_charged(*ours, taken)]


async def _not_paid_out(found: Booking, ready: Account) -> int:
    """What this line gave the worker that is still ready for them, also once it came back from the bank or another circle
    has paid: payouts take the oldest first, and what they earned since is not taken back without their yes."""
    there = -await ledger.balance(ready, lock=True)
    left = await pausing.left_by_line([found.worker_id], [ready.code])
    return max(0, min(there, left.get(found.reference, 0)))


def _charged(commission: int, contribution: int, taken: Shares) -> list[tuple[Account, int]]:
    return [
        (chart.COMMISSION, commission - taken.vat_pence),
        (chart.CONTRIBUTION, contribution - taken.contribution_vat_pence),
        (chart.VAT, taken.vat_pence + taken.contribution_vat_pence),
    ]

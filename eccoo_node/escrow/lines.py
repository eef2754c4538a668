"""What the doors of a line share: opening it, locking it, letting go of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch
from eccoo_node.escrow import chart, ledger, queries, rules, sharing
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.queries import Booking, Schedule
from eccoo_node.escrow.rules import Leg
from eccoo_node.escrow.sharing import Fund, Shares, State, Terms
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import MAX_PENCE, pounds, share_out
from eccoo_node.record.door import Act


class Across(msgspec.Struct, frozen=True):
    """The agreed terms of a line whose worker belongs to a linked circle; rates that are None follow our schedule."""

    link_id: str
    home_share_bps: int = 5000
    payer_add_bps: int | None = None
    worker_deduct_bps: int | None = None


class New(msgspec.Struct, frozen=True):
    """What is asked of a new line; all of it is the body of the key it is asked with.

    `funds`, where several pay for it, say how much each gives of all that is set aside; `payer_id` is the first of them.
    `agreed_at`: when it was agreed, at the shares that held then; None for what is agreed now.
    """

    reference: str
    payer_id: str
    person_id: str
    worker_id: str
    fee_pence: int
    travel_pence: int
    across: Across | None
    employed: bool = False
    arrears: bool = False
    funds: tuple[Fund, ...] = ()
    agreed_at: datetime | None = None

    @property
    def body(self) -> dict[str, Any]:
        body = dict(msgspec.to_builtins(self))
        body["agreed_at"] = self.agreed_at.astimezone(UTC).isoformat() if self.agreed_at else ""
        return body

    def check(self) -> None:
        """Raises Invalid for a sum that nobody can set aside."""
        for name, amount in (("fee", self.fee_pence), ("travel", self.travel_pence)):
            if type(amount) is not int or not 0 <= amount <= MAX_PENCE:
                raise Invalid(f"The {name} is a sum from £0 to {pounds(MAX_PENCE)}.", "bad_amount", field=name)
        if self.fee_pence + self.travel_pence == 0:
            raise Invalid("There is nothing to set aside for a visit that costs nothing.", "bad_amount", field="fee")
        if self.funds and self.arrears:
            raise ValueError("each of several funds says for itself whether it pays after")
        if self.across and self.employed:
            raise Invalid("Someone whom a linked circle employs is that circle’s to pay.", "employed_elsewhere")

    def out_of(self, total_pence: int) -> tuple[Fund, ...]:
        """The funds that give this total. Raises Invalid where several were named and do not add up to it."""
        if not self.funds:
            return (Fund(self.payer_id, total_pence, self.arrears),)
        whole = sum(fund.amount_pence for fund in self.funds)
        names = {fund.payer_id for fund in self.funds}
        first = self.funds[0].payer_id == self.payer_id
        if whole != total_pence or len(names) < len(self.funds) or min(fund.amount_pence for fund in self.funds) <= 0:
            raise Invalid(f"What each pays must add up to {pounds(total_pence)}.", "bad_funds", field="funds")
        if not first:
            raise ValueError("the payer of a line is the first of its funds")
        return self.funds


async def terms_of(new: New) -> tuple[Terms, int]:
    """The terms that a booking freezes: by the schedule that held when it was agreed. With the schedule they come from."""
    held = (await queries.schedules()).at(new.agreed_at or clock.now())
    return terms_by(held, new), held.id


def terms_by(held: Schedule, new: New) -> Terms:
    """The terms that a booking freezes by this schedule."""
    across = new.across
    add = across.payer_add_bps if across and across.payer_add_bps is not None else held.payer_add_bps
    deduct = across.worker_deduct_bps if across and across.worker_deduct_bps is not None else held.worker_deduct_bps
    if new.employed:
        add = deduct = 0
    return Terms(
        new.fee_pence, new.travel_pence, add, deduct, across is not None, across.home_share_bps if across else 0,
        held.cancelled_bears, vat_bps=held.vat_bps, employed=new.employed,
    )  # fmt: skip


async def credits_of(new: New) -> dict[str, int]:
    """The credit of each payer who pays in advance, locked until the transaction ends."""
    if new.arrears or any(fund.arrears for fund in new.funds):
        await ledger.lock_bank()
    payers = {fund.payer_id for fund in new.funds if not fund.arrears} if new.funds else {new.payer_id}
    return {id_: -await ledger.balance(chart.credit(id_), lock=True) for id_ in sorted(payers) if not new.arrears}


def affordable(funds: Sequence[Fund], credits_: Mapping[str, int]) -> bool:
    """Whether each fund that pays in advance has enough."""
    return all(fund.arrears or credits_[fund.payer_id] >= fund.amount_pence for fund in funds)


def shared_as_before(new: New, before: Sequence[Fund], total_pence: int) -> New:
    """The same line, with its price borne by the funds of the one before it, by what each gave to that."""
    if len(before) == 1:
        return new
    parts = share_out(total_pence, [fund.amount_pence for fund in before])
    funds = [Fund(fund.payer_id, part, fund.arrears) for fund, part in zip(before, parts, strict=True) if part]
    return of_one_fund(msgspec.structs.replace(new, funds=tuple(funds), payer_id=funds[0].payer_id, arrears=False))


def of_one_fund(new: New) -> New:
    """A line whose only fund is named like one of several is the line of that payer."""
    if len(new.funds) != 1:
        return new
    return msgspec.structs.replace(new, payer_id=new.funds[0].payer_id, arrears=new.funds[0].arrears, funds=())


class Opening(msgspec.Struct, frozen=True):
    """A line that is about to be written, with where it stands from the first."""

    new: New
    origin: str
    terms: Terms
    schedule_id: int | None
    state: State
    funds: Sequence[Fund] = ()


async def open_line(
    new: New, origin: str, terms: Terms, schedule_id: int | None, state: State, funds: Sequence[Fund] = ()
) -> Booking:
    """Write a line and where it stands. Raises Conflict when its reference was used before."""
    [found] = await open_lines([Opening(new, origin, terms, schedule_id, state, funds)])
    return found


_LINE = (
    "reference", "origin", "payer_id", "person_id", "worker_id", "link_id", "fee_pence", "contribution_pence",
    "travel_pence", "schedule_id", "payer_add_bps", "worker_deduct_bps", "home_share_bps", "cancelled_bears", "vat_bps",
    "employed", "arrears", "funds", "made_at",
)  # fmt: skip


async def open_lines(opening: Sequence[Opening]) -> list[Booking]:
    """The same for several, in their order. Raises Conflict, and writes none, when one was used before."""
    now, rows = clock.now(), []
    for one in opening:
        new, terms = one.new, one.terms
        rows.append((
            new.reference, one.origin, new.payer_id, new.person_id, new.worker_id,
            new.across.link_id if new.across else "", terms.fee_pence, terms.contribution_pence, terms.travel_pence,
            one.schedule_id, terms.payer_add_bps, terms.worker_deduct_bps, terms.home_share_bps, terms.cancelled_bears,
            terms.vat_bps, terms.employed, new.arrears, sharing.funds_mark(one.funds), now,
        ))  # fmt: skip
    written = await ledger.insert_many(
        f"line ({', '.join(_LINE)})", rows, "ON CONFLICT DO NOTHING RETURNING id, reference"
    )
    if len(written) != len(opening):
        raise Conflict("Money was already set aside under this reference.", "line_taken")
    ids = {row["reference"]: int(row["id"]) for row in written}
    found = []
    for one in opening:
        new = one.new
        found.append(Booking(
            ids[new.reference], new.reference, one.origin, new.payer_id, new.person_id, new.worker_id,
            new.across.link_id if new.across else "", one.terms, one.state, new.arrears, sharing.funds_mark(one.funds),
        ))  # fmt: skip
    await ledger.insert_many(
        f"line_state (line_id, {', '.join(STATE)})", [(one.id, *msgspec.structs.astuple(one.state)) for one in found]
    )
    await ledger.insert_many(
        "line_fund (line_id, payer_id, amount_pence, arrears)",
        [
            (ids[one.new.reference], fund.payer_id, fund.amount_pence, fund.arrears)
            for one in opening
            if len(one.funds) > 1
            for fund in one.funds
        ],
    )
    return found


def draft_for(found: Booking, kind: str, key: str, body: dict[str, Any]) -> Draft:
    """An entry of this line, whose digest covers the line's own terms."""
    return Draft(kind=kind, key=key, body=body, line_id=found.id, line_mark=found.mark)


# The columns of `line_state` are named as the fields of a State.
STATE = tuple(f"{name}" for name in State.__struct_fields__)


async def keep(found: Booking, state: State) -> None:
    await fetch(
        f"UPDATE line_state SET {', '.join(f'{name} = ?' for name in STATE)} WHERE line_id = ?",
        *msgspec.structs.astuple(state),
        found.id,
    )


async def back_legs(found: Booking, source: chart.Account, amount_pence: int) -> list[Leg]:
    """Give this much back to whoever it was set aside from, each by what is left of theirs."""
    if not amount_pence:
        return []
    if found.arrears or found.funds:
        await ledger.lock_bank()
    left, parts = [Fund(found.payer_id, 0, found.arrears)], [amount_pence]
    if found.funds:
        left = await queries.funds_left(found.id)
        parts = sharing.parts_of(amount_pence, [fund.amount_pence for fund in left])
    legs: list[Leg] = []
    for fund, part in zip(left, parts, strict=True):
        # Who has paid by now what they owed has the rest as credit; the circle's own money has come back already.
        owing = min(part, await ledger.balance(chart.receivable(fund.payer_id), lock=True)) if fund.arrears else 0
        legs += rules.fund_legs(source, [Fund(fund.payer_id, 0, True)], [owing], back=True)
        legs += rules.fund_legs(source, [Fund(fund.payer_id, 0)], [part - owing], back=True)
    return legs


async def own(act: Act, line: str) -> Booking:
    """The line, locked, once the actor may move its money."""
    act.allow(Thing("line", line))
    found = await queries.booking(line, lock=True)
    act.thing = Thing("line", line, found.person_id, worker_id=found.worker_id, payer_id=found.payer_id)
    return found


def refuse_unless_held(found: Booking) -> None:
    if found.held_pence == 0:
        raise Conflict("Nothing is set aside for this any more.", "line_closed")


async def let_go(act: Act, found: Booking, draft: Draft, fee: int, travel: int) -> Shares:
    most_fee, most_travel = sharing.left(found.terms, found.state)
    if not 0 <= fee <= most_fee or not 0 <= travel <= most_travel:
        raise Invalid("This is more than is set aside for it.", "more_than_held")
    free = draft.kind == "cancelled" and not found.terms.cancelled_bears
    given, state = sharing.release(found.terms, found.state, fee, travel, free=free)
    await post_shares(act, found, draft, chart.held(found.id), given, fee if free else 0)
    await keep(found, state)
    return given


async def post_shares(
    act: Act, found: Booking, draft: Draft, source: chart.Account, given: Shares, free: int = 0
) -> None:
    if found.link_id:
        legs = rules.across_legs(source, found.link_id, given, found.terms)
    else:
        legs = rules.release_legs(source, found.worker_id, given)
    legs += await back_legs(found, source, given.returned_pence)
    draft = msgspec.structs.replace(
        draft, fee_pence=given.fee_pence, travel_pence=given.travel_pence, free_fee_pence=free
    )
    posted = await ledger.post(act, draft, legs)
    await act.tell(
        f"money.{draft.kind}",
        "line",
        found.reference,
        entry=posted.entry_id,
        worker_pence=given.worker_pence + given.travel_pence,
        circles_pence=given.commission_pence + given.contribution_pence,
        returned_pence=given.returned_pence,
    )

"""Planning a visit: by whom, when, at what was agreed; and its money, where its week has had its run."""

from datetime import datetime, timedelta

import msgspec

from eccoo_node.agreements.rules import MILEAGE
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch_one, insert
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import price_pence
from eccoo_node.members import queries as members
from eccoo_node.record.door import Act, door
from eccoo_node.rota import paying
from eccoo_node.rota.paying import ToPay
from eccoo_node.rota.promised import keeps
from eccoo_node.rota.rules import ASKED_AGAIN
from eccoo_node.rota.standing import Slot
from eccoo_node.rota.tables import Visit as VisitRow
from eccoo_node.rota.telling import team_around, tell
from eccoo_node.rota.weekly import covered_until

LONGEST = timedelta(hours=24)


class Priced(msgspec.Struct, frozen=True):
    """What a visit by this worker to this person costs, as they agreed."""

    rate_pence: int
    travel_pence: int
    cancel_hours: int
    cancel_bps: int
    travel_minutes: int = 0
    miles: int = 0
    mileage_pence: int = 0

    def fee(self, minutes: int) -> int:
        """For the visit and for the time on the way, each at their rate."""
        return price_pence(self.rate_pence, minutes) + price_pence(self.rate_pence, self.travel_minutes)

    @property
    def travel(self) -> int:
        """What bears no commission: the flat sum, and the miles."""
        return self.travel_pence + self.miles * self.mileage_pence


async def agreed(person_id: str, worker_id: str) -> Priced:
    row = await fetch_one(
        "SELECT rate_pence, travel_pence, cancel_hours, cancel_bps, travel_minutes, miles FROM terms "
        "WHERE person_id = ? AND worker_id = ? AND ended_at IS NULL AND from_at IS NOT NULL",
        person_id,
        worker_id,
    )
    if row:
        return Priced(*[*row, await governance.figure(MILEAGE) if row[5] else 0])
    row = await fetch_one("SELECT paid, rate_pence, travel_pence FROM worker WHERE person_id = ?", worker_id)
    if row and row[0]:
        raise Conflict("They have not yet agreed on terms.", "no_terms")
    return Priced(0, 0, 0, 0)


@door("rota.plan")
async def plan_visit(
    act: Act,
    *,
    person_id: str,
    worker_id: str,
    starts_at: datetime,
    ends_at: datetime,
    what: str,
    cannot_be_missed: bool = False,
    trial: bool = False,
) -> str:
    """Plan one visit; the visit's id. Its money is set aside at once where the week it lies in has had its run, or for
    a trial; else it waits for the run of its week. A volunteer's costs nothing.

    Raises Invalid for impossible times, Conflict("no_terms") where rate and notice are not agreed. Too little credit
    does not stop the visit: it stands as not paid for yet, and those concerned are told. A trial is paid ahead always:
    Conflict("not_enough") where the credit is short.
    """
    team = await members.team_of(person_id)
    paid = await members.paid_workers_of(team)
    act.allow(Thing("visit", "", person_id, team, worker_id, paid_workers=paid))
    return await make_visit(
        act, Slot(starts_at, ends_at), team=team, person_id=person_id, worker_id=worker_id, what=what,
        cannot_be_missed=cannot_be_missed, trial=trial,
    )  # fmt: skip


async def make_visit(
    act: Act, slot: Slot, *, team: str, person_id: str, worker_id: str, what: str, cannot_be_missed: bool,
    trial: bool = False, pattern_id: str | None = None, pattern_day: str = "",
) -> str:  # fmt: skip
    """The same once it is allowed, inside the act that causes it; of a weekly pattern, for one of its days.

    What the worker has promised to another circle stands: raises Conflict("promised"), and where it is one day of a
    standing week that day becomes a gap, of which the team is told.
    """
    starts_at, ends_at = slot.starts_at, slot.ends_at
    if ends_at <= starts_at or ends_at - starts_at > LONGEST:
        raise Invalid("A visit ends after it begins, within a day.", "bad_times", field="ends_at")
    facts = await fetch_one("SELECT address, standing FROM person WHERE id = ?", person_id)
    if facts and facts[1] == "died":
        raise Conflict("They have died. Nothing more is planned for them.", "died")
    if not any(m.person_id == worker_id and m.standing != "died" for m in await members.team_members(team)):
        raise Conflict("Only someone in the team can be planned for a visit.", "not_in_team")
    priced = await agreed(person_id, worker_id)
    payer = await members.payer_for(person_id)
    away = await keeps(worker_id, starts_at, ends_at)
    if away and not pattern_day:
        raise Conflict(
            "They have promised that time to someone else. Choose another time, or another person.", "promised"
        )
    row = VisitRow(
        state="gap" if away else "planned", team_id=team, person_id=person_id, worker_id=worker_id, payer_id=payer.id if payer else None,
        starts_at=starts_at, ends_at=ends_at, what=what, address=facts[0] if facts else "",
        cannot_be_missed=cannot_be_missed, rate_pence=priced.rate_pence,
        fee_pence=priced.fee(clock.minutes_between(starts_at, ends_at)), travel_pence=priced.travel,
        travel_minutes=priced.travel_minutes, miles=priced.miles, mileage_pence=priced.mileage_pence,
        cancel_hours=priced.cancel_hours, cancel_bps=priced.cancel_bps, trial=trial, pattern_id=pattern_id, pattern_day=pattern_day, agreed_at=clock.now(),
    )  # fmt: skip
    await insert(row)
    visit_id = str(row.id)
    act.about(visit_id)
    await act.tell("visit.planned", "visit", visit_id)
    if away:
        await jobs.add("rota.gap_over", visit_id, run_at=ends_at, visit=visit_id)
        await tell(await team_around(person_id, team, visit_worker=worker_id), visit_id, "gap")
        await act.tell("visit.gap", "visit", visit_id, cannot_be_missed=cannot_be_missed)
        return visit_id
    if priced.rate_pence:
        if trial or starts_at < await covered_until(clock.now()):
            await _pay_ahead(row)
        await jobs.add("rota.ask_worker", visit_id, run_at=ends_at + ASKED_AGAIN, visit=visit_id)
    return visit_id


async def _pay_ahead(visit: VisitRow) -> None:
    """Set the money for a visit aside now; where the credit is short it stands as not paid for yet, and those concerned
    are told. Raises Conflict for a trial, which is paid ahead or not agreed."""
    one = ToPay(
        visit.id, visit.person_id, visit.worker_id, visit.payer_id or "", visit.starts_at, visit.fee_pence,
        visit.travel_pence, visit.state, None, visit.agreed_at, visit.cannot_be_missed,
    )  # fmt: skip
    done = await paying.pay([one])
    if done.paid:
        return
    if visit.trial and visit.person_id in done.kept:
        raise Conflict(
            "A first visit by someone new is paid ahead. What is paid in is kept for a visit that can’t be missed and is "
            "not paid for yet. Once more is paid in, this one can be agreed too.",
            "kept_for_others",
        )
    if visit.trial and await paying.may_not_pay_mileage(visit.person_id, visit.travel_pence):
        raise Conflict(
            "A first visit by someone new is paid ahead, and the money for it may not pay mileage, because its plan says so. "
            "Somebody else can pay, or it can be agreed without mileage.",
            "plan_forbids",
        )
    if visit.trial:
        raise Conflict(
            "A first visit by someone new is paid ahead, and there is not enough paid in for it yet.", "not_enough"
        )
    await paying.mark_unpaid([one])

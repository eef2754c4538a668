"""Setting the money for visits aside: out of whose, for how many at once, and telling those concerned where it is short.

Too little credit never stops a visit. It stands as not paid for yet, and is tried again as soon as more is there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from eccoo_node.db.rows import fetch, fetch_one, marks
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import lines, payers, purity, telling
from eccoo_node.escrow import queries as books
from eccoo_node.escrow.batch import Aside, Asked, set_aside_many
from eccoo_node.escrow.lines import Across, New
from eccoo_node.escrow.queries import Schedule
from eccoo_node.escrow.sharing import Fund
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import share_out
from eccoo_node.members import queries as members
from eccoo_node.members.payers import Pays, employed_among, who_pays
from eccoo_node.rota import queries, questions
from eccoo_node.rota.tables import WITHOUT_MONEY
from eccoo_node.rota.telling import tell

log = structlog.get_logger("rota")


class ToPay(msgspec.Struct, frozen=True):
    """A visit whose money is to be set aside. Of one that was called off late the fee is what is due of it, and no more."""

    id: str
    person_id: str
    worker_id: str
    payer_id: str
    starts_at: datetime
    fee_pence: int
    travel_pence: int
    state: str
    unpaid_at: datetime | None
    agreed_at: datetime
    cannot_be_missed: bool = False

    @property
    def reference(self) -> str:
        return f"visit:{self.id}"


COLUMNS = (
    "id, person_id, COALESCE(worker_id, ''), COALESCE(payer_id, ''), starts_at, "
    "CASE WHEN state = 'stopped' THEN owed_pence ELSE fee_pence END, "
    "CASE WHEN state = 'stopped' THEN 0 ELSE travel_pence END, state, unpaid_at, agreed_at, "
    "cannot_be_missed AND state <> 'stopped'"
)


class Paid(msgspec.Struct, frozen=True):
    """What became of several visits: those whose money is set aside now, how much it is, and the others; `kept`: the people
    whose credit is kept for what cannot be missed."""

    paid: list[ToPay]
    aside_pence: int
    short: list[ToPay]
    kept: Collection[str] = ()


def booking(new: New, pays: Sequence[Pays], schedule: Schedule) -> New:
    """The same line, out of the money of whoever pays: of one, or of several by the part of each.

    `schedule`: the one that held when it was agreed.
    """
    first = pays[0]
    if len(pays) == 1:
        return msgspec.structs.replace(new, payer_id=first.id, arrears=first.arrears)
    parts = share_out(lines.terms_by(schedule, new).total_pence, [one.share_bps for one in pays])
    funds = tuple(Fund(one.id, part, one.arrears) for one, part in zip(pays, parts, strict=True) if part)
    return lines.of_one_fund(msgspec.structs.replace(new, payer_id=funds[0].payer_id, funds=funds))


def _line(visit: ToPay, employed: Collection[str]) -> New:
    return New(
        visit.reference, visit.payer_id, visit.person_id, visit.worker_id, visit.fee_pence, visit.travel_pence, None,
        visit.worker_id in employed, agreed_at=visit.agreed_at,
    )  # fmt: skip


async def pay(visits: Sequence[ToPay], *, until: datetime | None = None) -> Paid:
    """Set money aside for these, in this order, inside `write()`. One that the books refuse leaves the others alone.

    What cannot be missed comes first: while it is short, the credit is kept for it, and none goes to someone's other
    visits. In a run, `until` says how far it looks. Nor does a visit take money of which the person says that it was not
    right: that is asked about first.
    """
    not_so = await _said_not_so([visit.id for visit in visits if visit.state == "said"])
    wanted = [visit for visit in visits if visit.id not in not_so]
    paid, aside_pence = await _pay([visit for visit in wanted if visit.cannot_be_missed])
    others = [visit for visit in wanted if not visit.cannot_be_missed]
    kept = await _kept({visit.person_id for visit in others}, until)
    more, more_pence = await _pay([visit for visit in others if visit.person_id not in kept])
    done = {visit.id for visit in (*paid, *more)}
    return Paid(
        [visit for visit in visits if visit.id in done], aside_pence + more_pence,
        [visit for visit in visits if visit.id not in done], kept,
    )  # fmt: skip


async def _said_not_so(visit_ids: Sequence[str]) -> set[str]:
    """Those of which the person's newest word is that it did not happen as said, or that something was wrong."""
    if not visit_ids:
        return set()
    rows = await fetch(
        f"SELECT visit_id, answer FROM said WHERE side = 'person' AND visit_id IN ({marks(visit_ids)}) "
        "ORDER BY said_at, id",
        *visit_ids,
    )
    newest: dict[str, str] = {row[0]: row[1] for row in rows}
    return {visit_id for visit_id, answer in newest.items() if answer in {"no", "partly", "wrong"}}


async def _kept(people: Collection[str], until: datetime | None) -> set[str]:
    """Those of these people whose credit is kept for a visit to come that cannot be missed and is not paid for yet."""
    if not people:
        return set()
    now, ids = clock.now(), sorted(people)
    rows = await fetch(
        f"SELECT DISTINCT person_id FROM visit WHERE {WITHOUT_MONEY} AND cannot_be_missed = ? AND state = 'planned' "
        f"AND ends_at > ? AND (unpaid_at IS NOT NULL OR starts_at < ?) AND person_id IN ({marks(ids)})",
        True, now, until or now, *ids,
    )  # fmt: skip
    return {row[0] for row in rows}


async def _pay(visits: Sequence[ToPay]) -> tuple[list[ToPay], int]:
    """Those of these whose money is set aside now, and how much it is."""
    if not visits:
        return [], 0
    pays = await who_pays(visit.person_id for visit in visits)
    employed, taken = await employed_among(visit.worker_id for visit in visits), await books.schedules()
    asked = [
        Asked(
            booking(_line(visit, employed), pays[visit.person_id], taken.at(visit.agreed_at)),
            f"set_aside:{visit.reference}",
        )
        for visit in visits
        if pays.get(visit.person_id) and visit.fee_pence + visit.travel_pence
    ]
    done = (await _set_aside(asked)).done
    paid = [visit for visit in visits if visit.reference in done]
    by_reference = {one.new.reference: one.new.payer_id for one in asked}
    for start in range(0, len(paid), 200):
        ids = [visit.id for visit in paid[start : start + 200]]
        await fetch(f"UPDATE visit SET line = 'visit:' || id, unpaid_at = NULL WHERE id IN ({marks(ids)})", *ids)
    for visit in paid:
        # Whoever paid when it was planned may have ended since.
        if by_reference[visit.reference] != visit.payer_id:
            await fetch("UPDATE visit SET payer_id = ? WHERE id = ?", by_reference[visit.reference], visit.id)
    return paid, sum(done.values())


async def _set_aside(asked: Sequence[Asked]) -> Aside:
    try:
        return await set_aside_many(NODE, asked)
    except (Conflict, Invalid) as refused:
        if len(asked) == 1:
            log.warning("no money set aside", visit=asked[0].new.reference, code=refused.code)
            return Aside({}, {})
    found = Aside({}, {})
    for one in asked:
        found.done.update((await _set_aside([one])).done)
    return found


async def set_aside_for(
    person_id: str, line: str, worker_id: str, fee_pence: int, travel_pence: int, key: str, across: Across | None,
    agreed_at: datetime,
) -> bool:  # fmt: skip
    """Set money aside for whoever covers a visit that has none yet; False when a credit is short."""
    pays = (await who_pays([person_id])).get(person_id)
    if not pays:
        return False
    employed = await is_employed(worker_id, across)
    new = New(line, "", person_id, worker_id, fee_pence, travel_pence, across, employed, agreed_at=agreed_at)
    new = booking(new, pays, (await books.schedules()).at(agreed_at))
    return await escrow.set_aside(
        NODE, line, new.payer_id, person_id, worker_id, fee_pence, travel_pence, key, across=across,
        employed=new.employed, arrears=new.arrears, funds=new.funds, agreed_at=agreed_at,
    )  # fmt: skip


@telling.needs("visit")
async def needs_money(reference: str) -> bool:
    """A visit that is neither settled nor called off, and that this money lies aside for."""
    row = await fetch_one(
        "SELECT id FROM visit WHERE id = ? AND line = ? AND state NOT IN ('settled', 'stopped')",
        reference.split(":")[1],
        reference,
    )
    return row is not None


async def is_employed(worker_id: str, across: Across | None = None) -> bool:
    """Whether the circle pays this worker a wage. A linked circle's worker is that circle's to pay."""
    return across is None and worker_id in await employed_among([worker_id])


async def more_is_needed(person_id: str, total_pence: int, aside_pence: int) -> bool:
    """Whether what is set aside and what those who pay have here falls short of a price."""
    pays = (await who_pays([person_id])).get(person_id)
    if not pays:
        return total_pence > aside_pence
    there = await payers.credits_of(one.id for one in pays)
    weights = [one.share_bps for one in pays]
    parts = zip(pays, share_out(total_pence, weights), share_out(aside_pence, weights), strict=True)
    return any(not one.arrears and price - aside > there[one.id] for one, price, aside in parts)


class Short(msgspec.Struct, frozen=True):
    """What is missing for the visits to one person: of whom, and how much beyond what they have here. `no_mileage`: the visits
    with mileage that the money for them may not pay, so that paying in more changes nothing."""

    pays: list[Pays]
    missing: dict[str, int]
    no_mileage: frozenset[str] = frozenset()
    # What is due for these is in question, and no money is needed until that is settled.
    in_question: frozenset[str] = frozenset()
    # What is to be set aside out of the money of each, with what is there already.
    needed: dict[str, int] = {}

    @property
    def missing_pence(self) -> int:
        return sum(self.missing.values())


async def missing_for(visits: Sequence[ToPay]) -> dict[str, Short]:
    """By person, what those who pay would have to pay in for all of these. A constant number of statements."""
    if not visits:
        return {}
    pays = await who_pays(visit.person_id for visit in visits)
    employed, taken = await employed_among(visit.worker_id for visit in visits), await books.schedules()
    needed: dict[str, int] = {}
    asked = await _said_not_so([visit.id for visit in visits if visit.state == "said"])
    barred = await _barred([visit for visit in visits if visit.id not in asked], pays)
    for visit in visits:
        if (them := pays.get(visit.person_id)) and visit.id not in barred | asked:
            schedule = taken.at(visit.agreed_at)
            new = booking(_line(visit, employed), them, schedule)
            for fund in new.out_of(lines.terms_by(schedule, new).total_pence):
                if not fund.arrears:
                    needed[fund.payer_id] = needed.get(fund.payer_id, 0) + fund.amount_pence
    there = await payers.credits_of(needed)
    short = {payer: amount - there[payer] for payer, amount in needed.items() if amount > there[payer]}
    return {
        person: Short(
            pays.get(person, []), {one.id: short[one.id] for one in pays.get(person, []) if one.id in short},
            frozenset(visit.id for visit in visits if visit.person_id == person and visit.id in barred),
            frozenset(visit.id for visit in visits if visit.person_id == person and visit.id in asked),
            {one.id: needed[one.id] for one in pays.get(person, []) if one.id in needed},
        )
        for person in dict.fromkeys(visit.person_id for visit in visits)
    }  # fmt: skip


async def _barred(visits: Iterable[ToPay], pays: Mapping[str, Sequence[Pays]]) -> set[str]:
    """Those of these with mileage, where the plan of money that pays for them does not let it be paid."""
    travels = [visit for visit in visits if visit.travel_pence]
    no_travel = await purity.keep_no_travel([one.id for visit in travels for one in pays.get(visit.person_id, ())])
    return {visit.id for visit in travels if any(one.id in no_travel for one in pays.get(visit.person_id, ()))}


async def may_not_pay_mileage(person_id: str, travel_pence: int) -> bool:
    """Whether a visit to someone stays without money because of its mileage."""
    pays = (await who_pays([person_id])).get(person_id, []) if travel_pence else []
    return bool(await purity.keep_no_travel([one.id for one in pays]))


async def let_go(paid: Sequence[ToPay]) -> None:
    """A visit that took place before it was paid for, or was called off late: the worker has what is theirs as soon as it
    is there."""
    for visit in paid:
        if visit.state == "stopped":
            await escrow.pay_cancelled(NODE, visit.reference, 10_000, f"cancelled:{visit.reference}")
            await fetch("UPDATE visit SET line = '', owed_pence = 0 WHERE id = ?", visit.id)
        if visit.state != "settled":
            continue
        if await questions.was_settled(visit.id):
            await escrow.release(NODE, visit.reference, f"release:{visit.reference}")
            continue
        whole, said = await queries.visit(visit.id), await queries.said(visit.id)
        length = clock.minutes_between(whole.starts_at, whole.ends_at)
        least = min((one.minutes for one in said.values() if one.minutes), default=0 if said else length)
        minutes = said["due"].minutes if "due" in said else least
        part = None if minutes == length else whole.fee_for(minutes)
        await escrow.release(NODE, visit.reference, f"release:{visit.reference}", part_pence=part)


async def owe_late(visit_id: str, owed_pence: int) -> None:
    """A visit that has no money is called off late, inside `write()`: what is due goes out of the credit there is, or
    stands as not paid for yet, and is tried again."""
    await fetch(
        "UPDATE visit SET state = 'stopped', owed_pence = ?, unpaid_at = ? WHERE id = ?",
        owed_pence, clock.now(), visit_id,
    )  # fmt: skip
    visits = [ToPay(*tuple(row)) for row in await fetch(f"SELECT {COLUMNS} FROM visit WHERE id = ?", visit_id)]
    done = await pay(visits)
    await let_go(done.paid)
    await _tell_each(done.short, "not_paid_for_late", facilitators=True)


# ---------------------------------------------------------------- telling


async def _tell_each(visits: Sequence[ToPay], news: str, *, facilitators: bool) -> None:
    for visit in visits:
        for people in (await _concerned([visit], facilitators=facilitators)).values():
            await tell(people, visit.id, news)


async def tell_not_paid(visits: Sequence[ToPay]) -> None:
    """Those concerned learn that these are not paid for yet: each once, however many visits it is about; and why, where more
    money would not change it."""
    barred = await _barred(visits, await who_pays(visit.person_id for visit in visits))
    stay = [visit for visit in visits if visit.id in barred]
    for (first, one, _), people in (await _concerned(stay, facilitators=True)).items():
        await tell(people, first, "no_mileage" if one else "no_mileage_some")
    others = [visit for visit in visits if visit.id not in barred]
    for (first, one, person), people in (await _concerned(others, facilitators=True)).items():
        await tell(people, first, "not_paid_for" if one else "not_paid_for_some" if person else "not_paid_for_several")


async def tell_paid(visits: Sequence[ToPay]) -> None:
    """Those who were told otherwise learn that these are paid for now."""
    await _tell_each([visit for visit in visits if visit.state == "stopped"], "paid_for_late", facilitators=False)
    visits = [visit for visit in visits if visit.state != "stopped"]
    for (first, one, person), people in (await _concerned(visits, facilitators=False)).items():
        await tell(people, first, "paid_for" if one else "paid_for_some" if person else "paid_for_several")


async def _concerned(visits: Sequence[ToPay], *, facilitators: bool) -> dict[tuple[str, bool, bool], set[str]]:
    """The person, the worker, whoever pays, and the facilitators, by what each is to be told of: the first of their
    visits, whether it is the only one, and whether all are to one person."""
    pays = await who_pays(visit.person_id for visit in visits)
    helpers = {helper.person_id for helper in await members.facilitators()} if facilitators else set()
    theirs: dict[str, list[ToPay]] = {}
    for visit in sorted(visits, key=lambda visit: (visit.starts_at, visit.id)):
        payers_ = {one.payer_person_id for one in pays.get(visit.person_id, [])}
        for who in {visit.person_id, visit.worker_id, *payers_, *helpers} - {""}:
            theirs.setdefault(who, []).append(visit)
    found: dict[tuple[str, bool, bool], set[str]] = {}
    for who, their in theirs.items():
        told = their[0].id, len(their) == 1, len({visit.person_id for visit in their}) == 1
        found.setdefault(told, set()).add(who)
    return found


async def mark_unpaid(visits: Iterable[ToPay]) -> None:
    """Write down that these are not paid for yet, and tell those concerned of what they have not been told of."""
    fresh = [visit for visit in visits if visit.unpaid_at is None]
    now = clock.now()
    for start in range(0, len(fresh), 200):
        ids = [visit.id for visit in fresh[start : start + 200]]
        await fetch(f"UPDATE visit SET unpaid_at = ? WHERE id IN ({marks(ids)})", now, *ids)
    await tell_not_paid(fresh)

"""Setting aside for many bookings at once, as the weekly run does: the rules and the rows of `set_aside`, in fewer statements."""

from collections.abc import Sequence

import msgspec

from eccoo_node.db.rows import fetch, locking, marks
from eccoo_node.escrow import chart, ledger, lines, purity, queries, rules
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.lines import New, Opening
from eccoo_node.escrow.rules import Leg
from eccoo_node.escrow.sharing import State
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.record import events
from eccoo_node.record.door import Act, door


class Asked(msgspec.Struct, frozen=True):
    """One booking to set money aside for, and the key it is asked with."""

    new: New
    key: str


class Aside(msgspec.Struct, frozen=True):
    """What became of a batch, by reference: what is set aside for it, or what would have been needed."""

    done: dict[str, int]
    short: dict[str, int]


@door("money.set_aside_many")
async def set_aside_many(act: Act, asked: Sequence[Asked]) -> Aside:
    """Set money aside for each of these in turn (2000 / 2100), each with a line, an entry and a key of its own.

    As `set_aside`, one by one in this order: what a credit no longer stretches to is left out, and what comes after it
    may still find enough. Refused as a whole where one of them would be refused.
    """
    for one in asked:
        new = one.new
        act.allow(Thing("line", new.reference, new.person_id, worker_id=new.worker_id, payer_id=new.payer_id))
        new.check()
    if not asked:
        act.allow(Thing("line"))
        return Aside({}, {})
    wanted = [Asked(lines.of_one_fund(one.new), one.key) for one in asked]
    credits_ = await _credits(wanted)
    before, gone = await _before(wanted)
    await purity.refuse_unfit([one.new for one in wanted if one.key not in before])
    schedules, now = await queries.schedules(), clock.now()
    done: dict[str, int] = {}
    short: dict[str, int] = {}
    opening: list[Opening] = []
    fresh: list[Asked] = []
    for one in wanted:
        new, held = one.new, schedules.at(one.new.agreed_at or now)
        terms = lines.terms_by(held, new)
        if one.key in before:
            if before[one.key] != ledger.body_hash("set_aside", new.body):
                raise Conflict("This was already used for something else. Nothing has changed.", "key_reused")
            (short if one.key in gone else done)[new.reference] = terms.total_pence
            continue
        funds = new.out_of(terms.total_pence)
        if not lines.affordable(funds, credits_):
            short[new.reference] = terms.total_pence
            continue
        for fund in funds:
            if not fund.arrears:
                credits_[fund.payer_id] -= fund.amount_pence
        before[one.key] = ledger.body_hash("set_aside", new.body)
        done[new.reference] = terms.total_pence
        opening.append(Opening(new, "held", terms, held.id, State(), funds))
        fresh.append(one)
    await _write(act, opening, fresh)
    await events.tell_many(
        act.id, "money.set_aside", "line",
        [(one.new.reference, {"amount_pence": done[one.new.reference], "payer": one.new.payer_id}) for one in fresh],
    )  # fmt: skip
    return Aside(done, short)


async def _write(act: Act, opening: Sequence[Opening], fresh: Sequence[Asked]) -> None:
    if not opening:
        return
    drafts: list[tuple[Draft, Sequence[Leg]]] = []
    for found, one, start in zip(await lines.open_lines(opening), fresh, opening, strict=True):
        legs = rules.fund_legs(chart.held(found.id), start.funds, [fund.amount_pence for fund in start.funds])
        drafts.append((lines.draft_for(found, "set_aside", one.key, one.new.body), legs))
    await ledger.post_many(act, drafts)


async def _credits(wanted: Sequence[Asked]) -> dict[str, int]:
    """The credit of everyone who pays in advance for any of these, locked until the transaction ends."""
    if any(one.new.arrears or any(fund.arrears for fund in one.new.funds) for one in wanted):
        await ledger.lock_bank()
    payers = {fund.payer_id for one in wanted for fund in one.new.funds if not fund.arrears}
    payers |= {one.new.payer_id for one in wanted if not one.new.funds and not one.new.arrears}
    ids = sorted(payers)
    rows = await fetch(
        f"SELECT holder, balance_pence FROM account WHERE code = '2000' AND awaiting = '' AND holder IN ({marks(ids)}) "
        f"ORDER BY holder{locking()}",
        *ids,
    )
    return dict.fromkeys(ids, 0) | {row[0]: -int(row[1]) for row in rows}


async def _before(wanted: Sequence[Asked]) -> tuple[dict[str, str], set[str]]:
    """The digest of what each of these keys was used for before, where it was, and those whose money went back since."""
    keys = sorted({one.key for one in wanted})
    if not all(0 < len(key) <= 200 for key in keys):
        raise ValueError("an idempotency key has 1 to 200 characters")
    rows = await fetch(
        "SELECT e.key, e.body_hash, s.returned_pence > 0 AND s.released_fee_pence = 0 AND s.released_travel_pence = 0 "
        "AND s.disputed_fee_pence = 0 AND s.disputed_travel_pence = 0 "
        f"FROM entry e LEFT JOIN line_state s ON s.line_id = e.line_id WHERE e.key IN ({marks(keys)})",
        *keys,
    )
    return {row[0]: row[1] for row in rows}, {row[0] for row in rows if row[2]}

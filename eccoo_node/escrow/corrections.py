"""Where something is in question or was a mistake: disputes, what comes of them, and undoing an entry.

Nothing is ever changed or taken out: each of these is a new entry that names what it answers.
"""

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
from eccoo_node.escrow import chart, entering, ledger, lines, queries, sharing, undoing
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.queries import Booking
from eccoo_node.escrow.rules import Leg
from eccoo_node.escrow.sharing import Shares, State
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.record.door import Act, door


@door("money.dispute")
async def dispute(
    act: Act,
    line: str,
    key: str,
    *,
    fee_pence: int | None = None,
    travel_pence: int | None = None,
    due_fee_pence: int | None = None,
) -> Shares:
    """Set apart only what is in question (2100 / 2110) and let the rest go at once; what was let go.

    Without sums the whole line is in question. Nothing of it moves until `resolve`. `due_fee_pence`: both say that so
    much of the rest was due and no more; what is neither due nor in question goes back.
    """
    found = await lines.own(act, line)
    body = {"line": line, "fee": fee_pence, "travel": travel_pence, "due": due_fee_pence}
    if await ledger.already("disputed", key, body):
        rest = await ledger.already("released", f"{key}:rest", {"line": line})
        return await queries.entry_shares(found, rest) if rest else Shares()
    lines.refuse_unless_held(found)
    most_fee, most_travel = sharing.left(found.terms, found.state)
    fee = most_fee if fee_pence is None else fee_pence
    travel = (most_travel if fee_pence is None else 0) if travel_pence is None else travel_pence
    if not 0 <= fee <= most_fee or not 0 <= travel <= most_travel or fee + travel == 0:
        raise Invalid("What is in question is more than is set aside, or nothing.", "more_than_held")
    if found.disputed_pence:
        raise Conflict("Part of this is in question already.", "disputed")
    amount, state = sharing.set_apart(found.terms, found.state, fee, travel, due_pence=due_fee_pence)
    draft = lines.draft_for(found, "disputed", key, body)
    await ledger.post(act, draft, [Leg(chart.held(found.id), chart.disputed(found.id), amount)])
    await lines.keep(found, state)
    await act.tell("money.disputed", "line", line, amount_pence=amount)
    found = msgspec.structs.replace(found, state=state)
    if not found.held_pence:
        return Shares()
    rest_draft = lines.draft_for(found, "released", f"{key}:rest", {"line": line})
    rest_fee, rest_travel = sharing.left(found.terms, found.state)
    due = rest_fee if due_fee_pence is None else min(due_fee_pence, rest_fee)
    return await lines.let_go(act, found, rest_draft, due, rest_travel)


@door("money.resolve")
async def resolve(
    act: Act, line: str, key: str, *, fee_pence: int, travel_pence: int = 0, because: str, keep_rest: bool = False
) -> Shares:
    """Settle what was in question: this much of the fee was due, the rest goes back (2110 / 2200, 4000, 2000).

    `keep_rest`: the rest is still in question and stays where it is.
    """
    found = await lines.own(act, line)
    act.because(because)
    body = {"line": line, "fee": fee_pence, "travel": travel_pence} | ({"keep_rest": True} if keep_rest else {})
    if before := await ledger.already("resolved", key, body):
        return await queries.entry_shares(found, before)
    if not because.strip():
        raise Invalid("Say how this was agreed.", "no_reason", field="because")
    if not found.disputed_pence:
        raise Conflict("Nothing of this is in question.", "not_disputed")
    if (
        not 0 <= fee_pence <= found.state.disputed_fee_pence
        or not 0 <= travel_pence <= found.state.disputed_travel_pence
    ):
        raise Invalid("This is more than is in question.", "more_than_held")
    if keep_rest and not fee_pence + travel_pence:
        raise Invalid("Say how much of it is settled.", "bad_amount", field="fee")
    # What bore no commission when it was let go bears none now that it is settled otherwise.
    free = not found.terms.cancelled_bears and await _was_cancelled(found.id)
    settled = sharing.resolve_part if keep_rest else sharing.resolve
    given, state = settled(found.terms, found.state, fee_pence, travel_pence, free=free)
    draft = lines.draft_for(found, "resolved", key, body)
    await lines.post_shares(act, found, draft, chart.disputed(found.id), given, fee_pence if free else 0)
    await lines.keep(found, state)
    return given


async def _was_cancelled(line_id: int) -> bool:
    found = await fetch_value(
        "SELECT e.id FROM entry e WHERE e.line_id = ? AND e.kind = 'cancelled' "
        "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id)",
        line_id,
    )
    return found is not None


@door("money.reverse")
async def reverse(act: Act, entry_id: int, key: str, *, because: str, told_anew: bool = False) -> int:
    """Undo an entry that should not have been, by a new one that mirrors it at its frozen rates; the new entry.

    Refused when the money has moved on, for what is set aside for something that is still to come, and for any but the
    newest entry of a line, since commission is reckoned on the whole let go so far. Where it came from (a line of the
    bank) it is open again at once; `told_anew`: whoever keeps that says in the same act what it was, so it is undone as
    of its own day and stays closed.
    """
    act.allow(Thing("entry", str(entry_id), parties=await undoing.parties(entry_id)))
    act.because(because)
    row = await fetch_one(
        "SELECT e.kind, e.line_id, e.fee_pence, e.travel_pence, e.free_fee_pence, e.effective_at, l.reference "
        "FROM entry e LEFT JOIN line l ON l.id = e.line_id WHERE e.id = ?",
        entry_id,
    )
    if row is None:
        raise NotFound("There is no such entry.", "no_entry")
    sources = [] if told_anew else await undoing.take(entry_id)
    found = await queries.booking(row["reference"], lock=True) if row["line_id"] else None
    body = {"entry": entry_id}
    if before := await ledger.already("reversed", key, body):
        return before
    if not because.strip():
        raise Invalid("Say why this is undone.", "no_reason", field="because")
    reference = row["reference"] or ""
    if refused := await undoing.refusal(entry_id, row["kind"], reference, found, told_anew=told_anew):
        raise refused
    draft = Draft(
        kind="reversed",
        key=key,
        body=body,
        line_id=row["line_id"],
        line_mark=found.mark if found else "",
        fee_pence=-row["fee_pence"],
        travel_pence=-row["travel_pence"],
        free_fee_pence=-row["free_fee_pence"],
        reverses_id=entry_id,
        effective_at=as_time(row["effective_at"]) if told_anew else None,
    )
    posted = await ledger.mirror(act, draft, entry_id)
    # What the bank was asked to send back is the payer's or the member's again only when it has come back.
    for code, holder in await fetch(
        "SELECT a.code, a.holder FROM posting p JOIN account a ON a.id = p.account_id "
        "WHERE p.entry_id = ? AND a.code IN ('2500', '2600') ORDER BY a.id",
        entry_id,
    ):
        await entering.refuse_on_its_way(chart.Account(code, holder))
    if found:
        await lines.keep(found, await _state_from_entries(found))
    for source in sources:
        await source.open_again(act, entry_id)
    await act.tell("money.reversed", "entry", str(entry_id), entry=posted.entry_id)
    return posted.entry_id


async def _state_from_entries(found: Booking) -> State:
    """A line's numbers added up from its entries. Only where nothing is in question."""
    row = await fetch_one(
        "SELECT CAST(SUM(fee_pence) AS BIGINT), CAST(SUM(travel_pence) AS BIGINT), "
        "CAST(SUM(free_fee_pence) AS BIGINT), "
        "(SELECT CAST(COALESCE(SUM(p.amount_pence), 0) AS BIGINT) FROM posting p JOIN account a ON a.id = p.account_id "
        "JOIN entry x ON x.id = p.entry_id WHERE x.line_id = ? AND a.code IN ('2000', '1100')) FROM entry WHERE line_id = ?",
        found.id,
        found.id,
    )
    if row is None:
        raise NotFound("There is no such line.", "no_line")
    returned = found.terms.total_pence - int(row[3]) if found.origin == "held" else 0
    return State(int(row[0]), int(row[1]), int(row[2]), returned)

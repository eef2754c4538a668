"""Putting right what two circles owe each other for one visit, once both have agreed that it was too much.

The circle that asked takes back what it let go, and whoever paid has it again; the worker's circle takes it off what its
worker earned. Each writes its own books; the next statement says the difference, and both compare it as ever.
"""

import msgspec

from eccoo_node.db.rows import fetch
from eccoo_node.disputes import queries as disputes
from eccoo_node.escrow import between, clawback, corrections, ledger
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.queries import Booking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.links import ending
from eccoo_node.record.door import Act, door
from eccoo_node.rota.telling import tell
from eccoo_node.settlement import queries
from eccoo_node.settlement.queries import Line


class Stood(msgspec.Struct, frozen=True):
    """What was written for a visit when the treasurer looked: what they agreed to holds for this and nothing else."""

    fee_pence: int
    travel_pence: int


async def found(link_id: str, entry_id: int) -> tuple[Line, Booking]:
    """An entry that was agreed or differs, or that a circle which is gone will never answer, and the line of our books that
    it is about. Raises NotFound."""
    pages = await queries.pages(link_id)
    lines = await queries.lines_of([page.id for page in pages]) if pages else []
    one = next((line for line in lines if line.id == entry_id), None)
    if one is not None and one.state == "waiting" and await ending.gone_since(link_id) is None:
        one = None
    books = await queries.books(link_id, await between.last_entry())
    if one is None or one.key not in books.references:
        raise NotFound("There is no such visit in our books.", "no_line")
    return one, await money.booking(books.references[one.key])


async def thing_of(link_id: str, line: Booking) -> Thing:
    """The visit's money, with everyone who has a part in it."""
    parties = (await disputes.parties_of_lines([line]))[line.reference]
    return Thing("link", link_id, link_id=link_id, parties=parties)


def stood(line: Booking) -> Stood:
    return Stood(line.state.released_fee_pence, line.state.released_travel_pence)


@door("settlement.put_right")
async def put_right(
    act: Act, link_id: str, entry_id: int, *, was: Stood, fee_pence: int, travel_pence: int, because: str, key: str
) -> None:
    """So much was right for this visit, and no more: the rest is taken back in our books, by what both circles agreed.

    Raises Invalid for a sum that is not below what stands there, and without a word of who agreed; Conflict where the
    books have changed since `was`.
    """
    one, line = await found(link_id, entry_id)
    act.allow(await thing_of(link_id, line))
    act.because(because)
    if not because.strip():
        raise Invalid("Write who agreed to it, and when.", "no_reason", field="because")
    back_fee, back_travel = was.fee_pence - fee_pence, was.travel_pence - travel_pence
    for field, right, most in (("fee", fee_pence, was.fee_pence), ("travel", travel_pence, was.travel_pence)):
        if type(right) is not int or not 0 <= right <= most:
            raise Invalid(f"Write a sum from £0 to {pounds(most)}.", "bad_amount", field=field)
    if not back_fee + back_travel:
        raise Invalid("This is what stands there already. Write the sum that was right.", "same_sum", field="fee")
    kind, key = ("owed_back" if line.origin == "due" else "clawed_back"), f"right:{entry_id}:{key}"
    body = {"line": line.reference, "fee": back_fee, "travel": back_travel}
    if await ledger.already(kind, key, body):
        return
    if stood(line) != was:
        raise Conflict("Something else was written for this visit since. Please look at it again.", "changed")
    await _take_back(line, key, back_fee, back_travel, because)
    await answered(link_id, one, "theirs", act.actor.person_id)
    await act.tell("settlement.put_right", "link", link_id, line=line.reference)


async def _take_back(line: Booking, key: str, fee: int, travel: int, because: str) -> None:
    subject = line.reference.split(":")[1]
    if line.origin == "due":
        await clawback.owe_back(NODE, line.reference, key, fee_pence=fee, travel_pence=travel)
        path = f"/coming/{subject}"
        await tell({line.worker_id}, None, "put_right_away", about=subject, path=path)
        return
    await clawback.claw_back(NODE, line.reference, key, fee_pence=fee, travel_pence=travel, because=because)
    # Both have agreed, so what is taken back is the payer's at once.
    done = f"{key}:resolved"
    await corrections.resolve(NODE, line.reference, done, fee_pence=0, travel_pence=0, because=because)
    payers = await disputes.payers_of_line(line.reference)
    await tell({line.person_id, *payers}, subject, "put_right", about=subject)


async def answered(link_id: str, one: Line, whose: str, by: str) -> None:
    """Nobody needs to look at an entry that differed any more."""
    await fetch(
        "UPDATE settle_entry SET answer = ?, answered_by = ?, answered_at = ? WHERE id = ? AND state = 'disputed' "
        "AND page_id IN (SELECT id FROM settle_page WHERE link_id = ?)",
        whose, by, clock.now(), one.id, link_id,
    )  # fmt: skip


@door("settlement.bear")
async def bear(act: Act, link_id: str, entry_id: int, *, amount_pence: int, because: str, key: str) -> None:
    """The other circle does not pay so much of what it owes us for this visit: our circle bears it, and nobody is paid less."""
    one, line = await found(link_id, entry_id)
    act.allow(await thing_of(link_id, line))
    await between.bear_for_circle(
        act.actor, link_id, line.reference, amount_pence, f"borne:{entry_id}:{key}", because=because
    )
    await answered(link_id, one, "theirs", act.actor.person_id)
    act.because(because)

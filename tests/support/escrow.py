"""What tests of held money share: a circle with a schedule, a treasurer, and its postings said in short."""

import msgspec

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, chart, ledger, queries, treasury
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.rules import Leg
from eccoo_node.kernel.access import NODE, Actor, Hat
from eccoo_node.record.door import Act
from tests.support import make

Posting = tuple[str, str, str, int]


class Books(msgspec.Struct, frozen=True):
    """A circle with one payer, one person and two workers, whose books are open."""

    payer: str
    person: str
    worker: str
    other: str
    treasurer: Actor

    async def top_up(self, amount_pence: int, key: str = "") -> int:
        return await actions.top_up(self.treasurer, self.payer, amount_pence, key or f"top-up {amount_pence}")

    async def set_aside(self, line: str, fee_pence: int, travel_pence: int = 0, **more: object) -> bool:
        return await actions.set_aside(
            NODE, line, self.payer, self.person, self.worker, fee_pence, travel_pence, f"hold {line}", **more
        )


async def open_books(payer_add_bps: int = 0, worker_deduct_bps: int = 1500, **more: object) -> Books:
    """A circle that has decided what it takes: 15% off the worker unless said otherwise."""
    await make.takes(payer_add_bps, worker_deduct_bps, **more)
    circle = await make.circle()
    person, keeper = await make.person("Ada"), await make.person("Tess")
    await make.hat(keeper, circle, "treasurer")
    treasurer = Actor(person_id=keeper, hats=(Hat("treasurer", circle, "circle"),))
    return Books(await make.payer(person), person, await make.worker("Wren"), await make.worker("Robin"), treasurer)


async def paid_out(books: Books, pence: int) -> None:
    """As a payout will, once the bank has sent it."""
    async with write():
        act = Act(books.treasurer, "test", "act")
        legs = [Leg(chart.worker(books.worker), chart.BANK, pence)]
        await ledger.post(act, Draft(kind="paid", key="paid", body={}), legs)


async def shares_out(books: Books, pence: int) -> int:
    """The person has bought shares and takes them all out; the entry of that."""
    by, member = books.treasurer, books.person
    await treasury.share_applied(by, member, pence, "applied")
    await treasury.share_allotted(by, member, pence, "allotted", decision_id=await make.decision())
    decided = await make.decision(about="shares_out")
    return await treasury.share_withdrawn(by, member, pence, "out", decision_id=decided, because="She moves away.")


async def entries(books: Books) -> list[tuple[str, list[Posting]]]:
    """Every entry, oldest first: its kind and all its postings, with short names for people and lines."""
    short = {books.payer: "payer", books.worker: "worker", books.other: "other"}
    for row in await fetch("SELECT id, reference FROM line"):
        short[str(row[0])] = row[1]
    found = []
    for row in await fetch("SELECT id, kind FROM entry ORDER BY id"):
        postings = await queries.postings_of(row[0])
        found.append((row[1], [(code, short.get(of, of), waits, amount) for code, of, waits, amount in postings]))
    return found


async def last_entry(reference: str) -> int | None:
    """The newest entry of a line."""
    value = await fetch_value(
        "SELECT MAX(e.id) FROM entry e JOIN line l ON l.id = e.line_id WHERE l.reference = ?", reference
    )
    return int(value) if value else None

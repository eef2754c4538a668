"""What a payer is to pay: each visit of theirs that is settled, and what else they owe. Only what no invoice before it
has asked for, so that what was put right since stands on the next one.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from eccoo_node.db.rows import fetch, marks
from eccoo_node.escrow import periods, sharing
from eccoo_node.escrow.periods import History
from eccoo_node.escrow.rules import is_public
from eccoo_node.escrow.sharing import Shares
from eccoo_node.kernel import clock
from eccoo_node.kernel.circle import circle
from eccoo_node.kernel.money import percent
from eccoo_node.members.say import say_date
from eccoo_node.papers import visits
from eccoo_node.papers.payer import letterhead, something_wrong
from eccoo_node.papers.people import Party
from eccoo_node.papers.sheet import Block, Row, Sheet, sum_of

FINDERS = "Finder’s fee, for going on without the circle"
BOUNCED = "A payment that did not go through"


class Item(msgspec.Struct, frozen=True):
    """One thing that is asked for; below 0 where an invoice before asked for too much. `item` names it for good."""

    item: str
    words: str
    note: str
    amount_pence: int
    vat_pence: int = 0
    vat_bps: int = 0


class Invoice(msgspec.Struct, frozen=True):
    """The figures of an invoice."""

    day: date
    items: list[Item]

    @property
    def total_pence(self) -> int:
        return sum(item.amount_pence for item in self.items)

    @property
    def vat_pence(self) -> int:
        return sum(item.vat_pence for item in self.items)


async def reckon(
    payer_id: str, reader: str, day: date, *, only: frozenset[str] = frozenset(), without: str = ""
) -> Invoice:
    """What this payer has yet to be asked for, of all that is settled now.

    `only` these items, and as if the paper `without` had never been: for putting that one right.
    """
    # With all that has been written down by now.
    end = clock.now() + timedelta(seconds=1)
    asked = await _asked(payer_id, without)
    lines = await periods.histories(await periods.lines_in_arrears(payer_id), end)
    funds = await periods.funds_of(sorted(lines))
    found: list[Item] = []
    settled = {}
    for id_, history in sorted(lines.items()):
        lying = history.lying_pence + history.apart_pence
        if lying and id_ in funds:
            names = list(funds[id_])
            lying = sharing.parts_of(lying, list(funds[id_].values()))[names.index(payer_id)]
        owing = 0 if history.lying_pence else history.given_by(payer_id) - lying
        if owing != asked.get(f"line:{id_}", 0):
            settled[id_] = owing
    went = await visits.of_lines([lines[id_].booking for id_ in settled], reader)
    taxed = await _vat_asked(payer_id, without, [f"line:{id_}" for id_ in settled])
    for id_, owing in settled.items():
        item = f"line:{id_}"
        before = _Before(asked.get(item, 0), taxed.get(item, 0))
        found.append(_of_visit(lines[id_], went[id_], owing, before, shared=id_ in funds))
    found += await _debts(payer_id, end, asked)
    return Invoice(day, [item for item in found if not only or item.item in only])


_STANDS = "NOT EXISTS (SELECT 1 FROM paper n WHERE n.replaces = p.id)"


async def _asked(payer_id: str, without: str) -> dict[str, int]:
    """What standing invoices have asked this payer for, by item."""
    rows = await fetch(
        "SELECT i.item, CAST(SUM(i.amount_pence) AS BIGINT) FROM paper_item i JOIN paper p ON p.id = i.paper_id "
        f"WHERE p.payer_id = ? AND p.id <> ? AND {_STANDS} GROUP BY i.item",
        payer_id, without,
    )  # fmt: skip
    return {row[0]: int(row[1]) for row in rows}


class _Before(msgspec.Struct, frozen=True):
    """What invoices before asked for one item, and the tax that they named within it."""

    pence: int
    vat_pence: int


async def _vat_asked(payer_id: str, without: str, items: Sequence[str]) -> dict[str, int]:
    """The tax that standing invoices named within what they asked this payer for, by item."""
    rows = await fetch(
        f"SELECT p.facts FROM paper p WHERE p.payer_id = ? AND p.id <> ? AND p.facts <> '' AND {_STANDS} AND EXISTS "
        f"(SELECT 1 FROM paper_item i WHERE i.paper_id = p.id AND i.item IN ({marks(items)}))",
        payer_id, without, *items,
    )  # fmt: skip
    found: dict[str, int] = {}
    for row in rows:
        for one in msgspec.convert(msgspec.json.decode(row[0])["figures"], Invoice).items:
            found[one.item] = found.get(one.item, 0) + one.vat_pence
    return found


def _of_visit(history: History, went: visits.Went, owing: int, before: _Before, *, shared: bool) -> Item:
    line, given = history.booking, Shares()
    for step in history.steps:
        given = Shares(**{n: getattr(given, n) + getattr(step.given, n) for n in Shares.__struct_fields__})
    note = visits.reckoned(line, went, given, back_pence=0, apart_pence=history.apart_pence, worker=False)
    # The tax within what is taken off the worker is the worker's; with several payers each has a part of the rest.
    vat, cost = given.contribution_vat_pence, given.fee_pence + given.contribution_pence + given.travel_pence
    if shared and cost > 0:
        vat = vat * owing // cost
    vat -= before.vat_pence
    if before.pence:
        note = f"{sum_of(before.pence)} was asked for before; {sum_of(owing)} is right."
    elif shared:
        note += f" Your part of it is {sum_of(owing)}."
    words = visits.header(went, worker=False)
    return Item(f"line:{line.id}", words, note, owing - before.pence, vat, line.terms.vat_bps if vat else 0)


async def _debts(payer_id: str, end: datetime, asked: dict[str, int]) -> list[Item]:
    """Finder's fees and payments that bounced, less what was undone of each."""
    owing: dict[int, tuple[str, int]] = {}
    for move in await periods.moves(payer_id, ["1100"], None, end):
        kind = move.undone or move.kind
        if move.line_id or kind not in {"bounced", "finders_fee"}:
            continue
        of = move.undone_id or move.entry_id
        owing[of] = (kind, owing.get(of, ("", 0))[1] + move.amount_pence)
    found = []
    for entry_id, (kind, pence) in owing.items():
        before = asked.get(f"entry:{entry_id}", 0)
        if pence == before:
            continue
        note = f"{sum_of(before)} was asked for before; {sum_of(pence)} is right." if before else ""
        found.append(Item(f"entry:{entry_id}", FINDERS if kind == "finders_fee" else BOUNCED, note, pence - before))
    return found


def sheet(invoice: Invoice, party: Party, number: str) -> Sheet:
    """The invoice in words."""
    total, here = invoice.total_pence, circle()
    vat_rates = {item.vat_bps for item in invoice.items if item.vat_bps}
    vat = [
        Row(
            f"VAT at {percent(bps)}, within what you add for the circle",
            sum_of(sum(item.vat_pence for item in invoice.items if item.vat_bps == bps)),
        )
        for bps in sorted(vat_rates)
    ]
    rows = [Row(item.words, sum_of(item.amount_pence), item.note) for item in invoice.items]
    asks = total >= 0
    pay = (
        [
            f"Please pay {sum_of(total)} by bank transfer to {here.name}, and write {number} as its reference.",
            f"For the account number ring {here.phone}." if here.phone else "Ask us for the account number.",
        ]
        if asks
        else [f"We owe you {sum_of(-total)}. It comes off your next invoice; if there is none, we send it back."]
    )
    return Sheet(
        title="Invoice" if asks else "Credit",
        circle=letterhead(),
        # Where an office pays, its address belongs on it; where someone lives stands only on the list of what to post.
        to=[party.full_name, *(party.address.splitlines() if is_public(party.fund) else ())],
        facts=[
            ("For what was settled by", say_date(invoice.day)),
            *([] if party.own else [("For the support of", party.person_called)]),
        ],
        lead=[f"{sum_of(total)} is to be paid." if asks else f"{sum_of(-total)} is to your credit."],
        blocks=[
            Block(
                "What it is for", rows=rows, total=Row("To be paid" if asks else "To your credit", sum_of(abs(total)))
            ),
            *([Block("Tax", rows=vat)] if vat else []),
            Block("How to pay" if asks else "What happens now", words=pay),
        ],
        foot=[something_wrong()],
    )

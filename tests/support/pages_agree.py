"""What the pages say of a circle that was played, against what its books say: sums that no single test would think of."""

from collections.abc import Sequence
from datetime import date

from eccoo_node.db.rows import fetch
from eccoo_node.escrow import owing, statements
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.members import queries as members
from eccoo_node.papers import rules, worker


async def pages_agree(treasurer: Actor, payers: Sequence[str], workers: Sequence[str]) -> None:
    """Raises AssertionError where a page and the books, or two pages, differ by a penny."""
    rows = await fetch("SELECT code, holder, awaiting, balance_pence FROM account")
    balances = {tuple(row)[:3]: int(row[3]) for row in rows}

    def on(*codes: str, of: str = "") -> int:
        return sum(pence for name, pence in balances.items() if name[0] in codes and of in {"", name[1]})

    seen = await statements.overview(treasurer)
    for column, code in (("credit_pence", "2000"), ("set_aside_pence", "2100")):
        assert sum(getattr(one, column) for one in seen.payers) == -on(code), column
    assert sum(one.owed_pence for one in seen.payers) == on("1100")
    assert sum(one.amount_pence for one in await owing.owing(treasurer)) == on("1100", "1300")
    listed = {one.payer_id: one.set_aside_pence for one in seen.payers}
    for payer_id in payers:
        one = await statements.of_payer(treasurer, payer_id)
        assert (one.credit_pence, one.owed_pence) == (-on("2000", of=payer_id), on("1100", of=payer_id))
        waiting = sum(row.aside_pence for row in one.coming if row.line.state == "set_aside")
        assert waiting == listed.get(payer_id, 0), "what is set aside for one payer"
    for worker_id in workers:
        await _worker_agrees(worker_id, on("2200", "2210", "2290", of=worker_id))


async def _worker_agrees(worker_id: str, balance_pence: int) -> None:
    """What a worker reads on their page, and in their statements of the tax years."""
    told = await statements.worker_statement(await members.actor_for(worker_id))
    assert told is not None
    assert told.ready_pence + told.sent_pence + sum(told.awaiting.values()) == -balance_pence
    sums, last = worker.Sums(), rules.tax_year(clock.today()).first.year
    for first in range(2025, last + 1):
        sums += (await worker.reckon(worker_id, rules.tax_year(date(first, 4, 6))))[0].whole
    assert told.whole_pence - told.owes_pence == sums.change_pence + sums.paid_pence
    assert told.paid_pence == sums.paid_pence
    back = sums.travel_pence + sums.expenses_pence
    assert back <= told.laid_out_pence <= back + told.owes_pence

"""Whether what was sent to the bank is what the books say is on its way."""

from eccoo_node.db.rows import fetch
from eccoo_node.escrow.checking import checks
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.money import pounds

_SENT = "FROM payout_payment WHERE kind = 'worker' AND state = 'sent'"
_IN_TRANSIT = (
    "SELECT holder, CAST(SUM(pence) AS BIGINT) FROM (SELECT holder, -balance_pence AS pence FROM account "
    f"WHERE code = '2290' AND balance_pence <> 0 UNION ALL SELECT holder, -amount_pence AS pence {_SENT}) AS sums "
    "GROUP BY holder HAVING SUM(pence) <> 0 ORDER BY holder LIMIT 1"
)
# Of refunds and shares more may wait than is in a batch, and never less.
_WAITING = (
    "SELECT s.holder FROM (SELECT kind, holder, SUM(amount_pence) AS pence FROM payout_payment WHERE kind <> 'worker' "
    "AND state = 'sent' GROUP BY kind, holder) AS s LEFT JOIN account a ON a.holder = s.holder AND a.awaiting = '' "
    "AND a.code = CASE s.kind WHEN 'refund' THEN '2500' ELSE '2600' END WHERE s.pence > -COALESCE(a.balance_pence, 0) LIMIT 1"
)
# What each batch asked the bank to pay is what its entries moved to what is on its way.
_MOVED = (
    "SELECT b.number FROM payout_payment p JOIN payout_batch b ON b.id = p.batch_id "
    "LEFT JOIN entry e ON e.key = 'payout:' || p.id LEFT JOIN (posting o JOIN account a ON a.id = o.account_id "
    "AND a.code = '2290') ON o.entry_id = e.id WHERE p.kind = 'worker' AND b.filed_at IS NOT NULL "
    "GROUP BY b.number, p.id, p.amount_pence HAVING COALESCE(SUM(-o.amount_pence), 0) <> p.amount_pence LIMIT 1"
)


@checks
async def verify_sent() -> None:
    """Raises Broken where a payment is on its way and not in the books, or the other way round (money.md A5.12)."""
    for worker, pence in await fetch(_IN_TRANSIT):
        raise Broken(
            f"What is on its way to worker {worker} is {pounds(abs(pence))} {'more' if pence > 0 else 'less'} in the "
            "books than in the batches that were sent.", "payouts_sent",
        )  # fmt: skip
    for (holder,) in await fetch(_WAITING):
        raise Broken(f"More was sent to {holder} than stands in the books as on its way.", "payouts_sent")
    for (number,) in await fetch(_MOVED):
        raise Broken(f"Batch {number} is not what its entries in the books say.", "payouts_batch")

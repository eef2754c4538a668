"""What the bank says of its lines, in words: kept as long as the law asks, whoever sent the money, then emptied by itself."""

from datetime import datetime, timedelta
from typing import Any

from eccoo_node.db import bound, jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow.erasing import kept_since
from eccoo_node.kernel import clock
from eccoo_node.record import audit

# The acts by which somebody writes down by hand what came in, with what the bank says of whoever sent it.
_BY_HAND = ("money.receive", "money.top_up")


@jobs.job("banking.retention", every=timedelta(days=1))
async def let_go(payload: dict[str, Any]) -> datetime | None:
    """What was paid, and when, stays in the books. Who sent it, and the file's own name for it, goes."""
    before = kept_since(clock.now())
    since = before.date().isoformat()
    async with write():
        by_hand = await audit.forget_old_words(_BY_HAND, before)
        emptied = await fetch(
            "UPDATE bank_words SET text = '' WHERE text <> '' AND line_id IN (SELECT id FROM bank_line WHERE on_day < ?) "
            "RETURNING line_id",
            since,
        )
        emptied += await fetch(
            "UPDATE statement_import SET file_name = '' WHERE file_name <> '' AND last_on < ? RETURNING id", since
        )
    if emptied or by_hand:
        await bound.engine().wipe()
    return None

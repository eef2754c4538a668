"""What the bank says of its lines, in words: kept as long as the law asks, whoever sent the money, then emptied by itself."""

from datetime import datetime, timedelta
from typing import Any

from eccoo_node.db import bound, jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow.erasing import kept_since
from eccoo_node.kernel import clock


@jobs.job("banking.retention", every=timedelta(days=1))
async def let_go(payload: dict[str, Any]) -> datetime | None:
    """What was paid, and when, stays in the books. Who sent it, and the file's own name for it, goes."""
    since = kept_since(clock.now()).date().isoformat()
    async with write():
        emptied = await fetch(
            "UPDATE bank_words SET text = '' WHERE text <> '' AND line_id IN (SELECT id FROM bank_line WHERE on_day < ?) "
            "RETURNING line_id",
            since,
        )
        emptied += await fetch(
            "UPDATE statement_import SET file_name = '' WHERE file_name <> '' AND last_on < ? RETURNING id", since
        )
    if emptied:
        await bound.engine().wipe()
    return None

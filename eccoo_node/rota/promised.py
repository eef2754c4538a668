"""Time that a worker has promised elsewhere: what is planned at home asks here first, and never takes it.

A higher domain registers where it keeps such promises; a visit at home and one elsewhere are never both sure.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from eccoo_node.members import workers

Asks = Callable[[list[str], datetime, datetime], Awaitable[frozenset[str]]]
_ASKS: list[Asks] = []


def promises(function: Asks) -> Asks:
    """Register a read: which of these workers have promised some of this stretch."""
    _ASKS.append(function)
    return function


async def promised(worker_ids: Sequence[str], starts_at: datetime, ends_at: datetime) -> frozenset[str]:
    found = [await ask(list(worker_ids), starts_at, ends_at) for ask in _ASKS]
    return frozenset().union(*found)


async def keeps(worker_id: str, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether this worker has promised some of it, held against whoever promises it at this moment. Inside `write()`."""
    await workers.lock_worker(worker_id)
    return bool(await promised([worker_id], starts_at, ends_at))

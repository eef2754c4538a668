"""`write()`: the one way to change a row.

Inside it only the task that opened it may speak to the database, and nothing may speak to the network. What
an act causes outside waits for `after_commit`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eccoo_node.db import bound
from eccoo_node.db.engine import Tx


def current() -> Tx | None:
    """The open transaction of this context, if there is one."""
    tx: Tx | None = bound.engine().current_transaction.get()
    return tx


def outside(what: str) -> None:
    """Raise RuntimeError if a transaction is open: a network call inside one would hold every writer up."""
    try:
        tx = current()
    except RuntimeError:
        return
    if tx is not None and tx.open:
        raise RuntimeError(f"{what} inside a transaction")


@asynccontextmanager
async def write(*, references: bool = True) -> AsyncIterator[Tx]:
    """Everything inside is kept, or nothing is. A nested `write()` is a savepoint of the outer one.

    Without `references`, foreign keys of SQLite are off inside: for a migration alone, which asks at its end
    (`db.rebuild`). Any exception rolls back, cancellation included. Raises Conflict("busy") when no turn came in time.
    """
    engine = bound.engine()
    outer: Tx | None = engine.current_transaction.get()
    if outer is not None:
        outer.check()
        if not references:
            raise RuntimeError("foreign keys can be turned off only before a transaction begins")
        async with _savepoint(outer) as tx:
            yield tx
        return
    tx = await engine.begin(references=references)
    token = engine.current_transaction.set(tx)
    try:
        try:
            yield tx
        except BaseException:
            await engine.rollback(tx)
            raise
        await engine.commit(tx)
    finally:
        engine.current_transaction.reset(token)
    engine.changed.set()
    for callback in tx.callbacks:
        callback()


@asynccontextmanager
async def _savepoint(tx: Tx) -> AsyncIterator[Tx]:
    engine = bound.engine()
    tx.savepoints += 1
    name = f"inner_{tx.savepoints}"
    kept = len(tx.callbacks)
    await engine.execute(f"SAVEPOINT {name}")
    try:
        yield tx
    except BaseException:
        del tx.callbacks[kept:]
        if tx.open:
            await engine.execute(f"ROLLBACK TO SAVEPOINT {name}")
            await engine.execute(f"RELEASE SAVEPOINT {name}")
        raise
    await engine.execute(f"RELEASE SAVEPOINT {name}")


@asynccontextmanager
async def snapshot() -> AsyncIterator[None]:
    """Every read inside sees the database as it was at one moment, and no writer waits for it. Not inside `write()`."""
    engine = bound.engine()
    if engine.current_transaction.get() is not None:
        raise RuntimeError("a snapshot is taken outside a transaction")
    tx = await engine.begin_snapshot()
    token = engine.current_transaction.set(tx)
    try:
        yield
    finally:
        engine.current_transaction.reset(token)
        await engine.end_snapshot(tx)

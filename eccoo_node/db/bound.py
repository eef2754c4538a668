"""Which database the present context speaks to.

The app, the job loop and each command bind their engine; nothing is bound by importing. So two nodes can
live in one process without reading each other's rows, and a forgotten binding raises instead of guessing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eccoo_node.db.engine import NodeEngine

_engine: ContextVar["NodeEngine"] = ContextVar("engine")


def engine() -> "NodeEngine":
    """The engine bound here. Raises RuntimeError when there is none."""
    try:
        return _engine.get()
    except LookupError:
        raise RuntimeError("no database is bound in this context") from None


def bind(chosen: "NodeEngine") -> None:
    """Bind for this context and whatever it starts."""
    _engine.set(chosen)


@contextmanager
def bound(chosen: "NodeEngine") -> Iterator["NodeEngine"]:
    token = _engine.set(chosen)
    try:
        yield chosen
    finally:
        _engine.reset(token)

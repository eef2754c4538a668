"""How many statements something takes: each list page is held to a constant number of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_counter: ContextVar[list[str] | None] = ContextVar("query_counter", default=None)


@contextmanager
def counting_queries() -> Iterator[list[str]]:
    """Collects the text of every statement run in this context; `len()` is the count."""
    seen: list[str] = []
    token = _counter.set(seen)
    try:
        yield seen
    finally:
        _counter.reset(token)


def count_query(sql: str) -> None:
    seen = _counter.get()
    if seen is not None:
        seen.append(sql)

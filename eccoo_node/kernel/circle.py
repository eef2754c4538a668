"""Whose node this is, as a paper of the circle must say at its head: its name, its place, its telephone number."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from eccoo_node.kernel.settings import CircleSettings

_circle: ContextVar[CircleSettings | None] = ContextVar("circle", default=None)


def circle() -> CircleSettings:
    """The circle that the app or command has bound; one without a name of its own where none has."""
    return _circle.get() or CircleSettings()


@contextmanager
def circle_bound(chosen: CircleSettings) -> Iterator[None]:
    token = _circle.set(chosen)
    try:
        yield
    finally:
        _circle.reset(token)

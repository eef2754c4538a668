"""Mail, as far as a domain knows it: somebody the app has bound carries it, or nobody does.

Domains write what is to be said; how a letter travels, and from whom, is the node's own affair.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Post(Protocol):
    """Carries letters for one node."""

    @property
    def circle(self) -> str:
        """The circle's name, to sign with."""

    @property
    def phone(self) -> str:
        """The circle's telephone number, or nothing."""

    @property
    def public_url(self) -> str:
        """Where the world finds the node; no slash at the end."""

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand one letter over. Raises what the carrier raises; never inside a transaction."""


_post: ContextVar[Post | None] = ContextVar("post", default=None)


def post() -> Post | None:
    """Who carries mail in this context; None where the node sends none."""
    return _post.get()


@contextmanager
def post_bound(chosen: Post | None) -> Iterator[None]:
    token = _post.set(chosen)
    try:
        yield
    finally:
        _post.reset(token)

"""Who is signed in. A session is a row that the members' domain keeps; here is only the cookie that names it.

The cookie holds 256 random bits; the database holds their hash, so a copy of it signs nobody in.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from eccoo_node.kernel.access import Actor

if TYPE_CHECKING:
    from litestar import Response

    from eccoo_node.web.ask import AnyRequest

LASTS = timedelta(days=30)


class SessionActor(Protocol):
    """What one query tells about the session: who acts, and what the page's header says of them."""

    @property
    def actor(self) -> Actor: ...
    @property
    def session_id(self) -> str: ...
    @property
    def called(self) -> str:
        """The name the signed-in person likes."""

    @property
    def acting_for_called(self) -> str:
        """The name of the person they speak for, or write down, now; else empty."""

    @property
    def relation(self) -> str:
        """What they are to that person: "daughter"; else empty."""

    @property
    def large_print(self) -> bool:
        """Whether they asked for large print; every page is then larger for them."""


LoadSession = Callable[[str], Awaitable[SessionActor | None]]


async def nobody(token_hash: str) -> SessionActor | None:
    """Where no session can be looked up, nobody is signed in."""
    return None


def keep_session(request: "AnyRequest", response: "Response[Any]", token: str, lasts: timedelta = LASTS) -> None:
    """Let this answer sign the browser in. The caller has stored `hash_secret(token)`."""
    site = request.scope["eccoo"].site  # type: ignore[typeddict-item]
    response.set_cookie(
        key=site.session_cookie,
        value=token,
        max_age=int(lasts.total_seconds()),
        path=site.cookie_path,
        secure=site.secure,
        httponly=True,
        # Lax, not strict: a link in a mail must find its reader signed in.
        samesite="lax",
    )


def drop_session(request: "AnyRequest", response: "Response[Any]") -> None:
    """Let this answer sign the browser out, and clear what it kept: phones are shared."""
    site = request.scope["eccoo"].site  # type: ignore[typeddict-item]
    response.set_cookie(
        key=site.session_cookie,
        value="",
        max_age=0,
        path=site.cookie_path,
        secure=site.secure,
        httponly=True,
        samesite="lax",
    )
    response.headers["clear-site-data"] = '"cache", "storage"'

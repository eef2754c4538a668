"""Who gets to a page. Every handler says by itself which action it is; without one the app does not start.

"public" is for everyone, "signed_in" for whoever is signed in and shows only what is their own, anything else is an
action that has a rule. Whether that rule allows this very thing is asked where the thing is known: in the query or
at the door.
"""

from collections.abc import Iterator
from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute

from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.sessions import SessionActor

PUBLIC = "public"
SIGNED_IN = "signed_in"


def actor_of(request: AnyRequest) -> Actor:
    """Who acts in this request; nobody in particular when nobody is signed in."""
    session = ask_of(request).session
    return session.actor if session is not None else Actor()


def session_of(request: AnyRequest) -> SessionActor:
    """The session of a page that is not public. Raises 401 when there is none."""
    session = ask_of(request).session
    if session is None:
        raise NotAuthorizedException("Please sign in.")
    return session


# A coroutine though it waits for nothing: a plain function would be run in a thread, at three times the cost of a page.
async def requires_sign_in(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard of every handler: whatever is not public is for someone who is signed in."""
    if handler.opt.get("action") != PUBLIC and ask_of(connection.scope).session is None:
        raise NotAuthorizedException("Please sign in.")


def handlers(app: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    """Every handler with its path; not the OPTIONS answers that Litestar adds, which the guard refuses."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.fn.__name__ != "options_handler":
                    yield route.path_format, handler


def _is_ours(handler: HTTPRouteHandler) -> bool:
    """Litestar's own handlers of /schema cannot name anything; their router does."""
    return not handler.fn.__module__.startswith("litestar.")


def routes(app: Litestar) -> list[tuple[str, str, str]]:
    """(method, path, action) of every handler, for the table of routes and hats."""
    return sorted(
        (str(method), path, str(handler.opt.get("action", "")))
        for path, handler in handlers(app)
        for method in handler.http_methods
    )


def refuse_nameless(app: Litestar) -> None:
    """Raise RuntimeError for a handler that does not name its action itself, or names one nobody wrote a rule for."""
    known = {PUBLIC, SIGNED_IN, *access.actions()}
    for path, handler in handlers(app):
        name = f"{handler.fn.__qualname__} ({path})"
        if _is_ours(handler) and any("action" in (layer.opt or {}) for layer in handler.ownership_layers[:-1]):
            raise RuntimeError(f"{name} inherits its action; each handler names its own")
        action = handler.opt.get("action")
        if not action:
            raise RuntimeError(f"{name} names no action")
        if action not in known:
            raise RuntimeError(f"{name} names the action {action}, which has no rule")

"""What went wrong, said so that a person knows what is safe and what to do. The one place that knows status codes."""

import secrets
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, place_of
from eccoo_node.web.asgi import ASGIApp, Receive, Scope, Send
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError
from eccoo_node.web.page import redirect, render

log = structlog.get_logger("web")

STATUS: dict[type[Refusal], int] = {Invalid: 422, NotFound: 404, Forbidden: 403, Conflict: 409}


class Trouble(msgspec.Struct, frozen=True):
    """An error page: what happened, what is safe, what to do."""

    status: int
    code: str
    happened: str
    safe: str
    todo: str
    # What is wrong, field by field, where no form could be shown again.
    details: tuple[str, ...] = ()
    reference: str = ""


_SAME = "Nothing has been changed."
_KNOWN = {
    400: ("bad_request", "We couldn’t read what your browser sent.", _SAME, "Go back and try again."),
    401: ("sign_in", "You need to sign in first.", _SAME, "Sign in, then come back to this page."),
    403: (
        "forbidden", "This page is not yours to see or change.", _SAME,
        "If you think it should be, ring us and we will look into it together.",
    ),
    404: (
        "not_found", "We can’t find that page.", "Nothing is lost.",
        "The address may be old, or a letter in it may have slipped. Start again from the first page.",
    ),
    405: ("method", "This page can’t be used that way.", _SAME, "Go back and press the button again."),
    409: (
        "conflict", "Something changed before you pressed the button.", "What you pressed has not been done.",
        "Go back and look again. The page will show how things are now.",
    ),
    413: ("too_large", "That is too much for us to take in one go.", _SAME, "Go back and send less of it."),
    415: ("not_a_form", "We couldn’t read what your browser sent.", _SAME, "Go back and try again."),
    422: (
        "unprocessable", "Something in the form needs another look.", _SAME,
        "Go back. What you wrote should still be there.",
    ),
    429: (
        "too_many", "That was tried many times in a short while.", f"{_SAME} We wait a little to keep people safe.",
        "Try again in a few minutes. If it can’t wait, ring us.",
    ),
    500: (
        "broken", "Something went wrong on our side.",
        "It was not your doing. What you did just now may not have been saved.",
        "Go back and look. If it is not there, try again in a few minutes. If it can’t wait, ring us.",
    ),
    503: ("away", "We are busy just now.", _SAME, "Try again in a minute. If it can’t wait, ring us."),
}  # fmt: skip

FORM_TOO_OLD = Trouble(
    403, "form_token", "This page had been open too long, or someone else has signed in since.",
    "Nothing has been sent or changed.", "Go back, reload the page and press the button again.",
)  # fmt: skip


def known(status: int) -> Trouble:
    """The page for a status; for one we have no words for, that of its family."""
    found = status if status in _KNOWN else 500 if status >= 500 else 400
    code, happened, safe, todo = _KNOWN[found]
    return Trouble(status, code, happened, safe, todo)


def trouble(error: Exception) -> Trouble:
    """What to say of an exception. One that nobody expected is logged by its place, never by its text."""
    if isinstance(error, FormError):
        return msgspec.structs.replace(known(422), code="bad_form", details=tuple(error.errors.values()))
    if isinstance(error, Refusal):
        plain = known(next((status for kind, status in STATUS.items() if isinstance(error, kind)), 422))
        if error.code == "busy":
            plain = known(503)
        return msgspec.structs.replace(plain, code=error.code, happened=error.sentence)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return known(error.status_code)
    reference = secrets.token_hex(4).upper()
    log.error("page failed", reference=reference, error=type(error).__name__, where=place_of(error))
    return msgspec.structs.replace(known(500), reference=f"{reference[:4]}-{reference[4:]}")


def answer(request: AnyRequest, what: Trouble) -> Response[Any]:
    """The error as a page for a person, or as JSON for a program."""
    ask = ask_of(request)
    if ask.machine:
        body = {"error": {"code": what.code, "sentence": what.happened, "reference": what.reference}}
        return Response(msgspec.json.encode(body), status_code=what.status, media_type="application/json")
    if what.status == 401:
        # Only a page that was being read is worth coming back to.
        back = f"?next={quote(ask.path)}" if ask.scope["method"] == "GET" and ask.path != "/" else ""
        return redirect(request, f"/sign-in{back}")
    ask.errors = {}
    return render(request, "errors/error.html", status=what.status, trouble=what)


def handle(request: AnyRequest, error: Exception) -> Response[Any]:
    """Litestar's one exception handler."""
    return answer(request, trouble(error))


async def send_trouble(scope: Scope, receive: Receive, send: Send, what: Trouble) -> None:
    """Answer with an error from outside of Litestar."""
    connection: Any = scope
    heard: Any = receive
    told: Any = send
    request: AnyRequest = Request(connection, heard, told)
    response: ASGIApp = answer(request, what).to_asgi_response(app=None, request=request)
    await response(scope, receive, send)

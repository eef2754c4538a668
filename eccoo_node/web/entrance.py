"""Between the outermost layer and the pages: who is signed in, and whether a form is one of ours.

A form is let in when its token proves that it came from a page of this node, shown to this very session. It is
answered once, however often it is sent.
"""

import asyncio
import hashlib
from typing import Any
from urllib.parse import urlsplit

from eccoo_node.kernel.errors import NotFound, Refusal
from eccoo_node.kernel.ids import hash_secret
from eccoo_node.web import uploads
from eccoo_node.web.asgi import ASGIApp, Receive, Scope, Send
from eccoo_node.web.ask import FORM_FIELD, Ask, begin
from eccoo_node.web.errors import FORM_TOO_OLD, known, send_trouble, trouble
from eccoo_node.web.forms import MAX_BODY, parse_body
from eccoo_node.web.once import Answer, Once
from eccoo_node.web.site import Site

# Time enough for a form over the poorest signal; after it, whoever sends drop by drop is let go.
BODY_S = 60.0
_SAFE = {"GET", "HEAD", "OPTIONS"}
# Answered without asking who is there: files, and whether the node is alive.
_PLAIN = ("/static/", "/healthz", "/readyz", "/.well-known/", "/schema/")


# The longest piece of an address of ours is a link to sign in, of 43 letters.
_LONGEST = 200


def _is_no_word(piece: str) -> bool:
    """No database keeps a NUL, and no column takes a piece of an address that is longer than any of ours."""
    return "\0" in piece or len(piece) > _LONGEST


class TooLarge(Exception):
    """The body is larger than any form of ours."""


class Entrance:
    """Makes the `Ask` of each request, loads its session in one query, and lets in only forms of ours."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self.site = site
        self.once = Once()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        ask = Ask(self.site, scope)
        begin(ask)
        started = False

        async def watched(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._enter(ask, scope, receive, watched)
        except Exception as error:
            if started:
                raise
            await send_trouble(scope, receive, send, trouble(error))

    async def _enter(self, ask: Ask, scope: Scope, receive: Receive, send: Send) -> None:
        if any(_is_no_word(piece) for piece in ask.path.split("/")) or b"%00" in scope.get("query_string", b""):
            raise NotFound()
        if ask.session_token and not ask.path.startswith(_PLAIN):
            ask.session = await self.site.load_session(hash_secret(ask.session_token))
        if scope["method"] in _SAFE:
            await self.app(scope, receive, send)
            return
        await self._form(ask, scope, receive, send)

    async def _form(self, ask: Ask, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        kind = headers.get(b"content-type", b"")
        # A file is read only of someone who is signed in, and only where a page asks for one.
        most = uploads.most_for(ask.path) if ask.session and kind.startswith(uploads.KIND) else 0
        if not most and not kind.startswith(b"application/x-www-form-urlencoded"):
            await send_trouble(scope, receive, send, known(415))
            return
        try:
            body = await _read(receive, headers, most or MAX_BODY)
            if most:
                fields, ask.files = uploads.parse(body, kind)
                body = uploads.same_again(fields, ask.files)
            else:
                fields = parse_body(body)
        except TooLarge:
            await send_trouble(scope, receive, send, known(413))
            return
        except ValueError:
            await send_trouble(scope, receive, send, known(400))
            return
        tokens = fields.pop(FORM_FIELD, [])
        key = ask.form_key(tokens[0]) if len(tokens) == 1 and _same_site(headers, self.site) else None
        if key is None:
            await send_trouble(scope, receive, send, FORM_TOO_OLD)
            return
        ask.values, ask.submitted = fields, True

        async def effect() -> Answer:
            messages: Answer = []

            async def keep(message: Any) -> None:
                messages.append(message)

            await self.app(scope, _replay(body), keep)
            return messages

        try:
            # With what was sent: going back and answering otherwise is a new answer, not the old one once more.
            told = await self.once.answer(hashlib.sha256(f"{key}:".encode() + body).hexdigest(), effect)
        except Refusal as refused:
            await send_trouble(scope, receive, send, trouble(refused))
            return
        if isinstance(told, str):
            told = [
                {"type": "http.response.start", "status": 303, "headers": [(b"location", told.encode("latin-1"))]},
                {"type": "http.response.body", "body": b""},
            ]
        for message in told:
            await send(message)


async def _read(receive: Receive, headers: dict[bytes, bytes], most: int) -> bytes:
    if int(headers.get(b"content-length", b"0")) > most:
        raise TooLarge
    parts: list[bytes] = []
    size = 0
    deadline = asyncio.get_running_loop().time() + BODY_S
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                message: Any = await receive()
        except TimeoutError:
            raise ValueError("the form came too slowly") from None
        if message["type"] == "http.disconnect":
            raise ValueError("the sender went away")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise TooLarge
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _same_site(headers: dict[bytes, bytes], site: Site) -> bool:
    """What the browser itself says of where the form stood; older ones say nothing, and the token decides alone."""
    if headers.get(b"sec-fetch-site", b"same-origin") not in {b"same-origin", b"none"}:
        return False
    origin = headers.get(b"origin", b"").decode("latin-1")
    ours = {headers.get(b"host", b"").decode("latin-1"), urlsplit(site.settings.public_url).netloc}
    return not origin or urlsplit(origin).netloc in ours

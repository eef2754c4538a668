"""What one request brings: who asks, from where, with which form. Kept beside the request while it is answered."""

import hashlib
import hmac
import secrets
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from litestar import Request

from eccoo_node.web.sessions import SessionActor

if TYPE_CHECKING:
    from eccoo_node.web.site import Site

AnyRequest = Request[Any, Any, Any]
FORM_FIELD = "_form"


def read_cookies(scope: Any) -> dict[str, str]:
    """The cookies of a request; where one name comes twice, the first, as browsers put the more exact path first."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name == b"cookie":
            for part in value.decode("latin-1").split(";"):
                key, _, text = part.strip().partition("=")
                found.setdefault(key, text)
    return found


class Ask:
    """One request, as far as pages and forms need to know it."""

    def __init__(self, site: "Site", scope: Any) -> None:
        self.site = site
        self.scope = scope
        self.path: str = scope["path"]
        self.cookies = read_cookies(scope)
        self.session: SessionActor | None = None
        self.session_token = self.cookies.get(site.session_cookie, "")
        self.form_secret = self.cookies.get(site.form_cookie, "")
        self.sets_form_secret = False
        # What was typed, by field; what is wrong with it, by field. A key of "" is about the whole form.
        self.submitted = False
        self.values: dict[str, list[str]] = {}
        self.errors: dict[str, str] = {}
        # Files that came with a form, by field (web/uploads.py).
        self.files: dict[str, Any] = {}
        self.notice = ""

    @property
    def machine(self) -> bool:
        """Whether a program asks, which reads no HTML."""
        return self.path.startswith(("/fed/", "/.well-known/", "/schema/"))

    @property
    def address(self) -> str:
        """Where the request comes from, behind the proxies that are trusted; for rate limits."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    def _secret(self) -> bytes:
        # Bound to the session where there is one: whoever can plant a cookie still does not know the session's token.
        if self.session is not None:
            return f"session:{self.session_token}".encode()
        if len(self.form_secret) < 32:
            self.form_secret = secrets.token_urlsafe(32)
            self.sets_form_secret = True
        return f"visitor:{self.form_secret}".encode()

    def new_form_token(self) -> str:
        """A token for one form: it proves that the form came from here, and is good for one effect."""
        key = secrets.token_urlsafe(16)
        return f"{key}.{_sign(self._secret(), key)}"

    def form_key(self, token: str) -> str | None:
        """The key of the form that carried this token, or None when it did not come from here."""
        key, _, signature = token.partition(".")
        if not key or not hmac.compare_digest(_sign(self._secret(), key).encode(), signature.encode()):
            return None
        return hashlib.sha256(f"{key}.{signature}".encode()).hexdigest()


def _sign(secret: bytes, key: str) -> str:
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:32]


_ask: ContextVar[Ask] = ContextVar("ask")


def begin(ask: Ask) -> None:
    """Make this the request that is being answered in this context."""
    ask.scope["eccoo"] = ask
    _ask.set(ask)


def asked() -> Ask:
    """The request being answered here. Raises LookupError outside of one."""
    return _ask.get()


def ask_of(request: "AnyRequest | Any") -> Ask:
    """The request's own `Ask`, from the request or its scope."""
    scope: Any = request.scope if isinstance(request, Request) else request
    found: Ask = scope["eccoo"]
    return found

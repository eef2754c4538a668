"""Signing in: ask for a link, use a link or a code. Reading a page of it never uses anything up."""

from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.post import post as carrier
from eccoo_node.members import sign_in
from eccoo_node.members.forms import AskForLink, UseCode, WhereTo
from eccoo_node.members.sign_in import NOT_RIGHT, SignedIn
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.page import redirect, render
from eccoo_node.web.sessions import keep_session

_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("SamsungBrowser", "Samsung Internet"),
             ("OPR", "Opera"), ("Chrome", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"))  # fmt: skip
_MACHINES = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
             ("Macintosh", "Mac"), ("CrOS", "Chromebook"), ("Linux", "Linux"))  # fmt: skip


def device_of(request: AnyRequest) -> str:
    """ "Firefox on Android": enough to tell one's own devices apart, and no more of what the browser tells."""
    told = request.headers.get("user-agent", "")
    browser = next((words for sign, words in _BROWSERS if sign in told), "A browser")
    machine = next((words for sign, words in _MACHINES if sign in told), "")
    return f"{browser} on {machine}" if machine else browser


def safe_next(path: str) -> str:
    """Where to go on to: a path of ours, never another host."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain and not path.startswith("/sign-in") else "/home"


def _let_in(request: AnyRequest, signed_in: SignedIn, going_to: str) -> Response[Any]:
    answer = redirect(request, safe_next(going_to), f"Hello {signed_in.called}.")
    keep_session(request, answer, signed_in.token, signed_in.lasts)
    return answer


class SignInController(Controller):
    """For whoever is not signed in yet, or on this device as somebody else."""

    include_in_schema = False

    @get("/sign-in", opt={"action": "public"})
    async def ask(self, request: AnyRequest) -> Response[Any]:
        """Where a mail may be sent; a node without mail asks for a code at once."""
        going_to = request.query_params.get("next", "")
        if carrier() is None:
            return render(request, "members/sign_in_code.html", asked="", by_mail=False, next=going_to)
        return render(request, "members/sign_in.html", next=going_to)

    @post("/sign-in", opt={"action": "public"})
    async def send(self, request: AnyRequest) -> Response[Any]:
        """Ask for the mail. The next page is the same whether or not the address is known."""
        going_to = (ask_of(request).values.get("next") or [""])[-1]
        try:
            form = read_form(request, AskForLink)
            asked = await sign_in.ask_for_link(form.email, client=ask_of(request).address)
        except (FormError, Invalid) as error:
            return form_error(request, "members/sign_in.html", error, next=going_to)
        except Conflict as error:
            return form_error(request, "members/sign_in.html", error, status=429, next=going_to)
        return redirect(request, f"/sign-in/code?{urlencode({'asked': asked, 'next': form.next})}")

    @get("/sign-in/code", opt={"action": "public"})
    async def code(self, request: AnyRequest) -> Response[Any]:
        """Six digits from the mail, or a code from paper."""
        asked, going_to = request.query_params.get("asked", ""), request.query_params.get("next", "")
        return render(request, "members/sign_in_code.html", asked=asked, by_mail=carrier() is not None, next=going_to)

    @post("/sign-in/code", opt={"action": "public"})
    async def use_code(self, request: AnyRequest) -> Response[Any]:
        """Sign in, once."""
        sent = ask_of(request).values
        known: dict[str, Any] = {name: (sent.get(name) or [""])[-1] for name in ("asked", "next")}
        known["by_mail"] = carrier() is not None
        try:
            form = read_form(request, UseCode)
            signed_in = await sign_in.sign_in_with_code(
                form.code, asked=form.asked, email=form.email, client=ask_of(request).address, device=device_of(request)
            )
        except FormError as error:
            return form_error(request, "members/sign_in_code.html", error, **known)
        except Conflict as error:
            return form_error(request, "members/sign_in_code.html", error, status=429, **known)
        if signed_in is None:
            return form_error(request, "members/sign_in_code.html", {"code": NOT_RIGHT}, **known)
        return _let_in(request, signed_in, form.next)

    @get("/sign-in/{token:str}", opt={"action": "public"})
    async def link(self, request: AnyRequest, token: FromPath[str]) -> Response[Any]:
        """A button that signs in. Reading this page, as mail scanners do, uses nothing up."""
        called = await sign_in.who_is_asked(token)
        going_to = request.query_params.get("next", "")
        if called is None:
            return await self._over(request, token)
        return render(request, "members/sign_in_link.html", called=called, token=token, next=going_to)

    @post("/sign-in/{token:str}", opt={"action": "public"})
    async def use_link(self, request: AnyRequest, token: FromPath[str]) -> Response[Any]:
        """Sign in, once."""
        try:
            signed_in = await sign_in.sign_in_with_link(
                token, client=ask_of(request).address, device=device_of(request)
            )
        except Conflict as error:
            return form_error(request, "members/sign_in_over.html", error, status=429, became="wait", token=token)
        if signed_in is None:
            return await self._over(request, token)
        return _let_in(request, signed_in, read_form(request, WhereTo).next)

    async def _over(self, request: AnyRequest, token: str) -> Response[Any]:
        """What happened to a link that no longer signs anyone in, said only to whoever holds it whole."""
        became, kind = await sign_in.what_became_of(token)
        return render(
            request, "members/sign_in_over.html", status=410, became=became, kind=kind, by_mail=carrier() is not None
        )

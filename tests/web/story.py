"""The story of cover as its people see it: somebody with a browser on one of the two linked nodes.

`Visitor` opens pages over the real app, keeps cookies, and presses the buttons it reads.
"""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from eccoo_federation.client import GuardedClient
from eccoo_node.app import create_app, domain_parts
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.federating.app import FederationApp
from eccoo_node.federating.wire import Wire
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.ids import hash_secret
from eccoo_node.members.session_reads import session_actor
from eccoo_node.members.tables import Session, StandingWish
from eccoo_node.rota import actions as rota
from tests.support import make
from tests.support.pair import Pair, PairNode
from tests.support.story import THURSDAY, Story


class _Form(HTMLParser):
    """Every form of a page: where it goes, its fields as they stand, and the words on its buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self._button: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({"action": named["action"], "fields": [], "buttons": []})
        elif tag == "input" and self.forms:
            ticks = named.get("type") in {"radio", "checkbox"}
            if not ticks or "checked" in named:
                self.forms[-1]["fields"].append((named.get("name", ""), named.get("value", "")))
        elif tag == "button" and self.forms:
            self._button = []
            self.forms[-1]["buttons"].append((self._button, named.get("name", ""), named.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._button = None


def text_of(html: str) -> str:
    """What a page's main part says, with single spaces."""
    main = re.search(r"<main.*?</main>", html, flags=re.DOTALL)
    plain = re.sub(r"<[^>]+>", " ", main.group(0) if main else html)
    return " ".join(unescape(plain).split())


class Answer(msgspec.Struct):
    status: int
    path: str
    html: str
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return text_of(self.html)

    @property
    def heading(self) -> str:
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.html, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", found.group(1))).split()) if found else ""

    @property
    def links(self) -> list[str]:
        return [unescape(href) for href in re.findall(r'<a[^>]* href="([^"]*)"', self.html)]

    @property
    def acts(self) -> list[str]:
        """The words on each of the page's plum buttons; there should be one at most."""
        main = re.search(r"<main.*?</main>", self.html, flags=re.DOTALL)
        found = re.findall(
            r'<(?:button|a) class="(?:button )?act"[^>]*>(.*?)</', main.group(0) if main else "", flags=re.DOTALL
        )
        return [unescape(words.strip()) for words in found]


class Visitor:
    """Someone with a browser, signed in or not."""

    def __init__(self, app: Any, token: str = "", cookie: str = "") -> None:
        self.app = app
        self.cookies = {cookie: token} if token else {}

    async def _send(self, method: str, path: str, body: bytes = b"") -> Answer:
        parts = urlsplit(path)
        headers = [
            (b"host", b"127.0.0.1"),
            (b"cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()).encode()),
        ]
        if method == "POST":
            headers += [
                (b"content-type", b"application/x-www-form-urlencoded"),
                (b"content-length", str(len(body)).encode()),
            ]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": parts.path,
            "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "headers": headers, "scheme": "http",
            "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        sent, messages = False, []

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start = messages[0]
        found = {k.decode().lower(): v.decode() for k, v in start["headers"]}
        for name, value in start["headers"]:
            if name.lower() == b"set-cookie":
                pair, _, rest = value.decode().partition(";")
                key, _, cookie = pair.partition("=")
                if "Max-Age=0" in rest:
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = cookie.strip('"')
        page = b"".join(m.get("body", b"") for m in messages[1:])
        return Answer(start["status"], path, page.decode("utf-8", "replace"), found)

    async def get(self, path: str) -> Answer:
        """Open a page, and go where it sends on to."""
        answer = await self._send("GET", path)
        while answer.status in {302, 303}:
            answer = await self._send("GET", answer.headers["location"])
        return answer

    async def press(self, page: Answer, button: str, **fields: str | list[str]) -> Answer:
        """Fill in fields and press the button of these words; go where it leads."""
        answer = await self.send(page, button, **fields)
        return await self.get(answer.headers["location"]) if answer.status == 303 else answer

    async def send(self, page: Answer, button: str, **fields: str | list[str]) -> Answer:
        """The same, without following."""
        reading = _Form()
        reading.feed(page.html)
        for form in reading.forms:
            for said, name, value in form["buttons"]:
                if "".join(said).strip() == button:
                    sent = [(k, v) for k, v in form["fields"] if k and k not in fields]
                    for key, given in fields.items():
                        sent += [(key, one) for one in (given if isinstance(given, list) else [given])]
                    if name:
                        sent.append((name, value))
                    return await self._send("POST", form["action"], urlencode(sent).encode())
        raise AssertionError(
            f"no button says {button!r} on {page.path}: {[b for f in reading.forms for b in f['buttons']]}"
        )


class Site:
    """One node with its pages, and its people by name."""

    def __init__(self, node: PairNode) -> None:
        self.node = node
        self.shell = create_app(
            node.settings, node.folder, engine=node.engine, clock=node.clock, node_id=node.name,
            load_session=session_actor, parts=domain_parts(), services=(),
        )  # fmt: skip
        self.people: dict[str, str] = {}
        self.visits: dict[str, str] = {}
        federation = FederationApp()

        async def both(scope: Any, receive: Any, send: Any) -> None:
            fed = scope["path"].startswith(("/fed/", "/.well-known/"))
            await (federation if fed else self.shell)(scope, receive, send)

        node.app = both

    async def _bound(self, scope: Any, receive: Any, send: Any) -> None:
        with self.node.bound():
            await self.shell(scope, receive, send)

    async def token(self, called: str, acting_for: str = "", via: str = "screen", known_by: str = "") -> str:
        """Sign someone in on a device of their own; the token its cookie holds."""
        token = secrets.token_hex(16)
        with self.node.bound():
            row = Session(
                token_hash=hash_secret(token), person_id=self.people[called], device="A phone", signed_in_by="link",
                acting_for=self.people.get(acting_for, ""), acting_via=via if acting_for else "", known_by=known_by,
                acting_since=clock.now() if acting_for else None, created_at=clock.now(), seen_at=clock.now(),
                ends_at=clock.now() + timedelta(days=30),
            )  # fmt: skip
            async with write():
                await insert(row)
        return token

    async def read_as(self, called: str, acting_for: str = "", via: str = "screen") -> Visitor:
        """Somebody at their browser, perhaps speaking for somebody, or writing down what they say on the telephone."""
        token = await self.token(called, acting_for, via, "rang_back" if via != "screen" else "")
        return Visitor(self._bound, token, self.shell.site.session_cookie)


class Walk:
    """Both nodes with their pages, and the cast by name; besides the story's own there is Robin, a worker of the
    circle who is not in the team, and Tomasz, a neighbour who comes on Saturdays without pay."""

    def __init__(self, story: Story) -> None:
        self.story, self.pair = story, story.pair
        self.a, self.b = Site(story.a), Site(story.b)

    async def begin(self) -> "Walk":
        for node in self.pair.both:
            # A page's words must not depend on how busy the machine is that runs the test.
            await node.wire.client.aclose()
            node.wire = Wire(node.wire.us, GuardedClient(loopback_peers=True, timeout_s=60))
        story, people = self.story, self.a.people
        people |= {
            "Edith": story.edith,
            "Ruth": story.ruth,
            "Wren": story.wren,
            "Sol": story.sol,
            "Fay": story.fay,
            "Tess": story.tess,
        }
        self.b.people |= {"Bea": story.bea, "Cass": story.cass, "Tom": story.tom, "Kit": story.kit}
        with self.a.node.bound():
            people["Robin"] = await make.worker("Robin", rate_pence=2000)
            people["Tomasz"] = await make.person("Tomasz", channel="text", phone="07700 960105")
            await make.hat(people["Tomasz"], story.team, "volunteer", "neighbour")
            async with write():
                # Fay has been there longer than Sol, so she is the one whom everybody rings.
                await fetch(
                    "UPDATE hat SET from_at = ? WHERE person_id = ?", clock.now() - timedelta(days=1), story.fay
                )
                await insert(
                    StandingWish(
                        person_id=story.edith, words="If you can’t reach me, ask Sol.", ask_first=f'["{story.sol}"]',
                        said_at=clock.now(), said_via="face_to_face", recorded_by=story.fay,
                    )
                )  # fmt: skip
            self.a.visits["Thursday"] = story.visit
            for name, worker, days, hour in (
                ("Monday", "Sol", -3, 1),
                ("Friday", "Wren", 1, 0),
                ("Saturday", "Tomasz", 2, 5),
            ):
                starts = THURSDAY + timedelta(days=days, hours=hour)
                self.a.visits[name] = await rota.plan_visit(
                    NODE, person_id=story.edith, worker_id=people[worker], starts_at=starts,
                    ends_at=starts + timedelta(hours=1), what="Company" if worker == "Tomasz" else "Breakfast and a wash",
                )  # fmt: skip
        await self.settle()
        return self

    async def settle(self) -> None:
        await self.pair.settle()


@asynccontextmanager
async def open_walk(pair: Pair) -> AsyncIterator[Walk]:
    yield await Walk(await Story(pair).begin()).begin()

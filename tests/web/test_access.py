"""Who gets to which page: every route, for everyone who may want it, with objects of two people and of elsewhere.

The table in `access.txt` is read by people. A route that is not in it, or a cell that has changed, fails; once it was
looked at, `TESTS_WRITE_TABLE=1` writes it anew.
"""

import ast
import asyncio
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Iterable, Iterator
from http.cookies import SimpleCookie
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlencode

import pytest
from litestar import Litestar
from litestar.types import ASGIApp

import eccoo_node
from eccoo_node.demo.app import demo_app
from eccoo_node.federating import app as federating
from eccoo_node.kernel import access
from eccoo_node.links import letters
from eccoo_node.record import door
from eccoo_node.web import guards
from eccoo_node.web.ask import FORM_FIELD, Ask
from eccoo_node.web.sessions import SessionActor
from tests.support.node import build
from tests.support.pair import open_pair
from tests.support.plugins import shelf
from tests.web.access_world import HATS, SECRETS, Watched, World

TABLE = Path(__file__).with_name("access.txt")
_HREF = re.compile(r'(href|value)="[^"]*"')
_PARAM = re.compile(r"{(\w+)}")
# One name for two things in routes: an offer of the search, and a worker's own offer to another circle.
_MEANS = {"/cover/": {"offer_id": "cover_offer"}, "/roles/": {"offer_id": "role_id"}}
_ALONE = {
    "token": {"made up": "x" * 43}, "path": {"made up": "x"}, "after": {"the beginning": "0"}, "rest": {"made up": "x"},
    "year": {"": "2026"},
}  # fmt: skip
# Where nothing but a whole form comes as far as the question who may.
_FORMS = {
    "/roles/{offer_id}": [("", {"answer": "no"})],
    "/speaks-for-me/stop": [],
    "/cover/ask": [],
    "/cover/offers/{offer_id}": [("", {"answer": "yes"})],
}


# What would only say again what another line says.
_SAME_AGAIN = {
    "Harold’s past",
    "Harold’s said",
    "Edith’s dear to Osric",
    "Harold’s dear to Osric",
    "Harold’s gap to Osric",
}
# Reading someone else's record is an act, and leaves its trace in the audit: nowhere else.
_AUDITED = {
    "/phone/{person_id}",
    "/expenses/{expense_id}/receipt",
    "/money/circles/{link_id}/where",
    "/money/entries",
    "/money/entries/{entry_id}",
    "/money/entries/{entry_id}/undo",
    "/money/follow/{reference}",
    "/money/payers/{payer_id}",
    "/money/payouts/{batch_id}/file/{bank_file}",
    "/money/shares-of-members/{member_id}",
    "/money/shares-of-members/{member_id}/out",
    "/papers/{paper_id}",
    "/papers/{paper_id}/pdf",
    "/papers/{paper_id}/csv",
    "/money/tax-details",
    "/money/told-hmrc",
    "/money/report/{year}/copies/{person_id}",
}


def means(path: str, param: str) -> str:
    return next((known.get(param, param) for start, known in _MEANS.items() if path.startswith(start)), param)


class Row:
    """One line of the table: a method, a route, what it is about, and the address and form that say so."""

    def __init__(self, method: str, route: str, about: str, path: str, form: dict[str, str]) -> None:
        self.method, self.route, self.path, self.form = method, route, path, form
        self.label = f"{method:4} {route}{f'  ({about})' if about else ''}"


def answered() -> list[tuple[str, str]]:
    """What is answered to other circles: method and path, read from where the answers are told apart."""
    (told,) = [
        node for node in ast.walk(ast.parse(inspect.getsource(federating._route))) if isinstance(node, ast.Match)
    ]
    found = [("GET", federating.DOCUMENT), ("GET", f"{federating.DOCUMENT}/log")]
    for case in told.cases:
        assert isinstance(case.pattern, ast.MatchSequence), "a way of answering that this test cannot read"
        method, *parts = [_part(part) for part in case.pattern.patterns]
        # Who answers which kind is registered by the domains.
        for kind in sorted(letters._ANSWERS) if parts[0] == "{kind}" else [parts[0]]:
            found.append((method, "/".join((federating.BASE, kind, *parts[1:]))))
    return found


def _part(pattern: ast.pattern) -> str:
    if isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Constant):
        return str(pattern.value.value)
    assert isinstance(pattern, ast.MatchAs | ast.MatchStar)
    return f"{{{pattern.name}}}"


def served(pages: Litestar) -> list[tuple[str, str]]:
    """Everything that a node answers: its pages, a demo's, those of its plugins, and the other circles."""
    return [*((method, route) for method, route, _ in guards.routes(pages)), *answered()]


def rows(world: World) -> Iterator[Row]:
    """Each route with each thing it can be about."""
    things = world.things | _ALONE
    for method, route in served(world.shell.pages):
        params = _PARAM.findall(route)
        if route == "/static/{name}":
            yield Row(method, route, "", "/static/site.css", {})
            continue
        kinds = [things[means(route, param)] for param in params]
        for chosen in product(*[known.items() for known in kinds]):
            path, names = route, [name for name, _ in chosen]
            if (len(names) == 2 and not names[1].startswith(names[0])) or set(names) & _SAME_AGAIN:
                continue
            for param, (_, id_) in zip(params, chosen, strict=True):
                path = path.replace(f"{{{param}}}", id_)
            yield from _with_forms(world, method, route, names[-1] if names else "", path)


def _with_forms(world: World, method: str, route: str, about: str, path: str) -> Iterator[Row]:
    if route == "/cover/ask":
        for name, id_ in world.things["visit_id"].items():
            if name.endswith(("gap", "elsewhere")):
                yield Row(method, route, name, f"{path}?visit={id_}", {})
    elif route == "/speaks-for-me/stop":
        for name, speaker in (("Edith", "Ruth"), ("Edith", "Nell"), ("Wren", "Winnie")):
            form = {"person": world.people[name], "speaker": world.people[speaker]}
            yield Row(method, route, f"{speaker} for {name}", path, form)
    elif method == "POST":
        for words, form in _FORMS.get(route, [("", {})]):
            yield Row(method, route, words or about, path, form)
    else:
        yield Row(method, route, about, path, {})


class Answer(NamedTuple):
    status: int
    location: str
    text: str


class Browser:
    """The least of one: cookies and forms. `Reader` is a whole one, which takes a quarter of the time of so long a walk."""

    def __init__(self, shell: ASGIApp) -> None:
        self.shell = shell
        self.cookies: dict[str, str] = {}

    async def get(self, path: str) -> Answer:
        return await self._ask("GET", path, b"")

    async def post(self, path: str, fields: dict[str, str]) -> Answer:
        return await self._ask("POST", path, urlencode(fields).encode())

    async def _ask(self, method: str, target: str, body: bytes) -> Answer:
        path, _, query = target.partition("?")
        headers = [(b"host", b"127.0.0.1:8000"), (b"cookie", self.cookie.encode())]
        if method == "POST":
            headers += [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"%d" % len(body))]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": headers, "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 123),
        }  # fmt: skip
        asked, done, said = [body], asyncio.Event(), list[dict[str, Any]]()

        async def receive() -> dict[str, Any]:
            if asked:
                return {"type": "http.request", "body": asked.pop(), "more_body": False}
            await done.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                done.set()

        await self.shell(scope, receive, send)  # type: ignore[arg-type]
        location = ""
        for name, value in said[0]["headers"]:
            if name.lower() == b"location":
                location = value.decode()
            if name.lower() == b"set-cookie":
                for key, cookie in SimpleCookie(value.decode()).items():
                    self.cookies[key] = cookie.value
                    if cookie["max-age"] == "0":
                        del self.cookies[key]
        text = b"".join(message.get("body", b"") for message in said[1:]).decode(errors="replace")
        return Answer(said[0]["status"], location, text)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


class Walk:
    """Everyone at their browser, and what came of each line for each of them."""

    def __init__(self, world: World, watched: Watched) -> None:
        self.world, self.watched = world, watched
        self.cells: dict[str, dict[str, str]] = {}
        self.pages: dict[tuple[str, str], tuple[int, str]] = {}
        self.wrote: list[str] = []
        self.ticked = {"planned": 0, "Harold’s planned": 0, "volunteer’s": 0, "elsewhere": 0}
        self.seen: dict[str, dict[str, list[str]]] = {secret: {hat: [] for hat in HATS} for secret in SECRETS}

    async def run(self) -> "Walk":
        found = list(rows(self.world))
        assert len({row.label for row in found}) == len(found)
        for hat in HATS:
            reader = Browser(self.world.shell)
            self._be_again(reader, hat)
            for row in sorted(found, key=lambda row: row.method):
                await (self._get(reader, hat, row) if row.method == "GET" else self._post(reader, hat, row))
        await self._tick_others()
        return self

    async def _tick_others(self) -> None:
        """Wren says on the page of her own visit that she can't be at others'."""
        visits = self.world.things["visit_id"]
        for name in self.ticked:
            named = name if name in visits else f"Edith’s {name}"
            reader = Browser(self.world.shell)
            self._be_again(reader, "wren")
            before = self.watched.touched()
            form = {FORM_FIELD: self._token(reader, "wren"), "visits": visits[named]}
            page = await reader.post(f"/visits/{visits['Edith’s planned']}/cant-come", form)
            self.ticked[name] = page.status
            if page.status != 303 and self.watched.touched() != before:
                self.wrote.append(f"wren ticks {name}")
            self.watched.go_back()

    def _note(self, hat: str, row: Row, status: int, location: str, text: str) -> None:
        code = "in" if status == 303 and location.partition("?")[0] == "/sign-in" else str(status)
        self.cells.setdefault(row.label, {})[hat] = code
        main = text[text.find("<main") : text.find("</main>")]
        self.pages[row.label, hat] = (status, main)
        for secret, words in SECRETS.items():
            # The same people offer to come to Harold: what is read there says nothing of Edith.
            if words in text and ("Harold" not in row.label or "Harold" in secret):
                self.seen[secret][hat].append(row.label)

    async def _get(self, reader: Browser, hat: str, row: Row) -> None:
        before = self.watched.touched() if row.route in _AUDITED else self.watched.version()
        page = await reader.get(row.path)
        self._note(hat, row, page.status, page.location, page.text)
        if (self.watched.touched() if row.route in _AUDITED else self.watched.version()) != before:
            self.wrote.append(f"{hat} {row.label}")
            self.watched.go_back()

    async def _post(self, reader: Browser, hat: str, row: Row) -> None:
        before = self.watched.touched()
        page = await reader.post(row.path, {FORM_FIELD: self._token(reader, hat), **row.form})
        # What would be said on the next page must not be said on one that has nothing to do with it.
        reader.cookies.pop(self.world.shell.site.notice_cookie, None)
        self._note(hat, row, page.status, page.location, page.text)
        self._be_again(reader, hat)
        if self.watched.touched() != before:
            if page.status in {401, 403, 404, 405}:
                self.wrote.append(f"{hat} {row.label}")
            self.watched.go_back()
            if row.route.startswith("/admin/plugins/"):
                # What was switched here runs, or not, in this process too.
                assert self.world.shell.plugins is not None
                with self.world.shell.bound():
                    await self.world.shell.plugins.reload()

    def _be_again(self, reader: Browser, hat: str) -> None:
        """Whoever has signed in as somebody else, or out, is themselves again."""
        reader.cookies.pop(self.world.shell.site.session_cookie, None)
        if hat in self.world.tokens:
            reader.cookies[self.world.shell.site.session_cookie] = self.world.tokens[hat]

    def _token(self, reader: Browser, hat: str) -> str:
        """A form of the node's own, shown to this browser."""
        site = self.world.shell.site
        ask = Ask(site, {"path": "/", "method": "GET", "headers": [(b"cookie", reader.cookie.encode())]})
        if hat in self.world.tokens:
            ask.session = cast("SessionActor", object())  # only whether there is one
        token = ask.new_form_token()
        if ask.sets_form_secret:
            reader.cookies[site.form_cookie] = ask.form_secret
        return token


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The whole walk, once for all that is asked of it."""
    folder = tmp_path_factory.mktemp("access")
    for name in ("hebden", "todmorden"):
        (folder / name).mkdir()
        asyncio.run(build("", folder / name))

    async def go() -> Walk:
        with shelf(folder / "shelf") as plugins:
            plugins.bundled()
            async with open_pair(folder) as pair:
                world = await World(pair).begin()
                await pair.a.stop()
                watched = Watched(folder / "hebden" / "node.sqlite")
                try:
                    return await Walk(world, watched).run()
                finally:
                    watched.close()

    return asyncio.run(go())


def table_of(walk: Walk) -> str:
    wide = max(len(label) for label in walk.cells) + 2
    lines = ["# Who gets to which page. Written by tests/web/test_access.py; what a column means:"]
    lines += [f"#   {hat:5} {known.words}" for hat, known in HATS.items()]
    lines += ['# A cell is the answer\'s status; "in" leads to signing in; 422 and 409 come only after permission.', ""]

    def line(label: str, cells: Iterable[str]) -> str:
        return f"{label:{wide}}" + "".join(f"{cell:5}" for cell in cells).rstrip()

    lines.append(line("", HATS))
    for label, cells in sorted(walk.cells.items(), key=lambda found: (found[0][5:], found[0])):
        lines.append(line(label, cells.values()))
    lines += ["", "# What somebody reads on any of these pages.", ""]
    lines += [line(secret, ("yes" if seen[hat] else "-" for hat in HATS)) for secret, seen in walk.seen.items()]
    return "\n".join(lines) + "\n"


def test_every_cell_is_as_the_table_says(walk: Walk) -> None:
    found = table_of(walk)
    if os.environ.get("TESTS_WRITE_TABLE"):
        TABLE.write_text(found)
    known = TABLE.read_text().splitlines()
    changed = [line for line in found.splitlines() if line not in known]
    gone = [line for line in known if line not in found.splitlines()]
    assert (changed, gone) == ([], [])


def test_reading_a_page_changes_nothing_and_nor_does_a_refused_form(walk: Walk) -> None:
    assert walk.wrote == []


def test_no_page_breaks(walk: Walk) -> None:
    assert [key for key, (status, _) in walk.pages.items() if status >= 500 and key[0] != "GET  /readyz"] == []


def test_what_is_hidden_and_what_is_not_there_are_answered_alike(walk: Walk) -> None:
    """Else trying ids tells a stranger which of them are somebody's."""
    told: dict[tuple[str, str], set[str]] = {}
    for (label, hat), (status, main) in walk.pages.items():
        if status == 404:
            told.setdefault((label.partition("  (")[0], hat), set()).add(_HREF.sub("", main))
    assert {route: sorted(mains) for (route, _), mains in told.items() if len(mains) > 1} == {}


def every_module() -> None:
    """Doors and rules are made known by importing where they stand."""
    for found in pkgutil.walk_packages(eccoo_node.__path__, "eccoo_node."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def test_the_walk_goes_everywhere_that_a_node_answers(walk: Walk) -> None:
    """The world is put together by hand: what a real node has beside it would have no cell, and nobody would notice."""
    node = walk.world.node
    real = demo_app(node.settings, node.folder)
    walked = {tuple(label.partition("  (")[0].split()) for label in walk.cells} - {("GET", "/static/{name}")}
    assert set(served(real.pages)) - walked == {("GET", "/static/{name}")}
    plugged = {route for _, route in walked if route.startswith("/x/")}
    assert plugged == {"/x/gatherings", "/x/gatherings/add", "/x/gatherings/{id}/call-off"}
    mounts = real.inner.app.mounts  # type: ignore[attr-defined]
    assert set(mounts) == {"/fed", federating.DOCUMENT}


def test_whatever_says_yes_or_no_is_asked_somewhere(walk: Walk) -> None:
    """Each door has a rule, each rule a door or a page, and each page names its own action."""
    pages = {action for _, _, action in guards.routes(walk.world.shell.pages)}
    every_module()
    rules = set(access.actions())
    assert set(door.doors()) - rules == set()
    assert pages - rules == {guards.PUBLIC, guards.SIGNED_IN}
    # Lists of what may be read ask these line by line; a visit's page whether it says where.
    line_by_line = {"money.see_payer", "money.see_shares", "papers.see", "expenses.see_own_receipt"}
    assert rules - set(door.doors()) - pages == {"rota.see_where", *line_by_line}


def test_a_tick_at_someone_elses_visit_is_refused_and_changes_nothing(walk: Walk) -> None:
    assert walk.ticked == {"planned": 303, "Harold’s planned": 403, "volunteer’s": 403, "elsewhere": 404}

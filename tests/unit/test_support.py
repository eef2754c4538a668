"""The tools that other tests trust must themselves be caught when they lie."""

import asyncio
import os
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.support import postgres, required
from tests.support.browser import Pages, axe_violations
from tests.support.mail import Mailbox
from tests.support.ports import free_port, neighbouring_ports
from tests.support.postgres import PostgresServer
from tests.support.processes import NodeDied, NodeProcess, environment
from tests.support.proxy import FaultProxy

# Stands in for a node where only the process helper is on trial: answers /healthz, and notes that it was asked to end.
SMALL_SERVER = """
import http.server, pathlib, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")
def end(*_):
    pathlib.Path("ended").write_text("kindly")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, bytes]]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        type(self).seen.append((self.command, self.path, body))
        reply = b"got " + body
        self.send_response(201)
        self.send_header("X-Signed-Thing", self.headers.get("X-Signed-Thing", ""))
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply)

    do_GET = do_POST = do_HEAD = _answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[tuple[int, list[tuple[str, str, bytes]]]]:
    handler = type("Handler", (Upstream,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], handler.seen
    server.shutdown()
    thread.join()
    server.server_close()


# -- what is left out ---------------------------------------------------------


def test_a_missing_part_skips_the_test_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTS_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        required.leave_out("no Chromium was found")


def test_a_missing_part_fails_the_test_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTS_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        required.leave_out("no Chromium was found")


# -- ports --------------------------------------------------------------------


def test_neighbouring_ports_can_both_be_bound() -> None:
    port = neighbouring_ports()
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", port))
        second.bind(("127.0.0.1", port + 1))


def test_nobody_is_given_the_port_of_somebody_else() -> None:
    program = "from tests.support.ports import free_port, neighbouring_ports\n"
    program += "for _ in range(40): two = neighbouring_ports(); print(free_port(), two, two + 1)"
    given = [
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTEST_XDIST_WORKER": worker, "PYTHONPATH": "."},
            check=True, capture_output=True, text=True,
        ).stdout.split()
        for worker in ("gw0", "gw1", "gw2")
    ]  # fmt: skip
    every = [port for some in given for port in some]
    assert len(every) == len(set(every)) == 3 * 40 * 3


# -- PostgreSQL ---------------------------------------------------------------


async def test_each_test_gets_an_empty_database_of_its_own(postgres_server: PostgresServer, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("CREATE TABLE planted (id int)")
    finally:
        await connection.close()
    other = postgres_server.create_database()
    try:
        tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'planted'"
        assert postgres_server.execute(tables, url=postgres_url) == [(1,)]
        assert postgres_server.execute(tables, url=other) == [(0,)]
    finally:
        postgres_server.drop_database(other)


def test_a_template_is_built_once_and_copied(postgres_server: PostgresServer) -> None:
    built: list[str] = []

    def build(url: str) -> None:
        built.append(url)
        postgres_server.execute("CREATE TABLE planted AS SELECT 7 AS id", url=url)

    copies = [postgres_server.create_database(postgres_server.template("planted", build)) for _ in range(2)]
    assert [postgres_server.execute("SELECT id FROM planted", url=url) for url in copies] == [[(7,)], [(7,)]]
    assert len(built) == 1
    for url in copies:
        postgres_server.drop_database(url)


def test_dropping_a_database_cuts_off_whoever_is_connected(postgres_server: PostgresServer) -> None:
    url = postgres_server.create_database()

    async def stay() -> None:
        connection = await asyncpg.connect(url)
        await asyncio.to_thread(postgres_server.drop_database, url)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await connection.fetch("SELECT 1")

    asyncio.run(stay())


def test_text_sorts_by_bytes_as_in_sqlite(postgres_server: PostgresServer) -> None:
    rows = postgres_server.execute("SELECT name FROM (VALUES ('b'), ('B'), ('a'), ('é')) AS v (name) ORDER BY name")
    assert [name for (name,) in rows] == ["B", "a", "b", "é"]


def test_the_packaged_server_serves_where_debians_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECCOO_TEST_PG", raising=False)
    real_glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda path, pattern: iter(()) if "bin" in pattern else real_glob(path, pattern))
    try:
        with postgres.running_server() as server:
            assert server.execute("SELECT 41 + 1") == [(42,)]
    except postgres.NoPostgres as reason:
        required.leave_out(str(reason))


# -- the browser --------------------------------------------------------------


async def test_a_page_opens_with_and_without_scripts(new_page: Pages) -> None:
    html = "data:text/html,<title>plain</title><script>document.title='scripted'</script>"
    titles = []
    for js in (True, False):
        page = await new_page(js=js)
        await page.goto(html)
        titles.append(await page.title())
    assert titles == ["scripted", "plain"]


async def test_a_failing_script_is_a_complaint(new_page: Pages) -> None:
    page = await new_page()
    await page.goto("data:text/html,<script>throw new Error('planted')</script>")
    assert [line.split(": ", 1)[1] for line in new_page.complaints()] == ["script failed: planted"]
    new_page.expected_errors.append("planted")
    assert new_page.complaints() == []


async def test_a_request_to_a_stranger_is_a_complaint(new_page: Pages) -> None:
    page = await new_page()
    await page.goto("data:text/html,<img src='http://stranger.invalid/x.png'>")
    assert [line.split(": ", 1)[1] for line in new_page.complaints()] == [
        "asked a stranger for http://stranger.invalid/x.png"
    ]
    new_page.expected_errors.append("stranger")


async def test_axe_objects_to_what_it_should(new_page: Pages) -> None:
    page = await new_page(width=320)
    await page.goto("data:text/html,<html lang=en><title>t</title><main><h1>Hello</h1><img src='data:,'></main>")
    assert [line.split(":")[0] for line in await axe_violations(page)] == ["image-alt"]


# -- mail ---------------------------------------------------------------------


def _letter(to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "circle@example.org", to, "Thursday – who comes"
    message.set_content("Your code is 123 456.\n")
    return message


def test_a_letter_arrives_whole(smtp: Mailbox) -> None:
    with smtplib.SMTP(smtp.host, smtp.port) as post:
        post.send_message(_letter("person@example.org"))
    [letter] = smtp.wait_for("person@example.org")
    assert (letter.sender, letter.subject, letter.text) == (
        "circle@example.org",
        "Thursday – who comes",
        "Your code is 123 456.\n",
    )
    assert smtp.to("somebody@example.org") == []


def test_a_mail_server_can_turn_letters_away(smtp: Mailbox) -> None:
    smtp.refuse = "451 Not now"
    with smtplib.SMTP(smtp.host, smtp.port) as post, pytest.raises(smtplib.SMTPDataError):
        post.send_message(_letter("person@example.org"))
    assert smtp.letters == []


# -- processes ----------------------------------------------------------------


def test_a_node_starts_stops_and_starts_again_on_its_port(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path, command=(sys.executable, "-c", SMALL_SERVER)).start()
    first = node.pid
    assert httpx.get(f"{node.url}/healthz").text == "ok"
    assert (node.stop(), (tmp_path / "ended").read_text(), node.running) == (0, "kindly", False)
    node.restart()
    assert node.pid != first
    assert httpx.get(f"{node.url}/healthz").text == "ok"
    node.kill()
    assert node.output.count("ready") == 2


def test_a_killed_node_gets_no_chance_to_tidy_up(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path, command=(sys.executable, "-c", SMALL_SERVER)).start()
    node.kill()
    assert not (tmp_path / "ended").exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{node.url}/healthz")


def test_a_node_that_dies_at_once_is_reported_with_its_words(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path, command=(sys.executable, "-c", "raise SystemExit('The port is taken.')"))
    with pytest.raises(NodeDied, match="The port is taken"):
        node.start()


def test_a_node_sees_its_own_home_and_none_of_this_shells_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECCOO_DATABASE_URL", "planted")
    monkeypatch.setenv("PICCOLO_CONF", "planted")
    seen = environment(tmp_path, {"ECCOO_LOG": "debug"})
    ours = {key: value for key, value in seen.items() if key.startswith(("ECCOO_", "PICCOLO_"))}
    assert ours == {"ECCOO_HOME": str(tmp_path), "ECCOO_LOG": "debug"}


# -- the fault proxy ----------------------------------------------------------

Proxied = tuple[int, list[tuple[str, str, bytes]]]
StartProxy = Callable[[int], FaultProxy]


def test_the_proxy_forwards_method_target_headers_and_body(upstream: Proxied, fault_proxy: StartProxy) -> None:
    port, seen = upstream
    proxy = fault_proxy(port)
    answer = httpx.post(f"{proxy.url}/inbox?a=1%2F2", content=b"hello", headers={"X-Signed-Thing": "sig1=:q:"})
    assert (answer.status_code, answer.text, answer.headers["X-Signed-Thing"]) == (201, "got hello", "sig1=:q:")
    assert seen == [("POST", "/inbox?a=1%2F2", b"hello")]
    [exchange] = proxy.exchanges
    assert (exchange.body, exchange.status, exchange.reply, exchange.delivered) == (b"hello", 201, b"got hello", True)
    # A signature covers @authority, so the host that the sender wrote must arrive.
    assert dict(exchange.headers)[b"Host"] == f"127.0.0.1:{proxy.port}".encode()
    assert (httpx.get(f"{proxy.url}/x").text, httpx.head(f"{proxy.url}/x").status_code) == ("got ", 201)


def test_a_lost_reply_was_acted_on(upstream: Proxied, fault_proxy: StartProxy) -> None:
    port, seen = upstream
    proxy = fault_proxy(port)
    fault = proxy.lose_replies(times=1, path="/inbox")
    assert httpx.get(f"{proxy.url}/elsewhere").status_code == 201
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{proxy.url}/inbox", content=b"once")
    assert (fault.happened, seen[-1]) == (1, ("POST", "/inbox", b"once"))
    assert httpx.post(f"{proxy.url}/inbox", content=b"again").status_code == 201
    assert [exchange.delivered for exchange in proxy.exchanges] == [True, False, True]


def test_a_lost_request_never_arrived(upstream: Proxied, fault_proxy: StartProxy) -> None:
    port, seen = upstream
    proxy = fault_proxy(port)
    proxy.lose_requests(times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{proxy.url}/inbox", content=b"lost")
    assert seen == []


def test_a_partition_is_a_closed_port_and_mends_on_the_same_one(upstream: Proxied, fault_proxy: StartProxy) -> None:
    port, seen = upstream
    proxy = fault_proxy(port)
    url = proxy.url
    proxy.partition()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    assert seen == []
    proxy.mend()
    assert (proxy.url, httpx.get(url).status_code) == (url, 201)


def test_a_delay_and_a_duplicate(upstream: Proxied, fault_proxy: StartProxy) -> None:
    port, seen = upstream
    proxy = fault_proxy(port)
    proxy.delay(0.2, times=1)
    began = time.monotonic()
    assert httpx.get(f"{proxy.url}/slow").status_code == 201
    assert time.monotonic() - began >= 0.2
    proxy.duplicate(times=1)
    assert httpx.post(f"{proxy.url}/twice", content=b"b").text == "got b"
    assert seen == [("GET", "/slow", b""), ("POST", "/twice", b"b"), ("POST", "/twice", b"b")]


def test_the_proxy_can_tamper(upstream: Proxied, fault_proxy: StartProxy) -> None:
    port, _ = upstream
    proxy = fault_proxy(port)
    proxy.tamper = lambda body: body.replace(b"17", b"18")
    assert httpx.post(f"{proxy.url}/x", content=b"17 pounds").text == "got 18 pounds"
    assert proxy.exchanges[0].body == b"17 pounds"


def test_a_dead_upstream_closes_the_line(fault_proxy: StartProxy) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(fault_proxy(free_port()).url)

"""What `create_app` refuses to start with, and what it says of its routes."""

import asyncio
import errno
import fcntl
import socket
from pathlib import Path
from typing import Any

import pytest
from litestar import Controller, Response, get

from eccoo_node.app import Parts, Shell, build, create_app
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.kernel import access
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings
from eccoo_node.web.guards import routes
from eccoo_node.web.serving import listen, only_one
from tests.support.node import Node
from tests.web.client import Reader
from tests.web.gallery.app import PARTS, gallery


class Nameless(Controller):
    @get("/nameless")
    async def show(self) -> Response[bytes]:
        return Response(b"")


class Inheriting(Controller):
    opt = {"action": "public"}

    @get("/inheriting", opt={"action": "public"})
    async def show(self) -> Response[bytes]:
        return Response(b"")


class Mistyped(Controller):
    @get("/mistyped", opt={"action": "visit.sea"})
    async def show(self) -> Response[bytes]:
        return Response(b"")


@pytest.mark.parametrize(
    "controller, why",
    [(Nameless, "names no action"), (Inheriting, "inherits its action"), (Mistyped, "visit.sea, which has no rule")],
)
def test_a_handler_that_does_not_say_what_it_is_keeps_the_node_from_starting(
    tmp_path: Path, controller: type[Controller], why: str
) -> None:
    with pytest.raises(RuntimeError, match=why):
        create_app(Settings(), DataFolder(tmp_path), parts=Parts((controller,)))


def test_every_route_tells_its_action(tmp_path: Path) -> None:
    found = routes(gallery(tmp_path).pages)
    assert {action for _, _, action in found} == {"public", "signed_in"}
    assert ("POST", "/gallery/form", "public") in found
    assert ("GET", "/gallery/mine", "signed_in") in found
    assert ("GET", "/schema/openapi.json", "public") in found


def test_an_action_with_a_rule_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(access._RULES, "visit.sea", lambda actor, thing: True)
    create_app(Settings(), DataFolder(tmp_path), parts=Parts((Mistyped,)))


async def test_the_inner_app_is_swapped_while_a_request_is_under_way(tmp_path: Path) -> None:
    shell, waiting = gallery(tmp_path), asyncio.Event()
    begun, inner = asyncio.Event(), shell.inner

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await waiting.wait()
        await inner(scope, receive, send)

    shell.inner = slow
    async with Reader(shell) as reader, Reader(shell) as other:
        under_way = asyncio.create_task(reader.get("/gallery/home"))
        await begun.wait()
        parts = Parts(PARTS.controllers[:2], (), ())
        shell.swap(*build(shell.site, parts), shell.site)
        assert (await other.get("/gallery/home")).status_code == 404
        waiting.set()
        assert (await under_way).status_code == 200


async def test_a_mount_gets_its_path_whole_and_the_headers_of_every_answer(tmp_path: Path) -> None:
    seen: list[str] = []

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"signature", b"x")],
            }
        )
        await send({"type": "http.response.body", "body": b" " * 5000})

    shell = create_app(
        Settings(), DataFolder(tmp_path), engine=NodeSQLite(tmp_path / "x"), parts=PARTS, mounts={"/fed/v1": mounted}
    )
    async with Reader(shell) as reader:
        answer = await reader.get("/fed/v1/inbox", headers={"accept-encoding": "gzip"})
        # What another circle signed its name to arrives as it was signed.
        assert "content-encoding" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await reader.get("/fed/v1x")).status_code == 404
    assert seen == ["/fed/v1/inbox"]


async def _live(shell: Shell) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(asked)

    async def send(message: Any) -> None:
        told.append(message)

    await shell({"type": "lifespan", "asgi": {}, "state": {}}, receive, send)  # type: ignore[arg-type]
    return told


async def test_a_foreign_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "node.sqlite").write_bytes(b"this is no database, and was never one" * 100)
    told = await _live(create_app(Settings(), DataFolder(tmp_path), parts=PARTS, services=()))
    assert [message["type"] for message in told] == ["lifespan.startup.failed"]
    assert told[0]["message"].endswith("cannot be opened as the node’s database: file is not a database.")


async def test_services_live_as_long_as_the_node_with_its_database_bound(node: Node, tmp_path: Path) -> None:
    heard: list[str] = []

    async def service(stop: asyncio.Event) -> None:
        heard.append("started")
        await stop.wait()
        heard.append("stopped")

    shell = create_app(
        Settings(), DataFolder(tmp_path), engine=node.engine, parts=PARTS, services=(service,),
    )  # fmt: skip
    shell._check = _nothing  # type: ignore[method-assign]
    told = await _live(shell)
    assert [message["type"] for message in told] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert heard == ["started", "stopped"]


async def _nothing() -> None:
    """A database built from the classes has no chain of migrations to check."""


def test_two_processes_never_serve_one_folder(tmp_path: Path) -> None:
    lock = tmp_path / "serving.lock"
    with only_one(lock), pytest.raises(Broken) as refused, only_one(lock):
        pass
    assert (refused.value.code, refused.value.sentence) == (
        "already_serving",
        f"Another process already serves {tmp_path}.",
    )
    with only_one(lock), lock.open("a") as other, pytest.raises(OSError) as held:  # noqa: PT011
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert held.value.errno == errno.EAGAIN


def test_a_busy_port_is_one_plain_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Broken) as refused:
            listen("127.0.0.1", port)
    assert (
        refused.value.sentence
        == f"The node cannot listen on 127.0.0.1 port {port}: something else already listens there."
    )


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_one_plain_sentence(host: str) -> None:
    with pytest.raises(Broken) as refused:
        listen(host, 8000)
    assert refused.value.sentence.startswith(f"The node cannot listen on {host} port 8000: ")

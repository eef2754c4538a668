"""Listening: one process for each data folder on SQLite, one address, and a plain sentence when either is taken."""

import asyncio
import contextlib
import errno
import fcntl
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn

from eccoo_node.kernel.errors import Broken
from eccoo_node.web.asgi import ASGIApp

GRACE_S = 10


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system lets go when a process dies. Raises Broken when another has it."""
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN}:
                raise
            raise Broken(f"Another process already serves {lock.parent}.", "already_serving") from None
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises Broken with one plain sentence."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(512)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        why = {
            errno.EADDRINUSE: "something else already listens there",
            errno.EACCES: "this user may not listen there; ports below 1024 need a proxy in front",
            errno.EADDRNOTAVAIL: "this machine has no such address",
        }.get(error.errno or 0, error.strerror or "the address cannot be used")
        raise Broken(f"The node cannot listen on {host} port {port}: {why}.", "cannot_listen") from None
    return listener


class _Server(uvicorn.Server):
    """Says when it is ready, and leaves nothing on the screen but what we say."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # All that is loaded now stays: looking it through for garbage would hold up a page by some 80 ms now and then.
        gc.freeze()
        if self.started and self.ready is not None:
            self.ready()


def run(app: ASGIApp, listener: socket.socket, *, ready: Callable[[], None] | None = None, **config: Any) -> None:
    """Serve until told to stop (Ctrl-C or SIGTERM), letting requests under way end."""
    # Uvicorn ends gracefully on either signal and then raises it again; by then everything is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server = _Server(
        uvicorn.Config(
            app, lifespan="on", server_header=False, access_log=False, log_config=None, proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=30, h11_max_incomplete_event_size=32 * 1024, **config,
        ),
        ready,
    )  # fmt: skip
    try:
        asyncio.run(server.serve(sockets=[listener]))
    finally:
        listener.close()

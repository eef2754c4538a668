"""An HTTP/1.1 proxy between two nodes that fails on request.

It stands where a node's public address is: give the proxy's URL to the other node. Each fault is real: a lost reply is
one that the upstream sent in full and nobody passed on; a partition is a closed port.
"""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import h11

Kind = Literal["lose_request", "lose_reply", "duplicate", "delay"]
WAIT_S = 30


@dataclass(frozen=True)
class Exchange:
    """One request as it was received, and the upstream's answer, whether or not it was passed on."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    status: int | None
    reply_headers: tuple[tuple[bytes, bytes], ...]
    reply: bytes
    delivered: bool


@dataclass
class Fault:
    """Applies to requests whose target contains `path` and whose body contains `holding`, `times` times; None means until
    `mend()`. `then` runs once the upstream has answered and before the sender learns that nothing comes."""

    kind: Kind
    path: str = ""
    times: int | None = None
    seconds: float = 0
    happened: int = 0
    holding: bytes = b""
    then: Callable[[], None] | None = None


@dataclass
class _Message:
    head: h11.Request | h11.Response
    body: bytes = b""


@dataclass
class FaultProxy:
    """Forwards to 127.0.0.1:`upstream_port`. All methods may be called at any time, from any thread."""

    upstream_port: int
    port: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    tamper: Callable[[bytes], bytes] | None = None
    # What it makes of a request's first line and headers before it passes them on.
    rewrite: Callable[[h11.Request], h11.Request] | None = None
    _faults: list[Fault] = field(default_factory=list)
    _listener: socket.socket | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lose_requests(self, times: int | None = None, path: str = "") -> Fault:
        """The upstream never sees them; the sender's connection closes unanswered."""
        return self._add(Fault("lose_request", path, times))

    def lose_replies(
        self, times: int | None = None, path: str = "", *, holding: bytes = b"", then: Callable[[], None] | None = None
    ) -> Fault:
        """The upstream acts and answers in full; the sender never hears of it."""
        return self._add(Fault("lose_reply", path, times, holding=holding, then=then))

    def duplicate(self, times: int | None = None, path: str = "") -> Fault:
        """The upstream gets each request twice; the sender gets the second answer."""
        return self._add(Fault("duplicate", path, times))

    def delay(self, seconds: float, times: int | None = None, path: str = "") -> Fault:
        """The request waits here before it goes on."""
        return self._add(Fault("delay", path, times, seconds))

    def partition(self) -> None:
        """Close the port: connections are refused from now on, those open are finished."""
        with self._guard:
            listener, self._listener = self._listener, None
        if listener is not None:
            # Wakes the thread that waits in accept().
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def mend(self) -> None:
        """Forget every fault and open the port again, the same one."""
        with self._guard:
            self._faults.clear()
        if self._listener is None:
            self.start()

    def start(self) -> "FaultProxy":
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        with self._guard:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self

    stop = partition

    def _add(self, fault: Fault) -> Fault:
        with self._guard:
            self._faults.append(fault)
        return fault

    def _faults_for(self, target: str, body: bytes) -> dict[Kind, Fault]:
        """The first live fault of each kind; each one returned counts as happened."""
        chosen: dict[Kind, Fault] = {}
        with self._guard:
            for fault in self._faults:
                spent = fault.times is not None and fault.happened >= fault.times
                meant = fault.path in target and fault.holding in body
                if not spent and meant and fault.kind not in chosen:
                    fault.happened += 1
                    chosen[fault.kind] = fault
        return chosen

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sender, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sender,), daemon=True).start()

    def _serve(self, sender: socket.socket) -> None:
        with sender:
            sender.settimeout(WAIT_S)
            try:
                request = _read(sender, h11.Connection(h11.SERVER))
                if request is not None:
                    self._pass_on(sender, request)
            except (OSError, h11.ProtocolError):
                # The sender sees a closed connection, as it would on a bad line.
                return

    def _pass_on(self, sender: socket.socket, request: _Message) -> None:
        assert isinstance(request.head, h11.Request)
        target = request.head.target.decode("ascii")
        faults = self._faults_for(target, request.body)
        if "delay" in faults:
            time.sleep(faults["delay"].seconds)
        reply: _Message | None = None
        if "lose_request" not in faults:
            for _ in range(2 if "duplicate" in faults else 1):
                reply = self._ask_upstream(request)
        delivered = reply is not None and "lose_reply" not in faults
        if reply is not None and "lose_reply" in faults and (then := faults["lose_reply"].then):
            then()
        self.exchanges.append(
            Exchange(
                method=request.head.method.decode("ascii"),
                target=target,
                headers=tuple(request.head.headers.raw_items()),
                body=request.body,
                status=reply.head.status_code if reply and isinstance(reply.head, h11.Response) else None,
                reply_headers=tuple(reply.head.headers.raw_items()) if reply else (),
                reply=reply.body if reply else b"",
                delivered=delivered,
            )
        )
        if delivered:
            assert reply is not None
            _write(sender, h11.Connection(h11.SERVER), reply, after=request.head)

    def _ask_upstream(self, request: _Message) -> _Message | None:
        with socket.create_connection(("127.0.0.1", self.upstream_port), timeout=WAIT_S) as upstream:
            body = self.tamper(request.body) if self.tamper else request.body
            line = h11.Connection(h11.CLIENT)
            assert isinstance(request.head, h11.Request)
            _write(upstream, line, _Message(self.rewrite(request.head) if self.rewrite else request.head, body))
            return _read(upstream, line)


def _read(wire: socket.socket, line: h11.Connection) -> _Message | None:
    """One whole message, or None when the other side closed first."""
    message: _Message | None = None
    while True:
        event = line.next_event()
        if event is h11.NEED_DATA:
            if line.they_are_waiting_for_100_continue:
                wire.sendall(line.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            line.receive_data(wire.recv(65536))
        elif isinstance(event, h11.Request | h11.Response):
            message = _Message(event)
        elif isinstance(event, h11.Data) and message is not None:
            message.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return message
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            return None


def _write(wire: socket.socket, line: h11.Connection, message: _Message, after: h11.Request | None = None) -> None:
    """Send one message. Headers keep their spelling and order; only the framing is this connection's own."""
    framing = {b"content-length", b"transfer-encoding", b"connection"}
    headers = [(name, value) for name, value in message.head.headers.raw_items() if name.lower() not in framing]
    bodiless = isinstance(message.head, h11.Request) and not message.body
    if not bodiless and not (isinstance(message.head, h11.Response) and message.head.status_code in (204, 304)):
        headers.append((b"Content-Length", str(len(message.body)).encode()))
    headers.append((b"Connection", b"close"))
    head: h11.Request | h11.Response
    if isinstance(message.head, h11.Request):
        head = h11.Request(method=message.head.method, target=message.head.target, headers=headers)
    else:
        head = h11.Response(status_code=message.head.status_code, reason=message.head.reason, headers=headers)
        if after is not None:
            # h11 lets a server answer only what it has been asked; the question was read on another connection object.
            line.receive_data(b"%s / HTTP/1.1\r\nHost: -\r\n\r\n" % after.method)
            while not isinstance(line.next_event(), h11.EndOfMessage):
                pass
    out = line.send(head) or b""
    if message.body and not (after is not None and after.method == b"HEAD"):
        out += line.send(h11.Data(data=message.body)) or b""
    out += line.send(h11.EndOfMessage()) or b""
    wire.sendall(out)

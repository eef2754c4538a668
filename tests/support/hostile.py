"""A peer that does what an honest one would not: requests signed by hand, sent byte for byte."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from eccoo_federation import jcs
from eccoo_federation.keys import SigningKey
from tests.support.pair import PairNode

PARTS = ("@method", "@target-uri", "content-digest", "content-type")


class Request(msgspec.Struct, frozen=True):
    """A request as it goes over the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    host: str = ""

    def but(self, **changes: Any) -> "Request":
        return msgspec.structs.replace(self, **changes)

    def with_header(self, name: str, value: str) -> "Request":
        kept = tuple((known, old) for known, old in self.headers if known.lower() != name.lower())
        return self.but(headers=(*kept, (name, value)))

    def header(self, name: str) -> str:
        return next(value for known, value in self.headers if known.lower() == name.lower())


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The refusal's code; empty for a success."""
        return "" if self.status < 400 else jcs.parse(self.body)["error"]["code"]


def digest_of(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign(
    node: PairNode,
    method: str,
    url: str,
    body: bytes = b"",
    *,
    key: SigningKey | None = None,
    parts: Sequence[str] = (),
    without: Sequence[str] = (),
    created_in_s: int = 0,
    nonce: str = "",
    target: str = "",
) -> Request:
    """A request that `node` signs for `url`. `parts` are what is covered, `without` the parameters left out."""
    chosen = key or node.wire.us.transport_key
    created = int(node.clock().timestamp()) + created_in_s
    fields = {"content-digest": digest_of(body), **({"content-type": "application/json"} if body else {})}
    covered = list(parts or (PARTS if body else PARTS[:3]))
    values = {"@method": method, "@target-uri": url, **fields}
    params = {
        "created": str(created), "expires": str(created + 300), "nonce": f'"{nonce or secrets.token_urlsafe(16)}"',
        "keyid": f'"{chosen.kid}"', "alg": '"ed25519"', "tag": '"circle-fed-1"',
    }  # fmt: skip
    listed = "(" + " ".join(f'"{part}"' for part in covered) + ")"
    told = listed + "".join(f";{name}={value}" for name, value in params.items() if name not in without)
    base = "".join(f'"{part}": {values[part]}\n' for part in covered) + f'"@signature-params": {told}'
    signature = base64.b64encode(chosen.sign(base.encode())).decode()
    headers = (*fields.items(), ("signature-input", f"circle={told}"), ("signature", f"circle=:{signature}:"))
    path = target or "/" + url.split("/", 3)[3]
    return Request(method, path, headers, body, host=url.split("/")[2])


async def send(port: int, request: Request, *, length: int | None = None) -> Answer:
    """Over a connection of its own. `length` is what is claimed of the body's size."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {request.host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    size = len(request.body) if length is None else length
    chunked = any(name.lower() == "transfer-encoding" for name, _ in request.headers)
    if not chunked and (size or request.method in ("POST", "PUT")):
        lines.append(f"Content-Length: {size}")
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
    try:
        writer.write(request.body)
        await writer.drain()
        raw = await reader.read(-1)
    except ConnectionError:
        raw = await reader.read(-1)
    finally:
        writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return Answer(int(first.split()[1]), headers, body)


def ping(node: PairNode, to: PairNode, link_id: str, **how: Any) -> Request:
    """The smallest request that a linked circle may make."""
    body = jcs.dump({"link": link_id, "sent": 0, "applied": 0})
    return sign(node, "POST", f"{to.url}/fed/v1/ping", body, **how)

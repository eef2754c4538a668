"""Who our own node is on the wire: its keys in the data folder, its key log, its signed document.

The 24 words are shown once, when the identity is made, and are kept nowhere. Keys lie in `keys/`, one file each, named
by what the log calls them, readable by the node's own user alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from eccoo_federation import identity as wire
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import LogState
from eccoo_federation.keys import SigningKey, Use, load_key, save_key
from eccoo_federation.proofs import sign_object
from eccoo_federation.times import wire_time
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings

LOG_FILE = "log.jsonl"
# A neighbour's clock may be this slow and it still reads our document.
BACKDATE = timedelta(minutes=5)
# Keys are good from an hour before they were made, so that a clock set back after setting up invalidates nothing.
BORN_BEFORE = timedelta(hours=1)


class Identity(msgspec.Struct, frozen=True):
    """Our node as the wire knows it. `base_url` is where we are reached now."""

    node_id: str
    base_url: str
    name: str
    phone: str
    log: list[dict[str, Any]]
    state: LogState
    transport_key: SigningKey
    object_key: SigningKey
    loopback_peers: bool = False

    def document(self, now: datetime) -> dict[str, Any]:
        """What `GET /.well-known/circle-node` answers."""
        return wire.build_document(
            self.state, name=self.name, key=self.object_key, now=now - BACKDATE, phone=self.phone or None
        )

    def sign(self, value: dict[str, Any], now: datetime) -> dict[str, Any]:
        return sign_object(value, self.object_key, self.node_id, now)

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a path."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def prefix(self) -> str:
        """The sub-path the node lives under, or ""."""
        return urlsplit(self.base_url).path.rstrip("/")


def create(folder: DataFolder, settings: Settings) -> tuple[Identity, str]:
    """Make keys and log in an empty `keys/`; the identity and the 24 words. Raises Broken when there is one already."""
    if (folder.keys / LOG_FILE).exists():
        raise Broken("This node has its keys already.", "identity_exists")
    made = wire.create_identity(
        settings.public_url, settings.circle.name, clock.now() - BORN_BEFORE, phone=settings.circle.phone or None
    )
    for key in (made.transport_key, made.object_key):
        save_key(_key_file(folder, key.kid, key.use), key)
    write_log(folder, made.log)
    return load(folder, settings), made.words


def exists(folder: DataFolder) -> bool:
    return (folder.keys / LOG_FILE).exists()


def write_log(folder: DataFolder, log: list[dict[str, Any]]) -> None:
    """Replace the log in one step, so that a power cut leaves the old one or the new one."""
    target, fresh = folder.keys / LOG_FILE, folder.keys / f"{LOG_FILE}.new"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(wire.dump_log(log))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)


def load(folder: DataFolder, settings: Settings) -> Identity:
    """Raises Broken, in one plain sentence, when the keys are missing or do not fit their log."""
    try:
        log = wire.parse_log((folder.keys / LOG_FILE).read_bytes())
        state = wire.verify_log(log)
    except FileNotFoundError:
        raise Broken("This node has no keys yet. Run: eccoo init", "no_identity") from None
    except (OSError, ProtocolError) as error:
        raise Broken(f"The key log in {folder.keys} cannot be used: {error}.", "bad_identity") from None
    return Identity(
        node_id=state.node_id,
        base_url=settings.public_url,
        name=settings.circle.name,
        phone=settings.circle.phone,
        log=log,
        state=state,
        transport_key=_newest(folder, state, "transport"),
        object_key=_newest(folder, state, "object"),
        loopback_peers=settings.federation.loopback_peers,
    )


def _key_file(folder: DataFolder, kid: str, use: Use) -> Path:
    return folder.keys / f"{kid}.{use}"


def _newest(folder: DataFolder, state: LogState, use: Use) -> SigningKey:
    """The newest key of this use whose time has come and whose file is here."""
    now = wire_time(clock.now())
    here = [k for k in state.live_keys() if k.use == use and _key_file(folder, k.kid, use).exists()]
    if not here:
        raise Broken(f"The {use} key that the key log names is not in {folder.keys}.", "bad_identity")
    chosen = max([k for k in here if k.holds_at(now)] or here, key=lambda k: k.nbf)
    try:
        key = load_key(_key_file(folder, chosen.kid, use), use)
    except (OSError, ValueError) as error:
        raise Broken(f"A key in {folder.keys} cannot be read: {error}.", "bad_identity") from None
    if key.kid != chosen.kid:
        raise Broken(f"A key in {folder.keys} is not the one its name says.", "bad_identity")
    return key


_identity: ContextVar[Identity] = ContextVar("identity")


def current() -> Identity:
    """The identity bound here. Raises RuntimeError when there is none."""
    try:
        return _identity.get()
    except LookupError:
        raise RuntimeError("no identity is bound in this context") from None


def bind(chosen: Identity) -> None:
    """Bind for this context and whatever it starts; beside the engine, wherever that is bound."""
    _identity.set(chosen)


@contextmanager
def identity_bound(chosen: Identity) -> Iterator[Identity]:
    token = _identity.set(chosen)
    try:
        yield chosen
    finally:
        _identity.reset(token)

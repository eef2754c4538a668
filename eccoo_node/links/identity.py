"""Who our own node is on the wire: its keys in the data folder, its key log, its signed document.

The 24 words are shown once, when the identity is made, and are kept nowhere. Keys lie in `keys/`, one file each, named
by what the log calls them, readable by the node's own user alone.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog

from eccoo_federation import identity as wire
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import LogState
from eccoo_federation.keys import PublicKey, SigningKey, Use, load_key, save_key
from eccoo_federation.proofs import sign_object
from eccoo_federation.times import parse_time, wire_time
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings

log = structlog.get_logger("identity")

LOG_FILE = "log.jsonl"
# Only where nobody watched the words being shown; deleted once three of them came back.
WORDS_FILE = "recovery-words.txt"
# A neighbour's clock may be this slow and it still reads our document.
BACKDATE = timedelta(minutes=5)
# Keys are good from an hour before they were made, so that a clock set back after setting up invalidates nothing.
BORN_BEFORE = timedelta(hours=1)
# How long a reading of the folder that failed is not tried again.
TRY_AGAIN = timedelta(minutes=1)


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
    # Transport keys from before that lie here still: for a circle that has not heard of the present one yet.
    older_keys: tuple[SigningKey, ...] = ()
    # When another of our keys takes its turn.
    good_until: datetime | None = None

    def document(self, now: datetime) -> dict[str, Any]:
        """What `GET /.well-known/circle-node` answers."""
        return wire.build_document(
            self.state, name=self.name, key=self.object_key, now=now - BACKDATE, phone=self.phone or None
        )

    def sign(self, value: dict[str, Any], now: datetime) -> dict[str, Any]:
        return sign_object(value, self.object_key, self.node_id, now)

    @property
    def bases(self) -> tuple[str, ...]:
        """Where we are reached, and every address that our log ever named: some circle may not have followed us yet."""
        named = [entry["base_url"] for entry in reversed(self.log) if "base_url" in entry]
        return tuple(dict.fromkeys((self.base_url, *named)))

    def base_for(self, host: str) -> str:
        """Our address that this `Host` belongs to; where we are reached now, if it is none of ours."""
        return next((base for base in self.bases if urlsplit(base).netloc == host.lower()), self.base_url)

    @property
    def prefix(self) -> str:
        """The sub-path the node lives under, or ""."""
        return prefix_of(self.base_url)


def origin_of(base_url: str) -> str:
    """Scheme, host and port, without a path."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def prefix_of(base_url: str) -> str:
    return urlsplit(base_url).path.rstrip("/")


def create(folder: DataFolder, settings: Settings) -> tuple[Identity, str]:
    """Make keys and log in an empty `keys/`; the identity and the 24 words. Raises Broken when there is one already."""
    if exists(folder):
        raise Broken("This node has its keys already.", "identity_exists")
    made = make(settings)
    keep(folder, made)
    return load(folder, settings), made.words


def make(settings: Settings) -> wire.NewIdentity:
    """Keys, log and words of an identity that nobody has yet."""
    return wire.create_identity(
        settings.public_url, settings.circle.name, clock.now() - BORN_BEFORE, phone=settings.circle.phone or None
    )


def keep(folder: DataFolder, made: wire.NewIdentity) -> None:
    """From now on this node is that one. The log of who it was before stays beside it, so that what was signed then can
    still be read. Raises Broken."""
    try:
        for key in (made.transport_key, made.object_key):
            save_key(key_file(folder, key.kid, key.use), key)
        if exists(folder):
            _, before = read_log(folder)
            shutil.copy(folder.keys / LOG_FILE, folder.keys / f"log-{before.node_id[:16]}.jsonl")
        write_log(folder, made.log)
    except OSError as error:
        raise Broken(f"The keys could not be written: {error.strerror}.", "not_written") from None


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
    entries, state = read_log(folder)
    transport = _newest(folder, state, "transport")
    return Identity(
        node_id=state.node_id,
        base_url=settings.public_url,
        name=settings.circle.name,
        phone=settings.circle.phone,
        log=entries,
        state=state,
        transport_key=transport,
        object_key=_newest(folder, state, "object"),
        loopback_peers=settings.federation.loopback_peers,
        older_keys=_older(folder, state, transport),
        good_until=_next_turn(folder, state),
    )


def read_log(folder: DataFolder) -> tuple[list[dict[str, Any]], LogState]:
    """The key log as it lies here, and what it says. Raises Broken."""
    try:
        entries = wire.parse_log((folder.keys / LOG_FILE).read_bytes())
        return entries, wire.verify_log(entries)
    except FileNotFoundError:
        raise Broken("This node has no keys yet. Run: eccoo init", "no_identity") from None
    except (OSError, ProtocolError) as error:
        raise Broken(f"The key log in {folder.keys} cannot be used: {error}.", "bad_identity") from None


def key_file(folder: DataFolder, kid: str, use: str) -> Path:
    return folder.keys / f"{kid}.{use}"


def has_key(folder: DataFolder, key: PublicKey) -> bool:
    return key_file(folder, key.kid, key.use).exists()


def _newest(folder: DataFolder, state: LogState, use: Use) -> SigningKey:
    """The newest key of this use whose time has come and whose file is here."""
    now = wire_time(clock.now())
    here = [k for k in state.live_keys() if k.use == use and has_key(folder, k)]
    if not here:
        raise Broken(
            f"The {use} key that the key log names is not in {folder.keys}. Run: eccoo identity recover", "bad_identity"
        )
    return _read_key(folder, max([k for k in here if k.holds_at(now)] or here, key=lambda k: k.nbf))


def _older(folder: DataFolder, state: LogState, chosen: SigningKey) -> tuple[SigningKey, ...]:
    """The newest first. One that was revoked may still be the last that a circle knows; it lets us say so to them."""
    begun = next(key.nbf for key in state.keys if key.kid == chosen.kid)
    now = wire_time(clock.now())
    older = [k for k in state.keys if k.use == "transport" and k.nbf <= begun and k.kid != chosen.kid and now < k.exp]
    return tuple(_read_key(folder, key) for key in reversed(older) if has_key(folder, key))


def _next_turn(folder: DataFolder, state: LogState) -> datetime | None:
    now = wire_time(clock.now())
    turns = [key.nbf for key in state.live_keys() if key.nbf > now and has_key(folder, key)]
    return parse_time(min(turns)) if turns else None


def _read_key(folder: DataFolder, chosen: PublicKey) -> SigningKey:
    use = chosen.use
    try:
        key = load_key(key_file(folder, chosen.kid, use), use)
    except (OSError, ValueError) as error:
        raise Broken(f"A key in {folder.keys} cannot be read: {error}.", "bad_identity") from None
    if key.kid != chosen.kid:
        raise Broken(f"A key in {folder.keys} is not the one its name says.", "bad_identity")
    return key


class Kept:
    """Our identity as it lies in the data folder at this moment: read again when the key log was written anew, by
    whichever process, and when the time of another key has come. A running node needs no restart for either."""

    def __init__(self, folder: DataFolder, settings: Settings, *, keyless: bool = False) -> None:
        """Raises Broken when the keys cannot be read; `keyless`: not before they are asked for, because others are made."""
        self.folder = folder
        self.settings = settings
        self._us: Identity | None = None if keyless else load(folder, settings)
        self._seen = self._stamp()
        self._until = self._us.good_until if self._us else None

    def __call__(self) -> Identity:
        stamp = self._stamp()
        if self._us is None:
            self._us = load(self.folder, self.settings)
        if stamp != self._seen or (self._until is not None and clock.now() >= self._until):
            self._seen = stamp
            self._read_again()
        return self._us

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = (self.folder.keys / LOG_FILE).stat()
        except OSError:
            return (0, 0, 0)
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read_again(self) -> None:
        try:
            self._us = load(self.folder, self.settings)
        except Broken as broken:
            # What was read before still speaks for this node; `eccoo doctor` and the admin's page say what is wrong.
            log.error("keys not read", code=broken.code)
            self._until = clock.now() + TRY_AGAIN
            return
        self._until = self._us.good_until


_identity: ContextVar[Callable[[], Identity]] = ContextVar("identity")


def current() -> Identity:
    """The identity bound here, as it is now. Raises RuntimeError when there is none."""
    try:
        return _identity.get()()
    except LookupError:
        raise RuntimeError("no identity is bound in this context") from None


def kept() -> Kept:
    """The data folder's own identity, where one is bound. Raises RuntimeError when none is."""
    found = _identity.get(None)
    if not isinstance(found, Kept):
        raise RuntimeError("no identity of a data folder is bound in this context")
    return found


def sheet_waits() -> bool:
    """Whether the words of our recovery sheet lie here still, because nobody has typed three of them back."""
    found = _identity.get(None)
    return isinstance(found, Kept) and (found.folder.keys / WORDS_FILE).exists()


def bind(chosen: Callable[[], Identity]) -> None:
    """Bind for this context and whatever it starts; beside the engine, wherever that is bound."""
    _identity.set(chosen)


@contextmanager
def identity_bound(chosen: Identity | Callable[[], Identity]) -> Iterator[None]:
    token = _identity.set((lambda: chosen) if isinstance(chosen, Identity) else chosen)
    try:
        yield
    finally:
        _identity.reset(token)

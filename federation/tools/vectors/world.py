"""Two circles with fixed keys, one link between them, one hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from eccoo_federation import identity, jcs, proofs
from eccoo_federation.identity import NewIdentity
from eccoo_federation.keys import SigningKey
from eccoo_federation.times import wire_time

Case = dict[str, Any]
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LINK = "019ab300-0000-7000-8000-00000000a1b2"
WORDS = {"a": " ".join(["abandon"] * 23 + ["art"]), "b": " ".join(["zoo"] * 23 + ["vote"])}


def seed(text: str) -> bytes:
    """32 bytes that anybody can make again: the text, repeated and cut."""
    return (text.encode() * 32)[:32]


@cache
def circle(letter: str) -> NewIdentity:
    return identity.create_identity(
        f"https://{letter}.example",
        f"Circle {letter.upper()}",
        NOW - timedelta(days=1),
        phone="01632 960001",
        recovery_words=WORDS[letter],
        transport_key=SigningKey.from_seed(seed(f"transport {letter}"), "transport"),
        object_key=SigningKey.from_seed(seed(f"object {letter}"), "object"),
    )


def a() -> NewIdentity:
    return circle("a")


def b() -> NewIdentity:
    return circle("b")


def other(me: NewIdentity) -> NewIdentity:
    return b() if me is a() else a()


def sign(me: NewIdentity, value: dict[str, Any], at: datetime = NOW) -> dict[str, Any]:
    return proofs.sign_object(value, me.object_key, me.node_id, at)


def case(name: str, expect: str = "ok", **more: Any) -> Case:
    return {"name": name, "expect": expect, **more}


def ids(number: int) -> str:
    """Event ids in order."""
    return f"019ab300-{number >> 16 & 0xFFFF:04x}-7{number & 0xFFF:03x}-8000-0000000000e1"


def world() -> dict[str, Any]:
    made: dict[str, Any] = {
        "about": "The two circles of all other files. Their private keys are public: never use them for anything else.",
        "now": wire_time(NOW),
        "link": LINK,
    }
    for letter in ("a", "b"):
        one = circle(letter)
        log = identity.verify_log(one.log)
        made[letter] = {
            "node_id": one.node_id,
            "base_url": log.base_url,
            "recovery_words": one.words,
            "transport_seed": one.transport_key.seed.hex(),
            "transport_kid": one.transport_key.kid,
            "object_seed": one.object_key.seed.hex(),
            "object_kid": one.object_key.kid,
            "log": [jcs.dump(entry).decode() for entry in one.log],
            "log_head": log.head,
        }
    return made

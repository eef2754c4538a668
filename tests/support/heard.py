"""Stands where the cover domain would: handlers of letters that remember what came."""

from datetime import timedelta
from typing import Any

import pytest

from eccoo_federation.times import wire_time
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import Actor
from eccoo_node.links import letters
from eccoo_node.links.letters import Letter
from tests.support.pair import PairNode

# Always allowed, always allowed, and allowed only by the agreement.
KINDS = ("cover.declined", "cover.cancelled", "disclosure.sent")


class Heard:
    """What came, in order; and what the test says is to be refused."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str, int]] = []
        self.actors: list[Actor] = []
        self.refuse: dict[str, Exception] = {}

    async def hear(self, actor: Actor, letter: Letter) -> None:
        if letter.subject in self.refuse:
            raise self.refuse[letter.subject]
        self.actors.append(actor)
        self.letters.append((letter.type, letter.subject, letter.rev))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Everything below the handlers is the real thing."""
    listening = Heard()
    monkeypatch.setattr(letters, "_HANDLERS", {**letters._HANDLERS, **dict.fromkeys(KINDS, listening.hear)})
    return listening


async def write_letter(node: PairNode, link_id: str, subject: str = "req-1", type_: str = "cover.declined") -> str:
    """Queue one letter at this node; its id."""
    body: dict[str, Any] = {"request": subject}
    if type_ == "cover.cancelled":
        body["cancelled_at"] = wire_time(node.clock())
    if type_ == "disclosure.sent":
        body |= {"n": 1, "salted_hash": "A" * 43, "retain_until": wire_time(node.clock() + timedelta(days=1))}
    with node.bound():
        async with write():
            return await letters.send(link_id, type_, subject, body)

"""A body that comes drop by drop is let go, on every way in."""

import asyncio
from typing import Any

import pytest

from eccoo_federation.errors import ProtocolError
from eccoo_node.federating import app as federation
from eccoo_node.web import entrance


async def drops() -> dict[str, Any]:
    """One byte, and then another, for ever."""
    await asyncio.sleep(0.01)
    return {"type": "http.request", "body": b"x", "more_body": True}


async def test_another_circle_that_never_ends_its_message_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(federation, "BODY_S", 0.05)
    async with asyncio.timeout(2):
        with pytest.raises(ProtocolError) as refused:
            await federation._read((), drops)
    assert refused.value.code == "bad_body"


async def test_a_form_that_never_ends_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "BODY_S", 0.05)
    async with asyncio.timeout(2):
        with pytest.raises(ValueError, match="slowly"):
            await entrance._read(drops, {}, entrance.MAX_BODY)

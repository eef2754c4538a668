"""Fixed keys, a fixed hour, and where the published vectors lie."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import NewIdentity, create_identity
from eccoo_federation.keys import SigningKey
from tests.support.required import leave_out

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
WORDS_A = " ".join(["abandon"] * 23 + ["art"])
WORDS_B = " ".join(["zoo"] * 23 + ["vote"])


@cache
def circle(letter: str) -> NewIdentity:
    """Circle A or B, the same in every run."""
    seed = letter.encode()
    return create_identity(
        f"https://{letter}.example",
        f"Circle {letter.upper()}",
        NOW,
        phone="01632 960001",
        recovery_words={"a": WORDS_A, "b": WORDS_B}[letter],
        transport_key=SigningKey.from_seed(seed * 32, "transport"),
        object_key=SigningKey.from_seed((seed + b"o") * 16, "object"),
    )


def vectors(name: str) -> Path:
    """A folder of published vectors; without it the test is left out, which fails the run where all is required."""
    named = os.environ.get("ECCOO_VECTORS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
    if not (folder / name).exists():
        leave_out(f"no published vectors in {folder}: set ECCOO_VECTORS")
    return folder / name


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def refused(call: Any, *args: Any, **kwargs: Any) -> str:
    """The code with which ``call`` refuses; fails when it does not."""
    with pytest.raises(ProtocolError) as caught:
        call(*args, **kwargs)
    return caught.value.code

"""Vectors of this protocol with fixed keys and times. What each case expects is said by hand, never asked of the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "vectors"


def all_vectors() -> dict[str, dict[str, Any]]:
    """File name -> content."""
    from . import after, cover, events, identity, linking, plain, transport, world

    made: dict[str, dict[str, Any]] = {"world": world.world()}
    for part in (plain, identity, transport, linking, events, cover, after):
        made |= part.vectors()
    return {f"{name}.json": made[name] for name in sorted(made)}


def text(made: dict[str, Any]) -> str:
    return json.dumps(made, indent=1) + "\n"

"""Reads of what was decided."""

from datetime import date, datetime

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Invalid, NotFound

SHOWN = 100


class Decision(msgspec.Struct, frozen=True):
    """One decision of the circle."""

    id: str
    words: str
    decided_by: str
    decided_on: date
    review_on: date
    recorded_at: datetime

    @property
    def title(self) -> str:
        return title_of(self.words)

    def due(self, today: date) -> bool:
        """Whether the day to look at it again has come."""
        return self.review_on <= today


def title_of(words: str) -> str:
    """The first line of a decision, short enough for a list."""
    first = words.split("\n", 1)[0]
    return first if len(first) <= 100 else f"{first[:99].rstrip()}…"


_COLUMNS = "SELECT id, words, decided_by, decided_on, review_on, recorded_at FROM decision"


def _decision(row: tuple[str, str, str, str, str, datetime]) -> Decision:
    id_, words, by, on, review, at = row
    return Decision(id_, words, by, date.fromisoformat(on), date.fromisoformat(review), as_time(at) or clock.now())


async def decisions(actor: Actor) -> list[Decision]:
    """The newest decisions, newest first. Raises Forbidden for whoever does not belong to the circle."""
    access.requires(actor, "governance.see", Thing("decision"))
    rows = await fetch(f"{_COLUMNS} ORDER BY decided_on DESC, id DESC LIMIT {SHOWN}")
    return [_decision(tuple(row)) for row in rows]


async def decision(actor: Actor, decision_id: str) -> Decision:
    """Raises NotFound, and Forbidden as `decisions`."""
    access.requires(actor, "governance.see", Thing("decision", decision_id))
    row = await fetch_one(f"{_COLUMNS} WHERE id = ?", decision_id)
    if row is None:
        raise NotFound("There is no such decision.", "no_decision")
    return _decision(tuple(row))


async def requires_decision(decision_id: str) -> None:
    """Raise Invalid unless the circle has decided this: what changes its money names the decision it rests on."""
    if not decision_id or await fetch_one("SELECT id FROM decision WHERE id = ?", decision_id) is None:
        raise Invalid("Choose the decision that this rests on.", "no_decision", field="decision")

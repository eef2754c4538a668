"""Reads of what was decided."""

from datetime import date, datetime

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
from eccoo_node.governance.figures import FIGURES, Figure
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Invalid, NotFound

SHOWN = 50


class Decision(msgspec.Struct, frozen=True):
    """One decision of the circle."""

    id: str
    words: str
    decided_by: str
    decided_on: date
    review_on: date
    recorded_at: datetime
    about: str = ""
    recorded_by: str = ""
    recorder: str = ""

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


_COLUMNS = (
    "SELECT d.id, d.words, d.decided_by, d.decided_on, d.review_on, d.recorded_at, d.about, d.recorded_by, "
    "COALESCE(p.called, '') FROM decision d LEFT JOIN person p ON p.id = d.recorded_by"
)


def _decision(row: tuple[str, str, str, str, str, datetime, str, str, str]) -> Decision:
    id_, words, by, on, review, at, *rest = row
    at = as_time(at) or clock.now()
    return Decision(id_, words, by, date.fromisoformat(on), date.fromisoformat(review), at, *rest)


async def decisions(actor: Actor, *, about: str = "", skip: int = 0) -> list[Decision]:
    """The newest decisions, newest first; of one number where `about` names it; one more than is
    shown, where there are more. Raises Forbidden for whoever does not
    belong to the circle."""
    access.requires(actor, "governance.see", Thing("decision"))
    rows = await fetch(
        f"{_COLUMNS} WHERE ? = '' OR d.about = ? ORDER BY d.decided_on DESC, d.id DESC LIMIT {SHOWN + 1} OFFSET ?",
        about, about, skip,
    )  # fmt: skip
    return [_decision(tuple(row)) for row in rows]


async def decision(actor: Actor, decision_id: str) -> Decision:
    """Raises NotFound, and Forbidden as `decisions`."""
    access.requires(actor, "governance.see", Thing("decision", decision_id))
    row = await fetch_one(f"{_COLUMNS} WHERE d.id = ?", decision_id)
    if row is None:
        raise NotFound("There is no such decision.", "no_decision")
    return _decision(tuple(row))


async def requires_decision(
    decision_id: str,
    *,
    not_by: str = "",
    figure: str = "",
    named: bool = False,
    since: date | None = None,
    still: bool = False,
) -> None:
    """Raise Invalid unless the circle has decided this: what changes its money names the decision it rests on.

    `figure`: the number that it changes; a decision about another number is none about this one.
    `named`: one that says it is about that number, and no general one. `since`: decided on this day or later.
    `still`: the day to look at it again is yet to come.
    `not_by`: whoever acts on it, where that takes two people; somebody else has written the decision down.
    """
    found = "SELECT recorded_by, about, decided_on, review_on FROM decision WHERE id = ?"
    row = await fetch_one(found, decision_id) if decision_id else None
    if row is None:
        raise Invalid("Choose the decision that this rests on.", "no_decision", field="decision")
    if row[1] not in ({figure} if named else {"", figure}):
        raise Invalid("This decision is about something else.", "other_figure", field="decision")
    if (since and row[2] < since.isoformat()) or (still and row[3] <= clock.today().isoformat()):
        raise Invalid("This was decided too long ago. The circle decides on it anew.", "old_decision", field="decision")
    if not_by and row[0] == not_by:
        raise Invalid(
            "You wrote this decision down yourself. Somebody else writes the decision down that this rests on.",
            "own_decision",
            field="decision",
        )


async def figure(of: Figure, at: datetime | None = None) -> int:
    """The number that holds now, or held or will hold at a moment."""
    found = await fetch_value(
        "SELECT value FROM decided_figure WHERE name = ? AND valid_from <= ? ORDER BY valid_from DESC, id DESC LIMIT 1",
        of.name,
        at or clock.now(),
    )
    return of.first if found is None else int(found)


class Decided(msgspec.Struct, frozen=True):
    """One value of a figure, and the decision it rests on; None for the value that the software began with."""

    figure: Figure
    value: int
    valid_from: datetime | None = None
    decision_id: str = ""
    words: str = ""
    # Who wrote the number down, and who the decision.
    by: str = ""
    decision_by: str = ""


async def figures(actor: Actor) -> list[tuple[Decided, list[Decided]]]:
    """Every figure as it stands now, with what is to come of it, in the order in which they were declared."""
    access.requires(actor, "governance.see", Thing("figure"))
    rows = await fetch(
        "SELECT f.name, f.value, f.valid_from, f.decision_id, d.words, COALESCE(p.called, ''), COALESCE(q.called, '') "
        "FROM decided_figure f JOIN decision d ON d.id = f.decision_id LEFT JOIN person p ON p.id = f.recorded_by "
        "LEFT JOIN person q ON q.id = d.recorded_by ORDER BY f.valid_from, f.id"
    )
    now = clock.now()
    found = {name: (Decided(one, one.first), list[Decided]()) for name, one in FIGURES.items()}
    for name, value, from_, decision_id, words, *by in map(tuple, rows):
        if name not in FIGURES:
            continue
        at = as_time(from_) or now
        told = Decided(FIGURES[name], value, at, decision_id, title_of(words), *by)
        found[name] = (told, found[name][1]) if at <= now else (found[name][0], [*found[name][1], told])
    return list(found.values())

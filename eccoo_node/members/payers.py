"""Reads of who pays for whose support, and of whom the circle pays a wage: many people at a time."""

from collections.abc import Awaitable, Callable, Iterable

import msgspec

from eccoo_node.db.rows import fetch, marks
from eccoo_node.kernel.access import Actor


class Pays(msgspec.Struct, frozen=True):
    """One of those who pay for someone now. `share_bps` is their part of what a visit costs."""

    id: str
    person_id: str
    payer_person_id: str
    called: str
    share_bps: int
    arrears: bool


async def who_pays(person_ids: Iterable[str]) -> dict[str, list[Pays]]:
    """Who pays for each of these people now, whoever began first first; nobody for some. One statement."""
    wanted = sorted(set(person_ids))
    rows = await fetch(
        "SELECT y.id, y.person_id, y.payer_person_id, p.called, y.share_bps, y.arrears FROM payer y "
        f"JOIN person p ON p.id = y.payer_person_id WHERE y.ended_at IS NULL AND y.person_id IN ({marks(wanted)}) "
        "ORDER BY y.from_at, y.id",
        *wanted,
    )
    found: dict[str, list[Pays]] = {}
    for row in rows:
        one = Pays(row[0], row[1], row[2], row[3], row[4], bool(row[5]))
        # Whoever pays the whole pays alone, and the newest holds.
        if one.share_bps == 10_000:
            found[one.person_id] = [one]
        else:
            found[one.person_id] = [*(p for p in found.get(one.person_id, []) if p.share_bps < 10_000), one]
    return found


async def funds_of(payer_ids: Iterable[str]) -> dict[str, str]:
    """Out of what each of these payers pays."""
    wanted = sorted(payer_ids)
    rows = await fetch(f"SELECT id, fund FROM payer WHERE id IN ({marks(wanted)})", *wanted) if wanted else []
    return {row[0]: row[1] for row in rows}


async def pay_here() -> list[tuple[str, str]]:
    """Everyone who pays for somebody's support now, by what they are called."""
    rows = await fetch(
        "SELECT DISTINCT p.id, p.called FROM payer y JOIN person p ON p.id = y.payer_person_id "
        "WHERE y.ended_at IS NULL AND p.standing <> 'died' ORDER BY p.called, p.id"
    )
    return [(row[0], row[1]) for row in rows]


async def workers() -> list[tuple[str, str, bool]]:
    """Everyone who gives support here, paid: who, what they are called, and whether the circle pays them a wage."""
    rows = await fetch(
        "SELECT w.person_id, p.called, w.employed FROM worker w JOIN person p ON p.id = w.person_id "
        "WHERE w.paid = TRUE AND p.standing <> 'died' ORDER BY p.called, p.id"
    )
    return [(row[0], row[1], bool(row[2])) for row in rows]


async def employed_among(worker_ids: Iterable[str]) -> frozenset[str]:
    """Which of these workers have a wage from the circle. One statement."""
    wanted = sorted(set(worker_ids))
    rows = await fetch(
        f"SELECT person_id FROM worker WHERE employed = TRUE AND person_id IN ({marks(wanted)})", *wanted
    )
    return frozenset(row[0] for row in rows)


# What becomes of the money of those who no longer pay for somebody, in sentences for this reader.
TellsLeft = Callable[[Actor, str], Awaitable[list[str]]]
_TELLS_LEFT: list[TellsLeft] = []


def tells_left(function: TellsLeft) -> TellsLeft:
    """Register what knows of money that was left; nothing here knows of any."""
    _TELLS_LEFT.append(function)
    return function


async def what_is_left(actor: Actor, person_id: str) -> list[str]:
    """What whoever ended it reads, until it has gone back."""
    return [sentence for function in _TELLS_LEFT for sentence in await function(actor, person_id)]

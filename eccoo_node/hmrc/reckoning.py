"""From what was earned to what is told: by calendar quarter, in pence until the very end, then in whole pounds.

Pure: the same parts, year and zone give the same sums.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from eccoo_node.escrow.earned import Part
from eccoo_node.kernel import clock


class Quarter(msgspec.Struct, frozen=True):
    """What one worker earned in three months.

    `net_pence` is theirs, without mileage and expenses; `fees_pence` is what the circles kept of it, less `tax_pence`, the
    VAT within that. The three make up the whole fee. `visits` is for how many visits something of it was let go, `bought`
    for how many things that they paid for.
    """

    net_pence: int = 0
    fees_pence: int = 0
    tax_pence: int = 0
    reimbursed_pence: int = 0
    visits: int = 0
    bought: int = 0

    @property
    def gross_pence(self) -> int:
        return self.net_pence + self.fees_pence + self.tax_pence


Year = tuple[Quarter, Quarter, Quarter, Quarter]
NOTHING: Year = (Quarter(), Quarter(), Quarter(), Quarter())


class InPounds(msgspec.Struct, frozen=True):
    """The same four quarters as HMRC is told them, in whole pounds."""

    consideration: tuple[int, ...]
    fees: tuple[int, ...]
    taxes: tuple[int, ...]
    visits: tuple[int, ...]

    @property
    def empty(self) -> bool:
        return not any((*self.consideration, *self.fees, *self.taxes, *self.visits))


def year_bounds(year: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first moment of a year here and of the one after it."""
    return (
        clock.day_bounds(date(year, 1, 1), zone)[0],
        clock.day_bounds(date(year + 1, 1, 1), zone)[0],
    )


def by_quarter(parts: Iterable[Part], zone: ZoneInfo) -> dict[str, Year]:
    """What each worker earned by quarter, of parts that all lie in one year of the circle."""
    sums: dict[str, list[list[int]]] = {}
    visits: dict[tuple[str, int, bool], set[str]] = {}
    for part in parts:
        at, given = (part.at.astimezone(zone).month - 1) // 3, part.shares
        quarter = sums.setdefault(part.worker_id, [[0, 0, 0, 0] for _ in range(4)])[at]
        quarter[0] += given.worker_pence
        quarter[1] += given.commission_pence - given.vat_pence
        quarter[2] += given.vat_pence
        quarter[3] += given.travel_pence
        # A visit has more than one line where somebody covered it, or where what was missing of it came later.
        kind, _, rest = part.reference.partition(":")
        visits.setdefault((part.worker_id, at, kind == "expense"), set()).add(f"{kind}:{rest.partition(':')[0]}")
    found: dict[str, Year] = {}
    for worker_id, quarters in sums.items():
        q1, q2, q3, q4 = (
            Quarter(
                net, fees, tax, reimbursed, *(len(visits.get((worker_id, at, bought), ())) for bought in (False, True))
            )
            for at, (net, fees, tax, reimbursed) in enumerate(quarters)
        )
        found[worker_id] = (q1, q2, q3, q4)
    return found


def pounds_of(pence: int) -> int:
    """Whole pounds, half a pound rounded up. Raises ValueError below nothing: HMRC takes no quarter that is."""
    if pence < 0:
        raise ValueError("a quarter is never below nothing")
    return (pence + 50) // 100


def in_pounds(quarters: Sequence[Quarter], *, reimbursed: bool) -> InPounds:
    """As HMRC is told it. With `reimbursed`, mileage and expenses count as earned, and what was bought as something done."""
    return InPounds(
        tuple(pounds_of(q.net_pence + (q.reimbursed_pence if reimbursed else 0)) for q in quarters),
        tuple(pounds_of(q.fees_pence) for q in quarters),
        tuple(pounds_of(q.tax_pence) for q in quarters),
        tuple(q.visits + (q.bought if reimbursed else 0) for q in quarters),
    )


def total(quarters: Sequence[Quarter]) -> Quarter:
    """The whole year. A visit that was paid for in two quarters counts in each, as HMRC asks."""
    return Quarter(*(sum(getattr(q, name) for q in quarters) for name in Quarter.__struct_fields__))

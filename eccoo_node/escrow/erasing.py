"""What of somebody's money must be kept, and for how long.

The books name nobody, so nothing of them is erased.
"""

from datetime import datetime, timedelta

from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.kernel import clock
from eccoo_node.members import erasing
from eccoo_node.members.erasing import Kept

# Papers and records of money: six years after the end of the year they belong to (HMRC; Companies Act 2006 s388 asks
# less). Counted from the last entry, to the end of that seventh tax year.
YEARS = 7
LOOKED_AT_AGAIN = timedelta(days=14)


def kept_until(last: datetime) -> datetime:
    """The end of the sixth tax year after the one that this lies in."""
    year = last.year if (last.month, last.day) >= (4, 6) else last.year - 1
    return datetime(year + YEARS, 4, 6, tzinfo=last.tzinfo)


def kept_since(now: datetime) -> datetime:
    """What lies before this day is older than the law asks to keep."""
    year = now.year if (now.month, now.day) >= (4, 6) else now.year - 1
    return datetime(year - YEARS + 1, 4, 6, tzinfo=now.tzinfo)


_THEIRS = "SELECT id FROM payer WHERE person_id = ? OR payer_person_id = ?"


@erasing.keeps
async def money(person_id: str) -> list[Kept]:
    """Money that is theirs, or that they owe, is settled first; papers about what was paid stay for years."""
    found = []
    open_ = await fetch_value(
        f"SELECT 1 FROM account WHERE balance_pence <> 0 AND (holder = ? OR holder IN ({_THEIRS})) LIMIT 1",
        person_id, person_id, person_id,
    )  # fmt: skip
    aside = await fetch_value(
        "SELECT 1 FROM account a JOIN line l ON CAST(l.id AS TEXT) = a.holder WHERE a.code IN ('2100', '2110') AND "
        "a.balance_pence <> 0 AND (l.person_id = ? OR l.worker_id = ?) LIMIT 1",
        person_id, person_id,
    )  # fmt: skip
    if open_ or aside:
        found.append(Kept("money_open", clock.now() + LOOKED_AT_AGAIN, whole=True))
    last = as_time(
        await fetch_value(
            "SELECT MAX(e.at) FROM entry e JOIN line l ON l.id = e.line_id "
            f"WHERE l.person_id = ? OR l.worker_id = ? OR l.payer_id IN ({_THEIRS})",
            person_id,
            person_id,
            person_id,
            person_id,
        )
    )
    if last is not None:
        found.append(Kept("money_record", kept_until(last)))
    return found


@erasing.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    """What they said when money of theirs was kept back for a while."""
    await fetch("UPDATE pause SET worker_yes = '' WHERE worker_yes <> '' AND worker_id = ?", person_id)

"""What every entry that somebody writes by hand has in common: a reason, whose money it is, and what is on its way already."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from eccoo_node.db.rows import as_time, fetch, fetch_value, marks
from eccoo_node.escrow import chart, ledger
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.rules import Leg
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import pounds
from eccoo_node.record.door import Act


def reason(act: Act, because: str, sentence: str) -> None:
    """Keep why. Raises Invalid with this sentence where nothing is said."""
    act.because(because)
    if not because.strip():
        raise Invalid(sentence, "no_reason", field="because")


# Whoever stops speaking for someone is concerned with their money for so long; once they have died, for good.
SPOKE_WITHIN = timedelta(days=366)


async def concerned(holders: Iterable[str]) -> frozenset[str]:
    """Whose money lies on the accounts of these payers, workers and members: they, whose support it pays for, and whoever
    speaks for one of them about money, or did within a year, or ever for one who has died: a death ends all speaking, and
    an estate would be theirs to give. None of them decides on it as a treasurer."""
    return frozenset[str]().union(*(await concerned_each(holders)).values())


async def concerned_each(holders: Iterable[str]) -> dict[str, frozenset[str]]:
    """As `concerned`, of each of them by itself. Two statements."""
    ids = sorted(set(holders))
    if not ids:
        return {}
    rows = await fetch(f"SELECT id, person_id, payer_person_id FROM payer WHERE id IN ({marks(ids)})", *ids)
    pays = {row[0]: {row[1], row[2]} for row in rows}
    theirs = {one: {one} | pays.get(one, set()) for one in ids}
    people = sorted(set[str]().union(*theirs.values()))
    since = clock.now() - SPOKE_WITHIN
    speak = await fetch(
        "SELECT s.person_id, s.speaker_id FROM speaks_for s JOIN person p ON p.id = s.person_id WHERE s.scope = 'money' "
        "AND (p.standing = 'died' OR ((s.ended_at IS NULL OR s.ended_at > ?) AND (s.until_at IS NULL OR s.until_at > ?))) "
        f"AND s.person_id IN ({marks(people)})",
        since, since, *people,
    )  # fmt: skip
    return {
        one: frozenset(found | {speaker for person_id, speaker in map(tuple, speak) if person_id in found})
        for one, found in theirs.items()
    }


async def enter(
    act: Act, kind: str, key: str, body: dict[str, Any], *legs: Leg, effective_at: datetime | None = None
) -> int:
    """One entry and its event; its number. `effective_at`: the bank's own day, of what a statement says."""
    draft = Draft(kind=kind, key=key, body=body, effective_at=effective_at)
    posted = await ledger.post(act, draft, [leg for leg in legs if leg.amount_pence])
    if posted.fresh:
        await act.tell(f"money.{kind}", "entry", str(posted.entry_id))
    return posted.entry_id


# How much of what stands on an account is on its way to the bank already, and is written down there when it has gone.
OnItsWay = Callable[[chart.Account], Awaitable[int]]
_ON_ITS_WAY: list[OnItsWay] = []


def on_its_way(function: OnItsWay) -> OnItsWay:
    """Register what knows of payments to the bank; escrow knows none of them."""
    _ON_ITS_WAY.append(function)
    return function


async def pence_on_its_way(account: chart.Account) -> int:
    """How much of what stands there the bank has been asked to pay."""
    return sum([await function(account) for function in _ON_ITS_WAY])


async def refuse_on_its_way(account: chart.Account) -> None:
    """Raises Conflict where money that lies in a batch has just been written down as gone: that is said there, once.

    Asked once the entry stands, when nobody else can change the account, and accounts were locked in their order.
    """
    sent = await pence_on_its_way(account)
    if sent > -await ledger.balance(account):
        raise Conflict(
            f"{pounds(sent)} of this is on its way in a batch. Say there that the bank has paid it.", "in_a_batch"
        )


# What the bank says of a payment and somebody's note of it may be so far apart. One that comes every week comes later.
_NEAR_DAYS = 4
# What brings a payer's money to them, whichever way it came.
PAID_IN = ("top_up", "matched", "by_card")


async def stands_already(
    kinds: Sequence[str], accounts: Sequence[chart.Account], amount_pence: int, on: date, unlike: str
) -> datetime | None:
    """Which day near to this one has an entry of these kinds, with as much on one of these accounts, that still stands:
    it may be the same money. The newest, by the bank's own day; None where there is none. `unlike`: the key of the page
    that asks, which may be sent twice."""
    first, after = clock.day_bounds(on - timedelta(days=_NEAR_DAYS), clock.zone(), days=2 * _NEAR_DAYS + 1)
    at = " OR ".join("(a.code = ? AND a.holder = ?)" for _ in accounts)
    found = await fetch_value(
        "SELECT MAX(e.effective_at) FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id "
        f"WHERE ({at}) AND p.amount_pence IN (?, ?) AND e.kind IN ({marks(kinds)}) AND e.effective_at >= ? "
        "AND e.effective_at < ? AND e.key NOT LIKE ? AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id)",
        *(part for one in accounts for part in (one.code, one.holder)), amount_pence, -amount_pence, *kinds, first, after,
        unlike,
    )  # fmt: skip
    return as_time(found)


async def written_since(since: datetime, like: str, unlike: str, amount_pence: int) -> bool:
    """Whether an entry of this sum was written since, with a key like this and not like that, and still stands."""
    rows = await fetch(
        "SELECT 1 FROM entry e WHERE e.at >= ? AND e.key LIKE ? AND e.key NOT LIKE ? "
        "AND EXISTS (SELECT 1 FROM posting p WHERE p.entry_id = e.id AND ABS(p.amount_pence) = ?) "
        "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id) LIMIT 1",
        since, like, unlike, amount_pence,
    )  # fmt: skip
    return bool(rows)

"""Making even between two circles: what each owes the other, page by page. Pure, like everything here.

Each circle keeps two accounts with the other, one for each direction. The circle that is owed writes the pages of its
account; the circle that owes compares each page with its own books and answers. Page k of the one and page k of the other
belong together: once both are answered, what each owes is set off by a sum that both compute from the same two pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

from . import jcs
from .bodies_other import SettleDisputed, SettleStatement, StatementEntry
from .errors import ProtocolError

Key = tuple[str, int]
MOST_ENTRIES = 1000


class Account(msgspec.Struct, frozen=True):
    """One direction as one of the two keeps it: what the writer of its pages is owed.

    ``open_pence`` is agreed and neither set off nor received; ``stated`` what agreed entries came to, visit by visit;
    ``page`` the last page, ``answered`` and ``even`` (set off with its partner) what has become of it; ``count`` how many.
    """

    open_pence: int = 0
    stated: dict[Key, int] = {}
    head: str | None = None
    ends_on: str = ""
    count: int = 0
    page: SettleStatement | None = None
    answered: bool = True
    even: bool = True

    @property
    def quiet(self) -> bool:
        """No page waits for anything."""
        return self.answered and self.even


def statement_hash(link: str, sender: str, body: Mapping[str, Any]) -> str:
    """What is counter-signed: the body as it came, with members that are not known, and on which link who wrote it."""
    return jcs.digest({"tag": "circle-statement-1", "link": link, "from": sender, "statement": dict(body)})


def pair_key(one: str, other: str) -> str:
    """The name both give to the setting off of two pages."""
    return jcs.digest({"tag": "circle-set-off-1", "statements": sorted((one, other))})


def unstated(stated: Mapping[Key, int], books: Mapping[Key, int]) -> tuple[StatementEntry, ...]:
    """What the books hold beyond what was agreed, in the order of the books. A correction is an entry of its own."""
    return tuple(
        StatementEntry(request=request, n=n, amount_pence=pence - stated.get((request, n), 0))
        for (request, n), pence in books.items()
        if pence != stated.get((request, n), 0)
    )[:MOST_ENTRIES]


def may_write(ours: Account, theirs: Account) -> bool:
    """Whether our next page may be written: the last one is even, and theirs is, or waits for this one."""
    return ours.quiet and (theirs.count > ours.count or theirs.quiet)


def write(
    account: Account, books: Mapping[Key, int], *, period: str, starts_on: str, ends_on: str, final: bool = False
) -> SettleStatement:
    """The next page of what we are owed. Raises ``wrong_state`` where it would not follow the last one."""
    entries = unstated(account.stated, books)
    page = SettleStatement(
        period=period, starts_on=starts_on, ends_on=ends_on, opening_pence=account.open_pence, entries=entries,
        closing_pence=account.open_pence + sum(entry.amount_pence for entry in entries), prev=account.head, final=final,
    )  # fmt: skip
    _follows(account, page)
    return page


def wrote(account: Account, page: SettleStatement, hash_: str) -> Account:
    """The account with this page on it, unanswered."""
    return msgspec.structs.replace(
        account, page=page, head=hash_, ends_on=page.ends_on, count=account.count + 1, answered=False, even=False
    )


def check(theirs: Account, ours: Account, page: SettleStatement, today: date) -> None:
    """Refuse a page that does not follow: ``wrong_state`` for its place, ``wrong_amount`` for its opening.

    A page comes after the last one was made even, never two ahead of our own; its days follow those of the one before and are
    over, give or take a day; it begins where the last one was left.
    """
    if not theirs.quiet or theirs.count > ours.count:
        raise ProtocolError("wrong_state", "The page before is not settled yet.")
    if page.prev != theirs.head:
        raise ProtocolError("wrong_state", "The page does not follow the one before.")
    _follows(theirs, page)
    if date.fromisoformat(page.ends_on) > today + timedelta(days=1):
        raise ProtocolError("wrong_state", "The period is not over yet.")
    if page.opening_pence != theirs.open_pence:
        raise ProtocolError("wrong_amount", "The page does not begin where the last one was left.")


def check_days(theirs: Account, ours: Account, page: SettleStatement, kind: str, since: date) -> None:
    """Refuse a page (``wrong_state``) that ends before the link was there, give or take a day; or that is neither the last
    one nor the answer to a page of ours, and ends before its period does."""
    last = date.fromisoformat(page.ends_on)
    if last < since - timedelta(days=1):
        raise ProtocolError("wrong_state", "These days are over since before the link.")
    answers = theirs.count < ours.count
    if not (page.final or answers) and period_over(kind, last + timedelta(days=1))[2] != last:
        raise ProtocolError("wrong_state", "A page ends when its period does.")


def _follows(account: Account, page: SettleStatement) -> None:
    if page.starts_on > page.ends_on or (account.ends_on and page.starts_on <= account.ends_on):
        raise ProtocolError("wrong_state", "The days do not follow those of the page before.")


def differences(
    stated: Mapping[Key, int], page: SettleStatement, books: Mapping[Key, int]
) -> tuple[StatementEntry, ...]:
    """The entries of a page that our own books do not hold so, with what ours say instead (0: nothing is known)."""
    found = []
    for entry in page.entries:
        key = (entry.request, entry.n)
        ours = books.get(key, 0) - stated.get(key, 0)
        if ours != entry.amount_pence:
            found.append(StatementEntry(request=entry.request, n=entry.n, amount_pence=ours))
    return tuple(found)


def check_dispute(page: SettleStatement, said: SettleDisputed) -> None:
    """Only what stands on the page can be disputed, each entry once, and only with another sum. Raises ``wrong_state``."""
    amounts = {(entry.request, entry.n): entry.amount_pence for entry in page.entries}
    keys = [(entry.request, entry.n) for entry in said.entries]
    fits = all(
        amounts.get(key, entry.amount_pence) != entry.amount_pence
        for key, entry in zip(keys, said.entries, strict=True)
    )
    if len(set(keys)) != len(keys) or not fits:
        raise ProtocolError("wrong_state", "What is disputed does not stand on the statement so.")


def answer(account: Account, disputed: Iterable[Key] = ()) -> Account:
    """The page is agreed but for these entries, which wait: they stand on the next page again. Raises ``wrong_state``."""
    if account.page is None or account.answered:
        raise ProtocolError("wrong_state")
    frozen, stated, open_pence = set(disputed), dict(account.stated), account.page.opening_pence
    for entry in account.page.entries:
        key = (entry.request, entry.n)
        if key not in frozen:
            stated[key] = stated.get(key, 0) + entry.amount_pence
            open_pence += entry.amount_pence
    return msgspec.structs.replace(account, stated=stated, open_pence=open_pence, answered=True)


def to_set_off(ours: Account, theirs: Account) -> int | None:
    """What two pages of one number set off, once both are answered; None while they are not, or were already.

    Afterwards one account at most is open. It is below nothing where a correction turned an account round: then what was
    owed too much is owed back on the other account.
    """
    if ours.count != theirs.count or ours.even or theirs.even or not (ours.answered and theirs.answered):
        return None
    return min(ours.open_pence, theirs.open_pence)


def set_off(account: Account, pence: int) -> Account:
    return msgspec.structs.replace(account, open_pence=account.open_pence - pence, even=True)


def receive(account: Account, pence: int) -> Account:
    """The writer of the account has had this much. Raises ``wrong_state`` while its page waits and ``wrong_amount`` beyond
    what is open: what came early is said once it fits."""
    if not account.quiet:
        raise ProtocolError("wrong_state", "A statement is being compared.")
    if not 0 < pence <= account.open_pence:
        raise ProtocolError("wrong_amount", "There is not that much to receive.")
    return msgspec.structs.replace(account, open_pence=account.open_pence - pence)


def period_over(kind: str, today: date) -> tuple[str, date, date]:
    """The last period that is over on this day: its code, its first and its last day."""
    if kind == "week":
        last = today - timedelta(days=today.weekday() + 1)
        year, week, _ = last.isocalendar()
        return f"{year}-w{week:02}", last - timedelta(days=6), last
    last = today.replace(day=1) - timedelta(days=1)
    return f"{last:%Y-%m}", last.replace(day=1), last

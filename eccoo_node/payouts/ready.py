"""What is ready to leave the bank, to whom, and why some of it can't yet."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, marks
from eccoo_node.escrow import pausing, telling
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.entering import on_its_way
from eccoo_node.escrow.rules import is_public
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.payouts import rules
from eccoo_node.payouts.details import Details, current_details

Bank = Literal["1000", "1010"]


class Ready(msgspec.Struct, frozen=True):
    """Money that could be sent to someone now. `reason` says why it can't, as a code; empty where it can."""

    kind: str
    holder: str
    person_id: str
    called: str
    pay_pence: int
    expenses_pence: int
    recovered_pence: int
    yes_id: str
    details: Details | None
    reason: str

    @property
    def amount_pence(self) -> int:
        return self.pay_pence + self.expenses_pence - self.recovered_pence

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.holder}"


# What leaves each of the two banks.
_OF_BANK: dict[str, tuple[str, ...]] = {"1000": ("worker", "refund"), "1010": ("share",)}
_CODES = {"2200": "worker", "2210": "worker", "2500": "refund", "2600": "share"}


async def ready(bank: Bank = "1000") -> list[Ready]:
    """Everything that is ready to leave this bank and lies in no batch yet, by name. A constant number of statements.

    Of a worker only what is ready: what waits for another circle is in no account that this reads, and what waits
    because a safeguarding lead asked for it is left out.
    """
    owed: dict[tuple[str, str], dict[str, int]] = {}
    for code, holder, pence in await fetch(
        "SELECT code, holder, -balance_pence FROM account WHERE balance_pence < 0 AND awaiting = '' "
        "AND code IN ('2200', '2210', '2500', '2600') ORDER BY id"
    ):
        if _CODES[code] in _OF_BANK[bank]:
            owed.setdefault((_CODES[code], holder), {})[code] = int(pence)
    for kind, holder, state, pence in await fetch(
        "SELECT kind, holder, state, amount_pence FROM payout_payment WHERE state IN ('listed', 'sent')"
    ):
        if state == "listed":
            owed.pop((kind, holder), None)
        elif kind != "worker" and (kind, holder) in owed:
            # A refund or share stays on its account until the bank has paid it.
            for code in owed[kind, holder]:
                owed[kind, holder][code] -= int(pence)
    people = await people_behind(holder for _, holder in owed)
    details = await current_details(one[0] for one in people.values())
    recoveries = await _recoveries()
    paused = await pausing.paused_by_worker([holder for kind, holder in owed if kind == "worker"])
    found = []
    for (kind, holder), sums in owed.items():
        pay, expenses = sums.get("2200", 0), sums.get("2210", 0)
        if kind != "worker":
            pay = sum(sums.values())
        else:
            # What waits behind neutral words stays where it is: first of the pay, then of what was laid out.
            waits = paused.get(holder, 0)
            pay, expenses = pay - min(pay, waits), expenses - max(0, waits - pay)
        if pay + expenses <= 0:
            continue
        person_id, called, standing, fund = people.get(holder, ("", "", "", ""))
        owes, most, yes = recoveries.get(holder, (0, 0, "")) if kind == "worker" else (0, 0, "")
        back = rules.recovered(pay, owes, most)
        known = details.get(person_id)
        reason = _why_not(person_id, standing, fund if kind == "refund" else "", known)
        found.append(Ready(kind, holder, person_id, called, pay, expenses, back, yes if back else "", known, reason))
    return sorted(found, key=lambda one: (one.called.lower(), one.key))


@on_its_way
async def _in_a_batch(account: Account) -> int:
    """What of a refund or of shares the bank was asked to pay, and still stands on its account."""
    total = await fetch_value(
        "SELECT CAST(COALESCE(SUM(amount_pence), 0) AS BIGINT) FROM payout_payment "
        "WHERE state = 'sent' AND kind = ? AND holder = ?",
        {"2500": "refund", "2600": "share"}.get(account.code, ""), account.holder,
    )  # fmt: skip
    return int(total)


def _why_not(person_id: str, standing: str, fund: str, details: Details | None) -> str:
    if not person_id:
        return "nobody"
    if standing == "died":
        return "died"
    if is_public(fund):
        return "public"
    if details is None:
        return "no_details"
    if details.outcome == "bounced":
        return "came_back"
    if details.outcome == "wrong":
        return "said_wrong"
    return "" if details.sure else "not_sure"


# Why a worker waits, in words to them.
_TO_THEM = {
    "no_details": "We don’t know yet to which bank account your money goes.",
    "not_sure": "Before anything is paid to your bank account, we ring you about it.",
    "came_back": "The bank sent a payment back. Please give us your bank account again.",
    "said_wrong": "The bank account that we have is not right. Please give it to us again.",
}


@telling.tells_what_holds
async def what_holds(people: Sequence[str]) -> dict[str, str]:
    """Why a worker's money can't be sent to them yet, in words to them."""
    known = await current_details(people)
    return {one: _TO_THEM.get(_why_not(one, "", "", known.get(one)), "") for one in people}


async def needs_account(person_id: str) -> str:
    """Why a worker has to say where their money goes, as the code `Ready.reason` has; empty where nothing of theirs waits
    for it. An account that sent a payment back is asked about in any case."""
    reason = _why_not(person_id, "", "", (await current_details([person_id])).get(person_id))
    if reason == "came_back":
        return reason
    if reason not in {"no_details", "said_wrong"}:
        return ""
    waits = await fetch_value(
        "SELECT 1 FROM account WHERE code IN ('2200', '2210') AND holder = ? AND awaiting = '' AND balance_pence < 0 LIMIT 1",
        person_id,
    )
    return reason if waits else ""


async def people_behind(holders: Iterable[str]) -> dict[str, tuple[str, str, str, str]]:
    """The human behind each holder of an account: id, name, standing, and of a payer the fund."""
    ids = sorted(set(holders))
    rows = await fetch(
        f"SELECT p.id, p.id, p.called, p.standing, '' FROM person p WHERE p.id IN ({marks(ids)}) UNION ALL "
        "SELECT y.id, p.id, p.called, CASE WHEN s.standing = 'died' THEN s.standing ELSE p.standing END, y.fund "
        "FROM payer y JOIN person p ON p.id = y.payer_person_id JOIN person s ON s.id = y.person_id "
        f"WHERE y.id IN ({marks(ids)})",
        *ids, *ids,
    )  # fmt: skip
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}


async def _recoveries() -> dict[str, tuple[int, int, str]]:
    """What each worker is to give back, at most how much of each payout, and the yes it rests on."""
    rows = await fetch(
        "SELECT a.holder, a.balance_pence, y.most_pence, y.id FROM account a JOIN recovery_yes y "
        "ON y.worker_id = a.holder AND y.ended_at IS NULL WHERE a.code = '1300' AND a.balance_pence > 0"
    )
    return {row[0]: (int(row[1]), int(row[2]), row[3]) for row in rows}


class Recovery(msgspec.Struct, frozen=True):
    """What a worker is to give back, and their yes to how, if there is one."""

    owes_pence: int
    most_pence: int = 0
    words: str = ""
    said_at: datetime | None = None
    said_via: str = ""


async def recovery_of(actor: Actor, worker_id: str) -> Recovery:
    access.requires(actor, "payouts.see_details", Thing("recovery", "", worker_id))
    owes = await fetch_value("SELECT balance_pence FROM account WHERE code = '1300' AND holder = ?", worker_id)
    row = await fetch_one(
        "SELECT most_pence, words, said_at, said_via FROM recovery_yes WHERE worker_id = ? AND ended_at IS NULL",
        worker_id,
    )
    if row is None:
        return Recovery(int(owes or 0))
    return Recovery(int(owes or 0), int(row[0]), row[1], as_time(row[2]), row[3])

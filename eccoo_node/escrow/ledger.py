"""Posting: the one way money moves in the books, and the chain over what was posted.

Every function here runs inside the caller's `write()`. On PostgreSQL an account is locked by the update that changes
it, always in the order of `Account`, so that two writers of single entries never wait for each other in a ring.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from eccoo_node.db.jobs import job
from eccoo_node.db.rows import fetch, fetch_one, fetch_value, locking
from eccoo_node.db.transaction import write
from eccoo_node.escrow import rules
from eccoo_node.escrow.chart import BANK, CHART, Account, Guard
from eccoo_node.escrow.rules import Leg, Posting
from eccoo_node.escrow.sharing import Terms
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict
from eccoo_node.kernel.money import pounds
from eccoo_node.record.door import Act


class Posted(msgspec.Struct, frozen=True):
    """The entry, and whether this call wrote it (False: an earlier one with the same key and body did)."""

    entry_id: int
    fresh: bool


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry says besides its postings. `key` is chosen by the caller; `body` is all that was asked."""

    kind: str
    key: str
    body: dict[str, Any]
    line_id: int | None = None
    line_mark: str = ""
    fee_pence: int = 0
    travel_pence: int = 0
    free_fee_pence: int = 0
    reverses_id: int | None = None
    effective_at: datetime | None = None


def body_hash(kind: str, body: dict[str, Any]) -> str:
    """What was asked, as a digest: the same key with another body is refused."""
    return hashlib.sha256(msgspec.json.encode([kind, body], order="deterministic")).hexdigest()


_encode = msgspec.json.Encoder().encode


def digest(values: Sequence[Any], mark: str, posted: Sequence[Any]) -> str:
    """The digest of an entry: its columns as they are stored, the mark of its line, and what was posted.

    `values` are those of `COLUMNS`, moments as `moment_text`; `posted` are the postings in the order in which they were
    written, each as the three names of its account and an amount. So a renamed account or a line that was changed
    shows as well.
    """
    return sealed(_encode((values, mark, posted)))


# A digest that has read nothing yet: copying it is quicker than asking OpenSSL for a new one.
_fresh = hashlib.sha256()


def sealed(told: bytes) -> str:
    digest_ = _fresh.copy()
    digest_.update(told)
    return digest_.hexdigest()


def told(found: Sequence[Posting]) -> list[Any]:
    """Postings as `digest` reads them."""
    return [(account.code, account.holder, account.awaiting, amount) for account, amount in found]


def moment_text(value: datetime) -> str:
    """A moment as a digest has it, whichever engine keeps it: in UTC, and as SQLite stores it."""
    return str(value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


# The columns of a line that its mark covers: whose it is, and what was agreed.
NAMED = ("reference", "origin", "payer_id", "person_id", "worker_id", "link_id", "funds")
AGREED = (
    "fee_pence", "travel_pence", "payer_add_bps", "worker_deduct_bps", "home_share_bps", "cancelled_bears", "vat_bps",
    "employed", "arrears",
)  # fmt: skip


def line_mark(named: Sequence[str], terms: Terms, arrears: bool) -> str:
    """Whose line it is and what was agreed, as a digest that every entry of the line covers."""
    agreed = (
        terms.fee_pence, terms.travel_pence, terms.payer_add_bps, terms.worker_deduct_bps, terms.home_share_bps,
        int(terms.cancelled_bears), terms.vat_bps, int(terms.employed), int(arrears),
    )  # fmt: skip
    return sealed(_encode((named, agreed)))


async def already(kind: str, key: str, body: dict[str, Any]) -> int | None:
    """The entry that this key made before, if any. Raises Conflict when it was asked for something else.

    Ask it after locking what the act is about: before that, the act that uses the key may still be under way.
    """
    if not 0 < len(key) <= 200:
        raise ValueError("an idempotency key has 1 to 200 characters")
    row = await fetch_one("SELECT id, body_hash FROM entry WHERE key = ?", key)
    if row is None:
        return None
    if row["body_hash"] != body_hash(kind, body):
        raise Conflict("This was already used for something else. Nothing has changed.", "key_reused")
    return int(row["id"])


async def post(act: Act, draft: Draft, legs: Sequence[Leg]) -> Posted:
    """Write one entry. Raises Conflict when an account would hold less than nothing, or the key was used otherwise."""
    return await _write(act, draft, rules.postings(legs))


async def mirror(act: Act, draft: Draft, of_entry: int) -> Posted:
    """Write the entry that undoes another, amount by amount. Raises Conflict when that one was undone before."""
    rows = await fetch(
        "SELECT a.code, a.holder, a.awaiting, p.amount_pence FROM posting p JOIN account a ON a.id = p.account_id "
        "WHERE p.entry_id = ? ORDER BY p.id",
        of_entry,
    )
    return await _write(act, draft, sorted((Account(*row[:3]), -row[3]) for row in map(tuple, rows)))


COLUMNS = (
    "at", "effective_at", "kind", "key", "body_hash", "act_id", "line_id", "fee_pence", "travel_pence",
    "free_fee_pence", "reverses_id",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO entry ({', '.join(COLUMNS)}, digest) VALUES ({', '.join('?' * 12)}) "
    "ON CONFLICT DO NOTHING RETURNING id"
)


_INSERT_POSTINGS = "INSERT INTO posting (entry_id, account_id, amount_pence) VALUES "


def _row(act: Act, draft: Draft, found: Sequence[Posting]) -> tuple[Any, ...]:
    """The values of `COLUMNS` for an entry written now, and its digest."""
    at = clock.now().replace(microsecond=0)
    effective_at = (draft.effective_at or at).replace(microsecond=0)
    rest = (
        draft.kind, draft.key, body_hash(draft.kind, draft.body), act.id, draft.line_id, draft.fee_pence,
        draft.travel_pence, draft.free_fee_pence, draft.reverses_id,
    )  # fmt: skip
    values = (moment_text(at), moment_text(effective_at), *rest)
    return (at, effective_at, *rest, digest(values, draft.line_mark, told(found)))


async def _write(act: Act, draft: Draft, found: list[Posting]) -> Posted:
    rows = await fetch(_INSERT, *_row(act, draft, found))
    if not rows:
        before = await already(draft.kind, draft.key, draft.body)
        if before is None:
            raise Conflict("This entry has already been undone.", "already_reversed")
        return Posted(before, fresh=False)
    entry_id = int(rows[0][0])
    spends = rules.spare_cash_change(found) < 0
    if spends:
        # Two entries that each spend what is spare must see one another: both wait here for the bank's own row.
        await lock_bank()
    ids = await _change_each(rules.net(found))
    params = [value for account, amount in found for value in (entry_id, ids[account], amount)]
    await fetch(_INSERT_POSTINGS + ", ".join(["(?, ?, ?)"] * len(found)), *params)
    if spends and await spare_cash() < 0:
        raise Conflict("That would use money that is being looked after for someone else.", "cash_short")
    return Posted(entry_id, fresh=True)


# Rows in one statement: far below what either engine takes, and above it nothing gets faster.
MANY = 200


async def insert_many(into: str, rows: Sequence[Sequence[Any]], after: str = "") -> list[Any]:
    """INSERT these rows, `MANY` at a time; what `after` returns. `into`: the table and its columns."""
    found: list[Any] = []
    for start in range(0, len(rows), MANY):
        some = rows[start : start + MANY]
        one = f"({', '.join('?' * len(some[0]))})"
        sql = f"INSERT INTO {into} VALUES {', '.join([one] * len(some))} {after}"
        found += await fetch(sql, *(value for row in some for value in row))
    return found


async def post_many(act: Act, drafts: Sequence[tuple[Draft, Sequence[Leg]]]) -> None:
    """Write entries that are all new and spend nothing that is looked after for others: as `post`, one after another.

    Each balance is changed once, by the sum of them, so none may go where a single entry would have been refused
    halfway: the caller has reckoned that. Raises Conflict where a key was used in the meantime.
    """
    postings = [rules.postings(legs) for _, legs in drafts]
    if any(rules.spare_cash_change(found) < 0 for found in postings):
        raise ValueError("entries that spend what is spare are posted one by one")
    rows = [_row(act, draft, found) for (draft, _), found in zip(drafts, postings, strict=True)]
    written = await insert_many(
        f"entry ({', '.join(COLUMNS)}, digest)", rows, "ON CONFLICT DO NOTHING RETURNING id, key"
    )
    if len(written) != len(drafts):
        raise Conflict("This was written down already in the meantime.", "key_reused")
    by_key = {row["key"]: int(row["id"]) for row in written}
    ids = await _change_many(rules.net([posting for found in postings for posting in found]))
    await insert_many(
        "posting (entry_id, account_id, amount_pence)",
        [
            (by_key[draft.key], ids[account], amount)
            for (draft, _), found in zip(drafts, postings, strict=True)
            for account, amount in found
        ],
    )


async def _change_each(changes: dict[Account, int]) -> dict[Account, int]:
    """Add to the balance of each account, opening it if need be, in locking order; their ids.

    Neighbours that go their own way are changed in one statement. Raises Conflict where one may not go there.
    """
    ids: dict[Account, int] = {}
    grows: list[tuple[Any, ...]] = []
    for account, amount in changes.items():
        if _goes_its_way(account, amount):
            grows.append((account.code, account.holder, account.awaiting, account.kind.guard, amount))
            continue
        ids |= await _grow(grows)
        grows = []
        ids[account] = await _take(account, amount)
    return ids | await _grow(grows)


async def _grow(rows: Sequence[tuple[Any, ...]]) -> dict[Account, int]:
    return {
        Account(code, holder, awaiting): int(id_)
        for id_, code, holder, awaiting in map(tuple, await insert_many(_ADDED, rows, _ADD_AFTER))
    }


def _goes_its_way(account: Account, amount_pence: int) -> bool:
    """Whether this can't bring the balance to where it may not be."""
    guard = account.kind.guard
    return guard == "any" or amount_pence == 0 or (guard == "debit") == (amount_pence > 0)


async def _change_many(changes: dict[Account, int]) -> dict[Account, int]:
    """As `_change_each`; those that go their own way together, account by account of the chart."""
    ids: dict[Account, int] = {}
    for code in sorted({account.code for account in changes}):
        guard = CHART[code].guard
        grows = []
        for account, amount in changes.items():
            if account.code != code:
                continue
            if _goes_its_way(account, amount):
                grows.append((account.code, account.holder, account.awaiting, guard, amount))
            else:
                ids[account] = await _take(account, amount)
        ids |= await _grow(grows)
    return ids


# Each changes the balance in one statement, which locks it. What goes the account's own way may open it; what goes the
# other way must find enough there.
_ADDED = "account (code, holder, awaiting, guard, balance_pence)"
_ADD_AFTER = (
    "ON CONFLICT (code, holder, awaiting) DO UPDATE SET balance_pence = account.balance_pence + excluded.balance_pence "
    "RETURNING id, code, holder, awaiting"
)
_TAKE: dict[Guard, str] = {
    "debit": "UPDATE account SET balance_pence = balance_pence + ? WHERE code = ? AND holder = ? AND awaiting = ? "
    "AND balance_pence + ? >= 0 RETURNING id",
    "credit": "UPDATE account SET balance_pence = balance_pence + ? WHERE code = ? AND holder = ? AND awaiting = ? "
    "AND balance_pence + ? <= 0 RETURNING id",
}


async def _take(account: Account, amount_pence: int) -> int:
    """Take from the balance of one account; its id. Raises Conflict where there is not that much."""
    names = (account.code, account.holder, account.awaiting)
    rows = await fetch(_TAKE[account.kind.guard], amount_pence, *names, amount_pence)
    if rows:
        return int(rows[0][0])
    there = abs(await balance(account))
    short = f"{account.kind.short} There is {pounds(there)}, and {pounds(abs(amount_pence))} is needed."
    raise Conflict(short, f"short_{account.code}")


_BALANCE = "SELECT balance_pence FROM account WHERE code = ? AND holder = ? AND awaiting = ?"


async def balance(account: Account, *, lock: bool = False) -> int:
    """The stored balance, debit positive; 0 for an account that nothing was ever posted to."""
    row = await fetch_value(_BALANCE + (locking() if lock else ""), account.code, account.holder, account.awaiting)
    return int(row or 0)


_CASH = tuple(kind.code for kind in CHART.values() if kind.cash)
_CLAIMS = tuple(kind.code for kind in CHART.values() if kind.claim)


def _quoted(codes: tuple[str, ...]) -> str:
    return ", ".join(f"'{code}'" for code in codes)


SPARE_CASH = (
    f"SELECT CAST(COALESCE(SUM(balance_pence), 0) AS BIGINT) FROM account WHERE balance_pence <> 0 "
    f"AND code IN ({_quoted(_CASH + _CLAIMS)}) AND (awaiting = '' OR code IN ({_quoted(_CASH)}))"
)


async def spare_cash() -> int:
    """Client money beyond what it must cover (money.md A5.7); never below 0."""
    return int(await fetch_value(SPARE_CASH))


async def lock_bank() -> None:
    """Lock the bank's own account. A door that reads other balances and may move cash asks for it first, because
    accounts are locked in their order and the bank's comes first."""
    await balance(BANK, lock=True)


def chained(head: str, digest_: str) -> str:
    return sealed(f"{head}{digest_}".encode())


# On PostgreSQL a smaller id may be committed after a larger one, by as many as are under way at once; the chain
# follows the order in which it meets them, and looks this far back for latecomers.
LOOK_BACK = 2000
_UNCHAINED = (
    "SELECT e.id, e.digest FROM entry e WHERE e.id > "
    "COALESCE((SELECT MAX(entry_id) FROM entry_chain), 0) - ? "
    "AND NOT EXISTS (SELECT 1 FROM entry_chain c WHERE c.entry_id = e.id) ORDER BY e.id LIMIT ?"
)


async def _tail_exists() -> bool:
    return bool(await fetch(_UNCHAINED, LOOK_BACK, 1))


@job("escrow.chain", when=_tail_exists)
async def chain_tail(payload: dict[str, Any]) -> datetime | None:
    """Chain the entries committed since the last time. Run by one process at a time, because its job is leased."""
    async with write():
        head = await fetch_value("SELECT chain FROM entry_chain ORDER BY id DESC LIMIT 1") or ""
        for row in await fetch(_UNCHAINED, LOOK_BACK, 5000):
            head = chained(head, row["digest"])
            await fetch("INSERT INTO entry_chain (entry_id, chain) VALUES (?, ?)", row["id"], head)
    return None

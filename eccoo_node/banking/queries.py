"""Reads of the bank's side. What names anyone takes the actor and asks."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date

import msgspec

from eccoo_node.banking import leaving, lines
from eccoo_node.banking.planning import ByHand, Known, Seen
from eccoo_node.banking.statements.model import Statement
from eccoo_node.banking.statements.profiles import FORMATS, PROFILES, Profile
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, marks
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.kernel.words import paid_by
from eccoo_node.payouts import ours
from eccoo_node.payouts.rules import ACCOUNTS

_AT_ONCE = 500


class OurAccount(msgspec.Struct, frozen=True):
    """One of the circle's own accounts as it stands now, with how its statements come."""

    id: str
    code: str
    sort_code: str
    account_number: str
    layout: str

    @property
    def title(self) -> str:
        return ACCOUNTS[self.code]


async def accounts() -> dict[str, OurAccount]:
    """The accounts that are written down, by their account of the chart."""
    files = {row[0]: row[1] for row in await fetch("SELECT code, layout FROM bank_files ORDER BY id")}
    return {
        code: OurAccount(one.id, code, one.sort_code, one.account_number, files.get(code, ""))
        for code, one in (await ours.accounts()).items()
    }


async def account(account_id: str) -> OurAccount:
    """One of the accounts as they stand. Raises NotFound, also for one that has been written down anew."""
    for one in (await accounts()).values():
        if one.id == account_id:
            return one
    raise NotFound("There is no such account.", "no_account")


async def layouts() -> dict[str, str]:
    """Every way in which statements can be laid out, with its title: the banks known here, formats, our own."""
    own = await fetch("SELECT id, title FROM bank_layout ORDER BY recorded_at, id")
    return {name: one.title for name, one in PROFILES.items()} | {row[0]: row[1] for row in own} | FORMATS


async def profile(layout: str) -> Profile | None:
    """The columns of a layout; None for a format that needs none, and for a layout that there is not."""
    if layout in PROFILES:
        return PROFILES[layout]
    row = await fetch_one("SELECT profile FROM bank_layout WHERE id = ?", layout)
    return msgspec.json.decode(row[0], type=Profile) if row else None


# ---------------------------------------------------------------- how to pay


class HowToPay(msgspec.Struct, frozen=True):
    """What someone needs to send money for one person's support. No reference: it is being made, and comes in a moment."""

    payer_id: str
    person_id: str
    payer_person_id: str
    person_called: str
    payer_called: str
    fund: str
    reference: str


_PAYER = (
    "SELECT y.id, y.person_id, y.payer_person_id, p.called, q.called, y.fund, COALESCE(r.reference, '') "
    "FROM payer y JOIN person p ON p.id = y.person_id JOIN person q ON q.id = y.payer_person_id "
    "LEFT JOIN payer_reference r ON r.payer_id = y.id"
)


async def how_to_pay(actor: Actor) -> list[HowToPay]:
    """What the reader, or the person they speak for about money, pays in for, or others pay in for them."""
    subject = actor.acting_for or actor.person_id
    rows = await fetch(
        f"{_PAYER} WHERE (y.person_id = ? OR y.payer_person_id = ?) AND y.ended_at IS NULL ORDER BY p.called, y.from_at",
        subject,
        subject,
    )
    found = [HowToPay(*tuple(row)) for row in rows]
    return [one for one in found if access.may(actor, "banking.how_to_pay", _thing(one))]


def _thing(one: HowToPay) -> Thing:
    return Thing("payer", one.payer_id, one.person_id, payer_id=one.payer_person_id)


async def how_this_one_pays(actor: Actor, payer_id: str) -> HowToPay:
    """The same for one payer. Raises NotFound, also for whoever may not know of them."""
    row = await fetch_one(f"{_PAYER} WHERE y.id = ?", payer_id)
    one = HowToPay(*tuple(row)) if row else None
    if one is None or not access.may(actor, "banking.how_to_pay", _thing(one)):
        raise NotFound("There is no such payer.", "no_payer")
    return one


async def everyone_who_pays(actor: Actor) -> list[HowToPay]:
    """Every payer, for whoever is rung and asked. Raises Forbidden for anyone else."""
    access.requires(actor, "banking.how_to_pay", Thing("payer"))
    rows = await fetch(f"{_PAYER} WHERE y.ended_at IS NULL ORDER BY p.called, q.called, y.id")
    return [HowToPay(*tuple(row)) for row in rows]


# ---------------------------------------------------------------- reading a statement


class Draft(msgspec.Struct, frozen=True):
    """A file that was read and waits to be written in the books."""

    id: str
    account: OurAccount
    file_name: str
    statement: Statement


async def draft(actor: Actor, draft_id: str) -> Draft:
    """Raises NotFound for one that is written, given up or too old, and Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("statement", draft_id))
    row = await fetch_one("SELECT account_id, file_name, statement, layout FROM statement_draft WHERE id = ?", draft_id)
    if row is None:
        raise NotFound("This file is no longer here. Choose it again.", "no_draft")
    # The file was read as its account's files came then.
    one = msgspec.structs.replace(await account(str(row[0])), layout=row[3])
    return Draft(draft_id, one, row[1], msgspec.json.decode(row[2], type=Statement))


async def is_written(actor: Actor, draft_id: str) -> bool:
    """Whether a file that is no longer here is in the books. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("statement", draft_id))
    return bool(
        await fetch(
            "SELECT 1 FROM statement_import i WHERE i.id = ? "
            "AND NOT EXISTS (SELECT 1 FROM statement_draft d WHERE d.id = i.id)",
            draft_id,
        )
    )


async def known(actor: Actor, code: str, line_marks: Sequence[str]) -> Known:
    """All that is known about the lines of a statement, in a few statements of SQL. Raises Forbidden."""
    return Known(
        references=await references(),
        senders=await _senders(),
        seen=await _seen(line_marks),
        by_hand=await _by_hand() if code == "1000" else (),
        waiting=await leaving.waiting(actor),
    )


async def references() -> dict[str, str]:
    """Every payer by their reference."""
    return {row[0]: row[1] for row in await fetch("SELECT reference, payer_id FROM payer_reference")}


async def _senders() -> dict[tuple[str, int], str]:
    """Senders whose money is one payer's, with each sum of theirs that came before and was that payer's whole.

    One who sends for two is asked about each time, and so is another sum: it may be somebody else of that name. So is
    anyone whose name another payer has too, as far as a bank writes it.
    """
    names = await _names()
    found: dict[str, set[str]] = {}
    # What was said of a sender lasts as long as something that was written by it.
    for mark, payer_id in await fetch(
        "SELECT k.sender_mark, k.payer_id FROM known_sender k WHERE EXISTS (SELECT 1 FROM bank_line l "
        "JOIN bank_line_end x ON x.line_id = l.id WHERE l.sender_mark = k.sender_mark AND x.about = k.payer_id "
        f"AND x.what IN ('top_up', 'matched') AND {lines.STANDS}) ORDER BY k.id"
    ):
        found.setdefault(mark, set()).add(payer_id)
    rows = await fetch(
        "SELECT DISTINCT l.sender_mark, l.amount_pence, x.about FROM known_sender k "
        "JOIN bank_line l ON l.sender_mark = k.sender_mark AND l.sender_mark <> '' "
        "JOIN bank_line_end x ON x.line_id = l.id AND x.about = k.payer_id AND x.amount_pence = l.amount_pence "
        f"WHERE x.what IN ('top_up', 'matched') AND {lines.STANDS}"
    )
    shared = {name for name, count in Counter(name for own in names.values() for name in own).items() if count > 1}
    return {
        (row[0], int(row[1])): row[2]
        for row in rows
        if found[row[0]] == {row[2]} and not names.get(row[2], frozenset()) & shared
    }


async def _names() -> dict[str, frozenset[str]]:
    """By what each payer may be called by a bank: what they are called here, and an initial with the last of their names."""
    found = {}
    for payer_id, *written in await fetch(
        "SELECT y.id, p.called, p.full_name FROM payer y JOIN person p ON p.id = y.payer_person_id WHERE y.ended_at IS NULL"
    ):
        words = [name.casefold().split() for name in written if name]
        found[payer_id] = frozenset(" ".join([one[0][0], *one[1:][-1:]] if one[1:] else one) for one in words)
    return found


async def _seen(line_marks: Sequence[str]) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    for start in range(0, len(line_marks), _AT_ONCE):
        some = line_marks[start : start + _AT_ONCE]
        rows = await fetch(f"SELECT mark, on_day, amount_pence FROM bank_line WHERE mark IN ({marks(some)})", *some)
        found |= {row[0]: Seen(date.fromisoformat(row[1]), row[2]) for row in rows}
    return found


async def _by_hand() -> list[ByHand]:
    """Top-ups that no line of a statement tells of, of the last months."""
    rows = await fetch(
        "SELECT e.id, a.holder, -p.amount_pence, e.effective_at FROM entry e JOIN posting p ON p.entry_id = e.id "
        "JOIN account a ON a.id = p.account_id AND a.code = '2000' WHERE e.kind = 'top_up' "
        f"AND NOT EXISTS (SELECT 1 FROM bank_line_end x WHERE x.entry_id = e.id AND NOT {lines.OPENED}) "
        "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id) ORDER BY e.id DESC LIMIT 500"
    )
    zone = clock.zone()
    return [
        ByHand(row[0], row[1], int(row[2]), (as_time(row[3]) or clock.now()).astimezone(zone).date()) for row in rows
    ]


class Before(msgspec.Struct, frozen=True):
    """What is kept of an account already. `reached_pence`: what its lines lead to before a file, with those of its first
    day that are not in it, and `dawn_pence` without them; None without a start."""

    last_on: date | None
    layouts: frozenset[str]
    reached_pence: int | None
    dawn_pence: int | None
    overlapped_by: str = ""

    @property
    def may_begin(self) -> set[int]:
        """The balances at which a file may begin that follows from what we have."""
        return {pence for pence in (self.reached_pence, self.dawn_pence) if pence is not None}


async def before(code: str, sort_code: str, number: str, first_on: date, layout: str, own: Collection[str]) -> Before:
    """How far this account's statements go, and what its balance should be when this one begins: after all that we have
    of the days before it, and of its first day what is not in it as well. `own`: the marks of its own lines."""
    rows = await fetch(
        "SELECT i.first_on, i.last_on, i.layout, i.opening_pence FROM statement_import i "
        "JOIN bank_account a ON a.id = i.account_id WHERE a.code = ? AND a.sort_code = ? AND a.account_number = ? "
        "ORDER BY i.first_on, i.id",
        code, sort_code, number,
    )  # fmt: skip
    if not rows:
        return Before(None, frozenset(), None, None)
    overlapped = [row[2] for row in rows if row[2] != layout and row[1] >= first_on.isoformat()]
    reached = dawn = None
    begins = next((row for row in rows if row[3] is not None), None)
    if begins is not None and first_on.isoformat() >= begins[0]:
        first, ours = first_on.isoformat(), (code, sort_code, number)
        which = (
            "FROM bank_line l JOIN statement_import i ON i.id = l.import_id JOIN bank_account a ON a.id = i.account_id "
            "WHERE l.code = ? AND a.sort_code = ? AND a.account_number = ?"
        )
        moved = await fetch_value(
            f"SELECT CAST(COALESCE(SUM(l.amount_pence), 0) AS BIGINT) {which} AND l.on_day >= ? AND l.on_day < ?",
            *ours, begins[0], first,
        )  # fmt: skip
        that_day = await fetch(f"SELECT l.mark, l.amount_pence {which} AND l.on_day = ?", *ours, first)
        dawn = begins[3] + int(moved or 0)
        reached = dawn + sum(row[1] for row in that_day if row[0] not in own)
    last = date.fromisoformat(max(row[1] for row in rows))
    return Before(last, frozenset(row[2] for row in rows), reached, dawn, overlapped[0] if overlapped else "")


async def called() -> dict[str, str]:
    """Every payer's and member's name, to say whom a refund or a share is about."""
    rows = await fetch(
        "SELECT y.id, p.called, q.called FROM payer y JOIN person p ON p.id = y.person_id "
        "JOIN person q ON q.id = y.payer_person_id"
    )
    return {row[0]: paid_by(row[1], row[2]) for row in rows}

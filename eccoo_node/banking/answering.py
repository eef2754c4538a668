"""What a line answers to that says nothing new: an entry of its sum that the books have already, or another line of ours.

A transfer between two of our accounts is two lines, and one entry or none: one that the first line wrote, one that somebody
wrote by hand; none where it brings money to where the books have it already. So each such line names the one thing it
answers to, nothing is named twice on one account, and what was said can be taken back (`reopening`).
"""

from collections.abc import Mapping, Sequence

import msgspec

from eccoo_node.banking import lines, unknown
from eccoo_node.banking.lines import OPENED, STANDS, End, Line
from eccoo_node.db.rows import as_time, fetch, marks
from eccoo_node.escrow import say_entry, undoing
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.kernel.money import pounds
from eccoo_node.members.say import say_date
from eccoo_node.payouts.rules import ACCOUNTS, MAY_COME_BACK
from eccoo_node.record.door import Act

# What a line that answers to something is: a transfer between our own accounts, or anything else the books have.
KINDS = ("own", "by_hand")
# The two lines of a transfer lie close together.
_CLOSE_DAYS = 10
_OFFERED = 5


class Answer(msgspec.Struct, frozen=True):
    """One thing that a line may answer to: an entry, or another line (`of` "line:12"). `holder`: whom the entry is about."""

    what: str
    of: str
    kind: str
    days: int
    on: str
    holder: str = ""

    def option(self, called: Mapping[str, str]) -> tuple[str, str, str]:
        """How a page offers it."""
        if not self.kind:
            return (
                f"{self.what}:{self.of}",
                "A transfer between our own accounts",
                f"The books have it where it is now. Its other side: {self.on}.",
            )
        kind = say_entry.kind(self.kind)
        about = f", {called[self.holder]}" if self.holder in called else ""
        if self.what == "own":
            return (
                f"own:{self.of}",
                "A transfer between our own accounts that the books have already",
                f"{kind}, {self.on}.",
            )
        return f"by_hand:{self.of}", "It stands in the books already", f"{kind}{about}, {self.on}."


# The card company keeps its fee, which the circle makes good, so its entry is of more than came. Payments of batches that
# are still looked for have their own place.
_WRITTEN = (
    "SELECT e.id, e.kind, e.effective_at, "
    "COALESCE((SELECT MAX(b.holder) FROM posting q JOIN account b ON b.id = q.account_id WHERE q.entry_id = e.id "
    "AND b.code IN ('1100', '2000', '2500', '2600', '2610')), '') AS holder, "
    "(SELECT COUNT(*) FROM posting q JOIN account b ON b.id = q.account_id WHERE q.entry_id = e.id "
    "AND b.code IN ('1000', '1010', '1020') AND b.code <> ? AND q.amount_pence = -p.amount_pence) AS ours "
    "FROM entry e JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id AND a.code = ? "
    "AND p.amount_pence {sign} 0 WHERE e.reverses_id IS NULL AND (p.amount_pence = ? OR (e.kind = 'card_paid' "
    "AND p.amount_pence - ? = (SELECT SUM(q.amount_pence) FROM posting q JOIN account b ON b.id = q.account_id "
    "WHERE q.entry_id = e.id AND b.code = '5200'))) "
    "AND (e.kind NOT IN ('payout_paid', 'payout_bounced') OR e.at < ?) "
    "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id) "
    "AND NOT EXISTS (SELECT 1 FROM bank_line_end x JOIN bank_line l ON l.id = x.line_id WHERE x.entry_id = e.id "
    f"AND l.code = ? AND l.amount_pence {{sign}} 0 AND NOT {OPENED}) ORDER BY e.id DESC LIMIT 50"
)
# Another line the other way, that nothing answers to yet: on another of our accounts one that nobody has explained, or that
# is such a transfer too; on this account one whose money the books have elsewhere, so that it was moved there.
_OTHER = (
    "SELECT l.id FROM bank_line l WHERE l.amount_pence = ? "
    f"AND NOT EXISTS (SELECT 1 FROM bank_line_end x WHERE x.what = 'own' AND x.about = 'line:' || CAST(l.id AS VARCHAR) AND {STANDS}) "
    f"AND CASE WHEN l.code <> ? THEN NOT EXISTS (SELECT 1 FROM bank_line_end x WHERE x.line_id = l.id AND {STANDS} "
    "AND (x.what NOT IN ('received', 'own') OR (x.what = 'own' AND x.entry_id IS NOT NULL))) "
    f"ELSE EXISTS (SELECT 1 FROM bank_line_end x WHERE x.line_id = l.id AND {STANDS} AND (x.what IN ('elsewhere', 'own_in', "
    "'own_cost') OR (x.entry_id IS NOT NULL AND x.what NOT IN ('payout', 'came_back', 'matched', 'sent_back') AND NOT EXISTS "
    "(SELECT 1 FROM posting p JOIN account a ON a.id = p.account_id WHERE p.entry_id = x.entry_id AND a.code = l.code)))) END "
    "ORDER BY l.id DESC LIMIT 50"
)


async def may_answer(line: Line) -> list[Answer]:
    """What a line may answer to, the nearest in time first; entries before lines."""
    sign = ">" if line.amount_pence > 0 else "<"
    written = await fetch(
        _WRITTEN.format(sign=sign), line.code, line.code, line.amount_pence, line.amount_pence,
        clock.now() - MAY_COME_BACK, line.code,
    )  # fmt: skip
    found = []
    for entry_id, kind, at, holder, ours in map(tuple, written):
        on = (as_time(at) or line.noon).astimezone(clock.zone()).date()
        what = "own" if ours else "by_hand"
        found.append(Answer(what, str(entry_id), kind, abs((on - line.on).days), say_date(on), holder))
    across = []
    for one in await _other_lines(line):
        days = abs((one.on - line.on).days)
        if one.code == line.code or days <= _CLOSE_DAYS:
            where = ACCOUNTS[one.code]
            across.append(
                Answer("own", f"line:{one.id}", "", days, f"{where[:1].lower()}{where[1:]}, {say_date(one.on)}")
            )
    nearest = [sorted(some, key=lambda one: one.days) for some in (found, across)]
    return [one for some in nearest for one in some[:_OFFERED]]


async def _other_lines(line: Line) -> list[Line]:
    ids = [row[0] for row in await fetch(_OTHER, -line.amount_pence, line.code)]
    if not ids:
        return []
    return [lines.from_row(tuple(row)) for row in await fetch(f"{lines.COLUMNS} WHERE l.id IN ({marks(ids)})", *ids)]


async def answer(act: Act, line: Line, what: str, of: str) -> None:
    """Write down that a line says nothing new, and what it answers to; without `of` the nearest in time.

    The other line of a transfer that nobody has explained yet is explained with it. Raises Conflict where there is no such
    thing (any more), Forbidden where it is about the reader's own money.
    """
    ended = await lines.ends(line.id)
    unknown.received_as(line, ended)
    found = [one for one in await may_answer(line) if one.what == what and of in {"", one.of}]
    if not found:
        raise Conflict(_nothing(line, what), "not_written")
    chosen = await _not_ones_own(act, found)
    other = await lines.locked(int(chosen.of.partition(":")[2])) if not chosen.kind else None
    await unknown.becomes_known(act, line, ended)
    entry = int(chosen.of) if chosen.kind else None
    await lines.end(act, line.id, End(what, abs(line.amount_pence), chosen.of, entry), by_hand=True)
    if other is None or other.code == line.code:
        return
    theirs = await lines.ends(other.id)
    if all(one.what == "received" for one in theirs):
        await unknown.becomes_known(act, other, theirs)
        await lines.end(act, other.id, End("own", abs(line.amount_pence), f"line:{line.id}"), by_hand=True)


def said_before(ended: Sequence[End], what: str, of: str) -> bool:
    """Whether just this has been said of a line already."""
    return any(one.what == what and (one.of == of or (what in KINDS and not of)) for one in ended[-1:])


async def _not_ones_own(act: Act, found: list[Answer]) -> Answer:
    """The first that is not about the reader's own money. Raises Forbidden."""
    parties: frozenset[str] = frozenset()
    for one in found:
        parties = await undoing.parties(int(one.of)) if one.kind else frozenset()
        if act.actor.person_id not in parties:
            break
    else:
        one = found[0]
    act.allow(Thing("entry" if one.kind else "bank_line", one.of, parties=parties))
    return one


def _nothing(line: Line, what: str) -> str:
    sum_ = pounds(abs(line.amount_pence))
    if what == "own":
        return (
            f"Neither the books nor the statement of another account of ours has such a transfer of {sum_}. "
            "Read that account’s statement first, or say what the money was."
        )
    return f"Nothing of {sum_} was written by hand that this line could be. Say what the money was."

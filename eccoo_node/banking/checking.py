"""Looking at what a file says before it is written: what becomes of each line, and whether the balances add up."""

import asyncio

import msgspec

from eccoo_node.banking import planning, queries
from eccoo_node.banking.planning import Planned
from eccoo_node.banking.queries import OurAccount
from eccoo_node.banking.statements import reading
from eccoo_node.banking.statements.model import DAYS, Statement, breaks, whole_file
from eccoo_node.banking.statements.profiles import FORMATS, PROFILES, Profile
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import pounds
from eccoo_node.members.say import say_date


class Looked(msgspec.Struct, frozen=True):
    """What would become of a file. `gaps`: a sentence for each place where the balances do not add up."""

    planned: list[Planned]
    gaps: list[str]
    # The code of another account of ours, whose balance this file continues while it does not continue this one’s.
    rather: str = ""

    def of(self, *what: str) -> list[Planned]:
        return [one for one in self.planned if one.what in what]


async def look(actor: Actor, account: OurAccount, found: Statement) -> Looked:
    """Raises Unreadable for a file that can't be written: of another kind than the one before it, for one; Forbidden."""
    line_marks = reading.marks(account.sort_code, account.account_number, found.lines)
    before = await queries.before(
        account.code, account.sort_code, account.account_number, found.first_on, account.layout, frozenset(line_marks)
    )
    if before.overlapped_by:
        # The same payment looks otherwise in another kind of file, and would be written twice.
        titles = await queries.layouts()
        raise whole_file(
            f"Days of this file were read before, out of files of {titles.get(before.overlapped_by, 'another kind')}. "
            "Choose one that begins after them, or a file of that kind."
        )
    known = await queries.known(actor, account.code, line_marks)
    # Thousands of lines take a while, and others are to be served meanwhile.
    planned = await asyncio.to_thread(planning.plan, account.code, found.lines, line_marks, known)
    return Looked(planned, _gaps(found, before), await _rather(account, found, before))


async def _rather(account: OurAccount, found: Statement, before: queries.Before) -> str:
    """The code of the account that a file seems to be of, where it does not say whose it is; empty for this one."""
    if found.account_number or found.opening_pence is None or found.opening_pence in before.may_begin:
        return ""
    for other in (await queries.accounts()).values():
        if other.code == account.code:
            continue
        line_marks = reading.marks(other.sort_code, other.account_number, found.lines)
        theirs = await queries.before(
            other.code, other.sort_code, other.account_number, found.first_on, account.layout, frozenset(line_marks)
        )
        if found.opening_pence in theirs.may_begin:
            return other.code
    return ""


def _gaps(found: Statement, before: queries.Before) -> list[str]:
    said = []
    if before.reached_pence is not None and found.opening_pence not in {None, *before.may_begin}:
        begins = found.opening_pence or 0
        said.append(
            f"Before {say_date(found.first_on)} the lines we have lead to {pounds(before.reached_pence)}, and this file "
            f"begins at {pounds(begins)}. Something of {pounds(abs(begins - before.reached_pence))} is missing between."
        )
    elif before.last_on and before.reached_pence is None and found.last_on < before.last_on:
        said.append("This file lies before what we have, so its balance can’t be compared.")
    said += [
        f"Between line {one.after_line} and line {one.at_line}, on {say_date(one.on)}, the balance is out by "
        f"{pounds(abs(one.missing_pence))}."
        for one in breaks(found.lines)[:8]
    ]
    moved = sum(line.amount_pence for line in found.lines)
    if found.opening_pence is not None and found.closing_pence is not None and not breaks(found.lines):
        out = found.closing_pence - found.opening_pence - moved
        if out:
            said.append(
                f"It begins at {pounds(found.opening_pence)}, its lines come to {pounds(moved)}, and it ends at "
                f"{pounds(found.closing_pence)}: {pounds(abs(out))} is missing."
            )
    return said


def check_profile(described: Profile) -> None:
    """Raises Invalid for a description by which nothing can be read."""
    for field, value, sentence in (
        ("title", described.title, "Write what you call this bank."),
        ("day", described.day, "Write the heading of the column with the day."),
        ("texts", "".join(described.texts), "Write the heading of at least one column with words."),
    ):
        if not value.strip():
            raise Invalid(sentence, "empty", field=field)
    if described.day_form not in DAYS:
        raise Invalid("Choose how this bank writes a day.", "no_day_form", field="day_form")
    if bool(described.amount) == bool(described.paid_in or described.paid_out) or (
        not described.amount and not (described.paid_in and described.paid_out)
    ):
        raise Invalid(
            "Write the heading of the column with the sum, or of both columns: paid in and paid out.",
            "no_amount", field="amount",
        )  # fmt: skip
    if not 0 <= described.skip <= 50:
        raise Invalid("Write how many lines stand above the headings, up to 50.", "bad_skip", field="skip")
    sums = [
        one
        for one in (described.day, described.amount, described.paid_in, described.paid_out, described.balance)
        if one
    ]
    if len(set(sums)) < len(sums) or set(sums) & set(described.texts):
        raise Invalid("Each column has a heading of its own.", "same_heading", field="day")
    if described.title in {one.title for one in PROFILES.values()} | set(FORMATS.values()):
        raise Invalid("Call it by another name than the banks that are known already.", "known_bank", field="title")

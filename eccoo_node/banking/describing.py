"""Describing a bank's CSV from the first lines of one of its files. Pure: what is filled in beforehand is only a start."""

from datetime import date

import msgspec

from eccoo_node.banking import checking
from eccoo_node.banking.statements.csvs import read_csv, rows_of
from eccoo_node.banking.statements.model import DAYS, Unreadable, read_day, read_pence
from eccoo_node.banking.statements.profiles import Profile
from eccoo_node.kernel.errors import Invalid

_FEWEST_COLUMNS = 3
# What headings are often called, in small letters; the first that is there is filled in.
_OFTEN = {
    "day": ("date", "transaction date", "posting date", "booking date"),
    "amount": ("amount", "amount (gbp)", "value"),
    "paid_in": ("paid in", "money in", "credit", "credit amount", "in"),
    "paid_out": ("paid out", "money out", "debit", "debit amount", "out"),
    "balance": ("balance", "balance (gbp)", "running balance"),
}
_WORDS = (
    "description",
    "reference",
    "details",
    "narrative",
    "memo",
    "payee",
    "name",
    "counter party",
    "transaction description",
)


class Sample(msgspec.Struct, frozen=True):
    """The headings of a sample, each with what stands below it first, and the lines above them."""

    columns: list[tuple[str, str]]
    skip: int
    guess: dict[str, str | list[str]]


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of the columns."""

    title: str
    day: str
    day_form: str
    texts: tuple[str, ...]
    amount: str = ""
    turned: bool = False
    paid_in: str = ""
    paid_out: str = ""
    balance: str = ""
    sender: str = ""
    sort_code: str = ""
    account_number: str = ""


def look(sample: str) -> Sample:
    """Find the headings: the first line of several columns without a sum or a day in them. Raises Invalid."""
    rows = [cells for _, cells in _rows(sample)]
    for at, cells in enumerate(rows):
        named = [" ".join(cell.split()) for cell in cells if cell.strip()]
        if len(named) >= _FEWEST_COLUMNS and not any(_is_value(one) for one in named):
            if len(set(named)) < len(named):
                raise Invalid(
                    "Two columns have the same heading, so they can’t be told apart.", "same_heading", field="file"
                )
            below = rows[at + 1] if at + 1 < len(rows) else []
            values = dict(zip([" ".join(cell.split()) for cell in cells], below, strict=False))
            columns = [(name, values.get(name, "").strip()[:30]) for name in named]
            return Sample(columns, at, _guess(columns))
    raise Invalid(
        "There is no line of headings here, such as Date, Description, Amount. Choose a file that the bank calls CSV.",
        "no_headings", field="file",
    )  # fmt: skip


def _rows(sample: str) -> list[tuple[int, list[str]]]:
    try:
        return rows_of(sample)
    except Unreadable as wrong:
        raise Invalid(str(wrong.troubles[0]), "bad_sample", field="file") from None


def _is_value(cell: str) -> bool:
    return read_pence(cell) is not None or any(read_day(cell, how) for how in DAYS)


def _guess(columns: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    by_small = {name.lower(): name for name, _ in columns}
    found: dict[str, str | list[str]] = {
        field: next((by_small[one] for one in often if one in by_small), "") for field, often in _OFTEN.items()
    }
    if found["amount"]:
        found["paid_in"] = found["paid_out"] = ""
    found["texts"] = [name for small, name in by_small.items() if small in _WORDS]
    # How a day is written is seen in the sample where it can be only one; "03/04/2026" has the day first, always.
    shown = next((value for name, value in columns if name == found["day"]), "")
    found["day_form"] = next((how for how in DAYS if read_day(shown, how)), "")
    return found


def described(sample: str, answers: Answers, *, today: date) -> Profile:
    """The layout, once it has read the very lines it was described from. Raises Invalid with the line it could not read."""
    found = look(sample)
    names = {name for name, _ in found.columns}
    asked = msgspec.structs.asdict(answers)
    for field, value in asked.items():
        if field not in {"title", "day_form", "turned"}:
            for one in value if isinstance(value, tuple) else (value,):
                if one and one not in names:
                    raise Invalid("Choose one of the columns.", "no_column", field=field)
    profile = Profile(name="own", skip=found.skip, **asked)
    checking.check_profile(profile)
    try:
        read_csv(sample.encode(), profile, today=today)
    except Unreadable as wrong:
        # The last line of what was pasted may have been cut in two.
        cut = "\n".join(sample.rstrip().split("\n")[:-1])
        try:
            read_csv(cut.encode(), profile, today=today)
        except Unreadable:
            raise Invalid(
                f"By this the lines can’t be read. {wrong.troubles[0]}", "not_readable", field="title"
            ) from None
    return profile

"""Who may read and make papers, and the weeks, months, quarters and years that they are about. Pure: no table, no clock."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from eccoo_node.governance.figures import Figure, declare
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing

# payer: a payer's week. invoice: what a payer is to pay. worker: a worker's tax year.
SERIES = ("payer", "invoice", "worker")
PREFIX = {"payer": "S", "invoice": "INV", "worker": "Y"}

INVOICE_WEEKS = declare(
    Figure(
        name="invoice_weeks",
        title="How many weeks an invoice is about",
        words="Whoever pays after the visit has an invoice each time so many weeks are over: 1 for weekly, 4 for four-weekly.",
        kind="number",
        first=1,
        least=1,
        most=4,
    )
)


def called(series: str, number: int) -> str:
    """The number of a paper as it is read and said: "S-12"."""
    return f"{PREFIX[series]}-{number}"


def keeps_papers(actor: Actor) -> bool:
    """The circle's treasurer, acting as themselves."""
    return actor.wears("treasurer") and not actor.acting_for


def posts_papers(actor: Actor) -> bool:
    return actor.wears("facilitator") and not actor.acting_for


@access.rule("papers.see")
def _own(actor: Actor, thing: Thing) -> bool | str:
    """Whoever it is for. Of what a payer has here also whose support it pays for, and who speaks for either about
    money; what a worker earns is for the worker alone."""
    if thing.worker_id:
        return actor.person_id == thing.worker_id and not actor.acting_for
    return any(actor.speaks_as(person_id, "money") for person_id in (thing.person_id, thing.payer_id))


@access.rule("papers.read")
def _anothers(actor: Actor, thing: Thing) -> bool | str:
    """Someone else's: the treasurer's work, and the facilitator's where it waits to be posted."""
    if keeps_papers(actor) or (thing.kind == "paper_to_post" and posts_papers(actor)):
        return True
    return "This paper is for someone else."


@access.rule("papers.make_statement", "papers.make_invoice", "papers.make_year")
def _makes(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or keeps_papers(actor) or "Papers are made by the circle’s treasurer."


@access.rule("papers.keep", "papers.correct")
def _keeps(actor: Actor, thing: Thing) -> bool | str:
    return keeps_papers(actor) or "Papers are kept by the circle’s treasurer."


@access.rule("papers.posted")
def _posts(actor: Actor, thing: Thing) -> bool | str:
    return posts_papers(actor) or "Papers are put in the post by a facilitator."


class Period(msgspec.Struct, frozen=True, order=True):
    """Days of the circle's own calendar, the last one included."""

    first: date
    last: date

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The first moment of the first day and of the day after the last."""
        after = self.last + timedelta(days=1)
        return (
            datetime.combine(self.first, time(), tzinfo=zone),
            datetime.combine(after, time(), tzinfo=zone),
        )


def week(day: date) -> Period:
    """The week, Monday to Sunday, in which a day lies."""
    monday = day - timedelta(days=day.weekday())
    return Period(monday, monday + timedelta(days=6))


def last_week(today: date) -> Period:
    """The newest week that is over."""
    return week(today - timedelta(days=7))


_FIRST_MONDAY = date(1970, 1, 5)


def ends_a_run(period: Period, weeks: int) -> bool:
    """Whether so many weeks are over with this one, counted from a Monday long ago."""
    return ((period.first - _FIRST_MONDAY).days // 7 + 1) % weeks == 0


def tax_year(day: date) -> Period:
    """The tax year, 6 April to 5 April, in which a day lies."""
    first = date(day.year, 4, 6)
    if day < first:
        first = date(day.year - 1, 4, 6)
    return Period(first, date(first.year + 1, 4, 5))


def tax_month(day: date) -> Period:
    """The month of the tax year, from the 6th to the 5th, in which a day lies: three of them are a tax quarter."""
    first = day.replace(day=6) if day.day >= 6 else (day.replace(day=1) - timedelta(days=1)).replace(day=6)
    return Period(first, (first.replace(day=1) + timedelta(days=32)).replace(day=5))


def tax_quarter(day: date) -> Period:
    """The quarter of the tax year in which a day lies; they begin on 6 April, 6 July, 6 October and 6 January."""
    month = tax_month(day)
    first = month.first.replace(month=(month.first.month - 1) // 3 * 3 + 1)
    return Period(first, (first.replace(day=1) + timedelta(days=95)).replace(day=5))


def month(day: date) -> Period:
    """The calendar month in which a day lies."""
    first = day.replace(day=1)
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The day on the circle's own calendar."""
    return moment.astimezone(zone).date()


def paid_of(owed: list[int], paid_pence: int) -> list[int]:
    """How much of each invoice, oldest first, is paid by what has come in. One below 0 gives to the others."""
    there = paid_pence - sum(pence for pence in owed if pence < 0)
    found = []
    for pence in owed:
        part = pence if pence < 0 else max(0, min(pence, there))
        there -= max(part, 0)
        found.append(part)
    return found

"""What a worker tells of themselves: looked at as it is told, kept as it was said, read by two people and in the record."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.hmrc import actions, queries, rules, say, xml
from eccoo_node.hmrc.forms import Identity
from eccoo_node.hmrc.reckoning import NOTHING, Quarter
from eccoo_node.kernel.access import Actor, Hat
from eccoo_node.kernel.errors import Forbidden, Invalid, NotFound
from tests.support import make
from tests.support.escrow import open_books
from tests.support.node import Node
from tests.unit.hmrc.said import CIRCLE, COMPANY, WREN, but

TODAY = date(2026, 11, 23)

SLIPS: list[tuple[Identity, str]] = [
    (but(WREN, tax_number="AB 12 34 56"), "tax_number"),
    (but(WREN, tax_number="GB 12 34 56 C"), "tax_number"),
    (but(WREN, tax_number="DA 12 34 56 C"), "tax_number"),
    (but(WREN, tax_number=""), "tax_number"),
    (but(WREN, tax_number="12<34", country="FR", postcode="75001"), "tax_number"),
    (but(WREN, postcode="HX7"), "postcode"),
    (but(WREN, postcode=""), "postcode"),
    (but(WREN, country="XX"), "country"),
    (but(WREN, birth_date=None), "birth_date"),
    (but(WREN, birth_date=date(2020, 1, 1)), "birth_date"),
    (but(WREN, birth_date=date(1887, 1, 1)), "birth_date"),
    (but(WREN, last_name="Holt\x07"), "last_name"),
    (but(WREN, address="2 \u202eMill"), "address"),
    (but(WREN, town="Heb\ufffeden"), "town"),
    (but(WREN, vat_number="123"), "vat_number"),
    (but(COMPANY, company_name=" "), "company_name"),
    (but(COMPANY, company_number="12"), "company_number"),
    (but(COMPANY, company_tax_number="1234567890"), "company_tax_number"),
]


@pytest.mark.parametrize("said, field", SLIPS, ids=lambda one: one if isinstance(one, str) else "")
def test_a_slip_is_named_at_its_place(said: Identity, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.checked(said, TODAY)
    assert refused.value.field == field


def test_what_is_told_is_kept_as_it_is_written() -> None:
    kept = rules.checked(WREN, TODAY)
    assert (kept.tax_number, kept.postcode, kept.called) == ("AB123456C", "HX7 8AA", "Wren Alice Holt")
    none = rules.checked(but(WREN, tax_number="", no_tax_number="  I have only\njust come. "), TODAY)
    assert (none.number, none.no_tax_number) == ("", "I have only just come.")
    away = rules.checked(but(WREN, country="IE", postcode="D02 AF30", tax_number="1234567FA"), TODAY)
    assert (away.postcode, away.number) == ("D02 AF30", "1234567FA")
    company = rules.checked(COMPANY, TODAY)
    assert (company.called, company.number, company.vat_number) == ("Holt & Daughters Ltd", "1955839661", "980780684")
    # A name of one word, and one with the joiner that its script needs.
    assert rules.checked(but(WREN, first_names="", last_name="می\u200cنا"), TODAY).called == "می\u200cنا"
    assert next(iter(rules.countries().items())) == ("GB", "United Kingdom")
    assert rules.checked_operator(CIRCLE).operator_id == "XEDPI0000000001"


async def test_only_they_and_the_treasurer_read_it_and_each_reading_is_an_act(node: Node) -> None:
    books = await open_books()
    circle = await make.circle()
    wren = Actor(person_id=books.worker, hats=(Hat("worker", circle, "circle"),))
    ivy = await make.person("Ivy")
    on_the_phone = Actor(ivy, (Hat("facilitator", circle, "circle"),), "phone", books.worker, known_by="rang_back")
    not_known = Actor(ivy, on_the_phone.hats, "phone", books.worker)
    relative = Actor(ivy, (), "screen", books.worker, frozenset({"money"}))
    convenor = Actor(ivy, (Hat("convenor", circle, "circle"), Hat("admin", circle, "circle")))
    assert await actions.read_details(wren, books.worker) is None
    await actions.tell_details(on_the_phone, books.worker, WREN)
    for nobody in (on_the_phone, not_known, relative, convenor, Actor(person_id=books.other), Actor()):
        with pytest.raises(Forbidden):
            await actions.read_details(nobody, books.worker)
    for nobody in (not_known, relative, convenor, books.treasurer):
        with pytest.raises(Forbidden):
            await actions.tell_details(nobody, books.worker, WREN)
    with pytest.raises(NotFound):
        await actions.tell_details(Actor(person_id=books.person), books.person, WREN)
    await actions.tell_details(wren, books.worker, but(WREN, town="Todmorden"))
    for reader in (wren, books.treasurer):
        who = await actions.read_details(reader, books.worker)
        assert who
        assert (who.identity.town, who.account) == ("Todmorden", None)
    rows = await fetch(
        "SELECT actor_id, action, via FROM audit WHERE outcome = 'done' AND action LIKE 'hmrc%' ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [
        (books.worker, "hmrc.read_details", "screen"), (ivy, "hmrc.tell_details", "phone"),
        (books.worker, "hmrc.tell_details", "screen"), (books.worker, "hmrc.read_details", "screen"),
        (books.treasurer.person_id, "hmrc.read_details", "screen"),
    ]  # fmt: skip
    # None of it is in an event, in the record or in a job.
    for table in ("event", "audit", "audit_text", "job"):
        rows = await fetch(f"SELECT * FROM {table}")
        assert not [row for row in rows if "AB123456C" in str(tuple(row)) or "Mill Lane" in str(tuple(row))]


async def test_who_has_not_told_is_asked_once_and_each_month_from_october(node: Node) -> None:
    node.clock.set(datetime(2026, 8, 3, 9, tzinfo=UTC))
    books = await open_books()
    gone = await make.worker("Sol", paid=True)
    await make.worker("Ness", paid=False)

    async def told() -> list[tuple[str, str]]:
        return [
            tuple(row)
            for row in await fetch("SELECT person_id, channel FROM told WHERE news = 'tax_details' ORDER BY at, id")
        ]

    assert await actions.remind_all() == 3
    assert await actions.remind_all() == 0
    assert {row[0] for row in await told()} == {books.worker, books.other, gone}
    await actions.tell_details(Actor(person_id=books.other), books.other, WREN)
    async with write():
        await fetch("UPDATE person SET standing = 'died' WHERE id = ?", gone)
    # The last hour of September in UTC is October here.
    for at, asks in (
        (datetime(2026, 9, 30, 22, 59, tzinfo=UTC), 0), (datetime(2026, 9, 30, 23, 0, tzinfo=UTC), 1),
        (datetime(2026, 10, 31, 23, 59, tzinfo=UTC), 0), (datetime(2026, 11, 1, 0, 0, tzinfo=UTC), 1),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 1), (datetime(2027, 1, 1, 0, 0, tzinfo=UTC), 0),
    ):  # fmt: skip
        node.clock.set(at)
        assert await actions.remind_all() == asks, at
    assert (
        await fetch_value("SELECT COUNT(*) FROM told WHERE person_id = ? AND news = 'tax_details'", books.worker) == 4
    )
    (missing,) = [one for one in await queries.workers() if one.told_at is None]
    # Wren is rung: until a facilitator has, nothing has reached them and nothing more may follow.
    assert (missing.called, len(missing.asked), missing.reached) == ("Wren", 4, ())


def test_the_law_lets_a_platform_do_more_only_after_two_reminders_and_sixty_days() -> None:
    first = datetime(2026, 9, 1, tzinfo=UTC)
    three = [first, first + timedelta(days=30), first + timedelta(days=59)]
    assert not rules.patience_over(three, first + timedelta(days=59, hours=23))
    assert rules.patience_over(three, first + timedelta(days=60))
    assert not rules.patience_over(three[:2], first + timedelta(days=400))
    # Brought all at once by a facilitator, it was one asking.
    assert not rules.patience_over([first] * 3, first + timedelta(days=400))


def test_the_year_says_what_to_do_next_on_each_day() -> None:
    """Pure: a standing and a day give one sentence, and a button where there is something to press."""
    wren = queries.Asked("w", "Wren", None)
    told = queries.Asked("r", "Robin", datetime(2026, 11, 1, tzinfo=UTC))
    earned = {"w": (Quarter(5100, 900, 0, 0, 1), *NOTHING[1:]), "r": (Quarter(100), *NOTHING[1:])}
    made = queries.Report(
        7, 2026, 1, "DPI401", "", None, True, CIRCLE, xml.Doc("OECD1", "x"), datetime(2027, 1, 3, tzinfo=UTC), ""
    )
    sent = msgspec.structs.replace(made, outcome="sent", reference="H", on_day=date(2027, 1, 3))
    start = queries.Standing(2026, CIRCLE, [told, wren], {}, earned, [], False, True, 0)
    all_told = msgspec.structs.replace(start, workers=[told])

    def next_(one: queries.Standing, day: date) -> tuple[str, str]:
        step = say.next_step(one, datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC))
        return step.words, step.button

    december, january, february = date(2026, 12, 31), date(2027, 1, 1), date(2027, 2, 1)
    nobody = msgspec.structs.replace(start, operator=None)
    assert next_(nobody, december)[1] == "Write down the circle’s details"
    asks = "One person has yet to tell us what HMRC needs. They stand below; ask each of them."
    assert next_(start, december) == (asks, "")
    assert next_(all_told, december)[0].startswith("Nothing to do now.")
    assert next_(start, january)[0].endswith("Ring them first, if there is time before 31 January 2027.")
    assert next_(all_told, january) == (
        "2026 is over. Make the report, and send it by 31 January 2027.",
        "Make the report",
    )
    assert next_(all_told, february)[0].startswith("It was due by 31 January 2027")
    assert next_(msgspec.structs.replace(all_told, reports=[made]), january)[1] == "See report 1"
    assert next_(msgspec.structs.replace(start, reports=[sent]), january)[0].startswith(
        "HMRC has been told about 2026, but not yet of Wren."
    )
    assert next_(msgspec.structs.replace(all_told, reports=[sent]), january)[1] == ""
    changed = msgspec.structs.replace(all_told, reports=[sent], differs=True)
    assert next_(changed, february)[1] == "Make the next report"

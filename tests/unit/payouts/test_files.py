"""The files for the bank: every sum is in them once, every line has its length, and no name can do harm in them."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files as resources
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from eccoo_node.kernel.days import next_working_day
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.payouts import files, rules
from eccoo_node.payouts.files import Line, Order, Ours, Profile

SCHEMA = xmlschema.XMLSchema(str(resources("sepaxml") / "schemas" / "pain.001.001.09.xsd"))
NS = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
OURS = Ours("Hebden Circle & Co", "608301", "20123456", "123456")
AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BACS = re.compile(r"[A-Z0-9.&/ -]*")

digits = st.text("0123456789", min_size=1)
nasty = st.one_of(
    st.text(max_size=40), st.sampled_from(["=1+1", "@SUM(A1)", "-2+3", "+44", "a,b\r\nc", '"x"', "\x00\t", "Zoë"])
)
lines = st.lists(
    st.builds(
        Line,
        name=nasty.map(lambda text: f"W{text}"),
        sort_code=st.from_regex(r"[0-9]{6}", fullmatch=True),
        account_number=st.from_regex(r"[0-9]{8}", fullmatch=True),
        amount_pence=st.integers(1, 10_000_000),
        reference=st.tuples(nasty, st.integers(1, 9999), st.integers(1, 999)).map(lambda t: rules.reference(*t)),
    ),
    min_size=1,
    max_size=8,
).map(tuple)
orders = st.builds(
    Order, id=st.uuids().map(str), number=st.integers(1, 99_999), made_at=st.just(AT),
    pay_on=st.dates(date(2026, 1, 1), date(2035, 12, 31)), lines=lines, ours=st.just(OURS),
)  # fmt: skip


@given(orders)
@settings(max_examples=20)
def test_every_file_holds_the_total_of_its_batch_and_nothing_that_does_harm(order: Order) -> None:
    made = {form: files.make(order, form) for form in files.FORMS}
    assert made == {form: files.make(order, form) for form in files.FORMS}
    total = order.total_pence
    # The list: no cell begins a sum that a program would work out.
    rows = list(csv.reader(io.StringIO(made["csv"].data.decode("ascii"))))
    assert [len(row) for row in rows] == [6] * len(order.lines)
    assert sum(int(Decimal(row[3]) * 100) for row in rows) == total
    assert all(re.fullmatch(r"\d+\.\d\d", row[3]) and row[5] == order.pay_on.strftime("%d/%m/%Y") for row in rows)
    assert all(cell[:1].isalnum() and BACS.fullmatch(row[2]) for row in rows for cell in row)
    # Standard 18: every record as long as it must be, the contra and both totals the same.
    for form, length in (("bacs", 100), ("bacs-multi", 106)):
        found = made[form].data.decode("ascii").split("\r\n")[:-1]  # type: ignore[index]
        labels, records = [*found[:4], *found[-3:]], found[4:-3]
        assert ([row[:4] for row in labels], {len(row) for row in labels}) == (
            ["VOL1", "HDR1", "HDR2", "UHL1", "EOF1", "EOF2", "UTL1"], {80},
        )  # fmt: skip
        assert {len(row) for row in records} == {length}
        assert all(BACS.fullmatch(row) for row in records)
        *credits_, contra = records
        assert [row[15:17] for row in records] == ["99"] * len(order.lines) + ["17"]
        assert (int(contra[35:46]), sum(int(row[35:46]) for row in credits_)) == (total, total)
        assert (contra[:14], contra[17:31], contra[64:82].strip()) == ("60830120123456", "60830120123456", "CONTRA")
        assert found[-1][4:44] == f"{total:013}{total:013}{1:07}{len(order.lines):07}"
        assert found[2][5:15] == f"{length * 20:05}{length:05}"
        assert (found[0][41:47], found[1][4:15], found[1][15:21]) == ("123456", "A123456S  1", "123456")
    # ISO 20022: what the schema takes, in pounds.
    text = made["pain"].data.decode()
    SCHEMA.validate(text)
    tree = ET.fromstring(text)  # noqa: S314 - our own text, just written.
    amounts = tree.findall(f".//{NS}InstdAmt")
    assert {one.get("Ccy") for one in amounts} == {"GBP"}
    assert [int(Decimal(one.text or "") * 100) for one in amounts] == [line.amount_pence for line in order.lines]
    assert {int(Decimal(one.text or "") * 100) for one in tree.findall(f".//{NS}CtrlSum")} == {total}
    assert [one.text for one in tree.findall(f".//{NS}CdtrAgt//{NS}MmbId")] == [line.sort_code for line in order.lines]


def test_a_bacs_file_letter_by_letter() -> None:
    line = Line("Zoë O’Wren", "203040", "12349876", 5100, "HEBDEN CIRCLE 1-1")
    order = Order("0198", 7, AT, date(2026, 11, 24), (line,), OURS)
    assert files.standard_18(order).decode().split("\r\n") == [
        "VOL1000007" + " " * 31 + "123456" + " " * 32 + "1",
        "HDR1A123456S  1123456" + "00000700010001" + " " * 6 + " 26327 26334 000000" + " " * 20,
        "HDR2F0200000100" + " " * 35 + "00" + " " * 28,
        "UHL1 26328999999    00000000" + "1 DAILY  001" + " " * 40,
        "20304012349876099" + "60830120123456    00000005100" + "HEBDEN CIRCLE & CO" + "HEBDEN CIRCLE 1-1 " + "ZOE OWREN         ",
        "60830120123456017" + "60830120123456    00000005100" + "BATCH 7           " + "CONTRA            " + "HEBDEN CIRCLE & CO",
        "EOF1A123456S  1123456" + "00000700010001" + " " * 6 + " 26327 26334 000000" + " " * 20,
        "EOF2F0200000100" + " " * 35 + "00" + " " * 28,
        "UTL1" + "0000000005100" * 2 + "0000001" * 2 + " " * 36,
        "",
    ]  # fmt: skip
    assert files.standard_18(order, multi=True).decode().split("\r\n")[3:5] == [
        "UHL1" + " " * 6 + "999999    00000000" + "4 MULTI  001" + " " * 40,
        "20304012349876099" + "60830120123456    00000005100" + "HEBDEN CIRCLE & CO" + "HEBDEN CIRCLE 1-1 "
        + "ZOE OWREN          26328",
    ]  # fmt: skip
    another = Profile(("name", "amount"), header=True, separator=";")
    assert files.bulk_list(order, another) == b"name,amount\r\nZOE OWREN;51.00\r\n"


def test_a_file_that_lacks_something_is_refused() -> None:
    line = Line("Wren", "203040", "12349876", 5100, "R 1-1")
    order = Order("0198", 7, AT, date(2026, 11, 24), (line,))
    for form, said in (
        ("bacs", "Bacs user number"),
        ("bacs-multi", "Bacs user number"),
        ("pain", "account first"),
    ):
        with pytest.raises(Conflict, match=said):
            files.make(order, form)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="Nothing is sent"):
        files.make(Order("0198", 7, AT, date(2026, 11, 24), ()), "csv")


@given(nasty)
@settings(max_examples=200)
def test_a_name_that_is_taken_can_be_read_by_a_bank(text: str) -> None:
    try:
        name = rules.read_name(text)
    except Invalid:
        return
    plain = rules.plain(name)
    assert (plain[:1].isalnum(), len(plain) <= 18, bool(BACS.fullmatch(plain))) == (True, True, True)


@pytest.mark.parametrize("sort_code, number, taken", [
    ("20-30-40", "12349876", True), ("20 30 40", "1234 9876", True), ("20\u201330\u201340", "12349876", True), (" 20.30.40", "12349876", True),
    ("2030", "12349876", False), ("20304O", "12349876", False), ("203040", "1234987", False),
    ("203040", "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", False), ("203040", "=1234987", False),
])  # fmt: skip
def test_details_have_a_shape(sort_code: str, number: str, taken: bool) -> None:
    def read() -> tuple[str, str]:
        return rules.read_sort_code(sort_code), rules.read_account_number(number)

    if taken:
        assert read() == ("203040", "12349876")
        assert rules.doubt(*read()) == ""
    else:
        with pytest.raises(Invalid):
            read()


@given(st.text("0123456789 -", max_size=40), st.text(max_size=10))
def test_no_account_number_stays_in_a_reason(numbers: str, words: str) -> None:
    said = rules.without_numbers(f"{words} {numbers}")
    assert not re.search(r"[0-9]{6}", re.sub(r"[\s-]", "", re.sub(r"[^0-9\s-]+", "x", said)))


def test_odd_numbers_are_said_to_be_odd_and_days_of_rest_are_passed_over() -> None:
    assert [bool(rules.doubt("203040", number)) for number in ("11111111", "12345678", "20304011", "12349876")] == [
        True, True, True, False,
    ]  # fmt: skip
    days = [date(2026, 11, day) for day in (27, 28, 29, 30)]
    assert [next_working_day(day).day for day in days] == [27, 30, 30, 30]
    # Christmas Day is a Friday in 2026 and Boxing Day is kept on the Monday; Good Friday and Easter Monday in 2027.
    rest = [date(2026, 12, 25), date(2026, 12, 28), date(2027, 1, 1), date(2027, 3, 26), date(2027, 3, 29)]
    assert [next_working_day(day) for day in rest] == [
        date(2026, 12, 29), date(2026, 12, 29), date(2027, 1, 4), date(2027, 3, 30), date(2027, 3, 30),
    ]  # fmt: skip
    for day in rest:
        with pytest.raises(Invalid, match="working days"):
            rules.check_pay_on(day, day)
    rules.check_pay_on(date(2026, 12, 29), date(2026, 12, 25))
    assert [rules.recovered(*three) for three in ((100, 500, 70), (100, 50, 70), (60, 500, 70), (0, 5, 5))] == [
        70,
        50,
        60,
        0,
    ]

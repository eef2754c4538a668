"""Banks' files: each comes out as it went in, and what can't be read is refused with its line, never guessed at."""

import contextlib
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eccoo_node.banking import say
from eccoo_node.banking.kept import Standing
from eccoo_node.banking.statements.model import (
    MOST_LINES,
    Statement,
    StatementLine,
    Unreadable,
    breaks,
    read_day,
    read_pence,
)
from eccoo_node.banking.statements.profiles import PROFILES, Profile
from eccoo_node.banking.statements.reading import marks, read_statement, refuse_another_account, sender_mark
from eccoo_node.kernel.money import MAX_PENCE
from tests.support import statements as banks
from tests.support.statements import NUMBER, SORT_CODE, line

TODAY = date(2026, 11, 23)
OURS = Profile(
    name="own", title="Ours", day="When", day_form="dd Mon yyyy", amount="Out", turned=True, texts=("Who", "What"), skip=1
)  # fmt: skip


def own(lines: list[StatementLine], opening_pence: int = 0) -> bytes:
    """A bank that writes what left it above 0, and no balance."""
    rows = [
        f'{one.on.day} {one.on:%b %Y},{banks.pounds(-one.amount_pence)},"{one.sender}","{one.text}"' for one in lines
    ]
    return "\n".join(["Our bank", "When,Out,Who,What", *rows]).encode()


WRITERS: dict[str, tuple[Callable[..., bytes], Profile | None]] = {
    **{name: (getattr(banks, name), PROFILES[name]) for name in PROFILES},
    "own": (own, OURS),
    "ofx": (banks.ofx, None),
    "ofx2": (lambda lines, opening=0: banks.ofx(lines, opening, version=2), None),
    "camt053": (banks.camt, None),
    "camt053.08": (lambda lines, opening=0: banks.camt(lines, opening, version="08"), None),
}


def read(name: str, data: bytes) -> Statement:
    layout = "ofx" if name.startswith("ofx") else "camt053" if name.startswith("camt") else name
    return read_statement(data, layout, WRITERS[name][1], today=TODAY)


def refused(name: str, data: bytes) -> list[tuple[int, str]]:
    with pytest.raises(Unreadable) as caught:
        read(name, data)
    assert caught.value.sentence.endswith("Nothing has been taken in.")
    return [(one.line, one.reason) for one in caught.value.troubles]


LINES = [
    line("2026-03-03", 10_000, "K7M2-P9XD, Ada", "MRS A SUNDERLAND", "one"),
    line("2026-03-03", 10_000, "K7M2-P9XD, Ada", "MRS A SUNDERLAND", "two"),
    line("2026-04-03", -2_550, "RENT <HALL> & MORE", "HALL LTD", "three"),
]

words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters='"'), max_size=20)
amounts = st.integers(-MAX_PENCE, MAX_PENCE).filter(bool)
one_line = st.builds(
    StatementLine, st.just(0), st.dates(date(2000, 1, 1), TODAY), amounts, words, words.filter(bool),
)  # fmt: skip


@settings(max_examples=12)
@given(st.lists(one_line, min_size=1, max_size=8), st.integers(0, 10**9))
def test_every_kind_of_file_comes_out_as_it_went_in(made: list[StatementLine], opening: int) -> None:
    lines = sorted(made, key=lambda one: one.on)
    for name, (write, _) in WRITERS.items():
        found = read(name, write(lines, opening))
        assert [one.amount_pence for one in found.lines] == [one.amount_pence for one in lines], name
        assert [one.on for one in found.lines] == [one.on for one in lines], name
        assert all(one.text in got.text for one, got in zip(lines, found.lines, strict=True)), name
        if name != "own":
            moved = sum(one.amount_pence for one in lines)
            assert (found.opening_pence, found.closing_pence) == (opening, opening + moved), name
            assert breaks(found.lines) == [], name
        assert len(set(marks(SORT_CODE, NUMBER, found.lines))) == len(lines), name


def test_what_another_program_reads_of_our_ofx_is_the_same() -> None:
    """Where ofxtools is installed it is asked as well; it is no part of the node."""
    ofxtools = pytest.importorskip("ofxtools.Parser")
    for version in (1, 2):
        tree = ofxtools.OFXTree()
        tree.parse(io.BytesIO(banks.ofx(LINES, version=version)))
        theirs: Any = tree.convert().statements[0].transactions
        ours = read("ofx", banks.ofx(LINES, version=version)).lines
        assert [(one.bank_id, one.amount_pence, one.on) for one in ours] == [
            (one.fitid, int(one.trnamt * 100), one.dtposted.date()) for one in theirs
        ]


def test_a_statement_says_whose_it_is_where_its_bank_does() -> None:
    told = {
        name: (found.sort_code, found.account_number)
        for name in WRITERS
        if (found := read(name, WRITERS[name][0](LINES)))
    }
    assert {name for name, whose in told.items() if whose == (SORT_CODE, NUMBER)} == set(WRITERS) - {"starling", "own"}
    for name in WRITERS:
        found = read(name, WRITERS[name][0](LINES))
        refuse_another_account(found, SORT_CODE, NUMBER)
        if name not in {"starling", "own"}:
            with pytest.raises(Unreadable, match="another account, whose number ends in 2101"):
                refuse_another_account(found, SORT_CODE, "11112222")


@pytest.mark.parametrize(
    "typed, pence",
    [("1,234.56", 123456), ("-0.05", -5), ("−12", -1200), ("£3.5", 350), ("+7.00", 700), ("-£1,000", -100000), ("£-2", -200)],
)  # fmt: skip
def test_a_sum_is_read_as_banks_write_it(typed: str, pence: int) -> None:
    assert read_pence(typed) == pence


@pytest.mark.parametrize(
    "typed",
    ["", " ", "-", "abc", "1.234,50", "1,23", "12.345", "12,5", "=1+1", "(5.00)", "5.00-", "1e3", "NaN", "0x10", "--5", "£",
     "1 000", "٣", "5.00 EUR", "9" * 400],
)  # fmt: skip
def test_what_is_no_sum_is_never_nothing(typed: str) -> None:
    assert read_pence(typed) is None


@given(st.text(max_size=12))
def test_whatever_is_read_as_a_sum_has_its_digits(typed: str) -> None:
    found = read_pence(typed)
    assert found is None or str(abs(found)).rstrip("0") in typed.replace(",", "").replace(".", "")


def test_the_day_comes_first_and_no_other_way_is_guessed() -> None:
    assert read_day("03/04/2026", "dd/mm/yyyy") == date(2026, 4, 3)
    for typed in ("04/13/2026", "2026-04-03", "3/4/2026", "31/02/2026", "03/04/26", "03.04.2026", ""):
        assert read_day(typed, "dd/mm/yyyy") is None


def test_newest_first_and_oldest_first_are_told_apart_within_one_day_too() -> None:
    day = [line("2026-03-03", 5_000, "A"), line("2026-03-03", -1_000, "B"), line("2026-03-03", 200, "C")]
    for name in ("lloyds", "starling", "natwest"):
        assert [one.text for one in read(name, WRITERS[name][0](day, 700)).lines] == ["A", "B", "C"]


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_file_of_another_bank_is_named(name: str) -> None:
    for other in {"starling", "lloyds", "natwest"} - {name}:
        ((at, said),) = refused(name, WRITERS[other][0](LINES))
        assert at == 1
        assert f"It looks like one of {PROFILES[other].title}." in said
    assert "This is a file of OFX" in refused(name, banks.ofx(LINES))[0][1]
    assert "This is a file of CAMT.053" in refused(name, banks.camt(LINES))[0][1]
    assert refused("ofx", WRITERS[name][0](LINES)) == [(0, "This is not a file of OFX.")]


def test_writings_that_banks_use_are_read_and_others_are_refused() -> None:
    plain = banks.starling([line("2026-03-03", 100, "Café – 5", "ZOË")])
    expected = read("starling", plain).lines
    for data in (b"\xef\xbb\xbf" + plain, plain.decode().encode("cp1252"), plain.decode().encode("utf-16")):
        assert read("starling", data).lines == expected
    assert expected[0].text == "ZOË Café – 5"
    for data, said in (
        (b"", "The file is empty."),
        (b" \r\n ", "The file is empty."),
        (b"PK\x03\x04rest", "This is a spreadsheet."),
        (b"%PDF-1.7", "This is a PDF."),
        (b"Date,\x00\x01", "This is not a file of text"),
        (b"\x81\x8d\xff\xff", "This is not a file of text"),
    ):
        assert refused("starling", data)[0][1].startswith(said)


def test_each_line_that_is_wrong_is_named_and_nothing_is_taken_in() -> None:
    good = banks.starling(LINES).decode().split("\r\n")
    bad = [
        good[0], good[1], good[2].replace("03/03/2026", "13/14/2026"), good[3].replace("-25.50", "=2+2"),
        '03/03/2026,"two', 'lines",ref,TYPE,1.00,1.00,,', "03/03/2026,A,B,C,250000.00,1.00,,", "03/03/2027,A,B,C,1.00,1.00,,",
        "03/03/2026,too,few",
    ]  # fmt: skip
    assert refused("starling", "\r\n".join(bad).encode()) == [
        (3, "“13/14/2026” is not a day written as 31/12/2026."),
        (4, "“=2+2” is not a sum in pounds and pence."),
        (7, "250000.00 is more than £100,000, the most that one line may be."),
        (8, "03/03/2027 is yet to come."),
        (9, "There are 3 columns here, and 8 in the first line."),
    ]
    both = banks.lloyds(LINES).decode().replace(",100.00,", "5.00,100.00,", 1)
    assert refused("lloyds", both.encode()) == [(3, "Both of “Credit Amount” and “Debit Amount” have a sum.")]
    assert refused("lloyds", both.replace("5.00,100.00", ",").encode())[0][1].startswith("Neither of")
    unclosed = "\r\n".join([*good[:2], '03/03/2026,"A,B']).encode()
    assert refused("starling", unclosed) == [(3, "This line is not CSV: a quotation mark is missing or too many.")]
    formula = banks.starling([line("2026-03-03", 100, '=HYPERLINK("http://x")', "@SUM(A1)")])
    assert read("starling", formula).lines[0].text == '@SUM(A1) =HYPERLINK("http://x")'
    other_currency = banks.starling(LINES).replace(b"Amount (GBP)", b"Amount (EUR)")
    assert refused("starling", other_currency)[0][0] == 1


def test_a_file_larger_than_any_statement_is_refused() -> None:
    many = [line("2026-03-03", 100, str(at)) for at in range(MOST_LINES + 1)]
    for name in ("starling", "ofx", "camt053"):
        assert refused(name, WRITERS[name][0](many))[0][1].startswith("This file has more than 5,000 lines.")
    assert refused("starling", b"x" * (2 * 1024 * 1024 + 1))[0][1].startswith("This file is larger")


def test_ofx_that_is_not_as_it_should_be_names_its_line() -> None:
    text = banks.ofx(LINES).decode()
    assert refused("ofx", text.replace("<CURDEF>GBP", "<CURDEF>EUR").encode()) == [
        (13, "This account is kept in EUR, and ours are in pounds.")
    ]
    assert refused("ofx", text.replace("20260403", "20261340", 1).encode()) == [
        (17, "“20261340” is not a day written as 20261231.")
    ]
    assert refused("ofx", text.replace("-25.50", "1.234,50", 1).encode())[0][0] == 17
    assert refused("ofx", text.replace("<TRNAMT>-25.50", "", 1).encode()) == [(17, "This payment has no sum.")]
    assert refused("ofx", text.partition("</BANKTRANLIST>")[0].encode())[0][1].startswith("This file breaks off")
    assert refused("ofx", text.replace("<OFX>", '<!DOCTYPE x [<!ENTITY a "b">]><OFX>').encode())[0][1].startswith(
        "This file defines signs"
    )
    another = text.replace("</BANKACCTFROM>", "</BANKACCTFROM><BANKACCTFROM><ACCTID>99999999</BANKACCTFROM>")
    assert refused("ofx", another.encode())[0][1].startswith("This file has more than one account.")
    comma = read("ofx", text.replace("-25.50", "-25,50").encode())
    assert comma.lines[-1].amount_pence == -2550
    assert comma.lines[-1].text == "HALL LTD RENT <HALL> & MORE"


def test_camt_can_define_and_fetch_nothing_and_names_its_line() -> None:
    text = banks.camt(LINES).decode()
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    for planted in (bomb, outside, "<!DOCTYPE x>"):
        assert refused("camt053", text.replace("<Document", f"{planted}<Document", 1).encode()) == [
            (0, "This file defines signs of its own, which no bank does.")
        ]
    assert refused("camt053", ("<a>" * 100_000).encode())[0][1].startswith("This file is nested deeper")
    assert refused("camt053", text[:-30].encode())[0][1].startswith("This is not XML.")
    assert refused("camt053", text.replace("UTF-8", "UTF-77").encode())[0][1].startswith("This file is not written")
    assert refused("camt053", b"<Document/>") == [(0, "This is not a file of CAMT.053.")]
    euro = text.replace('<Ntry><Amt Ccy="GBP">25.50', '<Ntry><Amt Ccy="EUR">25.50')
    assert refused("camt053", euro.encode()) == [(5, "This is in EUR, and our accounts are in pounds.")]
    assert refused("camt053", text.replace(">25.50<", ">-25.50<").encode())[0] == (
        5, "“-25.50” is not a sum in pounds and pence.",
    )  # fmt: skip
    waiting = read("camt053", text.replace("<Sts>BOOK</Sts>", "<Sts>PDNG</Sts>", 1).encode())
    assert (len(waiting.lines), waiting.pending) == (2, 1)
    assert read("camt053", text.replace(">25.50<", ">25.50000<").encode()).lines[-1].amount_pence == -2550


@given(st.permutations(range(3)))
def test_camt_with_a_statement_for_each_day_begins_and_ends_with_the_days_whichever_stands_first(
    order: list[int],
) -> None:
    days = [
        (10_000, [line("2026-11-16", 3000, "One"), line("2026-11-16", 2000, "Two")]),
        (15_000, [line("2026-11-17", 5000, "Three")]),
        (20_000, [line("2026-11-18", -2500, "Four")]),
    ]  # fmt: skip
    texts = [banks.camt(lines, opening).decode() for opening, lines in days]
    head, foot = texts[0].partition("<Stmt>")[0], texts[0].partition("</Stmt>")[2]
    cut = [text[text.index("<Stmt>") : text.index("</Stmt>") + len("</Stmt>")] for text in texts]
    found = read("camt053", (head + "".join(cut[at] for at in order) + foot).encode())
    assert (found.opening_pence, found.closing_pence) == (10_000, 17_500)
    assert [one.text for one in found.lines] == ["One", "Two", "Three", "Four"]


@settings(max_examples=60)
@given(st.sampled_from(sorted(WRITERS)), st.data())
def test_a_damaged_file_is_refused_or_read_and_never_anything_else(name: str, data: st.DataObject) -> None:
    whole = bytearray(WRITERS[name][0](LINES))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        if data.draw(st.booleans()):
            whole[at] = data.draw(st.integers(0, 255))
        else:
            del whole[at : at + data.draw(st.integers(1, 60))]
            whole = whole or bytearray(b" ")
    found = None
    with contextlib.suppress(Unreadable):
        found = read(name, bytes(whole))
    assert found is None or (found.lines and all(one.on <= TODAY for one in found.lines))


# ---------------------------------------------------------------- known again


def test_two_payments_that_look_the_same_are_two_and_are_known_again_in_another_file() -> None:
    same = [line("2026-03-03", 100, "ADA")] * 2
    first = marks(SORT_CODE, NUMBER, [*same, line("2026-03-04", 100, "ADA")])
    assert len(set(first)) == 3
    assert marks(SORT_CODE, NUMBER, [line("2026-03-02", 5, "X"), *same])[1:] == first[:2]
    assert not set(marks(SORT_CODE, "00000000", same)) & set(first)
    by_bank = [line("2026-03-03", 100, "ADA", bank_id="1"), line("2026-03-03", 100, "ADA", bank_id="1")]
    assert len(set(marks(SORT_CODE, NUMBER, by_bank))) == 2


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([100, -100, 250]), st.sampled_from("AB")), min_size=1, max_size=24),
    st.integers(0, 5), st.integers(0, 5),
)  # fmt: skip
def test_overlapping_files_together_are_the_whole(made: list[tuple[int, int, str]], ends: int, begins: int) -> None:
    """Two files that are cut at days and overlap or touch have each payment once, as one file of all of it has."""
    lines = sorted(
        (StatementLine(0, date(2026, 3, 1) + timedelta(days=day), pence, text) for day, pence, text in made),
        key=lambda one: one.on,
    )
    begins = min(begins, ends + 1)
    start = date(2026, 3, 1)
    first = [one for one in lines if one.on <= start + timedelta(days=ends)]
    second = [one for one in lines if one.on >= start + timedelta(days=begins)]
    whole = marks(SORT_CODE, NUMBER, lines)
    assert set(marks(SORT_CODE, NUMBER, first)) | set(marks(SORT_CODE, NUMBER, second)) == set(whole)
    assert len(set(whole)) == len(lines)


def test_a_balance_that_does_not_follow_names_where() -> None:
    data = banks.starling(LINES).decode().split("\r\n")
    del data[2]
    (gap,) = breaks(read("starling", "\r\n".join(data).encode()).lines)
    assert (gap.after_line, gap.at_line, gap.missing_pence) == (2, 3, 10_000)


def test_a_sender_is_known_by_name_and_not_by_what_changes() -> None:
    assert sender_mark("Mrs A Sunderland") == sender_mark("MRS  A SUNDERLAND") != sender_mark("B HILL")
    assert sender_mark("A SUNDERLAND 0301") == sender_mark("A SUNDERLAND 0302")
    assert [sender_mark(said) for said in ("", "12 34", "ab")] == ["", "", ""]


def test_what_may_be_behind_a_difference_fits_its_side() -> None:
    def told(bank_pence: int) -> str:
        return " ".join(say.standing(Standing("1000", date(2026, 11, 22), bank_pence, 10_000, 0)))

    assert "before the first file" in told(10_700)
    assert "before the first file" not in told(9_300)
    assert "has £7 less than it should. Either a transfer to this account" in told(9_300)

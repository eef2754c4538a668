"""The list of faults names tests that are there, and leaves out no fault."""

import re

from tests.support.sources import ROOT

PAGE = ROOT / "docs" / "reference" / "faults.md"
FAULTS = 37


def rows() -> list[list[str]]:
    found = [line.strip("|").split(" | ") for line in PAGE.read_text().splitlines() if re.match(r"\| \d+ \|", line)]
    return [[cell.strip() for cell in row] for row in found]


def test_every_fault_has_its_row_and_each_row_its_tests() -> None:
    table = rows()
    assert [row[0] for row in table] == [str(number) for number in range(1, FAULTS + 1)]
    assert {row[0] for row in table if len(row) != 4 or not row[1] or not row[2]} == set()
    # Tests and nothing else: a row of good intentions keeps nothing.
    assert [
        row[0] for row in table if not re.fullmatch(r"`[\w/]+\.py::test_\w+`(<br>`[\w/]+\.py::test_\w+`)*", row[3])
    ] == []


def test_every_test_that_keeps_a_fault_is_there() -> None:
    named = set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE.read_text()))
    assert len(named) > FAULTS
    missing = []
    for path, name in sorted(named):
        file = ROOT / "tests" / path
        if not file.exists() or not re.search(rf"^(?:async )?def {name}\(", file.read_text(), re.MULTILINE):
            missing.append(f"{path}::{name}")
    assert missing == []

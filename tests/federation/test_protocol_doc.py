"""The normative text and the library name the same things."""

from __future__ import annotations

import re
from pathlib import Path

from eccoo_federation.bodies import BODIES
from eccoo_federation.errors import CODES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "protocol.md").read_text()


def test_every_error_code_stands_in_its_row() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", TEXT, re.MULTILINE)
    written = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert written == {code: status for code, (status, _) in CODES.items()}


def test_every_event_type_has_a_row_with_its_scope_and_every_field() -> None:
    rows = {}
    for types, scope, body in re.findall(r"^\| (`[a-z`. ]+`) \| ([a-z., ]+?) \| (.+) \|$", TEXT, re.MULTILINE):
        for type in re.findall(r"`([a-z.]+)`", types):
            if "." in type or type == "tombstone":
                rows[type] = (scope.split(",")[0], body)
    assert {type: scope for type, (scope, _) in rows.items()} == {type: body.SCOPE for type, body in BODIES.items()}
    missing = [
        f"{type}.{name}"
        for type, body in BODIES.items()
        for name in body.__struct_fields__
        if name not in rows[type][1]
    ]
    assert missing == []


def test_whatever_an_error_tells_more_of_is_listed() -> None:
    listed = TEXT.partition("`detail` may hold")[2].partition("nothing personal")[0]
    sources = [*(ROOT / "federation/eccoo_federation").glob("*.py"), *(ROOT / "eccoo_node/federating").glob("*.py")]
    held = [part for path in sources for part in re.findall(r"detail=\{(.*)\}", path.read_text())]
    assert {name for part in held for name in re.findall(r'"(\w+)":', part)} == set(re.findall(r"`(\w+)`", listed))

"""Draft the first migration from the table classes: `python -m tests.support.draft_migration`.

Until the first release it is simply drafted anew whenever a table changes, because no database of anyone's has run it.
From then on it stays as it is, and each change is a migration of its own, written by hand.
"""

import sys
import tempfile
from pathlib import Path

from eccoo_node.db import bound, extras
from tests.support.tables import all_tables

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "migrations" / "core_2026_11_21_first.py"

_HEAD = '''"""Every table of the first release. Drafted by `python -m tests.support.draft_migration` until that release is out."""

# fmt: off
# ruff: noqa: E501
STATEMENTS = {
'''


def statements(dialect: extras.Dialect) -> list[str]:
    """What builds every table of the core on this engine, from the classes."""
    with bound.bound(extras.Drawing(dialect)):  # type: ignore[arg-type]
        return extras.create_statements(all_tables(), dialect)


def draft() -> str:
    """The text of the first migration."""
    parts = [_HEAD]
    for dialect in ("sqlite", "postgres"):
        parts.append(f'    "{dialect}": [\n')
        parts += [f'        """{statement}""",\n' for statement in statements(dialect)]
        parts.append("    ],\n")
    parts.append("}\n")
    return "".join(parts)


def main() -> None:
    FIRST.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=FIRST.parent, delete=False) as fresh:
        fresh.write(draft())
    Path(fresh.name).chmod(0o644)
    Path(fresh.name).replace(FIRST)
    sys.stdout.write(
        f"{FIRST.relative_to(ROOT)}: {len(statements('sqlite'))} statements on SQLite, "
        f"{len(statements('postgres'))} on PostgreSQL.\n"
    )


if __name__ == "__main__":
    main()

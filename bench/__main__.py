"""`make bench`: every figure as a table, as bench/results.json and in docs/performance.md."""

import sys
import tempfile
from pathlib import Path

from bench import books, federation, ledger, pages, starting, town
from bench.figures import show, table, write

HERE = Path(__file__).resolve().parent


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        made = town.build(Path(name) / "node")
        figures = starting.measure(made.folder.home)
        figures += pages.measure(
            made.settings,
            made.folder,
            {"page.week": ("/week", made.cookie), "page.cover": (f"/cover/{made.request}", made.cookie)},
        )
    figures += ledger.measure()
    figures += books.measure()
    figures += federation.measure()
    write(figures, HERE / "results.json")
    show(figures, HERE.parent / "docs" / "performance.md")
    print(table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())

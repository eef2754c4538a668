"""Which files are ours, for tests that read them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("eccoo_node", "federation", "plugins")


def python_files() -> Iterator[Path]:
    """Every module that ships."""
    for folder in CODE_FOLDERS:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def templates() -> Iterator[Path]:
    """Every page and mail that ships, themes' overrides among them."""
    for folder in (*CODE_FOLDERS, "themes"):
        for path in sorted((ROOT / folder).rglob("templates/**/*")):
            if path.is_file() and path.suffix in {".html", ".jinja", ".j2", ".txt", ".svg"}:
                yield path


def documents() -> Iterator[Path]:
    """Every Markdown file of the project."""
    skipped = {".venv", "node_modules", ".demo", ".pytest_cache", "dist", "build"}
    for path in sorted(ROOT.rglob("*.md")):
        if not skipped & set(path.relative_to(ROOT).parts):
            yield path


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()

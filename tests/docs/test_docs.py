"""The documents say what is there, and nothing that is not."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from bench.figures import BEGIN, END, Figure, table
from eccoo_node.cli import main
from eccoo_node.kernel import settings
from tests.support.sources import ROOT, documents, name_of

COMMANDS_PAGE = ROOT / "docs" / "reference" / "commands.md"
SETTINGS_PAGE = ROOT / "docs" / "reference" / "settings.md"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
# Made by a script from a running node, so it may be absent until that has run once.
MADE_LATER = {"docs/images/cover.png": "docs/make_pictures.py"}


def commands(group: click.Command, path: str = "eccoo") -> Iterator[str]:
    """Every command that does something, by its full name."""
    if not isinstance(group, click.Group):
        yield path
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield from commands(command, f"{path} {name}")


def prose(path: Path) -> str:
    """The text without code blocks, whose brackets are not links."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def headings(path: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    lines = re.findall(r"^#+\s+(.+?)\s*$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def make_targets(text: str) -> set[str]:
    return {target for line in re.findall(r"^([a-z][\w -]*):(?!=)", text, re.MULTILINE) for target in line.split()}


def test_every_command_has_its_heading_in_the_reference() -> None:
    assert isinstance(main, click.Group), "eccoo_node.cli.main must be the click group, or this test sees nothing."
    there = set(commands(main))
    documented = set(re.findall(r"^#+\s+`(eccoo [a-z -]+?)`\s*$", COMMANDS_PAGE.read_text(), re.MULTILINE))
    assert documented == there


def test_every_setting_has_its_row_in_the_reference() -> None:
    there = set(settings.names())
    documented = set(re.findall(r"^\|\s*`([a-z_0-9.]+)`\s*\|", SETTINGS_PAGE.read_text(), re.MULTILINE))
    assert documented == there


def test_every_relative_link_leads_somewhere() -> None:
    broken = []
    for page in documents():
        for target in LINK.findall(prose(page)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            there = (page.parent / name).resolve() if name else page
            if not there.is_relative_to(ROOT):
                broken.append((name_of(page), target, "leads out of the project"))
            elif not there.exists() and name_of(there) not in MADE_LATER:
                broken.append((name_of(page), target, "is missing"))
            elif anchor and there.suffix == ".md" and anchor not in headings(there):
                broken.append((name_of(page), target, "has no such heading"))
    assert broken == []


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = make_targets((ROOT / "Makefile").read_text())
    named = {
        (name_of(page), target)
        for page in documents()
        for target in re.findall(r"(?:`|^\s*|\$ )make ([a-z][a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert {pair for pair in named if pair[1] not in targets} == set()
    assert {("README.md", "demo"), ("README.md", "test")} <= named


def test_the_five_promised_targets_exist() -> None:
    assert {"demo", "test", "check", "bench", "docs"} <= make_targets((ROOT / "Makefile").read_text())


def test_the_glossary_gives_each_word_one_meaning() -> None:
    words = re.findall(r"^\|\s*([^|]+?)\s*\|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    entries = [word.lower() for word in words if word != "word" and not set(word) <= set("-: ")]
    assert len(entries) > 30
    assert sorted({word for word in entries if entries.count(word) > 1}) == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    notes = {path.name for path in folder.glob("[0-9]*.md")}
    assert set(re.findall(r"\(([0-9]{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text())) == notes


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.split()[:9] == ["GNU", "AFFERO", "GENERAL", "PUBLIC", "LICENSE", "Version", "3,", "19", "November"]
    assert "How to Apply These Terms to Your New Programs" in text
    assert text.rstrip().endswith("<https://www.gnu.org/licenses/>.")
    assert len(text) == 34_523


def test_the_figures_shown_are_those_that_were_measured() -> None:
    measured = msgspec.json.decode((ROOT / "bench/results.json").read_bytes(), type=list[Figure])
    page = (ROOT / "docs/performance.md").read_text()
    assert page.split(BEGIN)[1].split(END)[0].strip() == table(measured)
    assert [figure.name for figure in measured if f"`{figure.name}`" not in page] == []

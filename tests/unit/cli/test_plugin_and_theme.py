"""`eccoo plugin` and `eccoo theme` decide what the admin's pages decide."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eccoo_node.cli.plugin import plugin
from eccoo_node.cli.theme import theme
from tests.support.plugins import MANIFEST, Shelf, shelf


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Shelf]:
    monkeypatch.setenv("ECCOO_HOME", str(home))
    with shelf(tmp_path / "shelf") as made:
        yield made


def eccoo(group: object, *words: str, answer: str = "") -> Result:
    return CliRunner().invoke(group, list(words), input=answer)  # type: ignore[arg-type]


def test_a_plugin_is_switched_on_after_its_words_were_read(plugins: Shelf) -> None:
    plugins.put("choir", code="raise SystemExit('its code was run')")
    refused = eccoo(plugin, "enable", "choir", answer="n\n")
    assert (refused.exit_code, "Lets convenors add one." in refused.output) == (1, True)
    assert eccoo(plugin, "enable", "choir", answer="y\n").output.endswith(
        "Choir is on. A node that is running notices within a second.\n"
    )
    assert "Choir was on already." in eccoo(plugin, "enable", "choir", "--yes").output
    assert "Choir (choir): on\n" in eccoo(plugin, "list").output
    plugins.put("choir", code="CHANGED = True")
    changed = "Choir (choir): not running\n  It has changed since it was allowed.\n"
    assert changed in eccoo(plugin, "list").output
    assert eccoo(plugin, "disable", "choir").output == (
        "Choir is off. What it has written down is kept. A node that is running notices within a second.\n"
    )
    assert eccoo(plugin, "disable", "choir").output == "Choir was off already.\n"
    assert "Choir (choir): off\n" in eccoo(plugin, "list").output


def test_what_cannot_be_done_is_one_sentence(plugins: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins.put("old", manifest=MANIFEST.replace(">=1.0,<2", "<1"))
    old = eccoo(plugin, "enable", "old", "--yes")
    why = "It is made for version <1 of the plugin interface; this node has 1.0.\n"
    assert f" (old): can’t be switched on\n  {why}" in eccoo(plugin, "list").output
    assert (old.exit_code, old.output) == (1, why)
    assert eccoo(plugin, "enable", "absent").exit_code == 1
    assert eccoo(plugin, "disable", "absent").output == "There is no plugin of that name here.\n"
    monkeypatch.setenv("ECCOO_HOME", str(tmp_path / "nowhere"))
    none = eccoo(plugin, "list")
    assert (none.exit_code, none.output.startswith("There is no circle node in ")) == (1, True)


def themes_listed() -> list[str]:
    return [line.partition(":")[0] for line in eccoo(theme, "list").output.splitlines()]


def test_a_theme_is_chosen(plugins: Shelf) -> None:
    assert themes_listed() == ["Calm (calm), worn now", "Moor (moor)"]
    assert "The node wears Moor." in eccoo(theme, "use", "moor").output
    assert eccoo(theme, "use", "moor").output == "The node wears Moor already.\n"
    assert themes_listed() == ["Calm (calm)", "Moor (moor), worn now"]
    assert eccoo(theme, "use", "fog").output == "There is no theme called fog. There are: calm, moor.\n"

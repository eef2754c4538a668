"""`eccoo identity` and what `eccoo link` says of others' moves, as real commands on a node that is not served."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import eccoo

ANSWERS = ("--name", "Our hill", "--place", "", "--phone", "01632 960001", "--called", "Ann", "--email", "")
MOVED = "https://new.hill.example"


def run(home: Path, *words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    return eccoo(home, *words, typed=typed)


def refused(done: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence that it was refused with."""
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr.strip()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A node that lives at an address, and the 24 words of its sheet."""
    home = tmp_path_factory.mktemp("hill")
    done = eccoo(home, "init", *ANSWERS, "--public-url", "https://hill.example")
    assert done.returncode == 0, done.stderr
    return home, " ".join(re.findall(r"\d+\. ([a-z]+)", done.stdout))


def test_what_the_keys_are_renewed_and_moved(made: tuple[Path, str]) -> None:
    home, words = made
    assert len(words.split()) == 24
    assert eccoo(home, "identity", "sheet").stdout.startswith("The words were shown once and are not known here.")
    assert "https://hill.example" in eccoo(home, "identity", "show").stdout
    assert eccoo(home, "identity", "renew").stdout.startswith("New keys are made. They count from tomorrow.")
    assert refused(run(home, "identity", "move", MOVED, typed="zzz yyy")).startswith("Not on any sheet: zzz, yyy.")
    assert refused(run(home, "identity", "move", "hill", typed=words))
    settings = (home / "eccoo.toml").read_text()
    assert MOVED not in settings
    done = run(home, "identity", "move", MOVED, typed=words)
    assert done.returncode == 0, done.stderr
    assert "The settings name it now." in done.stdout
    assert (home / "eccoo.toml").read_text() == settings.replace("https://hill.example", MOVED)
    assert MOVED in eccoo(home, "identity", "show").stdout
    done = run(home, "identity", "recover", typed=words)
    assert done.stdout.startswith("All keys are new, and the old ones are void.")
    # Whoever is not asked, and does not say yes, keeps what there is.
    assert run(home, "identity", "anew").returncode == 1
    sheet = eccoo(home, "identity", "anew", "--yes").stdout
    assert "RECOVERY SHEET of Our hill" in sheet
    assert refused(run(home, "identity", "sheet", "--check", typed=words)) == (
        "These are not the words of this node’s sheet."
    )


def test_what_links_say_of_a_circle_that_is_not_there_is_one_sentence(made: tuple[Path, str]) -> None:
    home, _ = made
    for command in ("moved", "rung", "log"):
        assert refused(eccoo(home, "link", command, "nobody")).startswith("There is no linked circle called nobody.")

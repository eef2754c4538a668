"""What is installed is known without running any of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from eccoo_node import __version__
from eccoo_node.plugins_host.catalogue import Found, catalogue
from eccoo_node.plugins_host.manifest import BadPlugin, fits, read
from tests.support.plugins import GATHERINGS, MANIFEST, Shelf
from tests.support.sources import ROOT


def troubles(plugins: Shelf) -> dict[str, str]:
    return {name: found.trouble_code for name, found in catalogue().items() if name != "gatherings"}


def test_looking_imports_nothing(plugins: Shelf) -> None:
    plugins.put("choir", code="raise SystemExit('imported')")
    found = catalogue()["choir"]
    assert (found.title, found.trouble, found.bundled) == ("Choir", "", False)
    assert [name for name in sys.modules if name.startswith("made_")] == []


def test_what_it_does_is_told_in_plain_words() -> None:
    assert read(GATHERINGS).plain_words() == [
        "Shows pages of its own at /x/gatherings.",
        "Adds a way to its pages to the navigation.",
        "Keeps records of its own in the database. It is given no others.",
        "Sees the name and the roles of whoever is signed in, on its own pages.",
        "Lets facilitators and convenors add a gathering.",
        "Lets facilitators and convenors call a gathering off.",
    ]


@pytest.mark.parametrize(
    "wanted, holds",
    [
        (">=1.0,<2", True),
        (">=1.0", True),
        ("==1.0", True),
        ("<1.0", False),
        (">=1.1", False),
        (">=2,<3", False),
        (">1", False),
    ],
)
def test_a_range_holds_the_versions_it_says(wanted: str, holds: bool) -> None:
    assert fits(wanted, "1.0") is holds


def test_a_range_that_is_none_is_told_of() -> None:
    with pytest.raises(BadPlugin, match=r"cannot be read: about 1\. Write one such as >=1\.0,<2"):
        fits("about 1")


def test_each_reason_to_leave_a_plugin_out_is_named(plugins: Shelf) -> None:
    plugins.put("old", manifest=MANIFEST.replace(">=1.0,<2", "<1"))
    plugins.put("greedy", manifest=MANIFEST.replace('"who"', '"everything"'))
    plugins.put("vague", manifest=MANIFEST.replace('roles = ["convenor"]', "roles = []"))
    plugins.put("mute")
    (plugins.folder / "made_mute" / "plugin.toml").unlink()
    plugins.put("liar", manifest=MANIFEST.replace("{name}", "honest"))
    plugins.dist("absent", "nowhere_at_all.plugin")
    assert troubles(plugins) == {
        "absent": "no_package", "greedy": "bad_manifest", "liar": "bad_manifest", "mute": "no_manifest",
        "old": "incompatible", "vague": "bad_manifest",
    }  # fmt: skip
    assert catalogue()["old"].trouble == "It is made for version <1 of the plugin interface; this node has 1.0."


def test_two_packages_with_one_name_are_both_left_out(plugins: Shelf) -> None:
    plugins.put("choir")
    plugins.dist("choir", "somewhere.plugin", "other-choir")
    assert troubles(plugins) == {"choir": "duplicate"}


def test_any_change_of_its_files_changes_the_hash(plugins: Shelf) -> None:
    folder = plugins.put("choir")
    seen = [catalogue()["choir"].content_hash]
    (folder / "templates" / "x" / "choir" / "page.html").write_text("other")
    seen.append(catalogue()["choir"].content_hash)
    (folder / "notes.txt").write_text("")
    seen.append(catalogue()["choir"].content_hash)
    (folder / "notes.txt").rename(folder / "more.txt")
    seen.append(catalogue()["choir"].content_hash)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "plugin.pyc").write_bytes(b"x")
    assert catalogue()["choir"].content_hash == seen[-1]
    assert len(set(seen)) == 4


def test_an_approval_holds_for_the_very_content() -> None:
    stranger = Found("choir", "choir.plugin", source="choir", content_hash="b")
    assert [stranger.approved_by(w) for w in ("b", "a", "", f"{__version__}:b")] == [True, False, False, False]


def test_a_new_release_of_the_node_brings_its_own_plugins_along() -> None:
    ours = Found("gatherings", "eccoo_gatherings.plugin", source="eccoo-node", content_hash="b")
    assert ours.approved_by(ours.approval())
    assert ours.approved_by("0.0.9:a")
    # The same release with other content was changed by somebody.
    assert not ours.approved_by(f"{__version__}:a")
    assert not ours.approved_by("")


def test_a_plugin_that_is_off_is_never_imported(plugins: Shelf, tmp_path: Path) -> None:
    """In a process of its own, because this one has imported plenty."""
    plugins.put("quiet")
    plugins.put("loud")
    script = """
import asyncio, sys
from eccoo_node.plugins_host.host import Allowed, Host
from eccoo_node.plugins_host.catalogue import catalogue
from eccoo_node.db import bound

class Engine:
    class current_transaction:
        get = staticmethod(lambda: None)

class Register:
    async def allowed(self):
        loud = catalogue()["loud"]
        return {"loud": Allowed("loud", True, {}, loud.approval()), "quiet": Allowed("quiet", False, {}, "")}
    async def failed(self, name, code): raise SystemExit(f"{name}: {code}")
    async def revision(self): return ""

bound.bind(Engine())
host = Host(Register(), lambda brought: None)
asyncio.run(host.reload())
print(sorted(name for name in sys.modules if name.startswith("made_")), {n: s.code for n, s in host.statuses.items() if n != "gatherings"})
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT,
        env={"PYTHONPATH": f"{plugins.folder}:{ROOT}:{ROOT}/federation:{ROOT}/plugins", "PATH": ""},
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == (
        "['made_loud', 'made_loud.plugin'] {'loud': 'running', 'quiet': 'off'}",
        "",
    )

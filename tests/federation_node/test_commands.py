"""`eccoo link` and `eccoo federation verify` on two served nodes."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.linked import link_by_commands, make_node, said, until
from tests.support.processes import NodeProcess
from tests.support.proxy import FaultProxy

Nodes = tuple[NodeProcess, NodeProcess]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Nodes]:
    movable = {"ECCOO_DEMO": "true"}
    nodes = (
        make_node(tmp_path / "a", "Hebden circle", extra=movable),
        make_node(tmp_path / "b", "Todmorden circle", extra=movable),
    )
    for node in nodes:
        node.start()
    yield nodes
    for node in nodes:
        node.kill()


def another_year(a: NodeProcess, b: NodeProcess, link_id: str) -> None:
    told = said(a, "link", "show", "todmorden")
    assert told.startswith(f"Todmorden circle ({link_id}): linked\n  They last reached us: ")
    assert "\n  Agreed until: " in told
    assert said(a, "link", "renew", "todmorden") == "Now Todmorden circle is asked.\n"
    until(lambda: "they suggest something" in said(b, "link", "list"))
    assert said(b, "link", "renew", "hebden") == "You go on with Hebden circle for another year.\n"


def a_move_and_keys_from_an_old_copy(a: NodeProcess, b: NodeProcess, new_port: int) -> None:
    """A lives at another port from now on, and B follows. Then A's key log comes back from before the move: the words and
    B's copy of it make new keys, and B is asked to ring."""
    log, new = a.home / "keys" / "log.jsonl", f"http://127.0.0.1:{new_port}"
    old_copy = log.read_bytes()
    assert f"We say that we live at {new}." in said(a, "identity", "move", new, typed=a.words)
    until(lambda: "they say that they have moved" in said(b, "link", "list"))
    assert said(b, "link", "moved", "hebden").startswith(f"Until now: {a.url}\nThey say, from now on: {new}\n")
    assert f"We look at {new}" in said(b, "link", "moved", "--yes", "hebden")
    until(lambda: said(b, "link", "moved", "hebden") == f"Hebden circle lives where it did: {new}\n")
    a.stop()
    kept, file = said(b, "link", "log", "hebden"), a.home / "their-copy.txt"
    assert (kept.encode() == log.read_bytes(), kept.encode().startswith(old_copy)) == (True, True)
    file.write_text(kept)
    log.write_bytes(old_copy)
    refused = a.eccoo("identity", "recover", typed=a.words)
    assert (refused.returncode, "is an old copy" in refused.stderr) == (1, True)
    assert "All keys are new" in said(a, "identity", "recover", "--log", str(file), typed=a.words)
    # Their log is not read anew within ten minutes of the last time.
    for node in (a, b):
        (node.home / "clock").write_text("660")
    a.start()
    until(lambda: "Hebden circle has replaced its keys." in said(b, "link", "list"))
    assert said(b, "link", "rung", "hebden") == "Noted.\n"
    assert "has replaced its keys" not in said(b, "link", "list")


def test_two_circles_link_pause_go_on_verify_and_end_from_a_shell(
    served: Nodes, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    a, b = served
    turned_away_and_too_late(a, b)
    link_id = link_by_commands(a, b)
    assert said(a, "link", "list").startswith(f"Todmorden circle ({link_id}): linked\n  last heard from:")
    assert said(a, "link", "suspend", "todmorden") == "The link with Todmorden circle is paused.\n"
    until(lambda: ": paused by them" in said(b, "link", "list"))
    assert said(a, "link", "resume", link_id[:20]) == "The link with Todmorden circle goes on.\n"
    until(lambda: ": linked" in said(b, "link", "list"))
    counts = "The links hold: {} links, 1 agreements, {} letters in, {} letters out, 1 subjects, 0 statements.\n"
    assert [said(node, "federation", "verify") for node in (a, b)] == [counts.format(2, 0, 2), counts.format(3, 2, 0)]
    again = a.eccoo("link", "words", "todmorden", "--again")
    assert (again.returncode, again.stderr) == (
        1,
        "Nobody has moved since you agreed. The words of then still count.\n",
    )
    another_year(a, b, link_id)
    a_move_and_keys_from_an_old_copy(a, b, fault_proxy(a.port).port)
    assert said(b, "link", "end", "Hebden circle", "--yes") == "The link with Hebden circle has ended.\n"
    until(lambda: ": linked" not in said(a, "link", "list"))
    with sqlite3.connect(b.home / "node.sqlite") as raw:
        raw.execute("UPDATE letter_read SET bytes = replace(bytes, 'suspended', 'resumed')")
    broken = b.eccoo("federation", "verify")
    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr.startswith("Letter ")
    assert broken.stderr.endswith(" of Hebden circle does not match its digest.\n")


def turned_away_and_too_late(a: NodeProcess, b: NodeProcess) -> None:
    """The link has ended: its words count no more, and a used invitation does not bring it back."""
    used = said(a, "link", "invite").strip()
    link_id = re.findall(r"--same (\S+)", said(b, "link", "accept", used))[0]
    assert said(b, "link", "accept", used).endswith(f"--different {link_id}\n")
    assert said(b, "link", "end", link_id, "--yes") == "The link with Hebden circle has ended.\n"
    ended = "Hebden circle: The link has ended. To link after all, one of the two invites the other anew.\n"
    away = "This invitation was used already, or its time is over. Ask them for a new one.\n"
    for words, told in {
        ("link", "words", link_id): ended,
        ("link", "words", link_id, "--same"): ended,
        ("link", "agree", link_id, "--yes"): ended,
        ("link", "accept", used): away,
    }.items():
        done = b.eccoo(*words)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path) -> None:
    node = make_node(tmp_path / "a", "Hebden circle")
    cases = {
        (
            "link",
            "before",
            "nobody",
            "old",
        ): "There is no linked circle called nobody. `eccoo link list` names those there are.\n",
        ("link", "accept", "circle-invite:1:abc"): "The invitation is damaged. Was all of it copied?\n",
        (
            "link",
            "end",
            "nobody",
        ): "There is no linked circle called nobody. `eccoo link list` names those there are.\n",
    }
    for words, told in cases.items():
        done = node.eccoo(*words)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", told)

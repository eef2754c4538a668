"""`eccoo link` and `eccoo federation verify` on two served nodes."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.linked import link_by_commands, make_node, said, until
from tests.support.processes import NodeProcess

Nodes = tuple[NodeProcess, NodeProcess]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Nodes]:
    nodes = (make_node(tmp_path / "a", "Hebden circle"), make_node(tmp_path / "b", "Todmorden circle"))
    for node in nodes:
        node.start()
    yield nodes
    for node in nodes:
        node.kill()


def test_two_circles_link_pause_go_on_verify_and_end_from_a_shell(served: Nodes) -> None:
    a, b = served
    link_id = link_by_commands(a, b)
    assert said(a, "link", "list").startswith(f"Todmorden circle ({link_id}): linked\n  last heard from:")
    assert said(a, "link", "suspend", "todmorden") == "The link with Todmorden circle is paused.\n"
    until(lambda: ": paused by them" in said(b, "link", "list"))
    assert said(a, "link", "resume", link_id[:20]) == "The link with Todmorden circle goes on.\n"
    until(lambda: ": linked" in said(b, "link", "list"))
    counts = "The links hold: 1 links, 1 agreements, {} letters in, {} letters out, 1 subjects, 0 statements.\n"
    assert [said(node, "federation", "verify") for node in (a, b)] == [counts.format(0, 2), counts.format(2, 0)]
    again = a.eccoo("link", "words", "todmorden", "--again")
    assert (again.returncode, again.stderr) == (
        1,
        "Nobody has moved since you agreed. The words of then still count.\n",
    )
    assert said(b, "link", "end", "Hebden circle", "--yes") == "The link with Hebden circle has ended.\n"
    until(lambda: ": ended" in said(a, "link", "list"))
    with sqlite3.connect(b.home / "node.sqlite") as raw:
        raw.execute("UPDATE letter_read SET bytes = replace(bytes, 'suspended', 'resumed')")
    broken = b.eccoo("federation", "verify")
    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr.startswith("Letter ")
    assert broken.stderr.endswith(" of Hebden circle does not match its digest.\n")


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

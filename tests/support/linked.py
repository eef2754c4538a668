"""Two nodes as real processes on loopback, made and linked by commands."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.ports import free_port
from tests.support.processes import ECCOO, NodeProcess, eccoo

LOOPBACK = {"ECCOO_FEDERATION_LOOPBACK_PEERS": "true"}


def make_node(
    home: Path,
    name: str,
    *,
    port: int = 0,
    public_port: int = 0,
    extra: dict[str, str] | None = None,
    command: Sequence[str] = ECCOO,
) -> NodeProcess:
    """A node that has its keys and its database and is not served yet. `public_port`: where a proxy stands for it."""
    port = port or free_port()
    env = {**LOOPBACK, "ECCOO_WEB_PORT": str(port), "ECCOO_WEB_PUBLIC_URL": f"http://127.0.0.1:{public_port or port}"}
    env |= extra or {}
    home.mkdir(parents=True, exist_ok=True)
    answers = (
        "--name",
        name,
        "--place",
        "",
        "--phone",
        "01422 900000",
        "--public-url",
        "",
        "--called",
        "Ada",
        "--email",
        "",
    )
    made = eccoo(home, "init", *answers, env=env)
    assert made.returncode == 0, made.stderr
    node = NodeProcess(home, port, env=env, command=command)
    node.words = " ".join(re.findall(r"\d+\. ([a-z]+)", made.stdout))
    return node


def link_by_commands(a: NodeProcess, b: NodeProcess) -> str:
    """Both are served: A invites, B accepts, both say the same of the words, both agree. The link's id."""
    invite = said(a, "link", "invite").strip()
    told = said(b, "link", "accept", invite)
    link_id = re.findall(r"--same (\S+)", told)[0]
    words = [re.findall(r": ((?:[a-z]+ ?){6})", said(node, "link", "words", link_id))[0] for node in (a, b)]
    assert words[0] == words[1]
    for node in (a, b):
        said(node, "link", "words", link_id, "--same")
    said(a, "link", "agree", link_id, "--yes")
    until(lambda: "they suggest something" in said(b, "link", "list"))
    said(b, "link", "agree", link_id, "--yes")
    until(lambda: all(": linked" in said(node, "link", "list") for node in (a, b)))
    return link_id


def until(holds: Callable[[], bool], within_s: float = 20) -> None:
    """Ask until it holds; AssertionError when it never does."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.1)


def said(node: NodeProcess, *words: str, typed: str | None = None) -> str:
    """What a command answers; it must have gone well."""
    done = node.eccoo(*words, typed=typed)
    assert done.returncode == 0, f"{words}: {done.stderr}{done.stdout}"
    return done.stdout

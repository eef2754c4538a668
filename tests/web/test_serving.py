"""The process itself: it starts, says when it is ready, lets no second one in, and stops when it is told to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.sources import ROOT

PROGRAM = """
import sys
from pathlib import Path
from eccoo_node.app import create_app, serve
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings, WebSettings

try:
    settings, folder = Settings(web=WebSettings(port=int(sys.argv[2]))), DataFolder(Path(sys.argv[1]))
    make_app = lambda: create_app(settings, folder, services=())
    serve(settings, folder, make_app=make_app, ready=lambda: print("ready", flush=True))
except Broken as broken:
    print(broken.sentence)
    raise SystemExit(1)
"""


def start(home: Path, port: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("", "federation", "plugins"))},
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_node_serves_until_it_is_told_to_stop(tmp_path: Path, told: signal.Signals) -> None:
    port = free_port()
    with start(tmp_path / "node", port) as process:
        try:
            assert first_line(process) == "ready"
            answer = httpx.get(f"http://127.0.0.1:{port}/healthz")
            assert (answer.status_code, answer.headers.get("server")) == (200, None)
            second = start(tmp_path / "node", free_port())
            assert second.communicate(timeout=20)[0] == f"Another process already serves {tmp_path / 'node'}.\n"
            assert second.returncode == 1
            elsewhere = start(tmp_path / "other", port)
            assert elsewhere.communicate(timeout=20)[0] == (
                f"The node cannot listen on 127.0.0.1 port {port}: something else already listens there.\n"
            )
            assert elsewhere.returncode == 1
            process.send_signal(told)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


def test_a_folder_that_holds_something_else_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "node.sqlite").write_bytes(b"this is no database, and was never one" * 100)
    process = start(tmp_path, free_port())
    told = process.communicate(timeout=20)[0]
    assert told == f"{tmp_path}/node.sqlite cannot be opened as the node’s database: file is not a database.\n"
    assert process.returncode == 1

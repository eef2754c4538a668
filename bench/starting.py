"""How soon a node answers after it is started, and what it holds on to when nobody asks for anything."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from bench.figures import Figure, limit
from tests.support.ports import free_port

_COMMAND = "from eccoo_node.cli import main; main()"


def _answered(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


def _bare(port: int, environ: dict[str, str]) -> float:
    """The floor: a Python that imports the framework and opens a socket."""
    began = time.perf_counter()
    code = (
        f"import litestar, uvicorn, piccolo.table, socket; s = socket.create_server(('127.0.0.1', {port})); s.accept()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env=environ)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.01)
    took = time.perf_counter() - began
    process.wait()
    return took


def measure(home: Path) -> list[Figure]:
    """Start the node of this folder once more, cold."""
    port = free_port()
    environ = {**os.environ, "ECCOO_HOME": str(home), "ECCOO_WEB_PORT": str(port)}
    # An installed package comes compiled; a checkout is compiled by running it once.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [sys.executable, "-c", f"import eccoo_node.app; {_COMMAND}", "--help"],
        env=environ,
        capture_output=True,
        check=True,
    )
    floor = _bare(free_port(), environ)
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", _COMMAND, "serve"], env=environ, stdout=subprocess.DEVNULL)
    try:
        while not _answered(port):
            time.sleep(0.01)
        took = time.perf_counter() - began
        time.sleep(3)
        memory = _memory_mb(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)
    return [limit("start.first_response", took, 1.5, "s", floor), limit("memory.idle", memory, 150, "MB")]

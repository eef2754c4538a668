"""The node's commands in processes that are forked from one which has read the node's program already.

Reading it is most of what a command costs, and a run of the tests starts hundreds. What begins from nothing is still tested:
`eccoo_node/demo/running.py` starts both its nodes so, tests/packaging/ the installed script, tests/unit/cli/ each file of commands.
"""

import functools
import multiprocessing
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

from eccoo_node.cli import WHERE, main
from eccoo_node.db import engine

READ = [
    "eccoo_node.app",
    "eccoo_node.demo.running",
    *sorted({f"eccoo_node.cli.{file}" for file in WHERE.values()}),
    "tests.support.axe",
    "tests.support.forked",
]
# Whoever looks at how a process ended takes the answer away from the pipe it comes by.
_one_at_a_time = threading.Lock()


def run() -> object:
    return main()


class Forked:
    """One such process, with what is used here of `subprocess.Popen`."""

    def __init__(
        self, program: Callable[[], object], arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: Path,
        stdout: Path, stderr: Path,
    ) -> None:  # fmt: skip
        """What it prints is written at the end of the files named; both may be one."""
        with _one_at_a_time:
            self._process = _server(env["PYTHONPATH"]).Process(
                target=_become, args=(program, list(arguments), dict(env), str(cwd), (str(stdin), str(stdout), str(stderr))),
                daemon=True,
            )  # fmt: skip
            self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            with _one_at_a_time:
                self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        connection.wait([self._process.sentinel], timeout)
        if (ended := self.poll()) is None:
            raise subprocess.TimeoutExpired("eccoo", timeout or 0)
        return ended

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@functools.cache
def _server(python_path: str) -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(READ)
    # It looks where it is told by the environment alone; and it keeps what it compiles, as every node started here does.
    before = {key: os.environ.pop(key, None) for key in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    os.environ["PYTHONPATH"] = python_path
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        os.environ.update({key: value for key, value in before.items() if value is not None})
    return context


def _become(
    program: Callable[[], object], arguments: list[str], env: dict[str, str], cwd: str, files: tuple[str, str, str]
) -> None:
    for number, path in enumerate(files):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 as long as the process lives
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # The program says where its own settings for Piccolo are when it is read.
    for key in os.environ.keys() - env.keys() - {"PICCOLO_CONF"}:
        del os.environ[key]
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["eccoo", *arguments]
    # A process has its name for PostgreSQL, which no other may have, from when it read the program.
    engine.THIS_PROCESS = f"eccoo {secrets.token_hex(8)}"
    sys.exit(program())  # type: ignore[arg-type]

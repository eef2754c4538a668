"""Nodes as real processes, each with its own data folder and port."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support import axe, memory
from tests.support.forked import Forked, run
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
# Not `-m`: this is what the installed `eccoo` script does.
ECCOO = (sys.executable, "-c", "import sys; from eccoo_node.cli import main; sys.exit(main())")
# What is forked, by the command that does the same from nothing (tests/support/forked.py).
PROGRAMS: dict[tuple[str, ...], Callable[[], object]] = {ECCOO: run, axe.COMMAND: axe.run}


class NodeDied(Exception):
    """The process ended, or never answered; carries what it printed."""


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a node process sees: this checkout on its path, its own home, and none of this shell's ECCOO settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ECCOO_", "PICCOLO_"))}
    kept["ECCOO_HOME"] = str(home)
    kept["PYTHONPATH"] = os.pathsep.join(str(ROOT / part) for part in ("", "federation", "plugins"))
    kept["PYTHONUNBUFFERED"] = "1"
    # Hundreds of nodes are started here; each would compile everything anew.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, **(extra or {})}


def eccoo(
    home: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60,
    command: Sequence[str] = ECCOO,
    typed: str | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run one `eccoo` command to its end. The exit code is the caller's to judge."""
    seen = environment(home, env)
    if program := PROGRAMS.get(tuple(command)):
        return _forked(program, home, arguments, seen, timeout_s, typed)
    return subprocess.run(
        [*command, *arguments], env=seen, cwd=home, capture_output=True, text=True, timeout=timeout_s, input=typed
    )


def _forked(
    program: Callable[[], object],
    home: Path,
    arguments: Sequence[str],
    env: Mapping[str, str],
    timeout_s: float,
    typed: str | None,
) -> "subprocess.CompletedProcess[str]":
    with tempfile.TemporaryDirectory(dir=memory.folder()) as folder:
        stdin, stdout, stderr = (Path(folder) / name for name in ("in", "out", "err"))
        stdin.write_text(typed or "")
        process = Forked(program, arguments, env=env, cwd=home, stdin=stdin, stdout=stdout, stderr=stderr)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(arguments, code, stdout.read_text(), stderr.read_text())


class NodeProcess:
    """A served node. `restart()` keeps its folder and its port, as a crash and a service manager would."""

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        *,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = ECCOO,
        arguments: Sequence[str] | None = None,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = home / "test-output.log"
        # Of its recovery sheet, where whoever made it kept them.
        self.words = ""
        self._env = dict(env or {})
        self._command = command
        self._arguments = tuple(arguments if arguments is not None else ("serve", "--port", str(self.port)))
        self._process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "The node was never started."
        return self._process.pid

    @property
    def environ(self) -> dict[str, str]:
        """What the process sees, for whoever opens its folder beside it."""
        return environment(self.home, self._env)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """All that this node printed, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, timeout_s: float = 20) -> "NodeProcess":
        """Start and return once /healthz answers; NodeDied if it ends first or stays silent."""
        assert not self.running, "The node is already running."
        if program := PROGRAMS.get(tuple(self._command)):
            log, nothing = self.log_path, Path(os.devnull)
            self._process = Forked(
                program, self._arguments, env=self.environ, cwd=self.home, stdin=nothing, stdout=log, stderr=log
            )
        else:
            with self.log_path.open("ab") as kept:
                self._process = subprocess.Popen(
                    [*self._command, *self._arguments], env=self.environ, cwd=self.home, stdin=subprocess.DEVNULL,
                    stdout=kept, stderr=subprocess.STDOUT,
                )  # fmt: skip
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.running:
                raise NodeDied(f"The node ended with code {self._process.returncode}:\n{self.output[-3000:]}")
            if self._healthy():
                return self
            time.sleep(0.02)
        self.kill()
        raise NodeDied(f"The node did not answer within {timeout_s} seconds:\n{self.output[-3000:]}")

    def stop(self, timeout_s: float = 10) -> int | None:
        """Ask it to end, as Ctrl-C or a service manager does; returns its exit code, None if it never ran."""
        if self._process is None:
            return None
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise NodeDied(f"The node did not stop within {timeout_s} seconds:\n{self.output[-3000:]}") from None

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed. What survives is what was committed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> "NodeProcess":
        if self.running:
            self.stop()
        return self.start()

    def eccoo(
        self, *arguments: str, timeout_s: float = 60, typed: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command beside the serving process, on the same data folder."""
        return eccoo(self.home, *arguments, env=self._env, timeout_s=timeout_s, command=self._command, typed=typed)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

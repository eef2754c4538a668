"""`eccoo demo` as someone runs it: a process in a group of its own, two nodes under it, ended by Ctrl-C."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from itertools import product
from pathlib import Path

import msgspec

from eccoo_node.demo.cast import CIRCLES, HEBDEN, TODMORDEN
from eccoo_node.demo.place import Place
from eccoo_node.kernel.settings import Settings
from tests.support.processes import ECCOO, NodeDied, eccoo, environment

CHECKS = ("ledger", "audit", "federation")
START_S = 90


class Demo:
    """One demo in one folder. Taken up again, it goes on at the moment it was left, on the same two ports."""

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        self.port = port
        self.log = root.with_name(f"{root.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, circle: str) -> str:
        return f"http://127.0.0.1:{self.port + (circle == TODMORDEN)}"

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def made(self) -> dict[str, object]:
        return msgspec.json.decode((self.root / "demo.json").read_bytes(), type=dict[str, object])

    def day(self, days: int) -> date:
        """So many days from the Monday it begins on."""
        return date.fromisoformat(str(self.made["monday"])) + timedelta(days=days)

    def move_to(self, day: date) -> None:
        """Let it be nine in the morning of this day in both circles: further on than the page of the demo moves in a press."""
        Place(self.root).move_to(datetime.combine(day, clock_time(9), Settings().zone))

    def start(self) -> "Demo":
        """Start and return once it says that both are open, and both answer."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*ECCOO, "demo", "--port", str(self.port), "--dir", str(self.root)],
                env=environment(self.root), cwd=self.root.parent, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_end_with_the_tests,
            )  # fmt: skip
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise NodeDied(f"The demo ended with code {self._process.returncode}:\n{self.output}")
            if "Ctrl-C stops both." in self.output and all(_answers(self.url(circle)) for circle in CIRCLES):
                return self
            time.sleep(0.05)
        self.kill()
        raise NodeDied(f"The demo was not open within {START_S} seconds:\n{self.output}")

    def stop(self) -> int:
        """Ctrl-C: a terminal sends SIGINT to the whole group. The exit code."""
        assert self._process is not None, "The demo was never started."
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise NodeDied(f"The demo did not stop:\n{self.output}") from None

    def kill(self) -> None:
        """Only after something went wrong. The two nodes end with their parent."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def copy_to(self, root: Path) -> "Demo":
        """Another demo that begins where this one was left. Only one of them runs at a time: their ports are the same."""
        shutil.copytree(self.root, root)
        return Demo(root, self.port)

    def broken(self) -> list[str]:
        """What the three checks object to on either node, each run as its admin would; empty when all of them hold."""
        with ThreadPoolExecutor(2) as pool:
            done = pool.map(lambda one: (one, eccoo(self.root / one[0], one[1], "verify")), product(CIRCLES, CHECKS))
        return [f"{circle}: {check}: {run.stdout}{run.stderr}" for (circle, check), run in done if run.returncode != 0]


def _end_with_the_tests() -> None:
    """Linux: a test run that is killed leaves no demo behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


__all__ = ["HEBDEN", "TODMORDEN", "Demo"]

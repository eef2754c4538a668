"""Where a demo lies: one folder with both circles in it, what each page must know of the other, and the time of both."""

import math
import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from eccoo_node.demo.acts import Monday
from eccoo_node.demo.cast import CIRCLES, HEBDEN, TODMORDEN
from eccoo_node.demo.seeding import Seeded
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder


class Made(msgspec.Struct, frozen=True):
    """Both circles as they were made."""

    port: int
    monday: date
    circles: dict[str, Seeded]
    linked: bool = False


class Stop(msgspec.Struct, frozen=True):
    """A moment one can move on to."""

    name: str
    words: str
    at: datetime


class Place:
    """The folder of a demo. `D/hebden` and `D/todmorden` are two data folders like any other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made = root / "demo.json"
        self._stopped = root / "stopped"
        self.lock = root / "demo.lock"

    @staticmethod
    def around(folder: DataFolder) -> "Place":
        """The demo that one of the two nodes belongs to."""
        return Place(folder.home.parent)

    def folder(self, name: str) -> DataFolder:
        return DataFolder(self.root / name)

    def read(self) -> Made | None:
        """What was made here; None where nothing was, or not to its end."""
        try:
            return msgspec.json.decode(self._made.read_bytes(), type=Made)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError):
            raise Broken(f"{self._made} cannot be read. Begin afresh with --reset.", "bad_demo") from None

    def keep(self, made: Made) -> None:
        _write(self._made, msgspec.json.format(msgspec.json.encode(made)))

    # ---- time

    def now(self) -> datetime:
        """The present of both circles."""
        return datetime.now(UTC) + timedelta(seconds=self._offset_s())

    def _offset_s(self) -> int:
        try:
            return int(self.folder(HEBDEN).clock.read_text("ascii"))
        except (OSError, ValueError):
            return 0

    def move_to(self, moment: datetime) -> None:
        """Let both circles' clocks show this moment now."""
        # Rounded up, so that what is shown is not a minute early.
        offset = math.ceil((moment - datetime.now(UTC)).total_seconds())
        for name in CIRCLES:
            _write(self.folder(name).clock, str(offset).encode())

    def stop_time(self) -> None:
        """Remember when the demo was left, so that its time waits until it is taken up again."""
        _write(self._stopped, str(int(time.time())).encode())

    def go_on(self) -> None:
        """Take time up where it was left."""
        try:
            away = int(time.time()) - int(self._stopped.read_text("ascii"))
        except (OSError, ValueError):
            return
        self._stopped.unlink()
        self.move_to(self.now() - timedelta(seconds=max(0, away)))


def stops(made: Made, monday: Monday, now: datetime) -> list[Stop]:
    """The moments of the story that are still to come; a day can always be let pass."""
    local = now.astimezone(monday.zone)
    days = (local.date() - made.monday).days
    named = [
        Stop("evening", "This evening, 6pm", monday.at(days, 18)),
        Stop("thursday", "Thursday, 8am", monday.at(3, 8)),
        Stop("noon", "Thursday, noon", monday.at(3, 12)),
        Stop("two-days", "Two days later", now + timedelta(days=2)),
    ]
    return [stop for stop in named if stop.at > now + timedelta(minutes=1)]


def other_of(name: str) -> str:
    return TODMORDEN if name == HEBDEN else HEBDEN


def url_of(made: Made, name: str) -> str:
    return f"http://127.0.0.1:{made.port + (name == TODMORDEN)}"


def _write(path: Path, data: bytes) -> None:
    """In one step: the other node may be reading."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(data)
    os.replace(fresh, path)

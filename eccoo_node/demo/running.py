"""Serving the two circles of a demo as two processes, as two real circles would be, until Ctrl-C."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FrameType

import msgspec

from eccoo_node.demo.acts import Monday
from eccoo_node.demo.cast import CIRCLES, HEBDEN, PHONES, PLACES
from eccoo_node.demo.linking import link
from eccoo_node.demo.place import Made, Place, url_of
from eccoo_node.demo.seeding import Seeded, seed
from eccoo_node.hosting.folder import make_folder, write_settings
from eccoo_node.hosting.running import opened
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.settings import Settings, load
from eccoo_node.web.serving import listen, only_one

Say = Callable[[str], None]
START_S = 60
LOG = "serve.log"
OURS = {"demo.json", "demo.lock", "stopped", *CIRCLES}


def place_for(root: Path, port: int, *, reset: bool) -> Place:
    """Where the demo of this port lies. Links know the addresses they were agreed for, so another port is another demo."""
    made = None if reset else Place(root).read()
    return Place(root) if made is None or made.port == port else Place(root / f"port-{port}")


def prepare(place: Place, port: int, *, reset: bool, say: Say) -> Made:
    """Make both circles, or take up those that are there. Raises Broken, in one sentence, when that cannot be."""
    made = None if reset else place.read()
    if made is not None:
        place.go_on()
        return made
    _clear(place)
    say("Making two circles, their people and three weeks of their lives ...")
    week = Monday(first_monday(datetime.now(UTC)), Settings().zone)
    for name in CIRCLES:
        _lay(place, name, port)
    place.move_to(week.at(0, 9))
    made = Made(port=port, monday=week.day, circles={name: asyncio.run(_make(place, name, week)) for name in CIRCLES})
    place.move_to(week.at(0, 9))
    place.keep(made)
    return made


def first_monday(now: datetime) -> date:
    """The Monday the demo begins on, at nine: the next that is still to come."""
    return now.date() + timedelta(days=7 - now.weekday())


def _clear(place: Place) -> None:
    """Take away a demo that was there, or the half of one. Anything else stays, and is a reason to stop."""
    found = (path.name for path in place.root.iterdir() if path.name not in OURS and not path.name.startswith("port-"))
    if strange := sorted(found):
        raise Broken(
            f"{place.root} holds other things ({strange[0]}). Name an empty folder with --dir.", "foreign_folder"
        )
    for name in CIRCLES:
        folder = place.folder(name)
        if folder.home.exists():
            if not load(folder, {})[0].demo:
                raise Broken(f"{folder.home} is not of a demo, so it stays as it is. Name another --dir.", "not_a_demo")
            shutil.rmtree(folder.home)
    for name in ("demo.json", "stopped"):
        (place.root / name).unlink(missing_ok=True)


def _lay(place: Place, name: str, port: int) -> None:
    """The data folder of one of them, with its settings."""
    folder = place.folder(name)
    make_folder(folder)
    write_settings(folder, {
        "demo": True, "circle.name": CIRCLES[name], "circle.place": PLACES[name], "circle.phone": PHONES[name],
        "web.port": port + (name != HEBDEN), "federation.loopback_peers": True,
    })  # fmt: skip


async def _make(place: Place, name: str, week: Monday) -> Seeded:
    folder = place.folder(name)
    # Without this shell's own settings, which are for a real node.
    settings, _ = load(folder, {})
    async with opened(folder, settings, migrated=False):
        return await seed(folder, settings, name, week)


def check_ports(port: int) -> None:
    """Raise Broken, naming the port that something else holds."""
    for one in (port, port + 1):
        if not 0 < one < 65536:
            raise Broken("A port lies between 1 and 65535, and the demo needs two.", "bad_setting")
        listen("127.0.0.1", one).close()


def run(root: Path, port: int, *, reset: bool, say: Say) -> None:
    """The whole demo: make or take up, serve both, link them, tell what to open, and wait for Ctrl-C."""
    place = place_for(root, port, reset=reset)
    try:
        place.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Broken(f"{place.root} cannot be used for the demo: {error.strerror}.", "bad_folder") from None
    with only_one(place.lock), _signals() as told:
        check_ports(port)
        made = prepare(place, port, reset=reset, say=say)
        nodes = [Node(place, made, name) for name in CIRCLES]
        try:
            for node in nodes:
                node.start()
            for node in nodes:
                node.wait_until_it_answers()
            if not made.linked:
                say("Linking them ...")
                asyncio.run(link(place, made))
                made = msgspec.structs.replace(made, linked=True)
                place.keep(made)
            say(_welcome(place, made))
            while not told:
                for node in nodes:
                    node.check()
                time.sleep(0.2)
        finally:
            for node in nodes:
                node.stop()
            place.stop_time()


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM end the demo when it is next looked at, or at once while something is waited for."""
    told: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        told.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    except KeyboardInterrupt:
        if not told:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _welcome(place: Place, made: Made) -> str:
    monday = Monday(made.monday, load(place.folder(HEBDEN), {})[0].zone)
    local = place.now().astimezone(monday.zone)
    rows = "\n".join(f"  {CIRCLES[name]:<22} {url_of(made, name)}/demo" for name in CIRCLES)
    return (
        f"\nTwo made-up circles are open. Open both in one browser:\n\n{rows}\n\n"
        "Begin in the first, as Joan. Her mother’s care worker can’t come on Thursday.\n"
        f"In the demo it is {local:%A} {local.day} {local:%B}, {local:%H:%M}. Everything lies in {place.root}.\n"
        "Ctrl-C stops both."
    )


class Node:
    """One of the two, in a process of its own."""

    def __init__(self, place: Place, made: Made, name: str) -> None:
        self.folder = place.folder(name)
        self.name = CIRCLES[name]
        self.url = url_of(made, name)
        self.log = self.folder.home / LOG
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ECCOO_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "import sys; from eccoo_node.cli import main; sys.exit(main())", "serve"],
                env={**kept, "ECCOO_HOME": str(self.folder.home)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                # Ctrl-C reaches us alone, so that both are stopped in good order; and neither outlives us.
                start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip

    def check(self) -> None:
        """Raise Broken when it has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            last = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise Broken(f"The node of the {self.name} has ended: {last[0]}", "node_ended")

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            self.check()
            if self._healthy():
                return
            time.sleep(0.05)
        raise Broken(f"The node of the {self.name} does not answer. See {self.log}.", "no_answer")

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310 loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _die_with_parent() -> None:
    """Linux: the kernel ends the child when we are killed. Elsewhere it stays until it is stopped by hand."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)

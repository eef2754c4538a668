"""`eccoo demo` as whoever types it sees it: two real processes, a link over HTTP, and what is kept between two evenings."""

import http.cookiejar
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from tests.support.ports import free_port, neighbouring_ports
from tests.support.processes import ECCOO, eccoo, environment

CIRCLES = ("hebden", "todmorden")


class Demo:
    """One run of the command."""

    def __init__(self, root: Path, port: int, *more: str) -> None:
        self.root = root
        self.port = port
        self.out = root.parent / "demo-output.txt"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [*ECCOO, "demo", "--port", str(port), "--dir", str(root), *more], env=environment(root.parent),
                cwd=root.parent, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def told(self) -> str:
        return self.out.read_text()

    def wait(self, timeout_s: float = 90) -> "Demo":
        deadline = time.monotonic() + timeout_s
        while "Ctrl-C stops both" not in self.told:
            assert self.process.poll() is None, self.told
            assert time.monotonic() < deadline, self.told
            time.sleep(0.1)
        return self

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.process.wait(40)


class Browser:
    """Keeps cookies, follows redirects, and fills in the one hidden field of our forms."""

    def __init__(self) -> None:
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.page = ""
        self.url = ""

    def open(self, url: str, data: bytes | None = None) -> str:
        with self.opener.open(url, data, timeout=20) as answer:
            self.page, self.url = answer.read().decode(), answer.geturl()
        return self.page

    def press(self, words: str) -> str:
        for form in re.findall(r"<form.*?</form>", self.page, re.DOTALL):
            if f">{words}<" in unescape(form):
                action = re.search(r'action="([^"]+)"', form)
                token = re.search(r'name="_form" value="([^"]+)"', form)
                assert action is not None
                assert token is not None
                data = urllib.parse.urlencode({"_form": unescape(token[1])}).encode()
                return self.open(urllib.parse.urljoin(self.url, unescape(action[1])), data)
        raise AssertionError(f"There is no button {words!r} on {self.url}")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def one_sentence(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, running; tests of this file use it in the order in which they stand."""
    running = Demo(tmp_path_factory.mktemp("demo") / "place", neighbouring_ports())
    try:
        yield running.wait()
    finally:
        if running.process.poll() is None:
            running.stop()


def test_it_says_what_to_open_and_whom_to_begin_as(demo: Demo) -> None:
    assert f"http://127.0.0.1:{demo.port}/demo" in demo.told
    assert f"http://127.0.0.1:{demo.port + 1}/demo" in demo.told
    assert "Joan" in demo.told
    assert "Traceback" not in demo.told


def test_each_circle_lists_its_people_with_a_button_to_be_each(demo: Demo) -> None:
    for offset, there in (
        (0, ("Edith", "Joan", "Maryam", "Tomasz", "Ruth", "Nasreen", "Gwen")),
        (1, ("Olena", "Colm", "Pete")),
    ):
        page = Browser().open(f"http://127.0.0.1:{demo.port + offset}/demo")
        assert len(page.encode()) < 24_000
        for called in there:
            assert f">Sign in as {called}<" in page
        assert f"http://127.0.0.1:{demo.port + 1 - offset}/demo" in page
    for who in ("Everyone else",):
        assert who in page


def test_one_browser_is_two_people_in_two_circles(demo: Demo) -> None:
    browser = Browser()
    a, b = (f"http://127.0.0.1:{demo.port + offset}" for offset in (0, 1))
    browser.open(f"{a}/demo")
    assert "Maryam can’t come to Edith on Thursday" in browser.press("Sign in as Joan")
    browser.open(f"{b}/demo")
    browser.press("Sign in as Olena")
    assert ">Joan<" in re.sub(r"<span class=\"hidden\">.*?</span>", "", browser.open(f"{a}/home"))
    assert "Olena" in browser.open(f"{b}/home")
    assert len({cookie.name for cookie in browser.jar if cookie.name.startswith("session_")}) == 2
    # Being someone else ends being the one before.
    browser.open(f"{a}/demo")
    browser.press("Sign in as Edith")
    assert "Edith" in browser.open(f"{a}/sessions")


def test_a_sign_in_button_is_a_form_of_this_page_and_nothing_else(demo: Demo) -> None:
    made = json.loads((demo.root / "demo.json").read_text())
    url = f"http://127.0.0.1:{demo.port}/demo/sign-in/{made['circles']['hebden']['people']['edith']}"
    for data in (None, b"", b"_form=forged.token"):
        browser = Browser()
        with pytest.raises(urllib.error.HTTPError) as told:
            browser.open(url, data)
        told.value.close()
        assert not any(cookie.name.startswith("session_") for cookie in browser.jar)


def test_the_two_are_linked_and_everything_verifies(demo: Demo) -> None:
    for name in CIRCLES:
        for what in ("ledger", "audit", "federation"):
            done = eccoo(demo.root / name, what, "verify")
            assert done.returncode == 0, done.stderr
        assert "1 links" in eccoo(demo.root / name, "federation", "verify").stdout
        assert ": linked" in eccoo(demo.root / name, "link", "list").stdout


def test_time_moves_on_in_both_at_once(demo: Demo) -> None:
    browser = Browser()
    browser.open(f"http://127.0.0.1:{demo.port + 1}/demo")
    told = browser.press("Thursday, 8am")
    assert "8am, in both circles" in told
    for offset in (0, 1):
        page = browser.open(f"http://127.0.0.1:{demo.port + offset}/demo")
        assert re.search(r"<strong>Thursday \d+ \w+, 8(\.0\d)?am</strong>", page)
        assert ">Thursday, 8am<" not in page


def test_a_second_demo_in_one_place_or_on_one_port_is_refused(demo: Demo, tmp_path: Path) -> None:
    told = one_sentence(eccoo(tmp_path, "demo", "--port", str(demo.port), "--dir", str(demo.root)))
    assert "already" in told
    for port in (demo.port, demo.port - 1, demo.port + 1):
        told = one_sentence(eccoo(tmp_path, "demo", "--port", str(port), "--dir", str(tmp_path / "other")))
        assert re.search(rf"port ({demo.port}|{demo.port + 1})\b", told)
    assert demo.process.poll() is None


def test_ctrl_c_ends_both_and_what_was_done_is_kept(demo: Demo) -> None:
    browser = Browser()
    browser.open(f"http://127.0.0.1:{demo.port}/demo")
    browser.press("Sign in as Joan")
    made = (demo.root / "demo.json").read_bytes()
    assert demo.stop() == 0
    assert "Traceback" not in demo.told
    assert [answers(demo.port), answers(demo.port + 1)] == [False, False]

    again = Demo(demo.root, demo.port).wait()
    try:
        assert "Making" not in again.told
        assert (demo.root / "demo.json").read_bytes() == made
        # Still signed in, and it is still that Thursday.
        assert "Joan" in browser.open(f"http://127.0.0.1:{demo.port}/home")
        assert re.search(r"<strong>Thursday \d+ \w+, 8", browser.open(f"http://127.0.0.1:{demo.port}/demo"))
    finally:
        assert again.stop(signal.SIGTERM) == 0


def test_on_other_ports_it_is_another_demo_and_the_first_is_kept(demo: Demo) -> None:
    port = neighbouring_ports()
    made = (demo.root / "demo.json").read_bytes()
    other = Demo(demo.root, port).wait()
    try:
        assert "Making" in other.told
        assert f"port-{port}" in other.told
        assert re.search(r"<strong>Monday \d+ \w+, 9", Browser().open(f"http://127.0.0.1:{port}/demo"))
    finally:
        other.stop()
    assert (demo.root / "demo.json").read_bytes() == made


def test_reset_begins_afresh_on_the_port_that_is_named(demo: Demo) -> None:
    port = neighbouring_ports()
    fresh = Demo(demo.root, port, "--reset").wait()
    try:
        assert "Making" in fresh.told
        assert json.loads((demo.root / "demo.json").read_text())["port"] == port
        assert re.search(r"<strong>Monday \d+ \w+, 9", Browser().open(f"http://127.0.0.1:{port}/demo"))
    finally:
        fresh.stop()


def test_a_killed_demo_leaves_no_node_behind(demo: Demo) -> None:
    port = json.loads((demo.root / "demo.json").read_text())["port"]
    doomed = Demo(demo.root, port).wait()
    doomed.process.kill()
    doomed.process.wait()
    deadline = time.monotonic() + 20
    while answers(port) or answers(port + 1):
        assert time.monotonic() < deadline, "A node outlived the demo that started it."
        time.sleep(0.1)


def test_a_node_that_dies_ends_the_demo_with_a_sentence(demo: Demo) -> None:
    port = json.loads((demo.root / "demo.json").read_text())["port"]
    (demo.root / "todmorden" / "eccoo.toml").write_text("nonsense\n")
    try:
        done = subprocess.run(
            [*ECCOO, "demo", "--port", str(port), "--dir", str(demo.root)], env=environment(demo.root.parent),
            cwd=demo.root.parent, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    finally:
        for path in demo.root.glob("*.new"):
            path.unlink()
    one_sentence(done)
    assert [answers(port), answers(port + 1)] == [False, False]


@pytest.mark.parametrize("more", [(), ("--reset",)], ids=["", "reset"])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, more: tuple[str, ...]) -> None:
    place = tmp_path / "place"
    (place / "photographs").mkdir(parents=True)
    told = one_sentence(eccoo(tmp_path, "demo", "--port", str(neighbouring_ports()), "--dir", str(place), *more))
    assert "--dir" in told
    assert {path.name for path in place.iterdir()} <= {"photographs", "demo.lock"}


def test_reset_takes_away_no_real_node(tmp_path: Path) -> None:
    home = tmp_path / "place" / "hebden"
    home.mkdir(parents=True)
    (home / "eccoo.toml").write_text('[circle]\nname = "A real circle"\n')
    told = one_sentence(
        eccoo(tmp_path, "demo", "--port", str(neighbouring_ports()), "--dir", str(tmp_path / "place"), "--reset")
    )
    assert "not of a demo" in told
    assert (home / "eccoo.toml").exists()


def test_demo_pages_are_for_demo_nodes_alone(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [*ECCOO, "serve", "--port", str(port)], env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 40
        while not answers(port):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with pytest.raises(urllib.error.HTTPError) as told:
            Browser().open(f"http://127.0.0.1:{port}/demo")
        told.value.close()
        assert told.value.code == 404
    finally:
        process.terminate()
        process.wait(20)

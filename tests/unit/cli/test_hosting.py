"""Making a node and keeping it, as whoever does it sees it: real processes, real folders."""

import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from eccoo_node.cli import WHERE
from eccoo_node.cli.hosting import _where
from eccoo_node.kernel.settings import CircleSettings, Settings, WebSettings
from tests.support.ports import free_port
from tests.support.processes import ECCOO, NodeProcess, eccoo, environment

ANSWERS = ("--name", "Our hill", "--place", "Heptonstall", "--phone", "01632 960001", "--called", "Ann",
           "--email", "ann@hill.example")  # fmt: skip
LOCAL = ("--public-url", "")

Start = Callable[..., NodeProcess]


def made(home: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    home.mkdir(exist_ok=True)
    return eccoo(home, "init", *ANSWERS, *(more or LOCAL))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that has just been made; only ever copied."""
    home = tmp_path_factory.mktemp("whole")
    assert made(home).returncode == 0
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    """A node of this test's own."""
    return Path(shutil.copytree(whole, tmp_path / "node"))


def one_sentence(done: "subprocess.CompletedProcess[str]") -> str:
    """What went wrong, when it was told as it must be: one line, no traceback, exit code 1."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert len(lines[0]) > 20
    return lines[0]


@pytest.mark.parametrize("command", sorted({file: command for command, file in WHERE.items()}.values()))
def test_each_file_of_commands_can_be_read_first(tmp_path: Path, command: str) -> None:
    """The other commands here are forked from a process that has read them all."""
    done = subprocess.run(
        [*ECCOO, command, "--help"], env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")
    assert list(tmp_path.iterdir()) == []


def test_init_makes_a_whole_node_and_shows_its_words_once(tmp_path: Path) -> None:
    home = tmp_path / "node"
    done = made(home, "--public-url", "https://hill.example")
    assert done.returncode == 0, done.stderr
    words = re.findall(r"\d+\. ([a-z]+)", done.stdout)
    assert len(words) == 24
    text = (home / "eccoo.toml").read_text()
    assert 'name = "Our hill"' in text
    assert 'public_url = "https://hill.example"' in text
    kept = "".join(path.read_text(errors="ignore") for path in home.rglob("*") if path.is_file())
    assert " ".join(words) not in kept
    assert (home / "keys").stat().st_mode & 0o077 == 0
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (home / "keys").iterdir())
    for command in ("ledger", "audit"):
        assert eccoo(home, command, "verify").returncode == 0
    database = sqlite3.connect(home / "node.sqlite")
    assert database.execute("SELECT name FROM community WHERE kind = 'circle'").fetchall() == [("Our hill",)]
    assert database.execute("SELECT called, email FROM person").fetchall() == [("Ann", "ann@hill.example")]
    assert database.execute("SELECT payer_add_bps, worker_deduct_bps FROM schedule").fetchall() == [(0, 1500)]
    database.close()


def test_an_admin_who_is_signed_out_finds_the_way_back(home: Path) -> None:
    first, second = (eccoo(home, "enter") for _ in range(2))
    assert "/sign-in/" in first.stdout
    assert first.stdout != second.stdout
    database = sqlite3.connect(home / "node.sqlite")
    assert database.execute("SELECT COUNT(*) FROM sign_in WHERE used_at IS NULL").fetchall() == [(1,)]
    database.close()


def test_a_second_init_changes_nothing(home: Path) -> None:
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and "sqlite" not in path.name}
    assert "already" in one_sentence(made(home))
    assert {path: path.read_bytes() for path in before} == before


def test_init_asks_what_it_is_not_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [*ECCOO, "init"], input="Our hill\nHeptonstall\n\n\nAnn\n\n", env=environment(tmp_path), cwd=tmp_path,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Our hill has its node" in done.stdout


@pytest.mark.parametrize("wrong", [
    ("--name", " "), ("--name", "x" * 121), ("--phone", "ring me"), ("--public-url", "hill.example"),
    ("--public-url", "https://hill.example:99999"), ("--called", " "), ("--email", "not an address"),
])  # fmt: skip
def test_a_wrong_answer_is_named_and_leaves_nothing_behind(tmp_path: Path, wrong: tuple[str, str]) -> None:
    home = tmp_path / "node"
    done = eccoo(tmp_path, "init", *ANSWERS, *LOCAL, *wrong, env={"ECCOO_HOME": str(home)})
    assert one_sentence(done).startswith(f"{wrong[0]}: Write ")
    assert not home.exists()


def test_a_wrong_answer_is_asked_for_again_where_it_was_given(tmp_path: Path) -> None:
    home = tmp_path / "node"
    typed = ["Our hill", "Heptonstall", "none", "01632 960001", "hill.example", "", "Ann", "ann", "ann@hill.example"]
    done = subprocess.run(
        [*ECCOO, "init"], input="\n".join(typed[:6]) + "\n", env=environment(home), cwd=tmp_path,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert not home.exists()
    done = subprocess.run(
        [*ECCOO, "init"], input="\n".join(typed) + "\n", env=environment(home), cwd=tmp_path,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in (done.stdout + done.stderr).splitlines() if "Write a" in line]
    assert [sentence for sentence in (
        "Write a phone number with its area code", "Write an address such as https://circle.example",
        "Write an email address such as",
    ) if sentence not in "".join(said)] == []  # fmt: skip
    assert 'phone = "01632 960001"' in (home / "eccoo.toml").read_text()


def test_the_folder_is_for_the_nodes_own_user(tmp_path: Path) -> None:
    home = tmp_path / "new"
    eccoo(tmp_path, "init", *ANSWERS, *LOCAL, env={"ECCOO_HOME": str(home)})
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_migrate_has_nothing_to_do_after_init(home: Path) -> None:
    assert eccoo(home, "migrate").stdout == "The database is up to date.\n"


def test_config_show_names_each_value_and_its_source_and_hides_secrets(tmp_path: Path) -> None:
    (tmp_path / "eccoo.toml").write_text('[circle]\nname = "Hill"\n[mail]\npassword = "hush"\n')
    done = eccoo(
        tmp_path, "config", "show", env={"ECCOO_WEB_PORT": "9000", "ECCOO_DATABASE_URL": "postgresql://u:hush@h/d"}
    )
    assert done.returncode == 0
    assert f'circle.name = "Hill"  ({tmp_path / "eccoo.toml"})' in done.stdout
    assert "web.port = 9000  (ECCOO_WEB_PORT)" in done.stdout
    assert 'circle.zone = "Europe/London"  (default)' in done.stdout
    assert "mail.password = (set, not shown)" in done.stdout
    assert "hush" not in done.stdout + done.stderr


# ---------------------------------------------------------------- serving


def test_where_it_is_open_and_where_it_listens_are_both_said_when_they_differ() -> None:
    web = WebSettings(public_url="http://127.0.0.1:8760")
    assert _where(Settings(circle=CircleSettings(name="Our hill"), web=web)) == [
        "Our hill is open at http://127.0.0.1:8760/",
        "This machine listens for it on http://127.0.0.1:8000",
    ]
    same = WebSettings(port=8760, public_url="http://127.0.0.1:8760")
    assert len(_where(Settings(web=same))) == len(_where(Settings())) == 1


def test_serve_makes_a_node_of_an_empty_folder_and_lets_its_admin_in_once(node_process: Start) -> None:
    node = node_process("new")
    [link] = re.findall(r"http://127\.0\.0\.1:\d+/sign-in/\S+", node.output)
    [words] = re.findall(r"are in (\S+)\.\n", node.output)
    assert len(re.findall(r"\d+\. ([a-z]+)", Path(words).read_text())) == 24
    assert stat.S_IMODE(Path(words).stat().st_mode) == 0o600
    with urllib.request.urlopen(link) as answer:
        assert answer.status == 200
    # Nobody signed in, so the next start gives a fresh link and the old one is no good any more.
    node.restart()
    links = re.findall(r"http://127\.0\.0\.1:\d+/sign-in/\S+", node.output)
    assert len(set(links)) == 2
    assert eccoo(node.home, "audit", "verify").returncode == 0


def test_ctrl_c_ends_it_without_a_complaint(tmp_path: Path) -> None:
    port = free_port()
    served = NodeProcess(tmp_path / "node", port)
    served.start()
    served._process.send_signal(signal.SIGINT)  # type: ignore[union-attr]
    assert served._process.wait(15) == 0  # type: ignore[union-attr]
    assert "Traceback" not in served.output


def test_a_second_process_on_one_folder_is_refused(node_process: Start) -> None:
    node = node_process("one")
    told = one_sentence(node.eccoo("serve", "--port", str(free_port())))
    assert "already serves" in told
    # Commands may run beside it.
    assert node.eccoo("ledger", "verify").returncode == 0
    assert "The books hold: " in node.eccoo("ledger", "verify", "--whole").stdout
    assert node.running


def test_a_busy_port_is_named(node_process: Start, tmp_path: Path) -> None:
    node = node_process("one")
    (tmp_path / "two").mkdir()
    assert str(node.port) in one_sentence(eccoo(tmp_path / "two", "serve", "--port", str(node.port)))


# ---------------------------------------------------------------- trouble


INIT = ("init", *ANSWERS, *LOCAL)


@pytest.mark.parametrize("command", [("migrate",), ("ledger", "verify")], ids=" ".join)
def test_a_folder_without_a_node_is_named_and_left_as_it_was(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert str(tmp_path) in one_sentence(eccoo(tmp_path, *command))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("serve",), INIT, ("ledger", "verify")], ids=lambda c: c[0])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "photographs").mkdir()
    assert "ECCOO_HOME" in one_sentence(eccoo(tmp_path, *command))
    assert [path.name for path in tmp_path.iterdir()] == ["photographs"]


@pytest.mark.parametrize("command", [("serve",), INIT, ("ledger", "verify")], ids=lambda c: c[0])
def test_a_file_in_the_folders_place_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("x")
    assert "file" in one_sentence(eccoo(tmp_path, *command, env={"ECCOO_HOME": str(tmp_path / "file")}))


@pytest.mark.parametrize("damage", ["not a database", "cut short", "overwritten inside", "of something else"])
def test_a_damaged_or_foreign_database_is_one_sentence(home: Path, damage: str) -> None:
    path = home / "node.sqlite"
    whole = path.read_bytes()
    if damage == "not a database":
        path.write_bytes(b"These are holiday notes. " * 1000)
    elif damage == "cut short":
        path.write_bytes(whole[: len(whole) // 3])
    elif damage == "overwritten inside":
        path.write_bytes(whole[:100] + b"\x00" * 40_000 + whole[40_100:])
    else:
        path.unlink()
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE photographs (id INTEGER)")
        other.close()
    one_sentence(eccoo(home, "serve", "--port", str(free_port())))
    one_sentence(eccoo(home, "audit", "verify"))
    one_sentence(eccoo(home, *INIT))


@pytest.mark.parametrize("command", [("serve",), INIT, ("config", "show"), ("ledger", "verify")], ids=lambda c: c[0])
def test_a_bad_setting_is_one_sentence_and_names_the_nearest(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert "Did you mean ECCOO_WEB_PORT?" in one_sentence(eccoo(tmp_path, *command, env={"ECCOO_WEB_PROT": "1"}))
    (tmp_path / "eccoo.toml").write_text("[web]\nport = 'many'\n")
    assert "port" in one_sentence(eccoo(tmp_path, *command))


@pytest.mark.parametrize("port", ["0", "65536"])
def test_a_port_that_cannot_be_is_one_sentence(tmp_path: Path, port: str) -> None:
    assert "65535" in one_sentence(eccoo(tmp_path, "serve", "--port", port))


def test_keys_without_their_database_make_no_second_circle(home: Path) -> None:
    keys = {path.name: path.read_bytes() for path in (home / "keys").iterdir()}
    (home / "node.sqlite").unlink()
    told = one_sentence(eccoo(home, "serve", "--port", str(free_port())))
    assert "keys" in told
    assert {path.name: path.read_bytes() for path in (home / "keys").iterdir()} == keys


def test_a_database_without_its_keys_makes_no_second_identity(home: Path) -> None:
    for path in (home / "keys").iterdir():
        path.unlink()
    assert "keys" in one_sentence(eccoo(home, "serve", "--port", str(free_port())))
    assert list((home / "keys").iterdir()) == []


def test_loopback_links_are_refused_to_a_node_of_the_world(tmp_path: Path) -> None:
    (tmp_path / "eccoo.toml").write_text(
        '[federation]\nloopback_peers = true\n[web]\npublic_url = "https://hill.example"\n'
    )
    assert "loopback" in one_sentence(eccoo(tmp_path, "serve"))


def test_a_postgresql_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    url = f"postgresql://nobody:hush@127.0.0.1:{free_port()}/none"
    for command in (("serve", "--port", str(free_port())), INIT):
        told = one_sentence(eccoo(tmp_path, *command, env={"ECCOO_DATABASE_URL": url}))
        assert "hush" not in told


@pytest.mark.postgres
def test_a_node_on_postgresql_is_made_and_served(postgres_url: str, node_process: Start) -> None:
    node = node_process("pg", env={"ECCOO_DATABASE_URL": postgres_url})
    assert not (node.home / "node.sqlite").exists()
    assert node.eccoo("ledger", "verify").returncode == 0
    node.stop()
    # Another folder may not adopt its database.
    assert "keys" in one_sentence(
        eccoo(node.home.parent, "serve", "--port", str(free_port()),
              env={"ECCOO_DATABASE_URL": postgres_url, "ECCOO_HOME": str(node.home.parent / "thief")})
    )  # fmt: skip


# ---------------------------------------------------------------- the verifies can fail


@pytest.mark.parametrize(
    "statements, command, names",
    [
        (("DROP TRIGGER audit_keeps_update", "UPDATE audit SET action = 'x' WHERE id = 1"), "audit", "row 1"),
        (("DROP TRIGGER audit_keeps_delete", "DELETE FROM audit WHERE id = 1"), "audit", "row 1"),
    ],
)
def test_a_record_that_was_changed_ends_with_its_name_and_code_1(
    node_process: Start, statements: tuple[str, ...], command: str, names: str
) -> None:
    node = node_process("node")
    database, deadline = sqlite3.connect(node.home / "node.sqlite"), time.monotonic() + 60
    while not database.execute("SELECT COUNT(*) FROM audit_chain").fetchone()[0]:
        assert time.monotonic() < deadline, "Nothing was chained."
        time.sleep(0.1)
    node.stop()
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()
    assert names in one_sentence(node.eccoo(command, "verify"))

"""What a circle installs is the wheel, not this checkout.

The clean environment holds the wheel and nothing else of ours. Where everything is required (CI) its dependencies come
from the registry, as a circle's would. Elsewhere they are lent by the test environment, read-only and without our
editable install, so that the test also runs on a train; that the declared dependencies suffice is then proven by
`test_every_import_is_declared` alone.
"""

import ast
import email
import importlib.metadata
import os
import re
import sqlite3
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.support.processes import NodeProcess
from tests.support.required import everything_is_required
from tests.support.sources import ROOT, python_files

OURS = ("eccoo_node", "eccoo_federation", "eccoo_gatherings")
# What an extra of the same name brings: the code asks whether it is there, and does without.
OPTIONAL = {"typst"}
# A name that a piece of code needs through another package's declared extra.
BROUGHT_BY = {"aiosqlite": "piccolo", "asyncpg": "piccolo", "markupsafe": "jinja2", "typing-extensions": "litestar"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT), cwd=out)
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a virtual environment that has our code from the wheel only."""
    home = tmp_path_factory.mktemp("clean") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", str(home), cwd=home.parent)
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(home / "bin" / "python"),
        "install",
        "--quiet",
        "--no-compile",
    ]
    if everything_is_required():
        _run(*install, str(wheel), cwd=home.parent)
        return home
    _run(*install, "--no-deps", "--no-index", str(wheel), cwd=home.parent)
    # A plain line in a .pth adds the folder but runs no .pth inside it, so our editable install stays behind.
    lent = Path(sysconfig.get_path("purelib"))
    [packages] = home.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(f"{lent}\n")
    return home


@pytest.fixture(scope="module")
def node(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """The installed `eccoo`, serving an empty data folder away from the checkout."""
    home = tmp_path_factory.mktemp("data")
    # An empty PYTHONPATH wins over the one that leads to this checkout.
    served = NodeProcess(home, command=[str(installed / "bin" / "eccoo")], env={"PYTHONPATH": ""})
    served.start(timeout_s=60)
    yield served
    served.stop()


def test_our_modules_come_from_the_wheel_alone(installed: Path) -> None:
    code = f"import importlib; print(*(importlib.import_module(n).__file__ for n in {OURS!r}), sep='\\n')"
    lines = _run(str(installed / "bin" / "python"), "-c", code, cwd=installed.parent).split()
    [packages] = installed.glob("lib/python*/site-packages")
    assert lines == [str(packages / name / "__init__.py") for name in OURS]


def test_themes_and_migrations_ship_inside_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if name.startswith("eccoo_node/_bundled/")}
    assert shipped == {
        f"eccoo_node/_bundled/{name}" for folder in ("themes", "migrations") for name in _tracked(folder)
    }


def test_templates_and_static_files_ship_inside_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    assert [name for name in _tracked("eccoo_node") if name not in shipped] == []


def test_the_bundled_plugin_is_found_by_its_entry_point(installed: Path) -> None:
    code = "from importlib.metadata import entry_points as e; print([p.value for p in e(group='eccoo_node.plugins')])"
    assert (
        _run(str(installed / "bin" / "python"), "-c", code, cwd=installed.parent).strip()
        == "['eccoo_gatherings.plugin']"
    )


def test_the_installed_node_answers_and_shows_a_page(node: NodeProcess) -> None:
    with urllib.request.urlopen(f"{node.url}/", timeout=10) as answer:
        page = answer.read().decode()
        assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")
    styles = re.findall(r'<link[^>]+rel="stylesheet"[^>]+href="([^"]+)"', page)
    assert styles, "A page without its theme's stylesheet means that the theme was not found."
    for style in styles:
        with urllib.request.urlopen(urljoin(f"{node.url}/", style), timeout=10) as answer:
            assert (answer.status, answer.headers.get_content_type()) == (200, "text/css")
            assert answer.read()


def test_the_installed_node_ran_its_bundled_migrations(node: NodeProcess) -> None:
    migrations = [name for name in _tracked("migrations") if re.match(r"migrations/core_.*\.py$", name)]
    database = sqlite3.connect(f"file:{node.home / 'node.sqlite'}?mode=ro", uri=True)
    try:
        [(ran,)] = database.execute("SELECT count(*) FROM migration_done").fetchall()
    finally:
        database.close()
    assert ran == len(migrations) > 0


def test_every_import_is_declared(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    declared = {
        re.split(r"[ \[<>=!~;(]", line, maxsplit=1)[0].lower()
        for line in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in line or any(f"extra == '{name}'" in line for name in OPTIONAL)
    }
    assert declared >= OPTIONAL
    providers = importlib.metadata.packages_distributions()
    undeclared = {}
    for path in python_files():
        for module in _imported(path):
            if module in sys.stdlib_module_names or module in OURS:
                continue
            names = {
                BROUGHT_BY.get(dist.lower(), dist.lower()) for dist in providers.get(module, [f"no package: {module}"])
            }
            if not names & declared:
                undeclared[module] = f"{path.relative_to(ROOT)} needs {', '.join(sorted(names))}"
    assert undeclared == {}


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def _tracked(folder: str) -> list[str]:
    """The folder's files, named from the root, without what tools left there."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    )


def _run(*command: str, cwd: Path) -> str:
    clean = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout

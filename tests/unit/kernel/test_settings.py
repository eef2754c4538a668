"""Settings: where each value comes from, and one plain sentence for each that cannot be used."""

from pathlib import Path

import pytest

from eccoo_node.kernel import settings
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def refused(folder: DataFolder, text: str = "", **environ: str) -> str:
    if text:
        folder.settings.write_text(text)
    with pytest.raises(Broken) as told:
        settings.load(folder, environ)
    assert "\n" not in told.value.sentence.strip()
    return told.value.sentence


def test_an_empty_folder_has_the_defaults(folder: DataFolder) -> None:
    read, sources = settings.load(folder, {})
    assert read == settings.Settings()
    assert set(sources) == set(settings.names())
    assert set(sources.values()) == {"default"}


def test_the_environment_goes_before_the_file_and_each_source_is_named(folder: DataFolder) -> None:
    folder.settings.write_text('demo = true\n[web]\nport = 8001\nhost = "localhost"\n[circle]\nname = "Our hill"\n')
    environ = {"ECCOO_WEB_PORT": "9000", "ECCOO_HOME": str(folder.home), "HOME": "/x", "ECCOO_TEST_PG": "x"}
    read, sources = settings.load(folder, environ)
    assert (read.web.port, read.web.host, read.circle.name, read.demo) == (9000, "localhost", "Our hill", True)
    assert (sources["web.port"], sources["web.host"], sources["web.public_url"]) == (
        "ECCOO_WEB_PORT", str(folder.settings), "default",
    )  # fmt: skip


def test_a_secret_may_lie_in_a_file(folder: DataFolder) -> None:
    (folder.home / "secret").write_text("hush\n")
    read, sources = settings.load(folder, {"ECCOO_MAIL_PASSWORD_FILE": str(folder.home / "secret")})
    assert (read.mail.password, sources["mail.password"]) == ("hush", "ECCOO_MAIL_PASSWORD_FILE")


def test_a_list_is_written_with_commas(folder: DataFolder) -> None:
    read, _ = settings.load(folder, {"ECCOO_WEB_TRUSTED_PROXIES": "10.0.0.1,10.0.0.2"})
    assert read.web.trusted_proxies == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize(
    "text, near",
    [
        ("[web]\nprt = 1\n", "web.port"), ("[circle]\nnmae = 'x'\n", "circle.name"), ("dmo = true\n", "demo"),
        ("[federation]\nloopback_peer = true\n", "federation.loopback_peers"),
    ],
)  # fmt: skip
def test_an_unknown_key_names_the_nearest_and_the_file(folder: DataFolder, text: str, near: str) -> None:
    sentence = refused(folder, text)
    assert f"Did you mean {near}?" in sentence
    assert str(folder.settings) in sentence


def test_an_unknown_variable_names_the_nearest(folder: DataFolder) -> None:
    assert "Did you mean ECCOO_WEB_PORT?" in refused(folder, ECCOO_WEB_PROT="1")


@pytest.mark.parametrize(
    "text",
    [
        "[web]\nport = 'many'\n", "[web]\nport = 0\n", "[web]\nport = 70000\n", "log = 'other'\n",
        "[circle]\nzone = 'Europe/Hebden'\n", "[circle]\nzone = '../../etc/passwd'\n", "[circle]\nzone = ''\n",
        "[web]\npublic_url = 'circle.example'\n", "[web]\npublic_url = 'ftp://circle.example'\n",
        "[web]\npublic_url = 'https://user@circle.example'\n", "[web]\npublic_url = 'https://circle.example/?x'\n",
        "web = 3\n", "[web.port]\nx = 1\n", "demo = 'perhaps'\n", "this is not toml\n", "\x00\n",
        "[federation]\nloopback_peers = true\n[web]\npublic_url = 'https://circle.example'\n",
        "[federation]\nloopback_peers = true\n[web]\npublic_url = 'http://127.0.0.1.circle.example'\n",
        "[federation]\nloopback_peers = true\n[web]\nhost = '0.0.0.0'\n",
        "demo = true\n[web]\npublic_url = 'https://circle.example'\n",
        "[web]\npublic_url = 'http://[::1'\n", "[web]\npublic_url = 'http://x:99999'\n",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_one_sentence(folder: DataFolder, text: str) -> None:
    assert refused(folder, text).endswith(".")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:9000", "http://[::1]:8000"])
def test_links_over_loopback_are_for_this_machine(folder: DataFolder, url: str) -> None:
    folder.settings.write_text(f"[federation]\nloopback_peers = true\n[web]\npublic_url = '{url}'\n")
    assert settings.load(folder, {})[0].federation.loopback_peers


def test_a_file_that_cannot_be_read_is_named(folder: DataFolder) -> None:
    folder.settings.mkdir()
    assert str(folder.settings) in refused(folder)
    folder.settings.rmdir()
    folder.settings.write_bytes(b"\xff\xfe\x00")
    assert str(folder.settings) in refused(folder)
    folder.settings.unlink()
    assert "ECCOO_MAIL_PASSWORD_FILE" in refused(folder, ECCOO_MAIL_PASSWORD_FILE="/nowhere/at/all")
    (folder.home / "binary").write_bytes(b"\xff\xfe\x00")
    assert "ECCOO_MAIL_PASSWORD_FILE" in refused(folder, ECCOO_MAIL_PASSWORD_FILE=str(folder.home / "binary"))


def test_secrets_are_not_shown() -> None:
    shown = {
        name: settings.redacted(name, "postgresql://eccoo:hush@host/db")
        for name in settings.names()
        if "hush" not in settings.redacted(name, "postgresql://eccoo:hush@host/db")
    }
    assert shown == dict.fromkeys(["database.url", "mail.password"], "(set, not shown)")
    assert settings.redacted("mail.password", "") == '""'


def test_a_sub_path_is_part_of_the_address(folder: DataFolder) -> None:
    folder.settings.write_text("[web]\npublic_url = 'https://hill.example/circle/'\n")
    read, _ = settings.load(folder, {})
    assert (read.public_url, read.base_path, read.secure) == ("https://hill.example/circle", "/circle", True)
    assert settings.Settings().public_url == "http://127.0.0.1:8000"

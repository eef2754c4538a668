"""Settings: `eccoo.toml`, then `ECCOO_*`, then `ECCOO_*_FILE`. An unknown name is an error that names the nearest.

Each value keeps where it came from, so that `eccoo config show` can say so.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_type_hints
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class CircleSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Who this node belongs to."""

    name: str = "Our circle"
    place: str = ""
    phone: str = ""
    # The council’s emergency duty team: whom to ring at night when nobody else can come.
    duty_team_phone: str = ""
    zone: str = "Europe/London"


class WebSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Where it listens and what the world calls it."""

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    trusted_proxies: list[str] = []


class DatabaseSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Empty means `node.sqlite` in the data folder; else a postgresql:// address."""

    url: str = ""


class MailSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Outgoing mail. Without a host the node sends none, and printed codes still work."""

    host: str = ""
    port: int = 587
    user: str = ""
    password: str = ""
    sender: str = ""
    encryption: Literal["starttls", "tls", "none"] = "starttls"


class FederationSettings(msgspec.Struct, forbid_unknown_fields=True):
    """`loopback_peers` lets links run over plain HTTP on loopback, for development and the demo only."""

    loopback_peers: bool = False


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """Everything that is set outside the database."""

    circle: CircleSettings = msgspec.field(default_factory=CircleSettings)
    web: WebSettings = msgspec.field(default_factory=WebSettings)
    database: DatabaseSettings = msgspec.field(default_factory=DatabaseSettings)
    mail: MailSettings = msgspec.field(default_factory=MailSettings)
    federation: FederationSettings = msgspec.field(default_factory=FederationSettings)
    plugins: Literal["enabled", "none"] = "enabled"
    demo: bool = False
    log: Literal["text", "json"] = "text"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.circle.zone)

    @property
    def public_url(self) -> str:
        """The address the world uses, without a slash at the end; may have a path below the host."""
        return (self.web.public_url or f"http://{self.web.host}:{self.web.port}").rstrip("/")

    @property
    def base_path(self) -> str:
        """The sub-path the node lives under, such as "/circle", or ""."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")


SECRET = ("password", "secret", "token", "url")
Sources = dict[str, str]


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The data folder that `ECCOO_HOME` names, else `eccoo-data` in the present folder."""
    return Path(environ.get("ECCOO_HOME") or "eccoo-data").expanduser().resolve()


def names() -> dict[str, Any]:
    """Every setting by its dotted name, with its type; the reference page is checked against this."""
    found: dict[str, Any] = {}
    for name, kind in get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found |= {f"{name}.{inner}": hint for inner, hint in get_type_hints(kind).items()}
        else:
            found[name] = kind
    return found


def value_of(settings: Settings, name: str) -> Any:
    """The value of a dotted name."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def load(
    folder: DataFolder, environ: Mapping[str, str] = os.environ, *, said: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Settings, Sources]:
    """The settings of a data folder and the source of each; with `said`, as they would be once its file said that too.

    Raises Broken with one plain sentence.
    """
    known, values, sources = names(), {}, {}
    for name, value in (_from_file(folder.settings) | dict(said)).items():
        values[name], sources[name] = value, str(folder.settings)
    for name, (value, source) in _from_environ(environ, known).items():
        values[name], sources[name] = value, source
    nested: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise Broken(f"There is no setting called {name} (in {sources[name]}).{hint}", "unknown_setting")
        head, _, tail = name.partition(".")
        if tail:
            nested.setdefault(head, {})[tail] = value
        else:
            nested[head] = value
    try:
        settings = msgspec.convert(nested, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise Broken(f"A setting cannot be used: {error}.", "bad_setting") from None
    _check(settings)
    return settings, {name: sources.get(name, "default") for name in known}


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Broken(f"{path} cannot be read: {error}.", "bad_settings_file") from None
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": deep for inner, deep in value.items()}
        else:
            flat[name] = value
    return flat


# Read by something other than the settings: the folder itself, and the tests' own switches.
_NOT_SETTINGS = {"ECCOO_HOME"}


def _from_environ(environ: Mapping[str, str], known: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    by_variable = {"ECCOO_" + name.upper().replace(".", "_"): name for name in known}
    found: dict[str, tuple[Any, str]] = {}
    for variable, text in environ.items():
        if not variable.startswith("ECCOO_") or variable in _NOT_SETTINGS or variable.startswith("ECCOO_TEST_"):
            continue
        if variable in by_variable:
            name, value = by_variable[variable], text
        elif variable.endswith("_FILE") and variable[:-5] in by_variable:
            name = by_variable[variable[:-5]]
            try:
                value = Path(text).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise Broken(f"{variable} names a file that cannot be read: {error}.", "bad_setting") from None
        else:
            close = difflib.get_close_matches(variable, by_variable, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise Broken(f"There is no setting called {variable}.{hint}", "unknown_setting")
        found[name] = (value.split(",") if name == "web.trusted_proxies" else value, variable)
    return found


def read_address(url: str) -> SplitResult:
    """The parts of an address that a node can have on the web. Raises ValueError for any other."""
    parts = urlsplit(url)
    # Asking for the port raises for one that cannot be.
    if parts.port == 0 or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    if parts.query or parts.fragment or parts.username:
        raise ValueError
    return parts


def _check(settings: Settings) -> None:
    try:
        ZoneInfo(settings.circle.zone)
    except (KeyError, ValueError, OSError):
        raise Broken(f"circle.zone is not a known time zone: {settings.circle.zone}.", "bad_setting") from None
    try:
        parts = read_address(settings.public_url)
    except ValueError:
        raise Broken("web.public_url must be an address such as https://circle.example.", "bad_setting") from None
    if settings.federation.loopback_peers and parts.hostname not in LOOPBACK:
        raise Broken(
            "federation.loopback_peers is for a node on this machine alone; web.public_url is not a loopback address.",
            "bad_setting",
        )
    if settings.demo and parts.hostname not in LOOPBACK:
        raise Broken(
            "A demo lets anyone in as anyone, so it runs on this machine alone; web.public_url is not a loopback address.",
            "bad_setting",
        )
    if not 0 < settings.web.port < 65536:
        raise Broken("web.port must lie between 1 and 65535.", "bad_setting")


def redacted(name: str, value: Any) -> str:
    """A value as `eccoo config show` prints it; secrets are not shown."""
    if value and name.rpartition(".")[2] in SECRET and name != "web.public_url":
        return "(set, not shown)"
    return msgspec.json.encode(value).decode()

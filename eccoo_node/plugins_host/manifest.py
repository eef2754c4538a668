"""What a plugin says of itself, read from its `plugin.toml` before a line of its code is run.

An admin must be able to read what it does before allowing it, and reading must not mean running.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

API_VERSION = "1.0"
FILE = "plugin.toml"

# What a plugin may ask for, each in the words an admin reads. `{path}` is where its pages are.
PERMISSIONS = {
    "pages": "Shows pages of its own at {path}.",
    "navigation": "Adds a way to its pages to the navigation.",
    "records": "Keeps records of its own in the database. It is given no others.",
    "who": "Sees the name and the roles of whoever is signed in, on its own pages.",
}
# The roles in a circle, as an admin reads them.
ROLES = {
    "member": "members",
    "worker": "workers",
    "volunteer": "volunteers",
    "facilitator": "facilitators",
    "panel": "panel members",
    "treasurer": "treasurers",
    "safeguarding": "safeguarding leads",
    "convenor": "convenors",
    "admin": "admins",
}
# No underscore: a plugin's tables begin with x_<name>_, and no two plugins may share a beginning.
NAME = re.compile(r"^[a-z][a-z0-9]{1,30}$")
_BOUND = re.compile(r"^\s*(>=|<=|==|<|>)\s*(\d+)(?:\.(\d+))?\s*$")


class BadPlugin(Exception):
    """A plugin that cannot be used as it is; the sentence is for an admin."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Verb(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that people do with a plugin and that changes its records, and the roles that may."""

    words: str
    roles: tuple[str, ...]


class Plugin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `declare()` returns and `plugin.toml` says: the same, but for the settings' Struct."""

    name: str
    title: str
    api: str
    about: str = ""
    permissions: tuple[str, ...] = ()
    acts: dict[str, Verb] = {}
    Settings: Any = None

    @classmethod
    def of(cls, file: str, Settings: type[msgspec.Struct] | None = None) -> "Plugin":
        """The declaration beside this file: `Plugin.of(__file__, Settings)`."""
        return msgspec.structs.replace(read(Path(file).parent), Settings=Settings)

    @property
    def path(self) -> str:
        return f"/x/{self.name}"

    @property
    def prefix(self) -> str:
        """What the names of its tables begin with."""
        return f"x_{self.name}_"

    def plain_words(self) -> list[str]:
        """Everything it may do, a sentence each."""
        found = [PERMISSIONS[code].format(path=self.path) for code in self.permissions]
        return found + [f"Lets {_listed([ROLES[r] for r in v.roles])} {v.words}." for v in self.acts.values()]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def read(folder: Path) -> Plugin:
    """The manifest in a plugin's package. Raises BadPlugin."""
    try:
        data = tomllib.loads((folder / FILE).read_text("utf-8"))
        plugin = msgspec.convert(data | {"Settings": None}, Plugin)
    except FileNotFoundError:
        raise BadPlugin("no_manifest", f"It does not say what it does: {FILE} is missing from its package.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadPlugin("bad_manifest", f"Its {FILE} cannot be read: {error}.") from None
    if not NAME.match(plugin.name):
        raise BadPlugin("bad_manifest", f"Its name, {plugin.name}, must be small letters and digits alone.")
    if unknown := [code for code in plugin.permissions if code not in PERMISSIONS]:
        raise BadPlugin("bad_manifest", f"It asks for something this node does not know: {', '.join(unknown)}.")
    for verb, said in plugin.acts.items():
        if not NAME.match(verb) or not said.roles or any(role not in ROLES for role in said.roles):
            raise BadPlugin("bad_manifest", f"It does not say properly who may do this: {verb}.")
    if plugin.acts and "records" not in plugin.permissions:
        raise BadPlugin("bad_manifest", "It lets people change records, but does not ask to keep any.")
    return plugin


def _version(major: str, minor: str | None) -> tuple[int, int]:
    return int(major), int(minor or 0)


def fits(wanted: str, version: str = API_VERSION) -> bool:
    """Whether a range such as ">=1.0,<2" holds this version of the plugin API. Raises BadPlugin for one that is none."""
    major, _, minor = version.partition(".")
    have = _version(major, minor)
    for bound in wanted.split(","):
        found = _BOUND.match(bound)
        if found is None:
            raise BadPlugin(
                "bad_manifest", f"Its range of versions cannot be read: {wanted}. Write one such as >=1.0,<2."
            )
        sign, than = found[1], _version(found[2], found[3])
        holds = {">=": have >= than, "<=": have <= than, "==": have == than, "<": have < than, ">": have > than}
        if not holds[sign]:
            return False
    return True

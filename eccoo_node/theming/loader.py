"""Reading themes from their folders, and choosing the one that is worn."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.theming.contrast import failing_pairs

DEFAULT = "calm"
TOKENS = ("paper", "card", "ink", "soft", "plum", "rose", "ember", "moss", "amber", "line")
# The band across the top is dark in the light and in the dark; a theme may choose it, else it follows from the others.
DERIVED = ("band", "band_ink", "star")
_COLOUR = re.compile(r"^#[0-9A-Fa-f]{6}$")
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,39}$")


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """`theme.toml`: a name, a title for people, and the colours in the light and in the dark."""

    name: str
    title: str
    light: dict[str, str]
    dark: dict[str, str]
    about: str = ""


class Theme(msgspec.Struct, frozen=True):
    """One theme that can be worn: every colour known, every pair readable."""

    name: str
    title: str
    about: str
    folder: Path
    light: dict[str, str]
    dark: dict[str, str]

    @property
    def templates(self) -> Path:
        """Templates that stand in for the node's own of the same relative path."""
        return self.folder / "templates"

    @property
    def static(self) -> Path:
        """Files that stand in for the node's own of the same name, and any others."""
        return self.folder / "static"

    def stylesheet(self) -> str:
        """The colours as custom properties, for both schemes."""
        # What is printed is black on white whatever the screen was.
        printed = self.light | {"paper": "#FFFFFF", "rose": "#FFFFFF", "band": "#FFFFFF", "band_ink": self.light["ink"]}
        return (
            f":root{{color-scheme:light dark;{_properties(self.light)}}}\n"
            f"@media (prefers-color-scheme:dark){{:root{{{_properties(self.dark)}}}}}\n"
            f"@media print{{:root{{color-scheme:light;{_properties(printed)}}}}}\n"
        )


def _properties(palette: dict[str, str]) -> str:
    return "".join(f"--{name.replace('_', '-')}:{colour};" for name, colour in palette.items())


def _palette(manifest: Manifest, scheme: str, given: dict[str, str]) -> dict[str, str]:
    where = f"The theme {manifest.name} ({scheme})"
    for name, colour in given.items():
        if name not in TOKENS + DERIVED:
            raise Broken(f"{where} has a colour called {name}, which nothing uses.", "bad_theme")
        if not _COLOUR.match(colour):
            raise Broken(f"{where} gives {name} as {colour}. Write colours as #RRGGBB.", "bad_theme")
    if missing := [name for name in TOKENS if name not in given]:
        raise Broken(f"{where} lacks a colour: {', '.join(missing)}.", "bad_theme")
    derived = {
        "band": given["ink"] if scheme == "light" else given["card"],
        "band_ink": given["paper"] if scheme == "light" else given["ink"],
        "star": manifest.dark.get("ember", given["rose"]),
    }
    return {name: (derived | given)[name].upper() for name in TOKENS + DERIVED}


def read(folder: Path) -> Theme:
    """The theme in a folder. Raises Broken with one plain sentence, which names a pair that cannot be read."""
    path = folder / "theme.toml"
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        manifest = msgspec.convert(data, Manifest)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Broken(f"{path} cannot be used: {error}.", "bad_theme") from None
    if not _NAME.match(manifest.name) or manifest.name != folder.name:
        raise Broken(f"{path} names the theme {manifest.name}, but its folder is {folder.name}.", "bad_theme")
    light, dark = _palette(manifest, "light", manifest.light), _palette(manifest, "dark", manifest.dark)
    for scheme, palette in (("light", light), ("dark", dark)):
        if failing := failing_pairs(palette):
            raise Broken(f"The theme {manifest.name} cannot be read in the {scheme}: {failing[0]}.", "theme_contrast")
    return Theme(manifest.name, manifest.title, manifest.about, folder, light, dark)


class Themes:
    """The themes of one node: those it ships, and those in its data folder, which win by name."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        # The node's own, never one of that name in the data folder: a broken theme must not keep it from starting.
        self.current = read(folders[0] / DEFAULT)

    @classmethod
    def of(cls, folder: DataFolder) -> "Themes":
        return cls(shipped("themes"), folder.themes)

    def names(self) -> list[str]:
        found = {path.parent.name for folder in self.folders for path in folder.glob("*/theme.toml")}
        return sorted(found, key=lambda name: (name != DEFAULT, name))

    def get(self, name: str) -> Theme:
        """Read one theme. Raises Broken when there is none, or when it may not be worn."""
        for folder in reversed(self.folders):
            if _NAME.match(name) and (folder / name / "theme.toml").is_file():
                return read(folder / name)
        raise Broken(f"There is no theme called {name}. There are: {', '.join(self.names())}.", "no_theme")

    def all(self) -> tuple[list[Theme], list[Broken]]:
        """Those that can be worn, and for each of the others why not."""
        good: list[Theme] = []
        bad: list[Broken] = []
        for name in self.names():
            try:
                good.append(self.get(name))
            except Broken as why:
                bad.append(why)
        return good, bad

    def use(self, name: str) -> Theme:
        """Wear this theme from the next page on. Raises Broken and keeps the present one when it cannot be worn."""
        self.current = self.get(name)
        return self.current


def template_folders(theme: Theme, *below: Path) -> Sequence[Path]:
    """Where templates are looked for: the theme's own first."""
    return [theme.templates, *below] if theme.templates.is_dir() else list(below)

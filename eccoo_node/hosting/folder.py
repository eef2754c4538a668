"""The data folder before a node is made in it: is it ours to use, and what stands in its `eccoo.toml`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder

OURS = ("eccoo.toml", "node.sqlite", "keys", "uploads", "plugins", "themes", "backups", "serving.lock", "clock")
# What a disk, a desktop or a service manager leaves in a folder that is otherwise empty.
_HARMLESS = ("lost+found",)


def check_ours(folder: DataFolder) -> None:
    """Raise Broken unless this is a data folder of a node, or one that can become it: absent or empty."""
    home = folder.home
    if not home.exists():
        return
    if not home.is_dir():
        raise Broken(f"{home} is a file, not a folder for a circle node.", "not_a_folder")
    try:
        found = [path.name for path in home.iterdir()]
    except OSError as error:
        raise Broken(f"{home} cannot be used as the data folder: {error.strerror}.", "bad_folder") from None
    strange = [
        name for name in found if not name.startswith(".") and not name.endswith(".log") and name not in _HARMLESS
    ]
    if strange and not set(strange) & set(OURS):
        raise Broken(
            f"{home} holds other things and no circle node. Name an empty folder with ECCOO_HOME.", "foreign_folder"
        )


def has_node(folder: DataFolder) -> bool:
    """Whether a node was made here. On PostgreSQL the folder has only its settings and keys."""
    return folder.database.exists() or any(folder.keys.glob("*")) if folder.home.is_dir() else False


def requires_node(folder: DataFolder) -> None:
    """Raise Broken where there is no node to speak to."""
    check_ours(folder)
    if not has_node(folder):
        raise Broken(f"There is no circle node in {folder.home}. Make one with: eccoo init", "no_node")


def make_folder(folder: DataFolder) -> None:
    """Raises Broken when it cannot be made."""
    try:
        folder.make()
    except OSError as error:
        raise Broken(f"{folder.home} cannot be used as the data folder: {error.strerror}.", "bad_folder") from None


def write_settings(folder: DataFolder, values: Mapping[str, Any]) -> None:
    """Write `eccoo.toml` anew from dotted names. Readable by the node's own user alone: it may come to hold a password."""
    lines = ["# Settings of this node. `eccoo config show` says where each value comes from.\n"]
    top = {name: value for name, value in values.items() if "." not in name}
    lines += [f"{name} = {_toml(value)}\n" for name, value in top.items()]
    section = ""
    for name, value in sorted(values.items()):
        head, _, tail = name.partition(".")
        if not tail:
            continue
        if head != section:
            section = head
            lines.append(f"\n[{section}]\n")
        lines.append(f"{tail} = {_toml(value)}\n")
    fresh = Path(f"{folder.settings}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(lines))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder.settings)


def _toml(value: Any) -> str:
    """A word, a number, a yes or a list of words. JSON writes these as TOML reads them, but for one sign."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")

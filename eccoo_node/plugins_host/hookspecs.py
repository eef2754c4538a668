"""The hooks a plugin may answer. Each exists because a bundled plugin uses it; docs/plugins/reference.md has a heading
for each with this very argument list, and a test compares them.

Hooks say what a plugin brings; they do nothing. They are called once, while an app is built, in a thread with a
deadline, with no database in reach.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pluggy
from piccolo.table import Table

from eccoo_node.plugins_host.manifest import Plugin

if TYPE_CHECKING:
    from eccoo_node.plugins_host.handle import Request

PROJECT = "eccoo_node"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Handler = Callable[["Request"], Awaitable[Any]]


class Route(msgspec.Struct, frozen=True):
    """One page or form of a plugin. `path` lies below /x/<name>: "" is its first page, "/add" another,
    "/{id:str}/call-off" has a part that the handler finds in `request.params`. Everyone signed in may ask for it."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler


class Way(msgspec.Struct, frozen=True):
    """A line in the navigation. With `roles` only people who wear one of them in the circle are shown it."""

    words: str
    path: str = ""
    roles: tuple[str, ...] = ()


class Tables(msgspec.Struct, frozen=True):
    """A plugin's own tables, and the folder with the migrations that make them."""

    classes: tuple[type[Table], ...]
    migrations: Path


@hookspec
def declare() -> Plugin:
    """Say what this plugin is, may do and can be set to: `return Plugin.of(__file__, Settings)`."""
    raise NotImplementedError


@hookspec
def register_routes() -> Sequence[Route]:
    """The plugin's pages and forms. Needs the permission "pages"."""
    raise NotImplementedError


@hookspec
def register_navigation() -> Sequence[Way]:
    """Its lines in the navigation. Needs the permission "navigation"."""
    raise NotImplementedError


@hookspec
def register_tables() -> Tables:
    """Its own tables and their migrations, which are run before its pages open. Needs the permission "records"."""
    raise NotImplementedError

"""Starting one plugin: its code is loaded, asked through its hooks what it brings, held to what it was allowed."""

import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pluggy

from eccoo_node.db.migrate import migrate
from eccoo_node.plugins_host import hookspecs, settings
from eccoo_node.plugins_host.catalogue import Found
from eccoo_node.plugins_host.guard import HOOK_S, IMPORT_S, MIGRATION_S, Failed, in_loop, in_thread
from eccoo_node.plugins_host.hookspecs import PROJECT, Route, Tables, Way
from eccoo_node.plugins_host.manifest import Plugin

_MARK = "__eccoo_content__"


class Running(msgspec.Struct, frozen=True):
    """One plugin that has started, and all that it brings."""

    found: Found
    plugin: Plugin
    settings: Any
    routes: tuple[Route, ...] = ()
    ways: tuple[Way, ...] = ()
    templates: tuple[Path, ...] = ()


def new_manager() -> pluggy.PluginManager:
    """One for each app that is built; nothing of it outlives that app."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


async def start(manager: pluggy.PluginManager, found: Found, kept: dict[str, Any], hook_s: float = HOOK_S) -> Running:
    """Load one allowed plugin and ask it everything. Raises Failed, and leaves nothing of it in the manager."""
    try:
        return await _start(manager, found, kept, hook_s)
    except BaseException:
        manager.unregister(name=found.name)
        raise


async def _start(manager: pluggy.PluginManager, found: Found, kept: dict[str, Any], hook_s: float) -> Running:
    if manager.is_blocked(found.name) or found.plugin is None:
        raise RuntimeError("a plugin that is switched off is not loaded")
    module = await in_thread(lambda: _import(found), "import", IMPORT_S)
    try:
        manager.register(module, name=found.name)
        # A misspelt hook would otherwise never be called, and nobody would know why.
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise Failed("import", "UnknownHook" if "unknown hook" in str(error) else "WrongArguments") from None
    plugin = await _ask(manager, module, "declare", hook_s)
    if not isinstance(plugin, Plugin) or msgspec.structs.replace(plugin, Settings=None) != found.plugin:
        raise Failed("changed", "declare")
    opened = settings.opened(plugin.Settings, kept)
    settings.fields(plugin.Settings, opened)
    routes = _routes(await _ask(manager, module, "register_routes", hook_s), plugin)
    ways = _ways(await _ask(manager, module, "register_navigation", hook_s), plugin)
    await _migrate(await _ask(manager, module, "register_tables", hook_s), plugin)
    return Running(found, plugin, opened, routes, ways, _templates(module, plugin))


def _import(found: Found) -> ModuleType:
    """The plugin's module; afresh when its files are not those that this process loaded before."""
    package = sys.modules.get(found.package)
    if package is not None and getattr(package, _MARK, found.content_hash) != found.content_hash:
        for name in [n for n in sys.modules if n == found.package or n.startswith(f"{found.package}.")]:
            del sys.modules[name]
    module = importlib.import_module(found.module)
    setattr(sys.modules[found.package], _MARK, found.content_hash)
    return module


async def _ask(manager: pluggy.PluginManager, module: ModuleType, hook: str, hook_s: float) -> Any:
    """What this one plugin answers to a hook, or None when it does not answer it.

    pluggy calls every plugin in one go and lets the first that raises spoil it for all; so each is asked by itself.
    """
    for answer in getattr(manager.hook, hook).get_hookimpls():
        if answer.plugin is module:
            if answer.wrapper or answer.hookwrapper:
                raise Failed(hook, "Wrapper")
            return await in_thread(answer.function, hook, hook_s)
    return None


def _listed(given: Any, kind: type, hook: str) -> Sequence[Any]:
    if given is None:
        return ()
    if not isinstance(given, list | tuple) or not all(isinstance(one, kind) for one in given):
        raise Failed(hook, "WrongAnswer")
    return given


def _asked_for(plugin: Plugin, permission: str, given: Sequence[Any]) -> None:
    if given and permission not in plugin.permissions:
        raise Failed("permissions", permission)


def _routes(given: Any, plugin: Plugin) -> tuple[Route, ...]:
    routes = _listed(given, Route, "register_routes")
    _asked_for(plugin, "pages", routes)
    for route in routes:
        if not inspect.iscoroutinefunction(route.handler):
            raise Failed("register_routes", "NotAsync")
        if route.path and not route.path.startswith("/"):
            raise Failed("register_routes", "BadPath")
    return tuple(routes)


def _ways(given: Any, plugin: Plugin) -> tuple[Way, ...]:
    ways = _listed(given, Way, "register_navigation")
    _asked_for(plugin, "navigation", ways)
    if any(way.path and not way.path.startswith("/") for way in ways):
        raise Failed("register_navigation", "BadPath")
    return tuple(ways)


async def _migrate(given: Any, plugin: Plugin) -> None:
    if given is None:
        return
    if not isinstance(given, Tables):
        raise Failed("register_tables", "WrongAnswer")
    _asked_for(plugin, "records", given.classes)
    if any(not table._meta.tablename.startswith(plugin.prefix) for table in given.classes):
        raise Failed("permissions", "records")
    await in_loop(migrate(given.migrations, plugin.prefix.rstrip("_")), "migration", MIGRATION_S)


def _templates(module: ModuleType, plugin: Plugin) -> tuple[Path, ...]:
    folder = Path(str(module.__file__)).parent / "templates"
    if not folder.is_dir():
        return ()
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        # A template elsewhere would stand in for one of the node's own.
        if path.is_file() and parts[:2] != ("x", plugin.name):
            raise Failed("permissions", "templates")
    return (folder,)

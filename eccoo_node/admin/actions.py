"""What an admin does: switch a plugin on or off, set it, choose the theme."""

from typing import Any

import msgspec

from eccoo_node.admin.queries import REVISION, THEME
from eccoo_node.admin.rules import FAILURES, counted
from eccoo_node.admin.tables import NodeChoice, PluginState
from eccoo_node.db.rows import as_time, fetch, fetch_one, insert_once, locking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Broken, Conflict, Invalid, NotFound
from eccoo_node.plugins_host.catalogue import Found
from eccoo_node.record.door import Act, door
from eccoo_node.theming import Themes


@door("admin.enable_plugin")
async def enable_plugin(act: Act, found: Found, seen: str) -> bool:
    """Let this plugin run, exactly as it is on disk now. False when it was on already, as it is.

    `seen` is the approval of the content that the admin read about; Conflict when it has changed since.
    """
    act.allow(Thing("plugin", found.name))
    if found.trouble or found.plugin is None:
        raise Conflict(found.trouble or "This plugin can’t be switched on.", found.trouble_code or "plugin")
    if seen != found.approval():
        raise Conflict("It changed while you were reading. Please read again what it does.", "plugin_changed")
    await insert_once(PluginState(name=found.name, failed_at=None, changed_at=clock.now()))
    row = await _row(found.name)
    if row["enabled"] and row["content_hash"] == seen:
        return False
    await fetch(
        "UPDATE plugin_state SET enabled = TRUE, content_hash = ?, failures = 0, last_error = '', failed_at = NULL, "
        "changed_at = ? WHERE name = ?",
        seen,
        clock.now(),
        found.name,
    )
    act.because("\n".join(found.plugin.plain_words()))
    await _changed()
    await act.tell("plugin.enabled", "plugin", found.name)
    return True


@door("admin.disable_plugin")
async def disable_plugin(act: Act, name: str) -> bool:
    """Stop this plugin. Its records and settings are kept. False when it was off already."""
    act.allow(Thing("plugin", name))
    if not (await _row(name))["enabled"]:
        return False
    await fetch(
        "UPDATE plugin_state SET enabled = FALSE, failures = 0, last_error = '', changed_at = ? WHERE name = ?",
        clock.now(),
        name,
    )
    await _changed()
    await act.tell("plugin.disabled", "plugin", name)
    return True


@door("admin.set_plugin_settings")
async def set_plugin_settings(act: Act, name: str, settings: dict[str, Any]) -> None:
    """Keep new settings of a plugin. They were checked against its own Struct by whoever calls."""
    act.allow(Thing("plugin", name))
    before = msgspec.json.decode((await _row(name))["settings"])
    await fetch(
        "UPDATE plugin_state SET settings = ?, changed_at = ? WHERE name = ?",
        msgspec.json.encode(settings).decode(),
        clock.now(),
        name,
    )
    # Which, never to what: a setting may be a secret.
    act.because("Changed: " + (", ".join(sorted(k for k in settings if settings[k] != before.get(k))) or "nothing"))
    await _changed()
    await act.tell("plugin.set", "plugin", name)


@door("admin.note_plugin_failure")
async def note_plugin_failure(act: Act, name: str, code: str) -> bool:
    """Count a failure that the guard saw. True when it was one too many and the plugin is off now."""
    act.allow(Thing("plugin", name))
    row = await _row(name)
    failures = counted(row["failures"], as_time(row["failed_at"]), clock.now())
    off = bool(row["enabled"]) and failures >= FAILURES
    await fetch(
        "UPDATE plugin_state SET failures = ?, last_error = ?, failed_at = ?, enabled = ? WHERE name = ?",
        failures,
        code,
        clock.now(),
        bool(row["enabled"]) and not off,
        name,
    )
    act.because(code)
    if off:
        await _changed()
        await act.tell("plugin.switched_off", "plugin", name, code=code)
    return off


@door("admin.use_theme")
async def use_theme(act: Act, themes: Themes, name: str) -> bool:
    """Let the node wear this theme from the next page on. Invalid when there is none, or when nobody could read it."""
    act.allow(Thing("theme", name))
    try:
        themes.get(name)
    except Broken as broken:
        raise Invalid(broken.sentence, broken.code, field="theme") from None
    if not await _choose(THEME, name):
        return False
    await act.tell("theme.used", "theme", name)
    return True


async def _row(name: str) -> Any:
    row = await fetch_one(
        f"SELECT enabled, content_hash, settings, failures, failed_at FROM plugin_state WHERE name = ?{locking()}",
        name,
    )
    if row is None:
        raise NotFound("There is no plugin of that name here.", "no_plugin")
    return row


async def _choose(key: str, value: str) -> bool:
    """Keep a choice; False when it was this one already."""
    if await insert_once(NodeChoice(key=key, value=value, changed_at=clock.now())):
        return True
    return bool(
        await fetch(
            "UPDATE node_choice SET value = ?, changed_at = ? WHERE key = ? AND value <> ? RETURNING id",
            value,
            clock.now(),
            key,
            value,
        )
    )


async def _changed() -> None:
    """Let every process notice that a decision about plugins has changed."""
    if not await insert_once(NodeChoice(key=REVISION, value="1", changed_at=clock.now())):
        await fetch(
            "UPDATE node_choice SET value = CAST(CAST(value AS INTEGER) + 1 AS VARCHAR(20)), changed_at = ? WHERE key = ?",
            clock.now(),
            REVISION,
        )

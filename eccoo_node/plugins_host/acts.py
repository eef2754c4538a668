"""The door that every plugin's changes go through: permission, one transaction, audit and event, as for any act.

A plugin hands its changes over as values. None of its code runs inside the transaction.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from piccolo.table import Table

from eccoo_node.db.rows import fetch, insert
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Forbidden
from eccoo_node.plugins_host.guard import Failed
from eccoo_node.plugins_host.manifest import Plugin
from eccoo_node.record.door import Act, door


class Add(msgspec.Struct, frozen=True):
    """A new row in one of the plugin's own tables."""

    row: Table


class Change(msgspec.Struct, frozen=True):
    """One INSERT, UPDATE or DELETE on the plugin's own tables, with `?` placeholders. With RETURNING its rows come back."""

    sql: str
    params: tuple[Any, ...] = ()


_LITERALS = re.compile(r"'(?:[^']|'')*'")
_NAMED = re.compile(r'\b(FROM|JOIN|INTO|UPDATE)\s+(\(|"?[\w.]+"?)(?:\s+(?:AS\s+)?"?\w+"?)?\s*(,?)', re.IGNORECASE)
_FIRST = re.compile(r"^\s*(\w+)")


def own_tables_only(plugin: Plugin, sql: str, first: Sequence[str]) -> None:
    """Raises Failed for a statement that names a table which is not this plugin's, or is not of this kind.

    A guard against slips, not a wall: a plugin is code in the node's own process, which is why an admin must allow it.
    """
    plain = _LITERALS.sub("''", sql)
    kind = _FIRST.match(plain)
    if kind is None or kind[1].upper() not in first or any(sign in plain for sign in (";", "--", "/*")):
        raise Failed("permissions", "statement")
    for _, named, comma in _NAMED.findall(plain):
        if comma or (named != "(" and not named.strip('"').startswith(plugin.prefix)):
            raise Failed("permissions", "records")


@access.rule("plugin.see", "plugin.act")
def _signed_in(actor: Actor, thing: Thing) -> bool:
    return bool(actor.person_id)


def may(actor: Actor, plugin: Plugin, verb: str) -> bool:
    """Whether this person wears, in the circle, one of the roles that the plugin lets do this."""
    said = plugin.acts.get(verb)
    return said is not None and any(h.role in said.roles and h.kind == "circle" for h in actor.hats)


def check(plugin: Plugin, changes: Sequence[Add | Change]) -> None:
    """Raises Failed for a change to a table that is not this plugin's."""
    if "records" not in plugin.permissions:
        raise Failed("permissions", "records")
    for change in changes:
        if isinstance(change, Change):
            own_tables_only(plugin, change.sql, ("INSERT", "UPDATE", "DELETE"))
        elif not type(change.row)._meta.tablename.startswith(plugin.prefix):
            raise Failed("permissions", "records")


@door("plugin.act")
async def change_records(act: Act, plugin: Plugin, verb: str, changes: Sequence[Add | Change]) -> list[list[Any]]:
    """Do what one of a plugin's verbs does to its records; the rows that each change gave back.

    Raises Forbidden for someone who wears none of the roles the plugin named, and Failed for what it may not touch.
    """
    act.allow(Thing("plugin", f"{plugin.name}.{verb}"))
    if not may(act.actor, plugin, verb):
        raise Forbidden("This is for others in the circle to do.", "plugin_role")
    check(plugin, changes)
    rows: list[list[Any]] = []
    for change in changes:
        if isinstance(change, Add):
            await insert(change.row)
            rows.append([])
        else:
            rows.append(await fetch(change.sql, *change.params))
    await act.tell("plugin.acted", "plugin", plugin.name, verb=verb)
    return rows

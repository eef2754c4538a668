"""Our keys in words that an admin reads without knowing what a signature is."""

from datetime import datetime
from zoneinfo import ZoneInfo

from eccoo_node.kernel.clock import say_day, say_time
from eccoo_node.keys.queries import Own, Told

_CHANGED = {
    "keys": "New keys were made",
    "move": "We told of a new address",
    "recover": "All keys were replaced",
    "anew": "We began with other keys",
}
USES = {"transport": "For calls to other circles", "object": "For what we sign"}


def when(at: datetime, zone: ZoneInfo) -> str:
    return f"{say_day(at, zone)} {at.astimezone(zone).year}"


def rows(own: Own, now: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """What they are, since when, until when, and what comes next."""
    found = [
        (USES[key.use], f"Since {when(key.begins, zone)}, until {when(key.ends, zone)}") for key in own.of("counts")
    ]
    if waiting := own.of("next"):
        begins = min(key.begins for key in waiting)
        found.append(("New keys", f"Made already. They count from {when(begins, zone)}, {say_time(begins, zone)}"))
    elif own.renews_at is not None:
        found.append(("The next new keys", f"By themselves on {when(max(own.renews_at, now), zone)}"))
    if own.changed_at is not None:
        found.append(("Last change", f"{_CHANGED[own.changed_by]} on {when(own.changed_at, zone)}"))
    return [*found, ("Our address, as the circles know it", own.known_at), ("Our id", own.node_id)]


def told(circle: Told, own: Own, zone: ZoneInfo) -> str:
    """What one linked circle knows of the last change."""
    if circle.told_at is None and own.changed_at is not None and not circle.knows_key:
        return f"{circle.name}: not reached yet. We go on trying."
    if circle.told_at is not None and own.of("next"):
        return f"{circle.name}: was told on {say_day(circle.told_at, zone)}. The new keys are not in use yet."
    if circle.knows_key:
        return f"{circle.name}: knows our present key."
    return f"{circle.name}: was told, and has not let our present key in yet."


def trouble(own: Own, now: datetime) -> str:
    """What is wrong with the keys; empty when nothing is."""
    counts = {key.use: key for key in own.of("counts")}
    if any(key.ends <= now for key in counts.values()):
        return "Our keys have run out. Bring them back with the words of the sheet."
    return ""

"""Who decides about the node, and when a plugin has failed too often."""

from datetime import datetime, timedelta

from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing

# So many failures in so long a time switch a plugin off: a page that broke once in spring is no pattern.
FAILURES = 3
WITHIN = timedelta(hours=1)


def is_admin(actor: Actor) -> bool:
    """An admin of the circle, in their own name; or whoever has a shell on the machine."""
    if actor.via == "command" and actor.is_node():
        return True
    return not actor.acting_for and any(h.role == "admin" and h.kind == "circle" for h in actor.hats)


@access.rule("admin.see", "admin.enable_plugin", "admin.disable_plugin", "admin.set_plugin_settings", "admin.use_theme")
def _for_admins(actor: Actor, thing: Thing) -> bool | str:
    return is_admin(actor) or "Only an admin of the circle can do this."


@access.rule("admin.note_plugin_failure")
def _the_node_itself(actor: Actor, thing: Thing) -> bool:
    return actor.is_node()


def counted(failures: int, failed_at: datetime | None, now: datetime) -> int:
    """How many failures this one makes, those of long ago forgotten."""
    return failures + 1 if failed_at is not None and now - failed_at < WITHIN else 1

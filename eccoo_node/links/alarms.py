"""What no honest node would have done, kept for an admin to look into."""

from datetime import timedelta

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.kernel import clock

# Of one kind on one link.
ALARMS_A_DAY = 20
# The same alarm again within a day tells an admin nothing new, and a peer must not fill our tables with it.
SAID_AGAIN = timedelta(days=1)


async def alarm(link_id: str, code: str, detail: str = "", evidence: str = "") -> None:
    """Keep what no honest node would have done, inside `write()`. What is done again and again fills nothing: the first
    ones of a day say it."""
    now = clock.now()
    await fetch(
        "INSERT INTO link_alarm (link_id, code, detail, evidence, at) SELECT ?, ?, ?, ?, ? WHERE "
        "(SELECT COUNT(*) FROM link_alarm WHERE link_id = ? AND code = ? AND at > ?) < ?",
        link_id, code, detail, evidence, now, link_id, code, now - SAID_AGAIN, ALARMS_A_DAY,
    )  # fmt: skip


async def alarm_once(link_id: str, code: str, detail: str = "") -> None:
    """Raise an alarm, inside `write()`, unless the same one was raised within a day."""
    said = await fetch_value(
        "SELECT 1 FROM link_alarm WHERE link_id = ? AND code = ? AND detail = ? AND at > ? LIMIT 1",
        link_id, code, detail, clock.now() - SAID_AGAIN,
    )  # fmt: skip
    if said is None:
        await alarm(link_id, code, detail)

"""Forgetting outlives a link: none closes before it is answered, and where another takes its place it goes on there."""

from datetime import datetime

from eccoo_node.db.rows import as_time, fetch
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.links.ending import Still, still_going
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened


@still_going
async def unanswered(link_id: str) -> list[Still]:
    """How many were asked to be forgotten across this link, either way, and are not yet. Nobody is named."""
    zone = clock.zone()

    def say(which: str, count: int, until: datetime | None) -> Still:
        people = "one person" if count == 1 else f"{count} people"
        said = words[which].format(people=people, until=clock.say_day(until, zone) if until else "")
        return Still("kept", said, until, path="/forgotten" if which != "ours" else "")

    rows = await fetch(
        "SELECT 'asked', COUNT(*), NULL FROM erasure_out WHERE link_id = ? AND state = 'asked' "
        "UNION ALL SELECT 'theirs', COUNT(*), MAX(keep_until) FROM erasure_out WHERE link_id = ? AND state = 'kept' "
        "UNION ALL SELECT 'ours', COUNT(*), MAX(keep_until) FROM erasure_in WHERE link_id = ? AND state = 'kept'",
        link_id, link_id, link_id,
    )  # fmt: skip
    words = {
        "asked": "We have asked them to delete what they know of {people}. They have not answered yet.",
        "theirs": "They keep something of {people} until {until}. It was asked to be deleted.",
        "ours": "We keep something of {people} of theirs until {until}, and then delete it.",
    }
    return [say(which, int(count), as_time(until)) for which, count, until in rows if count]


@events.on("link.superseded")
async def superseded(happened: Happened) -> None:
    await follow(NODE, old_id=happened.subject_id, link_id=happened.payload["by"])


@door("privacy.follow")
async def follow(act: Act, *, old_id: str, link_id: str) -> None:
    """Nobody has the keys of the old link any more: what is unanswered is asked, and answered, on the one after it."""
    act.allow(Thing("forgetting"))
    await fetch("UPDATE erasure_out SET link_id = ? WHERE link_id = ? AND state <> 'done'", link_id, old_id)
    # What they asked again on the new link already stands there, and was looked for under both.
    await fetch(
        "DELETE FROM erasure_in WHERE link_id = ? AND state <> 'done' AND erasure IN "
        "(SELECT n.erasure FROM erasure_in n WHERE n.link_id = ?)",
        old_id, link_id,
    )  # fmt: skip
    await fetch("UPDATE erasure_in SET link_id = ? WHERE link_id = ? AND state <> 'done'", link_id, old_id)

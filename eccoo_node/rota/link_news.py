"""Word of linked circles and of our own keys, to whoever looks after this node, by the way they chose."""

from datetime import timedelta

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.members import queries as members
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.rota.telling import tell

HEARD = {
    "link.proposed": "link_proposed", "link.ended": "link_ended", "link.suspended": "link_paused",
    "link.closed": "link_closed", "link.superseded": "link_superseded", "introduction.asked": "introduction_asked",
    "introduction.yes": "introduction_yes", "introduction.no": "introduction_no",
}  # fmt: skip


@events.on("link.news", *HEARD)
async def of_links(happened: Happened) -> None:
    """What they did, and what needs a look; not what one of us has just done."""
    if happened.payload.get("by") == "us" or happened.payload.get("superseded_by"):
        # That another link took its place is said once, and it does not close as if all of it were done.
        return
    news = happened.payload.get("news") or HEARD[happened.kind]
    async with write():
        link_id = happened.subject_id
        lately = await fetch(
            "SELECT person_id FROM told WHERE about_id = ? AND news = ? AND at > ?", link_id, news, clock.now() - AGAIN
        )
        to = {row.person_id for row in await members.wearing("admin")} - {row[0] for row in lately}
        path = f"/admin/links/{link_id}/health" if news in _UNWELL else f"/admin/links/{link_id}"
        if news.startswith("introduction_"):
            path = "/admin/links/introductions"
        await tell(to, None, news, about=link_id, path=path)


# The same word of one circle is no news so soon; its page shows how it stands.
AGAIN = timedelta(hours=1)
_UNWELL = frozenset({"link_silent", "link_clock", "link_alarm"})


OF_KEYS = {"identity.sheet_shown": "sheet_shown", "identity.anew": "keys_anew"}


@events.on(*OF_KEYS)
async def of_keys(happened: Happened) -> None:
    """One of us had the words shown that can make all our keys anew, or gave this node another identity."""
    by = happened.payload.get("by") or ""
    async with write():
        to = {row.person_id for row in await members.wearing("admin")} - {by}
        await tell(to, None, OF_KEYS[happened.kind], about=by, path="/admin/identity")

"""The last pages, once a link has ended: when one is said again, and when the account with a circle is through.

Whoever is gone for good, or says no to all of it, is not sent a page a day for ever.
"""

from datetime import datetime

from eccoo_federation import settling
from eccoo_node.db.rows import as_time, fetch_one
from eccoo_node.escrow import between
from eccoo_node.kernel import clock
from eccoo_node.links.ending import GIVE_UP
from eccoo_node.links.queries import KnownCircle
from eccoo_node.settlement import queries, rules
from eccoo_node.settlement.queries import Standing


async def may_say(link_id: str) -> bool:
    """Whether a last page may be written now: the first; one whose books changed since, by the day; and one that they
    refused, or about which our treasurer has answered since, after pauses that double. Never later than `GIVE_UP` after the
    end, the last change of the books or that answer."""
    said = [page for page in await queries.pages(link_id) if page.ours and page.final]
    if not said:
        return True
    page, now = said[0], clock.now()
    entry, changed_at = await between.last_due(link_id)
    same = [one for one in said if one.read_entry >= entry]
    ended, answered = await _ended_and_answered(link_id)
    since = [at for at in (ended, changed_at, answered) if at]
    news = not same or page.state == "refused" or (answered is not None and answered > page.made_at)
    pause = rules.SAID_AGAIN * 2 ** max(0, len(same) - 1)
    return news and now - page.made_at >= pause and now - max(since, default=page.made_at) <= GIVE_UP


async def _ended_and_answered(link_id: str) -> tuple[datetime | None, datetime | None]:
    row = await fetch_one(
        "SELECT l.ended_at, (SELECT MAX(e.answered_at) FROM settle_entry e JOIN settle_page p ON p.id = e.page_id "
        "WHERE p.link_id = l.id AND p.ours) AS answered FROM link l WHERE l.id = ?",
        link_id,
    )
    return (as_time(row[0]), as_time(row[1])) if row else (None, None)


async def through(circle: KnownCircle, standing: Standing) -> bool:
    """Whether nothing is open or unstated with a circle whose link has ended, and its account is not closed yet."""
    quiet = standing.ours.quiet and standing.theirs.quiet
    if circle.standing != "ended" or standing.closed_at or not quiet:
        return False
    if standing.ours.open_pence or standing.theirs.open_pence:
        return False
    found = await queries.books(circle.id, await between.last_entry())
    sides = (standing.ours.stated, found.ours), (standing.theirs.stated, found.theirs)
    return not any(settling.unstated(stated, held) for stated, held in sides)

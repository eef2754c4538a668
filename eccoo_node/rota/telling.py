"""Telling people. What happens to a visit reaches each of its people by the way they chose.

A row is written inside the act that causes it. Someone who reads screens finds it at home; someone with mail also
gets a line without any detail; someone who is rung or written to is on a facilitator's list until it is done.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, marks
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id
from eccoo_node.members import queries as members
from eccoo_node.rota.rules import settles_at

_AT_ONCE = ("email", "text")

# What a question is about, and who was asked it.
Asked = Callable[[str, str], Awaitable[None]]
_REACHED: dict[str, Asked] = {}


def when_reached(news: str) -> Callable[[Asked], Asked]:
    """Run this, in the same transaction, once a facilitator has brought this news to someone."""

    def register(function: Asked) -> Asked:
        _REACHED[news] = function
        return function

    return register


async def has_reached(news: str, about: str, person_id: str) -> None:
    """This news, about this visit or this other thing, has been brought to its person, inside `write()`."""
    if function := _REACHED.get(news):
        await function(about, person_id)


async def still_to_be_told(news: str, about: str, person_id: str) -> bool:
    """Whether the newest news of this kind waits for someone to ring this person, write to them or call round."""
    row = await fetch_one(
        "SELECT told_at FROM told WHERE person_id = ? AND news = ? AND (visit_id = ? OR about_id = ?) "
        "ORDER BY at DESC, id DESC LIMIT 1",
        person_id, news, about, about,
    )  # fmt: skip
    return row is not None and row[0] is None


async def answer_by(person_id: str) -> datetime:
    """Until when somebody to whom a question came just now may answer it, before silence is an answer."""
    by_post = (await members.person(person_id)).channel == "post"
    return settles_at(clock.now(), clock.zone(), by_post=by_post)


async def tell(people: Iterable[str], visit_id: str | None, news: str, *, about: str = "", path: str = "") -> None:
    """News for these people, inside `write()`. Each is told once however often they are named.

    `path` is the page to open where it is not the visit's own.
    """
    wanted = sorted(set(people))
    if not wanted:
        return
    now = clock.now()
    rows = await fetch(
        f"SELECT id, channel, email FROM person WHERE standing <> 'died' AND id IN ({marks(wanted)})",
        *wanted,
    )
    for person_id, channel, email in rows:
        id_ = new_id()
        await fetch(
            "INSERT INTO told (id, person_id, visit_id, news, about_id, channel, at, told_at, told_by) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id_,
            person_id,
            visit_id,
            news,
            about,
            channel,
            now,
            now if channel in _AT_ONCE else None,
            "",
        )
        if channel == "email" and email and jobs.handled("mail.news"):
            await jobs.add("mail.news", id_, person=person_id, path=path or f"/visits/{visit_id}")


async def team_around(person_id: str, team_id: str, *, visit_worker: str | None = None) -> set[str]:
    """Everyone whom news of a visit concerns: the person, who speaks for them, who co-ordinates, the worker, and family
    as far as the person has said yes to anything."""
    now = clock.now()
    rows = await fetch(
        "SELECT person_id FROM hat WHERE community_id = ? AND ended_at IS NULL "
        "AND role IN ('owner', 'coordinator', 'worker') "
        "UNION SELECT speaker_id FROM speaks_for WHERE person_id = ? AND ended_at IS NULL "
        "AND (until_at IS NULL OR until_at > ?) AND (scope = 'ask_for_cover' OR speaker_id IN "
        "(SELECT person_id FROM hat WHERE community_id = ? AND ended_at IS NULL AND role = 'family'))",
        team_id,
        person_id,
        now,
        team_id,
    )
    around = {row[0] for row in rows} | {person_id}
    return around | {visit_worker} if visit_worker else around

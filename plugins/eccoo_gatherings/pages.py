"""The list of gatherings, and the form that adds one."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from eccoo_gatherings.tables import Gathering
from eccoo_node.plugin_api import Add, Change, Conflict, FormError, Invalid, Page, Request, say_day, say_time

_COLUMNS = "id, title, starts_at, place, words, called_off_at"
# Shown until it is surely over.
_LASTS = timedelta(hours=3)


class AddForm(Struct):
    """What is asked of whoever adds one."""

    title: Annotated[str, Meta(max_length=80)]
    day: date
    at: time
    place: Annotated[str, Meta(max_length=120)]
    words: Annotated[str, Meta(max_length=2000)] = ""

    SAY: ClassVar[dict[str, str]] = {
        "title": "Please say what it is, in up to 80 letters.",
        "day": "Please choose the day.",
        "at": "Please say when it begins, such as 2.30pm or 14:30.",
        "place": "Please say where it is, in up to 120 letters.",
        "words": "Please make this shorter: at most 2,000 letters.",
    }


async def upcoming(request: Request) -> Page:
    """What the circle does in the coming weeks, soonest first."""
    until = request.now + timedelta(weeks=request.settings.weeks)
    rows = await request.rows(
        f"SELECT {_COLUMNS} FROM x_gatherings_gathering WHERE starts_at > ? AND starts_at < ? ORDER BY starts_at, id",
        request.now - _LASTS,
        until,
    )
    gatherings = [
        {
            "id": row[0],
            "title": row[1],
            "when": f"{say_day(row[2], request.zone)}, {say_time(row[2], request.zone)}",
            "place": row[3],
            "words": row[4],
            "called_off": row[5] is not None,
        }
        for row in rows
    ]
    return request.render(
        "list.html", heading=request.settings.heading, weeks=request.settings.weeks, gatherings=gatherings,
        may_add=request.may("add"), may_call_off=request.may("calloff"),
    )  # fmt: skip


async def blank(request: Request) -> Page:
    """The empty form."""
    request.must("add")
    return request.render("add.html")


async def add(request: Request) -> Page:
    """Add one, and go to the list."""
    # Before anything is said about the form: whoever may not add one is told that.
    request.must("add")
    try:
        form = request.form(AddForm)
        starts_at = _starts(form, request)
        row = Gathering(
            title=form.title, starts_at=starts_at, place=form.place, words=form.words,
            added_by=request.person.id, added_at=request.now,
        )  # fmt: skip
        await request.act("add", Add(row))
    except (FormError, Invalid) as error:
        return request.form_again("add.html", error)
    return request.go(notice=f"{form.title} is on the list.")


async def call_off(request: Request) -> Page:
    """Say that it will not be. It stays on the list, so that nobody comes in vain."""
    change = Change(
        "UPDATE x_gatherings_gathering SET called_off_at = ? WHERE id = ? AND called_off_at IS NULL RETURNING title",
        (request.now, request.params["id"]),
    )
    (rows,) = await request.act("calloff", change)
    if not rows:
        raise Conflict("This gathering had been called off already.", "called_off")
    return request.go(notice=f"{rows[0][0]} is called off. It stays on the list, so that people see it.")


def _starts(form: AddForm, request: Request) -> datetime:
    starts_at = datetime.combine(form.day, form.at, request.zone).astimezone(UTC)
    if starts_at < request.now:
        raise Invalid("That day is over. Please choose one that is to come.", "past", field="day")
    return starts_at

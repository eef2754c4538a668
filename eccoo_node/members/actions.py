"""What is done about people: begin the circle, register and correct, say how someone is, keep their picture."""

import base64
import hashlib
from datetime import date
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert, locking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.members import deaths, numbers, pictures, queries
from eccoo_node.members.hats import put_on
from eccoo_node.members.reading import read_email, read_outward, read_phone
from eccoo_node.members.rules import POWERS
from eccoo_node.members.tables import CHANNELS, Community, Face, Person
from eccoo_node.record.door import Act, door


class Begun(msgspec.Struct, frozen=True):
    """A circle's first ids: itself, and the person who looks after the node."""

    circle_id: str
    person_id: str


def _read_person(values: dict[str, Any]) -> dict[str, Any]:
    """Values of a person's row, read and bounded. Raises Invalid, naming the field."""
    read = dict(values)
    for field, longest, sentence in (
        ("called", 80, "Write the name they like to be called, in up to 80 letters."),
        ("full_name", 160, "Write their full name in 160 letters or fewer."),
        ("address", 500, "Write the address in 500 letters or fewer."),
    ):
        if field in read:
            # Line ends matter in an address and nowhere else.
            text = read[field].strip() if field == "address" else " ".join(read[field].split())
            if len(text) > longest or (field == "called" and not text):
                raise Invalid(sentence, f"bad_{field}", field=field)
            read[field] = text
    for field, reader in (("email", read_email), ("outward", read_outward), ("phone", read_phone)):
        if field in read:
            read[field] = reader(read[field])
    if read.get("channel", "phone") not in CHANNELS:
        raise Invalid("Choose how they would like to hear from us.", "bad_channel", field="channel")
    return read


@door("members.begin_circle")
async def begin_circle(act: Act, *, name: str, called: str, email: str = "", phone: str = "") -> Begun:
    """Make this node's circle and the first person in it, who looks after it and welcomes the others. Once only."""
    act.allow(Thing("circle"))
    if await fetch_value("SELECT id FROM community WHERE kind = 'circle'"):
        raise Conflict("This node already has its circle.", "circle_exists")
    first = Person(**_read_person({"called": called, "email": email, "phone": phone}), created_at=clock.now())
    circle = Community(kind="circle", name=name.strip(), created_at=clock.now())
    await insert(first)
    await insert(circle)
    begun = Begun(str(circle.id), str(first.id))
    for role in ("member", "facilitator", "admin"):
        await put_on(begun.circle_id, begun.person_id, role, said_via="screen", given_by="")
    act.about(begun.circle_id)
    await act.tell("circle.begun", "circle", begun.circle_id)
    return begun


@door("members.register_person")
async def register_person(
    act: Act,
    *,
    called: str,
    full_name: str = "",
    outward: str = "",
    address: str = "",
    phone: str = "",
    email: str = "",
    channel: str = "phone",
    language: str = "en",
    large_print: bool = False,
    easy_read: bool = False,
) -> str:
    """Write down someone the circle meets, on the phone, on paper or at a desk; their id.

    Only the name they like to be called is needed; the rest can be asked later. They get no hat by it.
    """
    act.allow(Thing("person"))
    if channel == "email" and not email:
        raise Invalid("Write their email address, or choose another way.", "no_email", field="email")
    if channel == "text" and not phone:
        raise Invalid("Write their phone number, or choose another way.", "no_phone", field="phone")
    row = Person(
        **_read_person({
            "called": called, "full_name": full_name, "outward": outward, "address": address, "phone": phone,
            "email": email, "channel": channel, "language": language, "large_print": large_print,
            "easy_read": easy_read,
        }),
        created_at=clock.now(),
    )  # fmt: skip
    await insert(row)
    person_id = str(row.id)
    act.thing = Thing("person", person_id, person_id)
    await act.tell("person.registered", "person", person_id)
    return person_id


_CORRECTABLE = frozenset({
    "called", "full_name", "outward", "address", "phone", "email", "channel", "language", "large_print", "easy_read",
})  # fmt: skip


@door("members.correct_person")
async def correct_person(act: Act, person_id: str, **changes: Any) -> None:
    """Change how someone is called, reached or written to, in their own words. Raises Invalid for an unknown field.

    A mail signs in, so whoever looks after the circle changes where theirs go on their own screen: nobody who writes
    their words down could then sign in as them.
    """
    act.allow(Thing("person", person_id, person_id))
    if not changes or not set(changes) <= _CORRECTABLE:
        raise Invalid("There is nothing of that name to change.", "bad_field")
    theirs = {hat.role for hat in await queries.hats_of(person_id)}
    if "email" in changes and theirs & POWERS and act.actor.via != "screen":
        raise Forbidden("Whoever looks after the circle changes their email address themselves, on their own screen.")
    values = _read_person(changes)
    if "phone" in values:
        await numbers.keep_before(person_id, values["phone"], act.actor.person_id)
    columns = ", ".join(f'"{name}" = ?' for name in values)
    found = await fetch(f"UPDATE person SET {columns} WHERE id = ? RETURNING id", *values.values(), person_id)
    if not found:
        raise NotFound()
    if "email" in values:
        # A link already on its way to the old address must not open the door.
        await fetch("UPDATE sign_in SET used_at = ? WHERE person_id = ? AND used_at IS NULL", clock.now(), person_id)
    await act.tell("person.corrected", "person", person_id)


@door("members.say_standing")
async def say_standing(act: Act, person_id: str, standing: str, on: date | None = None) -> bool:
    """Write down that someone is here, in hospital, or has died; since or `on` which day, today without one. Whether it
    counts now: of somebody with power in the circle a death waits for a second word (`deaths`), and any other ends that.

    A death ends speaking for them, and their sessions. Said twice is said once. Raises Invalid for a day to come.
    """
    first = await deaths.first_word(person_id)
    act.allow(Thing("death_told" if first and standing != "in_hospital" else "person", person_id, person_id))
    if standing not in {"here", "in_hospital", "died"}:
        raise Invalid("Choose how they are.", "bad_standing", field="standing")
    if on and on > clock.today():
        raise Invalid("Write today, or a day before.", "in_future", field="on")
    day = "" if standing == "here" else (on or clock.today()).isoformat()
    before = await fetch_one(f"SELECT standing, standing_on FROM person WHERE id = ?{locking()}", person_id)
    if before is None:
        raise NotFound()
    if standing == "died" and before[0] != "died" and not await deaths.is_sure(act, person_id):
        return False
    await deaths.close(person_id)
    if tuple(before) == (standing, day):
        return True
    await fetch("UPDATE person SET standing = ?, standing_on = ? WHERE id = ?", standing, day, person_id)
    if standing == "died":
        now = clock.now()
        await fetch(
            "UPDATE speaks_for SET ended_at = ?, ended_by = ? WHERE (person_id = ? OR speaker_id = ?) "
            "AND ended_at IS NULL",
            now,
            act.actor.person_id,
            person_id,
            person_id,
        )
        await fetch("UPDATE session SET ended_at = ? WHERE person_id = ? AND ended_at IS NULL", now, person_id)
        await fetch("UPDATE sign_in SET used_at = ? WHERE person_id = ? AND used_at IS NULL", now, person_id)
        await fetch("UPDATE standing_wish SET ended_at = ? WHERE person_id = ? AND ended_at IS NULL", now, person_id)
    await act.tell(f"person.{standing}", "person", person_id)
    return True


@door("members.set_face")
async def set_face(act: Act, person_id: str, data: bytes) -> None:
    """Keep a picture of someone, drawn small (`pictures.face`), or take it away with no bytes."""
    act.allow(Thing("person", person_id, person_id))
    try:
        data = pictures.face(data) if data else b""
    except pictures.NoPicture:
        sentence = "Choose a photo (JPEG, PNG or WebP) of 12 megabytes or less."
        raise Invalid(sentence, "bad_picture", field="face") from None
    await fetch("DELETE FROM face WHERE person_id = ?", person_id)
    if data:
        text = base64.b64encode(data).decode()
        await insert(Face(person_id=person_id, media_type="image/webp", data=text, changed_at=clock.now()))
    kept = hashlib.sha256(data).hexdigest()[:16] if data else ""
    if not await fetch("UPDATE person SET face = ? WHERE id = ? RETURNING id", kept, person_id):
        raise NotFound()
    await act.tell("person.corrected", "person", person_id)

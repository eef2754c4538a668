"""What is done to sign in, and while signed in: a link with six digits, a printed code, whom one acts for on this device.

Links and digits are made in the job that sends them, and only their hashes are kept. What is asked takes the same path
and gives the same answer whether or not anyone here has the address. Reading a link never uses it up: scanners read
mail before people do.
"""

import contextlib
import hmac
from datetime import datetime, timedelta

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, insert, locking
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.kernel.ids import hash_secret, new_code, new_id, new_secret, read_code
from eccoo_node.members import limits, numbers, queries, session_reads
from eccoo_node.members.cards import SessionActor
from eccoo_node.members.mail import queue_sign_in
from eccoo_node.members.reading import read_email
from eccoo_node.members.rules import POWERS
from eccoo_node.members.tables import KNOWN_BY, Session, SignIn
from eccoo_node.members.ways_in import MAIL_LASTS, POWERFUL_LASTS, hash_digits
from eccoo_node.record.door import Act, door

PRINTED_LASTS = timedelta(days=14)
SETUP_LASTS = timedelta(days=2)
SESSION_LASTS = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=10)
TRIES = 5
PRINTED_LENGTH = 12

# From one place an address is asked for a few times; from everywhere together often enough that a stranger cannot
# keep its owner out, and seldom enough that six digits cannot be guessed. A library asks for many people.
_ASKS_FROM_ONE_PLACE, _ASKS_IN_A_DAY, _ASKS_BY_CLIENT, _CODES_BY_CLIENT = 5, 30, 30, 60

NOBODY = Actor()
NOT_RIGHT = "That didn’t work. The code or link may be used already or have run out. You can ask for a new one."


class SignedIn(msgspec.Struct, frozen=True):
    """A fresh session. `token` goes to the browser and is kept nowhere else."""

    token: str
    session_id: str
    person_id: str
    called: str
    lasts: timedelta


class PrintedCode(msgspec.Struct, frozen=True):
    """A code to hand to someone on paper; it is shown this once."""

    code: str
    called: str
    expires_at: datetime


class SetupLink(msgspec.Struct, frozen=True):
    """The end of a link for the first admin; it is shown this once."""

    token: str
    expires_at: datetime


async def ask_for_link(email: str, *, client: str = "") -> str:
    """Ask for a mail with a link and six digits; what the asking browser holds until it has the digits.

    The same answer for every address. Raises Invalid for what is no address, Conflict("too_many").
    """
    address = read_email(email)
    if not address:
        raise Invalid("Write your email address.", "bad_email", field="email")
    place = limits.network_of(client)
    await limits.count("ask.client", place, _ASKS_BY_CLIENT)
    await limits.count("ask.place", f"{address} {place}", _ASKS_FROM_ONE_PLACE)
    await limits.count("ask.address", address, _ASKS_IN_A_DAY, timedelta(days=1))
    return await _ask(NOBODY, address)


@door("members.ask_for_link")
async def _ask(act: Act, address: str) -> str:
    asked, now = new_id(), clock.now()
    act.allow(Thing("sign_in", asked))
    rows = await fetch(
        "SELECT id FROM person WHERE email = ? AND standing <> 'died' ORDER BY created_at, id LIMIT 4", address
    )
    # People who share an address each get their own way in, in one mail.
    for person_id in [row[0] for row in rows] or [None]:
        await insert(SignIn(person_id=person_id, kind="mail", asked=asked, created_at=now, expires_at=now + MAIL_LASTS))
    await queue_sign_in(asked)
    return asked


async def who_is_asked(token: str) -> str | None:
    """The name of whom a link would sign in, without using it up; None when it no longer would."""
    found = await fetch_value(
        "SELECT p.called FROM sign_in s JOIN person p ON p.id = s.person_id WHERE s.link_hash = ? AND s.used_at IS NULL "
        "AND s.expires_at > ? AND p.standing <> 'died'",
        hash_secret(token),
        clock.now(),
    )
    return str(found) if found is not None else None


async def what_became_of(token: str) -> tuple[str, str]:
    """Why a link signs nobody in: "used", "over", or "" when nothing is known of it; and its kind, "mail" or "setup"."""
    row = await fetch_one("SELECT kind, used_at, expires_at FROM sign_in WHERE link_hash = ?", hash_secret(token))
    if row is None:
        return "", ""
    until = as_time(row["expires_at"])
    over = until is not None and until <= clock.now()
    return "used" if row["used_at"] is not None else "over" if over else "", row["kind"]


async def sign_in_with_link(token: str, *, client: str = "", device: str = "") -> SignedIn | None:
    """Use a link up, once; None when it no longer signs anyone in."""
    await limits.count("code.client", limits.network_of(client), _CODES_BY_CLIENT)
    return await _redeem(NOBODY, link=token, device=device)


async def sign_in_with_code(
    code: str, *, asked: str = "", email: str = "", client: str = "", device: str = ""
) -> SignedIn | None:
    """Use six digits or a printed code up, once; None for any that does not sign anyone in.

    Digits belong to the asking that this browser holds, or in another browser to the latest for an address. Five
    wrong ones close that asking for digits; its link, which nobody can guess, stays open.
    """
    await limits.count("code.client", limits.network_of(client), _CODES_BY_CLIENT)
    digits = "".join(c for c in code if not c.isspace() and c != "-")
    if len(digits) == 6 and digits.isascii() and digits.isdigit():
        return await _redeem(NOBODY, asked=asked or await _latest_for(email), digits=digits, device=device)
    printed = read_code(code)
    return await _redeem(NOBODY, printed=printed, device=device) if printed else None


async def _latest_for(email: str) -> str:
    row = await fetch_one(
        "SELECT s.asked FROM sign_in s JOIN person p ON p.id = s.person_id WHERE p.email = ? AND s.kind = 'mail' "
        "AND s.used_at IS NULL AND s.expires_at > ? ORDER BY s.created_at DESC, s.asked DESC LIMIT 1",
        email.strip().lower(),
        clock.now(),
    )
    return str(row[0]) if row else ""


@door("members.redeem")
async def _redeem(
    act: Act, *, link: str = "", asked: str = "", digits: str = "", printed: str = "", device: str = ""
) -> SignedIn | None:
    """A wrong code is an answer, not an error: its try must stay counted."""
    act.allow(Thing("sign_in"))
    now = clock.now()
    if digits:
        found = await _by_digits(asked, digits, now)
    else:
        column, secret = ("link_hash", link) if link else ("code_hash", printed)
        row = await fetch_one(
            f"SELECT id, person_id, kind FROM sign_in WHERE {column} = ? AND used_at IS NULL AND expires_at > ?",
            hash_secret(secret),
            now,
        )
        found = tuple(row) if row else None
    if found is None:
        return None
    # The one that gets here first uses it up; the other reads no row.
    used = await fetch(
        "UPDATE sign_in SET used_at = ? WHERE id = ? AND used_at IS NULL AND expires_at > ? RETURNING person_id",
        now, found[0], now,
    )  # fmt: skip
    return await _open(act, found[1], found[2], device) if used else None


async def _by_digits(asked: str, digits: str, now: datetime) -> tuple[str, str, str] | None:
    rows = await fetch(
        "UPDATE sign_in SET tries = tries + 1 WHERE asked = ? AND kind = 'mail' AND used_at IS NULL AND expires_at > ? "
        "AND tries < ? RETURNING id, person_id, code_hash, code_salt",
        asked,
        now,
        TRIES,
    )
    for id_, person_id, code_hash, salt in rows:
        if person_id and hmac.compare_digest(hash_digits(digits, salt), code_hash):
            return id_, person_id, "mail"
    return None


async def _open(act: Act, person_id: str, how: str, device: str) -> SignedIn | None:
    person = await fetch_one("SELECT called, standing FROM person WHERE id = ?", person_id)
    if person is None or person[1] == "died":
        return None
    now, token = clock.now(), new_secret()
    lasts = POWERFUL_LASTS if {hat.role for hat in await queries.hats_of(person_id)} & POWERS else SESSION_LASTS
    row = Session(
        token_hash=hash_secret(token), person_id=person_id, device=device.strip()[:80], signed_in_by=how,
        created_at=now, seen_at=now, ends_at=now + lasts,
    )  # fmt: skip
    await insert(row)
    act.thing = Thing("session", str(row.id), person_id)
    await act.tell("session.begun", "person", person_id, session=str(row.id), how=how)
    return SignedIn(token, str(row.id), person_id, person[0], lasts)


@door("members.sign_in_as")
async def sign_in_as(act: Act, person_id: str, *, device: str = "") -> SignedIn:
    """Sign someone in for the node itself: a demo's buttons, and the first admin of a new node. Raises NotFound."""
    act.allow(Thing("session", "", person_id))
    signed_in = await _open(act, person_id, "node", device)
    if signed_in is None:
        raise NotFound()
    return signed_in


@door("members.print_code")
async def print_code(act: Act, person_id: str) -> PrintedCode:
    """A code on paper for someone without mail: used once, within fourteen days. An older one ends.

    Whoever prints it could use it, so it is refused for those who hold power over others' records (an admin prints
    theirs), and to whoever is paid to work in the person's team.
    """
    act.allow(Thing("sign_in", "", person_id))
    # A role that begins at this moment ends what was printed before it, and what comes after it is asked of an admin.
    await fetch(f"SELECT id FROM person WHERE id = ?{locking()}", person_id)
    card = await queries.person(person_id)
    if card.standing == "died":
        raise Conflict("This person has died.", "has_died")
    theirs = {hat.role for hat in await queries.hats_of(person_id)}
    if theirs & POWERS and not act.actor.wears("admin"):
        raise Forbidden("Only an admin can print a code for someone who looks after the circle.")
    if act.actor.person_id in await queries.paid_workers_of(await queries.team_of(person_id)):
        raise Forbidden("You are paid to work in this team, so another facilitator has to print this.")
    now, code = clock.now(), new_code(PRINTED_LENGTH)
    # Over and not used: who signed in by a printed code is asked for later.
    await fetch(
        "UPDATE sign_in SET expires_at = ? WHERE person_id = ? AND kind = 'printed' AND used_at IS NULL "
        "AND expires_at > ?",
        now, person_id, now,
    )  # fmt: skip
    row = SignIn(
        person_id=person_id, kind="printed", code_hash=hash_secret(code), issued_by=act.actor.person_id, created_at=now,
        expires_at=now + PRINTED_LASTS,
    )  # fmt: skip
    await insert(row)
    act.about(str(row.id))
    await act.tell("sign_in.code_printed", "person", person_id, by=act.actor.person_id)
    return PrintedCode(code, card.called, now + PRINTED_LASTS)


@door("members.make_setup_link")
async def make_setup_link(act: Act, *, again: bool = False) -> SetupLink:
    """A link that signs in the first admin, once. An older one ends.

    Raises Conflict once anyone came in, unless it is asked for `again`: without mail there is no other way back.
    """
    act.allow(Thing("sign_in"))
    if not again and await fetch_value("SELECT id FROM session LIMIT 1") is not None:
        raise Conflict("Someone has signed in here already.", "not_new")
    first = await fetch_value("SELECT person_id FROM hat WHERE role = 'admin' ORDER BY from_at, id LIMIT 1")
    if first is None:
        raise NotFound("This node has no admin yet.", "no_admin")
    now, token = clock.now(), new_secret()
    await fetch("UPDATE sign_in SET used_at = ? WHERE kind = 'setup' AND used_at IS NULL", now)
    row = SignIn(
        person_id=first, kind="setup", link_hash=hash_secret(token), created_at=now, expires_at=now + SETUP_LASTS
    )
    await insert(row)
    act.thing = Thing("sign_in", str(row.id), first)
    return SetupLink(token, row.expires_at)


async def resume(token_hash: str) -> SessionActor | None:
    """Whose session this is, remembered as used; None when it is nobody's."""
    found = await session_reads.session_actor(token_hash)
    if found is not None:
        await seen(found)
    return found


async def seen(session: SessionActor) -> None:
    """Remember that someone was here; at most one write in ten minutes."""
    now = clock.now()
    if session.seen_at > now - SEEN_EVERY:
        return
    # A page is read even while every writer's turn is taken.
    with contextlib.suppress(Conflict):
        async with write():
            await fetch("UPDATE session SET seen_at = ? WHERE id = ? AND seen_at < ?", now, session.session_id, now)


async def _own(act: Act, session_id: str) -> None:
    row = await fetch_one("SELECT person_id FROM session WHERE id = ? AND ended_at IS NULL", session_id)
    if row is None or row[0] != act.actor.person_id:
        raise NotFound()


@door("members.end_session")
async def end_session(act: Act, session_id: str) -> None:
    """Sign out here or on another device of one's own; at once."""
    act.allow(Thing("session", session_id, act.actor.person_id))
    await _own(act, session_id)
    await fetch("UPDATE session SET ended_at = ? WHERE id = ?", clock.now(), session_id)
    await act.tell("session.ended", "person", act.actor.person_id, session=session_id)


@door("members.start_speaking_for")
async def start_speaking_for(act: Act, session_id: str, person_id: str) -> None:
    """From now on this device speaks for that person, as far as their recorded yes goes and while it lasts."""
    act.allow(Thing("session", session_id, person_id))
    await _own(act, session_id)
    if not await queries.scopes_of(act.actor.person_id, person_id):
        raise Forbidden("They have not said that you may speak for them.")
    await _act_for(act, session_id, person_id, "screen", "")


@door("members.start_writing_down")
async def start_writing_down(act: Act, session_id: str, person_id: str, *, known_by: str) -> None:
    """A facilitator writes down what this person says, once they have said how they know that it is them.

    For an hour at most. A paid worker of the person's team never does, whatever other hats they wear.
    """
    paid = await queries.paid_workers_of(await queries.team_of(person_id))
    act.allow(Thing("session", session_id, person_id, paid_workers=paid))
    await _own(act, session_id)
    card = await queries.person(person_id)
    if card.standing == "died":
        raise Conflict("This person has died.", "has_died")
    if known_by not in KNOWN_BY:
        raise Invalid("Say how you know that it’s them.", "nothing_chosen", field="known_by")
    ways = await queries.safe_contacts(person_id)
    if known_by == "agreed_words" and not any(way.agreed_words for way in ways.values()):
        raise Invalid("There are no agreed words yet. Ring back the number we know.", "no_words", field="known_by")
    if known_by == "rang_back":
        changed = (await numbers.changed({person_id: clock.now()})).get(person_id)
        if not (changed.before if changed else card.phone):
            raise Invalid("We have no number for them to ring back.", "no_number", field="known_by")
        if "phone" in ways and not ways["phone"].safe:
            raise Invalid("It is not safe to ring this number. Use the agreed words.", "not_safe", field="known_by")
    via = "phone" if known_by in {"agreed_words", "rang_back"} else "paper"
    await _act_for(act, session_id, person_id, via, known_by)


async def _act_for(act: Act, session_id: str, person_id: str, via: str, known_by: str) -> None:
    await fetch(
        "UPDATE session SET acting_for = ?, acting_via = ?, known_by = ?, acting_since = ? WHERE id = ?",
        person_id,
        via,
        known_by,
        clock.now() if person_id else None,
        session_id,
    )
    if person_id:
        # So that the person's own record says who began to act for them, and how they were known.
        act.actor = msgspec.structs.replace(act.actor, acting_for=person_id, known_by=known_by)


@door("members.stop_speaking_for")
async def stop_speaking_for(act: Act, session_id: str) -> None:
    """This device speaks for nobody but its reader again."""
    act.allow(Thing("session", session_id, act.actor.acting_for))
    await _own(act, session_id)
    await _act_for(act, session_id, "", "", "")

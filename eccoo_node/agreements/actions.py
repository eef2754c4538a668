"""Agreeing: terms that hold once both sides have said yes to the same, and consents with their words."""

import hashlib

import msgspec

from eccoo_node.agreements.queries import TermsCard
from eccoo_node.agreements.rules import MOST_MILES, MOST_TRAVEL_MINUTES, side_of
from eccoo_node.agreements.tables import Consent, Terms
from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert, locking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import MAX_PENCE
from eccoo_node.members import queries as members
from eccoo_node.members.reading import read_words
from eccoo_node.members.rules import how_said
from eccoo_node.record.door import Act, door


class Agreed(msgspec.Struct, frozen=True):
    """The terms somebody said yes to, and whether both have now."""

    id: str
    in_force: bool


class Wanted(msgspec.Struct, frozen=True):
    """Terms as one side says yes to them."""

    person_id: str
    worker_id: str
    payer_id: str | None
    rate_pence: int
    travel_pence: int
    travel_minutes: int
    miles: int
    cancel_hours: int
    cancel_bps: int


class _About(msgspec.Struct, frozen=True):
    """Whose yes, of what kind, to what."""

    person_id: str
    kind: str
    scope: str
    subject_kind: str
    subject_id: str


def check(wanted: Wanted | TermsCard) -> None:
    """Raises Invalid for numbers that nobody can agree on."""
    if not (0 <= wanted.rate_pence <= MAX_PENCE and 0 <= wanted.travel_pence <= MAX_PENCE):
        raise Invalid("Write the rate in pounds and pence, such as 20 or 17.50.", "bad_rate", field="rate")
    if not (0 <= wanted.travel_minutes <= MOST_TRAVEL_MINUTES and 0 <= wanted.miles <= MOST_MILES):
        raise Invalid(
            f"Travel is at most {MOST_TRAVEL_MINUTES} minutes and {MOST_MILES} miles for a visit.", "bad_travel",
            field="travel_minutes" if not 0 <= wanted.travel_minutes <= MOST_TRAVEL_MINUTES else "miles",
        )  # fmt: skip
    if not (0 <= wanted.cancel_hours <= 14 * 24 and 0 <= wanted.cancel_bps <= 10_000):
        raise Invalid("Notice is at most two weeks, and at most the whole fee.", "bad_notice", field="cancel_hours")


@door("agreements.agree_terms")
async def agree_terms(
    act: Act,
    *,
    person_id: str,
    worker_id: str,
    rate_pence: int,
    payer_id: str = "",
    travel_pence: int = 0,
    travel_minutes: int = 0,
    miles: int = 0,
    cancel_hours: int = 24,
    cancel_bps: int = 5000,
) -> Agreed:
    """Say yes to these terms for one's own side. In force once the other side has said yes to the very same.

    Of each visit its worker has the fee, `travel_pence`, their rate for `travel_minutes`, and for each of `miles` what the
    circle pays for a mile. Called once by each side, in either order. A yes to other numbers is a new offer and leaves what is in force alone
    until it is met; an older offer of the same side ends.
    """
    thing = Thing("terms", "", person_id, worker_id=worker_id)
    act.allow(thing)
    side = side_of(act.actor, thing)
    wanted = Wanted(
        person_id, worker_id, payer_id or None, rate_pence, travel_pence, travel_minutes, miles, cancel_hours, cancel_bps
    )  # fmt: skip
    check(wanted)
    if len(await members.people([person_id, worker_id])) != 2:
        raise NotFound()
    payer = await members.payer(payer_id) if payer_id else None
    if payer_id and (payer is None or payer.person_id != person_id):
        raise NotFound()
    # Both sides may say yes at the same moment; the second must see the first one's row.
    await fetch(f"SELECT id FROM person WHERE id = ?{locking()}", person_id)
    rows = await fetch(
        "SELECT id, payer_id, rate_pence, travel_pence, travel_minutes, miles, cancel_hours, cancel_bps, person_yes_at, "
        "worker_yes_at, from_at FROM terms WHERE person_id = ? AND worker_id = ? AND ended_at IS NULL",
        person_id,
        worker_id,
    )
    same = next((row for row in rows if tuple(row)[1:8] == msgspec.structs.astuple(wanted)[2:]), None)
    if same and (same["from_at"] or same[f"{side}_yes_at"]):
        act.about(same["id"])
        return Agreed(same["id"], bool(same["from_at"]))
    return await _say_yes(act, side, same["id"] if same else "", wanted)


async def _say_yes(act: Act, side: str, offer: str, wanted: Wanted) -> Agreed:
    now, person_id, worker_id = clock.now(), wanted.person_id, wanted.worker_id
    pair = "person_id = ? AND worker_id = ? AND ended_at IS NULL"
    if offer:
        # The other side's offer is met: what was in force before, and any other offer, ends.
        await fetch(f"UPDATE terms SET ended_at = ? WHERE {pair} AND id <> ?", now, person_id, worker_id, offer)
        await fetch(
            f"UPDATE terms SET {side}_yes_at = ?, {side}_yes_via = ?, {side}_yes_by = ?, from_at = ? WHERE id = ?",
            now,
            how_said(act.actor),
            act.actor.person_id,
            now,
            offer,
        )
        act.about(offer)
        await act.tell("terms.agreed", "terms", offer, person=person_id, worker=worker_id)
        return Agreed(offer, in_force=True)
    await fetch(
        f"UPDATE terms SET ended_at = ? WHERE {pair} AND from_at IS NULL AND {side}_yes_at IS NOT NULL",
        now,
        person_id,
        worker_id,
    )
    row = Terms(**msgspec.structs.asdict(wanted))
    setattr(row, f"{side}_yes_at", now)
    setattr(row, f"{side}_yes_via", how_said(act.actor))
    setattr(row, f"{side}_yes_by", act.actor.person_id)
    await insert(row)
    act.about(str(row.id))
    await act.tell("terms.offered", "terms", str(row.id), person=person_id, worker=worker_id, by=side)
    return Agreed(str(row.id), in_force=False)


@door("agreements.end_terms")
async def end_terms(act: Act, terms_id: str) -> None:
    """Take an offer back, or end what is in force, by either side. Visits already planned keep their terms."""
    row = await fetch_one("SELECT person_id, worker_id FROM terms WHERE id = ?", terms_id)
    if row is None:
        raise NotFound()
    act.allow(Thing("terms", terms_id, row[0], worker_id=row[1]))
    ended = await fetch(
        "UPDATE terms SET ended_at = ? WHERE id = ? AND ended_at IS NULL RETURNING id", clock.now(), terms_id
    )
    if not ended:
        raise Conflict("This has already ended.", "ended")
    await act.tell("terms.ended", "terms", terms_id, person=row[0], worker=row[1])


@door("agreements.give_consent")
async def give_consent(
    act: Act,
    *,
    person_id: str,
    kind: str,
    words: str,
    subject_kind: str = "",
    subject_id: str = "",
    scope: str = "share_my_details",
) -> str:
    """Keep one yes: to these words, now, said so, written down by the actor; its id.

    `scope` is what someone else must be allowed to say for the person. Saying yes again is a new row.
    """
    act.allow(Thing(f"consent:{scope}", "", person_id))
    said = read_words(words, "words", 10_000)
    if not said or not kind:
        raise Invalid("A yes needs the words it was said to.", "no_words", field="words")
    about = _About(person_id, kind, scope, subject_kind, subject_id)
    return await _keep(act, about, said, "")


@door("agreements.withdraw_consent")
async def withdraw_consent(act: Act, consent_id: str) -> None:
    """Take a yes back, from now on, by a row of its own that names it. Twice is once."""
    row = await fetch_one(
        "SELECT person_id, kind, scope, subject_kind, subject_id, withdraws FROM consent WHERE id = ?", consent_id
    )
    if row is None or row[5]:
        raise NotFound()
    about = _About(*list(row)[:5])
    act.allow(Thing(f"consent:{about.scope}", consent_id, about.person_id))
    await fetch(f"SELECT id FROM person WHERE id = ?{locking()}", about.person_id)
    if await fetch_value("SELECT id FROM consent WHERE withdraws = ?", consent_id) is None:
        await _keep(act, about, "", consent_id)


async def _keep(act: Act, about: _About, words: str, withdraws: str) -> str:
    row = Consent(
        **msgspec.structs.asdict(about), words=words,
        words_hash=hashlib.sha256(words.encode()).hexdigest() if words else "", said_by=act.actor.person_id,
        via=how_said(act.actor), known_by=act.actor.known_by, said_at=clock.now(), withdraws=withdraws,
    )  # fmt: skip
    await insert(row)
    if not withdraws:
        act.about(str(row.id))
    kind = "consent.withdrawn" if withdraws else "consent.given"
    await act.tell(kind, "person", about.person_id, consent=withdraws or str(row.id), what=about.kind)
    return str(row.id)

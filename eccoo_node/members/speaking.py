"""What is done about speaking for someone: their own recorded yes, what the law adds to it, and stopping it."""

from collections.abc import Iterable
from datetime import datetime

from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert, insert_once
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import SCOPES, Thing
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.members import queries
from eccoo_node.members.reading import read_words
from eccoo_node.members.rules import COVERS, NEEDS_CAPACITY_RECORD, NOT_FOR_PAID, how_said
from eccoo_node.members.tables import BASES, Capacity, SpeaksFor
from eccoo_node.record.door import Act, door


def _wanted(scopes: Iterable[str], basis: str) -> list[str]:
    """The things asked for, each of which the ground can cover. Raises Invalid."""
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise Invalid("Choose what they may do.", "no_scope", field="scopes")
    if basis not in BASES:
        raise Invalid("Choose on what ground they speak.", "bad_basis", field="basis")
    if not COVERS[basis]:
        raise Invalid("Someone on this ground supports and does not decide.", "never_decides", field="basis")
    if not set(wanted) <= COVERS[basis]:
        raise Invalid("This ground does not cover all of that.", "not_covered", field="scopes")
    return wanted


async def _two_living(person_id: str, speaker_id: str) -> None:
    if person_id == speaker_id:
        raise Invalid("People speak for themselves already.", "same_person", field="speaker_id")
    for id_ in (person_id, speaker_id):
        standing = await fetch_value("SELECT standing FROM person WHERE id = ?", id_)
        if standing is None:
            raise NotFound()
        if standing == "died":
            raise Conflict("This person has died.", "has_died")


async def _refuse_paid(person_id: str, speaker_id: str, wanted: Iterable[str]) -> None:
    """Nobody decides about their own work, on whatever ground: the record itself is not made."""
    if not NOT_FOR_PAID & set(wanted):
        return
    if speaker_id in await queries.paid_workers_of(await queries.team_of(person_id)):
        sentence = "They are paid to work in this team, so they can’t ask for cover or choose who comes."
        raise Invalid(sentence, "paid_worker", field="scopes")


async def _record(act: Act, row: SpeaksFor) -> str:
    """Write one scope, in place of an older yes to the same. The new row's id."""
    now = clock.now()
    await fetch(
        "UPDATE speaks_for SET ended_at = ?, ended_by = ? WHERE person_id = ? AND speaker_id = ? AND scope = ? "
        "AND ended_at IS NULL",
        now,
        act.actor.person_id,
        row.person_id,
        row.speaker_id,
        row.scope,
    )
    if not await insert_once(row):
        raise Conflict("This was changed a moment ago. Please look again.", "changed")
    told = {"speaker": row.speaker_id, "scope": row.scope, "basis": row.basis}
    await act.tell("speaking.begun", "person", row.person_id, **told)
    return str(row.id)


@door("members.let_speak")
async def let_speak(
    act: Act,
    *,
    person_id: str,
    speaker_id: str,
    scopes: Iterable[str],
    relation: str,
    words: str,
    until_at: datetime | None = None,
) -> list[str]:
    """The person's own yes: this one may do these things for me. One row each, in the person's words; their ids.

    Said by the person, or to a facilitator who is not the one to speak. Who speaks already cannot pass it on.
    """
    act.allow(Thing("person", person_id, person_id, worker_id=speaker_id))
    if act.actor.person_id == speaker_id:
        raise Forbidden("Someone else has to write down that you may speak for them.")
    wanted = _wanted(scopes, "own_yes")
    said = read_words(words, "words")
    if not said:
        raise Invalid("Write what they said, in their words.", "no_words", field="words")
    if until_at is not None and until_at <= clock.now():
        raise Invalid("Choose a day that is still to come.", "bad_until", field="until_at")
    await _two_living(person_id, speaker_id)
    await _refuse_paid(person_id, speaker_id, wanted)
    return [
        await _record(
            act,
            SpeaksFor(
                person_id=person_id, speaker_id=speaker_id, relation=relation.strip()[:40], basis="own_yes",
                scope=scope, words=said, said_at=clock.now(), said_via=how_said(act.actor),
                known_by=act.actor.known_by, recorded_by=act.actor.person_id, until_at=until_at,
            ),
        )
        for scope in wanted
    ]  # fmt: skip


@door("members.record_capacity")
async def record_capacity(
    act: Act, *, person_id: str, scope: str, lacks: bool, words: str, assessed_by: str, until_at: datetime
) -> str:
    """Write down whether someone can make one decision, as somebody assessed it for that decision; its id.

    Everyone is taken to be able until such a record says otherwise, and only until its date. A record that they can
    ends at once what stood on one that they could not (Mental Capacity Act 2005 s1(2), s3).
    """
    act.allow(Thing("capacity", "", person_id))
    if scope not in SCOPES:
        raise Invalid("Choose the one decision this is about.", "no_scope", field="scope")
    found = read_words(words, "words")
    if not found or not assessed_by.strip():
        raise Invalid("Write who assessed it, and what they found.", "no_words", field="words")
    if until_at <= clock.now():
        raise Invalid("Choose the day on which this is looked at again.", "bad_until", field="until_at")
    row = Capacity(
        person_id=person_id, scope=scope, lacks=lacks, words=found, assessed_by=assessed_by.strip()[:160],
        assessed_at=clock.now(), recorded_by=act.actor.person_id, until_at=until_at,
    )  # fmt: skip
    await insert(row)
    if not lacks:
        await fetch(
            "UPDATE speaks_for SET ended_at = ?, ended_by = ? WHERE person_id = ? AND scope = ? AND ended_at IS NULL "
            "AND basis IN ('attorney_health', 'deputy_health', 'best_interests')",
            clock.now(),
            act.actor.person_id,
            person_id,
            scope,
        )
    act.about(str(row.id))
    await act.tell("capacity.recorded", "person", person_id, capacity=str(row.id), scope=scope, lacks=lacks)
    return str(row.id)


async def _lacking(person_id: str, scope: str) -> tuple[str, datetime]:
    """The record that this person cannot decide this now, and its end. Raises Conflict when there is none."""
    row = await fetch_one(
        "SELECT id, lacks, until_at FROM capacity WHERE person_id = ? AND scope = ? "
        "ORDER BY assessed_at DESC, id DESC LIMIT 1",
        person_id,
        scope,
    )
    if row is None or not row[1] or row[2] <= clock.now():
        raise Conflict(
            "Nobody decides this for someone who can decide it. First record the assessment of this one decision.",
            "has_capacity",
        )
    return row[0], row[2]


@door("members.record_authority")
async def record_authority(
    act: Act,
    *,
    person_id: str,
    speaker_id: str,
    scopes: Iterable[str],
    relation: str,
    basis: str,
    evidence: str,
    until_at: datetime | None = None,
) -> list[str]:
    """Someone may act on a ground other than the person's own yes: a registered attorney, a deputy, a nominated person.

    Seen and written down by a facilitator. For care, only while the person cannot make that one decision, as recorded,
    and no longer than that record; for money, once what was seen is registered (care-rules 12, 13).
    """
    act.allow(Thing("person", person_id, person_id, worker_id=speaker_id))
    if basis == "own_yes":
        raise Invalid("Their own yes is recorded as their own.", "bad_basis", field="basis")
    wanted = _wanted(scopes, basis)
    seen = read_words(evidence, "evidence")
    if not seen:
        raise Invalid("Write which paper you saw, where and when.", "no_evidence", field="evidence")
    if until_at is not None and until_at <= clock.now():
        raise Invalid("Choose a day that is still to come.", "bad_until", field="until_at")
    await _two_living(person_id, speaker_id)
    await _refuse_paid(person_id, speaker_id, wanted)
    made = []
    for scope in wanted:
        own = await fetch_value(
            "SELECT id FROM speaks_for WHERE person_id = ? AND speaker_id = ? AND scope = ? AND basis = 'own_yes' "
            "AND ended_at IS NULL AND (until_at IS NULL OR until_at > ?)",
            person_id,
            speaker_id,
            scope,
            clock.now(),
        )
        if own:
            # Their own yes to the same is the better ground, and would end with a capacity record otherwise.
            made.append(str(own))
            continue
        capacity_id, ends = None, until_at
        if basis in NEEDS_CAPACITY_RECORD:
            capacity_id, until = await _lacking(person_id, scope)
            ends = min(until, until_at) if until_at else until
        row = SpeaksFor(
            person_id=person_id, speaker_id=speaker_id, relation=relation.strip()[:40], basis=basis, scope=scope,
            said_at=clock.now(), said_via=how_said(act.actor), known_by=act.actor.known_by,
            recorded_by=act.actor.person_id, evidence=seen, capacity_id=capacity_id, until_at=ends,
        )  # fmt: skip
        made.append(await _record(act, row))
    return made


@door("members.stop_speaking")
async def stop_speaking(act: Act, *, person_id: str, speaker_id: str, scope: str = "") -> int:
    """ "Stop this": at once, no reason asked, one thing or (with no scope) all of them; how many ended.

    By the person, to a facilitator on the phone, or by the one who speaks and would rather not.
    """
    act.allow(Thing("person", person_id, person_id, worker_id=speaker_id))
    only = (" AND scope = ?", [scope]) if scope else ("", [])
    ended = await fetch(
        "UPDATE speaks_for SET ended_at = ?, ended_by = ? WHERE person_id = ? AND speaker_id = ? "
        f"AND ended_at IS NULL{only[0]} RETURNING scope",
        clock.now(),
        act.actor.person_id,
        person_id,
        speaker_id,
        *only[1],
    )
    if ended:
        scopes = sorted(row[0] for row in ended)
        await act.tell("speaking.stopped", "person", person_id, speaker=speaker_id, scopes=scopes)
    return len(ended)

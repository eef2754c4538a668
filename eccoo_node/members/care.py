"""What is done about someone's support: reaching them safely, their standing wish, what must be known, who pays."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from eccoo_node.db.rows import fetch, fetch_value, insert
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.members import numbers, queries
from eccoo_node.members.cards import FACTS, Caller
from eccoo_node.members.reading import read_codes, read_words
from eccoo_node.members.rules import how_said
from eccoo_node.members.tables import CHANNELS, HOW_SAID, CareFacts, Payer, SafeContact, StandingWish
from eccoo_node.record.door import Act, door

FUNDS = ("own", "direct_payment", "council", "nhs", "family", "other")
GENDERS_WISHED = ("", "woman", "man")


@door("members.set_safe_contact")
async def set_safe_contact(
    act: Act,
    *,
    person_id: str,
    channel: str,
    safe: bool = True,
    leave_message: bool = False,
    agreed_words: str = "",
    note: str = "",
) -> None:
    """What is agreed about one way of reaching someone. Nobody who speaks for them can set or see it."""
    act.allow(Thing("person", person_id, person_id))
    if channel not in CHANNELS:
        raise Invalid("Choose a way of being reached.", "bad_channel", field="channel")
    if len(agreed_words.strip()) > 120:
        raise Invalid("Please agree on a few words only.", "too_long", field="agreed_words")
    await fetch("DELETE FROM safe_contact WHERE person_id = ? AND channel = ?", person_id, channel)
    await insert(
        SafeContact(
            person_id=person_id, channel=channel, safe=safe, leave_message=leave_message,
            agreed_words=agreed_words.strip(), note=read_words(note, "note"), changed_at=clock.now(),
        )
    )  # fmt: skip
    await act.tell("safe_contact.set", "person", person_id, channel=channel)


@door("members.look_up")
async def look_up(act: Act, person_id: str) -> Caller:
    """What a facilitator needs in order to know who is calling. Reading it is an act, which the person can see."""
    paid = await queries.paid_workers_of(await queries.team_of(person_id))
    act.allow(Thing("person", person_id, person_id, paid_workers=paid))
    card, ways = await queries.person(person_id), await queries.safe_contacts(person_id)
    return Caller(
        card,
        unsafe="phone" in ways and not ways["phone"].safe,
        agreed=next((way.agreed_words for way in ways.values() if way.agreed_words), ""),
        note=next((way.note for way in ways.values() if way.note), ""),
        shares=tuple(await queries.shares_contact(person_id)),
        changed=(await numbers.changed({person_id: clock.now()})).get(person_id),
    )


@door("members.set_standing_wish")
async def set_standing_wish(
    act: Act, *, person_id: str, words: str, ask_first: Iterable[str] = (), ask_further: bool = False
) -> str:
    """What someone asks for beforehand, in their words: whom to ask first, in order, and whether to ask further away.

    It counts as their asking, so only they can say it. The one before ends. No words and nobody named ends it.
    """
    act.allow(Thing("person", person_id, person_id))
    named, said = list(dict.fromkeys(ask_first)), read_words(words, "words")
    if len(named) != len(await queries.people(named)):
        raise NotFound()
    now = clock.now()
    await fetch("UPDATE standing_wish SET ended_at = ? WHERE person_id = ? AND ended_at IS NULL", now, person_id)
    if not said and not named:
        await act.tell("wish.ended", "person", person_id)
        return ""
    row = StandingWish(
        person_id=person_id, words=said, ask_first=msgspec.json.encode(named).decode(), ask_further=ask_further,
        said_at=now, said_via=how_said(act.actor), recorded_by=act.actor.person_id,
    )  # fmt: skip
    await insert(row)
    await act.tell("wish.said", "person", person_id, wish=str(row.id))
    return str(row.id)


@door("members.set_care_facts")
async def set_care_facts(
    act: Act,
    *,
    person_id: str,
    facts: Iterable[str] = (),
    language: str = "en",
    gender_wished: str = "",
    skills: Iterable[str] = (),
    way_in: str = "",
    must_know: str = "",
) -> None:
    """What a worker must know: in codes before offering, in words once they are coming. In the person's own words.

    The whole is written anew each time; the date of a safety review stays.
    """
    act.allow(Thing("care_facts", person_id, person_id))
    named = set(facts)
    if not named <= set(FACTS):
        raise Invalid("Choose from the list.", "bad_fact", field="facts")
    if gender_wished not in GENDERS_WISHED:
        raise Invalid("Choose a woman, a man, or either.", "bad_gender", field="gender_wished")
    row = CareFacts(
        person_id=person_id, two_people="two_people" in named, hoist="hoist" in named, stairs="stairs" in named,
        pets="pets" in named, smoke="smoke" in named, language=language, gender_wished=gender_wished,
        skills=read_codes(skills, "skills"), way_in=read_words(way_in, "way_in"),
        must_know=read_words(must_know, "must_know"), changed_at=clock.now(),
        safety_review_at=(await queries.care_facts(person_id)).safety_review_at,
    )  # fmt: skip
    await fetch("DELETE FROM care_facts WHERE person_id = ?", person_id)
    await insert(row)
    await act.tell("care_facts.set", "person", person_id)


@door("members.record_safety_review")
async def record_safety_review(act: Act, *, person_id: str, at: datetime) -> None:
    """Write down that somebody has looked at how safe the home is to work in, and when."""
    act.allow(Thing("care_facts", person_id, person_id))
    if at > clock.now():
        raise Invalid("Write the day on which it was done.", "in_future", field="at")
    now = clock.now()
    found = await fetch(
        "UPDATE care_facts SET safety_review_at = ?, changed_at = ? WHERE person_id = ? RETURNING id",
        at,
        now,
        person_id,
    )
    if not found:
        raise Conflict("Write down first what a worker must know.", "no_care_facts")
    await act.tell("care_facts.set", "person", person_id)


@door("members.set_payer")
async def set_payer(
    act: Act, *, person_id: str, payer_person_id: str = "", fund: str = "own", payer_said: str = ""
) -> str:
    """Who pays for someone's support, and out of what; the payer's id, by which the books know them.

    Someone else pays only by their own yes: `payer_said` is how it was said. The one before ends and keeps its books.
    """
    act.allow(Thing("payer", "", person_id))
    [payer_id] = await _let_pay(act, person_id, [Part(payer_person_id, fund, payer_said=payer_said)])
    act.about(payer_id)
    return payer_id


class Part(msgspec.Struct, frozen=True):
    """One of those who pay for someone's support: who, out of what, which part of each visit, and how they said yes."""

    payer_person_id: str = ""
    fund: str = "own"
    share_bps: int = 10_000
    payer_said: str = ""


@door("members.share_payers")
async def share_payers(act: Act, *, person_id: str, parts: Sequence[Part]) -> list[str]:
    """Several pay for someone's support, each their part of what a visit costs; their ids, in this order.

    As `set_payer` for each. The parts add up to the whole. Money that is set aside already stays as it was agreed.
    """
    act.allow(Thing("payer", "", person_id))
    return await _let_pay(act, person_id, parts)


async def _let_pay(act: Act, person_id: str, parts: Sequence[Part]) -> list[str]:
    """These pay from now on, and nobody else; whoever paid already keeps their books."""
    if sum(part.share_bps for part in parts) != 10_000 or min(part.share_bps for part in parts) < 1:
        raise Invalid("The parts add up to the whole of a visit.", "bad_share", field="share")
    if len({(part.payer_person_id or person_id, part.fund) for part in parts}) < len(parts):
        raise Invalid("Name each of those who pay once.", "named_twice", field="share")
    now = clock.now()
    live = {
        (row["payer_person_id"], row["fund"]): (row["id"], row["share_bps"])
        for row in await fetch(
            "SELECT id, payer_person_id, fund, share_bps FROM payer WHERE person_id = ? AND ended_at IS NULL", person_id
        )
    }
    ids = []
    for part in parts:
        who = part.payer_person_id or person_id
        said = await _yes_of(act, person_id, who, part)
        same = live.pop((who, part.fund), None)
        if same is not None:
            ids.append(same[0])
            if same[1] != part.share_bps:
                await fetch("UPDATE payer SET share_bps = ? WHERE id = ?", part.share_bps, same[0])
            continue
        row = Payer(
            person_id=person_id, payer_person_id=who, fund=part.fund, share_bps=part.share_bps, said_yes_at=now,
            said_yes_via=said, from_at=now,
        )  # fmt: skip
        await insert(row)
        ids.append(str(row.id))
        await act.tell("payer.set", "person", person_id, payer=str(row.id))
    for payer_id, _ in live.values():
        await fetch("UPDATE payer SET ended_at = ? WHERE id = ?", now, payer_id)
    if len(parts) > 1:
        await act.tell("payer.shared", "person", person_id)
    return ids


async def _yes_of(act: Act, person_id: str, who: str, part: Part) -> str:
    """How this payer said yes. Raises Invalid without one."""
    if part.fund not in FUNDS:
        raise Invalid("Choose what it is paid from.", "bad_fund", field="fund")
    if who == person_id:
        said = how_said(act.actor)
    elif who == act.actor.person_id:
        said = "screen"
    elif part.payer_said in HOW_SAID and part.payer_said != "screen" and act.actor.wears("facilitator"):
        said = part.payer_said
    else:
        sentence = "Someone else pays only by their own yes. Say how they gave it."
        raise Invalid(sentence, "no_payer_yes", field="payer_said")
    if await fetch_value("SELECT id FROM person WHERE id = ?", who) is None:
        raise NotFound()
    return said

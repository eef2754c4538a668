"""What reads of people give back: plain values that pages, rules and other domains share."""

from datetime import datetime

import msgspec

from eccoo_node.kernel.access import Actor


class PersonCard(msgspec.Struct, frozen=True):
    """Someone as others see them. Phone and email are for those whom a page may show them to."""

    id: str
    called: str
    outward: str = ""
    phone: str = ""
    email: str = ""
    channel: str = "phone"
    standing: str = "here"
    face: str = ""


class Helper(msgspec.Struct, frozen=True):
    """A facilitator, to be rung."""

    person_id: str
    called: str
    phone: str


class TeamMember(msgspec.Struct, frozen=True):
    """One hat in a team. `paid` is true of a worker unless the circle has written down that they are not."""

    person_id: str
    called: str
    role: str
    known_as: str
    paid: bool
    hat_id: str = ""
    face: str = ""
    standing: str = "here"


class Voice(msgspec.Struct, frozen=True):
    """One thing that one person may do for another."""

    id: str
    speaker_id: str
    called: str
    relation: str
    basis: str
    scope: str
    words: str
    said_at: datetime
    said_via: str
    recorded_by: str
    recorded_by_called: str
    until_at: datetime | None


class Wish(msgspec.Struct, frozen=True):
    """What someone asked for beforehand; it counts as their asking."""

    id: str
    words: str
    ask_first: tuple[str, ...]
    ask_further: bool
    said_at: datetime
    said_via: str
    recorded_by: str


FACTS = ("two_people", "hoist", "stairs", "pets", "smoke")


class CareCodes(msgspec.Struct, frozen=True):
    """What a worker must know before offering. Codes only: nothing here says who or where."""

    facts: frozenset[str] = frozenset()
    language: str = "en"
    gender_wished: str = ""
    skills: frozenset[str] = frozenset()
    safety_review_at: datetime | None = None


class MustKnow(msgspec.Struct, frozen=True):
    """What only someone who is coming may read."""

    called: str
    full_name: str
    address: str
    phone: str
    way_in: str
    must_know: str


class PayerCard(msgspec.Struct, frozen=True):
    """Who pays for someone's support. `id` is the payer's own, which escrow knows; `payer_person_id` is the human."""

    id: str
    person_id: str
    payer_person_id: str
    called: str
    fund: str


class SafeWay(msgspec.Struct, frozen=True):
    """For one channel: is it safe, and what is agreed before anything is told."""

    channel: str
    safe: bool
    leave_message: bool
    agreed_words: str
    note: str


class Changed(msgspec.Struct, frozen=True):
    """A number that is too new to be rung: the one that stood before, when it was changed, and who wrote it down."""

    before: str
    at: datetime
    by: str


class Caller(msgspec.Struct, frozen=True):
    """Someone who seems to be on the phone, and how to know that it is them."""

    person: PersonCard
    unsafe: bool
    agreed: str
    note: str
    # Who else has their number or address, and may hear what is told there.
    shares: tuple[PersonCard, ...]
    # Their number is so new that the one before is rung.
    changed: Changed | None = None


class SeenCheck(msgspec.Struct, frozen=True):
    """A check as anyone may hear of it: its kind, when and by whom it was seen, and its end. Never its number."""

    id: str
    kind: str
    seen_at: datetime
    seen_by: str
    seen_by_called: str
    how: str
    expires_at: datetime | None


class Stretch(msgspec.Struct, frozen=True):
    """Minutes of a weekday on the circle's own clock; Monday is 0, `to_minute` is not part of it."""

    weekday: int
    from_minute: int
    to_minute: int


class WorkerCard(msgspec.Struct, frozen=True):
    """What a worker says about their work."""

    person_id: str
    called: str
    words: str
    languages: str
    gender: str
    rate_pence: int
    travel_pence: int
    goes_to: frozenset[str]
    skills: frozenset[str]
    avoids: frozenset[str]
    paid: bool
    covers: bool
    face: str = ""


class Need(msgspec.Struct, frozen=True):
    """What a visit asks of whoever comes. Times in UTC."""

    starts_at: datetime
    ends_at: datetime
    skills: frozenset[str] = frozenset()
    facts: frozenset[str] = frozenset()
    gender_wished: str = ""
    outward: str = ""


class WorkerFit(msgspec.Struct, frozen=True):
    """A worker who fits a need, with what the person would be shown of them."""

    person_id: str
    called: str
    words: str
    languages: str
    gender: str
    rate_pence: int
    travel_pence: int
    paid: bool
    face: str = ""


class SessionActor(msgspec.Struct, frozen=True):
    """Who is signed in on a device, as the web needs it on every page."""

    session_id: str
    actor: Actor
    called: str
    acting_for_called: str
    # What they are to the person they speak for: "daughter".
    relation: str
    seen_at: datetime
    large_print: bool
    easy_read: bool
    face: str = ""


class SessionRow(msgspec.Struct, frozen=True):
    """One place where someone is signed in, as they see it themselves."""

    id: str
    device: str
    created_at: datetime
    seen_at: datetime

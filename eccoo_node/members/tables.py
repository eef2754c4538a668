"""Rows of people, communities and hats, and of who may speak for whom."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import day, flag, key, moment, number, pence, prose, ref, serial, word
from eccoo_node.kernel.access import SCOPES

CHANNELS = ("phone", "post", "face_to_face", "email", "text")
COMMUNITY_KINDS = ("circle", "team", "practice")
TEAM_ROLES = ("owner", "coordinator", "family", "worker", "volunteer", "neighbour")
CIRCLE_ROLES = (
    "member", "worker", "volunteer", "facilitator", "panel", "treasurer", "safeguarding", "convenor", "admin",
)  # fmt: skip
# On what ground someone speaks for another (Mental Capacity Act 2005; direct payment regulations).
BASES = (
    "own_yes", "attorney_health", "attorney_money", "deputy_health", "deputy_money", "nominated", "authorised",
    "appointee", "best_interests", "advocate",
)  # fmt: skip
# How somebody's yes reached the circle.
HOW_SAID = ("screen", "phone", "paper", "face_to_face")
# How whoever writes down someone's words knows that they are theirs.
KNOWN_BY = ("agreed_words", "rang_back", "face_to_face", "letter")
CHECK_KINDS = ("dbs_enhanced", "right_to_work", "insurance", "qualification", "reference", "self_employed", "training")


class Person(Table, tablename="person"):
    """Someone the circle knows. May have no email and never sign in."""

    id = key()
    called = word(80)
    full_name = word(160)
    outward = word(8)
    address = prose()
    phone = word(32)
    email = word(254)
    channel = word(16, default="phone")
    large_print = flag()
    easy_read = flag()
    language = word(16, default="en")
    # here, in_hospital, died: what a job must know before it acts about them.
    standing = word(16, default="here")
    # In hospital since that day, or the day of the death; empty while they are here.
    standing_on = day()
    # The first signs of the hash of their picture in `face`, or nothing.
    face = word(64)
    created_at = moment()


class Face(Table, tablename="face"):
    """A small picture of someone, as base64, apart from the rows that every page reads."""

    id = key()
    person_id = ref(Person)
    media_type = word(32)
    data = prose()
    changed_at = moment()


class Community(Table, tablename="community"):
    """A circle, a team around one person, or a community of practice."""

    id = key()
    kind = word(16)
    name = word(120)
    person_id = ref(Person, null=True)
    created_at = moment()


class HatRow(Table, tablename="hat"):
    """A role in a community, worn by consent, from and until."""

    id = key()
    community_id = ref(Community)
    person_id = ref(Person)
    role = word(16)
    # How the person the team is around knows them: "daughter", "neighbour".
    known_as = word(40)
    said_yes_at = moment()
    said_yes_via = word(16)
    # Who offered it, on the community's side.
    given_by = word(36)
    from_at = moment()
    until_at = moment(null=True)
    ended_at = moment(null=True)
    ended_by = word(36)


class HatOffer(Table, tablename="hat_offer"):
    """A role that a community offers someone, until they say yes or no."""

    id = key()
    community_id = ref(Community)
    person_id = ref(Person)
    role = word(16)
    known_as = word(40)
    offered_by = word(36)
    offered_via = word(16)
    offered_at = moment()
    until_at = moment(null=True)
    # accepted, declined, taken_back; empty while it waits.
    outcome = word(16)
    closed_at = moment(null=True)


class DeathTold(Table, tablename="death_told"):
    """One person's word that somebody with power in the circle has died, until a second says so or it turns out wrong."""

    id = key()
    person_id = ref(Person)
    told_by = ref(Person)
    told_at = moment()
    closed_at = moment(null=True)


class Capacity(Table, tablename="capacity"):
    """Whether someone could make one decision at one time, as assessed for it (Mental Capacity Act s2, s3)."""

    id = key()
    person_id = ref(Person)
    scope = word(24)
    lacks = flag()
    words = prose()
    assessed_by = word(160)
    assessed_at = moment()
    recorded_by = ref(Person)
    until_at = moment()


class SpeaksFor(Table, tablename="speaks_for"):
    """Who may act for whom, for what, on what ground and until when."""

    id = key()
    person_id = ref(Person)
    speaker_id = ref(Person)
    relation = word(40)
    basis = word(24)
    scope = word(24)
    # The words the person said yes to, and how.
    words = prose()
    said_at = moment()
    said_via = word(16)
    known_by = word(24)
    recorded_by = ref(Person)
    # What was seen where the ground is not their own yes: "registered power of attorney, seen in the office".
    evidence = prose()
    capacity_id = ref(Capacity, null=True)
    until_at = moment(null=True)
    ended_at = moment(null=True)
    ended_by = word(36)


class SafeContact(Table, tablename="safe_contact"):
    """For one channel: is it safe, and what is agreed before anything is told."""

    id = key()
    person_id = ref(Person)
    channel = word(16)
    safe = flag(True)
    leave_message = flag()
    agreed_words = word(120)
    note = prose()
    changed_at = moment()


class PhoneBefore(Table, tablename="phone_before"):
    """The number that stood before a change, for as long as somebody may have to ring it."""

    id = serial()
    person_id = ref(Person)
    phone = word(32)
    changed_by = word(36)
    changed_at = moment()


class StandingWish(Table, tablename="standing_wish"):
    """What someone asked for beforehand; it counts as their asking. The newest that has not ended holds."""

    id = key()
    person_id = ref(Person)
    words = prose()
    # Worker ids in the order in which to ask, as JSON.
    ask_first = prose("[]")
    ask_further = flag()
    said_at = moment()
    said_via = word(16)
    recorded_by = ref(Person)
    ended_at = moment(null=True)


class Worker(Table, tablename="worker"):
    """What someone who gives support says about their work: own words, own rate, own limits."""

    person_id = ref(Person)
    id = key()
    words = prose()
    languages = word(200)
    gender = word(16)
    rate_pence = pence()
    travel_pence = pence()
    # Outward postcodes they will go to, as JSON.
    goes_to = prose("[]")
    skills = prose("[]")
    # Coded facts they would rather not meet, as JSON: "smoke", "pets".
    avoids = prose("[]")
    paid = flag(True)
    # The circle pays them a wage, so what is paid for their visits is the circle's.
    employed = flag()
    covers = flag(True)
    changed_at = moment()


class Check(Table, tablename="credential"):
    """A check that somebody saw, with its end. The number never leaves the node."""

    id = key()
    person_id = ref(Person)
    kind = word(24)
    number = word(64)
    seen_at = moment()
    seen_by = ref(Person)
    how = word(24)
    expires_at = moment(null=True)
    ended_at = moment(null=True)


class FreeTime(Table, tablename="free_time"):
    """A stretch of a weekday, in the circle's own time, in which a worker may be asked."""

    id = serial()
    person_id = ref(Person)
    weekday = number()
    from_minute = number()
    to_minute = number()


class CareFacts(Table, tablename="care_facts"):
    """What a worker must know before offering, in codes, and what only one who is coming may read."""

    id = key()
    person_id = ref(Person)
    two_people = flag()
    hoist = flag()
    stairs = flag()
    pets = flag()
    smoke = flag()
    language = word(16, default="en")
    gender_wished = word(16)
    skills = prose("[]")
    safety_review_at = moment(null=True)
    way_in = prose()
    must_know = prose()
    changed_at = moment()


class Payer(Table, tablename="payer"):
    """Who pays for someone's support and out of what."""

    id = key()
    person_id = ref(Person)
    payer_person_id = ref(Person)
    fund = word(24, default="own")
    # The payer's own yes, where somebody else pays.
    said_yes_at = moment(null=True)
    said_yes_via = word(16)
    # What part of each visit they pay, where several do; those who pay alone pay the whole.
    share_bps = number(10_000)
    # They pay after the visit, and the circle's own money stands in until then; by which decision.
    arrears = flag()
    arrears_decision = word(36)
    from_at = moment()
    ended_at = moment(null=True)


class Session(Table, tablename="session"):
    """Someone signed in on one device. `acting_for` is whom they speak for, or write down, on it now."""

    id = key()
    token_hash = word(64)
    person_id = ref(Person)
    device = word(80)
    acting_for = word(36)
    acting_via = word(16)
    known_by = word(24)
    acting_since = moment(null=True)
    signed_in_by = word(16)
    created_at = moment()
    seen_at = moment()
    ends_at = moment()
    ended_at = moment(null=True)


class SignIn(Table, tablename="sign_in"):
    """One way in, once: a link with six digits by mail, or a printed code from a facilitator."""

    id = key()
    # Empty for an address nobody here has: it is written all the same, so that both take the same path.
    person_id = ref(Person, null=True)
    kind = word(16)
    # What the browser that asked holds; one asking is several rows where people share an address.
    asked = word(36)
    link_hash = word(64)
    code_hash = word(64)
    code_salt = word(32)
    tries = number()
    issued_by = word(36)
    created_at = moment()
    expires_at = moment()
    used_at = moment(null=True)


class Attempt(Table, tablename="attempt"):
    """Counts tries for a rate limit, by a key that holds no name."""

    id = serial()
    key = word(96)
    window = moment()
    tries = number()


TABLES = [
    Person, Face, Community, HatRow, HatOffer, DeathTold, Capacity, SpeaksFor, SafeContact, PhoneBefore, StandingWish, Worker, Check,
    FreeTime, CareFacts, Payer, Session, SignIn, Attempt,
]  # fmt: skip

extras.one_of("community", "kind", COMMUNITY_KINDS)
extras.one_of("person", "channel", CHANNELS)
extras.one_of("person", "standing", ("here", "in_hospital", "died"))
extras.check("person", "email = lower(email)")
extras.one_of("speaks_for", "basis", BASES)
extras.one_of("speaks_for", "scope", SCOPES)
extras.one_of("capacity", "scope", SCOPES)
extras.one_of("hat_offer", "outcome", ("", "accepted", "declined", "taken_back"))
extras.one_of("credential", "kind", CHECK_KINDS)
extras.unique("community", "person_id", where="kind = 'team'")
extras.unique("hat", "community_id", "person_id", "role", where="ended_at IS NULL")
extras.unique("speaks_for", "person_id", "speaker_id", "scope", where="ended_at IS NULL")
extras.unique("hat_offer", "community_id", "person_id", "role", where="closed_at IS NULL")
extras.unique("death_told", "person_id", where="closed_at IS NULL")
extras.unique("safe_contact", "person_id", "channel")
extras.unique("standing_wish", "person_id", where="ended_at IS NULL")
extras.unique("face", "person_id")
extras.unique("worker", "person_id")
extras.unique("care_facts", "person_id")
extras.unique("session", "token_hash")
extras.unique("attempt", "key", "window")
extras.unique("sign_in", "link_hash", where="link_hash <> ''")
extras.index("hat", "person_id", where="ended_at IS NULL")
extras.index("hat", "community_id", where="ended_at IS NULL")
extras.index("credential", "person_id")
extras.index("free_time", "person_id")
extras.index("person", "email")
extras.index("phone_before", "person_id")
extras.index("sign_in", "code_hash")
extras.index("sign_in", "asked")
extras.index("speaks_for", "speaker_id", where="ended_at IS NULL")
extras.index("hat_offer", "person_id", where="closed_at IS NULL")
extras.index("capacity", "person_id")
extras.index("payer", "person_id")
extras.check("payer", "share_bps BETWEEN 1 AND 10000")
extras.check("payer", "arrears = FALSE OR arrears_decision <> ''")
extras.index("session", "person_id")
extras.check("free_time", "weekday BETWEEN 0 AND 6")
extras.check("free_time", "from_minute >= 0 AND to_minute <= 1440 AND from_minute < to_minute")
extras.check("worker", "rate_pence >= 0 AND travel_pence >= 0")

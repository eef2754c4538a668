"""What a link allows, what it is called in words, and what two circles agree by default. No rows, no network."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from eccoo_federation import handshake, jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import CAPS
from eccoo_node.kernel.money import percent, pounds

Standing = Literal["asked", "words", "agreeing", "open", "suspended_by_us", "suspended_by_them", "ended"]
Direction = Literal["in", "out"]

BOTH_WAYS = ("cover.offer", "cover.request", "settle")
# Alarms about who they are: an admin rings before anything else is believed.
HAS_ENDED = "The link has ended. To link after all, one of the two invites the other anew."
# A call of the handshake that the other side refused for one of these reasons will never go better.
FINAL = frozenset((
    "bad_invite", "bad_reveal", "wrong_node", "bad_log", "bad_key", "bad_proof", "log_forked", "bad_address", "link_ended",
))  # fmt: skip
LOUD = ("keys_replaced", "log_forked", "move_denied", "not_them", "key_of_another")
CREDIT_LIMIT_PENCE = 50_000
HALF_BPS = 5_000

# What both circles promise about what they learn of people. Its hash stands in the agreement: a change asks both again.
DATA_TERMS = (
    "What we learn of a person through this link we use for that visit alone. Names, addresses and care notes are kept "
    "no longer than the day they were sent with says, and are deleted sooner when the person or their circle asks."
)


class Terms(msgspec.Struct, frozen=True):
    """What two circles agree, seen from ours. The share is what the worker's circle keeps of each commission."""

    we_may: tuple[str, ...] = BOTH_WAYS
    they_may: tuple[str, ...] = BOTH_WAYS
    home_share_bps: int = HALF_BPS
    schedule: Literal["home", "asking"] = "home"
    credit_limit_pence: int = CREDIT_LIMIT_PENCE
    statement_period: Literal["week", "month"] = "month"


class Policy(msgspec.Struct, frozen=True):
    """What the one policy function needs to know of a link."""

    us: str
    them: str
    state: str
    suspended: bool
    narrowed: dict[str, tuple[str, ...]]
    agreement: dict[str, Any] | None
    # It has ended, and all is through.
    closed: bool = False


def data_terms_hash() -> str:
    return jcs.digest({"tag": "circle-data-terms-1", "text": DATA_TERMS})


def or_ended(state: str, sentence: str) -> str:
    """Why something cannot be done; of a link that has ended, that it has."""
    return HAS_ENDED if state == "ended" else sentence


def standing(state: str, *, by_us: bool, by_them: bool) -> Standing:
    """The one word for how a link stands; our own suspension is named before theirs, because we can lift it."""
    if state == "open" and by_us:
        return "suspended_by_us"
    if state == "open" and by_them:
        return "suspended_by_them"
    return state  # type: ignore[return-value]


def refusal(policy: Policy, direction: Direction, scope: str, now: datetime) -> ProtocolError | None:
    """None when this may cross the link now. The inbox, the sender, pulls and rendered lists all ask here."""
    status: handshake.Status = "pending"
    if policy.state == "ended":
        status = "closed" if policy.closed else "ended"
    elif policy.state == "open":
        status = "suspended" if policy.suspended else "active"
    link = handshake.LinkState(us=policy.us, them=policy.them, status=status, narrowed=policy.narrowed)
    agreement = msgspec.convert(policy.agreement, handshake.Agreement) if policy.agreement else None
    return handshake.refusal(agreement, link, direction, scope, now)


# An agreement lasts a year; so many days before its end both admins are told.
REMIND_DAYS = (60, 30, 7)


def days_left(until: datetime, now: datetime) -> int:
    """Whole days until an agreement runs out, counted up; 0 or less once it has."""
    return math.ceil((until - now) / timedelta(days=1))


def reminder(until: datetime, now: datetime) -> int | None:
    """Which of the reminders is due: 60, 30 or 7 days, 0 once it has run out, None while it is far off."""
    left = days_left(until, now)
    if left <= 0:
        return 0
    return next((days for days in reversed(REMIND_DAYS) if left <= days), None)


def caps_of(document: Mapping[str, Any]) -> str:
    """What the node of this document and ours can both do, as a link keeps it."""
    return " ".join(cap for cap in CAPS if cap in document["caps"])


def terms_of(agreement: Mapping[str, Any], us: str, them: str) -> Terms:
    """An agreement or proposal as one side reads it."""
    commission = agreement["commission"]
    return Terms(
        we_may=tuple(sorted(agreement["may"].get(us, ()))),
        they_may=tuple(sorted(agreement["may"].get(them, ()))),
        home_share_bps=commission["home_share_bps"],
        schedule=commission["schedule"],
        credit_limit_pence=agreement["credit_limit_pence"],
        statement_period=agreement["statement_period"],
    )


def without(terms: Terms, *, we: tuple[str, ...] = (), they: tuple[str, ...] = ()) -> Terms:
    """These terms after scopes were taken back; of a pool its fields, one by one."""
    return msgspec.structs.replace(
        terms, we_may=taken_away(terms.we_may, set(we)), they_may=taken_away(terms.they_may, set(they))
    )


def taken_away(scopes: tuple[str, ...], taken: Iterable[str]) -> tuple[str, ...]:
    """What is left of these scopes, also of what a pool shows, without others."""
    gone, lost = set(taken), pool_fields(taken)
    left = {scope for scope in scopes if not scope.startswith(POOL) and scope not in gone}
    return tuple(sorted(left | pool_scope(field for field in pool_fields(scopes) if field not in lost)))


POOL = "pool.read:"


def pool_fields(scopes: Iterable[str]) -> tuple[str, ...]:
    """The fields of a pool that these scopes open, in the order in which they are shown."""
    named = {field for scope in scopes if scope.startswith(POOL) for field in scope.removeprefix(POOL).split(",")}
    return tuple(field for field in handshake.POOL_FIELDS if field in named)


def pool_scope(fields: Iterable[str]) -> set[str]:
    """The one scope that opens these fields; none when there is none."""
    wanted = set(fields)
    return {POOL + ",".join(field for field in handshake.POOL_FIELDS if field in wanted)} if wanted else set()


def same_terms(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two proposals differ in nothing but their dates."""
    aside = {"agreed_at", "expires_at", "proof"}
    return {k: v for k, v in one.items() if k not in aside} == {k: v for k, v in other.items() if k not in aside}


# What each field of a pool is called.
POOL_WORDS = {
    "first_name": "first name", "skills": "skills", "languages": "languages", "areas": "where they go",
    "rate": "rate", "hours": "hours",
}  # fmt: skip
SCOPES = ("cover.request", "cover.offer", "settle", "attest.read", "introduce")
# What we may do, what they may do, and both in one.
_SAY = {
    "cover.request": (
        "We may ask {them} for cover.", "{them} may ask us for cover.", "We may ask {them} for cover, and they may ask us.",
    ),
    "cover.offer": (
        "Our workers may offer to come when they ask.", "Their workers may offer to come when we ask.",
        "Workers of either may offer to come when the other asks.",
    ),
    "settle": (
        "We may tell {them} what visits cost.", "{them} may tell us what visits cost.",
        "Each tells the other what visits cost.",
    ),
    "attest.read": (
        "We may read what {them} has seen of a worker.", "{them} may read what we have seen of a worker.",
        "Each may read what the other has seen of a worker.",
    ),
    "introduce": (
        "We may ask {them} to introduce us to circles that they know.",
        "{them} may ask us to introduce them to circles that we know.",
        "Each may ask the other to be introduced to circles that they know.",
    ),
}  # fmt: skip


def say_scope(scope: str, them: str, *, ours: bool) -> str:
    """What one scope lets us do, or them."""
    if scope.startswith(POOL):
        fields = ", ".join(POOL_WORDS[field] for field in pool_fields([scope]))
        if ours:
            return f"Of their workers who say yes to it, we may see: {fields}."
        return f"Of our workers who say yes to it, {them} may see: {fields}."
    return _SAY[scope][0 if ours else 1].format(them=them)


def sentences(terms: Terms, them: str) -> list[tuple[str, list[str]]]:
    """What is agreed, under headings, as an admin reads it before pressing Agree."""
    order = {scope: place for place, scope in enumerate(SCOPES)}
    by_order = sorted({*terms.we_may, *terms.they_may}, key=lambda scope: (order.get(scope, 99), scope))
    cover = []
    for scope in by_order:
        if scope in _SAY and scope in terms.we_may and scope in terms.they_may:
            cover.append(_SAY[scope][2].format(them=them))
            continue
        if scope in terms.we_may:
            cover.append(say_scope(scope, them, ours=True))
        if scope in terms.they_may:
            cover.append(say_scope(scope, them, ours=False))
    share = percent(terms.home_share_bps)
    halves = "The circles’ part of each visit is shared half and half."
    money = [
        halves if terms.home_share_bps == HALF_BPS else
        f"Of the circles’ part of each visit, {share} stays with the worker’s circle. The rest stays with the circle that asked.",
        f"Neither owes the other more than {pounds(terms.credit_limit_pence)}. Past that, new cover waits.",
        f"Each {terms.statement_period} both compare what is owed.",
    ]  # fmt: skip
    people = [
        "What we learn of a person is used for that visit alone, and deleted when its time is over.",
        "Either circle can pause or end this at any time, at once.",
    ]
    return [("Who may ask", cover or ["Nobody may ask anything yet."]), ("Money", money), ("People", people)]

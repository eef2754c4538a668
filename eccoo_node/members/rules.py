"""The rules of people: who may do what to whose record, which ground of speaking covers what, and who fits a visit."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from eccoo_node.kernel.access import Actor, Hat, Thing, rule
from eccoo_node.members.cards import Need, SeenCheck, Stretch, WorkerCard

CARE_SCOPES = frozenset({"ask_for_cover", "choose_who_comes", "share_my_details", "say_visit_went"})
# What each ground of speaking for someone can cover at most. An advocate supports and never decides; an appointee
# deals with benefits, which the circle does not (Mental Capacity Act 2005; SI 2014/2871 for direct payments).
COVERS = {
    "own_yes": CARE_SCOPES | {"money"},
    "attorney_health": CARE_SCOPES,
    "deputy_health": CARE_SCOPES,
    "attorney_money": frozenset({"money"}),
    "deputy_money": frozenset({"money"}),
    "nominated": frozenset({"money"}),
    "authorised": frozenset({"money"}),
    "best_interests": CARE_SCOPES,
    "appointee": frozenset(),
    "advocate": frozenset(),
}
# Only while the person cannot make that one decision, as assessed for it and written down.
NEEDS_CAPACITY_RECORD = frozenset({"attorney_health", "deputy_health", "best_interests"})
# Scopes in which someone who is paid to come would decide about their own work.
NOT_FOR_PAID = frozenset({"ask_for_cover", "choose_who_comes"})

# A family hat as an actor wears it while the person has said yes to nothing (see access.Hat).
RELATIVE = "relative"

# Circle hats that carry power over others' records or money; given by an admin, not by oneself.
POWERS = frozenset({"facilitator", "panel", "treasurer", "safeguarding", "convenor", "admin"})

PAID_CHECKS = ("dbs_enhanced", "insurance", "right_to_work")
UNPAID_CHECKS = ("dbs_enhanced",)
# Checks that were never seen to end are not believed for ever.
MUST_END = frozenset({"insurance"})


def checks_needed(*, paid: bool) -> tuple[str, ...]:
    """Help with care because of age or illness needs the DBS check, paid or not; the other two are for paid work."""
    return PAID_CHECKS if paid else UNPAID_CHECKS


def checks_missing(checks: Iterable[SeenCheck], kinds: Iterable[str], until: datetime) -> list[str]:
    """Which kinds are not in date up to and at that moment."""
    held = {c.kind for c in checks if c.seen_at <= until and (c.expires_at is None or c.expires_at >= until)}
    return [kind for kind in kinds if kind not in held]


def on_the_wall(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> list[Stretch]:
    """The stretches of the circle's own clock that a span of real time touches, each within one day.

    The clock is read minute by minute, so that a visit over the hour that is skipped or told twice is right: the
    skipped hour is asked of nobody, and the hour told twice must be free on the clock both times.
    """
    moment = starts_at.astimezone(UTC).replace(second=0, microsecond=0)
    end = ends_at.astimezone(UTC)
    found: list[list[int]] = []
    while moment < end:
        local = moment.astimezone(zone)
        day, minute = local.weekday(), local.hour * 60 + local.minute
        if found and found[-1][0] == day and found[-1][2] == minute:
            found[-1][2] = minute + 1
        else:
            found.append([day, minute, minute + 1])
        moment += timedelta(minutes=1)
    return [Stretch(*piece) for piece in found]


def is_free(wanted: Sequence[Stretch], free: Iterable[Stretch]) -> bool:
    """Whether every minute wanted lies in some free stretch; stretches that touch count as one."""
    by_day: dict[int, list[Stretch]] = {}
    for stretch in sorted(free, key=lambda s: s.from_minute):
        by_day.setdefault(stretch.weekday, []).append(stretch)
    for piece in wanted:
        reached = piece.from_minute
        for stretch in by_day.get(piece.weekday, ()):
            if stretch.from_minute > reached:
                break
            reached = max(reached, stretch.to_minute)
        if reached < piece.to_minute:
            return False
    return True


def why_not(
    worker: WorkerCard,
    checks: Iterable[SeenCheck],
    free: Iterable[Stretch],
    need: Need,
    zone: ZoneInfo,
    *,
    wanted: Sequence[Stretch] | None = None,
) -> str | None:
    """Why this worker does not fit this visit, as a code, or None when they do.

    `no_cover`, `skills`, `checks`, `too_far`, `gender`, `facts`, `not_free`, in that order. `wanted` is the visit
    on the circle's clock, for a caller that asks about many workers.
    """
    if not worker.covers:
        return "no_cover"
    if not need.skills <= worker.skills:
        return "skills"
    if checks_missing(checks, checks_needed(paid=worker.paid), need.ends_at):
        return "checks"
    if need.outward and need.outward.upper() not in worker.goes_to:
        return "too_far"
    if need.gender_wished and need.gender_wished != worker.gender:
        return "gender"
    if need.facts & worker.avoids:
        return "facts"
    if not is_free(on_the_wall(need.starts_at, need.ends_at, zone) if wanted is None else wanted, free):
        return "not_free"
    return None


def _plain(text: str) -> str:
    """Small letters without accents, so that "Zoe" finds Zoë."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def answers_to(called: str, full_name: str, phone: str, text: str, *, whole: bool = False) -> bool:
    """Whether someone of these names and this number is meant by what was typed.

    Four digits or more are looked for in the number, the last nine of them, so that +44 and 0 are the same; else
    each word typed begins one of the names. `whole`: only who is named by all of it.
    """
    if whole:
        return _is_wholly(called, full_name, phone, text)
    digits = "".join(c for c in text if c.isdigit())
    if len(digits) >= 4:
        return digits[-9:] in "".join(c for c in phone if c.isdigit())
    known, typed = _plain(f"{called} {full_name}").split(), _plain(text).split()
    return bool(typed) and all(any(name.startswith(word) for name in known) for word in typed)


def _is_wholly(called: str, full_name: str, phone: str, text: str) -> bool:
    """Whether exactly this one was typed, for whoever does not keep the list of people: all of what they are called, or of
    their name, or of their number, so that nobody is found who was not known already."""
    digits = "".join(c for c in text if c.isdigit())
    if len(digits) >= 4:
        return len(digits) >= 9 and digits[-9:] == "".join(c for c in phone if c.isdigit())[-9:]
    family = _plain(full_name).split()[-1:]
    named = (_plain(called).split(), _plain(full_name).split(), [*_plain(called).split(), *family])
    return bool(text.strip()) and _plain(text).split() in named


def writes_down_for(actor: Actor, person_id: str) -> bool:
    """A facilitator who writes down what this person says on the phone, face to face or by post."""
    return (
        bool(person_id)
        and actor.acting_for == person_id
        and actor.person_id != person_id
        and actor.via in {"phone", "paper"}
        and actor.wears("facilitator")
        and bool(actor.known_by)
    )


def own_words(actor: Actor, person_id: str) -> bool:
    """The person themselves, or a facilitator who writes their words down. Never someone who speaks for them."""
    return bool(person_id) and (
        (actor.person_id == person_id and not actor.acting_for) or writes_down_for(actor, person_id)
    )


def worn(rows: Iterable[Sequence[str | None]]) -> tuple[Hat, ...]:
    """Hats as they open doors, in the order of the rows: role, community, its kind, whose team it is, and one scope of
    that person's yes to this wearer for each row, or none."""
    found: dict[Hat, set[str]] = {}
    for role, community_id, kind, person_id, scope in rows:
        if role:
            hat = Hat(role, community_id or "", kind or "", person_id or "")
            found.setdefault(hat, set()).update({scope} if scope else set())
    return tuple(
        replace(hat, role=RELATIVE if hat.role == "family" and not scopes else hat.role, scopes=frozenset(scopes))
        for hat, scopes in found.items()
    )


def yes_to(actor: Actor, person_id: str, community_id: str) -> frozenset[str]:
    """What this person's own yes lets the actor do: as whoever speaks for them now, or as family in their team."""
    found = actor.scopes if person_id and actor.acting_for == person_id else frozenset()
    for hat in actor.hats:
        if hat.role == "family" and hat.community_id == community_id and hat.person_id == person_id:
            found |= hat.scopes
    return found


def how_said(actor: Actor) -> str:
    """How the words reached the circle: on their screen, by phone, on paper, or face to face."""
    return "face_to_face" if actor.known_by == "face_to_face" else actor.via


def as_self(actor: Actor) -> bool:
    """Signed in and speaking for nobody."""
    return bool(actor.person_id) and not actor.acting_for


@rule("members.begin_circle")
def _begin(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()


@rule("members.register_person", "members.find_people")
def _register(actor: Actor, thing: Thing) -> bool | str:
    return actor.wears("facilitator") or "Only a facilitator keeps the circle’s list of people."


@rule("members.see_roles")
def _roles(actor: Actor, thing: Thing) -> bool | str:
    own = not actor.acting_for and actor.wears("admin")
    return own or "Only an admin of the circle decides who does what."


@rule("members.say_standing")
def _standing(actor: Actor, thing: Thing) -> bool | str:
    """A facilitator, of somebody else; where one has written down a death, whoever looks after the circle in any role can
    say that it is so, or is not."""
    roles = POWERS if thing.kind == "death_told" else ("facilitator",)
    return actor.wears(*roles) and actor.person_id != thing.person_id


@rule(
    "members.start_team", "members.set_safe_contact", "members.set_standing_wish", "members.set_care_facts",
    "members.set_face", "members.see_who_speaks", "members.correct_person",
)  # fmt: skip
def _own(actor: Actor, thing: Thing) -> bool | str:
    """What only the person's own words can change."""
    return own_words(actor, thing.person_id)


@rule("members.offer_hat", "members.take_back_hat")
def _offer(actor: Actor, thing: Thing) -> bool | str:
    """A team's hats are offered by the person it is around, or who chooses for them who comes; the circle's
    by a facilitator, and those with power by an admin."""
    if thing.kind.startswith("team:"):
        return actor.speaks_as(thing.person_id, "choose_who_comes")
    role = thing.kind.partition(":")[2]
    return actor.wears("admin") or (role not in POWERS and actor.wears("facilitator"))


@rule("members.give_hat")
def _give_hat(actor: Actor, thing: Thing) -> bool | str:
    """Both yeses in one act: only a facilitator writes down someone else's, and never their own hat's."""
    if not actor.wears("facilitator", "admin") or actor.person_id == thing.worker_id:
        return "Offer it, and they can say yes themselves."
    return _offer(actor, thing)


@rule("members.answer_hat")
def _answer_hat(actor: Actor, thing: Thing) -> bool | str:
    return own_words(actor, thing.worker_id)


@rule("members.end_hat")
def _end_hat(actor: Actor, thing: Thing) -> bool | str:
    """Whoever wears it may always take it off."""
    return own_words(actor, thing.worker_id) or _offer(actor, thing)


@rule("members.let_speak")
def _let_speak(actor: Actor, thing: Thing) -> bool | str:
    """The person's own yes; nobody who speaks for them, or would, can give it."""
    if own_words(actor, thing.person_id):
        return True
    return "Only they can say who speaks for them. A facilitator can write down what they say."


@rule("members.record_authority", "members.record_capacity")
def _record_authority(actor: Actor, thing: Thing) -> bool | str:
    """Seen and written down by a facilitator who is neither the one to speak nor the person."""
    return actor.wears("facilitator") and actor.person_id not in {thing.person_id, thing.worker_id}


@rule("members.stop_speaking")
def _stop_speaking(actor: Actor, thing: Thing) -> bool | str:
    """The person, at once and without a reason; or the one who speaks, stepping down."""
    return own_words(actor, thing.person_id) or own_words(actor, thing.worker_id)


@rule("members.set_worker_profile", "members.set_free_time")
def _own_work(actor: Actor, thing: Thing) -> bool | str:
    return own_words(actor, thing.person_id)


@rule("members.set_paid")
def _set_paid(actor: Actor, thing: Thing) -> bool | str:
    """Not one's own word: whoever is paid may not ask for cover, so nobody may declare themselves unpaid."""
    return actor.wears("facilitator", "admin") and actor.person_id != thing.person_id


@rule("members.set_employed")
def _set_employed(actor: Actor, thing: Thing) -> bool | str:
    """A wage is the circle's to pay, so who keeps its money or its machine says so; never of oneself."""
    return actor.wears("treasurer", "admin") and actor.person_id != thing.person_id and not actor.acting_for


@rule("members.record_check", "members.end_check", "members.record_safety_review")
def _record_check(actor: Actor, thing: Thing) -> bool | str:
    """Seen by a named checker, and nobody checks themselves."""
    if actor.person_id == thing.person_id:
        return "Someone else has to see your own papers."
    return actor.wears("facilitator", "panel")


@rule("members.lapse_check")
def _lapse_check(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()


@rule("members.set_payer", "members.share_payers")
def _set_payer(actor: Actor, thing: Thing) -> bool | str:
    return actor.speaks_as(thing.person_id, "money")


@rule("members.ask_for_link", "members.redeem")
def _anyone(actor: Actor, thing: Thing) -> bool | str:
    """Signing in is for whoever holds what was sent; there is nobody yet to ask about."""
    return True


@rule("members.print_code")
def _print_code(actor: Actor, thing: Thing) -> bool | str:
    return (actor.wears("facilitator") and actor.person_id != thing.person_id) or (
        "Only a facilitator can print a code, and for someone else."
    )


@rule("members.sign_in_as", "members.make_setup_link")
def _sign_in_as(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()


@rule("members.end_session")
def _own_session(actor: Actor, thing: Thing) -> bool | str:
    return bool(actor.person_id) and actor.person_id == thing.person_id


@rule("members.start_speaking_for", "members.stop_speaking_for")
def _start_speaking(actor: Actor, thing: Thing) -> bool | str:
    """Whether there is a live yes is asked of the table; here only that it is one's own session."""
    return bool(actor.person_id)


@rule("members.look_up", "members.start_writing_down")
def _start_writing(actor: Actor, thing: Thing) -> bool | str:
    if not actor.wears("facilitator") or actor.person_id == thing.person_id:
        return "Only a facilitator writes down what someone says."
    if actor.person_id in thing.paid_workers:
        return "You are paid to work in this team, so another facilitator has to write this down."
    return True


@rule("members.see_team")
def _see_team(actor: Actor, thing: Thing) -> bool | str:
    """Those in it, those who speak for the person, and the circle's facilitators."""
    return (
        any(hat.community_id == thing.community_id for hat in actor.hats)
        or actor.acting_for == thing.person_id
        or actor.wears("facilitator")
    )


@rule("members.see_face")
def _see_face(actor: Actor, thing: Thing) -> bool | str:
    """One's own, of whom one speaks for, and for a facilitator everyone's. Who else may is asked of the table."""
    return bool(thing.person_id) and (
        thing.person_id in {actor.person_id, actor.acting_for} or actor.wears("facilitator")
    )

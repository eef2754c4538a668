"""The rules of cover: who may ask, who may choose, and by which hour there is news."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from eccoo_federation import limits
from eccoo_node.disputes.rules import deals_with_money
from eccoo_node.kernel.access import Actor, Thing, rule
from eccoo_node.rota.rules import local, sees_choices

NEWS_HOURS = (time(8), time(10), time(12), time(14), time(16), time(18), time(20))
SLOT = timedelta(minutes=15)
# How long what was disclosed may be kept after the visit: long enough to answer and settle it.
RETAIN = timedelta(days=14)
CONFIRM_WITHIN = timedelta(hours=2)
# The checks without which nobody is asked to come.
NEEDED_CHECKS = ("dbs_enhanced", "right_to_work", "insurance")


class Hours(msgspec.Struct, frozen=True):
    """The hours of one request, all in UTC: next news, how long offers stay good, and when to ring if not sure."""

    next_news_at: datetime
    hold_until: datetime
    go_no_go_at: datetime


def next_news(now: datetime, starts_at: datetime, zone: ZoneInfo) -> datetime:
    """The next of the day's hours for news that is at least an hour and a half away, and never after the visit begins.

    At night the next news is at eight in the morning; what is near at hand has news in half the time that is left.
    """
    soonest = now + timedelta(minutes=90)
    day = now.astimezone(zone).date()
    for days in range(3):
        for hour in NEWS_HOURS:
            at = local(day + timedelta(days=days), hour, zone)
            if at >= soonest:
                return at if at < starts_at else max(now + (starts_at - now) / 2, now)
    raise AssertionError("a day has hours for news")


def hours(now: datetime, starts_at: datetime, zone: ZoneInfo) -> Hours:
    """Be sure by 6pm the evening before, or an hour before the visit when that has passed; never in the past."""
    evening = local(starts_at.astimezone(zone).date() - timedelta(days=1), time(18), zone)
    sure_by = evening if evening >= now + timedelta(hours=1) else starts_at - timedelta(hours=1)
    sure_by = min(max(sure_by, now + timedelta(minutes=5)), starts_at)
    return Hours(next_news(now, starts_at, zone), starts_at, sure_by)


def called_off_at(said_at: datetime, heard_at: datetime) -> datetime:
    """When a visit counts as called off: as its letter says, so far as a message may have been under way.

    Whoever hears of it can prove no earlier moment, and a worker's share is not lost by a date that somebody wrote.
    """
    return min(max(said_at, heard_at - timedelta(seconds=limits.SIGNATURE_LIFE_S)), heard_at)


def slots(starts_at: datetime, ends_at: datetime) -> list[datetime]:
    """The quarter hours that a visit touches, from the one it begins in."""
    at = starts_at - timedelta(
        minutes=starts_at.minute % 15, seconds=starts_at.second, microseconds=starts_at.microsecond
    )
    found = []
    while at < ends_at:
        found.append(at)
        at += SLOT
    return found


def _self_or_written_down(actor: Actor, worker_id: str) -> bool:
    if not worker_id:
        return False
    if actor.person_id == worker_id and not actor.acting_for:
        return True
    written = actor.via in {"phone", "paper"} and actor.wears("facilitator") and bool(actor.known_by)
    return written and actor.acting_for == worker_id


NOT_YOURS_TO_ASK = "Only the person supported, or someone who speaks for them, can ask for cover."


@rule("cover.ask", "cover.ask_further", "cover.hurry", "cover.stop_asking", "cover.end", "cover.talk")
def _ask(actor: Actor, thing: Thing) -> bool | str:
    """The person, who speaks for them with that scope, or their standing wish. Never a paid worker of the team,
    whatever other hats they wear (CQC scope of introductory agencies; care-rules C1 2)."""
    if actor.is_node():
        return True
    own = actor.person_id == thing.person_id and not actor.acting_for
    if not own and actor.person_id in thing.paid_workers:
        return NOT_YOURS_TO_ASK
    return actor.speaks_as(thing.person_id, "ask_for_cover") or NOT_YOURS_TO_ASK


@rule("cover.choose")
def _choose(actor: Actor, thing: Thing) -> bool | str:
    own = actor.person_id == thing.person_id and not actor.acting_for
    if not own and actor.person_id in thing.paid_workers:
        return "Someone who is paid for the work does not choose who comes."
    return actor.speaks_as(thing.person_id, "choose_who_comes")


@rule("cover.pay_more", "cover.pay_no_more")
def _pay_more(actor: Actor, thing: Thing) -> bool | str:
    """The payer, or who speaks for them about money. Nobody who is paid in the team, whatever other hats they wear: not
    even where the money is in their own name, for then someone else has to look at the price."""
    if actor.person_id in {thing.worker_id, *thing.paid_workers} - {""}:
        return "Someone who is paid for the work does not answer about its price."
    return actor.speaks_as(thing.payer_id, "money")


@rule("cover.override", "cover.take_after_all")
def _override(actor: Actor, thing: Thing) -> bool | str:
    """A facilitator, and never one who is paid in the team it is about."""
    return bool(thing.person_id) and actor.wears("facilitator") and actor.person_id not in thing.paid_workers


A_PART = "You have a part in this, so someone else writes it down."


def _writes_sum(actor: Actor, thing: Thing) -> bool | str:
    if not actor.wears("facilitator") or actor.acting_for:
        return "A facilitator of each circle writes this down."
    return actor.person_id not in thing.parties | thing.paid_workers | {thing.worker_id} or A_PART


@rule("cover.resolve")
def _resolve(actor: Actor, thing: Thing) -> bool | str:
    """A facilitator who has no part in it: is not paid in the team, nor pays, cares for or speaks for anybody in it, nor
    has said so."""
    return bool(thing.person_id) and _writes_sum(actor, thing)


@rule("cover.resolve_away")
def _resolve_away(actor: Actor, thing: Thing) -> bool | str:
    """A facilitator, and never about their own pay or that of someone they speak for."""
    return bool(thing.worker_id) and _writes_sum(actor, thing)


@rule("cover.step_aside", "cover.step_aside_away")
def _step_aside(actor: Actor, thing: Thing) -> bool | str:
    return bool(thing.id) and actor.wears("facilitator") and not actor.acting_for


@rule("cover.see_sum")
def _see_sum(actor: Actor, thing: Thing) -> bool | str:
    """What the two circles wrote of a visit: the person, whoever pays, who speaks for one about money, who writes it."""
    return deals_with_money(actor, thing) or _writes_sum(actor, thing)


@rule("cover.see_sum_away")
def _see_sum_away(actor: Actor, thing: Thing) -> bool | str:
    return _self_or_written_down(actor, thing.worker_id) or _resolve_away(actor, thing)


@rule("cover.spoken_away")
def _spoken_away(actor: Actor, thing: Thing) -> bool | str:
    """The worker, or a facilitator: whichever of them the other circle gets on the telephone."""
    helps = bool(thing.worker_id) and actor.wears("facilitator") and not actor.acting_for
    return helps or _self_or_written_down(actor, thing.worker_id)


@rule("cover.say_nobody")
def _say_nobody(actor: Actor, thing: Thing) -> bool | str:
    return bool(thing.id) and actor.wears("facilitator") and not actor.acting_for


@rule("cover.let_go")
def _let_go(actor: Actor, thing: Thing) -> bool | str:
    """Whoever helps or keeps the books, and never about their own pay."""
    helps = actor.wears("facilitator", "treasurer") and not actor.acting_for
    return bool(thing.worker_id) and helps and actor.person_id != thing.worker_id


@rule("cover.see")
def _see(actor: Actor, thing: Thing) -> bool | str:
    """What was asked and offered is seen by the person, who asks or chooses for them, and a facilitator.

    Not by the team, nor by anyone who is paid in it, whatever else they are: nobody is shown whom else was asked.
    """
    return sees_choices(actor, thing)


@rule("cover.answer_near", "cover.offer", "cover.take_back", "cover.read", "cover.cant_after_all", "cover.say_away")
def _worker(actor: Actor, thing: Thing) -> bool | str:
    return _self_or_written_down(actor, thing.worker_id) or "Only the worker who was asked can say this."


@rule("cover.see_open")
def _see_open(actor: Actor, thing: Thing) -> bool | str:
    """A request from another circle is seen by the workers whom it fits, and by those who run the circle."""
    return actor.wears("worker") or actor.wears("facilitator")


@rule("cover.see_mine")
def _see_mine(actor: Actor, thing: Thing) -> bool | str:
    return _self_or_written_down(actor, thing.worker_id)


@rule(
    "cover.hear_request", "cover.hear_offer", "cover.hear_answer", "cover.hear_award", "cover.hear_declined",
    "cover.hear_cancelled", "cover.hear_disclosure", "cover.give_disclosure", "cover.keep_disclosure",
    "cover.hear_state",
)  # fmt: skip
def _hear(actor: Actor, thing: Thing) -> bool | str:
    """A letter from a linked circle, about a request on that very link."""
    return actor.via == "federation" and bool(actor.link_id) and actor.link_id == thing.link_id


@rule(
    "cover.by_itself",
    "cover.mine_by_itself",
    "cover.confirm_visit",
    "cover.came_too_late",
    "cover.heard_too_late",
    "cover.note_full",
    "cover.check_gone",
    "cover.leave",
    "cover.leave_open",
    "cover.let_rest",
    "cover.next_wave",
    "cover.ring_at_home",
    "cover.ring_their_circle",
)
def _by_itself(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()

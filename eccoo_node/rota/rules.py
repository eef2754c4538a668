"""The rules of the week: who may plan, say and answer, and when a question settles itself."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from eccoo_node.escrow.rules import keeps_books
from eccoo_node.governance import figures
from eccoo_node.governance.figures import Figure
from eccoo_node.kernel.access import Actor, Thing, rule
from eccoo_node.kernel.days import working_days_after
from eccoo_node.kernel.errors import Invalid
from eccoo_node.members.rules import yes_to

ASKED_AGAIN = timedelta(hours=24)
# How long a facilitator has to find out why nobody opened the door, before what the worker said stands.
ASKED_AROUND = timedelta(days=14)
_SETTLES_AT = time(18)

WEEKLY_DAY = figures.declare(
    Figure(
        name="weekly_day", kind="weekday", first=3, least=0, most=4, title="The day on which next week is paid ahead",
        words="On this day the money for next week’s visits is set aside.",
    )
)  # fmt: skip
WEEKLY_HOUR = figures.declare(
    Figure(
        name="weekly_hour", kind="hour", first=9, least=6, most=18, title="The hour at which next week is paid ahead",
        words="Early enough that whoever is told “not paid for yet” can still ring someone that day.",
    )
)  # fmt: skip


def settles_at(asked_at: datetime, zone: ZoneInfo, *, by_post: bool = False) -> datetime:
    """When an unanswered "how did it go?" settles itself: 6pm on the second working day after it was asked,
    on the fifth for someone who is written to."""
    return local(working_days_after(asked_at.astimezone(zone).date(), 5 if by_post else 2), _SETTLES_AT, zone)


def local(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A time of a local day, as UTC."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def pays_for_week_at(week: date, day: int, hour: int, zone: ZoneInfo) -> datetime:
    """When the money for a week is set aside, named by its Monday: on that day and hour of the week before."""
    return local(week - timedelta(days=7 - day), time(hour), zone)


def week_after(week: date) -> date:
    return week + timedelta(days=7)


def weeks_due(now: datetime, day: int, hour: int, zone: ZoneInfo) -> list[date]:
    """The weeks whose money is to be set aside by now: this one, and from that day and hour on the next."""
    this = now.astimezone(zone).date()
    this -= timedelta(days=this.weekday())
    after = week_after(this)
    return [this, after] if pays_for_week_at(after, day, hour, zone) <= now else [this]


def late(now: datetime, starts_at: datetime, cancel_hours: int) -> bool:
    """Whether it is so late that the agreed cancellation terms apply."""
    return now + timedelta(hours=cancel_hours) > starts_at


@rule("rota.plan", "rota.arrange", "rota.move", "rota.plan_weekly", "rota.change_weekly", "rota.end_weekly")
def _plan(actor: Actor, thing: Thing) -> bool | str:
    if actor.is_node():
        return True
    own = actor.person_id == thing.person_id and not actor.acting_for
    if not own and actor.person_id in {thing.worker_id, *thing.paid_workers}:
        return "Someone who is paid for the work does not choose who comes."
    # Whoever said yes to keeping the week of this team together does so.
    keeps = actor.wears("coordinator", community_id=thing.community_id) if thing.community_id else False
    return (keeps and not actor.acting_for) or actor.speaks_as(thing.person_id, "choose_who_comes")


@rule("rota.cant_come")
def _cant_come(actor: Actor, thing: Thing) -> bool | str:
    """Only the worker whose visit it is, or a facilitator who writes down what that worker said."""
    if thing.worker_id and actor.person_id == thing.worker_id and not actor.acting_for:
        return True
    return (
        bool(thing.worker_id)
        and actor.acting_for == thing.worker_id
        and actor.via in {"phone", "paper"}
        and actor.wears("facilitator")
        and bool(actor.known_by)
    ) or "Only the worker who was coming can say this."


@rule("rota.say_how_it_went")
def _say(actor: Actor, thing: Thing) -> bool | str:
    return _cant_come(actor, thing)


@rule("rota.answer")
def _answer(actor: Actor, thing: Thing) -> bool | str:
    """The person, or who speaks for them about visits; never the worker who is paid for it."""
    if actor.person_id == thing.worker_id and actor.person_id != thing.person_id:
        return "You were paid for this visit, so someone else has to say how it went."
    return actor.is_node() or actor.speaks_as(thing.person_id, "say_visit_went")


@rule("rota.stop")
def _stop(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or actor.speaks_as(thing.person_id, "ask_for_cover")


@rule(
    "rota.go_on",
    "rota.settle",
    "rota.remind",
    "rota.begin_week",
    "rota.pay_batch",
    "rota.end_week",
    "rota.pay_again",
    "rota.let_rest",
    "rota.ask_again",
)
def _by_itself(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()


@rule("rota.write_due")
def _write_due(actor: Actor, thing: Thing) -> bool | str:
    """Written in the books by the treasurer; never where they, or someone they speak for, have a part in it."""
    concerned = {thing.person_id, thing.worker_id, thing.payer_id} | thing.payers | thing.parties
    if actor.wears("treasurer") and actor.person_id in concerned:
        return "You have a part in this, so another treasurer has to write it down."
    return keeps_books(actor) or "Only the circle’s treasurer can write this in the books."


@rule("rota.see_unpaid")
def _see_unpaid(actor: Actor, thing: Thing) -> bool | str:
    """What is not paid for yet in the whole circle: who keeps its money, and who rings its people."""
    return actor.wears("treasurer", "facilitator") and not actor.acting_for


@rule("rota.mark_told")
def _mark_told(actor: Actor, thing: Thing) -> bool | str:
    return actor.wears("facilitator")


# What lets someone of the family, or who speaks for the person, read where it is; any yes at all lets them read when.
_SEES_WHERE = frozenset({"ask_for_cover", "choose_who_comes", "share_my_details"})


def _is_of_the_visit(actor: Actor, thing: Thing) -> bool:
    """The person, the worker, those who work in the team or keep its week, and the circle's facilitators."""
    if actor.person_id and actor.person_id in {thing.person_id, thing.worker_id}:
        return True
    return actor.wears("owner", "coordinator", "worker", community_id=thing.community_id) or actor.wears("facilitator")


@rule("rota.see_visit", "rota.see_week")
def _see_visit(actor: Actor, thing: Thing) -> bool | str:
    """Those whose visit it is; family and whoever speaks for the person as soon as there is a yes to anything; a
    volunteer only their own visits.

    Family sees nothing by default (care-rules: coercion). Speaking for the worker opens nobody else's door.
    """
    return _is_of_the_visit(actor, thing) or bool(yes_to(actor, thing.person_id, thing.community_id))


# Whoever speaks for someone in neither of these has no need to know who was asked, or what it costs.
SEEING_COVER = ("ask_for_cover", "choose_who_comes")


def sees_choices(actor: Actor, thing: Thing) -> bool:
    """The person, who asks or chooses for them, and a facilitator; not the team, nor anyone who is paid in it."""
    if not thing.person_id or actor.person_id == thing.person_id:
        return bool(thing.person_id)
    if actor.person_id in thing.paid_workers:
        return False
    return any(actor.speaks_as(thing.person_id, scope) for scope in SEEING_COVER) or actor.wears("facilitator")


@rule("rota.see_money")
def _see_money(actor: Actor, thing: Thing) -> bool | str:
    """What a visit costs and to whom it goes: whoever pays, asks or chooses, and whoever helps them.

    Being in the team is no say in the money, nor is being allowed to say how a visit went.
    """
    return pays(actor, thing) or sees_choices(actor, thing)


def pays(actor: Actor, thing: Thing) -> bool:
    """Whether the actor is one of those who pay for it, or speaks about money for one of them."""
    return any(actor.speaks_as(person_id, "money") for person_id in {thing.payer_id, *thing.payers})


@rule("rota.see_cost")
def _see_cost(actor: Actor, thing: Thing) -> bool | str:
    """What a whole week costs: as above, whoever speaks for the person about money, and each who pays (`parties`)."""
    speaks = any(actor.speaks_as(one, "money") for one in {thing.person_id, *thing.parties})
    return speaks or sees_choices(actor, thing)


@rule("rota.see_where")
def _see_where(actor: Actor, thing: Thing) -> bool | str:
    """Whoever may say only how it went, or deals with the money, needs no address for it."""
    return _is_of_the_visit(actor, thing) or bool(_SEES_WHERE & yes_to(actor, thing.person_id, thing.community_id))


def check_said(answer: str, minutes: int | None, length: int) -> int:
    """The minutes that an answer of a worker means. Raises Invalid."""
    if answer == "shorter":
        if minutes is None or not 0 < minutes < length:
            raise Invalid(
                f"Write how many minutes you were there, fewer than {length}.", "bad_minutes", field="minutes"
            )
        return minutes
    meaning = {"as_planned": length, "no_answer": length, "did_not_go": 0}
    if answer not in meaning:
        raise Invalid("Choose how it went.", "nothing_chosen", field="answer")
    return meaning[answer]


def spoken_minutes(answer: str, part: str, minutes: int | None, length: int) -> int:
    """How long the person says it was. Raises Invalid for no answer, and for minutes that cannot be."""
    if answer not in {"yes", "partly", "no", "wrong"} or part not in {"", "minutes", "travel", "whole"}:
        raise Invalid("Choose one answer.", "nothing_chosen", field="answer")
    if answer == "partly" or (answer == "wrong" and part == "minutes"):
        if minutes is None or not 0 < minutes < length:
            raise Invalid(
                f"Write how many minutes they were there, fewer than {length}.", "bad_minutes", field="minutes"
            )
        return minutes
    return length if answer == "yes" or part == "travel" else 0

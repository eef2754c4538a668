"""Who may write a decision down, and who reads it."""

from datetime import date, datetime, time, timedelta, tzinfo

from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing

# Who keeps the circle's record. They write down what was decided; none of them decides by writing it.
RECORDERS = ("convenor", "treasurer", "facilitator", "admin")
LONGEST_REVIEW = timedelta(days=366 * 5)


def keeps_record(actor: Actor) -> bool:
    return actor.wears(*RECORDERS) and not actor.acting_for


@access.rule("governance.record")
def _records(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or keeps_record(actor) or "A decision is written down by whoever keeps the circle’s record."


def decides_figures(actor: Actor) -> bool:
    return actor.wears("treasurer", "convenor") and not actor.acting_for


@access.rule("governance.decide_figure")
def _figures(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or decides_figures(actor) or "This is written down by the treasurer or a convenor."


@access.rule("governance.see")
def _reads(actor: Actor, thing: Thing) -> bool:
    """Everyone who belongs to the circle in any way: decisions are made in the open."""
    return actor.is_node() or bool(actor.person_id)


def tomorrow(now: datetime, zone: tzinfo) -> datetime:
    """When the circle's next day begins."""
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), tzinfo=zone)


def review_refused(decided_on: date, review_on: date) -> str:
    """Why a decision can't be looked at again on that day; empty when it can."""
    if review_on <= decided_on:
        return "Choose a day after it was decided."
    if review_on - decided_on > LONGEST_REVIEW:
        return "Choose a day within five years."
    return ""

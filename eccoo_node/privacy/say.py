"""Being forgotten in words: what goes, what stays for a while, and why."""

from datetime import datetime, tzinfo

from eccoo_node.members.erasing import Kept
from eccoo_node.members.say import say_date
from eccoo_node.privacy import rules
from eccoo_node.privacy.queries import AskedOfUs, Circle, Wish

# Why something is kept at home. {day}: until when at the latest, or when it is looked at again.
WHY = {
    "visit_ahead": "There are visits that are not over. We wait until they are, {day} at the latest.",
    "cover_open": "Someone else is being asked to come, or is coming. We wait until that is over, {day} at the latest.",
    "money_open": "Some money is not settled yet. It is paid back or paid out first. We look again on {day}.",
    "question_open": "Something about money is still in question. We look again on {day}.",
    "money_record": "The law asks us to keep invoices, payments and what the bank told us until {day}. Nothing else has a name in it.",
    "tax_record": "The law asks us to keep what you told us for HMRC until {day}.",
}
OTHERWISE = "Something has to be kept until {day}."
# Why another circle keeps something, by the code it gave.
THEIRS = {
    "visit_ahead": "a visit is not over",
    "money_open": "money is not settled",
    "money_record": "the law asks for it",
}


def day(at: datetime, zone: tzinfo) -> str:
    return say_date(at.astimezone(zone).date())


def why(kept: Kept, zone: tzinfo) -> str:
    return WHY.get(kept.reason, OTHERWISE).format(day=day(kept.until, zone))


def state(wish: Wish, zone: tzinfo) -> tuple[str, str]:
    """How far one wish has got: (kind, words)."""
    if wish.state == "taken_back":
        return "", "Stays after all"
    if wish.gone_at is None:
        return (
            "waiting",
            f"Waits until {day(wish.due_at, zone)}" if wish.state == "asked" else "Something must end first",
        )
    if any(circle.state == "asked" for circle in wish.circles):
        return "open", "Deleted here. Not every circle has answered"
    if wish.kept or any(circle.state == "kept" for circle in wish.circles):
        return "waiting", "Deleted, but for what must be kept"
    if any(circle.state == "told" for circle in wish.circles):
        return "certain", "Deleted here. Not every circle has sent a receipt"
    return "certain", "Deleted everywhere"


def circle(one: Circle, since: datetime | None, now: datetime, zone: tzinfo) -> str:
    """What became of it in one linked circle, which was first asked at `since`."""
    if one.state == "done" and one.answered_at:
        return f"Asked on {day(one.asked_at, zone)}, deleted on {day(one.answered_at, zone)}."
    if one.state == "told" and one.told_at:
        by, on = one.told_by or "us", day(one.told_at, zone)
        if one.told_how == "nobody":
            return f"Nobody is there any more to be asked, {by} wrote on {on}. Whether it was deleted, we don’t know."
        how = "on the telephone" if one.told_how == "rang" else "on paper"
        return f"They say {how} that it is deleted, {by} wrote on {on}. We have no receipt of it."
    if one.state == "kept" and one.keep_until:
        because = f", because {THEIRS[one.reason]}" if one.reason in THEIRS else ""
        return f"Keeps something until {day(one.keep_until, zone)}{because}. It is asked again after that."
    if since is None or now - since < rules.RING:
        return f"Asked on {day(one.asked_at, zone)}. No answer yet: we go on asking."
    days = list(dict.fromkeys(day(at, zone) for at in one.days))
    visits = f" because of the {'visit' if len(days) == 1 else 'visits'} on {', '.join(days)}" if days else ""
    return (
        f"First asked on {day(since, zone)}. No answer yet. We go on asking, and it is time to ring them: please ask them to "
        f"delete what they know of someone{visits}."
    )


def asked_of_us(one: AskedOfUs, zone: tzinfo) -> str:
    if one.done_at:
        return f"Asked on {day(one.received_at, zone)}, deleted on {day(one.done_at, zone)}."
    until = day(one.keep_until or one.received_at, zone)
    because = f", because {THEIRS[one.reason]}" if one.reason in THEIRS else ""
    return (
        f"Asked on {day(one.received_at, zone)}. We keep something until {until}{because}, and delete it by ourselves."
    )

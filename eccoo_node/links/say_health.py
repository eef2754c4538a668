"""How a link is doing and what to do about it, one line of advice for each trouble. No rows, no network."""

from datetime import datetime
from zoneinfo import ZoneInfo

from eccoo_federation import limits
from eccoo_node.kernel.clock import say_day, say_time
from eccoo_node.links import rules, say
from eccoo_node.links.health import Report

# What an admin can do. {ring}: "Ring Todmorden circle on 01422 900000."
_ADVICE = {
    "unreachable": "Nothing is lost, and we go on trying. If it lasts: {ring}",
    "timed_out": "Nothing is lost, and we go on trying. If it lasts: {ring}",
    "failed": "Nothing is lost, and we go on trying. If it lasts: {ring}",
    "redirected": "Ask them for their right address. {ring}",
    "bad_address": "Ask them for their right address. {ring}",
    "unsigned_response": "Ask whether their node is running. {ring}",
    "clock_skew": "Compare both clocks with a phone. Whoever’s is wrong puts it right. {ring}",
    "unknown_key": "It often mends itself within the hour. If not: {ring}",
    "bad_signature": "Tell whoever looks after the network on both sides. {ring}",
    "bad_digest": "Tell whoever looks after the network on both sides. {ring}",
    "too_many": "There is nothing to do. We send more slowly.",
    "link_suspended": "It goes on when they say so. {ring}",
    "bad_invite": "It is not tried any more. {ring}",
    "link_ended": "To link after all, one of the two invites the other anew.",
    "wrong_node": "Don’t go on before you have spoken. {ring}",
    "log_forked": "Don’t go on before you have spoken. {ring}",
}
_CAPS = {
    "cover-1": "cover", "settle-1": "settling what is owed", "pool-1": "seeing who is there to come",
    "attest-1": "reading what was seen of a worker", "introduce-1": "introducing circles to each other",
}  # fmt: skip


def ring(them: str, phone: str) -> str:
    return f"Ring {them} on {phone}." if phone else f"Ring {them}."


def in_one_line(report: Report, them: str, zone: ZoneInfo) -> str:
    """What is the matter, since when; empty when all is well."""
    by_clock = report.trouble == "clock_skew" or say.clock_matters(report.clock_offset_s)
    # Where a clock is wrong, that is why nothing comes through, and perhaps it has not been as long as it seems.
    if report.silent_since is not None and not by_clock:
        return f"{them} has not been reached since {say_day(report.silent_since, zone)}."
    if report.trouble:
        return say.trouble(report.trouble)
    if say.clock_matters(report.clock_offset_s):
        return say.clock_offset(report.clock_offset_s)
    return ""


def advice(report: Report, them: str, phone: str) -> str:
    """One line of what to do; empty when there is nothing to do."""
    code = report.trouble
    if not code and say.clock_matters(report.clock_offset_s):
        code = "clock_skew"
    if not code and report.silent_since is not None:
        code = "unreachable"
    if not code:
        return ""
    return _ADVICE.get(code, "Tell whoever mends your node. {ring}").format(ring=ring(them, phone))


def alarm_advice(them: str, phone: str) -> str:
    return f"Ask them what happened on their side. {ring(them, phone)}"


def rows(report: Report, now: datetime, zone: ZoneInfo, *, goes_on: bool = True) -> list[tuple[str, str]]:
    """Everything an admin may want to read, in plain words. Not `goes_on`: another link has taken this one's place, and
    nothing of it is tried or sent any more."""
    heard = [
        ("They last reached us", say.last_seen(report.heard_at, now, zone)),
        ("We last reached them", say.last_seen(report.reached_at, now, zone) if report.reached_at else "Not yet"),
    ]
    if not goes_on:
        return heard
    waiting = say.waiting(report.waiting)
    if report.oldest_at is not None:
        waiting += f" The oldest since {_when(report.oldest_at, now, zone)}."
    # Of a silence in which nobody called, no figure of calls says anything.
    tries = "" if report.silent_since is not None or report.trouble else "None"
    if report.failures:
        tries = f"{report.failures} in a row."
        if report.resting:
            tries += " We only knock until they answer."
    return [
        *heard,
        ("Waiting to be sent", waiting),
        ("Turned down by them", say.many(report.refused, "letter").capitalize() if report.refused else "Nothing"),
        ("Calls that failed", tries),
        ("Next try", say.next_try(report.next_try_at, now, zone) if report.trouble else ""),
        ("Clocks", say.clock_offset(report.clock_offset_s)),
        ("Agreed until", until(report.agreed_until, now, zone)),
    ]  # fmt: skip


def figures(report: Report) -> list[tuple[str, str]]:
    """What nobody needs until something is wrong: how much goes between the two, and what both can do."""
    busiest = (
        f"In the busiest of the last five minutes {say.many(report.busiest_requests, 'call')} and "
        f"{say.many(report.busiest_events, 'letter')}. Up to {limits.REQUESTS_PER_MIN} and {limits.EVENTS_PER_MIN} are "
        "taken."
    )
    *most, last = [_CAPS.get(cap, cap) for cap in report.caps] or [""]
    caps = " and ".join([", ".join(most), last] if most else [last])
    return [
        ("Letters today", f"{report.came_today or 'None'} came, {report.went_today or 'none'} went."),
        ("How much they send", busiest),
        ("What both nodes can do", f"{caps[:1].upper()}{caps[1:]} (version {report.version})." if caps else ""),
    ]


def _when(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    if at.astimezone(zone).date() == now.astimezone(zone).date():
        return f"{say_time(at, zone)} today"
    return f"{say_day(at, zone)}, {say_time(at, zone)}"


def until(at: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    if at is None:
        return ""
    told = f"{say_day(at, zone)} {at.astimezone(zone).year}"
    left = rules.days_left(at, now)
    if left <= 0:
        return f"{told}. It has run out."
    return f"{told}, in {say.many(left, 'day')}." if left <= rules.REMIND_DAYS[0] else told


def ending_soon(at: datetime | None, now: datetime, zone: ZoneInfo, them: str) -> str:
    """What to say above "Go on for another year"; empty while the end is far off."""
    if at is None or rules.reminder(at, now) is None:
        return ""
    if at <= now:
        return (
            f"What you agreed with {them} ran out on {say_day(at, zone)}. Visits already agreed go on, and what is owed is "
            "settled. Nothing new is asked until both say yes again."
        )
    return f"What you agreed with {them} runs out on {say_day(at, zone)}. Nothing stops if both go on before then."

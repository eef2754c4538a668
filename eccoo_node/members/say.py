"""How what people may do for each other is said, on screens, on the phone and in the record of a yes."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from eccoo_node.kernel.access import SCOPES
from eccoo_node.members.cards import Voice

# After "can": what someone may do, said to the person it is done for.
SCOPE_WORDS = {
    "ask_for_cover": "ask for someone else to come, when your worker can’t",
    "choose_who_comes": "choose who comes to you",
    "share_my_details": "say what others may read about what you need",
    "say_visit_went": "say whether a visit went ahead",
    "money": "deal with the money for your visits",
}
# The same, said to the one who does it.
THEIR_WORDS = {
    "ask_for_cover": "ask for someone else to come, when their worker can’t",
    "choose_who_comes": "choose who comes to them",
    "share_my_details": "say what others may read about what they need",
    "say_visit_went": "say whether a visit went ahead",
    "money": "deal with the money for their visits",
}
_MY = {
    "ask_for_cover": "ask for someone else to come, when my worker can’t",
    "choose_who_comes": "choose who comes to me",
    "share_my_details": "say what others may read about what I need",
    "say_visit_went": "say whether a visit went ahead",
    "money": "deal with the money for my visits",
}
ROLE_WORDS = {
    "owner": "the person this team is around", "coordinator": "keeps the week together", "family": "family",
    "worker": "worker", "volunteer": "volunteer", "neighbour": "neighbour", "member": "member of the circle",
    "facilitator": "facilitator", "panel": "on the panel", "treasurer": "treasurer", "safeguarding": "keeps people safe",
    "convenor": "convenor", "admin": "looks after this node",
}  # fmt: skip

# After "asks you": what saying yes to a role means.
OFFER_WORDS = {
    "coordinator": "to keep the week of their team together", "family": "to be family in their team",
    "worker": "to work in their team", "volunteer": "to be a volunteer in their team",
    "neighbour": "to be a neighbour in their team", "member": "to be a member", "facilitator": "to be a facilitator",
    "panel": "to be on the panel", "treasurer": "to be the treasurer", "safeguarding": "to keep people safe",
    "convenor": "to be the convenor", "admin": "to look after this node",
}  # fmt: skip

# Roles with power in the circle, as its admins read them.
POWER_WORDS = {
    "facilitator": ("Facilitator", "Is there for people on the phone, face to face and by post."),
    "treasurer": ("Treasurer", "Keeps the circle’s books."),
    "safeguarding": ("Safeguarding lead", "Sees to it that people are safe."),
    "panel": ("Panel", "Decides together who joins as a worker."),
    "convenor": ("Convenor", "Calls the circle together."),
    "admin": ("Looks after this node", "Keeps its links with other circles, its keys and its plugins."),
}  # fmt: skip


def say_date(day: date) -> str:
    """ "3 May 2027"."""
    return f"{day.day} {day:%B} {day.year}"


_HOW = {"phone": " on the phone", "paper": " in writing", "face_to_face": " face to face", "screen": ""}
_GROUND = {
    "attorney_health": "a registered power of attorney for health and care",
    "attorney_money": "a registered power of attorney for money",
    "deputy_health": "a court’s order for health and care",
    "deputy_money": "a court’s order for money",
    "nominated": "a nomination for your direct payment",
    "authorised": "an authorisation for your direct payment",
    "best_interests": "a decision in your best interests",
}  # fmt: skip


def last_day(until_at: datetime, zone: ZoneInfo) -> str:
    """The last whole day before an end."""
    return say_date((until_at - timedelta(seconds=1)).astimezone(zone).date())


def say_since(voice: Voice, subject: str, zone: ZoneInfo) -> str:
    """Since when someone speaks, on what ground, how it was said and to whom, and until when; said to the person."""
    day = say_date(voice.said_at.astimezone(zone).date())
    if voice.basis != "own_yes":
        said = f"Because of {_GROUND[voice.basis]}, which {voice.recorded_by_called} saw on {day}."
    elif voice.recorded_by == subject:
        said = f"You said so on {day}."
    else:
        said = f"You told {voice.recorded_by_called}{_HOW.get(voice.said_via, '')} on {day}."
    return f"{said} Until {last_day(voice.until_at, zone)}." if voice.until_at else said


def said_at_once(voices: list[Voice]) -> bool:
    """Whether several things were said in one go, so that when and how is told once."""
    return len({(v.basis, v.recorded_by, v.said_via, v.said_at, v.until_at) for v in voices}) == 1


def words_of_yes(called: str, relation: str, scopes: Iterable[str], until: date | None) -> str:
    """The yes as it is kept, in the words of the one who says it."""
    who = f"{called}, my {relation}," if relation else called
    things = [_MY[scope] for scope in SCOPES if scope in set(scopes)]
    last = f" until {say_date(until)}" if until else ", until I say otherwise"
    return f"{who} may speak for me{last}. {called} may: {'; '.join(things)}."


# Out of what somebody pays.
FUND_WORDS = {
    "own": "Own money", "direct_payment": "A direct payment", "council": "The council’s money", "nhs": "An NHS budget",
    "family": "The family’s money", "other": "Something else",
}  # fmt: skip

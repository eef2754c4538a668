"""The words in which pages speak of a worker of another circle: what they show, and what was seen of their papers."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from eccoo_federation.pools import PoolWorker
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds
from eccoo_node.kernel.words import many
from eccoo_node.links.rules import POOL_WORDS
from eccoo_node.members.cards import Stretch
from eccoo_node.pools.queries import Neighbour
from eccoo_node.pools.rules import SEEN
from eccoo_node.rota import say
from eccoo_node.rota.say import names

SKILLS = {
    "moving_and_handling": "moving and handling", "personal_care": "washing and dressing", "medicines": "giving medicines",
    "dementia": "dementia", "peg": "feeding by tube", "catheter": "catheter care", "end_of_life": "the end of life",
    "cooking": "cooking", "companionship": "company",
}  # fmt: skip
LANGUAGES = {
    "en": "English", "ur": "Urdu", "pa": "Punjabi", "pl": "Polish", "cy": "Welsh", "bn": "Bengali", "gu": "Gujarati",
    "ar": "Arabic", "fr": "French", "es": "Spanish", "de": "German", "uk": "Ukrainian", "ro": "Romanian", "it": "Italian",
    "pt": "Portuguese", "hi": "Hindi", "bfi": "British Sign Language", "bsl": "British Sign Language",
}  # fmt: skip
CHECKS = {
    "dbs_enhanced": "DBS certificate", "right_to_work": "papers that allow work here", "insurance": "insurance papers",
    "qualification": "qualification", "reference": "references", "self_employed": "self-employment papers",
    "training": "training certificate",
}  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def language(code: str) -> str:
    return LANGUAGES.get(code.split("-")[0].lower(), code)


def languages(codes: str) -> str:
    """ "en ur" is "English and Urdu"."""
    return names(language(code) for code in codes.split())


def day_of(text: str, now: datetime) -> str:
    """A wire date in words: "3 March", with its year where it is another."""
    found = date.fromisoformat(text)
    year = "" if found.year == now.astimezone(clock.zone()).year else f" {found.year}"
    return f"{found.day} {found:%B}{year}"


def skill(code: str) -> str:
    return SKILLS.get(code, code.replace("_", " "))


def skills(codes: Iterable[str]) -> str:
    # Joined by commas: some of them hold an "and" themselves.
    return say.first(", ".join(dict.fromkeys(skill(code) for code in codes)))


def _hour(minute: int) -> str:
    hour, rest = divmod(minute, 60)
    if minute in {0, 720, 1440}:
        return "noon" if minute == 720 else "midnight"
    return f"{hour % 12 or 12}{f'.{rest:02}' if rest else ''}{'am' if hour < 12 else 'pm'}"


def hours(stretches: Iterable[Stretch]) -> str:
    """ "Monday to Friday 7am to noon, Sunday 2pm to 5pm". Days with the same hours are said together."""
    by_day: dict[int, list[str]] = {}
    for one in sorted(stretches, key=lambda one: (one.weekday, one.from_minute)):
        by_day.setdefault(one.weekday, []).append(f"{_hour(one.from_minute)} to {_hour(one.to_minute)}")
    said = {day: " and ".join(spans) for day, spans in by_day.items()}
    runs: list[list[int]] = []
    for day in sorted(said):
        if runs and runs[-1][-1] == day - 1 and said[runs[-1][0]] == said[day]:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(f"{_days(run)} {said[run[0]]}" for run in runs)


def _days(run: list[int]) -> str:
    if len(run) == 7:
        return "Every day"
    if len(run) > 2:
        return f"{DAYS[run[0]]} to {DAYS[run[-1]]}"
    return " and ".join(DAYS[day] for day in run)


def value(shown: PoolWorker, field: str) -> str:
    """What people of another circle would read of this worker under one field."""
    stretches = [Stretch(one.weekday, one.from_minute, one.to_minute) for one in shown.hours]
    said = {
        "first_name": shown.first_name or "", "skills": skills(shown.skills), "languages": languages(" ".join(shown.languages)),
        "areas": names(shown.areas), "rate": f"{pounds(shown.rate_pence_per_hour or 0)} an hour", "hours": hours(stretches),
    }[field]  # fmt: skip
    return said or "Nothing yet: you have not said."


def label(field: str, own: str) -> str:
    """Said alike to the worker, and in the yes that is kept."""
    if field == SEEN:
        return f"Papers that {own} saw"
    return "Places" if field == "areas" else say.first(POOL_WORDS[field])


def papers(kinds: Mapping[str, str], now: datetime) -> str:
    """One's own papers by kind and day: "DBS certificate on 3 March"."""
    return say.first(
        ", ".join(f"{CHECKS.get(kind, kind)} on {day_of(day, now)}" for kind, day in sorted(kinds.items()))
    )


def rows(one: Neighbour) -> list[tuple[str, str]]:
    return [
        ("Skills", skills(one.skills)), ("Speaks", languages(one.languages)), ("Goes to", names(one.areas)),
        ("Rate", f"{pounds(one.rate_pence)} an hour" if one.rate_pence is not None else ""), ("May be asked", hours(one.hours)),
    ]  # fmt: skip


def line(one: Neighbour) -> str:
    """One worker in a list."""
    parts = [one.circle.name]
    parts += [f"{pounds(one.rate_pence)} an hour"] if one.rate_pence is not None else []
    parts += [f"goes to {names(one.areas[:4])}"] if one.areas else []
    parts += [f"speaks {languages(one.languages)}"] if one.languages else []
    return ", ".join(parts) + "."


def as_of(read_at: datetime, now: datetime) -> str:
    """ "as of 10 minutes ago"; older than a day, "as of Tuesday, and may have changed since"."""
    ago = now - read_at
    if ago < timedelta(minutes=2):
        return "as of just now"
    if ago < timedelta(hours=1):
        return f"as of {many(int(ago.total_seconds() // 60), 'minute')} ago"
    if ago < timedelta(days=1):
        return f"as of {many(int(ago.total_seconds() // 3600), 'hour')} ago"
    return f"as of {say.of_day(read_at, now)}, and may have changed since"


def seen(attested: Iterable[Mapping[str, str]], circle: str, called: str, now: datetime) -> list[str]:
    """ "Todmorden circle saw Wren’s DBS certificate on 3 March." What was seen on one day is one sentence."""
    by_day: dict[str, list[str]] = {}
    for one in sorted(attested, key=lambda one: one["kind"]):
        by_day.setdefault(one["seen_on"], []).append(CHECKS.get(one["kind"], one["kind"].replace("_", " ")))
    return [
        f"{circle} saw {say.whose(called)} {names(kinds)} on {day_of(day, now)}."
        for day, kinds in sorted(by_day.items())
    ]


def until(attested: Iterable[Mapping[str, str]], now: datetime) -> str:
    """ "DBS certificate: until 3 March 2027, …", where the paper itself has an end."""
    return say.first(
        ", ".join(
            f"{CHECKS.get(one['kind'], one['kind'].replace('_', ' '))} until {day_of(one['expires_on'], now)}"
            for one in sorted(attested, key=lambda one: one["kind"])
            if one.get("expires_on")
        )
    )


def caveat(called: str) -> str:
    """What seeing does not say."""
    return f"That is what they saw on that day. It is not the paper itself: ask {called} to show it to you."

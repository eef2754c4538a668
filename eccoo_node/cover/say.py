"""The words in which pages speak of cover: what is asked, what was seen of someone, and what it costs.

The open question is said in the same words to the person who sends it and to the worker who reads it in another circle,
because both are made from the very body that crosses.
"""

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from eccoo_federation.bodies import CoverRequested
from eccoo_federation.times import parse_time
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import percent, pounds
from eccoo_node.members.cards import FACTS, CareCodes
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
MET = {
    "two_people": "work for two people together", "hoist": "a hoist", "stairs": "stairs", "pets": "pets", "smoke": "someone who smokes",
}  # fmt: skip


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


def share(bps: int) -> str:
    return {5000: "half", 10_000: "the whole", 2500: "a quarter", 7500: "three quarters"}.get(bps, percent(bps))


class Question(msgspec.Struct, frozen=True):
    """The open question in words: everything another circle is shown, and nothing else."""

    area: str
    when: str
    # Each with its label: ("Where", "HX7").
    rows: tuple[tuple[str, str], ...]
    reply_by: datetime
    starts_at: datetime
    ends_at: datetime
    fee_pence: int

    def words(self, circles: str, not_shown: str) -> str:
        """What the person says yes to when it is sent; kept with their yes."""
        lines = (f"{label}: {said}" for label, said in self.rows)
        return "\n".join([f"{circles} will see:", *lines, not_shown])


def question(body: CoverRequested, now: datetime) -> Question:
    starts, ends, zone = parse_time(body.starts_at), parse_time(body.ends_at), clock.zone()
    needs = body.needs
    travel = {
        "none": "", "fixed": f", and {pounds(body.travel.most_pence)} for travel",
        "per_mile": f", and {body.travel.per_mile_pence}p a mile up to {pounds(body.travel.most_pence)}",
    }[body.travel.kind]  # fmt: skip
    late, when = "", clock.say_when(starts, ends, zone)
    if body.cancellation.pay_bps:
        part = share(body.cancellation.pay_bps).capitalize()
        late = f"{part} of the fee, less than {body.cancellation.notice_hours} hours before"
    met, spoken = [MET[fact] for fact in FACTS if getattr(needs, fact)], [language(code) for code in needs.languages]
    review = f"Done on {day_of(needs.safety_review_on, now)}" if needs.safety_review_on else ""
    rows = (
        ("Where", body.area), ("When", when), *_needed(met, body.skills, spoken, needs.gender),
        ("Fee", f"{pounds(body.fee_pence)}{travel}"), ("If called off", late), ("Safety review", review),
    )  # fmt: skip
    kept = tuple(row for row in rows if row[1])
    return Question(body.area, when, kept, parse_time(body.reply_by), starts, ends, body.fee_pence)


def _needed(met: list[str], skills: Iterable[str], spoken: list[str], wished: str) -> list[tuple[str, str]]:
    """What is there and what is wished for, each with its label; an empty one says nothing."""
    # Joined by commas: some of them hold an "and" themselves.
    known = list(dict.fromkeys(SKILLS.get(code, code.replace("_", " ")) for code in skills))
    return [
        ("What is there", say.first(names(met))),
        ("Skills" if len(known) > 1 else "Skill", say.first(", ".join(known))),
        ("Languages" if len(spoken) > 1 else "Language", names(spoken)),
        ("Wished for", {"woman": "A woman", "man": "A man"}.get(wished, "")),
    ]


def seen(attested: list[dict[str, str]], circle: str, called: str, now: datetime) -> list[str]:
    """ "Todmorden circle saw Wren’s DBS certificate on 3 March." What was seen on one day is one sentence."""
    by_day: dict[str, list[str]] = {}
    for one in sorted(attested, key=lambda one: one["kind"]):
        by_day.setdefault(one["seen_on"], []).append(CHECKS.get(one["kind"], one["kind"].replace("_", " ")))
    return [
        f"{circle} saw {say.whose(called)} {names(kinds)} on {day_of(day, now)}."
        for day, kinds in sorted(by_day.items())
    ]


def beside(total_pence: int, aside_pence: int) -> str:
    """ "£69, £9 more than set aside"."""
    more = total_pence - aside_pence
    if not aside_pence or not more:
        return pounds(total_pence)
    return f"{pounds(total_pence)}, {pounds(abs(more))} {'more' if more > 0 else 'less'} than set aside"


def cost(called: str, total_pence: int, aside_pence: int, day: str) -> str:
    """What one offer costs, beside what is set aside."""
    costs = f"{called} costs {pounds(total_pence)}."
    more = total_pence - aside_pence
    if not aside_pence:
        return f"{costs} Nothing is set aside for {day} yet."
    if more > 0:
        return f"{costs} That is {pounds(more)} more than the {pounds(aside_pence)} set aside for {day}."
    if more < 0:
        return f"{costs} That is {pounds(-more)} less than the {pounds(aside_pence)} set aside for {day}."
    return f"{costs} That is what is set aside for {day}."


def needs(codes: CareCodes) -> list[tuple[str, str]]:
    """What one of our own workers is told of a visit before they answer."""
    met = [MET[fact] for fact in FACTS if fact in codes.facts]
    return _needed(met, sorted(codes.skills), [language(codes.language)], codes.gender_wished)

"""The words in which pages speak of cover: what is asked, what was seen of someone, and what it costs.

The open question is said in the same words to the person who sends it and to the worker who reads it in another circle,
because both are made from the very body that crosses.
"""

from datetime import date, datetime

import msgspec

from eccoo_federation.bodies import CoverRequested
from eccoo_federation.times import parse_time
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds
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
    "two_people": "two people together", "hoist": "a hoist", "stairs": "stairs", "pets": "pets", "smoke": "someone who smokes",
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
    return {5000: "half", 10_000: "the whole", 2500: "a quarter", 7500: "three quarters"}.get(bps, f"{bps / 100:g}%")


class Question(msgspec.Struct, frozen=True):
    """The open question in words: everything another circle is shown, and nothing else."""

    area: str
    when: str
    rows: tuple[tuple[str, str], ...]
    reply_by: datetime
    starts_at: datetime
    ends_at: datetime
    fee_pence: int

    def words(self, circles: str, not_shown: str) -> str:
        """What the person says yes to when it is sent; kept with their yes."""
        shown = [f"{word}: {value}" for word, value in self.rows]
        return "\n".join([f"{circles} will see:", *shown, not_shown])


def question(body: CoverRequested, now: datetime) -> Question:
    starts, ends, zone = parse_time(body.starts_at), parse_time(body.ends_at), clock.zone()
    needs = body.needs
    spoken = names(language(code) for code in needs.languages)
    met = [MET[fact] for fact in FACTS if getattr(needs, fact)]
    travel = {
        "none": "", "fixed": f", and {pounds(body.travel.most_pence)} for travel",
        "per_mile": f", and {body.travel.per_mile_pence}p a mile up to {pounds(body.travel.most_pence)}",
    }[body.travel.kind]  # fmt: skip
    late = ""
    if body.cancellation.pay_bps:
        late = f"{share(body.cancellation.pay_bps).capitalize()} of the fee, if less than {body.cancellation.notice_hours} hours before"
    rows = [
        ("Where", body.area),
        ("When", clock.say_when(starts, ends, zone)),
        ("What is there", names(met).capitalize()),
        ("What one must know", names(SKILLS.get(code, code.replace("_", " ")) for code in body.skills).capitalize()),
        ("Language", spoken),
        ("Wished for", {"woman": "A woman", "man": "A man"}.get(needs.gender, "")),
        ("Pay", f"{pounds(body.fee_pence)}{travel}"),
        ("Paid when called off late", late),
        ("Safety review", f"Done on {day_of(needs.safety_review_on, now)}" if needs.safety_review_on else ""),
    ]
    kept = tuple((word, value) for word, value in rows if value)
    return Question(
        body.area, clock.say_when(starts, ends, zone), kept, parse_time(body.reply_by), starts, ends, body.fee_pence
    )


def seen(attested: list[dict[str, str]], circle: str, called: str, now: datetime) -> list[str]:
    """ "Todmorden circle saw Wren’s DBS certificate on 3 March." """
    return [
        f"{circle} saw {say.whose(called)} {CHECKS.get(one['kind'], one['kind'].replace('_', ' '))} "
        f"on {day_of(one['seen_on'], now)}."
        for one in attested
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
    wished = {"woman": "A woman", "man": "A man"}.get(codes.gender_wished, "")
    skills = names(SKILLS.get(code, code.replace("_", " ")) for code in sorted(codes.skills)).capitalize()
    rows = [
        ("What is there", names(met).capitalize()), ("What one must know", skills), ("Language", language(codes.language)),
        ("Wished for", wished),
    ]  # fmt: skip
    return [(word, value) for word, value in rows if value]

"""The words in which pages speak of cover: what is asked, what was seen of someone, and what it costs.

The open question is said in the same words to the person who sends it and to the worker who reads it in another circle,
because both are made from the very body that crosses.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from eccoo_federation.bodies import CoverRequested
from eccoo_federation.times import parse_time
from eccoo_node.escrow.sharing import Shares
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import percent, pounds
from eccoo_node.members.cards import FACTS, CareCodes
from eccoo_node.pools.say import SKILLS, day_of, language
from eccoo_node.pools.say import languages as languages
from eccoo_node.pools.say import seen as seen
from eccoo_node.rota import say
from eccoo_node.rota.say import names

MET = {
    "two_people": "work for two people together", "hoist": "a hoist", "stairs": "stairs", "pets": "pets", "smoke": "someone who smokes",
}  # fmt: skip


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


def goes(called: str, given: Shares, circles: str = "the circle", of: str = "of it") -> str:
    """Where the price of a visit goes, for whoever pays it: "£57 of it goes to Bea and £12 to the two circles."."""
    if given.employer_pence:
        return f"All {of} goes to the circle, which pays {called} a wage."
    worker, rest = given.worker_pence + given.travel_pence, given.commission_pence + given.contribution_pence
    return (
        f"{pounds(worker)} {of} goes to {called} and {pounds(rest)} to {circles}."
        if rest
        else f"All {of} goes to {called}."
    )


def late_costs(called: str, given: Shares, hours: int, circles: str = "the circle") -> str:
    """The same of what is due when it is called off late; empty where nothing is."""
    if not given.fee_pence:
        return ""
    rest = given.commission_pence + given.contribution_pence
    due = f"Called off less than {hours} hours before, {pounds(given.fee_pence + given.contribution_pence)} is due"
    if given.employer_pence or not rest:
        return f"{due}, all of it to {'the circle' if given.employer_pence else called}."
    return f"{due}: {pounds(given.worker_pence)} to {called} and {pounds(rest)} to {circles}."


def yours(given: Shares, late: Shares, hours: int, circles: str = "the circle") -> str:
    """What a worker has of a visit and where the rest goes, and what they have where it is called off late."""
    if given.employer_pence:
        return "You have your wage from the circle, and what is paid goes to the circle."
    said = [f"You take home {pounds(given.worker_pence)}"]
    said += [f"and {pounds(given.travel_pence)} for travel"] if given.travel_pence else []
    words = f"{', '.join(said)}."
    rest = [f"{pounds(given.commission_pence)} goes to {circles}"] if given.commission_pence else []
    if given.contribution_pence:
        them = circles if not rest else "it" if circles == "the circle" else "them"
        rest.append(f"whoever pays adds {pounds(given.contribution_pence)} for {them}")
    words += f" {say.first(', and '.join(rest))}." if rest else ""
    if late.fee_pence:
        words += f" Called off less than {hours} hours before, you have {pounds(late.worker_pence)}."
    return words


def needs(codes: CareCodes) -> list[tuple[str, str]]:
    """What one of our own workers is told of a visit before they answer."""
    met = [MET[fact] for fact in FACTS if fact in codes.facts]
    return _needed(met, sorted(codes.skills), [language(codes.language)], codes.gender_wished)

"""The words in which pages speak of visits: when, who, in what state, and for how much.

Pure: given the same visit, reader and moment it says the same. A page is read by the person it is about, by someone who
speaks for them, or by a facilitator who reads it aloud to them; `Reader` knows which, and so who "you" is.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from eccoo_node.escrow.queries import LineState
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import pounds
from eccoo_node.kernel.words import count
from eccoo_node.rota.queries import SaidRow, Visit
from eccoo_node.rota.unpaid import NotPaid, Run

# The shapes of `m.state`: certain ●, waiting ○, open ◌, and over, which needs no colour.
State = tuple[str, str]


def whose(called: str) -> str:
    """ "Ada’s"."""
    return f"{called}’s"


def names(called: Iterable[str], joined: str = "and") -> str:
    """ "Ilse", "Ilse and Robin", "Ilse, Robin and Wren"."""
    listed = list(dict.fromkeys(called))
    return f" {joined} ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)


def on_day(at: datetime, now: datetime) -> str:
    """ "today", "on Thursday" of the days to come, "last Thursday" of those gone by; from a week on "on Thursday 3 December"."""
    zone = clock.zone()
    day, today = at.astimezone(zone).date(), now.astimezone(zone).date()
    away = (day - today).days
    if away in {0, 1, -1}:
        return {0: "today", 1: "tomorrow", -1: "yesterday"}[away]
    if -7 < away < 7:
        return f"{'on' if away > 0 else 'last'} {at.astimezone(zone):%A}"
    return f"on {clock.say_day(at, zone)}"


def by_day(at: datetime, now: datetime) -> str:
    """ "today", "by Thursday 3 December"."""
    return "today" if on_day(at, now) == "today" else f"by {clock.say_day(at, clock.zone())}"


def of_day(at: datetime, now: datetime) -> str:
    """The day as a name: "Thursday", "last Thursday", "today"."""
    return on_day(at, now).removeprefix("on ")


def first(words: str) -> str:
    """As a line begins: "Last Thursday". What follows keeps its own capitals."""
    return words[:1].upper() + words[1:]


def at_time(at: datetime, now: datetime) -> str:
    """ "on Thursday at 9am"."""
    return f"{on_day(at, now)} at {clock.say_time(at, clock.zone())}"


def by_time(at: datetime, now: datetime) -> str:
    """ "4pm", "4pm tomorrow", "4pm on Thursday": for "the next news is by …"."""
    said, day = clock.say_time(at, clock.zone()), on_day(at, now)
    return said if day == "today" else f"{said} {day}"


def when(visit: Visit) -> str:
    """ "Thursday 26 November, 9am to 11am"."""
    return clock.say_when(visit.starts_at, visit.ends_at, clock.zone())


def hours_of(visit: Visit) -> str:
    """ "9am to 11am"."""
    return f"{clock.say_time(visit.starts_at, clock.zone())} to {clock.say_time(visit.ends_at, clock.zone())}"


class Reader(msgspec.Struct, frozen=True):
    """Whose page it is, and who has it before them."""

    id: str
    called: str
    # self: their own. speaks: somebody who speaks for them. writes: a facilitator who reads it aloud and writes down.
    mode: str = "self"

    @property
    def writes(self) -> bool:
        return self.mode == "writes"

    def is_you(self, person_id: str) -> bool:
        return self.mode != "speaks" and self.id == person_id

    def you(self, person_id: str, called: str) -> str:
        """ "you", or their name to whoever speaks for them or stands beside them."""
        return "you" if self.is_you(person_id) else called

    def comes(self, visit: Visit) -> bool:
        """Whether this is the reader's own visit to someone. Never for whoever only speaks for the worker."""
        return self.mode != "speaks" and self.id == visit.worker_id

    def your(self, person_id: str, called: str) -> str:
        return "your" if self.is_you(person_id) else whose(called)

    def act(self, words: str) -> str:
        """What the one button says: on the phone it records an answer."""
        return f"Record {whose(self.called)} answer" if self.writes else words

    def read_back(self, sentence: str) -> str:
        """What the next page says once; to be read back by whoever writes down."""
        return f"Read this back to {self.called}: {sentence}" if self.writes else sentence


def reader(actor: Actor, called: str, acting_for_called: str) -> Reader:
    if not actor.acting_for:
        return Reader(actor.person_id, called)
    return Reader(actor.acting_for, acting_for_called, "writes" if actor.via in {"phone", "paper"} else "speaks")


def replaced(visit: Visit, reader: Reader) -> bool:
    """Whether the reader was to come and somebody from a linked circle comes instead."""
    return reader.comes(visit) and bool(visit.cover_name) and visit.state != "gap"


def state(visit: Visit, reader: Reader, now: datetime, *, answered: bool = False, in_question: bool = False) -> State:
    """One shape and a few words, from where the reader stands: theirs, or the one who comes.

    `in_question`: part of its money is, and the reader may know of it.
    """
    comes = reader.comes(visit)
    if visit.state == "gap":
        return ("over", "you can’t be there") if comes else ("open", "nobody is coming yet")
    if replaced(visit, reader) and visit.state != "stopped":
        return (
            "over",
            f"{visit.cover_name} comes instead" if visit.state == "covered" else f"{visit.cover_name} came instead",
        )
    if visit.state == "covered":
        return (
            ("certain", f"is coming, from {visit.cover_circle}")
            if visit.ends_at > now
            else ("waiting", "we’re asking how it went")
        )
    if visit.state == "said":
        if in_question:
            return "waiting", "in question"
        if answered:
            return "waiting", "answered, being settled"
        return "waiting", "waits for an answer" if comes else "did they come?"
    if visit.state == "planned" and visit.ends_at <= now:
        return ("waiting", "how did it go?") if comes else ("waiting", "we’re asking how it went")
    return {
        "planned": ("certain", "you are coming" if comes else "is coming"),
        "settled": ("certain", "went ahead"),
    }.get(visit.state, ("over", "does not take place"))


def sentence(visit: Visit, reader: Reader, now: datetime) -> str:
    """The state of one visit as a whole sentence, for the visit's own page."""
    comes, day, who = reader.comes(visit), at_time(visit.starts_at, now), visit.who or "Someone"
    if replaced(visit, reader) and visit.state in {"covered", "said", "settled"}:
        return f"{who} {'is coming' if visit.state == 'covered' else 'came'} {day} instead of you."
    to = "" if comes or reader.is_you(visit.person_id) else f" to {visit.person_called}"
    if visit.state == "planned":
        if comes:
            return f"You are coming {day}." if visit.ends_at > now else f"You were to come {day}."
        return f"{who} is coming{to} {day}." if visit.ends_at > now else f"{who} was to come{to} {day}."
    if visit.state == "covered":
        return f"{who} is coming{to} {day}, from {visit.cover_circle}."
    if visit.state == "gap":
        if comes:
            return f"You said that you can’t be there {day}."
        return f"{visit.worker_called or 'Nobody'} can’t come{to} {day}."
    if visit.state == "said":
        return f"{'You' if comes else who} said how it went {on_day(visit.starts_at, now)}."
    if visit.state == "settled":
        return f"The visit {on_day(visit.starts_at, now)} went ahead."
    return f"The visit {on_day(visit.starts_at, now)} does not take place."


def waits_for_money(visit: Visit) -> bool:
    """Whether a visit that costs something has nothing set aside for it, and someone is to come or has come, or is owed
    a part because it was called off late."""
    waits = visit.state in {"planned", "said", "settled"} or visit.owed_pence > 0
    return visit.paid and not visit.line and not visit.cover_circle and waits


def money_state(visit: Visit, ahead: datetime | None) -> str:
    """The same in two words, for a list: nothing for a visit that costs nothing, or is over."""
    if waits_for_money(visit):
        if visit.unpaid_at is not None or ahead is None:
            return "not paid for yet"
        return f"paid ahead {clock.say_day(ahead, clock.zone())}"
    return "set aside" if visit.line and visit.state in {"planned", "covered", "said"} else ""


def _not_yet(visit: Visit, reader: Reader, now: datetime, ahead: datetime | None, no_mileage: bool) -> str:
    if visit.owed_pence:
        whose = "You have" if reader.comes(visit) else f"{visit.who or 'The worker'} has"
        return f"It was called off late, so {pounds(visit.owed_pence)} is due. {whose} it as soon as it is paid in."
    if visit.unpaid_at is None and ahead is not None:
        if ahead > now:
            return f"Nothing is set aside for it yet. It is paid ahead on {clock.say_day(ahead, clock.zone())}."
        return "Nothing is set aside for it yet. That is done within the hour."
    said = "This visit is not paid for yet. Whoever pays has been told."
    if no_mileage:
        said = f"This visit is not paid for yet. {NO_MILEAGE}"
    if visit.starts_at <= now:
        return (
            f"{said} {'You are paid' if reader.comes(visit) else 'The worker is paid'} as soon as the money is there."
        )
    if reader.comes(visit):
        return f"{said} You choose whether you come."
    return f"{said} {visit.who or 'The worker'} knows. It is not called off."


def _answered(visit: Visit, said: SaidRow, reader: Reader) -> str:
    """What the person has answered, as it is said back. That something was wrong is theirs to tell to others."""
    you = reader.is_you(visit.person_id)
    if said.answer == "wrong" and not you:
        return f"{visit.person_called} has answered."
    words = {"yes": "it went ahead", "no": "nobody came", "partly": f"{said.minutes} minutes"}
    return f"{'You' if you else visit.person_called} said: {words.get(said.answer, 'something was not right')}."


def _why_back(visit: Visit, line: LineState, lengths: Sequence[int]) -> str:
    """Why a part was not due, where that is known here; what was settled between both sides stands with their question."""
    if visit.state == "stopped":
        return ", as agreed for a visit that is called off late"
    whole = clock.minutes_between(visit.starts_at, visit.ends_at)
    paid = next((one for one in lengths if 0 < one < whole and visit.fee_for(one) == line.fee_pence), 0)
    return f", because the visit was {paid} minutes of {whole}" if paid else ""


def money(
    visit: Visit, line: LineState | None, reader: Reader, now: datetime, ahead: datetime | None = None,
    said: SaidRow | None = None, *, no_mileage: bool = False, lengths: Sequence[int] = (),
) -> str:  # fmt: skip
    """What is set aside and where it goes, as one or two sentences; nothing for a visit that costs nothing.

    `ahead`: when the money for its week is set aside, where that has not been yet. `said`: what the person has answered,
    for the reader who may know of it. `no_mileage`: the money for it may not pay its mileage. `lengths`: the minutes that
    either side said it was.
    """
    if not visit.paid:
        return ""
    day = of_day(visit.starts_at, now)
    comes = reader.comes(visit) and not visit.cover_name
    worker = "you" if comes else visit.who or "the worker"
    across = bool(line and line.link_id)
    circles = "the two circles" if across else "the circle"
    if waits_for_money(visit):
        if said and visit.state == "said" and said.answer != "yes":
            return f"This visit is not paid for yet. {NOT_DUE}"
        return _not_yet(visit, reader, now, ahead, no_mileage)
    if line is None or line.state == "returned":
        if visit.state == "stopped":
            return "Nothing is paid for it."
        return f"Nothing is set aside for {day} yet."
    shares = f"{pounds(line.worker_pence)} {{}} to {worker} and {pounds(line.circles_pence)} to {circles}."
    if line.state == "released":
        back = (
            f" {pounds(line.returned_pence)} went back{_why_back(visit, line, lengths)}." if line.returned_pence else ""
        )
        return f"{shares.format('went')}{back}"
    aside = f"{pounds(line.set_aside_pence)} is set aside for {day}."
    if line.state == "disputed":
        return f"{pounds(line.disputed_pence)} waits until you have both been heard."
    if visit.state in {"gap", "stopped"}:
        return f"{aside} It goes to whoever comes, or back." if visit.state == "gap" else aside
    if said and not comes:
        moves = "Both circles must agree before it moves." if across else "It moves once it is clear what was right."
        return f"{aside} {_answered(visit, said, reader)} {moves}"
    says = "you say" if reader.is_you(visit.person_id) else f"{visit.person_called} says"
    return f"{aside} When {says} it went ahead, {shares.format('goes')}"


def for_shorter(visit: Visit, minutes: int) -> str:
    """What a yes to the shorter time that the worker has said lets go. What a worker of another circle costs is not known
    here, so that no sum is named."""
    if visit.cover_circle:
        return f"When you say so, what is due for {minutes} minutes is let go, and the rest goes back."
    way = " and the travel" if visit.travel_pence else ""
    fee = f"For {minutes} minutes the fee is {pounds(visit.fee_for(minutes))}"
    return f"{fee}. When you say so, it{way} is let go, and the rest goes back." if visit.line else f"{fee}."


def not_paid(one: NotPaid, reader: Reader, now: datetime) -> str:
    """ "Two visits to Ada are not paid for yet", as a heading."""
    to = "" if reader.is_you(one.person_id) else f" to {one.called}"
    if len(one.visits) == 1 and one.first.state == "stopped":
        return f"What is due for the visit{to} {on_day(one.first.starts_at, now)}, called off late, is not paid for yet"
    if len(one.visits) == 1:
        return f"The visit{to} {on_day(one.first.starts_at, now)} is not paid for yet"
    return f"{first(count(len(one.visits)))} visits{to} are not paid for yet"


def what_is_missing(one: NotPaid, reader: Reader) -> str:
    """What the reader can do about it."""
    why = NO_MILEAGE if one.no_mileage else ""
    if one.mine_pence:
        now = clock.now()
        by = by_day(one.first.starts_at, now) if one.first.starts_at > now else "as soon as you can"
        please = f"Please pay in {pounds(one.mine_pence)} more{' ' if by == 'today' else ', '}{by}."
        else_ = f"Part of this is something else: {why[:1].lower()}{why[1:]}" if why else "Nothing else is needed."
        return f"{please} {else_}"
    if why:
        return f"{why} Nobody has called it off."
    if len(one.in_question) == len(one.visits):
        return NOT_DUE
    told = names(p.called for p in one.pays if p.payer_person_id != reader.id)
    said = [f"{told} pays, and has been told."] if told else []
    off = any(visit.state == "stopped" for visit in one.visits)
    return " ".join([*said, *([] if off else ["Nobody has called it off."])])


# Why a visit is not paid for although some money is there; NOT_YET as a rule until a job has run.
NO_MILEAGE = (
    "The money for it may not pay mileage, because its plan says so. It is paid for once somebody else pays, or once it is "
    "agreed without mileage. Ring us, and we will look at it together."
)
NOT_DUE = "What is due is in question. Nothing has to be paid until that is settled."
NOT_YET = "The money is there and is set aside in a few minutes. If it still says so tomorrow, tell an admin."
KEPT = "What is paid in is kept for what can’t be missed."


def to_ring_about(one: NotPaid, now: datetime) -> str:
    """The same for a facilitator, or for the treasurer: what is missing, and whom to ring."""
    many = f"{count(len(one.visits))} visit{'' if len(one.visits) == 1 else 's'}"
    begins = f"{'' if len(one.visits) == 1 else 'the first '}{at_time(one.first.starts_at, now)}"
    if len(one.in_question) == len(one.visits):
        return f"{one.called}: {many}, {begins}. {NOT_DUE} Please ring {one.called}."
    ring = names(p.called for p in one.pays) or one.called
    missing = f"{pounds(one.missing_pence)} more is needed" if one.missing_pence else "Nobody is named who pays"
    if one.no_mileage:
        missing = f"{missing}. " if one.missing_pence else ""
        some = "" if len(one.no_mileage) == len(one.visits) else f" of {count(len(one.no_mileage))}"
        missing += (
            f"The plan of the money that pays does not let the mileage{some} be paid. Somebody else can pay, it can be agreed "
            "without mileage, or the plan can be looked at again"
        )
    elif one.pays and not one.missing_pence:
        return f"{one.called}: {many}, {begins}. {NOT_YET}"
    kept = f" {KEPT}" if len({visit.cannot_be_missed for visit in one.visits}) == 2 else ""
    return f"{one.called}: {many}, {begins}. {missing}.{kept} Please ring {ring}."


def missing_in_all(short: Sequence[NotPaid]) -> str:
    """ "£120 more is needed." beneath how many visits it is about, and how many that would not help."""
    barred = sum(len(one.no_mileage) for one in short)
    it = "it" if barred == 1 else "them"
    said = [f"{first(count(barred))} cannot be, because the money for {it} may not pay mileage."] if barred else []
    if missing := sum(one.missing_pence for one in short):
        said.insert(0, f"{pounds(missing)} more is needed.")
    if said:
        return " ".join(said)
    return "Nobody is named who pays, or the money has not been set aside yet."


def run(one: Run) -> list[str]:
    """The last weekly run, in sentences."""
    zone = clock.zone()
    last = one.week + timedelta(days=6)
    week = f"{one.week.day} {one.week:%B} to {last.day} {last:%B}"
    at = f"On {clock.say_day(one.began_at, zone)} at {clock.say_time(one.began_at, zone)}"
    many = f"{count(one.visits)} visit{'' if one.visits == 1 else 's'}"
    if one.ended_at is None:
        return [
            f"{at} the money for the week {week} began to be set aside.",
            f"So far that is {pounds(one.aside_pence)}, for {many}.",
        ]
    if not one.visits:
        return [f"{at} there was nothing to set aside for the week {week}."]
    then = f"{first(count(one.short))} {'was' if one.short == 1 else 'were'} not paid for then." if one.short else ""
    return [f"{at} {pounds(one.aside_pence)} was set aside for {many} of the week {week}.", *([then] if then else [])]


def parts(visit: Visit) -> list[tuple[str, str]]:
    """What the price of a visit is made of, line by line, where it is more than the visit itself."""
    if visit.cover_name or not (visit.travel_minutes or visit.miles):
        return []
    miles, way = visit.miles * visit.mileage_pence, visit.on_the_way_pence
    rows = [
        (f"The visit, {hours_of(visit)}", visit.fee_pence - way),
        (f"Time on the way, {visit.travel_minutes} minutes", way),
        (f"{visit.miles} miles at {visit.mileage_pence}p", miles),
        ("Travel", visit.travel_pence - miles),
    ]
    return [(words, pounds(pence)) for words, pence in rows if pence]


def settles(visit: Visit, now: datetime, *, to_tell: bool = False) -> str:
    """By when a question settles itself, where it does. `to_tell`: it has not reached the person yet."""
    if visit.settles_at is None:
        return f"This does not settle itself before {visit.person_called} has been asked." if to_tell else ""
    return f"If nobody answers, this settles itself {on_day(visit.settles_at, now)} at {clock.say_time(visit.settles_at, clock.zone())}."

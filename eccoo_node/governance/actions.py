"""The doors of what was decided."""

from datetime import date, datetime, timedelta

from eccoo_node.db.rows import fetch, insert
from eccoo_node.governance import queries, rules
from eccoo_node.governance.figures import FIGURES, Figure
from eccoo_node.governance.tables import Decision
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.record.door import Act, door


@door("governance.record")
async def record_decision(
    act: Act, *, words: str, decided_by: str, decided_on: date, review_on: date, about: str = ""
) -> str:
    """Write down what the circle decided; the decision's id. It says nothing about whether it was well decided.

    Raises Invalid for empty words, a day that is yet to come, and a review that does not follow it within five years.
    """
    act.allow(Thing("decision"))
    for field, text in (("words", words), ("decided_by", decided_by)):
        if not text.strip():
            raise Invalid("Please fill this in.", "empty", field=field)
    if about and about not in FIGURES:
        raise Invalid("Choose what it is about.", "no_figure", field="about")
    if decided_on > clock.today():
        raise Invalid(
            "This day is yet to come. Write a decision down once it has been made.", "not_yet", field="decided_on"
        )
    if refused := rules.review_refused(decided_on, review_on):
        raise Invalid(refused, "bad_review", field="review_on")
    row = Decision(
        words=words.strip(), decided_by=decided_by.strip(), decided_on=decided_on.isoformat(),
        review_on=review_on.isoformat(), about=about, recorded_by=act.actor.person_id, recorded_at=clock.now(),
    )  # fmt: skip
    await insert(row)
    act.about(str(row.id))
    await act.tell("decision.recorded", "decision", str(row.id))
    return str(row.id)


@door("governance.decide_figure")
async def decide_figure(
    act: Act, figure: Figure, value: int, *, decision_id: str, valid_from: datetime | None = None
) -> None:
    """Write down a number that the circle has decided on, from now or from a moment to come.

    Raises Invalid for a number out of its bounds, a moment that is over, and where the circle has decided no such thing or
    the decision is about another number;
    for a figure of two people also where its writer wrote the decision down, or raises it before tomorrow.
    """
    act.allow(Thing("figure", figure.name))
    now = clock.now()
    figure.check(value)
    person_id = act.actor.person_id
    await queries.requires_decision(decision_id, not_by=person_id if figure.two_people else "", figure=figure.name)
    if valid_from and valid_from < now - timedelta(minutes=1):
        raise Invalid("This can’t begin in the past.", "in_the_past", field="from_day")
    at_once = (valid_from or now) < rules.tomorrow(now, clock.zone())
    if figure.two_people and person_id and at_once and value > await queries.figure(figure, valid_from or now):
        raise Invalid("A higher limit begins tomorrow at the earliest.", "too_soon", field="from_day")
    await fetch(
        "INSERT INTO decided_figure (name, value, valid_from, decision_id, recorded_by, recorded_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        figure.name, value, valid_from or now, decision_id, act.actor.person_id, now,
    )  # fmt: skip
    await act.tell("figure.decided", "figure", figure.name)

"""The door of what was decided."""

from datetime import date

from eccoo_node.db.rows import insert
from eccoo_node.governance import rules
from eccoo_node.governance.tables import Decision
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.record.door import Act, door


@door("governance.record")
async def record_decision(act: Act, *, words: str, decided_by: str, decided_on: date, review_on: date) -> str:
    """Write down what the circle decided; the decision's id. It says nothing about whether it was well decided.

    Raises Invalid for empty words, a day that is yet to come, and a review that does not follow it within five years.
    """
    act.allow(Thing("decision"))
    for field, text in (("words", words), ("decided_by", decided_by)):
        if not text.strip():
            raise Invalid("Please fill this in.", "empty", field=field)
    if decided_on > clock.now().astimezone(clock.zone()).date():
        raise Invalid(
            "This day is yet to come. Write a decision down once it has been made.", "not_yet", field="decided_on"
        )
    if refused := rules.review_refused(decided_on, review_on):
        raise Invalid(refused, "bad_review", field="review_on")
    row = Decision(
        words=words.strip(), decided_by=decided_by.strip(), decided_on=decided_on.isoformat(),
        review_on=review_on.isoformat(), recorded_by=act.actor.person_id, recorded_at=clock.now(),
    )  # fmt: skip
    await insert(row)
    act.about(str(row.id))
    await act.tell("decision.recorded", "decision", str(row.id))
    return str(row.id)

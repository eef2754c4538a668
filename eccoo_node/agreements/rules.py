"""The rules of agreeing: whose yes counts for whose side, and that nobody says both."""

from eccoo_node.governance import figures
from eccoo_node.governance.figures import Figure
from eccoo_node.kernel.access import Actor, Thing, rule
from eccoo_node.members.rules import own_words

MOST_TRAVEL_MINUTES = 240
MOST_MILES = 200
MILEAGE = figures.declare(
    Figure(
        name="mileage_pence", kind="pence", first=45, least=0, most=200, title="What we pay for a mile",
        words="For visits planned from then on. It bears no commission. A worker’s own tax office has its own rate for it.",
    )
)  # fmt: skip


@rule("agreements.agree_terms", "agreements.end_terms")
def _terms(actor: Actor, thing: Thing) -> bool | str:
    """The worker for their side; the person, or who chooses for them who comes, for theirs."""
    return side_of(actor, thing) != ""


def side_of(actor: Actor, thing: Thing) -> str:
    """ "person" or "worker": whose side the actor says yes for; empty for neither.

    Someone who speaks for the person and is the worker as well is only the worker.
    """
    if own_words(actor, thing.worker_id):
        return "worker"
    if actor.person_id != thing.worker_id and actor.speaks_as(thing.person_id, "choose_who_comes"):
        return "person"
    return ""


@rule("agreements.give_consent", "agreements.withdraw_consent")
def _consent(actor: Actor, thing: Thing) -> bool | str:
    """`thing.kind` is "consent:" and the scope that the person's own yes must cover for someone else to say it."""
    return actor.speaks_as(thing.person_id, thing.kind.partition(":")[2])

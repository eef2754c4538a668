"""Who may agree to something bought for someone, say what it cost, and say that it is right. Pure."""

from datetime import timedelta
from typing import Literal

from eccoo_node.escrow.rules import keeps_books
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.money import MAX_PENCE
from eccoo_node.members.rules import own_words

# What is bought for someone in one go; more is no shopping.
MOST_PENCE = 50_000
MOST_COST_PENCE = MAX_PENCE
# A worker who says nothing for so long: the money goes back.
BACK_AFTER = timedelta(days=14)

State = Literal["agreed", "said", "questioned", "settled", "back"]
Act = Literal["say", "nothing", "lapse_back", "ask_more", "yes", "ceiling", "wrong", "resolve"]

# From each state, what may happen, and where it leads.
MOVES: dict[tuple[str, str], State] = {
    ("agreed", "say"): "said",
    ("agreed", "nothing"): "back",
    ("agreed", "lapse_back"): "back",
    ("said", "say"): "said",
    ("said", "ask_more"): "said",
    ("said", "yes"): "settled",
    ("said", "ceiling"): "settled",
    ("said", "wrong"): "questioned",
    ("questioned", "resolve"): "settled",
    # Only what does not settle itself: someone is in hospital, or has died.
    ("said", "resolve"): "settled",
}


def after(state: str, act: Act) -> State | None:
    """The state that follows, or None where this can't happen now."""
    return MOVES.get((state, act))


def claimed_pence(cost_pence: int, ceiling_pence: int) -> int:
    """What of the cost is the worker's without a new yes: never more than was agreed."""
    return min(cost_pence, ceiling_pence)


def _for_the_person(actor: Actor, thing: Thing) -> bool:
    return actor.speaks_as(thing.person_id, "money")


def _pays(actor: Actor, thing: Thing) -> bool:
    return bool(thing.payer_id) and actor.speaks_as(thing.payer_id, "money")


def is_worker(actor: Actor, thing: Thing) -> bool:
    """Whoever did the buying, or a facilitator who writes down what they say."""
    return own_words(actor, thing.worker_id)


def _is_paid(actor: Actor, thing: Thing) -> bool:
    """Whether the actor would answer for money that comes to themselves."""
    return actor.person_id == thing.worker_id and actor.person_id != thing.person_id


@access.rule("expenses.agree")
def _agree(actor: Actor, thing: Thing) -> bool | str:
    """The person, or who speaks for them about money; never whoever has the money from it."""
    if _is_paid(actor, thing):
        return "You would be paid back out of this, so somebody else has to agree to it."
    return _for_the_person(actor, thing)


@access.rule("expenses.say_cost", "expenses.ask_more")
def _say_cost(actor: Actor, thing: Thing) -> bool | str:
    return is_worker(actor, thing) or "Only the one who went can say what it cost."


@access.rule("expenses.answer")
def _answer(actor: Actor, thing: Thing) -> bool | str:
    """The person, who speaks for them about money, or whoever pays; never whoever is paid back."""
    if _is_paid(actor, thing):
        return "You are paid back out of this, so somebody else has to say whether it is right."
    return _for_the_person(actor, thing) or _pays(actor, thing)


@access.rule("expenses.settle", "expenses.send_back")
def _by_itself(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()


@access.rule("expenses.resolve")
def _resolve(actor: Actor, thing: Thing) -> bool | str:
    """Written in the books by the treasurer, once both agree; never where they, or someone they speak for, have a part in it."""
    if actor.person_id in {thing.person_id, thing.worker_id, thing.payer_id} | thing.parties:
        return "You have a part in this, so another treasurer has to write it down."
    return keeps_books(actor) or "Only the circle’s treasurer can write this in the books."


def _of_it(actor: Actor, thing: Thing) -> bool:
    """The two: the worker, and the person or who speaks for them about money."""
    return is_worker(actor, thing) or (_for_the_person(actor, thing) and not _is_paid(actor, thing))


@access.rule("expenses.see")
def _see(actor: Actor, thing: Thing) -> bool | str:
    """The two, whoever pays, the treasurer, and a facilitator."""
    helps = actor.wears("facilitator") and not actor.acting_for
    return _of_it(actor, thing) or _pays(actor, thing) or keeps_books(actor) or helps


@access.rule("expenses.see_own_receipt")
def _own_receipt(actor: Actor, thing: Thing) -> bool | str:
    """To look at what is one's own is no act. Whoever else may see it looks through a door, and it is written down."""
    # A facilitator who writes down what one of the two says has their own eyes.
    return actor.via not in {"phone", "paper"} and _of_it(actor, thing)


@access.rule("expenses.look_at_receipt")
def _look(actor: Actor, thing: Thing) -> bool | str:
    return _see(actor, thing)


@access.rule("expenses.allow_plan")
def _allow_plan(actor: Actor, thing: Thing) -> bool | str:
    """`thing.parties`: whose care that money is for, who looks after it, and who speaks for one of them about money."""
    if actor.person_id in thing.parties:
        return "This money is for you, or for someone you speak for, or spoke for. Another treasurer writes down what it may pay for."
    return _keeps(actor, thing)


@access.rule("expenses.see_all")
def _keeps(actor: Actor, thing: Thing) -> bool | str:
    return keeps_books(actor) or "Only the circle’s treasurer can look at this."

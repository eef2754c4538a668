"""Who sees and answers what two circles owe each other."""

from datetime import timedelta

from eccoo_node.escrow.rules import keeps_books
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.members.rules import as_self

# What is agreed is paid within so long; then the page says that it is late, and nothing else happens by itself.
PAID_WITHIN = timedelta(days=14)
# A statement that was not taken is not said again sooner; a last one, after the end, after twice as long each time.
SAID_AGAIN = timedelta(days=1)
ANSWERS = ("ours", "theirs")
HOW_SURE = ("rang", "paper")


@access.rule("settlement.see", "settlement.answer", "settlement.sent", "settlement.give_account")
def _treasurer(actor: Actor, thing: Thing) -> bool | str:
    return keeps_books(actor) or "Only the circle’s treasurer sees to this."


@access.rule("settlement.put_right", "settlement.bear")
def _without_part(actor: Actor, thing: Thing) -> bool | str:
    """`thing.parties`: whoever is paid from it, pays, cares for or speaks for one of them."""
    if not keeps_books(actor):
        return "Only the circle’s treasurer sees to this."
    return actor.person_id not in thing.parties or "You have a part in this visit. Another treasurer sees to it."


@access.rule("settlement.confirm_account")
def _second(actor: Actor, thing: Thing) -> bool | str:
    """`thing.worker_id` wrote it down: two people see to where money goes."""
    if not (as_self(actor) and actor.wears("treasurer", "facilitator") and actor.via == "screen"):
        return "A treasurer or a facilitator makes sure of this, on their own screen."
    return actor.person_id != thing.worker_id or "You wrote this down. Somebody else makes sure of it."


@access.rule("settlement.see_account")
def _sees_account(actor: Actor, thing: Thing) -> bool | str:
    able = as_self(actor) and actor.wears("treasurer", "facilitator")
    return able or "The treasurer or a facilitator sees to this."


@access.rule("settlement.write", "settlement.go_on", "settlement.not_taken", "settlement.look")
def _node(actor: Actor, thing: Thing) -> bool:
    return actor.is_node()


@access.rule("settlement.hear")
def _that_circle(actor: Actor, thing: Thing) -> bool:
    return actor.via == "federation" and bool(actor.link_id) and actor.link_id == thing.link_id

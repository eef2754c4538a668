"""Who may ask to be forgotten, and how long there is to think it over."""

from datetime import timedelta

from eccoo_node.kernel.access import Actor, Thing, rule

# Long enough that nobody loses everything by one press, in a bad hour or on somebody else's phone.
THINK = timedelta(days=3)
AGAIN = timedelta(days=1)
# A circle that has not answered is asked again after so long; one whose day has passed, so long after it.
ASK_AGAIN = timedelta(days=7)
GRACE = timedelta(days=2)
# Nobody there reads letters any more: it is time that somebody rings them.
RING = timedelta(days=30)
# What somebody of ours heard of a circle whose link has ended, in place of the receipt that does not come.
TOLD_HOW = ("rang", "paper", "nobody")
# References in one letter, and rows of one link that we keep about what it asked.
MOST_SUBJECTS = 200
MOST_ROWS = 1000


@rule("privacy.ask", "privacy.take_back", "privacy.see")
def _theirs(actor: Actor, thing: Thing) -> bool | str:
    """The person, who speaks for them about their details, or a facilitator who writes it down. Never someone who is paid
    in their team, unless it is about themselves."""
    own = actor.person_id == thing.person_id and not actor.acting_for
    if not own and actor.person_id in thing.paid_workers:
        return "Someone who is paid for the work does not decide this."
    return actor.speaks_as(thing.person_id, "share_my_details")


@rule("privacy.see_all", "privacy.told")
def _helpers(actor: Actor, thing: Thing) -> bool:
    return actor.wears("facilitator", "admin") and not actor.acting_for


@rule("privacy.forget", "privacy.chase", "privacy.finish", "privacy.follow")
def _node(actor: Actor, thing: Thing) -> bool:
    return actor.is_node()


@rule("privacy.hear")
def _circle(actor: Actor, thing: Thing) -> bool:
    return actor.via == "federation" and bool(actor.link_id) and actor.link_id == thing.link_id

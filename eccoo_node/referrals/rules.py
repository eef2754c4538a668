"""Who may ask, who answers, and how long what a stranger wrote is kept."""

import re
from datetime import timedelta

from eccoo_node.kernel.access import Actor, Thing, rule

KEEP = timedelta(days=60)
# What crossed is kept no longer than this by either circle.
RETAIN = timedelta(days=30)
# Whoever fetched may fetch again for so long, in case the answer was lost on the way.
FETCH_AGAIN = timedelta(days=1)
ASKS_BY_CLIENT = 5
MOST_OPEN = 200
# Unanswered, or within a day.
MOST_OF_LINK = 50
MOST_AREAS = 200
_OUTWARD = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]?")


def outward_of(text: str) -> str:
    """The first half of a postcode, however it was written; "" when there is none."""
    parts = text.upper().split()
    if len(parts) == 2 and _OUTWARD.fullmatch(parts[0]) and re.fullmatch(r"[0-9][A-Z]{0,2}", parts[1]):
        return parts[0]
    plain = "".join(parts)
    if _OUTWARD.fullmatch(plain):
        return plain
    whole = re.fullmatch(rf"({_OUTWARD.pattern})[0-9][A-Z]{{2}}", plain)
    return whole.group(1) if whole else ""


def read_areas(text: str) -> tuple[list[str], list[str]]:
    """Outward postcodes in the order written, and what is none."""
    parts = [part for part in re.split(r"[\s,;]+", text.upper()) if part]
    good = list(dict.fromkeys(part for part in parts if _OUTWARD.fullmatch(part)))
    return good, [part for part in parts if not _OUTWARD.fullmatch(part)]


@rule("referrals.ask", "referrals.own", "referrals.take_back")
def _anyone(actor: Actor, thing: Thing) -> bool:
    """Whoever asks; and whoever has the address of their own page, which nobody can guess."""
    return True


@rule("referrals.see", "referrals.close", "referrals.answer")
def _facilitators(actor: Actor, thing: Thing) -> bool | str:
    return (actor.wears("facilitator") and not actor.acting_for) or "A facilitator answers those who ask from outside."


@rule("referrals.set_areas")
def _admins(actor: Actor, thing: Thing) -> bool | str:
    wears_it = any(hat.role == "admin" and hat.kind == "circle" for hat in actor.hats) and not actor.acting_for
    return actor.is_node() or wears_it or "Only someone who looks after this node can do this."


@rule("referrals.hear", "referrals.give", "referrals.keep")
def _circle(actor: Actor, thing: Thing) -> bool:
    return actor.via == "federation" and bool(actor.link_id) and actor.link_id == thing.link_id

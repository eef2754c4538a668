"""Who may ask about the money of a visit, who may say yes to a split, and who of the circle decides. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from eccoo_node.kernel.access import Actor, Thing, rule
from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import pounds, price_pence, share_out
from eccoo_node.rota import rules as rota

Side = Literal["theirs", "payer", "worker"]
NOT_YOURS = "This is for the two whom the visit concerns."
# What both sides read of a sum that waits for the safeguarding lead. It says nothing about anybody.
NEUTRAL = "Part of the money for this visit waits. It says nothing about anybody."


def next_look(now: datetime, zone: ZoneInfo) -> datetime:
    """When somebody looks at a question again: 6pm on the fifth working day."""
    return rota.settles_at(now, zone, by_post=True)


def _own_or_written(actor: Actor, person_id: str) -> bool:
    if not person_id:
        return False
    if actor.person_id == person_id and not actor.acting_for:
        return True
    written = actor.via in {"phone", "paper"} and actor.wears("facilitator") and bool(actor.known_by)
    return written and actor.acting_for == person_id


def side_of(actor: Actor, thing: Thing) -> Side | None:
    """From which side the actor speaks. Whoever is paid for the visit has no other side, whatever hats they wear."""
    if _own_or_written(actor, thing.worker_id):
        return "worker"
    if actor.person_id == thing.worker_id:
        return None
    if actor.speaks_as(thing.person_id, "say_visit_went"):
        return "theirs"
    return "payer" if rota.pays(actor, thing) else None


def deals_with_money(actor: Actor, thing: Thing) -> bool:
    """Whether this side may read the sums and say yes to them: the worker, the person, each payer, who speaks for one
    about money. Being allowed to say how a visit went is no say in what it costs."""
    if _own_or_written(actor, thing.worker_id):
        return True
    if actor.person_id == thing.worker_id:
        return False
    return actor.speaks_as(thing.person_id, "money") or rota.pays(actor, thing)


def may_rest(actor: Actor, thing: Thing, side: str, asker: str, *, apart: bool, typed_by: str) -> bool:
    """Whether the actor may let rest what this one asked. Where money waits, that lets it go: so only whoever deals
    with the money of the one who asked."""
    if side == "worker":
        return side_of(actor, thing) == "worker"
    if side == "payer":
        return actor.person_id != thing.worker_id and actor.speaks_as(asker, "money")
    if side_of(actor, thing) != "theirs":
        return False
    return actor.speaks_as(thing.person_id, "money") or (not apart and actor.person_id == typed_by)


def is_free(actor: Actor, thing: Thing) -> bool:
    """Whether the actor, as themselves, has no part in this."""
    return bool(actor.person_id) and not actor.acting_for and actor.person_id not in thing.parties


@rule("disputes.raise", "disputes.withdraw")
def _raise(actor: Actor, thing: Thing) -> bool | str:
    return side_of(actor, thing) is not None or NOT_YOURS


@rule("disputes.answered")
def _answered(actor: Actor, thing: Thing) -> bool | str:
    """Part of the person's own answer, which `rota.answer` has asked about."""
    return side_of(actor, thing) == "theirs" or NOT_YOURS


@rule("disputes.agree", "disputes.say")
def _agree(actor: Actor, thing: Thing) -> bool | str:
    return deals_with_money(actor, thing) or NOT_YOURS


@rule("disputes.propose")
def _propose(actor: Actor, thing: Thing) -> bool | str:
    """Either side; for the circle whoever helps or decides, and has no part in it."""
    return deals_with_money(actor, thing) or _helps(actor, thing)


@rule("disputes.help", "disputes.note")
def _helps(actor: Actor, thing: Thing) -> bool | str:
    """A facilitator, the treasurer, and the convenor where no treasurer is free. Nobody who has a part in it: is paid from
    it, pays, cares for or speaks for either side, raised it, or said so."""
    if not actor.wears("facilitator", "treasurer", "convenor"):
        return NOT_YOURS
    return is_free(actor, thing) or "You have a part in this, so someone else helps with it."


@rule("disputes.resolve")
def _resolve(actor: Actor, thing: Thing) -> bool | str:
    """The treasurer; where every treasurer has a part in it (`concern:second`), a convenor."""
    decides = actor.wears("treasurer") or (thing.kind == "question:second" and actor.wears("convenor"))
    if not decides:
        return "The circle’s treasurer decides this, or the convenor in their place."
    return is_free(actor, thing) or "You have a part in this, so someone else decides it."


@rule("disputes.step_aside")
def _aside(actor: Actor, thing: Thing) -> bool | str:
    return actor.wears("facilitator", "treasurer", "convenor") and not actor.acting_for


@rule("disputes.list")
def _list(actor: Actor, thing: Thing) -> bool | str:
    return actor.wears("facilitator", "treasurer", "convenor") and not actor.acting_for


@rule("disputes.remind")
def _by_itself(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()


@rule("safeguarding.look", "safeguarding.pause", "safeguarding.renew", "safeguarding.end")
def _lead(actor: Actor, thing: Thing) -> bool | str:
    """The safeguarding lead alone, as themselves, and never about money that they have a part in."""
    if not actor.wears("safeguarding") or actor.acting_for:
        return "Only the circle’s safeguarding lead can do this."
    own = {thing.worker_id, thing.person_id, thing.payer_id} | thing.parties
    return actor.person_id not in own or "You have a part in this, so another lead has to look at it."


@rule("safeguarding.over")
def _over(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()


def in_question(
    part: str,
    rate_pence: int,
    fee_pence: int,
    travel_pence: int,
    *,
    minutes: int | None = None,
    sum_pence: int = 0,
    way_pence: int = 0,
) -> tuple[int, int]:
    """The fee and the travel that are in question, of these. Raises Invalid for what says nothing, or too much.

    `way_pence` is the part of the fee for the time on the way, which is due to whoever came at all.
    """
    if part == "whole":
        return fee_pence, travel_pence
    if part == "travel":
        if not travel_pence:
            raise Invalid("Nothing was paid for travel.", "no_travel", field="part")
        return 0, travel_pence
    if part == "minutes":
        left = max(0, fee_pence - price_pence(rate_pence, minutes) - way_pence) if minutes and minutes > 0 else 0
        if not left:
            raise Invalid("Write how many minutes it was, fewer than were paid for.", "bad_minutes", field="minutes")
        return left, 0
    if part == "sum":
        if not 0 < sum_pence <= fee_pence:
            raise Invalid(f"Write a sum up to {pounds(fee_pence)}.", "bad_amount", field="amount")
        return sum_pence, 0
    raise Invalid("Choose which part.", "nothing_chosen", field="part")


def missing(
    part: str,
    rate_pence: int,
    agreed: tuple[int, int],
    had: tuple[int, int],
    *,
    minutes: int | None = None,
    way_pence: int = 0,
) -> tuple[int, int]:
    """What a worker says was due besides what they have had: fee and travel, within what was agreed. Raises Invalid."""
    fee, travel = agreed
    wanted = {
        "minutes": (min(fee, price_pence(rate_pence, minutes) + way_pence if minutes and minutes > 0 else 0), 0),
        "travel": (0, travel),
        "whole": (fee, travel),
    }.get(part)
    if wanted is None:
        raise Invalid("Choose which part.", "nothing_chosen", field="part")
    more = max(0, wanted[0] - had[0]), max(0, wanted[1] - had[1])
    if not sum(more):
        field = "minutes" if part == "minutes" else "part"
        raise Invalid("You have had this already. Say what is missing.", "nothing_missing", field=field)
    return more


def split(sum_pence: int, fee_pence: int, travel_pence: int, *, field: str = "amount") -> tuple[int, int]:
    """A sum for the worker, as fee and travel in the proportion in which they are in question. Raises Invalid."""
    whole = fee_pence + travel_pence
    if type(sum_pence) is not int or not 0 <= sum_pence <= whole:
        raise Invalid(f"Write a sum from £0 to {pounds(whole)}.", "bad_amount", field=field)
    fee, travel = share_out(sum_pence, [fee_pence, travel_pence])
    return fee, travel


def yes_needed(
    stands: str, asked: Iterable[tuple[str, str]], payers: Collection[str], worker_id: str
) -> frozenset[str]:
    """Whose yes a split needs: "worker", "theirs" for the person, and payers by their own ids.

    What costs more needs everyone who pays; anything else whoever asked it, who are `asked` as (side, person).
    """
    theirs = {asker if side == "payer" else "theirs" for side, asker in asked if side != "worker"}
    if stands == "more":
        theirs = set(payers) - {worker_id}
    return frozenset({"worker"} | (theirs or {"theirs"}))


def yes_of(actor: Actor, thing: Thing, needed: frozenset[str]) -> frozenset[str]:
    """Those of the yeses needed that are the actor's to say."""
    if side_of(actor, thing) == "worker":
        return needed & {"worker"}
    if actor.person_id == thing.worker_id:
        return frozenset()
    # Where payers say for themselves, none of them says it for the person.
    alone = needed <= {"worker", "theirs"} and deals_with_money(actor, thing)
    own = {"theirs"} if alone or actor.speaks_as(thing.person_id, "money") else set()
    return frozenset(one for one in needed if one in own or (one != "worker" and actor.speaks_as(one, "money")))


def waits_for(missing: frozenset[str]) -> str:
    """Which side a split waits for, of those whose yes is missing."""
    if missing == {"worker"}:
        return "worker"
    return "both" if "worker" in missing else "theirs"

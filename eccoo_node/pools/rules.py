"""Who may be seen, who may look, and whom a search finds. No rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from eccoo_federation import limits
from eccoo_node.kernel.access import Actor, Thing, rule
from eccoo_node.members.cards import Stretch
from eccoo_node.members.rules import is_free, on_the_wall, own_words

# Beside the fields of the agreement: what our circle saw of their papers, where the other may read that.
SEEN = "seen"
READ_AGAIN = timedelta(hours=1)
# After a word that something changed; a circle that sends such words without end is read no oftener.
NOT_SOONER = timedelta(seconds=20)
OLD = timedelta(days=1)
KEPT = limits.POOL_KEPT
VERIFY_AGAIN = timedelta(days=1)
# So many proofs of one circle are fetched in a minute, so that cover never waits for them.
PROOFS_A_MINUTE = 20

PARTS = {
    "morning": (7 * 60, 12 * 60),
    "afternoon": (12 * 60, 17 * 60),
    "evening": (17 * 60, 21 * 60),
}


@rule("pools.share", "pools.stop", "pools.see_mine")
def _own(actor: Actor, thing: Thing) -> bool | str:
    return own_words(actor, thing.worker_id) or "Only the worker can say this."


@rule("pools.browse")
def _browse(actor: Actor, thing: Thing) -> bool | str:
    """Whoever chooses for themselves or for someone, and those who help them to."""
    if actor.acting_for:
        written = actor.via in {"phone", "paper"} and actor.wears("facilitator")
        return written or not actor.scopes.isdisjoint({"ask_for_cover", "choose_who_comes"})
    return actor.wears("owner", "coordinator", "facilitator")


@rule("pools.hear_changed", "pools.hear_page", "pools.hear_proof", "pools.hear_revoked")
def _hear(actor: Actor, thing: Thing) -> bool | str:
    return actor.via == "federation" and bool(actor.link_id) and actor.link_id == thing.link_id


@rule("pools.look_again", "pools.revoke")
def _by_itself(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node()


class Wanted(msgspec.Struct, frozen=True):
    """What is looked for; an empty word asks for nothing. `day` is "0" for Monday, `part` one of PARTS."""

    skill: str = ""
    language: str = ""
    area: str = ""
    day: str = ""
    part: str = ""
    circle: str = ""


class Shown(msgspec.Struct, frozen=True):
    """What a circle shows of one worker. What is empty they do not show, or have not said."""

    skills: frozenset[str] = frozenset()
    languages: tuple[str, ...] = ()
    areas: frozenset[str] = frozenset()
    hours: tuple[Stretch, ...] = ()


def found(shown: Shown, wanted: Wanted) -> bool:
    """Whether a search finds this worker. Who does not show a thing is not found by it."""
    if wanted.skill and wanted.skill not in shown.skills:
        return False
    if wanted.language and wanted.language not in {code.split("-")[0].lower() for code in shown.languages}:
        return False
    if wanted.area and wanted.area.strip().upper() not in shown.areas:
        return False
    return not (wanted.day or wanted.part) or any(_touches(stretch, wanted) for stretch in shown.hours)


def _touches(stretch: Stretch, wanted: Wanted) -> bool:
    begins, ends = PARTS.get(wanted.part, (0, 1440))
    on_day = not wanted.day or str(stretch.weekday) == wanted.day
    return on_day and stretch.from_minute < ends and stretch.to_minute > begins


def may_suit(
    shown: Shown, *, area: str, skills: Sequence[str], starts_at: datetime, ends_at: datetime, zone: ZoneInfo
) -> bool:
    """Whether nothing that they show speaks against a visit; what they do not show is for them to know."""
    if shown.areas and area not in shown.areas:
        return False
    if shown.skills and not set(skills) <= shown.skills:
        return False
    return not shown.hours or is_free(on_the_wall(starts_at, ends_at, zone), shown.hours)

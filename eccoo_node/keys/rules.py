"""When a key is renewed, from when the new one counts, and when an old one's file may go. No rows, no files."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from eccoo_federation import limits
from eccoo_federation.keys import PublicKey
from eccoo_federation.times import parse_time

Use = Literal["transport", "object"]
USES: tuple[Use, ...] = ("transport", "object")
# So long before its end a key is renewed: a circle whose node was off all that time still learns of the new one.
AHEAD = {"transport": timedelta(days=14), "object": timedelta(days=30)}
LIFE = {"transport": limits.TRANSPORT_KEY_LIFE, "object": limits.OBJECT_KEY_LIFE}
# A little more than the notice that the protocol asks for: the two clocks need not agree.
NOTICE = limits.KEY_NOTICE + timedelta(hours=1)
LOOK_EVERY = timedelta(hours=1)
# After the last circle has heard: it fetches our log at once, but perhaps not at the first try.
LET_GO_AFTER = timedelta(days=1)


class Fresh(msgspec.Struct, frozen=True):
    """A key to be made: what for, and from when until when it counts."""

    use: Use
    nbf: datetime
    exp: datetime


def to_make(here: Sequence[PublicKey], now: datetime, *, by_hand: bool = False) -> list[Fresh]:
    """Which keys to make now, of those whose private half is here. `by_hand`: although none is near its end yet.

    One that waits for its turn is not made twice. Where nothing counts any more the new one counts at once.
    """
    found = []
    for use in USES:
        mine = [key for key in here if key.use == use and key.revoked_at is None]
        if any(parse_time(key.nbf) > now for key in mine):
            continue
        ends = max((parse_time(key.exp) for key in mine), default=now)
        if by_hand or ends - now <= AHEAD[use]:
            begins = now + NOTICE if ends > now else now
            found.append(Fresh(use, begins, begins + LIFE[use]))
    return found


def at_once(now: datetime, slack: timedelta) -> list[Fresh]:
    """After a loss: both, good from a little while ago."""
    return [Fresh(use, now - slack, now - slack + LIFE[use]) for use in USES]


def spent(keys: Sequence[PublicKey], now: datetime, told_at: datetime | None) -> list[PublicKey]:
    """The keys whose private half has done its last work.

    An object key signs nothing once the next one does. A transport key is kept until every linked circle has heard of
    the next one (`told_at`: when the last of them did) and a day has passed, and never beyond its end.
    """
    gone = []
    for key in keys:
        later = _next(keys, key, now)
        if later is None:
            # The last one stays, whatever its date: without it not even a renewal could be signed.
            continue
        over = parse_time(key.exp) <= now or key.use == "object"
        begun = max(parse_time(later.nbf), parse_time(key.revoked_at) if key.revoked_at else parse_time(later.nbf))
        heard = told_at is not None and max(told_at, begun) + LET_GO_AFTER <= now
        if over or heard:
            gone.append(key)
    return gone


def _next(keys: Iterable[PublicKey], key: PublicKey, now: datetime) -> PublicKey | None:
    """A newer key of the same use that counts already, if there is one."""
    newer = [
        one for one in keys
        if one.use == key.use and one.revoked_at is None and parse_time(one.nbf) <= now < parse_time(one.exp)
        and (key.revoked_at is not None or parse_time(one.nbf) > parse_time(key.nbf)) and one.kid != key.kid
    ]  # fmt: skip
    return max(newer, key=lambda one: one.nbf, default=None)


def asked_back(count: int, picks: Sequence[int]) -> tuple[int, ...]:
    """Three places on the sheet, from three random numbers: different ones, in order, counted from 1."""
    left, chosen = list(range(1, count + 1)), []
    for pick in picks:
        chosen.append(left.pop(pick % len(left)))
    return tuple(sorted(chosen))

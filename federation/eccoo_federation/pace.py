"""When a sender tries, how much it sends, and when it only knocks: pure decisions, so that years of trouble can be tried
out in a moment.

After five failures nothing but one signed ping goes out. When it is answered the sender waits up to a minute more, so
that twenty neighbours of a node that came back do not all begin in the same second, and then sends little and more and
more. A failure halves what is sent, a full batch that arrives adds five. Nothing that comes in clears a failure: that
we hear them does not mean that they hear us.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from . import limits


class Pace(msgspec.Struct, frozen=True):
    """How one link's sender stands. ``open_until``: a ping was answered, and what waits goes out from then on."""

    failures: int = 0
    batch_size: int = limits.BATCH_EVENTS
    next_try_at: datetime | None = None
    open_until: datetime | None = None

    def waits_until(self, now: datetime) -> datetime | None:
        """None when something may go out now."""
        later = [at for at in (self.next_try_at, self.open_until) if at is not None and at > now]
        return max(later, default=None)

    @property
    def must_knock(self) -> bool:
        """Nothing but a ping may go out."""
        return self.failures >= limits.BREAKER_FAILURES and self.open_until is None


def failed(
    pace: Pace, now: datetime, rng: random.Random, *, retry_after: int | None = None, at_most: int | None = None
) -> Pace:
    """After a call that was not answered, or answered with "not now". ``retry_after`` in seconds is honoured up to an
    hour; ``at_most`` is the longest wait where the line itself is well."""
    failures = pace.failures + 1
    wait = limits.next_retry(failures, rng)
    if at_most is not None:
        wait = min(wait, timedelta(seconds=at_most))
    if retry_after is not None:
        wait = max(wait, timedelta(seconds=min(max(retry_after, 0), limits.RETRY_AFTER_CAP_S)))
    return Pace(failures, max(1, pace.batch_size // 2), now + wait)


def knocked(pace: Pace, now: datetime, rng: random.Random) -> Pace:
    """A ping was answered. The failures stay until something was taken, so that the next one closes at once."""
    start = now + timedelta(seconds=rng.uniform(0, limits.DRAIN_WITHIN_S))
    return msgspec.structs.replace(pace, open_until=start, next_try_at=None)


def heard(pace: Pace, now: datetime, last_try_at: datetime | None) -> Pace:
    """They called us: try again soon, if we were waiting. Nothing is forgiven by it."""
    soon = max(now, last_try_at + limits.PROBE_EVERY) if last_try_at else now
    if not pace.failures or pace.next_try_at is None or pace.next_try_at <= soon:
        return pace
    return msgspec.structs.replace(pace, next_try_at=soon)


def went_well(pace: Pace, sent: int = 0) -> Pace:
    """``sent`` events were answered; a full batch may grow."""
    more = limits.BATCH_STEP if sent >= pace.batch_size else 0
    return Pace(0, min(limits.BATCH_EVENTS, pace.batch_size + more))


def retry_after(text: str | None, now: datetime) -> int | None:
    """The seconds that a ``Retry-After`` asks for, a number or a date; None when it says nothing that makes sense."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), limits.RETRY_AFTER_CAP_S)
    try:
        at = parsedate_to_datetime(text)
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0, round(seconds)), limits.RETRY_AFTER_CAP_S)

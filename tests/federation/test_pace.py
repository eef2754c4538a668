"""Years of trouble in a moment: when a sender tries, and how much it sends."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from eccoo_federation import limits, pace
from eccoo_federation.pace import Pace

from .helpers import NOW

HOUR = timedelta(hours=1)


def test_the_steps_of_a_retry_and_then_forty_to_sixty_minutes() -> None:
    rng = random.Random(1)
    fixed = [limits.next_retry(attempt, rng) for attempt in range(6)]
    assert fixed == [timedelta(seconds=s) for s in (0, 5, 30, 120, 600, 1800)]
    late = [limits.next_retry(attempt, rng).total_seconds() for attempt in range(6, 500)]
    assert min(late) >= 2400
    assert max(late) <= 3600
    assert len(set(late)) > 400


def away(now: datetime, until: datetime, rng: random.Random) -> Pace:
    """What a sender has become of a peer that answered nothing from `now` until `until`."""
    stands = Pace()
    while now < until:
        stands = pace.failed(stands, now, rng)
        assert stands.next_try_at is not None
        assert stands.must_knock == (stands.failures >= limits.BREAKER_FAILURES)
        assert now < stands.next_try_at <= now + HOUR
        now = stands.next_try_at
    return stands


@settings(max_examples=60)
@given(away_s=st.integers(1, 2 * 365 * 86_400), seed=st.integers(0, 2**32))
def test_however_long_a_peer_was_away_it_hears_within_an_hour_of_its_return(away_s: int, seed: int) -> None:
    rng, back = random.Random(seed), NOW + timedelta(seconds=away_s)
    stands = away(NOW, back, rng)
    at = stands.waits_until(back) or back
    if stands.must_knock:
        stands = pace.knocked(stands, at, rng)
        at = stands.waits_until(at) or at
    assert not stands.must_knock
    assert at - back <= HOUR
    # Little at first; each full batch that is taken adds to the next, up to fifty.
    sizes = []
    while stands.batch_size < limits.BATCH_EVENTS:
        sizes.append(stands.batch_size)
        stands = pace.went_well(stands, sent=stands.batch_size)
    assert all(later - one <= limits.BATCH_STEP for one, later in pairwise(sizes))
    assert stands == Pace()


@given(st.lists(st.sampled_from(["failed", "knocked", "heard", "well", "busy"]), max_size=60), st.integers(0, 2**32))
def test_nothing_that_can_happen_leaves_a_sender_silent_for_longer_than_an_hour(steps: list[str], seed: int) -> None:
    rng, now, stands = random.Random(seed), NOW, Pace()
    for step in steps:
        before = stands.failures
        if step == "failed":
            stands = pace.failed(stands, now, rng)
        elif step == "busy":
            stands = pace.failed(stands, now, rng, retry_after=rng.choice([-5, 0, 60, 10**12]))
        elif step == "knocked" and stands.must_knock:
            stands = pace.knocked(stands, now, rng)
            assert stands.failures == before
        elif step == "heard":
            stands = pace.heard(stands, now, now - timedelta(seconds=rng.randint(0, 600)))
            # That we hear them says nothing of whether they hear us.
            assert stands.failures == before
        elif step == "well":
            stands = pace.went_well(stands, sent=rng.randint(0, 50))
        assert 1 <= stands.batch_size <= limits.BATCH_EVENTS
        assert (stands.waits_until(now) or now) - now <= HOUR
        now += timedelta(seconds=rng.randint(0, 4000))


def test_what_a_busy_peer_asks_for_is_honoured_up_to_an_hour() -> None:
    rng = random.Random(1)
    for asked, waited in ((600, 600), (86_400, 3600), (1, 5), (-1, 5)):
        assert pace.failed(Pace(), NOW, rng, retry_after=asked).next_try_at == NOW + timedelta(seconds=waited)
    said = {"600": 600, "999999999999": 3600, "Sun, 22 Nov 2026 09:10:00 GMT": 600, "Sun, 22 Nov 2026 08:00:00 GMT": 0}
    said |= dict.fromkeys(("", "²", "-1", "1.5", "soon", "Sun, 99 Nov 2026 09:10:00 GMT"), None)  # type: ignore[arg-type]
    assert {text: pace.retry_after(text, NOW) for text in said} == said


class Receiver:
    """Takes what its limits allow in a minute, link by link, and asks whoever sends more to wait."""

    def __init__(self) -> None:
        self.taken: dict[tuple[int, datetime], list[int]] = {}
        self.told: dict[int, datetime] = {}

    def take(self, link: int, events: int, now: datetime) -> int | None:
        """None when it was taken, else the seconds to wait."""
        assert now >= self.told.get(link, now), "it came again before the time it was told"
        minute = now.replace(second=0, microsecond=0)
        requests, so_far = self.taken.get((link, minute), [0, 0])
        if requests >= limits.REQUESTS_PER_MIN or so_far + events > limits.EVENTS_PER_MIN:
            wait = 60 - now.second
            self.told[link] = now + timedelta(seconds=wait)
            return wait
        self.taken[(link, minute)] = [requests + 1, so_far + events]
        return None


def test_twenty_neighbours_of_a_node_that_comes_back_neither_rush_nor_starve() -> None:
    """Each has 2,000 letters for a node that was away for eight days. It calls each of them once as it starts."""
    rng, receiver = random.Random(7), Receiver()
    back = datetime(2026, 11, 30, 9, tzinfo=UTC)
    senders = {}
    for link in range(20):
        stands = pace.heard(away(NOW, back, rng), back, back - HOUR)
        senders[link] = (back, stands, 2000)
    first: dict[int, datetime] = {}
    while any(left for _, _, left in senders.values()):
        link = min((link for link in senders if senders[link][2]), key=lambda one: senders[one][0])
        now, stands, left = senders[link]
        if stands.must_knock:
            stands = pace.knocked(stands, now, rng)
            now = stands.waits_until(now) or now
        else:
            sent = min(stands.batch_size, left)
            wait = receiver.take(link, sent, now)
            if wait is None:
                first.setdefault(link, now)
                stands, left, now = pace.went_well(stands, sent), left - sent, now + timedelta(seconds=0.2)
            else:
                stands = pace.failed(stands, now, rng, retry_after=wait)
                now = stands.waits_until(now) or now
        senders[link] = (now, stands, left)
    starts = sorted((at - back).total_seconds() for at in first.values())
    assert starts[-1] <= 60
    # Spread over the minute: no five seconds hold half of them.
    assert all(sum(one <= start < one + 5 for start in starts) < 10 for one in starts)
    assert max(events for _, events in receiver.taken.values()) <= limits.EVENTS_PER_MIN
    assert max(at for at, _, _ in senders.values()) - back < timedelta(minutes=8)

"""Whatever the days on which a node runs: it always has a key that counts, told a day ahead, and lets no key go too soon."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation import limits
from eccoo_federation.keys import PublicKey
from eccoo_federation.times import parse_time, wire_time
from eccoo_node.keys import rules

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def public(number: int, one: rules.Fresh) -> PublicKey:
    return PublicKey(f"{one.use}-{number}", one.use, "z6Mk", wire_time(one.nbf), wire_time(one.exp))


@given(gaps=st.lists(st.integers(1, 13 * 24), min_size=1, max_size=60), heard=st.booleans(), by_hand=st.integers(0, 59))
def test_a_node_that_runs_once_in_a_fortnight_never_lacks_a_key_and_never_springs_one_on_anybody(
    gaps: list[int], heard: bool, by_hand: int
) -> None:
    keys = [public(0, one) for one in rules.at_once(START, timedelta(hours=1))]
    here, now = {key.kid for key in keys}, START
    for turn, hours in enumerate(gaps):
        now += timedelta(hours=hours)
        mine = [key for key in keys if key.kid in here]
        for one in rules.to_make(mine, now, by_hand=turn == by_hand):
            # The notice of the protocol, unless nothing counts any more.
            assert one.nbf - now >= limits.KEY_NOTICE
            keys.append(public(len(keys), one))
            here.add(keys[-1].kid)
        at = wire_time(now)
        for use in rules.USES:
            assert any(key.use == use and key.kid in here and key.holds_at(at) for key in keys)
        gone = {key.kid for key in rules.spent(keys, now, now - 2 * DAY if heard else None)}
        for key in keys:
            newest = max((k for k in keys if k.use == key.use and k.holds_at(at)), key=lambda k: k.nbf)
            if key.kid in gone:
                assert parse_time(key.nbf) < parse_time(newest.nbf)
                # Unless every circle has heard, a transport key that might still open a door stays.
                assert heard or key.use == "object" or key.exp <= at
        here -= gone
        assert len(here) <= 6


def test_what_was_called_back_stays_until_all_have_heard_and_what_is_last_always_stays() -> None:
    old, new = (public(i, rules.at_once(START + i * DAY, timedelta(hours=1))[0]) for i in (0, 1))
    void = PublicKey(old.kid, old.use, old.public, old.nbf, old.exp, revoked_at=wire_time(START + DAY))
    now = START + 4 * DAY
    assert rules.spent([void, new], now, None) == []
    assert rules.spent([void, new], now, now) == []
    assert rules.spent([void, new], now, now - DAY) == [void]
    assert rules.spent([old], now + 400 * DAY, now) == []


@given(st.lists(st.integers(0, 65535), min_size=3, max_size=3))
def test_three_different_words_are_asked_back(picks: list[int]) -> None:
    places = rules.asked_back(24, picks)
    assert len(set(places)) == 3
    assert all(1 <= place <= 24 for place in places)
    assert list(places) == sorted(places)

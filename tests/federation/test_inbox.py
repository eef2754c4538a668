"""Applied in order, once; a refusal uses its number and blocks only its own subject."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation import events, inbox, limits
from eccoo_federation.inbox import InboxState, Seen

from .helpers import refused

HASH = "H" * 42 + "A"


def envelope(seq: int, subject: str = "s", type: str = "cover.offered") -> events.Envelope:
    return events.Envelope(
        id=f"01a20074-c523-7ebe-a48f-{seq:012x}",
        link="01a20074-c523-7ebe-a48f-28326f1f95b5",
        from_="a" * 52,
        to="b" * 52,
        seq=seq,
        subject=subject,
        rev=1,
        prev=None,
        type=type,
        at="2026-11-22T09:00:00Z",
        body={},
    )


def test_next_in_order_is_applied_later_ones_wait_and_far_ones_are_pulled() -> None:
    state = InboxState(applied=4)
    assert inbox.place(state, envelope(5), HASH, None) == "apply"
    assert inbox.place(state, envelope(6), HASH, None) == "buffered"
    last = 5 + limits.BUFFERED_EVENTS
    assert inbox.place(state, envelope(last), HASH, None) == "buffered"
    assert inbox.place(state, envelope(last + 1), HASH, None) == "pull"
    full = InboxState(4, frozenset(range(6, last + 1)))
    assert inbox.place(full, envelope(6), HASH, Seen(HASH, "buffered")) == "buffered"
    assert inbox.place(full, envelope(5), HASH, None) == "apply"


def test_the_same_bytes_get_the_stored_answer_and_other_bytes_an_alarm() -> None:
    state = InboxState(applied=5)
    assert inbox.place(state, envelope(5), HASH, Seen(HASH, "applied")) == "duplicate"
    assert refused(inbox.place, state, envelope(5), "other", Seen(HASH, "applied")) == "event_changed"
    assert refused(inbox.place, state, envelope(5), HASH, None) == "seq_reused"
    assert inbox.answer_duplicate("x", Seen(HASH, "applied")) == events.Verdict("x", "duplicate")
    assert inbox.answer_duplicate("x", Seen(HASH, "refused", "wrong_state")) == events.Verdict(
        "x", "refused", "wrong_state"
    )


def test_a_tombstone_for_what_was_applied_changes_nothing() -> None:
    assert inbox.place(InboxState(applied=5), envelope(5, type="tombstone"), HASH, None) == "duplicate"


def test_a_refusal_uses_its_number_and_blocks_its_subject_until_a_pull() -> None:
    state = inbox.settle(InboxState(), envelope(1, "bad"), "refused")
    assert state == InboxState(1, frozenset(), frozenset({"bad"}))
    assert inbox.place(state, envelope(2, "bad"), HASH, None) == "blocked"
    assert inbox.place(state, envelope(2, "good"), HASH, None) == "apply"
    assert inbox.place(state, envelope(2, "bad", "cover.withdrawn"), HASH, None) == "apply"
    state = inbox.settle(state, envelope(2, "bad"), "blocked")
    assert inbox.place(inbox.unblock(state, "bad"), envelope(3, "bad"), HASH, None) == "apply"


def test_a_restored_node_resumes_after_what_its_peer_has_sent() -> None:
    state = InboxState(3, frozenset({5, 9}))
    assert inbox.resume_after(state, 7) == InboxState(7, frozenset({9}))
    assert inbox.resume_after(state, 1) == state


@given(st.integers(0, 2**32))
def test_any_shuffle_with_repeats_ends_in_the_same_order(seed: int) -> None:
    rng = random.Random(seed)
    sent = [envelope(seq, subject=str(seq % 3)) for seq in range(1, 41)]
    arrivals = [event for event in sent for _ in range(rng.choice([1, 1, 2]))]
    rng.shuffle(arrivals)
    state = InboxState()
    kept: dict[int, events.Envelope] = {}
    stored: dict[str, Seen] = {}
    applied: list[int] = []
    for event in [*arrivals, *sent, *sent]:
        where = inbox.place(state, event, HASH, stored.get(event.id))
        if where == "buffered":
            state, kept[event.seq], stored[event.id] = (
                inbox.settle(state, event, "buffered"),
                event,
                Seen(HASH, "buffered"),
            )
        if where == "apply":
            state, stored[event.id] = inbox.settle(state, event, "applied"), Seen(HASH, "applied")
            applied.append(event.seq)
            while (ready := state.next_ready) is not None:
                state, stored[kept[ready].id] = inbox.settle(state, kept[ready], "applied"), Seen(HASH, "applied")
                applied.append(ready)
    assert (applied, state) == (list(range(1, 41)), InboxState(40))

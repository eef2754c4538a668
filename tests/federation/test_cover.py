"""From an offer to a certificate and back: what each side sends, and what the node must do."""

from __future__ import annotations

from typing import Any

import msgspec

from eccoo_federation import bodies as b
from eccoo_federation import cover
from eccoo_federation.cover import Emit

from .cover_story import (
    AWARD,
    AWARDED_BODY,
    CONFIRM_BY,
    CONFIRMED,
    HASH,
    LINK_B,
    LINK_C,
    OFFER,
    OFFER_IN,
    OTHER,
    OTHER_IN,
    REF,
    RESOLVE,
    A,
    B,
    arrives,
    asker,
    committed,
    offerer,
    run,
)
from .helpers import refused


def test_an_award_names_the_terms_and_holds_the_money() -> None:
    state, told, effects = run(asker(), OFFER_IN, AWARD)
    assert (state.phase, state.n) == ("awarded", 1)
    assert told == [Emit(LINK_B, "cover.awarded", AWARDED_BODY)]
    assert effects == [cover.Tell("offer_arrived", offer=OFFER), cover.HoldMoney(1, LINK_B, OFFER)]


def test_nobody_else_is_awarded_while_one_award_stands() -> None:
    state, _, _ = run(asker(), OFFER_IN, OTHER_IN, AWARD)
    other = cover.AwardOffer(LINK_C, OTHER, CONFIRM_BY)
    assert refused(run, state, other) == "wrong_state"
    state, _, _ = run(state, CONFIRMED)
    assert refused(run, state, other) == "wrong_state"


def test_the_worker_is_locked_before_the_offer_is_confirmed() -> None:
    state, told, effects = run(offerer(), arrives(b.CoverAwarded(**AWARDED_BODY)))
    assert (state.phase, told, effects) == ("locking", [], [cover.LockWorker(1, OFFER)])
    state, told, _ = run(state, cover.Availability(1, True))
    body = {"request": REF, "n": 1, "offer": OFFER, "terms_hash": HASH, "worker_ref": "w-1"}
    assert (state.phase, told) == ("prepared", [Emit(LINK_B, "cover.confirmed", body)])


def test_a_worker_who_is_taken_is_refused_and_the_request_opens_again() -> None:
    state, told, _ = run(offerer(), arrives(b.CoverAwarded(**AWARDED_BODY)), cover.Availability(1, False))
    body = b.CoverRefused(request=REF, n=1, offer=OFFER, reason="not_free")
    assert (state.phase, state.dead_n, told) == (
        "offered",
        1,
        [Emit(LINK_B, "cover.refused", {"request": REF, "n": 1, "offer": OFFER})],
    )
    ours, _, effects = run(asker(), OFFER_IN, AWARD, arrives(body))
    assert (ours.phase, ours.n, ours.award) == ("open", 1, None)
    assert effects[-2:] == [cover.ReleaseMoney(1), cover.Tell("refused", 1, OFFER)]


def test_an_award_on_other_terms_is_refused() -> None:
    other = b.CoverAwarded(**{**AWARDED_BODY, "terms_hash": "X" * 42 + "A"})
    state, told, effects = run(offerer(), arrives(other))
    assert (state.phase, told[0].body["reason"], effects) == ("offered", "other_terms", [])


def test_the_certificate_is_signed_and_the_others_are_told() -> None:
    state, told, effects = run(asker(), OFFER_IN, OTHER_IN, AWARD, CONFIRMED)
    certificate = told[1].body["certificate"]
    read = cover.verify_certificate(certificate, RESOLVE, link=LINK_B, from_=A.node_id, to=B.node_id)
    assert (read.n, read.offer, read.worker_ref, read.committed_at) == (1, OFFER, "w-1", "2026-11-22T09:00:00Z")
    assert told[1:] == [
        Emit(LINK_B, "cover.committed", {"request": REF, "n": 1, "certificate": certificate}),
        Emit(LINK_C, "cover.declined", {"request": "ref-c", "offer": OTHER, "reason": "filled"}),
    ]
    assert effects[-2:] == [cover.SendDisclosure(1, LINK_B), cover.Tell("committed", 1)]
    assert [view.status for view in state.offers] == ["live", "declined"]


def test_a_link_that_made_no_offer_is_told_too() -> None:
    _, told, _ = run(asker(), OFFER_IN, AWARD, CONFIRMED)
    assert told[-1] == Emit(LINK_C, "cover.declined", {"request": "ref-c", "reason": "filled"})
    # It closes the asking there; an offer that crossed it on the way waits for an answer of its own.
    crossing = offerer(link=LINK_C, request="ref-c")
    assert run(crossing, arrives(b.CoverDeclined(**told[-1].body), LINK_C)) == (crossing, [], [])


def test_a_certificate_tampered_with_or_for_another_award_is_refused() -> None:
    ours, _ = committed()
    good = ours.certificate
    assert good is not None
    prepared, _, _ = run(offerer(), arrives(b.CoverAwarded(**AWARDED_BODY)), cover.Availability(1, True))

    def commit(**changes: Any) -> str:
        return refused(run, prepared, arrives(b.CoverCommitted(request=REF, n=1, certificate={**good, **changes})))

    wrong: list[dict[str, Any]] = [{"n": 2}, {"offer": OTHER}, {"terms_hash": "X" * 42 + "A"}, {"worker_ref": "w-2"}]
    wrong += [{"request": "r"}, {"link": LINK_C}, {"to": A.node_id}, {"from": B.node_id}]
    assert [commit(**one) for one in wrong] == ["bad_certificate"] * 8
    tampered = {**good, "ends_at": "2026-11-26T12:00:00Z"}
    args: dict[str, Any] = {"link": LINK_B, "from_": A.node_id, "to": B.node_id}
    assert refused(cover.verify_certificate, tampered, RESOLVE, **args) == "bad_proof"
    assert refused(cover.verify_certificate, good, RESOLVE, **{**args, "link": LINK_C}) == "bad_certificate"


def test_a_late_confirmation_gets_the_present_state_back() -> None:
    rescinded, told, effects = run(asker(), OFFER_IN, AWARD, cover.Rescind())
    dead = Emit(LINK_B, "cover.rescinded", {"request": REF, "n": 1, "offer": OFFER})
    assert (rescinded.phase, told[-1]) == ("open", dead)
    assert effects[-2:] == [cover.ReleaseMoney(1), cover.Tell("rescinded", 1, OFFER)]
    assert run(rescinded, CONFIRMED)[1] == [dead]
    ours, _ = committed()
    again = Emit(LINK_B, "cover.committed", {"request": REF, "n": 1, "certificate": ours.certificate})
    assert run(ours, CONFIRMED)[1] == [again]
    ended, _, _ = run(ours, cover.Cancel("hospital"))
    assert [one.type for one in run(ended, CONFIRMED)[1]] == ["cover.cancelled"]


def test_award_numbers_are_never_used_twice() -> None:
    _, told, _ = run(asker(), OFFER_IN, AWARD, cover.Rescind(), AWARD, cover.Rescind(), AWARD)
    assert [one.body["n"] for one in told if one.type == "cover.awarded"] == [1, 2, 3]
    # A restored node that has forgotten awards learns their numbers from the other side.
    late = b.CoverConfirmed(request=REF, n=7, offer=OFFER, terms_hash=HASH, worker_ref="w-1")
    _, told, _ = run(asker(), OFFER_IN, arrives(late), AWARD)
    assert told[-1].body["n"] == 8
    silly = msgspec.structs.replace(late, n=2**52)
    assert run(asker(), OFFER_IN, arrives(silly), AWARD)[1][-1].body["n"] == 1


def test_after_the_certificate_only_the_workers_side_reopens() -> None:
    ours, theirs = committed()
    assert refused(run, ours, cover.Rescind()) == "wrong_state"
    theirs, told, effects = run(theirs, cover.Withdraw())
    body: dict[str, Any] = {"request": REF, "offer": OFFER, "n": 1}
    assert (theirs.phase, told) == ("withdrawn", [Emit(LINK_B, "cover.withdrawn", body)])
    assert effects == [cover.ReleaseWorker(OFFER), cover.Tell("withdrawn", 1, OFFER)]
    ours, _, effects = run(ours, arrives(b.CoverWithdrawn(**body)))
    assert (ours.phase, ours.certificate, ours.n) == ("open", None, 1)
    assert effects == [cover.ReleaseMoney(1), cover.Tell("withdrew", 1, OFFER), cover.AskAgain((LINK_B, LINK_C))]
    assert refused(run, ours, AWARD) == "wrong_state"


def test_a_withdrawn_offer_never_comes_back() -> None:
    gone, _, _ = run(asker(), arrives(b.CoverWithdrawn(request=REF, offer=OFFER)), OFFER_IN)
    assert [view.status for view in gone.offers] == ["withdrawn"]
    theirs, _, _ = run(offerer(), cover.Withdraw())
    state, told, effects = run(theirs, arrives(b.CoverAwarded(**AWARDED_BODY)))
    assert (state.phase, [one.type for one in told], effects) == ("withdrawn", ["cover.withdrawn"], [])


def test_a_withdrawal_that_crosses_the_certificate_wins() -> None:
    prepared, _, _ = run(offerer(), arrives(b.CoverAwarded(**AWARDED_BODY)), cover.Availability(1, True))
    gone, _, _ = run(prepared, cover.Withdraw())
    ours, _ = committed()
    assert ours.certificate is not None
    late = arrives(b.CoverCommitted(request=REF, n=1, certificate=ours.certificate))
    state, told, _ = run(gone, late)
    assert (state.phase, told) == (
        "withdrawn",
        [Emit(LINK_B, "cover.withdrawn", {"request": REF, "offer": OFFER, "n": 1})],
    )

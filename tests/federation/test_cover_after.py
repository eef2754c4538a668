"""Cancelling, claiming, disputing, waiting, restoring: what each side sends, and what the node must do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eccoo_federation import bodies as b
from eccoo_federation import claims, cover, proofs
from eccoo_federation.cover import Emit

from .cover_story import (
    AWARD,
    AWARDED_BODY,
    CLAIMED,
    CONFIRM_BY,
    HASH,
    LINK_B,
    LINK_C,
    OFFER,
    OFFER_IN,
    OFFERED,
    OTHER,
    OTHER_IN,
    REF,
    REQUEST,
    RESOLVE,
    TERMS,
    A,
    arrives,
    asker,
    committed,
    offerer,
    run,
    sign,
)
from .helpers import NOW, refused


def test_cancelling_tells_every_link_and_ends_it_for_good() -> None:
    ours, theirs = committed()
    ended, told, effects = run(ours, cover.Cancel("hospital"))
    body: dict[str, Any] = {"cancelled_at": "2026-11-22T09:00:00Z", "reason": "hospital"}
    assert told == [
        Emit(LINK_B, "cover.cancelled", {"request": REF, **body}),
        Emit(LINK_C, "cover.cancelled", {"request": "ref-c", **body}),
    ]
    assert effects == [cover.ApplyCancellation(1), cover.Tell("cancelled", 1)]
    assert refused(run, ended, AWARD) == "wrong_state"
    assert run(ended, cover.Cancel("moved")) == (ended, [], [])
    theirs, _, effects = run(theirs, arrives(b.CoverCancelled(request=REF, **body)))
    assert (theirs.phase, effects[0]) == ("ended", cover.ReleaseWorker(OFFER))


def test_late_cancellation_can_be_claimed_and_confirmed() -> None:
    ours, theirs = committed()
    ended, told, _ = run(ours, cover.Cancel())
    theirs, _, _ = run(theirs, arrives(b.CoverCancelled(**told[0].body)))
    late = cover.Claimed("cancelled_late", 0, 3000, 0, 2775)
    theirs, told, _ = run(theirs, cover.Claim(late))
    ended, _, effects = run(ended, arrives(b.VisitClaimed(**told[0].body)))
    assert effects == [cover.AskHowItWent(1)]
    ended, told, _ = run(ended, cover.ConfirmVisit())
    theirs, _, effects = run(theirs, arrives(b.VisitConfirmed(**told[0].body)))
    assert (ended.phase, ended.agreed, theirs.agreed, effects) == (
        "ended",
        late,
        late,
        [cover.BookVisit(1, 3000, 0, 2775)],
    )


def test_a_visit_is_claimed_confirmed_and_booked_once_on_both_sides() -> None:
    ours, theirs = committed()
    theirs, told, _ = run(theirs, cover.Claim(CLAIMED))
    claim = arrives(b.VisitClaimed(**told[0].body))
    ours, _, effects = run(ours, claim, claim)
    assert (ours.phase, effects) == ("delivered", [cover.AskHowItWent(1)])
    ours, told, effects = run(ours, cover.ConfirmVisit("window_lapsed"), cover.ConfirmVisit())
    book = cover.BookVisit(1, 6000, 360, 5910)
    assert (ours.phase, effects) == ("confirmed", [book, cover.Tell("confirmed", 1)])
    assert [one.body["how"] for one in told] == ["window_lapsed"]
    confirmed = arrives(b.VisitConfirmed(**told[0].body))
    theirs, _, effects = run(theirs, confirmed, confirmed)
    assert (theirs.agreed, effects) == (CLAIMED, [book])
    assert run(ours, cover.Settled())[0].phase == "settled"


def test_a_claim_without_a_certificate_or_with_other_sums_is_refused() -> None:
    claim = b.VisitClaimed(request=REF, n=1, outcome="as_planned", minutes=120, fee_pence=6000, due_pence=5550)
    assert refused(run, asker(), arrives(claim)) == "wrong_state"
    awarded, _, _ = run(asker(), OFFER_IN, AWARD)
    assert refused(run, awarded, arrives(claim)) == "wrong_state"
    ours, _ = committed()
    claimed, _, _ = run(ours, arrives(claim))
    assert refused(run, claimed, arrives(msgspec.structs.replace(claim, fee_pence=5999))) == "wrong_state"
    assert refused(run, ours, arrives(msgspec.structs.replace(claim, n=2))) == "wrong_state"
    claims.check_claim(TERMS, 6000, 360, 5910)
    for sums in ((6001, 0, 5551), (6000, 361, 5911), (6000, 360, 5911)):
        assert refused(claims.check_claim, TERMS, *sums) == "wrong_amount"


def test_a_confirmation_off_by_a_penny_is_refused() -> None:
    _, theirs = committed()
    theirs, _, _ = run(theirs, cover.Claim(CLAIMED))
    wrong = b.VisitConfirmed(request=REF, n=1, how="said_so", fee_pence=6000, travel_pence=360, due_pence=5911)
    assert refused(run, theirs, arrives(wrong)) == "wrong_amount"


def disputed() -> tuple[cover.RequesterState, cover.OffererState]:
    ours, theirs = committed()
    theirs, told, _ = run(theirs, cover.Claim(CLAIMED))
    ours, _, _ = run(ours, arrives(b.VisitClaimed(**told[0].body)))
    ours, told, _ = run(ours, cover.DisputeVisit(3000, 3000, "partly"))
    theirs, _, effects = run(theirs, arrives(b.VisitDisputed(**told[0].body)))
    assert effects == [cover.Tell("disputed", 1)]
    return ours, theirs


def test_a_dispute_ends_with_sums_that_both_circles_have_signed() -> None:
    ours, theirs = disputed()
    assert refused(run, ours, cover.ConfirmVisit()) == "wrong_state"
    theirs, told, _ = run(theirs, cover.ResolveVisit(4000, 360, 4060))
    ours, _, effects = run(ours, arrives(b.VisitResolved(**told[0].body)))
    assert effects == [cover.Tell("resolution_proposed", 1)]
    ours, told, effects = run(ours, cover.ResolveVisit(3000, 360, 3135))
    assert (ours.agreed, [one.type for one in told]) == (None, ["visit.resolved"])
    ours, told, effects = run(ours, cover.ResolveVisit(4000, 360, 4060))
    assert effects == [cover.BookVisit(1, 4000, 360, 4060), cover.Tell("confirmed", 1)]
    assert [(one.type, one.body["how"]) for one in told] == [("visit.confirmed", "resolved")]
    theirs, _, effects = run(theirs, arrives(b.VisitConfirmed(**told[0].body)))
    assert (effects, theirs.agreed) == ([cover.BookVisit(1, 4000, 360, 4060)], ours.agreed)


def test_the_travel_alone_is_in_question_and_ends_to_the_penny_in_both_circles() -> None:
    ours, theirs = committed()
    theirs, told, _ = run(theirs, cover.Claim(CLAIMED))
    ours, _, _ = run(ours, arrives(b.VisitClaimed(**told[0].body)))
    ours, told, _ = run(ours, cover.DisputeVisit(6000, 0, "amount"))
    theirs, _, _ = run(theirs, arrives(b.VisitDisputed(**told[0].body)))
    due = claims.due_pence(6000, 120, 1500, 0, 5000)
    theirs, told, _ = run(theirs, cover.ResolveVisit(6000, 120, due))
    ours, _, _ = run(ours, arrives(b.VisitResolved(**told[0].body)))
    ours, told, effects = run(ours, cover.ResolveVisit(6000, 120, due))
    theirs, _, booked = run(theirs, arrives(b.VisitConfirmed(**told[-1].body)))
    assert (effects[0], booked) == (cover.BookVisit(1, 6000, 120, due), [cover.BookVisit(1, 6000, 120, due)])


def test_a_later_proposal_that_crosses_the_conclusion_does_not_undo_it() -> None:
    ours, theirs = disputed()
    theirs, told, _ = run(theirs, cover.ResolveVisit(4000, 360, 4060))
    ours, told, _ = run(ours, arrives(b.VisitResolved(**told[0].body)), cover.ResolveVisit(4000, 360, 4060))
    theirs, crossing, _ = run(theirs, cover.ResolveVisit(5000, 360, 4985))
    theirs, _, effects = run(theirs, arrives(b.VisitConfirmed(**told[-1].body)))
    ours, _, _ = run(ours, arrives(b.VisitResolved(**crossing[0].body)))
    assert (effects, theirs.agreed) == ([cover.BookVisit(1, 4000, 360, 4060)], ours.agreed)


def test_where_the_other_side_is_gone_for_good_people_conclude_and_its_late_word_changes_nothing() -> None:
    ours, theirs = disputed()
    ours, _, effects = run(ours, cover.ResolveVisit(4000, 360, 4060, alone=True))
    assert effects == [cover.BookVisit(1, 4000, 360, 4060), cover.Tell("confirmed", 1)]
    theirs, told, effects = run(theirs, cover.ResolveVisit(5000, 360, 4985, alone=True))
    assert (told, effects) == ([], [cover.BookVisit(1, 5000, 360, 4985)])
    late = b.VisitConfirmed(request=REF, n=1, how="resolved", fee_pence=4000, travel_pence=360, due_pence=4060)
    theirs, _, effects = run(theirs, arrives(late))
    assert (effects, theirs.agreed and theirs.agreed.fee_pence) == ([], 5000)
    # Also of a claim that nobody ever answered; and never of one that was let go.
    _, theirs = committed()
    theirs, _, _ = run(theirs, cover.Claim(CLAIMED))
    assert refused(run, theirs, cover.ResolveVisit(5000, 360, 4985)) == "wrong_state"
    assert run(theirs, cover.ResolveVisit(5000, 360, 4985, alone=True))[2] == [cover.BookVisit(1, 5000, 360, 4985)]
    assert refused(run, theirs, cover.LetGo(), cover.ResolveVisit(5000, 360, 4985, alone=True)) == "wrong_state"


def test_nobody_can_conclude_on_sums_that_the_other_has_not_signed() -> None:
    ours, theirs = disputed()
    own = b.VisitConfirmed(request=REF, n=1, how="resolved", fee_pence=3000, travel_pence=360, due_pence=3135)
    assert refused(run, theirs, arrives(own)) == "wrong_amount"
    given_in, told, effects = run(ours, cover.ResolveVisit(6000, 360, 5910))
    assert (given_in.agreed, effects[0]) == (CLAIMED, cover.BookVisit(1, 6000, 360, 5910))
    assert run(theirs, arrives(b.VisitConfirmed(**told[0].body)))[0].agreed == CLAIMED


def test_time_rescinds_lapses_and_rings() -> None:
    at = {"after_confirm": NOW + timedelta(hours=3), "go": NOW + timedelta(days=3, hours=22)}
    awarded, _, _ = run(asker(), OFFER_IN, AWARD)
    opened, told, effects = run(awarded, cover.Tick(), now=at["after_confirm"])
    assert (opened.phase, told[0].type, effects) == (
        "open",
        "cover.rescinded",
        [cover.ReleaseMoney(1), cover.Tell("no_answer", 1, OFFER)],
    )
    ours, _ = committed()
    unsure = msgspec.structs.replace(ours, acknowledged=False)
    assert run(unsure, cover.Tick(), cover.Tick(), now=at["go"])[2] == [cover.RingAlarm("not_confirmed", 1)]
    assert run(ours, cover.Tick(), now=at["go"])[2] == []
    assert run(asker(), cover.Tick(), now=at["go"])[2] == [cover.RingAlarm("nobody_found")]
    prepared, _, _ = run(offerer(), arrives(b.CoverAwarded(**AWARDED_BODY)), cover.Availability(1, True))
    assert run(prepared, cover.Tick(), cover.Tick(), now=at["go"])[2] == [cover.RingAlarm("no_certificate", 1)]
    lapsed, told, _ = run(offerer(), cover.Tick(), now=at["go"])
    assert (lapsed.phase, told[0].body) == ("withdrawn", {"request": REF, "offer": OFFER, "reason": "lapsed"})
    over, told, _ = run(asker(), cover.Tick(), now=NOW + timedelta(days=5))
    assert (over.phase, over.ended_reason, len(told)) == ("ended", "window_passed", 2)


LATE = timedelta(days=4 + 15)
LATER = LATE + timedelta(days=15)


def came_too_late() -> tuple[cover.RequesterState, cover.OffererState, cover.Incoming]:
    """The claim was made in time and arrives after the fortnight."""
    ours, theirs = committed()
    theirs, told, _ = run(theirs, cover.Claim(CLAIMED))
    ours, _, _ = run(ours, cover.Tick(), now=NOW + LATE)
    return ours, theirs, arrives(b.VisitClaimed(**told[0].body))


def test_a_claim_that_comes_too_late_is_refused_by_that_name() -> None:
    ours, _, claim = came_too_late()
    assert refused(run, ours, claim) == "too_late"


def test_a_claim_that_is_taken_after_all_is_booked_once_on_both_sides() -> None:
    ours, theirs, _ = came_too_late()
    ours, told, effects = run(ours, cover.TakeAfterAll(), now=NOW + LATE)
    assert (ours.phase, [one.type for one in told], effects) == (
        "committed",
        ["cover.committed"],
        [cover.HoldMoney(1, LINK_B, OFFER), cover.Tell("taken_after_all", 1, OFFER)],
    )
    assert run(ours, cover.TakeAfterAll(), cover.Tick(), now=NOW + LATE) == (ours, [], [])
    theirs, told, _ = run(theirs, arrives(b.CoverCommitted(**told[0].body)), now=NOW + LATE)
    claim = arrives(b.VisitClaimed(**told[0].body))
    ours, _, _ = run(ours, claim, claim, now=NOW + LATE)
    ours, told, effects = run(ours, cover.ConfirmVisit(), cover.ConfirmVisit(), now=NOW + LATE)
    confirmed = arrives(b.VisitConfirmed(**told[0].body))
    theirs, _, booked = run(theirs, confirmed, confirmed, now=NOW + LATE)
    assert (effects[0], booked) == (cover.BookVisit(1, 6000, 360, 5910), [cover.BookVisit(1, 6000, 360, 5910)])


def test_what_is_taken_after_all_and_claimed_by_nobody_ends_again() -> None:
    ours, _, claim = came_too_late()
    ours, _, _ = run(ours, cover.TakeAfterAll(), now=NOW + LATE)
    ours, _, effects = run(ours, cover.Tick(), now=NOW + LATER)
    assert (ours.phase, effects) == ("ended", [cover.Tell("unclaimed", 1), cover.ReleaseMoney(1)])
    assert refused(run, ours, claim) == "too_late"
    assert run(ours, cover.TakeAfterAll(), now=NOW + LATER)[0].phase == "committed"


def test_nothing_is_taken_after_all_that_did_not_come_too_late() -> None:
    ours, _ = committed()
    assert refused(run, ours, cover.TakeAfterAll()) == "wrong_state"
    assert refused(run, asker(), cover.TakeAfterAll()) == "wrong_state"


def test_a_claim_that_is_let_go_is_said_no_more_and_booked_only_if_it_was_taken_before() -> None:
    ours, theirs, claim = came_too_late()
    ours, told, _ = run(ours, cover.TakeAfterAll(), now=NOW + LATE)
    again = arrives(b.CoverCommitted(**told[0].body))
    gone, _, _ = run(theirs, cover.LetGo())
    assert run(gone, again, cover.LetGo(), cover.Resend(LINK_B, OFFER), now=NOW + LATE) == (gone, [], [])
    shown = cover.offerer_document([gone], now=NOW + LATE, sign=sign)
    assert shown["offers"][0]["claim"] is None
    assert cover.reconcile(ours, shown) == ()
    ours, _, _ = run(ours, claim, now=NOW + LATE)
    _, told, _ = run(ours, cover.ConfirmVisit(), now=NOW + LATE)
    assert run(gone, arrives(b.VisitConfirmed(**told[0].body)))[2] == [cover.BookVisit(1, 6000, 360, 5910)]


def test_nothing_is_let_go_that_was_never_claimed_or_is_booked() -> None:
    _, theirs = committed()
    assert refused(run, theirs, cover.LetGo()) == "wrong_state"


def test_an_offer_that_comes_too_late_is_told_kindly() -> None:
    ours, _ = committed()
    state, told, _ = run(ours, OTHER_IN)
    assert told == [Emit(LINK_C, "cover.declined", {"request": "ref-c", "offer": OTHER, "reason": "filled"})]
    assert state.phase == "committed"


def test_a_peer_that_breaks_the_rules_rings_the_alarm_and_changes_nothing() -> None:
    _, theirs = committed()
    rescinded = arrives(b.CoverRescinded(request=REF, n=1, offer=OFFER))
    awarded = arrives(b.CoverAwarded(**{**AWARDED_BODY, "n": 2}))
    declined = arrives(b.CoverDeclined(request=REF, offer=OFFER))
    for given, why in (
        (rescinded, "rescinded_after_commit"),
        (awarded, "award_after_commit"),
        (declined, "declined_after_commit"),
    ):
        state, _, effects = run(theirs, given)
        assert (state, [effect.why for effect in effects if isinstance(effect, cover.RingAlarm)]) == (theirs, [why])


def test_events_about_another_request_or_link_do_not_count() -> None:
    other = b.CoverWithdrawn(request="ref-x", offer=OFFER)
    state, _, _ = run(asker(), OFFER_IN)
    assert refused(run, state, arrives(other)) == "unknown_subject"
    assert refused(run, state, cover.Incoming("x", other)) == "unknown_subject"
    assert (
        refused(run, offerer(), arrives(b.CoverCancelled(request="ref-x", cancelled_at=CONFIRM_BY)))
        == "unknown_subject"
    )
    assert refused(run, offerer(), cover.Incoming("x", other)) == "wrong_link"


def test_one_link_cannot_speak_for_anothers_offer() -> None:
    ours, _ = committed()
    body = b.CoverWithdrawn(request="ref-c", offer=OFFER, n=1)
    state, _, _ = run(ours, cover.Incoming(LINK_C, body))
    assert (state.phase, state.award) == ("committed", ours.award)


def test_a_restored_asker_takes_its_own_certificate_back() -> None:
    ours, theirs = committed()
    document = cover.offerer_document([theirs], now=NOW, sign=dict)
    restored, _, _ = run(asker(), *cover.reconcile(asker(), document))
    assert (restored.phase, restored.n, restored.certificate, restored.worker_ref) == (
        "committed",
        1,
        ours.certificate,
        "w-1",
    )


def test_a_restored_offerer_takes_the_certificate_back_if_the_worker_is_free() -> None:
    ours, _ = committed()
    document = cover.requester_document(ours, LINK_B, now=NOW, sign=dict)
    locking, _, effects = run(offerer(), *cover.reconcile(offerer(), document))
    assert effects == [cover.LockWorker(1, OFFER)]
    state, told, _ = run(locking, cover.Availability(1, True))
    assert (state.phase, [one.type for one in told]) == ("committed", ["cover.acknowledged"])
    state, told, _ = run(locking, cover.Availability(1, False))
    assert (state.phase, [one.type for one in told]) == ("withdrawn", ["cover.withdrawn"])


def test_a_pulled_state_shows_a_link_only_its_own_part() -> None:
    ours, _ = committed()
    signed = cover.requester_document(ours, LINK_C, now=NOW, sign=sign)
    proofs.verify_object(signed, RESOLVE, by=A.node_id)
    signed.pop("proof")
    assert signed == {
        "v": 1,
        "type": "cover.state",
        "side": "requester",
        "request": "ref-c",
        "link": LINK_C,
        "rev": ours.rev,
        "at": "2026-11-22T09:00:00Z",
        "phase": "filled",
        "last_n": 1,
        "offers": [],
        "award": None,
        "certificate": None,
        "acknowledged": False,
        "dispute": None,
        "resolution": None,
        "agreed": None,
        "ended": None,
    }
    assert refused(cover.requester_document, ours, "x", now=NOW, sign=sign) == "unknown_subject"


def test_two_sides_that_agree_have_nothing_to_say() -> None:
    ours, theirs = committed()
    assert cover.reconcile(ours, cover.offerer_document([theirs], now=NOW, sign=sign)) == ()
    assert cover.reconcile(theirs, cover.requester_document(ours, LINK_B, now=NOW, sign=sign)) == ()


def test_a_worker_is_never_charged_above_their_own_circles_rate() -> None:
    dear = msgspec.structs.replace(REQUEST, schedule=b.Schedule(worker_deduct_bps=1501, payer_add_bps=0))
    assert refused(cover.terms_of, dear, OFFERED, schedule="asking", home_share_bps=5000) == "wrong_amount"
    assert cover.terms_of(dear, OFFERED, schedule="home", home_share_bps=5000) == TERMS


@pytest.mark.parametrize("field", ["fee_pence", "travel_pence", "rate_pence_per_hour"])
def test_terms_that_differ_in_one_sum_have_another_hash(field: str) -> None:
    other = msgspec.structs.replace(TERMS, **{field: getattr(TERMS, field) + 1})
    assert cover.terms_hash(other) != HASH


def test_states_survive_a_database() -> None:
    for state in committed():
        assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(state)), type(state)) == state

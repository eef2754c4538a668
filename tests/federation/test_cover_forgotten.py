"""Where one side has forgotten, or signs for two: what the other does, so that people learn of it."""

from __future__ import annotations

from eccoo_federation import bodies as b
from eccoo_federation import cover

from .cover_story import (
    AWARD,
    AWARDED_BODY,
    CLAIMED,
    CONFIRM_BY,
    LINK_B,
    LINK_C,
    OFFER,
    OFFER_IN,
    OTHER,
    OTHER_IN,
    REF,
    arrives,
    asker,
    committed,
    offerer,
    run,
    sign,
)
from .helpers import NOW


def test_a_visit_that_a_restored_asker_forgot_is_taken_back_with_its_claim() -> None:
    ours, theirs = committed()
    theirs, _, _ = run(theirs, cover.Claim(CLAIMED))
    document = cover.offerer_document([theirs], now=NOW, sign=sign)
    copy, _, _ = run(asker(), OFFER_IN)
    (given,) = cover.reconcile(copy, document)
    back, _, effects = run(copy, given)
    assert (back.phase, back.award.n, back.certificate) == ("committed", 1, ours.certificate)
    assert effects == [cover.Tell("adopted", 1)]
    back, _, effects = run(back, *cover.reconcile(back, document))
    assert (back.claim, effects) == (CLAIMED, [cover.AskHowItWent(1)])
    # One that is elsewhere by then cannot take it: people must speak.
    elsewhere, _, _ = run(copy, AWARD, cover.Rescind(), OTHER_IN, cover.AwardOffer(LINK_C, OTHER, CONFIRM_BY))
    assert run(elsewhere, *cover.reconcile(elsewhere, document))[2] == [cover.RingAlarm("old_certificate", 1)]


def test_whoever_forgot_that_they_withdrew_and_takes_the_certificate_is_told_that_it_is_dead() -> None:
    ours, theirs = committed()
    gone, told, _ = run(theirs, cover.Withdraw())
    ours, _, _ = run(ours, arrives(b.CoverWithdrawn(**told[0].body)))
    document = cover.offerer_document([theirs], now=NOW, sign=sign)
    _, told, _ = run(ours, *cover.reconcile(ours, document))
    rescinded = b.CoverRescinded(request=REF, n=1, offer=OFFER)
    assert [(one.type, one.body) for one in told] == [(rescinded.TYPE, rescinded.as_wire())]
    assert run(theirs, arrives(rescinded))[2] == [cover.RingAlarm("rescinded_after_commit", 1)]
    assert run(gone, arrives(rescinded))[2] == []


def test_of_one_circle_no_two_workers_set_out_to_one_visit_whatever_the_asker_signs() -> None:
    _, first = committed()
    second = offerer(offer=OTHER, worker_ref="w-2")
    goes = cover.another_goes([first, second], OTHER)
    assert (goes, cover.another_goes([first, second], OFFER)) == (1, 0)
    for n, rung in ((2, [cover.RingAlarm("award_after_commit", 2)]), (1, [cover.RingAlarm("award_after_commit", 1)])):
        award = b.CoverAwarded(**{**AWARDED_BODY, "n": n, "offer": OTHER})
        refused_, told, effects = run(second, cover.Incoming(LINK_B, award, another_goes=goes))
        assert (refused_.phase, told[0].type, effects) == ("offered", "cover.refused", rung)
    late = cover.Incoming(LINK_B, b.CoverAwarded(**{**AWARDED_BODY, "offer": OTHER}), another_goes=2)
    assert run(second, late)[2] == []
    terms = {name: value for name, value in first.certificate.items() if name != "proof"}
    lie = sign({**terms, "n": 2, "offer": OTHER, "worker_ref": "w-2"})
    taken = b.CoverCommitted(request=REF, n=2, certificate=lie)
    prepared, _, _ = run(
        second, arrives(b.CoverAwarded(**{**AWARDED_BODY, "n": 2, "offer": OTHER})), cover.Availability(2, True)
    )
    gone, told, effects = run(prepared, cover.Incoming(LINK_B, taken, another_goes=goes))
    assert (gone.phase, told[0].type) == ("withdrawn", "cover.withdrawn")
    assert (effects[0], effects[-1]) == (cover.ReleaseWorker(OTHER), cover.RingAlarm("two_certificates", 2))

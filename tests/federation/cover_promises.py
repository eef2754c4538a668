"""What must hold in the world of one asking circle and some offering ones, whoever lies there or has forgotten.

Always, for each honest circle alone: nobody travels, and nothing is booked, but on what that circle and a real certificate
say; each of its workers is promised once, and none stands locked for an offer that does not stand; of one circle at most one
worker travels to a visit, even where the asking circle signs for two. The asking circle sets money aside once.

Always, where neither the asking circle lies nor anybody was brought back: one certificate at most among the circles that
do not lie, and it is the one that the asking circle believes in. After healing these tell the same story to the penny.

Brought back from an older copy, a circle may have signed, or said of a worker that they can't come, what it now does not
know: then two may hold a certificate and no machine can know it in time. After healing whoever travels on one that is not
honoured has at least had an alarm rung, on one of the two sides, so that people speak.

Where the asking circle lies, its certificates are worth what it is worth: its neighbours promise themselves the first part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eccoo_federation import cover

if TYPE_CHECKING:
    from .cover_world import World

TRAVELLING = ("committed", "delivered")
HOLDING_TIME = ("prepared", *TRAVELLING)
# Alarms of people who are not sure in time, or whose withdrawal came after the visit: they break no rule.
IN_GOOD_FAITH = {"nobody_found", "not_confirmed", "no_certificate", "withdrawn_after_visit"}


def always(world: World) -> None:
    _the_asker_alone(world)
    for number in range(world.links):
        if number not in world.liars:
            _a_circle_alone(world, number)
    if world.asker_lies or world.restored:
        return
    travelling = [state for key, state in honest(world).items() if state.phase in TRAVELLING]
    assert len(travelling) <= 1, f"two workers hold a certificate: {travelling}"
    award = world.asker.award
    if world.asker.phase == "committed" and award is not None:
        believed = [(state.link, state.offer, state.n) for state in travelling]
        assert believed in ([], [(award.link, award.offer, award.n)])


def honest(world: World) -> dict[tuple[str, str], cover.OffererState]:
    """The offers of the circles that do not lie."""
    from .cover_world import link_name

    lying = {link_name(number) for number in world.liars}
    return {key: state for key, state in world.offers.items() if key[0] not in lying}


def _the_asker_alone(world: World) -> None:
    from .cover_world import genuine

    assert len(world.held | world.booked) <= 1
    asker, award = world.asker, world.asker.award
    if award is not None:
        ours = [(c["n"], c["link"], c["offer"]) for c in world.signed]
        assert (award.n, award.link, award.offer) in {*world.awarded, *ours}, "nobody made this award"
        assert award.n <= asker.n
    assert asker.certificate is None or genuine(asker.certificate)
    assert asker.agreed is None or asker.agreed in (asker.claim, asker.resolution_ours)
    assert asker.claim is None or asker.claim.fee_pence <= 6000


def _a_circle_alone(world: World, number: int) -> None:
    from .cover_world import genuine, link_name

    link = link_name(number)
    mine = {key: state for key, state in world.offers.items() if key[0] == link}
    travelling = [state for state in mine.values() if state.phase in TRAVELLING]
    assert len(travelling) <= 1, f"two workers of one circle hold a certificate: {travelling}"
    for state in travelling:
        certificate = state.certificate
        assert certificate is not None
        assert genuine(certificate)
        assert (certificate["offer"], certificate["terms_hash"]) == (state.offer, state.terms_hash)
    for key, state in mine.items():
        assert state.agreed is None or state.agreed in (state.claim, *state.proposed)
        booked = world.booked_there.get(key)
        agreed = state.agreed and (state.agreed.fee_pence, state.agreed.travel_pence, state.agreed.due_pence)
        assert booked == agreed
    holding = {(link, world.worker_of[key[1]]): key[1] for key, state in mine.items() if state.phase in HOLDING_TIME}
    assert len(holding) == sum(state.phase in HOLDING_TIME for state in mine.values()), "one worker is promised twice"
    assert holding == {slot: offer for slot, offer in world.locks.items() if slot[0] == link}


def after_healing(world: World) -> None:
    """Both sides tell the same story, and no worker waits for nothing."""
    always(world)
    if world.asker_lies:
        return
    if world.restored:
        _who_is_not_honoured_was_rung_for(world)
        return
    offers, asker, award = honest(world), world.asker, world.asker.award
    committed = {key for key, state in offers.items() if state.phase in TRAVELLING}
    if asker.phase in ("committed", "delivered", "confirmed"):
        assert award is not None
        chosen = (award.link, award.offer)
        if chosen in offers or not world.liars:
            assert committed == {chosen}
            _the_same_story(asker, offers[chosen])
        else:
            assert committed == set()
    else:
        assert committed == {key for key in committed if offers[key].phase == "delivered"}
        assert asker.phase in ("open", "ended") or world.liars
    waiting = {key for key, state in offers.items() if state.phase in ("prepared", "locking")}
    assert waiting == set(), "a worker waits for an answer that has been given"
    told = {why for link, why in world.alarms if any(key[0] == link for key in offers)}
    assert told <= IN_GOOD_FAITH
    if not world.liars:
        assert {why for _, why in world.alarms} <= IN_GOOD_FAITH


def _the_same_story(asker: cover.RequesterState, theirs: cover.OffererState) -> None:
    assert asker.acknowledged
    assert asker.award is not None
    assert theirs.n == asker.award.n
    assert theirs.certificate == asker.certificate
    assert theirs.claim == asker.claim
    assert theirs.agreed == asker.agreed
    if asker.agreed is None:
        assert theirs.disputed == (asker.dispute is not None)
        assert theirs.proposed[-1:] == tuple(filter(None, [asker.resolution_theirs]))
        assert theirs.resolution_theirs == asker.resolution_ours


def _who_is_not_honoured_was_rung_for(world: World) -> None:
    award, rung = world.asker.award, {link for link, why in world.alarms if why not in IN_GOOD_FAITH}
    chosen = (award.link, award.offer) if award is not None else None
    for key, state in honest(world).items():
        if state.phase in TRAVELLING and key != chosen:
            assert {key[0], ""} & rung, f"{state} travels, nobody knows, and the asker is {world.asker}"

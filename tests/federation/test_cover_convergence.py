"""Never two workers on the way, and both sides agree once the network works: over thousands of bad days."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eccoo_federation import cover, limits
from eccoo_federation.times import wire_time

from . import cover_lies as lies
from . import cover_promises as promises
from .cover_world import START, World, link_name

SCHEDULES = 500
# The long run: so many parts of so many schedules, each part by its own seed, so that several processes can share them.
PARTS, IN_A_PART = 25, 1_000
# What may go wrong besides the network, in turn: mostly nothing, else somebody lies or is brought back from a copy.
TROUBLES = ("", "", "", "", "an offerer lies", "the asker lies", "brought back", "all of it")


def one_bad_day(seed: int, loss: float, links: int, workers: int, trouble: str = "") -> World:
    rng = random.Random(seed)
    if trouble in ("an offerer lies", "all of it"):
        # Beside the circle that lies there is one that does not, of which something is promised.
        links = max(2, links)
    world = World(rng, links, workers)
    if trouble in ("an offerer lies", "all of it"):
        world.liars = frozenset({links - 1})
    world.asker_lies = trouble in ("the asker lies", "all of it")
    copies = [world.copy()]
    stale: list[tuple[bool, int, dict[str, object]]] = []
    for _ in range(rng.randint(20, 90)):
        number = rng.randrange(links)
        if trouble and rng.random() < 0.2:
            something_worse(world, rng, number, trouble, copies)
            continue
        roll = rng.random()
        if roll < 0.45 and world.wire:
            message = world.wire.pop(rng.randrange(len(world.wire)))
            if rng.random() >= loss:
                world.deliver(message)
                if rng.random() < 0.2:
                    world.wire.append(message)
        elif roll < 0.55:
            world.new_offer(number, rng.randrange(workers))
        elif roll < 0.68:
            live = [view for view in world.asker.offers if view.status == "live"]
            if live:
                view = rng.choice(live)
                confirm_by = wire_time(min(world.now + timedelta(hours=4), START))
                world.ask(cover.AwardOffer(view.link, view.offer, confirm_by))
        elif roll < 0.72:
            world.ask(cover.Rescind())
        elif roll < 0.77 and world.offers:
            world.offer_side(rng.choice(sorted(world.offers)), cover.Withdraw())
        elif roll < 0.775:
            world.ask(cover.Cancel("not_needed"))
        elif roll < 0.81:
            claimed = cover.Claimed("as_planned", 120, 6000, 0, 5550)
            for key in [key for key, state in world.offers.items() if state.phase == "committed"]:
                world.offer_side(key, cover.Claim(claimed))
            after_the_visit(world, rng)
        elif roll < 0.84:
            # A crash or a restore drops all that was under way; what was stored stays.
            world.wire.clear()
        elif roll < 0.88:
            # An answer to a pull that is held up, and read only after other things have happened.
            stale.append(
                (True, number, cover.requester_document(world.asker, link_name(number), now=world.now, sign=dict))
            )
            mine = [state for key, state in world.offers.items() if key[0] == link_name(number)]
            if mine:
                stale.append((False, number, cover.offerer_document(mine, now=world.now, sign=dict)))
        elif roll < 0.92 and stale:
            for_offerers, at, document = stale.pop(rng.randrange(len(stale)))
            if for_offerers:
                world.apply_at_offerers(at, document)
            else:
                world.apply_at_asker(document)
        elif roll < 0.96:
            if rng.random() < 0.5:
                world.pull_by_offerers(number)
            else:
                world.pull_by_asker(number)
        else:
            world.now += timedelta(minutes=rng.choice([1, 30, 180]))
            world.ask(cover.Tick())
            for key in sorted(world.offers):
                world.offer_side(key, cover.Tick())
        if world.asker.phase == "committed":
            world.commits += 1
    return world


def something_worse(world: World, rng: random.Random, number: int, trouble: str, copies: list[dict[str, Any]]) -> None:
    kinds = ["copy", "copy", "brought back"] if trouble in ("brought back", "all of it") else []
    kinds += ["an offerer lies"] * 3 if world.liars else []
    kinds += ["the asker lies"] * 3 if world.asker_lies else []
    match rng.choice(kinds):
        case "copy":
            copies.append(world.copy())
        case "brought back":
            world.bring_back(rng.choice(copies[-3:]), rng.choice((None, number)))
        case "an offerer lies":
            lies.of_an_offerer(world, max(world.liars), rng)
        case _:
            lies.of_the_asker(world, number, rng)


def after_the_visit(world: World, rng: random.Random) -> None:
    """Somebody says how it went: the person confirms or disputes, or one of the two circles proposes sums."""
    sums = cover.ResolveVisit(*rng.choice([(3000, 0, 2775), (6000, 0, 5550)]))
    roll = rng.randrange(4)
    if roll == 0:
        world.ask(cover.ConfirmVisit())
    elif roll == 1:
        world.ask(cover.DisputeVisit(3000, 3000, "partly"))
    elif roll == 2:
        world.ask(sums)
    elif world.offers:
        world.offer_side(rng.choice(sorted(world.offers)), sums)


def whole_day(seed: int, loss: float, links: int, workers: int, trouble: str) -> None:
    world = one_bad_day(seed, loss, links, workers, trouble)
    world.heal()
    promises.after_healing(world)
    the_last_moment_passes(world)


BAD_DAYS = given(
    seed=st.integers(0, 2**48),
    loss=st.floats(0, 0.8),
    links=st.integers(1, 3),
    workers=st.integers(1, 3),
    trouble=st.sampled_from(TROUBLES),
)
HOW = settings(derandomize=False, suppress_health_check=list(HealthCheck), database=None, print_blob=True)


@settings(HOW, max_examples=SCHEDULES, derandomize=True)
@BAD_DAYS
def test_never_two_certificates_and_both_sides_agree_after_healing(
    seed: int, loss: float, links: int, workers: int, trouble: str
) -> None:
    whole_day(seed, loss, links, workers, trouble)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_never_two_over_many_more_bad_days(part: int) -> None:
    """A failure prints the numbers of its schedule: `whole_day(...)` with them plays it again."""
    hypothesis.seed(part)(settings(HOW, max_examples=IN_A_PART)(BAD_DAYS(whole_day)))()


def the_last_moment_passes(world: World) -> None:
    """Whatever was not claimed is over on both sides, by their own clocks, and no money waits for it."""
    world.now = START + timedelta(hours=3) + limits.CLAIM_WITHIN
    world.ask(cover.Tick())
    for key in sorted(world.offers):
        world.offer_side(key, cover.Tick())
    world.heal()
    assert world.asker.phase in ("delivered", "confirmed", "ended")
    assert {state.phase for state in world.offers.values()} <= {"delivered", "withdrawn", "declined", "ended"}
    assert world.asker.claim is not None or not world.held
    went = {key[1] for key, state in promises.honest(world).items() if state.phase == "delivered"}
    assert {offer for (link, _), offer in world.locks.items() if (link, offer) in promises.honest(world)} == went


def test_the_bad_days_do_reach_every_phase() -> None:
    """A model in which nothing ever commits would pass the promise above and prove nothing; nor may lies drown it."""
    asked, offered, gone = set(), set(), set()
    for seed in range(304):
        trouble = TROUBLES[seed % len(TROUBLES)]
        world = one_bad_day(seed, 0.3, 2, 2, trouble)
        gone |= {trouble for state in promises.honest(world).values() if state.phase in promises.TRAVELLING}
        asked.add(world.asker.phase)
        offered |= {state.phase for state in world.offers.values()}
        world.heal()
        promises.after_healing(world)
    assert gone == set(TROUBLES)
    assert asked == {"open", "awarded", "committed", "delivered", "confirmed", "ended"}
    assert offered == {"offered", "prepared", "committed", "delivered", "withdrawn", "declined", "ended"}

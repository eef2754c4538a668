"""Who fits a visit: skills, papers, places, wishes and free time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch
from eccoo_node.kernel.errors import Forbidden, Invalid
from eccoo_node.members import queries, work, workers
from eccoo_node.members.cards import FACTS, Need, SeenCheck, Stretch, WorkerCard
from eccoo_node.members.rules import PAID_CHECKS, is_free, on_the_wall, why_not
from tests.support import make
from tests.support.node import Node

ZONE = ZoneInfo("Europe/London")
NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)
SEEN = datetime(2026, 3, 3, tzinfo=UTC)
ALWAYS = [Stretch(day, 0, 1440) for day in range(7)]
WREN = WorkerCard(
    "wren", "Wren", "", "en", "woman", 2000, 0, frozenset({"HX7"}), frozenset({"hoisting", "medicines"}),
    frozenset({"smoke"}), paid=True, covers=True,
)  # fmt: skip
NEED = Need(NINE, NINE + timedelta(hours=2), frozenset({"hoisting"}), frozenset({"pets"}), "woman", "HX7")


def checks(until: datetime | None = NINE + timedelta(days=9), kinds: tuple[str, ...] = PAID_CHECKS) -> list[SeenCheck]:
    return [SeenCheck(kind, kind, SEEN, "fay", "Fay", "in_person", until) for kind in kinds]


def changed(thing: object, **values: object) -> object:
    return msgspec.structs.replace(thing, **values)  # type: ignore[type-var]


@pytest.mark.parametrize(
    "worker, seen, free, need, reason",
    [
        (WREN, checks(), ALWAYS, NEED, None),
        (changed(WREN, covers=False), checks(), ALWAYS, NEED, "no_cover"),
        (WREN, checks(), ALWAYS, changed(NEED, skills=frozenset({"hoisting", "peg"})), "skills"),
        (WREN, checks(NEED.ends_at - timedelta(seconds=1)), ALWAYS, NEED, "checks"),
        (WREN, checks(NEED.ends_at), ALWAYS, NEED, None),
        (WREN, checks(kinds=("dbs_enhanced", "insurance")), ALWAYS, NEED, "checks"),
        (changed(WREN, paid=False), checks(kinds=("dbs_enhanced",)), ALWAYS, NEED, None),
        (WREN, checks(), ALWAYS, changed(NEED, outward="HX1"), "too_far"),
        (WREN, checks(), ALWAYS, changed(NEED, gender_wished="man"), "gender"),
        (WREN, checks(), ALWAYS, changed(NEED, gender_wished=""), None),
        (WREN, checks(), ALWAYS, changed(NEED, facts=frozenset({"smoke", "pets"})), "facts"),
        (WREN, checks(), [Stretch(3, 540, 660)], NEED, None),
        (WREN, checks(), [Stretch(3, 540, 600), Stretch(3, 600, 660)], NEED, None),
        (WREN, checks(), [Stretch(3, 540, 659)], NEED, "not_free"),
        (WREN, checks(), [Stretch(2, 0, 1440)], NEED, "not_free"),
    ],
)
def test_one_reason_why_someone_does_not_fit(worker, seen, free, need, reason) -> None:  # type: ignore[no-untyped-def]
    assert why_not(worker, seen, free, need, ZONE) == reason


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda d: d.replace(tzinfo=UTC))  # noqa: DTZ001
# Half the visits lie near one of the two nights on which the clock changes.
near_change = st.tuples(
    st.sampled_from([datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]), st.integers(-240, 240)
).map(lambda pair: pair[0] + timedelta(minutes=pair[1]))
starts = moments | near_change
lengths = st.integers(1, 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(starts, lengths)
def test_the_clock_on_the_wall_is_read_at_every_moment_of_a_visit(start: datetime, length: timedelta) -> None:
    start = start.replace(second=0, microsecond=0)
    pieces = on_the_wall(start, start + length, ZONE)
    minutes = int(length.total_seconds()) // 60
    assert sum(p.to_minute - p.from_minute for p in pieces) == minutes
    for offset in {0, minutes // 3, minutes // 2, minutes - 1}:
        local = (start + timedelta(minutes=offset)).astimezone(ZONE)
        minute = local.hour * 60 + local.minute
        assert any(p.weekday == local.weekday() and p.from_minute <= minute < p.to_minute for p in pieces)


@given(starts, lengths, st.data())
def test_a_visit_is_covered_just_when_each_of_its_minutes_is(
    start: datetime, length: timedelta, data: st.DataObject
) -> None:
    start = start.replace(second=0, microsecond=0)
    wanted = on_the_wall(start, start + length, ZONE)
    assert is_free(wanted, ALWAYS)
    piece = data.draw(st.sampled_from(wanted))
    cut = data.draw(st.integers(piece.from_minute, piece.to_minute - 1))
    others = [s for s in ALWAYS if s.weekday != piece.weekday]
    around = [Stretch(piece.weekday, a, b) for a, b in ((0, cut), (cut + 1, 1440)) if a < b]
    assert not is_free(wanted, [*others, *around])
    assert is_free(wanted, [*others, *around, Stretch(piece.weekday, cut, cut + 1)])


def test_the_hour_that_is_told_twice_must_be_free_both_times() -> None:
    # 1.30am to 1.30am an hour later, on the night the clock goes back.
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert on_the_wall(start, start + timedelta(hours=1), ZONE) == [Stretch(6, 90, 120), Stretch(6, 60, 90)]
    # 12.30am to 2.30am on the night it goes forward is one real hour, and 1am to 2am is on nobody's clock.
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert on_the_wall(start, start + timedelta(hours=1), ZONE) == [Stretch(6, 30, 60), Stretch(6, 120, 150)]


@given(
    skills=st.sets(st.sampled_from(["hoisting", "medicines", "peg"])), facts=st.sets(st.sampled_from(FACTS)),
    gender=st.sampled_from(["", "woman", "man"]), outward=st.sampled_from(["", "HX7", "hx7", "OL14"]),
    until=st.sampled_from([None, NINE, NINE + timedelta(hours=2), NINE + timedelta(days=1)]),
    hours=st.integers(1, 30), kinds=st.sets(st.sampled_from(PAID_CHECKS)),
)  # fmt: skip
def test_whoever_fits_meets_every_part_of_the_need(
    skills: set[str], facts: set[str], gender: str, outward: str, until: datetime | None, hours: int, kinds: set[str]
) -> None:
    need = Need(NINE, NINE + timedelta(hours=hours), frozenset(skills), frozenset(facts), gender, outward)
    free = [Stretch(3, 8 * 60, 20 * 60)]
    fits = (
        skills <= WREN.skills
        and not facts & WREN.avoids
        and gender in {"", "woman"}
        and outward.upper() in {"", "HX7"}
        and kinds == set(PAID_CHECKS)
        and (until is None or until >= need.ends_at)
        and hours <= 11
    )
    assert (why_not(WREN, checks(until, tuple(kinds)), free, need, ZONE) is None) == fits


async def test_the_circles_own_workers_who_fit_are_found_in_three_statements(node: Node) -> None:
    ada = await make.worker("Wren")
    counts = []
    for more in (0, 20):
        for n in range(more):
            await make.worker(f"W{n:02}")
        with counting_queries() as seen:
            found = await workers.workers_free(
                NINE, NINE + timedelta(hours=2), zone=ZONE, skills=make.SKILLS, outward="HX7", gender_wished="woman"
            )
        counts.append((len(seen), len(found)))
    assert counts == [(3, 1), (3, 21)]
    assert ada in {fit.person_id for fit in found}


async def test_only_a_living_worker_of_the_circle_who_fits_is_asked(node: Node) -> None:
    circle = await make.circle()
    fits = await make.worker("Wren")
    left_out = await make.worker("Xan")
    await make.worker("Yul", checked=False)
    await make.worker("Zed", covers=False)
    ill = await make.worker("Ida")
    gone = await make.worker("Ola")
    from eccoo_node.db.transaction import write

    async with write():
        await fetch("UPDATE person SET standing = 'in_hospital' WHERE id = ?", ill)
        await fetch("UPDATE hat SET ended_at = ? WHERE person_id = ? AND community_id = ?", node.clock(), gone, circle)
    found = await workers.workers_free(NINE, NINE + timedelta(hours=2), zone=ZONE, exclude=[left_out])
    assert [fit.person_id for fit in found] == [fits]


async def checker() -> str:
    fay = await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    return fay


async def test_a_dbs_certificate_counts_only_as_the_original_seen_in_person_by_someone_else(node: Node) -> None:
    fay, wren = await queries.actor_for(await checker()), await make.worker("Wren", checked=False)
    with pytest.raises(Invalid) as copied:
        await work.record_check(fay, person_id=wren, kind="dbs_enhanced", how="online")
    assert copied.value.code == "not_seen"
    await make.hat(wren, await make.circle(), "panel")
    with pytest.raises(Forbidden):
        await work.record_check(await queries.actor_for(wren), person_id=wren, kind="dbs_enhanced")
    await work.record_check(fay, person_id=wren, kind="dbs_enhanced", number="001234567890")
    [seen] = await workers.checks_of(wren)
    assert (seen.kind, seen.seen_by, seen.seen_by_called, seen.seen_at) == (
        "dbs_enhanced", fay.person_id, "Fay", node.clock(),
    )  # fmt: skip
    assert "001234567890" not in repr(seen)


async def test_a_check_lapses_by_itself_and_is_told_once(node: Node) -> None:
    fay, wren = await queries.actor_for(await checker()), await make.worker("Wren", checked=False)
    end = node.clock() + timedelta(days=10)
    with pytest.raises(Invalid):
        await work.record_check(fay, person_id=wren, kind="insurance")
    await work.record_check(fay, person_id=wren, kind="insurance", expires_at=end)
    await work.record_check(fay, person_id=wren, kind="insurance", expires_at=end + timedelta(days=5))
    told = "SELECT COUNT(*) FROM event WHERE kind = 'check.lapsed'"
    for days, expected in ((10, 0), (15, 1), (16, 1)):
        node.clock.set(end + timedelta(days=days - 10))
        await node.settle()
        assert (await fetch(told))[0][0] == expected
    assert not await workers.checks_hold(wren, ["insurance"], node.clock())


async def test_a_check_can_be_ended_before_its_date(node: Node) -> None:
    fay, wren = await queries.actor_for(await checker()), await make.worker("Wren")
    seen = {c.kind: c.id for c in await workers.checks_of(wren)}
    await work.end_check(fay, seen["dbs_enhanced"])
    assert [c.kind for c in await workers.checks_of(wren)] == ["insurance", "right_to_work"]
    assert await workers.workers_free(NINE, NINE + timedelta(hours=1), zone=ZONE) == []


async def test_free_time_is_written_anew_and_bounded(node: Node) -> None:
    wren = await make.worker("Wren")
    me = await queries.actor_for(wren)
    await work.set_free_time(me, wren, [Stretch(0, 540, 720), Stretch(0, 540, 720)])
    assert await workers.free_times([wren]) == {wren: [Stretch(0, 540, 720)]}
    for bad in (Stretch(7, 0, 60), Stretch(0, 60, 60), Stretch(0, 0, 1441)):
        with pytest.raises(Invalid):
            await work.set_free_time(me, wren, [bad])
    assert await workers.free_times([wren]) == {wren: [Stretch(0, 540, 720)]}

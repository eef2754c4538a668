"""The door: one act, one permission, one audit row, its events; or nothing at all."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Forbidden
from eccoo_node.record import door as doors
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened

ADA = Actor(person_id="ada")
BEN = Actor(person_id="ben")


@pytest.fixture(autouse=True)
def own_registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(doors, "_DOORS", {})
    monkeypatch.setattr(access, "_RULES", {})
    monkeypatch.setattr(events, "_LISTENERS", {})
    for name in ("_HANDLERS", "_EVERY", "_WHEN"):
        monkeypatch.setattr(jobs, name, {})
    access.rule("test.add", "test.outer")(
        lambda actor, thing: actor.person_id == "ada" or "Only Ada may, says Ben's aunt."
    )
    access.rule("test.inner")(lambda actor, thing: False)
    return


@pytest.fixture
async def notes(node: object) -> None:
    async with write():
        await fetch("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT NOT NULL)")


pytestmark = pytest.mark.usefixtures("notes")


async def add(words: str) -> None:
    await fetch("INSERT INTO note VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM note), ?)", words)


async def words() -> list[str]:
    return [row[0] for row in await fetch("SELECT words FROM note ORDER BY id")]


async def record() -> list[tuple[Any, ...]]:
    rows = await fetch("SELECT action, outcome, code, actor_id, thing_kind, thing_id FROM audit ORDER BY id")
    return [tuple(row) for row in rows]


async def told_of(subject_id: str) -> list[Happened]:
    rows = await fetch("SELECT id FROM event WHERE subject_id = ? ORDER BY id", subject_id)
    return [happened for row in rows if (happened := await events.get(row[0]))]


async def test_an_act_is_done_recorded_and_told_in_one() -> None:
    @door("test.add")
    async def add_note(act: Act, *, text: str) -> str:
        act.allow(Thing("note"))
        act.about("n1")
        await add(text)
        await act.tell("note.added", "note", "n1", length=len(text))
        return "done"

    assert await add_note(ADA, text="hello") == "done"
    assert await words() == ["hello"]
    assert await record() == [("test.add", "done", "", "ada", "note", "n1")]
    [event] = await told_of("n1")
    assert (event.kind, event.payload, event.at) == (
        "note.added",
        {"length": 5},
        datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    )
    assert event.act_id == await fetch_value("SELECT act_id FROM audit")


async def test_a_denial_leaves_nothing_but_its_record() -> None:
    @door("test.add")
    async def add_note(act: Act) -> None:
        await add("before asking")
        act.allow(Thing("note", "n1"))

    with pytest.raises(Forbidden, match="Only Ada may"):
        await add_note(BEN)
    assert await words() == []
    assert await record() == [("test.add", "refused", "forbidden", "ben", "note", "n1")]


async def test_a_denial_records_no_sentence_because_a_sentence_may_hold_a_name() -> None:
    @door("test.add")
    async def add_note(act: Act) -> None:
        act.allow(Thing("note", "n1"))

    with pytest.raises(Forbidden):
        await add_note(BEN)
    kept = [str(tuple(row)) for row in await fetch("SELECT * FROM audit")]
    kept += [str(tuple(row)) for row in await fetch("SELECT * FROM audit_text")]
    assert not any("aunt" in row for row in kept)


async def test_a_stranger_who_is_refused_fills_no_record() -> None:
    @door("test.add")
    async def add_note(act: Act) -> None:
        act.allow(Thing("note", "n1"))

    with pytest.raises(Forbidden):
        await add_note(Actor())
    assert await record() == []


async def test_a_refusal_of_another_kind_leaves_nothing() -> None:
    @door("test.add")
    async def add_note(act: Act) -> None:
        act.allow(Thing("note"))
        await add("a")
        await act.tell("note.added", "note", "n1")
        raise Conflict("Too late.", "too_late")

    with pytest.raises(Conflict):
        await add_note(ADA)
    assert (await words(), await record(), await told_of("n1")) == ([], [], [])


async def test_an_action_without_a_rule_is_refused_to_everyone() -> None:
    @door("test.nobody_wrote_a_rule")
    async def act_without_rule(act: Act) -> None:
        act.allow(Thing("note"))

    for actor in (ADA, access.NODE, access.COMMAND):
        with pytest.raises(Forbidden):
            await act_without_rule(actor)


async def test_a_door_that_never_asks_is_a_mistake_and_does_nothing() -> None:
    @door("test.add")
    async def forgetful(act: Act) -> None:
        await add("a")

    with pytest.raises(RuntimeError, match="never asked for permission"):
        await forgetful(ADA)
    assert await words() == []


async def test_two_doors_or_two_rules_for_one_action_are_a_mistake() -> None:
    @door("test.add")
    async def one(act: Act) -> None: ...

    with pytest.raises(RuntimeError, match="two doors"):

        @door("test.add")
        async def other(act: Act) -> None: ...

    with pytest.raises(RuntimeError, match="two rules"):
        access.rule("test.add")(lambda actor, thing: True)


async def test_a_refused_inner_door_leaves_nothing_while_the_outer_goes_on() -> None:
    @door("test.inner")
    async def inner(act: Act) -> None:
        await add("inner")
        act.allow(Thing("note"))

    @door("test.outer")
    async def outer(act: Act) -> None:
        act.allow(Thing("note"))
        await add("outer")
        with pytest.raises(Forbidden):
            await inner(act.actor)
        await add("after")

    await outer(ADA)
    assert await words() == ["outer", "after"]
    assert [row[:2] for row in await record()] == [("test.outer", "done")]


async def test_a_door_within_a_door_asks_again_and_belongs_to_the_same_act() -> None:
    @door("test.add")
    async def inner(act: Act) -> None:
        act.allow(Thing("note"))

    @door("test.outer")
    async def outer(act: Act) -> None:
        act.allow(Thing("note"))
        await inner(act.actor)

    await outer(ADA)
    rows = await fetch("SELECT action, act_id FROM audit ORDER BY id")
    assert [row[0] for row in rows] == ["test.add", "test.outer"]
    assert len({row[1] for row in rows}) == 1
    await outer(ADA)
    assert await fetch_value("SELECT COUNT(DISTINCT act_id) FROM audit") == 2


@pytest.mark.parametrize("node_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_two_acts_that_lock_each_other_out_are_both_done_in_the_end() -> None:
    async with write():
        await add("a")
        await add("b")
    met = asyncio.Barrier(2)
    tries: list[str] = []

    @door("test.add")
    async def change(act: Act, *, first: int, second: int) -> None:
        act.allow(Thing("note"))
        tries.append("once")
        await fetch("UPDATE note SET words = words || '!' WHERE id = ?", first)
        if len(tries) <= 2:
            await met.wait()
        await fetch("UPDATE note SET words = words || '!' WHERE id = ?", second)
        await act.tell("note.changed", "note", str(first))

    await asyncio.gather(change(ADA, first=1, second=2), change(ADA, first=2, second=1))
    assert sorted(await words()) == ["a!!", "b!!"]
    assert len(tries) > 2, "One of the two is tried again."
    # What was tried in vain left no trace.
    assert (len(await record()), len(await told_of("1")), len(await told_of("2"))) == (2, 1, 1)


async def test_what_an_act_causes_is_heard_once_after_the_commit() -> None:
    heard: list[Happened] = []

    @events.on("note.added")
    async def hear(happened: Happened) -> None:
        heard.append(happened)

    @door("test.add")
    async def add_note(act: Act, *, fail: bool = False) -> None:
        act.allow(Thing("note"))
        await act.tell("note.added", "note", "n1", n=1)
        if fail:
            raise Conflict("No.", "no")

    with pytest.raises(Conflict):
        await add_note(ADA, fail=True)
    await jobs.drain()
    assert heard == []
    await add_note(ADA)
    assert heard == []
    await jobs.drain()
    assert [(h.kind, h.subject_id, h.payload) for h in heard] == [("note.added", "n1", {"n": 1})]


async def test_the_reason_is_kept_apart_from_the_row() -> None:
    @door("test.add")
    async def add_note(act: Act) -> None:
        act.allow(Thing("note"))
        act.because("Ada Sunderland asked for it on the phone")

    await add_note(ADA)
    assert not any("Sunderland" in str(tuple(row)) for row in await fetch("SELECT * FROM audit"))
    assert await fetch_value("SELECT text FROM audit_text") == "Ada Sunderland asked for it on the phone"


async def test_an_act_about_several_things_leaves_a_row_for_each(node: object) -> None:
    @door("test.add")
    async def add_all(act: Act, ids: list[str]) -> None:
        for id_ in ids:
            act.allow(Thing("note", id_))
            act.about(id_.upper())

    await add_all(ADA, ["a", "b", "b"])
    assert await record() == [("test.add", "done", "", "ada", "note", id_) for id_ in ("A", "B")]

"""The audit: complete, chained, and whatever is done to it afterwards is found and named."""

import hashlib
from collections.abc import Awaitable, Callable

import asyncpg
import msgspec
import pytest

from eccoo_node.db import bound, jobs
from eccoo_node.db.rows import fetch, fetch_one, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Broken
from eccoo_node.record import audit
from tests.support.node import Node

ACTOR = Actor(person_id="p1")


async def acts(count: int = 5, *, text: str = "because") -> None:
    for number in range(count):
        async with write():
            await audit.note(ACTOR, f"act{number}", "test.do", Thing("thing", str(number), "p2"), text=text)


async def chained(count: int = 5) -> None:
    await acts(count)
    await jobs.drain()


async def drop_guards() -> None:
    """As someone would who has the file in their hands."""
    async with write():
        if bound.engine().engine_type == "sqlite":
            for row in await fetch("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                await fetch(f'DROP TRIGGER "{row[0]}"')
        else:
            for table in ("audit", "audit_chain"):
                await fetch(f"ALTER TABLE {table} DISABLE TRIGGER USER")


async def broken() -> Broken:
    with pytest.raises(Broken) as told:
        await audit.verify()
    assert "\n" not in told.value.sentence
    return told.value


@pytest.mark.usefixtures("node")
async def test_an_empty_audit_holds() -> None:
    assert await audit.verify() == {"rows": 0, "chained": 0, "unchained": 0, "texts": 0}


@pytest.mark.usefixtures("node")
async def test_a_row_carries_its_digest_at_once_and_its_link_a_moment_later() -> None:
    await acts(3)
    assert await audit.verify() == {"rows": 3, "chained": 0, "unchained": 3, "texts": 3}
    await jobs.drain()
    assert await audit.verify() == {"rows": 3, "chained": 3, "unchained": 0, "texts": 3}
    await acts(2, text="")
    assert await audit.verify() == {"rows": 5, "chained": 3, "unchained": 2, "texts": 3}


@pytest.mark.usefixtures("node")
async def test_more_rows_than_one_step_of_the_walk_are_all_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_WALK", 3)
    await chained(10)
    await acts(7)
    assert await audit.verify() == {"rows": 17, "chained": 10, "unchained": 7, "texts": 17}


@pytest.mark.usefixtures("node")
async def test_erasing_the_words_leaves_the_chain_whole() -> None:
    await chained(3)
    async with write():
        await fetch("DELETE FROM audit_text")
    assert await audit.verify() == {"rows": 3, "chained": 3, "unchained": 0, "texts": 0}


@pytest.mark.usefixtures("node")
async def test_the_hash_of_words_says_nothing_about_them() -> None:
    await acts(2, text="her name is Ada")
    hashes = {row[0] for row in await fetch("SELECT text_hash FROM audit")}
    assert len(hashes) == 2, "The same words must not give the same hash: it is salted."
    assert hashlib.sha256(b"her name is Ada").hexdigest() not in hashes


async def _change(column: str, value: str) -> None:
    await fetch(f"UPDATE audit SET {column} = ? WHERE id = 3", value)


async def _change_and_sign_again() -> None:
    """Whoever knows the code can make a row agree with its own digest again; not with the chain."""
    await fetch("UPDATE audit SET actor_id = 'someone else' WHERE id = 3")
    row = await fetch_one("SELECT * FROM audit WHERE id = 3")
    assert row is not None
    values = tuple(audit.as_time(row["at"]) if name == "at" else row[name] for name in audit._FIELDS)
    await fetch("UPDATE audit SET digest = ? WHERE id = 3", audit._digest(values))


async def _swap() -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        await fetch("UPDATE audit_chain SET audit_id = ? WHERE audit_id = ?", new, old)


async def _delete_with_link() -> None:
    await fetch("DELETE FROM audit_text WHERE audit_id = 3")
    await fetch("DELETE FROM audit WHERE id = 3")
    await fetch("DELETE FROM audit_chain WHERE audit_id = 3")


async def _forge() -> None:
    """A row slipped in below the chained ones."""
    row = await fetch_one("SELECT * FROM audit WHERE id = 3")
    assert row is not None
    await _delete_with_link()
    names = ["id", *audit._FIELDS, "digest"]
    marks = ", ".join("?" * len(names))
    await fetch(f"INSERT INTO audit ({', '.join(names)}) VALUES ({marks})", *(row[name] for name in names))


def _one(statement: str) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await fetch(statement)

    return run


CORRUPTIONS: dict[str, tuple[Callable[[], Awaitable[None]], str, str]] = {
    "an act is changed": (lambda: _change("action", "test.other"), "audit_digest", "row 3"),
    "an actor is changed": (lambda: _change("actor_id", "someone else"), "audit_digest", "row 3"),
    "for whom is changed": (lambda: _change("acting_for", "someone else"), "audit_digest", "row 3"),
    "a refusal becomes done": (lambda: _change("outcome", "refused"), "audit_digest", "row 3"),
    "how they were known is changed": (lambda: _change("known_by", "rang_back"), "audit_digest", "row 3"),
    "a time is changed": (_one("UPDATE audit SET at = '2020-01-01 00:00:00+00:00' WHERE id = 3"), "audit_digest", "row 3"),
    "a digest is changed": (lambda: _change("digest", "0" * 64), "audit_digest", "row 3"),
    "a row is changed and signed again": (_change_and_sign_again, "audit_chain", "row 3"),
    "a row is deleted": (_one("DELETE FROM audit WHERE id = 3"), "audit_missing", "row 3"),
    "a row is deleted with its link": (_delete_with_link, "audit_chain", "row 4"),
    "the first row is deleted with its link": (
        _one("DELETE FROM audit_chain WHERE audit_id = 1"), "audit_chain", "row 2",
    ),
    "a link is deleted": (_one("DELETE FROM audit_chain WHERE audit_id = 3"), "audit_chain", "row 4"),
    "a link is changed": (_one("UPDATE audit_chain SET chain = 'x' WHERE audit_id = 3"), "audit_chain", "row 3"),
    "two rows are swapped": (_swap, "audit_chain", "row 3"),
    "a row is slipped in": (_forge, "audit_chain", "row 4"),
    "words are changed": (_one("UPDATE audit_text SET text = 'other words' WHERE audit_id = 3"), "audit_text", "row 3"),
    "a salt is changed": (_one("UPDATE audit_text SET salt = 'other' WHERE audit_id = 3"), "audit_text", "row 3"),
}  # fmt: skip


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("case", CORRUPTIONS)
async def test_what_is_corrupted_is_found_and_named(case: str) -> None:
    await chained(5)
    await audit.verify()
    await drop_guards()
    corrupt, code, names = CORRUPTIONS[case]
    async with write():
        await corrupt()
    told = await broken()
    assert (told.code, names in told.sentence) == (code, True), told.sentence


@pytest.mark.usefixtures("node")
async def test_a_row_that_was_never_chained_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "LATE_ROWS", 0)
    await chained(5)
    await drop_guards()
    async with write():
        # Its link taken out, and every later link made anew: the row stands alone in the middle.
        await fetch("DELETE FROM audit_chain WHERE audit_id >= 3")
        head = await fetch_value("SELECT chain FROM audit_chain WHERE audit_id = 2")
        for row in await fetch("SELECT id, digest FROM audit WHERE id > 3 ORDER BY id"):
            head = audit._link(head, row["digest"])
            await fetch("INSERT INTO audit_chain (audit_id, chain) VALUES (?, ?)", row["id"], head)
    told = await broken()
    assert (told.code, "row 3" in told.sentence) == ("audit_gap", True)


@pytest.mark.usefixtures("node")
async def test_someone_with_the_file_cannot_change_it_while_the_guards_stand() -> None:
    await chained(2)
    for statement in ("UPDATE audit SET action = 'x'", "DELETE FROM audit", "DELETE FROM audit_chain"):
        with pytest.raises(Exception, match="append-only"):
            async with write():
                await fetch(statement)
    assert (await audit.verify())["chained"] == 2


@pytest.mark.parametrize("node_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.usefixtures("node")
async def test_a_row_numbered_early_and_committed_late_is_chained_and_nothing_is_called_broken(node_url: str) -> None:
    """Two transactions of PostgreSQL: the first takes the smaller number and ends after the chain has gone past it."""
    await acts(1)
    slow = await asyncpg.connect(node_url)
    await slow.execute("BEGIN")
    row = await fetch_one("SELECT * FROM audit")
    assert row is not None
    names = [*audit._FIELDS, "digest"]
    marks = ", ".join(f"${number + 1}" for number in range(len(names)))
    await slow.execute(f"INSERT INTO audit ({', '.join(names)}) VALUES ({marks})", *(row[name] for name in names))
    await acts(3)
    await jobs.drain()
    assert await audit.verify() == {"rows": 4, "chained": 4, "unchained": 0, "texts": 4}
    await slow.execute("COMMIT")
    await slow.close()
    assert await audit.verify() == {"rows": 5, "chained": 4, "unchained": 1, "texts": 4}
    await jobs.drain()
    assert await audit.verify() == {"rows": 5, "chained": 5, "unchained": 0, "texts": 4}


async def test_the_digest_stays_what_it_is(node: Node) -> None:
    """A digest that a new version reckons differently would call every circle's record broken."""
    async with write():
        await audit.note(ACTOR, "act", "test.do", Thing("thing", "1", "p2"))
    row = await fetch_one("SELECT digest FROM audit")
    assert row is not None
    values = [
        "2026-11-23T08:00:00+00:00",
        "act",
        "test.do",
        "done",
        "",
        "p1",
        "",
        "",
        "screen",
        "",
        "p2",
        "thing",
        "1",
        "",
    ]
    assert row[0] == hashlib.sha256(msgspec.json.encode(values)).hexdigest()

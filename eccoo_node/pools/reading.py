"""Copies of other circles' pools: read page by page, replaced as a whole, gone as soon as the link does not allow them."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import limits
from eccoo_federation.errors import ProtocolError
from eccoo_federation.pools import PoolPage, PoolWorker, read_page
from eccoo_node.db import jobs
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, insert_once, locking
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.words import plain
from eccoo_node.links import letters
from eccoo_node.links import queries as links
from eccoo_node.links.letters import Letter
from eccoo_node.pools import attesting
from eccoo_node.pools.rules import KEPT, NOT_SOONER, READ_AGAIN
from eccoo_node.pools.tables import PoolLink
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened


async def ask(link_id: str) -> None:
    """Read their pool from its beginning, at once or as soon as they may be asked again. Inside `write()`."""
    await insert_once(PoolLink(link_id=link_id))
    now = clock.now()
    asked = as_time(await fetch_value("SELECT asked_at FROM pool_link WHERE link_id = ?", link_id))
    if asked is not None and asked > now - NOT_SOONER:
        await jobs.add("pools.read", link_id, run_at=asked + NOT_SOONER, link=link_id)
        return
    await fetch("UPDATE pool_link SET asked_at = ?, reading_after = '' WHERE link_id = ?", now, link_id)
    await letters.pull(link_id, "pool")


@jobs.job("pools.read")
async def _read(payload: dict[str, Any]) -> datetime | None:
    async with write():
        if payload["link"] in await links.pooled("out"):
            await ask(payload["link"])
    return None


@letters.handles("pool.changed")
async def _hear_changed(actor: Actor, letter: Letter) -> None:
    await take_changed(actor, letter=letter)


@door("pools.hear_changed")
async def take_changed(act: Act, *, letter: Letter) -> None:
    """Something in their pool is other than before. Only that it is worth while to ask."""
    act.allow(Thing("pool", link_id=letter.link_id))
    await letters.finish(letter.link_id, letter.subject)
    if letter.link_id in await links.pooled("out"):
        await ask(letter.link_id)


@letters.pulled("pool")
async def _read_page(actor: Actor, path: str, body: dict[str, Any]) -> None:
    await take_page(actor, after=path.partition("/")[2], body=body)


@door("pools.hear_page")
async def take_page(act: Act, *, after: str, body: dict[str, Any]) -> None:
    """One page of the reading under way. One that does not hold up ends the reading, and the copy stays as it was."""
    link_id = act.actor.link_id
    act.allow(Thing("pool", link_id=link_id))
    row = await fetch_one(f"SELECT * FROM pool_link WHERE link_id = ?{locking()}", link_id)
    if row is None or row["reading_after"] != after:
        return
    try:
        fields = await links.pool_fields(link_id, "out")
    except ProtocolError:
        await drop(link_id)
        return
    try:
        page = read_page(body, link_id, after)
        if after and page.revision != row["reading_revision"]:
            raise ProtocolError("gap")
    except ProtocolError as error:
        # Asked again in its time, not in a loop that they could keep going.
        await _give_up(link_id, error.code)
        return
    reading = row["reading"] if after else row["reading"] + 1
    verify = await links.may_cross(link_id, "out", attesting.SCOPE) is None
    for one in page.workers:
        await _keep(link_id, one.only(fields), reading, verify=verify)
    if verify:
        await attesting.note(link_id, [ref for one in page.workers for ref in one.attestations], attesting.POOL)
    count = await fetch_one(
        "SELECT COUNT(*), COUNT(CASE WHEN reading = ? THEN 1 END) FROM pool_worker WHERE link_id = ?", reading, link_id
    )
    held, read = (int(count[0]), int(count[1])) if count else (0, 0)
    if held > 2 * limits.POOL_WORKERS:
        # Readings that never come to an end, each with new names.
        await drop(link_id)
        await _give_up(link_id, "too_many")
        return
    await fetch(
        "UPDATE pool_link SET reading = ?, reading_revision = ?, reading_after = ?, trouble = '' WHERE link_id = ?",
        reading, page.revision, page.next or "", link_id,
    )  # fmt: skip
    if page.next and read < limits.POOL_WORKERS:
        await letters.pull(link_id, f"pool/{page.next}")
    else:
        await _finish(link_id, reading, page)


async def _keep(link_id: str, one: PoolWorker, reading: int, *, verify: bool) -> None:
    def text(value: Any) -> str:
        return msgspec.json.encode(msgspec.to_builtins(value)).decode()

    await fetch(
        "INSERT INTO pool_worker (id, link_id, reference, first_name, skills, languages, areas, rate_pence, hours, "
        "attestations, reading) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (link_id, reference) DO UPDATE SET "
        "first_name = excluded.first_name, skills = excluded.skills, languages = excluded.languages, "
        "areas = excluded.areas, rate_pence = excluded.rate_pence, hours = excluded.hours, "
        "attestations = excluded.attestations, reading = excluded.reading",
        new_id(), link_id, one.worker, plain(one.first_name or "")[:60], text(one.skills), " ".join(one.languages)[:200],
        text(one.areas), one.rate_pence_per_hour, text(one.hours), text(one.attestations if verify else ()), reading,
    )  # fmt: skip


async def _finish(link_id: str, reading: int, page: PoolPage) -> None:
    """The whole pool was read: whoever was not in it any more is gone."""
    await fetch("DELETE FROM pool_worker WHERE link_id = ? AND reading <> ?", link_id, reading)
    await fetch(
        "UPDATE pool_link SET read_at = ?, revision_read = ?, reading_after = '' WHERE link_id = ?",
        clock.now(), page.revision, link_id,
    )  # fmt: skip
    await _forget_proofs(link_id)
    await attesting.ask_daily()


async def _forget_proofs(link_id: str) -> None:
    rows = await fetch("SELECT attestations FROM pool_worker WHERE link_id = ? AND attestations <> '[]'", link_id)
    kept = {ref for row in rows for ref in msgspec.json.decode(row[0])}
    await attesting.forget_unused(link_id, kept)


async def _give_up(link_id: str, code: str) -> None:
    await fetch("UPDATE pool_link SET reading_after = '', trouble = ? WHERE link_id = ?", code[:32], link_id)


async def drop(link_id: str) -> None:
    """Nothing of their pool is kept here any more. Inside `write()`."""
    await fetch("DELETE FROM pool_worker WHERE link_id = ?", link_id)
    await _forget_proofs(link_id)
    await fetch("UPDATE pool_link SET read_at = NULL, reading_after = '' WHERE link_id = ?", link_id)


@letters.denied("pool")
async def _denied(actor: Actor, path: str, error: ProtocolError) -> None:
    await drop(actor.link_id)
    await _give_up(actor.link_id, error.code)


@events.on("link.opened", "link.resumed", "link.suspended", "link.narrowed", "link.ended")
async def _link_changed(happened: Happened) -> None:
    """What may not be read is deleted; what may be read otherwise than before is read anew."""
    async with write():
        await drop(happened.subject_id)
        if happened.subject_id in await links.pooled("out"):
            await ask(happened.subject_id)


@jobs.job("pools.round", every=timedelta(minutes=1))
async def keep_fresh(payload: dict[str, Any]) -> datetime | None:
    """Each pool is read again within the hour; copies that may not be kept, or are a week old, go; proofs are asked for."""
    may, now = await links.pooled("out"), clock.now()
    known = {row["link_id"]: row for row in await fetch("SELECT link_id, asked_at, read_at FROM pool_link")}
    kept = {row[0] for row in await fetch("SELECT DISTINCT link_id FROM pool_worker")}

    def since(link_id: str, column: str) -> datetime | None:
        return as_time(known[link_id][column]) if link_id in known else None

    due = [one for one in may if (asked := since(one, "asked_at")) is None or asked <= now - READ_AGAIN]
    over = [
        one for one in kept if one not in may or (since(one, "read_at") or since(one, "asked_at") or now) < now - KEPT
    ]
    proofs = await fetch_value("SELECT 1 FROM attestation_in WHERE state <> 'gone' LIMIT 1")
    if not (due or over or proofs):
        return None
    async with write():
        for link_id in over:
            await drop(link_id)
        for link_id in due:
            await ask(link_id)
        if proofs:
            await attesting.ask_daily()
    return None

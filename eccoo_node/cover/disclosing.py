"""Name, address and what must be known: they cross once, to the one who is coming, and are what was signed for."""

from typing import Any

import msgspec

from eccoo_federation import cover as wire
from eccoo_federation.errors import ProtocolError
from eccoo_federation.events import check_disclosure
from eccoo_federation.times import parse_time
from eccoo_node.cover import offering, queries
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.rules import RETAIN
from eccoo_node.cover.shown import disclosed
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.links import letters
from eccoo_node.links.alarms import alarm
from eccoo_node.links.letters import Letter


@letters.handles("disclosure.sent")
async def hear_disclosure(actor: Actor, letter: Letter) -> None:
    await take_disclosure(actor, letter=letter)


@door("cover.hear_disclosure")
async def take_disclosure(act: Act, *, letter: Letter) -> None:
    """What the one who is coming may read is ready: fetch it. Only its salted hash has crossed so far."""
    act.allow(Thing("my_offer", link_id=letter.link_id))
    ref, n = letter.body["request"], letter.body["n"]
    opened = await queries.open_by_ref(letter.link_id, ref)
    if opened is None or n not in {one.n for one in await queries.mine_for(opened.id)}:
        # Whoever comes to nobody is told nothing, however often it is said.
        raise ProtocolError("unknown_subject")
    await letters.pull(letter.link_id, f"disclosures/{ref}/{n}")


@letters.answers("disclosures", scopes=("honour",))
async def answer_disclosure(actor: Actor, ref: str, n: str) -> dict[str, Any]:
    return await give_disclosure(actor, ref=ref, n=n)


@door("cover.give_disclosure")
async def give_disclosure(act: Act, *, ref: str, n: str) -> dict[str, Any]:
    """Name, address and what must be known, to the holder of the certificate for this very award and to nobody else."""
    row = await fetch_one(
        "SELECT d.id, d.body, d.request_id FROM disclosure_out d WHERE d.link_id = ? AND d.reference = ? AND d.n = ?",
        act.actor.link_id, ref, int(n) if n.isdecimal() and len(n) < 10 else -1,
    )  # fmt: skip
    if row is None:
        raise ProtocolError("unknown_subject")
    request = await queries.request(row[2])
    act.allow(Thing("disclosure", row[0], request.person_id, link_id=act.actor.link_id))
    state = msgspec.json.decode(request.machine, type=wire.RequesterState)
    award = state.award
    if award is None or state.certificate is None or (award.link, str(award.n)) != (act.actor.link_id, n):
        raise ProtocolError("unknown_subject")
    await fetch("UPDATE disclosure_out SET fetched_at = ? WHERE id = ?", clock.now(), row[0])
    body: dict[str, Any] = msgspec.json.decode(row[1])
    return body


@letters.pulled("disclosures")
async def read_disclosure(actor: Actor, path: str, body: dict[str, Any]) -> None:
    await keep_disclosure(actor, path=path, body=body)


@door("cover.keep_disclosure")
async def keep_disclosure(act: Act, *, path: str, body: dict[str, Any]) -> None:
    """Keep what was disclosed for the worker who is coming, until the day it says; refuse what was not announced."""
    act.allow(Thing("my_offer", link_id=act.actor.link_id))
    _, ref, n = path.split("/")
    try:
        told = check_disclosure(body, await _announced(act.actor.link_id, ref, n))
    except ProtocolError as refused:
        if refused.code != "event_changed":
            raise
        # Other words than the ones they signed for: nobody reads them, and an admin looks into it.
        await alarm(act.actor.link_id, "other_disclosure", f"{ref} {n}")
        return
    opened = await queries.open_by_ref(act.actor.link_id, ref)
    for one in await queries.mine_for(opened.id) if opened else []:
        if one.state == "coming" and str(one.n) == n:
            # However long they let us, no longer than a visit needs.
            until = min(parse_time(told.retain_until), one.ends_at + RETAIN)
            await offering.set_mine(
                one.id, disclosure=msgspec.json.encode(disclosed(told)).decode(), retain_until=until
            )
            await jobs.add("cover.forget_in", one.id, run_at=until, offer=one.id)
            act.about(one.id)


async def _announced(link_id: str, ref: str, n: str) -> str:
    """The salted hash that the other circle signed for what it discloses with this award; "" when it announced nothing."""
    rows = await fetch(
        "SELECT r.bytes FROM letter_in i JOIN letter_read r ON r.letter_id = i.id WHERE i.link_id = ? AND i.subject = ? "
        "AND i.type = 'disclosure.sent' AND r.verdict = 'applied' AND r.bytes <> '' ORDER BY i.seq DESC",
        link_id, ref,
    )  # fmt: skip
    said = [msgspec.json.decode(row[0])["body"] for row in rows]
    return next((str(body["salted_hash"]) for body in said if str(body["n"]) == n), "")

"""Two circles on the telephone when neither node is sure: each reads out its words, and a note is written on both sides.

The note makes no award, certificate or claim and moves no money. It keeps what is set aside for this one award from
going back by the clock, so that whoever is sent can be paid the ordinary way once the nodes hear of each other again.
"""

import msgspec

from eccoo_federation import cover as wire
from eccoo_federation import jcs, spoken
from eccoo_node.cover import offering, queries
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.machine import set_request, step
from eccoo_node.cover.queries import Mine, Request
from eccoo_node.db import jobs
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.links import identity
from eccoo_node.links import queries as links
from eccoo_node.members import queries as members
from eccoo_node.rota import queries as rota
from eccoo_node.rota.telling import tell

NOT_THEIRS = "These are not the words that their page shows now. Ask them to read them again."
NO_WORDS = "Write the three words they read to you on the phone."


async def our_words(link_id: str, ref: str, offer_id: str) -> str:
    """What to read out about this offer, just now."""
    key = await links.words_key(link_id)
    return " ".join(spoken.spoken_words(key, link_id, ref, offer_id, identity.current().node_id, clock.now()))


async def _check(code: str, link_id: str, ref: str, offer_id: str) -> str:
    """A digest of what they read out. Raises Invalid where it is not what their page shows."""
    if not code.strip():
        raise Invalid(NO_WORDS, "no_code", field="code")
    circle, key = await links.circle(link_id), await links.words_key(link_id)
    if not spoken.heard(code, key, link_id, ref, offer_id, circle.node_id, clock.now()):
        raise Invalid(NOT_THEIRS, "other_words", field="code")
    return jcs.digest({"tag": "circle-spoken-1", "offer": offer_id, "said": spoken.plain_words(code)})


async def reference(request: Request, link_id: str) -> str:
    return next(one.ref for one in await queries.asked_circles(request.id) if one.link_id == link_id)


@door("cover.override")
async def override(act: Act, *, request_id: str, code: str, words: str) -> None:
    """A facilitator has rung the other circle and heard the words that its page shows: someone is coming although no
    machine is sure. Written down with the award it is about. Raises Invalid for other words, or ones used before."""
    request = await queries.lock_request(request_id)
    act.allow(await rota.thing_of(await rota.visit(request.visit_id)))
    award = msgspec.json.decode(request.machine, type=wire.RequesterState).award
    if award is None:
        raise Conflict("Nobody is chosen of whom you could have spoken.", "wrong_state")
    if request.override_at is not None and request.override_n == award.n:
        return
    heard = await _check(code, award.link, await reference(request, award.link), award.offer)
    if heard == request.override_code:
        raise Invalid("These words were used before. Ring them again in half an hour.", "used", field="code")
    act.because(f"n={award.n}. {words.strip()}")
    await step(act, request, wire.Spoken())
    # Somebody goes there, so its end is no end of a gap.
    await jobs.cancel("rota.gap_over", request.visit_id)
    await set_request(
        request_id, override_at=clock.now(), override_by=act.actor.person_id, override_n=award.n, override_code=heard
    )
    await tell({request.person_id}, request.visit_id, "coming_by_phone")
    await act.tell("cover.spoken", "cover_request", request_id, n=award.n)


@door("cover.spoken_away")
async def spoken_away(act: Act, *, offer_id: str, code: str, words: str) -> None:
    """The circle that asked has rung, and both read out their words: our worker goes although no certificate has come."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if mine.spoken_at is not None:
        return
    if not may_speak(mine):
        raise Conflict("This is not waiting for a telephone call any more.", "wrong_state")
    await _check(code, mine.link_id, mine.ref, mine.id)
    act.because(f"n={mine.n}. {words.strip()}")
    await offering.step(act, mine, wire.Spoken())
    await offering.set_mine(offer_id, spoken_at=clock.now())
    helpers = {one.person_id for one in await members.facilitators()}
    told = ({mine.worker_id} | helpers) - {act.actor.person_id}
    await tell(told, None, "spoken_away", about=mine.id, path=f"/coming/{mine.id}")
    await act.tell("cover.spoken", "my_offer", offer_id, n=mine.n)


def may_speak(mine: Mine) -> bool:
    """Whether the other circle may still ring about it."""
    return mine.state in {"offered", "preparing", "coming"} and clock.now() < mine.ends_at

"""What an admin does about a linked circle: invite, accept, compare words, agree, narrow, suspend, end.

Narrowing and suspending are one side's own and count at once; widening needs both signatures.
"""

import hmac
from datetime import datetime
from typing import Any

import msgspec

from eccoo_federation import handshake, invites, jcs, limits
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import resolver
from eccoo_federation.proofs import cosign_object
from eccoo_federation.transport import new_nonce
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, insert
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import alarms, carrying, held, identity, letters, queries, rules
from eccoo_node.links.rules import Terms
from eccoo_node.links.tables import Invite, Link, LinkWire
from eccoo_node.record.door import Act, door

SUBJECT = "link"
INVITE_LASTS = limits.INVITE_LIFE


@access.rule(
    "links.see", "links.invite", "links.accept", "links.words_same", "links.words_differ", "links.propose", "links.agree",
    "links.narrow", "links.suspend", "links.resume", "links.end", "links.try_now", "links.follow_move", "links.refuse_move",
    "links.moved", "links.heard_alarms", "links.instead_of", "links.words_again",
    "links.renew", "links.set_shown", "links.ask_introduction", "links.answer_introduction", "links.look_for_circles",
)  # fmt: skip
def _admins(actor: Actor, thing: Thing) -> bool | str:
    wears_it = any(hat.role == "admin" and hat.kind == "circle" for hat in actor.hats)
    # Whoever speaks for somebody speaks for that person, not for the circle.
    if actor.is_node() or (wears_it and not actor.acting_for):
        return True
    return "Only someone who looks after this node can do this."


async def load(link_id: str) -> Any:
    try:
        return await held.lock_link(link_id)
    except ProtocolError:
        raise NotFound("We know no such circle.", "unknown_link") from None


def thing(link_id: str) -> Thing:
    return Thing("link", link_id, link_id=link_id)


@door("links.invite")
async def make_invite(act: Act) -> str:
    """The one line that an admin hands to the other circle's admin. Works once, for 48 hours."""
    act.allow(Thing("invite"))
    us = identity.current()
    invite = invites.make_invite(us.base_url, us.node_id, clock.now())
    row = Invite(
        token_hash=invites.token_hash(invite.token), made_by=act.actor.person_id, made_at=clock.now(),
        expires_at=datetime.fromisoformat(invite.expires_at),
    )  # fmt: skip
    await insert(row)
    act.about(str(row.id))
    return invites.write_invite(invite)


@door("links.accept")
async def accept_invite(act: Act, text: str) -> str:
    """Take up another circle's invitation; the link's id. The call to them follows as a job.

    The same invitation again is answered with the link that came of it, as far as that has come.
    """
    act.allow(Thing("link"))
    us, now = identity.current(), clock.now()
    try:
        invite = invites.read_invite(text, now)
    except ProtocolError as error:
        raise Invalid(error.sentence, error.code, field="invite") from None
    if invite.node_id == us.node_id:
        raise Invalid("This is our own invitation. Send it to the other circle.", "own_invite", field="invite")
    same = await queries.begun_with(invite.node_id, (invite.token, invites.token_hash(invite.token)))
    if same:
        # Where it still waits for their answer, they are asked again.
        await jobs.wake("federation.handshake", same, link=same)
        act.about(same)
        return same
    await make_room(invite.node_id, now)
    link_id, nonce = new_id(), new_nonce()
    await insert(
        Link(
            id=link_id, state="asked", we_invited=False, node_id=invite.node_id, base_url=invite.url,
            token=invite.token, our_nonce=nonce, our_head=us.state.head, secret=letters.new_link_secret(),
            our_commitment=handshake.new_nonce_commitment(link_id, us.node_id, us.state.head, nonce),
            asked_by=act.actor.person_id, asked_at=now,
        )
    )  # fmt: skip
    await insert(LinkWire(link_id=link_id))
    await jobs.add("federation.handshake", link_id, link=link_id)
    act.about(link_id)
    return link_id


async def make_room(node_id: str, now: datetime) -> None:
    """A handshake that is asked for `now` puts an unfinished one away; both bear that moment, so that each page tells of the
    other (`queries.Page`). Raises Conflict when a link stands."""
    row = await fetch_one("SELECT id, state FROM link WHERE node_id = ? AND state <> 'ended'", node_id)
    if row is None:
        return
    if row["state"] == "open":
        raise Conflict("We are linked with this circle already. End that link first.", "already_linked")
    await fetch("UPDATE link SET state = 'ended', ended_at = ?, token = '' WHERE id = ?", now, row["id"])


@door("links.words_same")
async def words_same(act: Act, link_id: str) -> None:
    """The six words were read out and are the same on both screens."""
    act.allow(thing(link_id))
    link = await load(link_id)
    if not link["words"] or link["state"] == "ended":
        raise Conflict(rules.or_ended(link["state"], "There are no words to compare yet."), "no_words")
    if link["words_said_at"]:
        return
    await fetch(
        "UPDATE link SET words_said_by = ?, words_said_at = ?, state = CASE state WHEN 'words' THEN 'agreeing' "
        "ELSE state END WHERE id = ?",
        act.actor.person_id, clock.now(), link_id,
    )  # fmt: skip


@door("links.words_differ")
async def words_differ(act: Act, link_id: str) -> None:
    """The words are not the same: somebody stands between. The link ends here, with an alarm."""
    act.allow(thing(link_id))
    link = await load(link_id)
    if link["state"] not in ("words", "agreeing") and (not link["words"] or link["words_said_at"]):
        raise Conflict("This link is past comparing words.", "wrong_state")
    await fetch("UPDATE link SET state = 'ended', ended_at = ?, token = '' WHERE id = ?", clock.now(), link_id)
    await alarms.alarm(link_id, "words_differ")
    await act.tell("link.words_differed", SUBJECT, link_id)


@door("links.propose")
async def propose(act: Act, link_id: str, terms: Terms | None = None) -> None:
    """Say, signed, what we would agree. In force once the other side has signed the same."""
    act.allow(thing(link_id))
    link = await load(link_id)
    await _propose(act, link, terms or Terms())


@door("links.agree")
async def agree(act: Act, link_id: str, *, seen: str | None = None) -> None:
    """Sign what the other side proposed; where nothing lies before us, propose the usual.

    `seen` names the proposal that was read (`queries.proposal_mark`): another one is not signed unread.
    """
    act.allow(thing(link_id))
    link = await load(link_id)
    if not link["their_proposal"]:
        if seen:
            raise Conflict("What they suggested is no longer there. Please look again.", "proposal_changed")
        await _propose(act, link, Terms())
        return
    _requires_words(link)
    us, now = identity.current(), clock.now()
    proposal = msgspec.json.decode(link["their_proposal"])
    if seen == "":
        # The usual was read, and nothing of theirs: theirs is signed only where it says the same.
        usual = rules.terms_of(proposal, us.node_id, link["node_id"]) == Terms()
        read = usual and not proposal.get("supersedes")
    else:
        read = seen in (None, queries.proposal_mark(link["their_proposal"]))
    if not read:
        raise Conflict("They have changed what they suggest. Please read it again.", "proposal_changed")
    signed = cosign_object(proposal, us.object_key, us.node_id, now)
    try:
        conclude(link, signed, now)
        await carrying.check(link, signed)
    except ProtocolError as error:
        raise Conflict(error.sentence, error.code) from None
    await put_in_force(link, signed, told=False)
    await fetch("UPDATE link SET agreed_by = ? WHERE id = ?", act.actor.person_id, link_id)
    await carry(link_id)
    await act.tell("link.opened", SUBJECT, link_id)


@door("links.renew")
async def renew(act: Act, link_id: str) -> None:
    """Go on for another year on the terms that count now, what was taken back included. Nothing is interrupted.

    Where they have suggested exactly this, ours is the second signature. Raises Conflict where they suggest other terms.
    """
    act.allow(thing(link_id))
    link = await load(link_id)
    if link["state"] != "open":
        raise Conflict("There is no agreement to go on with.", "wrong_state")
    terms = (await queries.circle(link_id)).terms
    theirs = msgspec.json.decode(link["their_proposal"]) if link["their_proposal"] else None
    if theirs is None:
        await _propose(act, link, terms)
        return
    if rules.terms_of(theirs, identity.current().node_id, link["node_id"]) != terms:
        raise Conflict("They suggest something else. Please read it first.", "they_suggest")
    await agree(act.actor, link_id, seen=queries.proposal_mark(link["their_proposal"]))


def _requires_words(link: Any) -> None:
    if link["state"] not in ("agreeing", "open") or not link["words_said_at"]:
        raise Conflict(rules.or_ended(link["state"], "First compare the six words by phone."), "words_first")


def requires_known(terms: Terms) -> None:
    """Raises Invalid for a scope that the protocol does not have."""
    if not handshake.scopes_are_known((*terms.we_may, *terms.they_may)):
        raise Invalid("Please choose from what the page offers.", "bad_terms")


async def _propose(act: Act, link: Any, terms: Terms) -> None:
    _requires_words(link)
    requires_known(terms)
    us, them = identity.current(), link["node_id"]
    previous = msgspec.json.decode(link["agreement"]) if link["agreement"] else None
    try:
        value = handshake.propose_agreement(
            link=link["id"], words=link["words_hash"],
            base_urls={us.node_id: us.state.base_url, them: link["base_url"]},
            may={us.node_id: terms.we_may, them: terms.they_may}, credit_limit_pence=terms.credit_limit_pence,
            data_terms_hash=rules.data_terms_hash(), now=clock.now(), statement_period=terms.statement_period,
            commission=handshake.Commission(schedule=terms.schedule, home_share_bps=terms.home_share_bps),
            previous=previous, supersedes=await carrying.proposed(link), caps=link["caps"].split(),
        )  # fmt: skip
    except (ProtocolError, msgspec.ValidationError):
        raise Invalid("The two circles cannot agree this.", "bad_terms") from None
    signed = cosign_object(value, us.object_key, us.node_id, clock.now())
    await fetch(
        "UPDATE link SET our_proposal = ?, agreed_by = ? WHERE id = ?",
        msgspec.json.encode(signed).decode(), act.actor.person_id, link["id"],
    )  # fmt: skip
    await carry(link["id"])


async def carry(link_id: str) -> None:
    """Bring what we signed to the other side, as a job, inside `write()`."""
    await jobs.wake("federation.agree", link_id, link=link_id)


def conclude(link: Any, signed: Any, now: datetime) -> handshake.Agreement:
    """The agreement, if both signatures hold, it follows the one in force, and it is about these words and places."""
    us = identity.current()
    agreement = handshake.check_agreement(signed, (us.node_id, link["node_id"]), link["id"], now)
    fits(link, agreement)
    previous = msgspec.json.decode(link["agreement"]) if link["agreement"] else None
    if previous is not None and previous["rev"] == agreement.rev:
        previous = msgspec.json.decode(link["agreement_before"]) if link["agreement_before"] else None
    states = resolver(us.state, queries.read_log(link["log"]))
    return handshake.conclude(signed, (us.node_id, link["node_id"]), link["id"], states, now, previous=previous)


def fits(link: Any, agreement: handshake.Agreement) -> None:
    """Raises ``bad_agreement`` when it names other words, addresses or data terms than the ones we compared."""
    us = identity.current()
    places = {us.node_id: us.state.base_url, link["node_id"]: link["base_url"]}
    if agreement.base_urls != places or not hmac.compare_digest(agreement.words_hash, link["words_hash"]):
        raise ProtocolError("bad_agreement", "The agreement is about other words or addresses than the ones compared.")
    if agreement.data_terms_hash != rules.data_terms_hash():
        raise ProtocolError("bad_agreement", "The two circles do not promise the same about people’s details.")


async def put_in_force(link: Any, signed: dict[str, Any], *, told: bool) -> None:
    """Both have signed: this is what the link allows from now on."""
    before, narrowed, crossing = link["agreement"], link["narrowed"], link["our_proposal"]
    if before and msgspec.json.decode(before)["rev"] == signed["rev"]:
        before, narrowed = link["agreement_before"], link["narrowed_before"]
        crossing = crossing or link["crossing"]
    await fetch(
        "UPDATE link SET agreement = ?, agreement_before = ?, agreement_told = ?, our_proposal = '', their_proposal = '', "
        "crossing = ?, narrowed = '{}', narrowed_before = ?, state = 'open', token = '', opened_at = COALESCE(opened_at, ?) WHERE id = ?",
        msgspec.json.encode(signed).decode(), before, told, crossing, narrowed, clock.now(), link["id"],
    )  # fmt: skip
    await carrying.carry_over(link["id"], signed)
    await letters.wake(link["id"])


def still_ours(link: Any, signed: dict[str, Any]) -> None:
    """Raises ``bad_agreement`` for one that both have signed and that we suggest no more: another took its place, or
    something was taken back since."""
    known = [msgspec.json.decode(link[name]) for name in ("our_proposal", "crossing", "agreement") if link[name]]
    if unsigned_digest(signed) not in {unsigned_digest(one) for one in known}:
        raise ProtocolError("bad_agreement", "This is suggested no more. Please read what is suggested now.")


def unsigned_digest(value: dict[str, Any]) -> str:
    return jcs.digest({name: member for name, member in value.items() if name != "proof"})


async def go_back(link_id: str, text: str) -> None:
    """They did not take what we had signed as second, inside `write()`: what was agreed before counts, narrowed as it was."""
    link = await held.lock_link(link_id)
    if link["agreement"] != text or link["agreement_told"] or link["state"] != "open" or link["carried_at"]:
        return
    before = link["agreement_before"]
    taken: dict[str, set[str]] = {}
    for name in ("narrowed_before", "narrowed"):
        for node, scopes in msgspec.json.decode(link[name]).items():
            taken.setdefault(node, set()).update(scopes)
    await fetch(
        "UPDATE link SET agreement = ?, agreement_before = '', agreement_told = ?, crossing = '', narrowed = ?, "
        "our_proposal = CASE our_proposal WHEN '' THEN crossing ELSE our_proposal END, narrowed_before = '{}', state = ?, "
        "opened_at = CASE WHEN ? THEN opened_at END WHERE id = ?",
        before, bool(before), msgspec.json.encode({node: sorted(scopes) for node, scopes in taken.items()}).decode(),
        "open" if before else "agreeing", bool(before), link_id,
    )  # fmt: skip


@door("links.narrow")
async def narrow(
    act: Act, link_id: str, *, we_no_longer: tuple[str, ...] = (), they_no_longer: tuple[str, ...] = ()
) -> None:
    """Take scopes back, in either direction, alone and at once."""
    act.allow(thing(link_id))
    link = await load(link_id)
    policy = queries.policy_of(link)
    if policy.state != "open":
        raise Conflict("There is no agreement to narrow.", "wrong_state")
    taken = {policy.us: we_no_longer, policy.them: they_no_longer}
    await take_back(link, {node: scopes for node, scopes in taken.items() if scopes})
    # Whoever signs it from now on would undo this alone.
    await fetch("UPDATE link SET our_proposal = '', crossing = '' WHERE id = ?", link_id)
    await letters.send(link_id, "link.narrowed", SUBJECT, {"taken": {n: list(s) for n, s in taken.items() if s}})
    await act.tell("link.narrowed", SUBJECT, link_id)


async def take_back(link: Any, taken: dict[str, tuple[str, ...]]) -> None:
    policy = queries.policy_of(link)
    state = handshake.LinkState(us=policy.us, them=policy.them, status="active", narrowed=policy.narrowed)
    try:
        narrowed = handshake.narrow(state, taken).narrowed
    except ProtocolError as error:
        raise Invalid(error.sentence, error.code) from None
    await fetch("UPDATE link SET narrowed = ? WHERE id = ?", msgspec.json.encode(narrowed).decode(), link["id"])


@door("links.suspend")
async def suspend(act: Act, link_id: str, reason: str = "") -> None:
    """Stop everything on this link at once, except what keeps people safe or frees them."""
    act.allow(thing(link_id))
    link = await load(link_id)
    act.because(reason)
    if link["state"] != "open":
        raise Conflict("Only an open link can be paused.", "wrong_state")
    if link["suspended_by_us_at"]:
        return
    await fetch("UPDATE link SET suspended_by_us_at = ? WHERE id = ?", clock.now(), link_id)
    await letters.send(link_id, "link.suspended", SUBJECT, {})
    await act.tell("link.suspended", SUBJECT, link_id, by="us")


@door("links.resume")
async def resume(act: Act, link_id: str) -> None:
    """Lift our own suspension. Theirs, if there is one, stays."""
    act.allow(thing(link_id))
    link = await load(link_id)
    if not link["suspended_by_us_at"]:
        return
    await fetch("UPDATE link SET suspended_by_us_at = NULL WHERE id = ?", link_id)
    await letters.send(link_id, "link.resumed", SUBJECT, {})
    await act.tell("link.resumed", SUBJECT, link_id, by="us")


@door("links.end")
async def end(act: Act, link_id: str, reason: str = "") -> None:
    """End the link. What is agreed for people already is honoured or released; nothing new begins."""
    act.allow(thing(link_id))
    link = await load(link_id)
    act.because(reason)
    if not await held.mark_ended(act.id, link_id, by_them=False):
        return
    if link["state"] == "open":
        await letters.send(link_id, "link.ended", SUBJECT, {})


@door("links.try_now")
async def try_now(act: Act, link_id: str) -> None:
    """Don't wait for the next set time: call the other node now."""
    act.allow(thing(link_id))
    await fetch("UPDATE link_wire SET next_try_at = NULL WHERE link_id = ?", link_id)
    await load(link_id)
    await letters.wake(link_id)
    # Also where nothing waits to be sent.
    await jobs.wake("federation.pull", link_id, link=link_id)

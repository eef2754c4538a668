"""What is done about our own keys: renewing them, moving to another address, bringing them back with the words.

Each adds one entry to our key log, which lies in the data folder, and tells every linked circle.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from eccoo_federation import identity as wire
from eccoo_federation import words as sheet
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import Log, LogState
from eccoo_federation.keys import SigningKey, save_key
from eccoo_federation.net_guard import check_base_url
from eccoo_federation.times import wire_time
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import fetch, insert, insert_once, locking
from eccoo_node.db.transaction import write
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.kernel.errors import Broken, Conflict, Invalid
from eccoo_node.kernel.settings import read_address
from eccoo_node.keys import queries, rules
from eccoo_node.keys import sheet as paper
from eccoo_node.keys.rules import Fresh
from eccoo_node.keys.tables import KeyChange
from eccoo_node.links import identity, letters
from eccoo_node.links.held import mark_ended
from eccoo_node.record.door import Act, door

SUBJECT = "identity"


@access.rule(
    "keys.see", "keys.renew", "keys.move", "keys.recover", "keys.show_sheet", "keys.sheet_kept", "keys.begin_anew"
)
def _admins(actor: Actor, thing: Thing) -> bool | str:
    wears_it = any(hat.role == "admin" and hat.kind == "circle" for hat in actor.hats)
    if actor.is_node() or (wears_it and not actor.acting_for):
        return True
    return "Only someone who looks after this node can do this."


@door("keys.renew")
async def renew(act: Act, *, by_hand: bool = True) -> int:
    """Make the keys that are due, or by hand both, publish them, and use them a day later; how many were made."""
    act.allow(Thing("identity"))
    await _alone()
    kept = identity.kept()
    log, state = identity.read_log(kept.folder)
    here = [key for key in state.live_keys() if identity.has_key(kept.folder, key)]
    fresh = rules.to_make(here, clock.now(), by_hand=by_hand)
    if not fresh:
        if by_hand:
            raise Conflict("New keys are made already. They count within a day.", "on_their_way")
        return 0
    made = [(SigningKey.generate(one.use), one) for one in fresh]
    try:
        log = wire.add_keys(log, [_public(key, one) for key, one in made], identity.current().object_key, clock.now())
    except ProtocolError as refused:
        if refused.code == "unknown_key":
            raise Conflict("Our keys have run out. They come back with the words of the sheet.", "run_out") from None
        raise Conflict(refused.sentence, refused.code) from None
    await _write(act, "keys", log, [key for key, _ in made])
    return len(made)


@door("keys.move")
async def move(act: Act, words: str, address: str, *, new_sheet: bool = False) -> str:
    """Say, signed with the words, that this node lives at another address; the new words, if a new sheet was wished.

    Each linked circle's admin is asked before they follow. Raises Invalid for words or an address that cannot be.
    """
    act.allow(Thing("identity"))
    await _alone()
    kept = identity.kept()
    log, state = identity.read_log(kept.folder)
    address = read_new_address(address, loopback=kept.settings.federation.loopback_peers)
    if address == state.base_url:
        raise Invalid("That is the address that the circles know already.", "same_address", field="address")
    fresh = sheet.new_recovery_words() if new_sheet else ""
    log = _by_words(lambda: wire.move(log, words, address, clock.now(), new_words=fresh or None))
    await _write(act, "move", log, [], fresh)
    return fresh


@door("keys.recover")
async def recover(act: Act, words: str, *, new_sheet: bool = False, longer: Log | None = None) -> str:
    """New keys at once, signed with the words; all others are void. The new words, if a new sheet was wished.

    `longer` is our own key log as a linked circle keeps it, where ours was lost or is an old copy.
    """
    act.allow(Thing("identity"))
    await _alone()
    kept = identity.kept()
    log = longer or identity.read_log(kept.folder)[0]
    if longer is not None:
        try:
            # Where ours is gone altogether, the words alone say whether it is our own.
            wire.extends(identity.read_log(kept.folder)[0] if identity.exists(kept.folder) else longer[:1], longer)
        except ProtocolError:
            raise Invalid("That is not a later copy of our own key log.", "other_log", field="log") from None
    made = [(SigningKey.generate(one.use), one) for one in rules.at_once(clock.now(), identity.BORN_BEFORE)]
    public = [_public(key, one) for key, one in made]
    fresh = sheet.new_recovery_words() if new_sheet else ""
    log = _by_words(lambda: wire.recover(log, words, public, clock.now(), new_words=fresh or None))
    # What waits for the second signature bears one of ours that counts no more.
    await fetch("UPDATE link SET our_proposal = '' WHERE our_proposal <> ''")
    await _write(act, "recover", log, [key for key, _ in made], fresh)
    return fresh


@door("keys.show_sheet")
async def show_sheet(act: Act) -> paper.Sheet | None:
    """The words that still lie here, to be written down; None once they were. Whoever has them can speak for the circle,
    so the others who look after the node hear of it."""
    act.allow(Thing("identity"))
    found = paper.waiting()
    if found is not None:
        await act.tell("identity.sheet_shown", SUBJECT, "sheet", by=act.actor.person_id)
    return found


@door("keys.sheet_kept")
async def sheet_kept(act: Act, mark: str) -> None:
    """The words of this mark were written down: three of them came back. What may still lie here of them is deleted.

    Raises Conflict("newer_words") where other words wait by now: those were not.
    """
    act.allow(Thing("identity"))
    if not paper.are_waiting(mark):
        told = "There are newer words since that page was opened. Please write those down, and keep the old ones no longer."
        raise Conflict(told, "newer_words")
    (identity.kept().folder.keys / identity.WORDS_FILE).unlink(missing_ok=True)


@door("keys.begin_anew")
async def begin_anew(act: Act, *, instead_of: str = "") -> str:
    """Keys and words are lost for good: another identity in our folder; its words. Every link ends, and is made anew.

    What stood under the old links goes over to the new ones as both admins sign it (`links.carrying`). `instead_of`: who we
    are, as whoever decides this read it. Raises Conflict where that is somebody else by now. Whether the log that lies here
    is the newest we had does not matter: it is given up.
    """
    act.allow(Thing("identity"))
    await _alone()
    kept = identity.kept()
    if instead_of and identity.exists(kept.folder) and identity.read_log(kept.folder)[1].node_id != instead_of:
        raise Conflict("Somebody changed the keys a moment ago. Please look again.", "changed_meanwhile")
    made = identity.make(kept.settings)
    state = wire.verify_log(made.log)
    await insert(
        KeyChange(node_id=state.node_id, seq=0, op="anew", head=state.head, by=act.actor.person_id, at=clock.now())
    )
    for row in await fetch("SELECT id FROM link WHERE state <> 'ended' ORDER BY id"):
        await mark_ended(act.id, row[0], by_them=False, anew=True)
    with paper.put_by_first(kept.folder, made.words):
        identity.keep(kept.folder, made)
    act.about(state.node_id)
    await act.tell("identity.anew", SUBJECT, state.node_id, by=act.actor.person_id)
    return made.words


def read_new_address(text: str, *, loopback: bool) -> str:
    """Raises Invalid, with the field `address`."""
    try:
        address = read_address(text.strip()).geturl().rstrip("/")
        check_base_url(address, loopback_peers=loopback)
    except (ValueError, ProtocolError):
        told = "Write an address such as https://circle.example."
        raise Invalid(told, "bad_address", field="address") from None
    return address


def _by_words(make: Any) -> Log:
    try:
        log: Log = make()
    except ProtocolError as refused:
        if refused.code != "bad_words":
            raise Conflict(refused.sentence, refused.code) from None
        told = "These are not the words of this node’s sheet. Please compare each one with the paper."
        raise Invalid(told, "bad_words", field="words") from None
    return log


def _public(key: SigningKey, one: Fresh) -> Any:
    return key.public(wire_time(one.nbf), wire_time(one.exp))


async def _alone() -> None:
    """Until this act is over nobody else changes our keys, in whichever process: so what lies in the folder is read after
    this. SQLite has one writer anyway."""
    if locking():
        await fetch("LOCK TABLE key_change IN SHARE ROW EXCLUSIVE MODE")


async def _write(act: Act, op: str, log: Log, keys: Sequence[SigningKey], words: str = "") -> None:
    """Take the next place in our log, keep the keys, put new words by, write the log in one step, tell the circles."""
    kept, state = identity.kept(), wire.verify_log(log)
    change = KeyChange(
        node_id=state.node_id, seq=state.seq, op=op, head=state.head, by=act.actor.person_id, at=clock.now()
    )
    if not await insert_once(change):
        _, found = identity.read_log(kept.folder)
        if found.seq >= state.seq:
            raise Conflict("Somebody changed the keys a moment ago. Please look again.", "changed_meanwhile")
        told = (
            "The key log in the data folder is an old copy. Bring back the keys folder that belongs to this database."
        )
        raise Conflict(told, "old_log")
    with paper.put_by_first(kept.folder, words):
        try:
            for key in keys:
                save_key(identity.key_file(kept.folder, key.kid, key.use), key)
            identity.write_log(kept.folder, log)
        except OSError as error:
            raise Broken(f"The keys could not be written: {error.strerror}.", "not_written") from None
    act.about(str(state.seq))
    await tell_circles(state, moved_to=state.base_url if op == "move" else "")
    await act.tell(f"identity.{op}", SUBJECT, str(state.seq))


async def tell_circles(state: LogState, *, moved_to: str = "") -> None:
    """Push the news to every linked circle that has not been told of this head, inside `write()`."""
    body: dict[str, Any] = {"seq": state.seq, "head": state.head}
    if moved_to:
        body["base_url"] = moved_to
    for link_id in await queries.untold(state.head):
        await letters.send(link_id, "identity.updated", SUBJECT, body)


@job("keys.look", every=rules.LOOK_EVERY)
async def look(payload: dict[str, Any]) -> datetime | None:
    """Renew what is due, tell whoever has not been told, let go of what has done its last work."""
    kept = identity.kept()
    # Where it can't be done, the page says that the keys run out and what brings them back; the rest is done all the same.
    with contextlib.suppress(Conflict, Broken):
        await renew(NODE, by_hand=False)
    _, state = identity.read_log(kept.folder)
    if await queries.untold(state.head):
        async with write():
            await tell_circles(state, moved_to=await queries.moved_to(state))
    for key in rules.spent(state.keys, clock.now(), await queries.told_at(state.head)):
        identity.key_file(kept.folder, key.kid, key.use).unlink(missing_ok=True)
    return None

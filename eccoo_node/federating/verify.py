"""`eccoo federation verify`: everything that was signed, numbered or chained between circles still is as it was.

Each check stands alone and names the first thing that is broken: the circle, the letter, what is wrong with it.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from eccoo_federation import events, handshake, jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import Side
from eccoo_federation.identity import LogState, resolver, verify_log
from eccoo_federation.keys import verify_signature
from eccoo_federation.proofs import verify_cosigned, verify_object
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.kernel.errors import Broken
from eccoo_node.links import identity, queries

_PAGE = 500
_SIGNED_TEST = b"eccoo federation verify"


async def verify() -> dict[str, int]:
    """Check all of it with the bound identity and database. Returns counts; raises Broken at the first break."""
    _own_keys()
    counts = {"links": 0, "agreements": 0, "letters_in": 0, "letters_out": 0, "subjects": 0}
    for link in await fetch("SELECT * FROM link ORDER BY asked_at, id"):
        who = link["name"] or link["base_url"]
        counts["links"] += 1
        if not link["log"]:
            continue
        state = await _pinned(link, who)
        if link["agreement"] and not queries.in_our_name(link["agreement"]):
            # Signed in a name that we have lost: the other circle's part can still be read, ours can't.
            continue
        _words(link, who)
        counts["agreements"] += _agreements(link, who, state)
        counts["letters_in"] += await _letters_in(link, who, state)
        counts["letters_out"] += await _letters_out(link, who)
        counts["subjects"] += await _subjects(link, who)
    return counts


def _own_keys() -> None:
    us = identity.current()
    try:
        state = verify_log(us.log)
    except ProtocolError as error:
        raise Broken(f"Our own key log does not hold: {error.sentence}", "own_log") from None
    if (state.node_id, state.digests) != (us.node_id, us.state.digests):
        raise Broken("Our own key log is not the one that this node was started with.", "own_log")
    for key, use in ((us.transport_key, "transport"), (us.object_key, "object")):
        listed = next((known for known in state.live_keys() if (known.kid, known.use) == (key.kid, use)), None)
        if listed is None or not verify_signature(listed.raw, key.sign(_SIGNED_TEST), _SIGNED_TEST):
            raise Broken(f"Our {use} key is not one that our own key log names.", "own_key")


async def _pinned(link: Any, who: str) -> LogState:
    try:
        state = queries.read_log(link["log"])
    except ProtocolError as error:
        raise Broken(f"The key log that we keep of {who} does not hold: {error.sentence}", "pinned_log") from None
    if state.node_id != link["node_id"]:
        raise Broken(f"The key log that we keep of {who} is another circle’s.", "pinned_log")
    known = {key.kid for key in state.keys if key.use == "transport"}
    for (kid,) in await fetch("SELECT kid FROM link_key WHERE link_id = ?", link["id"]):
        if kid not in known:
            raise Broken(f"A key may speak for {who} that their key log does not name: {kid}.", "pinned_key")
    return state


def _words(link: Any, who: str) -> None:
    """The six words are those that both numbers give, and the other side's number is the one it promised."""
    if not link["words"]:
        return
    us = identity.current()
    ours = Side(us.node_id, link["our_head"], link["our_nonce"])
    theirs = Side(link["node_id"], link["their_head"], link["their_nonce"])
    try:
        handshake.check_reveal(
            link["their_commitment"], link["id"], link["node_id"], link["their_head"], link["their_nonce"]
        )
    except ProtocolError:
        raise Broken(f"The number that {who} showed is not the one promised before.", "link_words") from None
    told = " ".join(handshake.six_words(link["id"], ours, theirs))
    if (told, handshake.words_hash(link["id"], ours, theirs)) != (link["words"], link["words_hash"]):
        raise Broken(f"The six words kept for {who} are not the ones that were compared.", "link_words")


def _agreements(link: Any, who: str, state: LogState) -> int:
    """Both signatures, these very words, and the chain from the agreement before."""
    if not link["agreement"]:
        if link["state"] == "open":
            raise Broken(f"The link with {who} is open without an agreement.", "agreement_missing")
        return 0
    us = identity.current()
    kept = [msgspec.json.decode(text) for text in (link["agreement_before"], link["agreement"]) if text]
    resolve = resolver(us.state, state, fresh=False)
    for value in kept:
        try:
            agreement = msgspec.convert(value, handshake.Agreement)
            verify_cosigned(value, resolve, (us.node_id, link["node_id"]))
        except (ProtocolError, msgspec.ValidationError):
            raise Broken(f"The agreement with {who} does not carry both signatures.", "agreement_proof") from None
        if agreement.link != link["id"] or agreement.words_hash not in (link["words_hash"], link["words_before"]):
            raise Broken(f"The agreement with {who} is about another link.", "agreement_link")
    if len(kept) == 2 and (kept[1]["rev"], kept[1]["prev"]) != (kept[0]["rev"] + 1, jcs.digest(kept[0])):
        raise Broken(f"The agreement with {who} does not follow the one before it.", "agreement_chain")
    return len(kept)


async def _pages(sql: str, *params: Any) -> AsyncIterator[Any]:
    """Rows by `id`, a page at a time: years of letters need not fit into memory."""
    after = 0
    while rows := await fetch(f"{sql} LIMIT {_PAGE}", *params, after):
        for row in rows:
            yield row
        after = rows[-1]["id"]


async def _letters_in(link: Any, who: str, state: LogState) -> int:
    """Every stored letter hashes to its digest, is theirs by the pinned log, and says what its row says."""
    count = 0
    settled: list[int] = []
    async for row in _pages(
        "SELECT i.*, r.verdict, r.bytes, r.forgotten_at, r.id AS read_id FROM letter_in i "
        "LEFT JOIN letter_read r ON r.letter_id = i.id WHERE i.link_id = ? AND i.id > ? ORDER BY i.id",
        link["id"],
    ):
        count += 1
        if row["read_id"] is None:
            raise Broken(f"What became of letter {row['event_id']} of {who} is not known.", "letter_verdict")
        if row["verdict"] != "buffered":
            settled.append(row["seq"])
        if row["bytes"]:
            _one_in(link, who, state, row)
        elif row["forgotten_at"] is None:
            raise Broken(f"The words of letter {row['event_id']} of {who} are gone.", "letter_lost")
    wire = await _wire(link, who)
    if sorted(settled) != list(range(1, wire["seq_in"] + 1)):
        gone = _first_gap(settled, wire["seq_in"])
        raise Broken(f"The numbers of the letters from {who} have a hole or a stranger at {gone}.", "seq_in")
    return count


def _one_in(link: Any, who: str, state: LogState, row: Any) -> None:
    value = _value(row["bytes"])
    if value is None or jcs.digest(value) != row["digest"]:
        raise Broken(f"Letter {row['event_id']} of {who} does not match its digest.", "letter_digest")
    envelope = events.read_envelope(value)
    said = (envelope.id, envelope.seq, envelope.subject, envelope.rev, envelope.prev or "", envelope.type)
    kept = (row["event_id"], row["seq"], row["subject"], row["rev"], row["prev"], row["type"])
    if said != kept or (envelope.link, envelope.to) != (link["id"], identity.current().node_id):
        raise Broken(f"Letter {row['event_id']} of {who} says other things than its row.", "letter_row")
    try:
        verify_object(value, state.resolve_object, by=link["node_id"])
    except ProtocolError:
        raise Broken(f"Letter {row['event_id']} is not signed by {who}.", "letter_proof") from None


def _value(text: str) -> Any:
    """The letter, or None when the text is not the canonical JSON that was received."""
    try:
        return jcs.parse(text.encode())
    except ProtocolError:
        return None


async def _wire(link: Any, who: str) -> Any:
    row = await fetch_one("SELECT seq_in, seq_out, acked_out FROM link_wire WHERE link_id = ?", link["id"])
    if row is None:
        raise Broken(f"The numbers of the link with {who} are gone.", "seq_out")
    return row


async def _letters_out(link: Any, who: str) -> int:
    """Every number that was given has its seal; what was sent under it is unchanged and our own."""
    wire = await _wire(link, who)
    lost = await _numbers_lost(link)
    given = {row[0] for row in await fetch("SELECT seq FROM letter_seal WHERE link_id = ?", link["id"])} | lost
    if given != set(range(1, wire["seq_out"] + 1)):
        gone = _first_gap(given, wire["seq_out"])
        raise Broken(f"The numbers of our letters to {who} have a hole or a stranger at {gone}.", "seq_out")
    if wire["acked_out"] > wire["seq_out"]:
        raise Broken(f"{who} has acknowledged letters that we never numbered.", "seq_out")
    count, kept = 0, set(lost)
    async for row in _pages(
        "SELECT o.*, s.digest AS sealed, s.seq AS sealed_seq, s.rev AS sealed_rev, s.prev AS sealed_prev, "
        "s.subject AS sealed_subject FROM letter_out o "
        "LEFT JOIN letter_seal s ON s.event_id = o.event_id WHERE o.link_id = ? AND o.id > ? ORDER BY o.id",
        link["id"],
    ):
        count += 1
        kept.add(row["seq"])
        _one_out(who, row)
    if kept - {None} != given:
        gone = _first_gap(kept - {None}, wire["seq_out"])
        raise Broken(f"Our letter number {gone} to {who} is gone.", "letter_gone")
    return count


async def _numbers_lost(link: Any) -> set[int]:
    """Numbers that the other side holds and we have forgotten, since an old copy of this node was put back."""
    lost: set[int] = set()
    for (detail,) in await fetch(
        "SELECT detail FROM link_alarm WHERE link_id = ? AND code = 'restored_here'", link["id"]
    ):
        before, theirs = (int(part) for part in detail.split())
        lost |= set(range(before + 1, theirs + 1))
    return lost


def _one_out(who: str, row: Any) -> None:
    us, name = identity.current(), row["event_id"]
    if row["state"] == "waiting":
        if row["seq"] is not None or row["sealed"] is not None:
            raise Broken(f"Letter {name} to {who} has a number although it still waits.", "letter_out")
        return
    numbered = row["seq"] == row["sealed_seq"] or (row["seq"] is None and row["state"] in ("tombstone", "refused"))
    if row["sealed"] is None or row["sealed"] != row["digest"] or not numbered:
        raise Broken(f"Letter {name} to {who} is not the one that was numbered.", "letter_seal")
    if not row["bytes"]:
        if row["state"] == "sent":
            raise Broken(f"The words of letter {name} to {who} are gone before they were taken.", "letter_lost")
        return
    value = _value(row["bytes"])
    if value is None or jcs.digest(value) != row["digest"]:
        raise Broken(f"Letter {name} to {who} does not match its digest.", "letter_digest")
    envelope = events.read_envelope(value)
    said = (envelope.seq, envelope.rev, envelope.prev or "", envelope.subject, envelope.type)
    if said != (row["sealed_seq"], row["sealed_rev"], row["sealed_prev"], row["sealed_subject"], row["type"]):
        raise Broken(f"Letter {name} to {who} says other things than its row.", "letter_row")
    try:
        verify_object(value, us.state.resolve_object, by=us.node_id)
    except ProtocolError:
        raise Broken(f"Letter {name} to {who} is not signed by us.", "letter_proof") from None


async def _subjects(link: Any, who: str) -> int:
    """Whatever was applied about one thing follows, on each side, from the letter before it."""
    came: dict[str, list[Any]] = {}
    for row in await fetch(
        "SELECT i.subject, i.rev, i.prev, i.digest, i.event_id, r.verdict AS state, i.type FROM letter_in i "
        "JOIN letter_read r ON r.letter_id = i.id WHERE i.link_id = ? AND r.verdict <> 'buffered' ORDER BY i.seq",
        link["id"],
    ):
        came.setdefault(row["subject"], []).append(row)
    went: dict[str, list[Any]] = {}
    for row in await fetch(
        "SELECT o.subject, s.rev, s.prev, s.digest, o.event_id, o.state, o.type FROM letter_out o "
        "JOIN letter_seal s ON s.event_id = o.event_id WHERE o.link_id = ? AND o.seq IS NOT NULL ORDER BY o.seq",
        link["id"],
    ):
        went.setdefault(row["subject"], []).append(row)
    rows = {row["subject"]: row for row in await fetch("SELECT * FROM letter_subject WHERE link_id = ?", link["id"])}
    for name in sorted({*came, *went, *rows}):
        kept = rows.get(name)
        if kept is None:
            raise Broken(f"Where {name} stands with {who} is gone.", "chain_missing")
        for head, letters in (((kept["rev_in"], kept["head_in"]), came), ((kept["rev_out"], kept["head_out"]), went)):
            _chain(name, who, head, letters.get(name, []))
    return len(rows)


def _chain(name: str, who: str, head: tuple[int, str], letters: Iterable[Any]) -> None:
    rev, digest = 0, ""
    for row in letters:
        # One that was refused may have been refused for this very reason; a tombstone may have come too late.
        taken = row["state"] in ("applied", "acked", "sent") and row["type"] != "tombstone"
        if taken and (row["rev"], row["prev"]) != (rev + 1, digest):
            raise Broken(f"The chain about {name} with {who} breaks at letter {row['event_id']}.", "chain_broken")
        rev, digest = row["rev"], row["digest"]
    if digest and head != (rev, digest):
        raise Broken(f"The chain about {name} with {who} does not end where its row says.", "chain_head")


def _first_gap(numbers: Iterable[int], up_to: int) -> int:
    found = set(numbers)
    stranger = min((n for n in found if n > up_to or n < 1), default=up_to + 1)
    return next((n for n in range(1, up_to + 1) if n not in found), stranger)

"""`federation verify` holds after real exchanges, and each thing it checks can fail and is named."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from eccoo_federation import handshake, jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.keys import SigningKey
from eccoo_federation.proofs import cosign_object, sign_object
from eccoo_node.db import bound
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.federating.verify import verify
from eccoo_node.federating.wire import Wire
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Broken
from eccoo_node.links import actions, letters, rules
from eccoo_node.links.rules import Terms
from tests.support.heard import Heard, write_letter
from tests.support.pair import Pair, PairNode


async def busy(pair: Pair, heard: Heard) -> str:
    """Letters both ways: taken, refused, blocked, buried by a suspension, forgotten, still waiting; two agreements."""
    link_id = await pair.link(Terms(credit_limit_pence=40_000))
    with pair.a.bound():
        await actions.propose(COMMAND, link_id, Terms())
    await pair.settle()
    with pair.b.bound():
        await actions.agree(COMMAND, link_id)
    await pair.settle()
    for subject in ("req-1", "req-1", "req-2"):
        await write_letter(pair.a, link_id, subject)
    forgotten = await write_letter(pair.a, link_id, "req-3")
    await write_letter(pair.b, link_id, "req-2")
    await pair.settle()
    heard.refuse["req-4"] = ProtocolError("wrong_state")
    for _ in range(2):
        await write_letter(pair.a, link_id, "req-4")
    await pair.settle()
    for node in pair.both:
        with node.bound():
            async with write():
                await letters.forget(link_id, forgotten)
    await pair.b.stop()
    for subject in ("req-5", "req-5"):
        await write_letter(pair.a, link_id, subject)
    await pair.a.settle()
    await pair.b.start()
    return link_id


async def test_a_link_that_was_lived_with_holds_on_both_nodes(two_nodes: Pair, heard: Heard) -> None:
    await busy(two_nodes, heard)
    found = []
    for node in two_nodes.both:
        with node.bound():
            found.append(await verify())
    assert found == [
        {"links": 1, "agreements": 2, "letters_in": 1, "letters_out": 8, "subjects": 5},
        {"links": 1, "agreements": 2, "letters_in": 6, "letters_out": 1, "subjects": 4},
    ]


async def test_a_node_without_links_holds(two_nodes: Pair) -> None:
    with two_nodes.a.bound():
        assert set((await verify()).values()) == {0}


class _Undo(Exception):
    """Ends a transaction that must leave nothing."""


@asynccontextmanager
async def corrupted(*statements: tuple[Any, ...]) -> AsyncIterator[None]:
    """The triggers are gone and these statements have run; afterwards all is as before."""
    try:
        async with write():
            for table in ("letter_in", "letter_seal", "link_alarm"):
                for trigger in await triggers(table):
                    on = f" ON {table}" if bound.engine().engine_type == "postgres" else ""
                    await fetch(f'DROP TRIGGER "{trigger}"{on}')
            for sql, *params in statements:
                await fetch(sql, *params)
            yield
            raise _Undo
    except _Undo:
        pass


async def triggers(table: str) -> list[str]:
    if bound.engine().engine_type == "postgres":
        rows = await fetch(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = CAST(? AS regclass)", table
        )
    else:
        rows = await fetch("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", table)
    return [row[0] for row in rows]


async def named(*statements: tuple[Any, ...]) -> str:
    """The code that verify gives for this corruption; "no sentence" where it says it badly."""
    async with corrupted(*statements):
        try:
            await verify()
        except Broken as broken:
            return broken.code if broken.sentence.endswith(".") else "no sentence"
    return "holds"


LAST_IN = "(SELECT MAX(id) FROM letter_in)"
LAST_SENT = "(SELECT MAX(id) FROM letter_out WHERE state = 'acked' AND bytes <> '')"
SEALED = "(SELECT event_id FROM letter_out WHERE state = 'acked' AND bytes <> '' ORDER BY id DESC LIMIT 1)"
FORGOTTEN = "(SELECT letter_id FROM letter_read WHERE forgotten_at IS NOT NULL)"

AT_THE_RECEIVER: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "their log is cut": ("pinned_log", [("UPDATE link SET log = '{}'",)]),
    "a key of nobody speaks for them": ("pinned_key", [("UPDATE link_key SET kid = 'nobody'",)]),
    "other words": ("link_words", [("UPDATE link SET words = 'a b c d e f'",)]),
    "other words, hash and all": ("link_words", [("UPDATE link SET words_hash = their_commitment",)]),
    "another number than promised": ("link_words", [("UPDATE link SET their_nonce = our_nonce",)]),
    "a larger credit": ("agreement_proof", [("UPDATE link SET agreement = replace(agreement, '50000', '90000')",)]),
    "a larger credit before": (
        "agreement_proof", [("UPDATE link SET agreement_before = replace(agreement_before, '40000', '90000')",)],
    ),
    "no agreement": ("agreement_missing", [("UPDATE link SET agreement = ''",)]),
    "agreements out of order": ("agreement_chain", [("UPDATE link SET agreement = agreement_before",)]),
    "what became of a letter": ("letter_verdict", [(f"DELETE FROM letter_read WHERE letter_id = {LAST_IN}",)]),
    "words of a letter": ("letter_lost", [(f"UPDATE letter_read SET bytes = '' WHERE letter_id = {LAST_IN}",)]),
    "one word of a letter": (
        "letter_digest", [("UPDATE letter_read SET bytes = replace(bytes, 'declined', 'cancelled') WHERE bytes <> ''",)],
    ),
    "a blank in a letter": ("letter_digest", [("UPDATE letter_read SET bytes = ' ' || bytes WHERE bytes <> ''",)]),
    "the digest of a letter": ("letter_digest", [(f"UPDATE letter_in SET digest = prev WHERE id = {LAST_IN}",)]),
    "what a letter is about": ("letter_row", [(f"UPDATE letter_in SET subject = 'req-9' WHERE id = {LAST_IN}",)]),
    "the kind of a letter": ("letter_row", [(f"UPDATE letter_in SET type = 'cover.offered' WHERE id = {LAST_IN}",)]),
    "the number of a letter": ("letter_row", [(f"UPDATE letter_in SET seq = 77 WHERE id = {LAST_IN}",)]),
    "a number counted too many": ("seq_in", [("UPDATE link_wire SET seq_in = seq_in + 1",)]),
    "a letter that never was counted": ("seq_in", [("UPDATE link_wire SET seq_in = seq_in - 1",)]),
    "a whole letter": (
        "seq_in",
        [("DELETE FROM letter_read WHERE letter_id = 1",), ("DELETE FROM letter_in WHERE id = 1",)],
    ),
    "a letter that waits again": ("seq_in", [("UPDATE letter_read SET verdict = 'buffered' WHERE letter_id = 1",)]),
    "the chain under a forgotten letter": (
        "chain_broken", [(f"UPDATE letter_in SET prev = 'x', rev = 7 WHERE id = {FORGOTTEN}",)],
    ),
    "the end of a chain": ("chain_head", [("UPDATE letter_subject SET head_in = 'x' WHERE subject = 'req-1'",)]),
    "the length of a chain": ("chain_head", [("UPDATE letter_subject SET rev_in = 1 WHERE subject = 'req-1'",)]),
    "where a subject stands": ("chain_missing", [("DELETE FROM letter_subject WHERE subject = 'req-1'",)]),
}  # fmt: skip

AT_THE_SENDER: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "the row of numbers": ("seq_out", [("DELETE FROM link_wire",)]),
    "a number never given": ("seq_out", [("UPDATE link_wire SET seq_out = seq_out + 1",)]),
    "a seal": ("seq_out", [("DELETE FROM letter_seal WHERE seq = 2",)]),
    "acknowledged before it was numbered": ("seq_out", [("UPDATE link_wire SET acked_out = seq_out + 1",)]),
    "numbered and waiting": ("letter_out", [(f"UPDATE letter_out SET state = 'waiting' WHERE id = {LAST_SENT}",)]),
    "another digest": ("letter_seal", [(f"UPDATE letter_seal SET digest = 'x' WHERE event_id = {SEALED}",)]),
    "a letter without its number": ("letter_seal", [(f"UPDATE letter_out SET seq = NULL WHERE id = {LAST_SENT}",)]),
    "words not taken yet": ("letter_lost", [("UPDATE letter_out SET bytes = '' WHERE state = 'sent'",)]),
    "one word": (
        "letter_digest", [("UPDATE letter_out SET bytes = replace(bytes, 'declined', 'cancelled') WHERE bytes <> ''",)],
    ),
    "another place in the chain": ("letter_row", [(f"UPDATE letter_seal SET rev = 9 WHERE event_id = {SEALED}",)]),
    "a letter that was sent": ("letter_gone", [(f"DELETE FROM letter_out WHERE id = {LAST_SENT}",)]),
    "the chain under a forgotten letter": (
        "chain_broken",
        [("UPDATE letter_seal SET rev = 7 WHERE event_id = (SELECT event_id FROM letter_out WHERE bytes = '')",)],
    ),
    "the end of a chain": ("chain_head", [("UPDATE letter_subject SET head_out = 'x' WHERE subject = 'req-1'",)]),
    "where a subject stands": ("chain_missing", [("DELETE FROM letter_subject WHERE subject = 'req-1'",)]),
}  # fmt: skip


async def test_whatever_is_changed_behind_our_back_is_named(two_nodes: Pair, heard: Heard) -> None:
    await busy(two_nodes, heard)
    for node, cases in ((two_nodes.b, AT_THE_RECEIVER), (two_nodes.a, AT_THE_SENDER)):
        with node.bound():
            found = {name: await named(*statements) for name, (_, statements) in cases.items()}
            assert found == {name: code for name, (code, _) in cases.items()}
            await verify()


Forge = Callable[[PairNode, PairNode], Awaitable[list[tuple[Any, ...]]]]


async def another_circles_log(here: PairNode, there: PairNode) -> list[tuple[Any, ...]]:
    own = "".join(jcs.dump(entry).decode() + "\n" for entry in here.wire.us.log)
    return [("UPDATE link SET log = ?", own)]


async def a_letter_signed_by_us(here: PairNode, there: PairNode) -> list[tuple[Any, ...]]:
    """Bytes, digest and chain fit; only the signature is not theirs."""
    row = await fetch_one(
        "SELECT r.id, r.bytes, i.id AS letter, i.subject FROM letter_read r JOIN letter_in i ON i.id = r.letter_id "
        "WHERE r.bytes <> '' ORDER BY i.seq LIMIT 1"
    )
    assert row is not None
    us = here.wire.us
    forged = sign_object(msgspec.json.decode(row["bytes"]), us.object_key, us.node_id, here.clock())
    return [
        ("UPDATE letter_read SET bytes = ? WHERE id = ?", jcs.dump(forged).decode(), row["id"]),
        ("UPDATE letter_in SET digest = ? WHERE id = ?", jcs.digest(forged), row["letter"]),
    ]


async def our_letter_signed_by_them(here: PairNode, there: PairNode) -> list[tuple[Any, ...]]:
    row = await fetch_one("SELECT id, event_id, bytes FROM letter_out WHERE bytes <> '' ORDER BY id LIMIT 1")
    assert row is not None
    them = there.wire.us
    forged = sign_object(msgspec.json.decode(row["bytes"]), them.object_key, them.node_id, here.clock())
    return [
        ("UPDATE letter_out SET bytes = ?, digest = ? WHERE id = ?", jcs.dump(forged).decode(), jcs.digest(forged), row["id"]),
        ("UPDATE letter_seal SET digest = ? WHERE event_id = ?", jcs.digest(forged), row["event_id"]),
    ]  # fmt: skip


async def an_agreement_of_another_link(here: PairNode, there: PairNode) -> list[tuple[Any, ...]]:
    one, other, now = here.wire.us, there.wire.us, here.clock()
    value = handshake.propose_agreement(
        link="01939f3a-0000-7000-8000-000000000000", words="0" * 43, data_terms_hash=rules.data_terms_hash(), now=now,
        base_urls={one.node_id: here.url, other.node_id: there.url}, may={one.node_id: (), other.node_id: ()},
        credit_limit_pence=1,
    )  # fmt: skip
    for us in (one, other):
        value = cosign_object(value, us.object_key, us.node_id, now)
    return [("UPDATE link SET agreement_before = '', agreement = ?", msgspec.json.encode(value).decode())]


async def test_what_is_forged_well_is_named_too(two_nodes: Pair, heard: Heard) -> None:
    await busy(two_nodes, heard)
    cases: dict[str, Forge] = {
        "pinned_log": another_circles_log,
        "letter_proof": a_letter_signed_by_us,
        "agreement_link": an_agreement_of_another_link,
    }
    with two_nodes.b.bound():
        found = [await named(*await forge(two_nodes.b, two_nodes.a)) for forge in cases.values()]
    assert found == list(cases)
    with two_nodes.a.bound():
        assert await named(*await our_letter_signed_by_them(two_nodes.a, two_nodes.b)) == "letter_proof"


async def test_our_own_keys_and_log_are_looked_at(two_nodes: Pair) -> None:
    node, us = two_nodes.a, two_nodes.a.wire.us
    changed = {
        "own_log": {"log": [{**us.log[0], "base_url": "http://127.0.0.1:1"}]},
        "own_key": {"transport_key": SigningKey.generate("transport")},
    }
    for code, values in changed.items():
        node.wire = Wire(msgspec.structs.replace(us, **values), node.wire.client)
        with node.bound():
            assert await named() == code
    node.wire = Wire(us, node.wire.client)

"""After one circle lost who it was and is linked anew: whoever has its old keys, or heard its old letters, says nothing more."""

import msgspec
import pytest

from eccoo_federation import jcs
from eccoo_federation.identity import parse_log
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Conflict
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import actions, held, identity, moves, queries
from tests.federation_node.test_attacks import everything
from tests.federation_node.test_lost_everything import linked_anew
from tests.support.heard import Heard, write_letter
from tests.support.hostile import ping, send, sign
from tests.support.pair import Pair


async def anew(pair: Pair, old: str) -> str:
    """B has lost everything, both have said so and signed; the new link's id."""
    new = await linked_anew(pair, old, say=(pair.a,))
    with pair.a.bound():
        await actions.propose(COMMAND, new)
    await pair.settle()
    with pair.b.bound():
        await actions.agree(COMMAND, new)
    await pair.settle()
    assert await pair.a.rows("SELECT superseded_by FROM link WHERE id = ?", old) == [(new,)]
    return new


async def test_whoever_has_the_old_keys_is_nobody_once_the_old_link_was_carried_over(
    two_nodes: Pair, heard: Heard
) -> None:
    old = await two_nodes.link()
    a, b = two_nodes.both
    await write_letter(b, old)
    await two_nodes.settle()
    [(stored,)] = await b.rows("SELECT bytes FROM letter_out WHERE link_id = ? AND type = 'cover.declined'", old)
    with b.bound():
        thief = identity.current()
    new = await anew(two_nodes, old)
    value = {name: given for name, given in jcs.parse(stored.encode()).items() if name != "proof"}
    fresh = thief.sign({**value, "id": new_id(), "seq": value["seq"] + 1, "subject": "req-2"}, b.clock())
    on_new = thief.sign({**value, "id": new_id(), "seq": 1, "link": new}, b.clock())
    agreement = {"agreement": msgspec.json.decode((await b.rows("SELECT agreement FROM link WHERE id = ?", old))[0][0])}
    url, key, before = f"{a.url}/fed/v1", thief.transport_key, await everything(a)
    asked = [
        ping(b, a, old, key=key), ping(b, a, new, key=key),
        *[sign(b, "POST", f"{url}/inbox", jcs.dump({"events": [one]}), key=key)
          for one in (jcs.parse(stored.encode()), fresh, on_new)],
        *[sign(b, "GET", f"{url}/{path}", key=key) for path in ("events/0", "requests/req-1", "statements/x", "pool")],
        *[sign(b, "POST", f"{url}/links/{link}/{path}", jcs.dump(body), key=key)
          for link in (old, new)
          for path, body in (("reveal", {"v": 1}), ("words", {"v": 1}), ("agreement", {"v": 1, **agreement}))],
    ]  # fmt: skip
    assert [(await send(a.port, one)).code for one in asked] == ["unknown_key"] * len(asked)
    assert await everything(a) == before
    # Nor does the new circle bring in what the old one said, its own letters or others signed with its old key.
    as_new = thief.sign({**value, "id": new_id(), "seq": 1, "link": new, "from": b.wire.us.node_id}, b.clock())
    for event, code in ((jcs.parse(stored.encode()), "wrong_link"), (fresh, "wrong_link"), (on_new, "wrong_link"),
                        (as_new, "bad_proof")):  # fmt: skip
        answer = await send(a.port, sign(b, "POST", f"{url}/inbox", jcs.dump({"events": [event]})))
        assert answer.code == code
    assert heard.letters == [("cover.declined", "req-1", 1)]
    # And what we had said to the old one means nothing to the new.
    await two_nodes.settle()
    assert await b.rows("SELECT id FROM letter_in WHERE link_id = ? AND type <> 'link.ended'", new) == []


async def test_a_look_at_the_old_log_that_ends_after_the_carrying_over_gives_nobody_their_voice_back(
    two_nodes: Pair,
) -> None:
    old = await two_nodes.link()
    a, b = two_nodes.both
    with b.bound():
        thief = identity.current().transport_key
    with a.bound():
        seen = await held.link(old)
    await anew(two_nodes, old)
    log, state = parse_log(seen["log"].encode()), queries.read_log(seen["log"])
    with a.bound():
        async with write():
            await moves.pin(seen, log, state)
        async with write():
            await fetch("UPDATE link SET moving_to = ?, moving_agreed_by = 'ada' WHERE id = ?", state.base_url, old)
        with pytest.raises(Conflict):
            await moves.moved(COMMAND, old, state.base_url, log, state)
    assert await a.rows("SELECT kid FROM link_key WHERE link_id = ?", old) == []
    for path in ("inbox", "ping"):
        request = sign(b, "POST", f"{a.url}/fed/v1/{path}", b"{}", key=thief)
        assert (await send(a.port, request)).code == "unknown_key"

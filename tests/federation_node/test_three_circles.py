"""One circle between two others: its worker goes to one of them, and neither learns that they ask for the same person."""

import asyncio
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec

from eccoo_federation import jcs
from eccoo_federation.bodies import CoverRefused
from eccoo_node.escrow import queries as money
from eccoo_node.rota import patterns
from eccoo_node.rota.standing import Slot
from tests.federation_node.test_attacks import everything, ping
from tests.federation_node.test_cover_story import balanced
from tests.federation_node.test_waves import own_team
from tests.support.hostile import send, sign
from tests.support.pair import App, Pair
from tests.support.story import NINE_TO_ELEVEN, Story, actor
from tests.support.three import Three

# What is the same to everyone who is asked, beside hours: who asks, and what a worker must be able to do.
ANY_VISIT = {"from", "to", "verificationMethod", "type", "cryptosuite", "proofPurpose", "skills"}
AN_HOUR = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")
WHO = ("Edith", "Crabtree", "Heights Road", "Pecket Well", "01422 960222", "Ruth", "Wren")


# ---- one worker, two circles ----


async def test_a_worker_whom_two_circles_choose_at_once_comes_to_one_of_them(three: Three) -> None:
    hebden, burnley = await Story(three.xy).people(), await Story(three.yz).those_who_ask()
    for story in (hebden, burnley):
        await story.ask_far()
    burnley.bea, burnley.cass = hebden.bea, hebden.cass
    for story in (hebden, burnley):
        await story.offers()
        await burnley.pair.settle()
        assert await story.chooses() == "done"
    # Both awards reach Todmorden at one moment.
    await asyncio.gather(three.x.settle(), three.z.settle())
    wrote = await three.y.rows(
        "SELECT type, link_id, body FROM letter_out WHERE type IN ('cover.confirmed', 'cover.refused') ORDER BY type"
    )
    assert [type_ for type_, _, _ in wrote] == ["cover.confirmed", "cover.refused"]
    assert msgspec.json.decode(wrote[1][2], type=CoverRefused).reason == "not_free"
    assert sorted(await three.y.rows("SELECT state FROM my_offer")) == [("offered",), ("preparing",)]
    await three.settle()
    won, lost = (hebden, burnley) if wrote[0][1] == hebden.pair.link_id else (burnley, hebden)
    assert await won.states() == ("covered", "coming", "coming")
    assert await lost.states() == ("gap", "asking", "offered")
    assert await three.y.rows("SELECT offer_id, COUNT(*) FROM worker_slot GROUP BY offer_id") == [(won.offer, 8)]
    with lost.a.bound():
        # What was set aside for Wren's visit is set aside still, and not a penny for Bea.
        assert await money.credit_pence(lost.payer) == 50_000 - 6000
    # Whoever was refused goes on looking.
    await lost.offers(lost.cass)
    assert await lost.chooses() == "done"
    await three.settle()
    assert await lost.states() == ("covered", "coming", "coming")
    assert await three.y.rows("SELECT COUNT(*) FROM worker_slot") == [(16,)]
    for story in (won, lost):
        await balanced(story)


async def test_a_request_for_one_circle_is_worth_nothing_at_another_that_knows_the_same_key(three: Three) -> None:
    """Hebden passes on to Burnley what Todmorden asked of it."""
    for captured in (
        ping(three.y, three.x, three.xy.link_id),
        # Neither names its link in the path.
        sign(three.y, "GET", f"{three.x.url}/fed/v1/events/0"),
        sign(three.y, "GET", f"{three.x.url}/fed/v1/pool"),
    ):
        before = await everything(three.z)
        relayed = await send(three.z.port, captured.but(host=three.z.url.removeprefix("http://")))
        assert (relayed.status, relayed.code) == (401, "bad_signature")
        assert await everything(three.z) == before
        # At the circle for which it was signed it is heard, whatever it is answered.
        assert (await send(three.x.port, captured)).status != 401


async def test_a_worker_who_has_a_visit_at_home_by_now_is_not_promised_a_second_time(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    await story.ask_far()
    await story.offers()
    with story.b.bound():
        # An offer promises nothing yet, so the time is still Bea's to give at home.
        ada = await own_team(story)
        lunch = Slot(NINE_TO_ELEVEN[1] - timedelta(minutes=15), NINE_TO_ELEVEN[1] + timedelta(hours=1))
        own = await actor(ada)
        visit = await patterns.arrange_visit(own, person_id=ada, worker_id=story.bea, slot=lunch, what="Lunch")
    assert await story.chooses() == "done"
    await story.a.settle()
    [(refused,)] = await story.b.rows("SELECT body FROM letter_out WHERE type = 'cover.refused'")
    assert msgspec.json.decode(refused, type=CoverRefused).reason == "not_free"
    await story.pair.settle()
    assert await story.states() == ("gap", "asking", "offered")
    assert await story.b.rows("SELECT COUNT(*) FROM worker_slot") == [(0,)]
    assert await story.b.rows("SELECT state, worker_id FROM visit WHERE id = ?", visit) == [("planned", story.bea)]
    await balanced(story)


# ---- one person, two circles asked ----


class Ear:
    """Every body on either link of Todmorden's, each under the circle at its other end."""

    def __init__(self, three: Three) -> None:
        self.seen: dict[str, list[bytes]] = {three.x.name: [], three.z.name: []}
        names = {node.wire.us.transport_key.kid: node.name for node in (three.x, three.z)}
        for node in (three.x, three.z):
            node.app = self.between(node.app, {three.y.wire.us.transport_key.kid: node.name})
        three.y.app = self.between(three.y.app, names)

    def between(self, app: App, names: dict[str, str]) -> App:
        async def listens(scope: Any, receive: Any, send: Any) -> None:
            signed = dict(scope["headers"]).get(b"signature-input", b"").decode()
            heard = self.seen[next(name for kid, name in names.items() if f'keyid="{kid}"' in signed)]
            heard.append(scope["path"].encode())

            async def received() -> Any:
                message = await receive()
                heard.append(message.get("body", b""))
                return message

            async def sent(message: Any) -> None:
                heard.append(message.get("body", b""))
                await send(message)

            await app(scope, received, sent)

        return listens

    def tells(self, name: str, words: Iterable[str]) -> list[str]:
        """Which of these lie anywhere in what one circle heard."""
        whole = b" ".join(self.seen[name])
        return [word for word in words if word.encode() in whole]

    def values(self, name: str) -> dict[str, set[str]]:
        """Every value that crossed, under the names on the way to it."""
        found: dict[str, set[str]] = {}
        for body in self.seen[name]:
            if body[:1] in (b"{", b"["):
                _leaves(jcs.parse(body), "", found)
        return found


def _leaves(value: Any, path: str, found: dict[str, set[str]]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _leaves(inner, f"{path}.{name}", found)
    elif isinstance(value, list):
        for inner in value:
            _leaves(inner, path, found)
    else:
        found.setdefault(path, set()).add(str(value))


async def test_two_circles_asked_for_the_same_person_hear_nothing_in_common_that_says_who(three: Three) -> None:
    story = await Story(Pair(three.y, three.x)).people()
    story.pair.link_id = three.xy.link_id
    ear = Ear(three)
    await story.ask_far()
    await story.offers()
    await three.settle()
    assert [ear.tells(node.name, WHO) for node in (three.x, three.z)] == [[], []]
    assert await story.chooses() == "done"
    await three.settle()
    assert await story.states() == ("covered", "coming", "coming")
    # Hebden knows by now who it is and where; of what Burnley heard nothing fits to it.
    assert set(ear.tells(three.x.name, WHO)) >= {"Edith", "Crabtree", "Heights Road"}
    assert ear.tells(three.z.name, WHO) == []
    one, other = (ear.values(node.name) for node in (three.x, three.z))
    for heard in (one, other):
        assert {"cover.requested", "cover.declined"} & heard[".events.type"], "the ear is deaf"
    # A number or a short code fits to anybody; what is longer would fit to one.
    known = {value for value in set().union(*other.values()) if len(value) > 8 and not AN_HOUR.fullmatch(value)}
    said = {path.rsplit(".", 1)[-1] for path, values in one.items() if values & known}
    assert said == ANY_VISIT
    for path in (".events.body.request", ".events.subject", ".events.id", ".events.link", ".events.proof.proofValue"):
        assert one[path], path
        assert ear.tells(three.z.name, one[path]) == [], path

"""SIGKILL before a commit, and between commit and acknowledgement: real processes, a real port, and whoever dies knows nothing of it.

The two nodes live as long as the module, a pair of them on either engine. Each case kills one of them over a visit of its own, starts it again on the
same folder, and asks of both that exactly one worker is coming and that everything still verifies.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.app import node_app
from eccoo_node.cover import actions as cover
from eccoo_node.cover import offering, queries
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch_one, fetch_value
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.actions import top_up
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.federating.verify import verify as verify_links
from eccoo_node.hosting.running import opened
from eccoo_node.kernel import clock
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import load
from eccoo_node.record.audit import verify as verify_record
from eccoo_node.rota import actions as rota
from tests.support import axe, make
from tests.support.linked import link_by_commands, make_node
from tests.support.pair import ENGINES
from tests.support.ports import free_port
from tests.support.processes import NodeProcess
from tests.support.proxy import FaultProxy
from tests.support.story import actor

# The whole node, with every handler registered, as the served ones have it.
assert node_app
DEMO = {"ECCOO_DEMO": "true"}


class Hill:
    """Two served nodes, each behind a proxy that stands at its public address. `below`: the path at which the first lives."""

    def __init__(self, home: Path, databases: tuple[dict[str, str], dict[str, str]], *, below: str = "") -> None:
        self.nodes: dict[str, NodeProcess] = {}
        self.doors: dict[str, FaultProxy] = {}
        for side, name, database in zip("ab", ("Hebden circle", "Todmorden circle"), databases, strict=True):
            port = free_port()
            self.doors[side] = FaultProxy(port).start()
            public = {"ECCOO_WEB_PUBLIC_URL": self.doors[side].url + (below if side == "a" else "")}
            self.nodes[side] = make_node(
                home / side,
                name,
                port=port,
                public_port=self.doors[side].port,
                extra=DEMO | database | public,
                command=axe.COMMAND,
            ).start()
        self._doors_open()
        self.link_id = link_by_commands(self.nodes["a"], self.nodes["b"])
        self.moved_s = 0
        asyncio.run(self._people())

    def _doors_open(self) -> None:
        """Before anything goes through them."""

    @asynccontextmanager
    async def on(self, side: str) -> AsyncIterator[None]:
        """Speak as this node, beside the process that serves it."""
        node = self.nodes[side]
        settings, _ = load(DataFolder(node.home), node.environ)
        async with opened(DataFolder(node.home), settings):
            yield

    async def _people(self) -> None:
        async with self.on("a"):
            self.edith = await make.person("Edith", phone="01422 960222")
            self.wren = await make.worker("Wren", rate_pence=3000)
            tess = await make.person("Tess")
            await make.hat(tess, await make.circle(), "treasurer")
            team = await make.team(self.edith)
            await make.hat(self.wren, team, "worker")
            await make.care_facts(self.edith)
            payer = await make.payer(self.edith)
            await top_up(await actor(tess), payer, 500_000, key="top up 1")
            for side in (self.edith, self.wren):
                await agree_terms(
                    await actor(side), person_id=self.edith, worker_id=self.wren, rate_pence=3000, payer_id=payer
                )
        async with self.on("b"):
            self.bea = await make.worker("Bea", rate_pence=3000)

    def move(self, by: timedelta) -> None:
        """Time goes on at both nodes."""
        self.moved_s += int(by.total_seconds())
        for node in self.nodes.values():
            (node.home / "clock").write_text(str(self.moved_s))

    async def until(self, side: str, holds: Callable[[], Awaitable[bool]], within_s: float = 90) -> None:
        """Ask this node until it holds; waits between tries are passed over by both clocks."""
        deadline = time.monotonic() + within_s
        async with self.on(side):
            while not await holds():
                assert time.monotonic() < deadline, "it never came to hold"
                await asyncio.sleep(0.1)
                self.move(timedelta(seconds=5))

    def reopen(self) -> None:
        for door in self.doors.values():
            door.mend()

    def close(self) -> None:
        for node in self.nodes.values():
            node.kill()
        for door in self.doors.values():
            door.stop()


@pytest.fixture(scope="module")
def hills(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Hill]]:
    """The pair of nodes on this engine, made when it is first asked for."""
    made: dict[str, Hill] = {}
    urls: list[str] = []
    drops: list[Callable[[str], None]] = []

    def on(engine: str) -> Hill:
        if engine not in made:
            if engine == "postgres":
                server = request.getfixturevalue("postgres_server")
                drops.append(server.drop_database)
                urls.extend(server.create_database() for _ in range(2))
                found = [{"ECCOO_DATABASE_URL": url} for url in urls]
            else:
                found = [{}, {}]
            made[engine] = Hill(tmp_path_factory.mktemp("killed"), (found[0], found[1]))
        return made[engine]

    yield on
    for hill in made.values():
        hill.close()
    for url in urls:
        drops[0](url)


@pytest.fixture(params=ENGINES)
def hill(request: pytest.FixtureRequest, hills: Callable[[str], Hill]) -> Hill:
    return hills(request.param)


class Case:
    """One visit whose worker can't come."""

    def __init__(self, hill: Hill) -> None:
        self.hill = hill
        self.visit = self.request = self.offer = ""

    async def offered(self) -> None:
        """Edith asked over the hill, and Bea offers to come."""
        hill = self.hill
        async with hill.on("a"):
            at = (clock.now() + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)
            self.ends_at = at + timedelta(hours=2)
            edith = await actor(hill.edith)
            self.visit = await rota.plan_visit(
                edith,
                person_id=hill.edith,
                worker_id=hill.wren,
                starts_at=at,
                ends_at=self.ends_at,
                what="Up",
            )
            await rota.cant_come(await actor(hill.wren), visit_ids=[self.visit])
            assert await cover.ask(edith, visit_id=self.visit, worker_ids=[]) == "done"
            found = await queries.request_for(self.visit)
            assert found
            self.request = found.id
            assert await cover.ask_further(edith, request_id=found.id, words="Yes, ask them") == "done"
            [asked] = await queries.asked_circles(found.id)

        async def heard() -> bool:
            return await queries.open_by_ref(hill.link_id, asked.ref) is not None

        await hill.until("b", heard)
        async with hill.on("b"):
            opened_ = await queries.open_by_ref(hill.link_id, asked.ref)
            assert opened_
            self.offer = await offering.offer(
                await actor(hill.bea), open_request_id=opened_.id, worker_id=hill.bea, own_words="I grew up there.",
                rate_pence=3300, words="My first name and words may be shown.",
            )  # fmt: skip

        async def came() -> bool:
            return await fetch_one("SELECT id FROM cover_offer WHERE id = ?", self.offer) is not None

        await hill.until("a", came)

    async def chosen(self) -> None:
        async with self.hill.on("a"):
            assert await cover.choose(await actor(self.hill.edith), offer_id=self.offer, words="Yes") == "done"

    async def coming(self) -> bool:
        """Whether this node has it that Bea is coming; asked on either."""
        mine = await fetch_one("SELECT state, disclosure FROM my_offer WHERE id = ?", self.offer)
        if mine:
            return bool(mine["state"] == "coming" and mine["disclosure"])
        return bool(await fetch_value("SELECT state FROM visit WHERE id = ?", self.visit) == "covered")

    async def over(self) -> None:
        """The visit has been, and Bea says that it went as planned."""
        self.hill.move(self.ends_at - datetime.now(UTC) - timedelta(seconds=self.hill.moved_s) + timedelta(hours=1))
        async with self.hill.on("b"):
            await offering.say_how_it_went(await actor(self.hill.bea), offer_id=self.offer, answer="as_planned")

    async def claimed(self) -> bool:
        return bool(await fetch_value("SELECT state FROM visit WHERE id = ?", self.visit) == "said")

    async def answered(self) -> None:
        async with self.hill.on("a"):
            edith = await actor(self.hill.edith)
            assert await rota.answer_visit(edith, visit_id=self.visit, answer="yes") == "settled"

    async def settled(self) -> bool:
        mine = await fetch_value("SELECT state FROM my_offer WHERE id = ?", self.offer)
        there = await fetch_value("SELECT state FROM visit WHERE id = ?", self.visit)
        return (mine or there) == "settled"

    async def holds(self) -> None:
        """One worker was committed, on both nodes, and both nodes' books and letters are whole."""
        async with self.hill.on("a"):
            chosen = "SELECT COUNT(*) FROM cover_offer WHERE request_id = ? AND state = 'chosen'"
            assert await fetch_value(chosen, self.request) == 1
            we_owe = (await money.owed(self.hill.link_id)).we_owe_pence
        async with self.hill.on("b"):
            slots = "SELECT COUNT(*) FROM worker_slot WHERE offer_id = ?"
            assert await fetch_value(slots, self.offer) == 8
            assert (await money.owed(self.hill.link_id)).they_owe_pence == we_owe
        for side in ("a", "b"):
            async with self.hill.on(side):
                for verify in (verify_books, verify_record, verify_links):
                    await verify()


# Who reads the letter, by its kind. The reader has committed it when the axe falls.
READER = {
    "cover.awarded": "b",
    "cover.confirmed": "a",
    "cover.committed": "b",
    "cover.acknowledged": "a",
    "disclosure.sent": "b",
    "visit.claimed": "a",
    "visit.confirmed": "b",
}
# Each letter on one engine at least, and on both those after which one side is sure of what the other has not heard.
# Once on each, both doors stay shut until whoever died has been back for a while.
DEATHS = {
    "postgres": [
        ("cover.awarded", "b", ""), ("cover.confirmed", "b", ""), ("cover.committed", "a", "shut"),
        ("cover.acknowledged", "a", ""), ("visit.confirmed", "b", ""),
    ],
    "sqlite": [
        ("cover.awarded", "b", ""), ("cover.awarded", "a", ""), ("cover.confirmed", "a", "shut"),
        ("cover.committed", "b", ""), ("disclosure.sent", "b", ""), ("visit.claimed", "a", ""),
    ],
}  # fmt: skip
MARKS = {"sqlite": (), "postgres": pytest.mark.postgres}


@pytest.mark.parametrize(
    "hill,letter,victim,doors",
    [pytest.param(engine, *case, marks=MARKS[engine]) for engine, cases in DEATHS.items() for case in cases],
    indirect=["hill"],
)
async def test_whoever_is_killed_once_a_letter_is_committed_the_story_goes_on(
    hill: Hill, letter: str, victim: str, doors: str
) -> None:
    case = Case(hill)
    await case.offered()
    dead = hill.nodes[victim]

    def fell() -> None:
        dead.kill()
        for door in hill.doors.values() if doors == "shut" else ():
            door.partition()

    fault = hill.doors[READER[letter]].lose_replies(1, "/fed/v1/inbox", holding=letter.encode(), then=fell)

    async def killed() -> bool:
        if not fault.happened or dead.running:
            return False
        dead.start()
        if doors == "shut":
            # Both try in vain, more than once.
            for _ in range(4):
                hill.move(timedelta(minutes=2))
                await asyncio.sleep(0.5)
            hill.reopen()
        async with hill.on(victim):
            # As two minutes later. Where several processes may share a database, a dead one's work is left to it so long.
            await jobs.let_go()
        return True

    # Every other side of the story runs as it would; the axe falls where its letter passes.
    await case.chosen()
    if not letter.startswith("visit"):
        await hill.until("a", killed)
    for side in ("a", "b"):
        await hill.until(side, case.coming)
    await case.over()
    if letter == "visit.claimed":
        await hill.until("a", killed)
    await hill.until("a", case.claimed)
    await case.answered()
    if letter == "visit.confirmed":
        await hill.until("a", killed)
    for side in ("a", "b"):
        await hill.until(side, case.settled)
    await case.holds()


# What the transaction has written that is never committed: the reader's, with all that the letter causes there, or the
# sender's, that it was answered.
UNCOMMITTED = {
    "postgres": [("b", "INSERT INTO letter_in", "cover.committed")],
    "sqlite": [("a", "INSERT INTO letter_in", "cover.confirmed"), ("a", "UPDATE letter_out SET state", "acked")],
}


@pytest.mark.parametrize(
    "hill,victim,statement,value",
    [pytest.param(engine, *case, marks=MARKS[engine]) for engine, cases in UNCOMMITTED.items() for case in cases],
    indirect=["hill"],
)
async def test_whoever_is_killed_before_a_letter_is_committed_the_story_goes_on(
    hill: Hill, victim: str, statement: str, value: str
) -> None:
    case = Case(hill)
    await case.offered()
    dead = hill.nodes[victim]
    raised = axe.raise_axe(dead.home, statement, value)

    async def killed() -> bool:
        if dead.running:
            return False
        assert not raised.exists()
        dead.start()
        async with hill.on(victim):
            await jobs.let_go()
        return True

    await case.chosen()
    await hill.until("a", killed)
    for side in ("a", "b"):
        await hill.until(side, case.coming)
    await case.over()
    await hill.until("a", case.claimed)
    await case.answered()
    for side in ("a", "b"):
        await hill.until(side, case.settled)
    await case.holds()


@pytest.mark.parametrize("hill", ["sqlite"], indirect=True)
def test_after_all_of_it_every_verify_ends_well_on_both_nodes(hill: Hill) -> None:
    for node in hill.nodes.values():
        for what in ("ledger", "audit", "federation"):
            done = node.eccoo(what, "verify")
            assert (done.returncode, done.stderr) == (0, "")

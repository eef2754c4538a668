"""The cast of the cover story on two linked nodes, and each step of it through the doors."""

from datetime import UTC, datetime, timedelta

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.cover import actions as cover
from eccoo_node.cover import letters, offering, queries
from eccoo_node.escrow.actions import top_up
from eccoo_node.kernel.access import Actor
from eccoo_node.links.rules import Terms
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as rota_queries
from tests.support import make
from tests.support.pair import Pair, PairNode

THURSDAY = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
NINE_TO_ELEVEN = (THURSDAY, THURSDAY + timedelta(hours=2))
assert letters


async def actor(person_id: str, **acting: str) -> Actor:
    return await members.actor_for(person_id, **acting)  # type: ignore[arg-type]


class Story:
    """Edith of Hebden, her daughter Ruth, her workers Wren and Sol; Bea, Cass, Tom and Kit of Todmorden."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.a, self.b = pair.both
        self.visit = self.request = self.open = self.offer = ""

    async def begin(self, *, credit_pence: int = 50_000, cancel_bps: int = 5000, terms: Terms | None = None) -> "Story":
        await self.people(credit_pence, cancel_bps)
        await self.pair.link(*([terms] if terms else []))
        return self

    async def people(self, credit_pence: int = 50_000, cancel_bps: int = 5000) -> "Story":
        """Everyone of both circles, which may be linked already."""
        await self.those_who_ask(credit_pence, cancel_bps)
        with self.b.bound():
            await self._circle(f"{self.b.name} circle")
            self.bea = await make.worker("Bea", rate_pence=3000, number="009876543210")
            self.cass = await make.worker("Cass", rate_pence=2800)
            self.tom = await make.person("Tom", phone="01706 960111")
            self.kit = await make.person("Kit")
            await make.hat(self.tom, await make.circle(), "facilitator")
            await make.hat(self.kit, await make.circle(), "treasurer")
        return self

    async def those_who_ask(self, credit_pence: int = 50_000, cancel_bps: int = 5000) -> "Story":
        """Only Edith and hers: another story may have brought those of the other circle."""
        with self.a.bound():
            await self._hebden(credit_pence, cancel_bps)
        return self

    async def _circle(self, name: str) -> None:
        await make.circle(name)
        await make.takes()

    async def _hebden(self, credit_pence: int, cancel_bps: int) -> None:
        await self._circle(f"{self.a.name} circle")
        self.edith = await make.person(
            "Edith", full_name="Edith Crabtree", address="14 Heights Road, Pecket Well", phone="01422 960222"
        )
        self.ruth = await make.person("Ruth", channel="email", email="ruth@example.test")
        self.wren = await make.worker("Wren", rate_pence=3000)
        self.sol = await make.worker("Sol", rate_pence=3000)
        self.fay = await make.person("Fay", phone="01422 960333")
        self.tess = await make.person("Tess")
        circle = await make.circle()
        await make.hat(self.fay, circle, "facilitator")
        await make.hat(self.sol, circle, "facilitator")
        await make.hat(self.tess, circle, "treasurer")
        self.team = await make.team(self.edith)
        for who, role in ((self.ruth, "family"), (self.wren, "worker"), (self.sol, "worker")):
            await make.hat(who, self.team, role)
        await make.care_facts(self.edith)
        await make.speaks(self.ruth, self.edith, "ask_for_cover", "choose_who_comes", "money", "say_visit_went")
        self.payer = await make.payer(self.edith)
        if credit_pence:
            await top_up(await actor(self.tess), self.payer, credit_pence, key="top up 1")
        for worker in (self.wren, self.sol):
            for side in (self.edith, worker):
                await agree_terms(
                    await actor(side), person_id=self.edith, worker_id=worker, rate_pence=3000, payer_id=self.payer,
                    cancel_bps=cancel_bps,
                )  # fmt: skip
        self.visit = await rota.plan_visit(
            await actor(self.edith), person_id=self.edith, worker_id=self.wren, starts_at=NINE_TO_ELEVEN[0],
            ends_at=NINE_TO_ELEVEN[1], what="Getting up and breakfast",
        )  # fmt: skip

    async def as_edith(self) -> Actor:
        return await actor(self.edith)

    async def as_ruth(self) -> Actor:
        return await actor(self.ruth, acting_for=self.edith)

    async def edith_is_rung(self) -> None:
        """Fay has told Edith all that waited for her on the list of those who are rung."""
        with self.a.bound():
            for one in await rota_queries.news_to_bring():
                if one.person_id == self.edith:
                    await rota.mark_told(await actor(self.fay), told_id=one.id)

    async def gap(self) -> None:
        """Wren can't be there on Thursday."""
        with self.a.bound():
            assert await rota.cant_come(await actor(self.wren), visit_ids=[self.visit]) == [self.visit]

    async def ask_far(self) -> None:
        """Edith asks Sol first, then linked circles."""
        await self.gap()
        with self.a.bound():
            assert await cover.ask(await self.as_edith(), visit_id=self.visit, worker_ids=[self.sol]) == "done"
            found = await queries.request_for(self.visit)
            assert found is not None
            self.request = found.id
            assert (
                await cover.ask_further(await self.as_edith(), request_id=self.request, words="Yes, ask them") == "done"
            )
        await self.pair.settle()
        with self.b.bound():
            opened = await queries.open_requests(self.b.clock())
        # Another circle may ask the same at the same time.
        self.open = next((one.id for one in opened if one.link_id == self.pair.link_id), "")

    async def offers(self, worker: str | None = None, *, rate_pence: int = 3300) -> str:
        """A worker of Todmorden offers to come; the offer's id, which both nodes share."""
        who = worker or self.bea
        with self.b.bound():
            self.offer = await offering.offer(
                await actor(who), open_request_id=self.open, worker_id=who, own_words="I grew up there.",
                rate_pence=rate_pence, words="My first name and words may be shown.",
            )  # fmt: skip
        await self.pair.settle()
        return self.offer

    async def chooses(self, offer: str | None = None) -> str:
        with self.a.bound():
            return await cover.choose(await self.as_edith(), offer_id=offer or self.offer, words="Yes, ask her to come")

    async def committed(self) -> None:
        """The main path up to both sides reading that Bea is coming."""
        await self.ask_far()
        await self.offers()
        assert await self.chooses() == "done"
        await self.pair.settle()

    async def states(self) -> tuple[str, str, str]:
        """How the visit, the search and the offer stand, on the node each lives on."""
        visit = await self.a.row("SELECT state FROM visit WHERE id = ?", self.visit)
        request = await self.a.row("SELECT state FROM cover_request WHERE id = ?", self.request)
        mine = await self.b.row("SELECT state FROM my_offer WHERE id = ?", self.offer)
        return visit[0], request[0] if request else "", mine[0] if mine else ""

    async def news(self, node: PairNode, person: str) -> list[str]:
        return [row[0] for row in await node.rows("SELECT news FROM told WHERE person_id = ? ORDER BY at, id", person)]

    async def visit_row(self) -> rota_queries.Visit:
        with self.a.bound():
            return await rota_queries.visit(self.visit)

"""Ada, her worker Wren, whoever pays, and those of the circle who help: for tests of money that is in question."""

import asyncio
from datetime import timedelta

import msgspec

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.db.rows import fetch
from eccoo_node.disputes import actions, queries
from eccoo_node.disputes.queries import Question
from eccoo_node.escrow import queries as books
from eccoo_node.escrow.actions import top_up
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as visits
from tests.support import make
from tests.support.node import MONDAY, Node

THURSDAY = MONDAY + timedelta(days=3, hours=1)
HOURS = timedelta(hours=1)
HEARD = {"person_words": "It was late.", "worker_words": "The bus was."}


class Cast(msgspec.Struct):
    """Everyone by name, each as they act now."""

    node: Node
    ids: dict[str, str]
    payer: str

    async def be(self, called: str, **acting: str) -> Actor:
        return await members.actor_for(self.ids[called], **acting)  # type: ignore[arg-type]

    async def visit(self, *, days: int = 0, worker: str = "Wren") -> str:
        starts = THURSDAY + timedelta(days=days)
        return await rota.plan_visit(
            await self.be("Ada"), person_id=self.ids["Ada"], worker_id=self.ids[worker], starts_at=starts,
            ends_at=starts + timedelta(minutes=90), what="Breakfast",
        )  # fmt: skip

    async def went(self, answer: str = "as_planned", *, minutes: int | None = None) -> str:
        """A visit of 90 minutes for £30, with £3.60 for travel, of which Wren has said how it went."""
        visit = await self.visit()
        self.node.clock.set(THURSDAY + 2 * HOURS)
        await rota.say_how_it_went(await self.be("Wren"), visit_id=visit, answer=answer, minutes=minutes)
        return visit

    async def asked(self, **answer: object) -> Question:
        """Ada's answer put a part in question."""
        visit = await self.went()
        given = {"answer": "partly", "minutes": 60} | answer
        assert await rota.answer_visit(await self.be("Ada"), visit_id=visit, **given) == "said"
        return await self.question(visit)

    async def question(self, visit: str) -> Question:
        return (await queries.of_visit(visit))[0]

    async def split(self, one: Question) -> int:
        found = await queries.newest_split(one.id)
        assert found is not None
        return found.id

    async def agree(self, called: str, one: Question) -> bool:
        return await actions.agree(await self.be(called), question_id=one.id, split_id=await self.split(one))

    async def sums(self) -> dict[str, int]:
        """The trial balance, once the whole books have been found right."""
        await verify()
        return {code: pence for code, pence in (await books.trial_balance()).items() if pence}

    async def told(self, called: str) -> list[str]:
        rows = await fetch("SELECT news FROM told WHERE person_id = ? ORDER BY at, id", self.ids[called])
        return [row[0] for row in rows]

    async def kinds(self, one: Question) -> list[tuple[str, str]]:
        return [(step.role, step.kind) for step in await queries.steps(one.id)]


async def cast(node: Node, *, pays: str = "Ada", treasurers: tuple[str, ...] = ("Tess",)) -> Cast:
    await make.takes()
    circle = await make.circle()
    ids = {called: await make.person(called) for called in ("Ada", "Ruth", "Bill", "Fay", "Tess", "Con", "Lea", "Mia")}
    ids["Wren"] = await make.worker("Wren", rate_pence=2000, travel_pence=360)
    roles = {"Fay": "facilitator", "Con": "convenor", "Lea": "safeguarding", "Tess": "treasurer"}
    for called, role in roles.items():
        await make.hat(ids[called], circle, role)
    for called in treasurers:
        if called != "Tess":
            await make.hat(ids[called], circle, "treasurer")
    team = await make.team(ids["Ada"])
    await make.hat(ids["Wren"], team, "worker")
    payer = await make.payer(ids["Ada"], ids[pays])
    await make.speaks(ids["Ruth"], ids["Ada"], "say_visit_went")
    for side in ("Ada", "Wren"):
        await agree_terms(
            await members.actor_for(ids[side]), person_id=ids["Ada"], worker_id=ids["Wren"], rate_pence=2000,
            travel_pence=360, payer_id=payer,
        )  # fmt: skip
    # With their reference, since nobody writes down what they sent in themselves.
    await top_up(NODE, payer, 10_000, key="top up")
    return Cast(node, ids, payer)


async def both_at_once(*asking: object) -> list[str]:
    """What came of several acts begun at once: "done", or the code of the refusal."""
    found = await asyncio.gather(*asking, return_exceptions=True)  # type: ignore[call-overload]
    return sorted(getattr(one, "code", "done") if isinstance(one, Exception) else "done" for one in found)


__all__ = ["NODE", "Cast", "both_at_once", "cast", "clock", "visits"]

"""One of our own workers is asked: can you come?"""

from typing import Any, ClassVar, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.cover import actions, lists
from eccoo_node.cover import say as words
from eccoo_node.cover.lists import AskCard
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import sharing
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.errors import NotFound
from eccoo_node.kernel.money import price_pence
from eccoo_node.members import queries as members
from eccoo_node.members import workers
from eccoo_node.members.payers import employed_among
from eccoo_node.rota import say
from eccoo_node.rota.web import around, reader_of, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect


class CanCome(msgspec.Struct):
    answer: Literal["yes", "no"]
    SAY: ClassVar[dict[str, str]] = {"answer": "Choose whether you can come."}


class AskController(Controller):
    @get("/visits/{visit_id:str}/asked", opt={"action": "cover.answer_near"})
    async def find(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        """From a letter that names only the visit."""
        card = await lists.ask_for_visit(visit_id, reader_of(request).id)
        if card is None:
            raise NotFound()
        return redirect(request, f"/asks/{card.id}")

    @get("/asks/{ask_id:str}", opt={"action": "cover.answer_near"})
    async def asked(self, request: AnyRequest, ask_id: FromPath[str]) -> Response[Any]:
        card = await self._card(request, ask_id)
        return await show(request, "cover/asked.html", card.person_id, **await self._asked(card))

    async def _card(self, request: AnyRequest, ask_id: str) -> AskCard:
        card = await lists.ask_card(ask_id)
        if not access.may(actor_of(request), "cover.answer_near", card.thing):
            raise NotFound()
        return card

    async def _asked(self, card: AskCard) -> dict[str, Any]:
        now, work = clock.now(), await workers.worker(card.worker_id)
        codes = await members.care_facts(card.person_id)
        fee = price_pence(work.rate_pence if work else 0, clock.minutes_between(card.starts_at, card.ends_at))
        travel, employed = work.travel_pence if work else 0, card.worker_id in await employed_among([card.worker_id])
        terms = (await escrow.schedule_now()).terms(fee, travel, employed=employed)
        late = sharing.called_off_late(terms, card.cancel_bps)
        return {
            "ask": card, "open": card.live and card.answer == "" and card.starts_at > now,
            "when": clock.say_when(card.starts_at, card.ends_at, clock.zone()), "day": say.of_day(card.starts_at, now),
            "needs": words.needs(codes), "fee": fee,
            "yours": words.yours(sharing.shares(terms, fee, travel), late, card.cancel_hours),
        }  # fmt: skip

    @post("/asks/{ask_id:str}", opt={"action": "cover.answer_near"})
    async def answer(self, request: AnyRequest, ask_id: FromPath[str]) -> Response[Any]:
        card = await self._card(request, ask_id)
        try:
            form = read_form(request, CanCome)
        except FormError as error:
            context = await self._asked(card) | await around(request, card.person_id)
            return form_error(request, "cover/asked.html", error, **context)
        await actions.answer_near(actor_of(request), ask_id=ask_id, yes=form.answer == "yes")
        reader, day = reader_of(request), say.on_day(card.starts_at, clock.now())
        if form.answer == "yes":
            notice = f"Thank you. {card.person_called} knows that you offer to come {day}, and chooses."
        else:
            notice = "Thank you for saying so. That is all."
        return redirect(request, "/home", reader.read_back(notice))

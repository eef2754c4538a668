"""One offer: who it is, what was seen of them, what it costs, and the yes."""

import base64
from typing import Any, ClassVar, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.cover import actions, price_no, queries
from eccoo_node.cover import say as words
from eccoo_node.cover import seen as papers
from eccoo_node.cover.queries import Offer, Request
from eccoo_node.cover.web.search import circle_of, differs, face_of, seen_by
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import sharing
from eccoo_node.escrow.sharing import Terms
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Forbidden, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.members import queries as members
from eccoo_node.pools import say as near_words
from eccoo_node.rota import paying, say
from eccoo_node.rota import queries as rota
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.web import around, reader_of, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect

_KINDS = {"image/webp", "image/jpeg", "image/png"}


class PriceForm(msgspec.Struct):
    answer: Literal["yes", "no"]
    SAY: ClassVar[dict[str, str]] = {"answer": "Say yes or no to it."}


async def offered_to(actor: Actor, offer_id: str, action: str = "cover.see") -> tuple[Offer, Request, Visit, Thing]:
    """An offer by its id alone, with its search. To whoever may not see it, it is as if it had never been."""
    offer = await queries.offer(offer_id)
    try:
        return offer, *await seen_by(actor, offer.request_id, action)
    except NotFound:
        raise NotFound("This one has closed.", "offer_closed") from None


def unseen(shown: papers.Papers, circle: str) -> str:
    """What is not shown as seen, and why; of what is over only that it is."""
    if shown.gone:
        return f"Something that {circle} had seen of their papers does not hold any more."
    return f"We are not sure yet about all of the papers that {circle} saw." if shown.unsure else ""


async def _goes(visit: Visit, offer: Offer) -> str:
    """Where the price of an offer goes, and what is due where it is called off late."""
    home = not offer.link_id
    terms = Terms(
        offer.fee_pence, offer.travel_pence, offer.payer_add_bps, offer.worker_deduct_bps, not home, offer.home_share_bps,
        # Between two circles what is due for a visit called off late is claimed like any other, and bears the shares.
        not home or (await escrow.schedules()).at(offer.received_at).cancelled_bears,
        employed=home and await paying.is_employed(offer.worker_id or ""),
    )  # fmt: skip
    whole, circles = (
        sharing.shares(terms, offer.fee_pence, offer.travel_pence),
        "the circle" if home else "the two circles",
    )
    late = sharing.called_off_late(terms, visit.cancel_bps)
    late_words = words.late_costs(offer.first_name, late, visit.cancel_hours, circles)
    return f"{words.goes(offer.first_name, whole, circles)} {late_words}".strip()


class OfferController(Controller):
    @get("/cover/{request_id:str}/offers", opt={"action": "cover.see"})
    async def offers(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        """(k) The offers stand on the search's own page."""
        await seen_by(actor_of(request), request_id)
        return redirect(request, f"/cover/{request_id}")

    @get("/cover/{request_id:str}/offers/{offer_id:str}", opt={"action": "cover.see"})
    async def offer(self, request: AnyRequest, request_id: FromPath[str], offer_id: FromPath[str]) -> Response[Any]:
        """(l) One offer."""
        found, visit, thing = await seen_by(actor_of(request), request_id)
        offer = await queries.offer(offer_id)
        if offer.request_id != found.id:
            raise NotFound()
        if offer.state != "live" or offer.hold_until <= clock.now():
            # Never a refusal of someone: what is over has closed.
            return redirect(request, f"/cover/{request_id}", "This one has closed.")
        await papers.look_again(offer)
        context = await self._offer(request, found, visit, offer)
        context["may_choose"] = access.may(actor_of(request), "cover.choose", thing)
        return await show(request, "cover/offer.html", visit.person_id, **context)

    async def _offer(self, request: AnyRequest, found: Request, visit: Visit, offer: Offer) -> dict[str, Any]:
        now, reader = clock.now(), reader_of(request)
        circle, shown = await circle_of(request, offer), await papers.papers_of(offer)
        people = await members.people({offer.worker_id or ""})
        aside = await actions.aside_pence(visit)
        whose = reader.your(visit.person_id, visit.person_called)
        gets = f"{offer.first_name} will then get {whose} name, {whose} address and what they need to know."
        if offer.worker_id in {m.person_id for m in await members.team_members(visit.team_id)}:
            gets = f"{offer.first_name} is in {whose} team already."
        day = say.of_day(visit.starts_at, now)
        cost, goes = words.cost(offer.first_name, offer.total_pence, aside, day), await _goes(visit, offer)
        return {
            "search": found, "visit": visit, "offer": offer, "circle_named": circle.called, "who": face_of(offer, people),
            "languages": words.languages(offer.languages), "seen": words.seen(shown.seen, circle.called, offer.first_name, now),
            "until": near_words.until(shown.seen, now), "caveat": near_words.caveat(offer.first_name), "not_seen": unseen(shown, circle.called),
            "cost": cost, "goes": goes, "gets": gets, "travel": pounds(offer.travel_pence) if offer.travel_pence else "",
            "said": f"Yes, ask {offer.first_name} of {circle.called} to come on {say.when(visit)}. {cost} {goes} {gets}",
        }  # fmt: skip

    @post("/cover/{request_id:str}/offers/{offer_id:str}", opt={"action": "cover.choose"})
    async def choose(self, request: AnyRequest, request_id: FromPath[str], offer_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        found, visit, thing = await seen_by(actor, request_id)
        offer = await queries.offer(offer_id)
        if offer.request_id != found.id:
            raise NotFound()
        context = await self._offer(request, found, visit, offer)
        outcome = await actions.choose(actor, offer_id=offer_id, words=context["said"])
        if outcome == "differs":
            return await differs(request, visit)
        if outcome == "wants_payer" and access.may(actor, "cover.pay_more", thing):
            return redirect(request, f"/cover/offers/{offer_id}")
        return redirect(request, f"/cover/{request_id}")

    @get("/cover/offers/{offer_id:str}", opt={"action": "rota.see_money"})
    async def price(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        """It costs more, or more than is paid in: the payer's yes."""
        offer, found, visit, _ = await offered_to(actor_of(request), offer_id, "rota.see_money")
        return await show(request, "cover/pay.html", visit.person_id, **await self._price(request, found, visit, offer))

    async def _price(self, request: AnyRequest, found: Request, visit: Visit, offer: Offer) -> dict[str, Any]:
        actor, now = actor_of(request), clock.now()
        thing = await rota.thing_of(visit, payer=True)
        aside = await actions.aside_pence(visit)
        credit = await escrow.credit_pence(visit.payer_id) if visit.payer_id else 0
        more = offer.total_pence - aside
        cost = words.cost(offer.first_name, offer.total_pence, aside, say.of_day(visit.starts_at, now))
        goes = await _goes(visit, offer)
        return {
            "search": found, "visit": visit, "offer": offer, "cost": cost, "goes": goes, "more": pounds(max(more, 0)),
            "short": pounds(more - credit) if more > credit else "", "credit": pounds(credit),
            "may_pay": access.may(actor, "cover.pay_more", thing), "waits": found.state == "wants_payer" and found.chosen_offer == offer.id,
            "said": f"Yes, pay for {offer.first_name} on {say.when(visit)}. {cost} {goes}",
        }  # fmt: skip

    @post("/cover/offers/{offer_id:str}", opt={"action": "cover.pay_more"})
    async def pay_more(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        offer, found, visit, thing = await offered_to(actor, offer_id, "rota.see_money")
        if not access.may(actor, "cover.pay_more", thing):
            raise Forbidden("This is for whoever pays to say.")
        context, reader = await self._price(request, found, visit, offer), reader_of(request)
        try:
            form = read_form(request, PriceForm)
        except FormError as error:
            return form_error(request, "cover/pay.html", error, **context, **await around(request, visit.person_id))
        if form.answer == "yes":
            await actions.pay_more(actor, offer_id=offer_id, words=context["said"])
            notice = f"Thank you. We’re telling {offer.first_name}."
        else:
            await price_no.pay_no_more(actor, offer_id=offer_id)
            you = reader.is_you(visit.person_id)
            then = "You can choose again." if you else f"{visit.person_called} is told, and can choose again."
            notice = f"Nothing more is set aside. {then}"
        to = f"/cover/{found.id}" if access.may(actor, "cover.see", thing) else "/home"
        return redirect(request, to, reader.read_back(notice))

    @get("/cover/offers/{offer_id:str}/face", opt={"action": "cover.see"})
    async def face(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[bytes]:
        """The picture that came with an offer, to whoever chooses."""
        offer, *_ = await offered_to(actor_of(request), offer_id)
        if not offer.face or offer.face_media not in _KINDS:
            raise NotFound("This one has closed.", "offer_closed")
        headers = {"cache-control": "private, max-age=3600"}
        return Response(base64.b64decode(offer.face), media_type=offer.face_media, headers=headers)

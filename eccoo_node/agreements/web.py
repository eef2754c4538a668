"""What someone agreed with those who come to them, or to whom they come: to read, to offer, to say yes to and to end."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_node.agreements import actions, hours, queries, say
from eccoo_node.agreements.queries import Pair, TermsCard
from eccoo_node.agreements.rules import MILEAGE, side_of
from eccoo_node.governance import queries as governance
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.kernel.money import parse_percent, parse_pounds, percent, pounds
from eccoo_node.members import queries as members
from eccoo_node.members import workers
from eccoo_node.members.payers import Pays, employed_among, who_pays
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import redirect, render


def _side(actor: Actor, card: TermsCard) -> str:
    return side_of(actor, Thing("terms", card.id, card.person_id, worker_id=card.worker_id))


def _waits(actor: Actor, card: TermsCard) -> bool:
    """Whether this offer waits for the yes that this reader says."""
    said = {"person": card.person_yes_at, "worker": card.worker_yes_at}
    side = _side(actor, card)
    return card.from_at is None and bool(side) and said[side] is None


class OfferForm(msgspec.Struct):
    """Terms as somebody offers them."""

    who: str
    rate: Annotated[str, msgspec.Meta(max_length=20)]
    travel_minutes: int = 0
    miles: int = 0
    travel: Annotated[str, msgspec.Meta(max_length=20)] = ""
    cancel_hours: int = 0
    cancel_percent: Annotated[str, msgspec.Meta(max_length=10)] = "0"
    sure: str = ""
    again: str = ""
    shown: str = ""
    SAY: ClassVar[dict[str, str]] = {
        "who": "Choose with whom.", "rate": "Write the rate in pounds and pence, such as 20 or 17.50.",
        "travel_minutes": "Write the minutes as a number, such as 15.", "miles": "Write the miles as a number, such as 6.",
        "cancel_hours": "Write the hours as a number, such as 24.",
    }  # fmt: skip


class Agree(msgspec.Struct):
    """A yes to what was shown."""

    shown: str = ""


async def _shown(actor: Actor, cards: Sequence[TermsCard]) -> list[dict[str, Any]]:
    """What each of these means for the reader's side, in pounds. A constant number of statements."""
    subject = actor.acting_for or actor.person_id
    people = await members.people(id_ for card in cards for id_ in (card.person_id, card.worker_id))
    mileage, reckon = await governance.figure(MILEAGE), await hours.as_agreed_now()
    employed, pays = await employed_among(card.worker_id for card in cards), await who_pays(c.person_id for c in cards)
    found = []
    for card in cards:
        side = _side(actor, card)
        who = people[card.person_id if side == "worker" else card.worker_id]
        shown = {"who": who, "rows": say.lines(card, mileage), "comes_to": "", "late": "", "mark": ""}
        if reckon:
            hour = reckon(card.rate_pence, card.cancel_bps, card.worker_id in employed)
            alone = _alone(pays.get(card.person_id, []), subject)
            shown["comes_to"] = say.comes_to(hour, side, who.called, pays=alone)
            shown["late"] = say.late_comes_to(hour, card, side, who.called, pays=alone)
            shown["mark"] = hour.mark
        found.append(shown)
    return found


def _alone(pays: Sequence[Pays], subject: str) -> bool:
    return [one.payer_person_id for one in pays] == [subject]


def _side_of(actor: Actor, pair: Pair) -> str:
    return side_of(actor, Thing("terms", "", pair.person_id, worker_id=pair.worker_id))


async def _choices(actor: Actor) -> dict[str, Pair]:
    """Those with whom the reader may agree on terms, for themselves or for whom they speak."""
    found = await queries.could_agree(actor.acting_for or actor.person_id)
    return {f"{pair.person_id}:{pair.worker_id}": pair for pair in found if _side_of(actor, pair)}


async def _offering(request: AnyRequest, who: str) -> dict[str, Any]:
    actor = actor_of(request)
    choices = await _choices(actor)
    if not choices:
        raise NotFound("Nobody is in the team yet with whom this could be agreed.", "nobody")
    who = who if who in choices else next(iter(choices)) if len(choices) == 1 else ""
    cards = await queries.terms_of(actor.acting_for or actor.person_id)
    before = [card for card in cards if f"{card.person_id}:{card.worker_id}" == who]
    held = next((card for card in before if card.from_at), before[0] if before else None)
    worker = await workers.worker(choices[who].worker_id) if who and held is None else None
    rate, travel = (
        (held.rate_pence, held.travel_pence) if held else (worker.rate_pence, worker.travel_pence) if worker else (0, 0)
    )
    called = [
        (key, pair.worker_called if _side_of(actor, pair) == "person" else pair.person_called)
        for key, pair in choices.items()
    ]
    return {
        "choices": [("", "Choose"), *called] if len(called) > 1 else called, "who": who,
        "mileage": await governance.figure(MILEAGE),
        "typed": {
            "rate": written(rate) if rate else "", "travel": written(travel) if travel else "",
            "travel_minutes": str(held.travel_minutes if held else 0), "miles": str(held.miles if held else 0),
            "cancel_hours": str(held.cancel_hours if held else 24),
            "cancel_percent": percent(held.cancel_bps if held else 5000).removesuffix("%"),
        },
        "about": session_of(request).acting_for_called,
    }  # fmt: skip


def _typed(form: OfferForm) -> dict[str, Any]:
    return {"who": form.who, "typed": msgspec.to_builtins(form)}


def _read(form: OfferForm, pair: Pair, payer_id: str) -> TermsCard:
    """What is offered, before anybody has said yes to it. Raises Invalid."""
    return TermsCard(
        "", pair.person_id, pair.worker_id, payer_id, parse_pounds(form.rate, field="rate"),
        parse_pounds(form.travel, field="travel") if form.travel else 0, form.travel_minutes, form.miles,
        form.cancel_hours, parse_percent(form.cancel_percent or "0", field="cancel_percent"), None, None, None,
    )  # fmt: skip


def _numbers(card: TermsCard) -> dict[str, Any]:
    """What both sides say yes to."""
    found = msgspec.structs.asdict(card)
    return {name: found[name] for name in found if name not in {"id", "person_yes_at", "worker_yes_at", "from_at"}}


def written(pence: int) -> str:
    """A sum as somebody types it."""
    return pounds(pence).removeprefix("£").replace(",", "")


class TermsController(Controller):
    """One's own alone, or of the person whose words one writes down or for whom one chooses who comes."""

    include_in_schema = False

    @get("/agreed", opt={"action": "signed_in"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What waits for a yes, and what holds."""
        actor, session = actor_of(request), session_of(request)
        subject = actor.acting_for or actor.person_id
        cards = [card for card in await queries.terms_of(subject) if _side(actor, card)]
        found = [
            {
                "id": card.id, "holds": card.from_at is not None, "waits": _waits(actor, card),
                "again": f"{card.person_id}:{card.worker_id}", **shown,
            }
            for card, shown in zip(cards, await _shown(actor, cards), strict=True)
        ]  # fmt: skip
        found.sort(key=lambda one: (not one["waits"], one["holds"]))
        may_offer = bool(await _choices(actor))
        return render(
            request, "agreements/list.html", found=found, about=session.acting_for_called, may_offer=may_offer
        )

    @get("/agreed/new", opt={"action": "agreements.agree_terms"})
    async def about_offering(self, request: AnyRequest, who: FromQuery[str] = "") -> Response[Any]:
        """With whom, and what for each visit? What holds or waits already stands in the form."""
        return render(request, "agreements/offer.html", **await _offering(request, who))

    @post("/agreed/new", opt={"action": "agreements.agree_terms"})
    async def offer(self, request: AnyRequest) -> Response[Any]:
        """What it comes to; then yes from one's own side. It holds once the other side has said yes to the very same."""
        actor = actor_of(request)
        try:
            form = read_form(request, OfferForm)
            pair = (await _choices(actor)).get(form.who)
            if pair is None:
                raise Invalid("Choose with whom.", "nobody_chosen", field="who")
            if form.again:
                return render(request, "agreements/offer.html", **await _offering(request, form.who) | _typed(form))
            payer = await members.payer_for(pair.person_id)
            wanted = _read(form, pair, payer.id if payer else "")
            actions.check(wanted)
            [shown] = await _shown(actor, [wanted])
            if not form.sure or form.shown != shown["mark"]:
                about = session_of(request).acting_for_called
                return render(request, "agreements/check.html", form=form, about=about, **shown)
            agreed = await actions.agree_terms(actor, **_numbers(wanted))
        except (FormError, Invalid) as error:
            return form_error(request, "agreements/offer.html", error, **await _offering(request, ""))
        if agreed.in_force:
            return redirect(
                request, "/agreed", "You both said yes to the same. It holds for every visit planned from now on."
            )
        other = pair.worker_called if _side_of(actor, pair) == "person" else pair.person_called
        return redirect(request, "/agreed", f"It is offered. It waits for {other} to say yes to it.")

    @post("/agreed/{terms_id:str}/end", opt={"action": "agreements.end_terms"})
    async def end(self, request: AnyRequest, terms_id: FromPath[str]) -> Response[Any]:
        """No longer: an offer is taken back, or what holds ends. Visits that are planned keep it."""
        actor = actor_of(request)
        own = await queries.terms_of(actor.acting_for or actor.person_id)
        if not any(one.id == terms_id and _side(actor, one) for one in own):
            raise NotFound("This has ended already.", "no_terms")
        await actions.end_terms(actor, terms_id)
        return redirect(request, "/agreed", "It has ended. Visits that are planned keep it.")

    @post("/agreed/{terms_id:str}", opt={"action": "agreements.agree_terms"})
    async def agree(self, request: AnyRequest, terms_id: FromPath[str]) -> Response[Any]:
        """Yes, to these very numbers."""
        actor = actor_of(request)
        offered = await queries.terms_of(actor.acting_for or actor.person_id)
        card = next((one for one in offered if one.id == terms_id and _waits(actor, one)), None)
        if card is None:
            raise NotFound("This offer has changed. Please look at it again.", "no_offer")
        [shown] = await _shown(actor, [card])
        if read_form(request, Agree).shown != shown["mark"]:
            return redirect(
                request, "/agreed", "What goes to the circle has changed. Please read it again before you say yes."
            )
        await actions.agree_terms(actor, **_numbers(card))
        return redirect(request, "/agreed", "It is agreed. It holds for every visit planned from now on.")


CONTROLLERS = [TermsController]

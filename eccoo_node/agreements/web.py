"""What someone agreed with those who come to them, or to whom they come: to read, and to say yes to."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.agreements import actions, queries, say
from eccoo_node.agreements.queries import TermsCard
from eccoo_node.agreements.rules import MILEAGE, side_of
from eccoo_node.governance import queries as governance
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import queries as members
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import redirect, render


def _side(actor: Actor, card: TermsCard) -> str:
    return side_of(actor, Thing("terms", card.id, card.person_id, worker_id=card.worker_id))


def _waits(actor: Actor, card: TermsCard) -> bool:
    """Whether this offer waits for the yes that this reader says."""
    said = {"person": card.person_yes_at, "worker": card.worker_yes_at}
    side = _side(actor, card)
    return card.from_at is None and bool(side) and said[side] is None


class TermsController(Controller):
    """One's own alone, or of the person whose words one writes down or for whom one chooses who comes."""

    include_in_schema = False

    @get("/agreed", opt={"action": "signed_in"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What waits for a yes, and what holds."""
        actor, session = actor_of(request), session_of(request)
        subject = actor.acting_for or actor.person_id
        cards = [card for card in await queries.terms_of(subject) if _side(actor, card)]
        people = await members.people(id_ for card in cards for id_ in (card.person_id, card.worker_id))
        mileage = await governance.figure(MILEAGE)
        found = [
            {
                "id": card.id, "holds": card.from_at is not None, "waits": _waits(actor, card),
                "rows": say.lines(card, mileage),
                "who": people[card.worker_id if card.person_id == subject else card.person_id],
            }
            for card in cards
        ]  # fmt: skip
        found.sort(key=lambda one: (not one["waits"], one["holds"]))
        return render(request, "agreements/list.html", found=found, about=session.acting_for_called)

    @post("/agreed/{terms_id:str}", opt={"action": "agreements.agree_terms"})
    async def agree(self, request: AnyRequest, terms_id: FromPath[str]) -> Response[Any]:
        """Yes, to these very numbers."""
        actor = actor_of(request)
        offered = await queries.terms_of(actor.acting_for or actor.person_id)
        card = next((one for one in offered if one.id == terms_id and _waits(actor, one)), None)
        if card is None:
            raise NotFound("This offer has changed. Please look at it again.", "no_offer")
        await actions.agree_terms(
            actor, person_id=card.person_id, worker_id=card.worker_id, payer_id=card.payer_id,
            rate_pence=card.rate_pence, travel_pence=card.travel_pence, travel_minutes=card.travel_minutes,
            miles=card.miles, cancel_hours=card.cancel_hours, cancel_bps=card.cancel_bps,
        )  # fmt: skip
        return redirect(request, "/agreed", "It is agreed. It holds for every visit planned from now on.")


CONTROLLERS = [TermsController]

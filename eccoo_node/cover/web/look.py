"""What the pages of a search share: who may see it, and whose circle to ring."""

import msgspec

from eccoo_node.cover import queries
from eccoo_node.cover.queries import Offer, Request
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.links import queries as links
from eccoo_node.rota import queries as rota
from eccoo_node.rota.queries import Visit
from eccoo_node.web.ask import AnyRequest, ask_of


class Numbers(msgspec.Struct, frozen=True):
    """Whom to ring when we cannot be sure: their circle."""

    called: str
    phone: str


async def seen_by(actor: Actor, request_id: str, action: str = "cover.see") -> tuple[Request, Visit, Thing]:
    """A search and its visit, for those who may see it. Raises NotFound: that somebody is looked for is private."""
    found = await queries.request(request_id)
    visit = await rota.visit(found.visit_id)
    thing = await rota.thing_of(visit, payer=True)
    if not access.may(actor, action, thing):
        raise NotFound()
    return found, visit, thing


async def circle_of(request: AnyRequest, offer: Offer) -> Numbers:
    """The circle an offer comes from, with its number; our own for someone of ours."""
    if offer.link_id:
        known = await links.circle(offer.link_id)
        return Numbers(known.name, known.phone)
    own = ask_of(request).site.circle
    return Numbers(own.name, own.phone)

"""The payer's no to a higher price: nothing more is set aside, and the person chooses again."""

from eccoo_node.cover import queries
from eccoo_node.cover.actions import CLOSED
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.machine import ask_full_again, look_again, set_request
from eccoo_node.cover.rules import next_news
from eccoo_node.db import jobs
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict
from eccoo_node.members import queries as members
from eccoo_node.rota import queries as rota
from eccoo_node.rota.telling import tell


@door("cover.pay_no_more")
async def pay_no_more(act: Act, *, offer_id: str) -> None:
    """Say no to what the chosen offer costs. The offer stays for as long as it was made for: whoever chooses is told, and
    may talk with whoever pays and choose it again. Whoever offered hears nothing of it.

    A second press changes nothing. Raises Conflict where this offer does not wait for a yes any more.
    """
    request = await queries.lock_request((await queries.offer(offer_id)).request_id)
    visit = await rota.lock_visit(request.visit_id)
    act.allow(await rota.thing_of(visit, payer=True))
    if request.state == "asking" and not request.chosen_offer:
        return
    if request.chosen_offer != offer_id or request.state != "wants_payer":
        raise Conflict(CLOSED, "offer_closed")
    await set_request(request.id, state="asking", chosen_offer="")
    now = clock.now()
    if request.next_news_at <= now < visit.starts_at:
        # Its hour passed while the price was waiting, when there was nothing to tell.
        at = next_news(now, visit.starts_at, clock.zone())
        await ask_full_again(request)
        await set_request(request.id, next_news_at=at)
        await jobs.add("cover.news", f"{request.id}:{at.isoformat()}", run_at=at, request=request.id)
    await look_again(request.id)
    choosers = {request.person_id, *await members.speakers_for(request.person_id, "choose_who_comes")}
    await tell(choosers - {act.actor.person_id, act.actor.acting_for}, visit.id, "price_no", about=offer_id)
    await act.tell("cover.price_no", "cover_request", request.id)

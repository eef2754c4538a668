"""The treasurer's page of the weekly run: what was set aside for next week, and what is not paid for yet."""

from typing import Any

from litestar import Controller, Response, get

from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.rota import say, unpaid, weekly
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import render


class WeeklyController(Controller):
    include_in_schema = False

    @get("/money/weekly", opt={"action": "rota.see_unpaid"})
    async def weekly(self, request: AnyRequest) -> Response[Any]:
        """When, how many and how much; then what is not paid for yet, by person."""
        actor, now = actor_of(request), clock.now()
        access.requires(actor, "rota.see_unpaid", Thing("week"))
        run, short = await unpaid.last_run(actor), await unpaid.everywhere(actor)
        return render(
            request, "money/weekly.html", sentences=say.run(run) if run else [], short=short, words=say.to_ring_about,
            now=now, next=say.at_time(await weekly.next_run(now), now), many_words=say.missing_in_all(short),
        )  # fmt: skip

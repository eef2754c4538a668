"""Looking after a link: how it is doing, another year, who may hear of whom."""

import asyncio
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel import clock
from eccoo_node.links import actions, health, queries, say_health, showing
from eccoo_node.links.web.linking import HERE, _facts, _give_a_moment, _requires
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render


class LifeController(Controller):
    """Every handler asks the door, or `links.see`, whether this admin may."""

    include_in_schema = False

    @get(f"{HERE}/{{link_id:str}}/health", opt={"action": "links.see"})
    async def health(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """How the link is doing, and one line of what to do where it is not well."""
        _requires(request, link_id)
        page, report = await queries.page(link_id), await health.report(link_id)
        now, zone, them, phone = clock.now(), ask_of(request).site.zone, page.called, page.circle.phone
        return render(
            request, "links/health.html",
            **{
                **_facts(request, page),
                "rows": [row for row in say_health.rows(report, now, zone, goes_on=not page.superseded_by) if row[1]],
                "figures": [row for row in say_health.figures(report) if row[1]],
                "wrong": say_health.in_one_line(report, them, zone),
                "advice": say_health.advice(report, them, phone),
                "alarm_advice": say_health.alarm_advice(them, phone) if page.alarms else "",
            },
        )  # fmt: skip

    @post(f"{HERE}/{{link_id:str}}/try", opt={"action": "links.try_now"})
    async def try_now(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """Call the other node now; the page shows how it went."""
        await actions.try_now(actor_of(request), link_id)
        page = await queries.page(link_id)
        if page.circle.standing != "open":
            await _give_a_moment(link_id, "asked")
            return redirect(request, f"{HERE}/{link_id}")
        for _ in range(30):
            if not (trying := await queries.being_tried(link_id)):
                break
            await asyncio.sleep(0.1)
        well = not trying and not (await queries.page(link_id)).health.trouble
        return redirect(request, f"{HERE}/{link_id}/health", f"{page.called} has answered." if well else "")

    @post(f"{HERE}/{{link_id:str}}/renew", opt={"action": "links.renew"})
    async def renew(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """Another year on the same terms: ours is the first signature, or the second."""
        await actions.renew(actor_of(request), link_id)
        await _give_a_moment(link_id, "open")
        page = await queries.page(link_id)
        done = page.ours is None
        words = (
            f"You go on with {page.called} for another year."
            if done
            else f"You’ve said yes. Now {page.called} is asked."
        )
        return redirect(request, f"{HERE}/{link_id}", words)

    @get(f"{HERE}/{{link_id:str}}/shown", opt={"action": "links.see"})
    async def shown(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """May others hear of us through them, and of them through us?"""
        _requires(request, link_id)
        page, row = await queries.page(link_id), await showing.link(link_id)
        chosen = [name for name in ("shown_there", "we_show") if row[name]]
        return render(
            request, "links/shown.html", chosen=chosen, they_agree=bool(row["shown_here"]), **_facts(request, page)
        )

    @post(f"{HERE}/{{link_id:str}}/shown", opt={"action": "links.set_shown"})
    async def set_shown(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        ticked = ask_of(request).values.get("shown") or []
        await showing.set_shown(
            actor_of(request), link_id, shown_there="shown_there" in ticked, we_show="we_show" in ticked
        )
        return redirect(request, f"{HERE}/{link_id}", "Kept. They are told." if ticked else "Kept.")

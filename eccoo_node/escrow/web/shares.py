"""What the circle takes: for everyone to read, and for the treasurer to change with a decision."""

from datetime import datetime, time
from typing import Any

from litestar import Controller, Response, get, post

from eccoo_node.escrow import actions, rules, say, schedules
from eccoo_node.escrow.forms import SharesForm
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import parse_percent
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render


class SharesController(Controller):
    """Everyone who belongs here may know what is taken from whom; `money.set_schedule` changes it."""

    include_in_schema = False

    @get("/money/shares", opt={"action": "governance.see"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What is taken now, what will be, and what was."""
        actor = actor_of(request)
        access.requires(actor, "governance.see", Thing("schedule"))
        found = await schedules.schedules()
        return render(
            request, "money/shares.html",
            now=[_told(one) for one in found if one.standing == "now"],
            to_come=[_told(one) for one in reversed(found) if one.standing == "to_come"],
            before=[_told(one) for one in found if one.standing == "before"],
            may_change=rules.keeps_books(actor),
        )  # fmt: skip

    @get("/money/shares/change", opt={"action": "money.set_schedule"})
    async def about_changing(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "money.set_schedule", Thing("schedule"))
        return render(request, "money/change_shares.html", **await _choices(request))

    @post("/money/shares/change", opt={"action": "money.set_schedule"})
    async def change(self, request: AnyRequest) -> Response[Any]:
        """Write down other shares from a day on. What is agreed already keeps its own."""
        actor = actor_of(request)
        access.requires(actor, "money.set_schedule", Thing("schedule"))
        try:
            form = read_form(request, SharesForm)
            worker, payer = parse_percent(form.worker, field="worker"), parse_percent(form.payer, field="payer")
            today = clock.today()
            # From today means from now: whatever was agreed this morning was agreed at the old share.
            starts = None if form.from_day == today else datetime.combine(form.from_day, time(), tzinfo=clock.zone())
            await actions.set_schedule(
                actor, payer, worker, decision_id=form.decision, valid_from=starts, cancelled_bears=form.cancelled,
                vat_bps=parse_percent(form.vat, field="vat"),
            )  # fmt: skip
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "money/change_shares.html", error, **await _choices(request))
        return redirect(
            request, "/money/shares", "It is written down. What is agreed already keeps the share it was agreed at."
        )


def _told(one: schedules.Decided) -> dict[str, Any]:
    return {
        "sentences": say.shares(one),
        "from_day": say.day_and_year(one.valid_from),
        "decision": f"/decisions/{one.decision_id}",
        "words": one.words.split("\n", 1)[0],
    }


async def _choices(request: AnyRequest) -> dict[str, Any]:
    found = await governance.decisions(actor_of(request))
    return {"decisions": [("", "Choose"), *((one.id, one.title) for one in found if not one.about)]}

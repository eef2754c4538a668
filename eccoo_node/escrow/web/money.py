"""The money pages: a payer's and a worker's own, and the treasurer's."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.escrow import (
    actions,
    capital,
    chart,
    entering,
    queries,
    rules,
    say,
    say_capital,
    statements,
    tasks,
    telling,
)
from eccoo_node.escrow.forms import TopUpForm
from eccoo_node.escrow.queries import OwedEntry
from eccoo_node.escrow.statements import BetweenCircles, Overview, PayerLine
from eccoo_node.escrow.telling import Told
from eccoo_node.escrow.web.books import standing
from eccoo_node.escrow.web.tracing import followed
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.members.payers import who_pays
from eccoo_node.members.rules import own_words
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import Page, redirect, render
from eccoo_node.web.sessions import SessionActor
from eccoo_node.web.site import NavItem


def _books(found: Overview) -> dict[str, Any]:
    """The treasurer's part: sentences, what it consists of, and the accounts."""
    held, disputed = found.owed("2100"), found.owed("2110")
    # What the circle's own account has yet to put there is not its own there.
    spare = found.spare_pence + min(0, found.trial.get(chart.OPERATING.code, 0))
    return {
        "looked_after": f"We look after {pounds(found.looked_after_pence)} that belongs to others.",
        "spare": f"{pounds(spare)} in the same bank account is the circle’s own." if spare > 0 else "",
        "rows": [
            ("Paid in and not set aside", pounds(found.owed("2000"))),
            ("Nobody’s yet", pounds(found.owed("2090")) if found.owed("2090") else ""),
            (f"Set aside for {say.counted(*found.held)}", pounds(held) if held else ""),
            (f"In question, of {say.counted(*found.disputed)}", pounds(disputed) if disputed else ""),
            (
                "Earned by workers, to be paid out or on its way",
                pounds(found.workers_pence) if found.workers_pence else "",
            ),
            ("On its way back to payers", pounds(found.owed("2500")) if found.owed("2500") else ""),
            ("Owed to other circles", pounds(found.owed("2300")) if found.owed("2300") else ""),
        ],
        "circles": [
            {"path": f"/money/circles/{one.link_id}", "title": sentence}
            for one in found.circles
            for sentence in say.owed(one)
        ],
        "payers": [
            {
                "path": f"/money/payers/{one.payer_id}",
                "title": say.payer(one),
                "words": say.stands(one),
            }
            for one in found.payers
        ],
        "trial": [
            [
                f"{code} {chart.CHART[code].name}",
                pounds(total) if total > 0 else "",
                pounds(-total) if total < 0 else "",
            ]
            for code, total in found.trial.items()
            if total
        ],
        "total": [
            "Together",
            *(pounds(sum(max(0, sign * total) for total in found.trial.values())) for sign in (1, -1)),
        ],
    }


def _came_from(entries: list[OwedEntry], told: dict[str, Told], them: str) -> dict[str, Any]:
    """Where what is owed one way came from: a sentence for each entry, and the same as a table."""
    visits = [say.visit(told[one.reference]) if one.reference else "Settled" for one in entries]
    return {
        "rows": [(visit, say.where_from(one, them)) for visit, one in zip(visits, entries, strict=True)],
        "table": [
            [
                visit, pounds(one.fee_pence), pounds(one.travel_pence), pounds(one.worker_pence), pounds(one.theirs_pence),
                pounds(one.ours_pence), pounds(abs(one.amount_pence)),
            ]
            for visit, one in zip(visits, entries, strict=True)
        ],
    }  # fmt: skip


async def _own_shares(actor: Actor) -> dict[str, Any] | None:
    """What the reader has in shares, and what became of it; None where there is nothing to say."""
    found = await capital.own(actor)
    if found is None:
        return None
    return {
        "sentences": say_capital.holding(found.holding, yours=not actor.acting_for),
        "steps": [say_capital.step(one) for one in found.steps],
    }


class MoneyController(Controller):
    """Each page asks for the one thing it shows; what a reader may not see is not read."""

    include_in_schema = False

    @get("/money", opt={"action": "signed_in"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What is set aside, what is earned, and for the treasurer what is looked after."""
        actor, session = actor_of(request), session_of(request)
        subject = actor.acting_for or actor.person_id
        stated = await statements.payer_statements(actor)
        now_pay = await who_pays(one.person_id for one in stated) if stated else {}
        pay_now = {one.id for pays in now_pay.values() for one in pays}
        comes = await telling.what_comes(actor, {one.person_id for one in stated}) if stated else {}
        payers = [
            {
                "one": one,
                "comes": comes.get(one.payer_id),
                "cost": f"/weeks/{one.person_id}/cost" if one.payer_id in pay_now else "",
                "whose": "" if one.person_id == subject else one.person_called,
                "fund": say.fund(one.fund),
                "sentences": say.payer_sentences(one, yours=not actor.acting_for and one.person_id == subject),
                "coming": followed([row for row in one.coming if not row.in_question]),
                "asked": followed([row for row in one.coming if row.in_question]),
                "past": followed(one.past),
            }
            for one in stated
        ]
        worker = await statements.worker_statement(actor)
        earned = worker and not worker.empty
        return render(
            request, "money/index.html", payers=payers, about=session.acting_for_called,
            worker=worker if earned else None,
            held_up=await telling.what_holds(subject) if earned and worker and worker.ready_pence else "",
            worker_sentences=say.worker_sentences(worker) if worker and earned else [],
            worker_coming=followed([row for row in worker.coming if not row.in_question], for_worker=True) if worker and earned else [],
            worker_asked=followed([row for row in worker.coming if row.in_question], for_worker=True) if worker and earned else [],
            worker_past=followed(worker.past, for_worker=True) if worker and earned else [],
            books=_books(await statements.overview(actor)) if rules.keeps_books(actor) else None,
            own_words=own_words(actor, subject),
            changes_payers=access.may(actor, "members.share_payers", Thing("payer", "", subject)) and (bool(payers) or bool(actor.acting_for)),
            tasks=[msgspec.structs.asdict(one) for one in await tasks.for_treasurer(actor)] if rules.keeps_books(actor) else [],
            standing=await standing(actor) if rules.keeps_books(actor) else None, shares=await _own_shares(actor),
        )  # fmt: skip

    @get("/money/circles/{link_id:str}/where", opt={"action": "money.trace"})
    async def where(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """Where it came from, visit by visit. Reading it is written down."""
        actor = actor_of(request)
        one = await _between(actor, link_id)
        found = await actions.trace_owed(actor, link_id)
        told = await telling.tell(actor, [entry.reference for entry in found.entries if entry.reference])
        ours = [entry for entry in found.entries if entry.code == "2300"]
        theirs = [entry for entry in found.entries if entry.code == "1200"]
        return render(
            request, "money/where.html", one=one, sentences=say.owed(one),
            ours=_came_from(ours, told, one.name), theirs=_came_from(theirs, told, one.name),
        )  # fmt: skip

    @get("/money/top-up", opt={"action": "money.top_up"})
    async def about_top_up(self, request: AnyRequest) -> Response[Any]:
        """Money that came into the bank: whose, and how much?"""
        access.requires(actor_of(request), "money.top_up", Thing("payer"))
        return render(request, "money/top_up.html", **await _choices(request), key=new_id())

    @post("/money/top-up", opt={"action": "money.top_up"})
    async def top_up(self, request: AnyRequest) -> Response[Any]:
        actor = actor_of(request)
        access.requires(actor, "money.top_up", Thing("payer"))
        try:
            form = read_form(request, TopUpForm)
            pence = parse_pounds(form.amount)
            payer = await _known(actor, form.payer)
            theirs, key = [chart.credit(payer.payer_id)], f"%top-up:{form.key}"
            on = await entering.stands_already(entering.PAID_IN, theirs, pence, clock.today(), key)
            if on and not form.another:
                doubt = FormError({"another": say.stands_already(pence, on, payer.called)})
                return _again(request, doubt, await _choices(request) | {"another": pounds(pence)})
            await actions.top_up(actor, payer.payer_id, pence, f"top-up:{form.key}", form.note)
        except (FormError, Invalid, Conflict) as error:
            return _again(request, error, await _choices(request))
        there = await queries.credit_pence(payer.payer_id)
        return redirect(
            request, "/money", f"{pounds(pence)} is written down for {payer.called}. There is now {pounds(there)}."
        )


def _again(request: AnyRequest, error: FormError | Invalid | Conflict, choices: dict[str, Any]) -> Page:
    return form_error(request, "money/top_up.html", error, **choices, key=new_id())


async def _known(actor: Actor, payer_id: str) -> PayerLine:
    found = [one for one in await statements.payers(actor) if one.payer_id == payer_id]
    if not found:
        raise Invalid("Choose whose money it is.", "no_payer", field="payer")
    return found[0]


async def _choices(request: AnyRequest) -> dict[str, Any]:
    payers = await statements.payers(actor_of(request))
    return {"payers": [("", "Choose"), *((one.payer_id, say.payer(one)) for one in payers)], "another": ""}


async def _between(actor: Actor, link_id: str) -> BetweenCircles:
    access.requires(actor, "money.see_books", Thing("link", link_id, link_id=link_id))
    found = [one for one in await statements.between_circles() if one.link_id == link_id]
    if not found:
        raise NotFound("Nothing is owed between us and that circle.", "nothing_owed")
    return found[0]


def _has_money(session: SessionActor) -> bool:
    """Whoever pays, is paid or may have shares. A page without anything on it would only be in the way of the others."""
    actor = session.actor
    return bool(actor.acting_for) or actor.wears("treasurer", "worker", "owner", "family", "member")


NAV = [NavItem("/money", "Money", _has_money, order=40)]

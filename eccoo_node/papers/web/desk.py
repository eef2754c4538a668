"""The desk: a treasurer finds, makes and puts right papers; a facilitator puts them in the post."""

from datetime import date
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.escrow import say, statements
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.papers import actions, queries, rules
from eccoo_node.papers.forms import CorrectForm, WeekForm, YearForm
from eccoo_node.papers.sheet import days
from eccoo_node.papers.web.own import card
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.paging import page_of

KINDS = {
    "statement": ("A statement for a payer", "What moved in one week, and what is left."),
    "invoice": ("An invoice", "For whoever pays after the visit: all that is settled and not yet asked for."),
    "year": ("A worker’s tax year", "What they earned from 6 April to 5 April."),
}


class DeskController(Controller):
    """Each page asks for the one thing it does."""

    include_in_schema = False

    @get("/papers/all", opt={"action": "papers.keep"})
    async def every(self, request: AnyRequest) -> Response[Any]:
        """Every paper, newest first, or those that were looked for."""
        actor = actor_of(request)
        asked = {name: request.query_params.get(name, "")[:80] for name in ("find", "whose", "year")}
        people, years = await queries.shelves(actor)
        place = page_of(request.query_params)
        lines = await queries.found(
            actor, asked["find"], whose=asked["whose"], year=asked["year"], skip=place.skip(queries.SHOWN)
        )
        shown = lines[: queries.SHOWN]
        paid = await queries.paid(shown)
        by_year: dict[int, list[dict[str, Any]]] = {}
        for line in shown:
            by_year.setdefault(line.period.last.year, []).append(card(line, paid, named=True))
        return render(
            request, "papers/all.html", by_year=by_year, asked=asked, looked=any(asked.values()), people=people, years=years,
            missing=await queries.missing(actor), **place.links("/papers/all", len(lines) > queries.SHOWN, **asked),
        )  # fmt: skip

    @get("/papers/make", opt={"action": "papers.keep"})
    async def about_making(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "papers.keep", Thing("paper"))
        cards = [{"path": f"/papers/make/{kind}", "title": t, "words": w} for kind, (t, w) in KINDS.items()]
        return render(request, "papers/make.html", cards=cards)

    @get("/papers/make/{what:str}", opt={"action": "papers.keep"})
    async def about_one(self, request: AnyRequest, what: FromPath[str]) -> Response[Any]:
        return render(request, "papers/make_one.html", **await _facts(request, what))

    @post("/papers/make/{what:str}", opt={"action": "papers.keep"})
    async def make(self, request: AnyRequest, what: FromPath[str]) -> Response[Any]:
        facts = await _facts(request, what)
        try:
            made = await _make(request, what, facts)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "papers/make_one.html", error, **facts)
        return redirect(request, f"/papers/{made}", "The paper is made.")

    @get("/papers/{paper_id:str}/correct", opt={"action": "papers.correct"})
    async def about_correcting(self, request: AnyRequest, paper_id: FromPath[str]) -> Response[Any]:
        access.requires(actor_of(request), "papers.correct", Thing("paper", paper_id))
        return render(request, "papers/correct.html", paper=await queries.paper(paper_id))

    @post("/papers/{paper_id:str}/correct", opt={"action": "papers.correct"})
    async def correct(self, request: AnyRequest, paper_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        access.requires(actor, "papers.correct", Thing("paper", paper_id))
        paper = await queries.paper(paper_id)
        try:
            form = read_form(request, CorrectForm)
            made = await actions.correct(actor, paper.id, because=form.because)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "papers/correct.html", error, paper=paper)
        return redirect(request, f"/papers/{made}", f"It is in place of {paper.called}.")

    @get("/papers/to-post", opt={"action": "papers.posted"})
    async def to_post(self, request: AnyRequest) -> Response[Any]:
        """What waits to be printed and put in the post."""
        return render(request, "papers/to_post.html", rows=await queries.to_post(actor_of(request)))

    @post("/papers/{paper_id:str}/posted", opt={"action": "papers.posted"})
    async def posted(self, request: AnyRequest, paper_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        access.requires(actor, "papers.posted", Thing("paper", paper_id))
        await actions.say_posted(actor, paper_id)
        return redirect(request, "/papers/to-post", "Written down: it is in the post.")


async def _facts(request: AnyRequest, what: str) -> dict[str, Any]:
    """What the form of this kind shows. Raises NotFound for a kind that there is not."""
    actor = actor_of(request)
    access.requires(actor, "papers.keep", Thing("paper"))
    if what not in KINDS:
        raise NotFound()
    today = clock.today()
    title, words = KINDS[what]
    facts: dict[str, Any] = {"what": what, "title": title, "words": words}
    if what == "year":
        last = rules.tax_year(today).first.year - 1
        began = await queries.first_earned(actor)
        first = max(last - 5, rules.tax_year(began.astimezone(clock.zone()).date()).first.year) if began else last + 1
        years = [(str(year), days(rules.tax_year(date(year, 4, 6)))) for year in range(last, first - 1, -1)]
        return facts | {"workers": [("", "Choose"), *await queries.workers(actor)], "years": years}
    payers = [(one.payer_id, say.payer(one)) for one in await statements.payers(actor)]
    return facts | {"payers": [("", "Choose"), *payers], "last": days(rules.last_week(today))}


async def _make(request: AnyRequest, what: str, facts: dict[str, Any]) -> str:
    actor = actor_of(request)
    if what == "year":
        year = read_form(request, YearForm)
        if year.worker not in {value for value, _ in facts["workers"] if value}:
            raise Invalid("Choose whose year it is.", "no_worker", field="worker")
        try:
            return await actions.make_year(actor, year.worker, year.year)
        except Conflict as refused:
            if refused.code != actions.NOTHING:
                raise
            raise Invalid("They earned nothing here in that year. Choose another.", "nothing", field="year") from None
    form = read_form(request, WeekForm)
    if form.payer not in {value for value, _ in facts["payers"] if value}:
        raise Invalid("Choose whose paper it is.", "no_payer", field="payer")
    if what == "invoice":
        return await actions.make_invoice(actor, form.payer)
    if form.week is None:
        raise Invalid(WeekForm.SAY["week"], "no_week", field="week")
    return await actions.make_statement(actor, form.payer, rules.week(form.week).first)

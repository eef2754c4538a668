"""One's own papers: the list, the paper as a page, as a file, for a spreadsheet; and a worker's month as it stands."""

from datetime import date
from typing import Any

from litestar import Controller, Response, get
from litestar.params import FromPath

from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.papers import actions, pdf, queries, rules, worker
from eccoo_node.papers.queries import Line, Paper
from eccoo_node.papers.rules import Period
from eccoo_node.papers.sheet import as_csv, days, sum_of
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import as_file, render
from eccoo_node.web.paging import page_of


def card(line: Line, paid: dict[str, int], *, named: bool = False) -> dict[str, Any]:
    """One paper in a list."""
    words = line.called if not named else f"{line.called}, for {line.for_called}"
    if line.series == "invoice":
        words += f", {pounds(abs(line.owed_pence))}"
    return {"path": f"/papers/{line.id}", "title": line.title, "words": words, "state": standing(line, paid)}


def standing(line: Line, paid: dict[str, int]) -> tuple[str, str] | None:
    """Whether it still holds, and of an invoice whether it is paid."""
    if line.replaced_by:
        return ("open", f"Put right: {line.replaced_called} is in its place")
    if line.series != "invoice":
        return None
    there = paid.get(line.id, 0)
    if line.owed_pence <= there:
        return ("certain", "Comes off the next invoice" if line.owed_pence < 0 else "Paid")
    return ("waiting", f"{pounds(there)} of it is paid" if there > 0 else "To be paid")


async def whole(actor: Actor, paper_id: str) -> Paper:
    """The paper. Of one's own the reading is free, of another's it is an act. Raises NotFound and Forbidden."""
    found = await queries.paper(paper_id)
    if access.may(actor, "papers.see", found.thing):
        return found
    return await actions.read_anothers(actor, paper_id)


class PapersController(Controller):
    """Each paper asks for itself who reads it."""

    include_in_schema = False

    @get("/papers", opt={"action": "signed_in"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """The reader's own, newest first."""
        actor, session = actor_of(request), session_of(request)
        place = page_of(request.query_params)
        lines, more = await queries.own(actor, place.skip(queries.SHOWN))
        paid = await queries.paid(lines)
        earns = actor.wears("worker") and not actor.acting_for
        return render(
            request, "papers/list.html", cards=[card(line, paid) for line in lines], about=session.acting_for_called,
            earns=earns, keeps=rules.keeps_papers(actor), posts=rules.posts_papers(actor), **place.links("/papers", more),
        )  # fmt: skip

    @get("/papers/{paper_id:str}", opt={"action": "papers.read"})
    async def show(self, request: AnyRequest, paper_id: FromPath[str]) -> Response[Any]:
        """The paper as a page, which prints as the paper."""
        actor = actor_of(request)
        found = await whole(actor, paper_id)
        own = access.may(actor, "papers.see", found.thing)
        return render(
            request, "papers/paper.html", paper=found, sheet=found.sheet, own=own,
            state=standing(found, await queries.paid([found])), pdf=pdf.available(),
            may_correct=rules.keeps_papers(actor) and not found.replaced_by,
            back="/papers" if own else "/papers/all" if rules.keeps_papers(actor) else "/papers/to-post",
        )  # fmt: skip

    @get("/papers/{paper_id:str}/pdf", opt={"action": "papers.read"})
    async def file(self, request: AnyRequest, paper_id: FromPath[str]) -> Response[Any]:
        """The paper as a file, in large print for whoever asked for that, or with `?print=large`."""
        found = await whole(actor_of(request), paper_id)
        if not pdf.available():
            return render(request, "papers/no_file.html", paper=found, letters=False)
        asked = request.query_params.get("print", "")
        large = found.large_print if asked not in {"large", "usual"} else asked == "large"
        try:
            made = await pdf.pdf(found, large=large)
        except pdf.OtherLetters:
            return render(request, "papers/no_file.html", paper=found, letters=True)
        return _file(made, "application/pdf", f"{found.called}.pdf")

    @get("/papers/{paper_id:str}/csv", opt={"action": "papers.read"})
    async def spreadsheet(self, request: AnyRequest, paper_id: FromPath[str]) -> Response[Any]:
        found = await whole(actor_of(request), paper_id)
        text = as_csv(found.sheet, found.called)
        # Excel takes a file without this mark for one of its own country's letters.
        return _file(f"\ufeff{text}".encode(), "text/csv; charset=utf-8", f"{found.called}.csv")

    @get("/papers/month", opt={"action": "signed_in"})
    async def month(self, request: AnyRequest) -> Response[Any]:
        """What a worker earned in one month, as the books stand now. No paper: it has no number."""
        actor = actor_of(request)
        if actor.acting_for:
            raise NotFound()
        period = _asked_month(request)
        earned, did = await worker.reckon(actor.person_id, period)
        before = rules.month(date.fromordinal(period.first.toordinal() - 1))
        after = rules.month(date.fromordinal(period.last.toordinal() + 1))
        today = clock.today()
        return render(
            request, "papers/month.html", called=f"{period.first:%B} {period.first.year}",
            whole=earned.whole, did=[(one.words, f"{sum_of(one.amount_pence)}\n{one.note}") for one in did],
            rows=_rows(earned), before=before, sum_of=sum_of, after=after if after.first <= today else None,
        )  # fmt: skip


def _rows(earned: worker.Earned) -> list[tuple[str, str]]:
    whole = earned.whole
    named = [
        (f"Owed to you on {days(Period(earned.period.first, earned.period.first))}", earned.opening_pence),
        ("Fees", whole.fees_pence),
        ("Taken back", -whole.taken_back_pence),
        ("The circle takes", -whole.commission_pence),
        ("Travel", whole.travel_pence),
        ("Expenses", whole.expenses_pence),
        ("Other entries in the books", whole.other_pence),
        ("Paid out to you", -whole.paid_pence),
    ]
    rows = [(words, sum_of(pence)) for words, pence in named if pence]
    return [*rows, ("Owed to you at the end", sum_of(earned.closing_pence))]


def _asked_month(request: AnyRequest) -> Period:
    """The month that was asked for, as 2026-11; this one where none was."""
    asked = request.query_params.get("of", "")
    try:
        day = date.fromisoformat(f"{asked}-01") if asked else clock.today()
    except ValueError:
        raise NotFound("There is no such month.", "no_month") from None
    if not 2000 <= day.year <= 2900:
        raise NotFound("There is no such month.", "no_month")
    return rules.month(day)


def _file(body: bytes, kind: str, name: str) -> Response[Any]:
    return Response(body, media_type=kind, headers=as_file(name, shown=True))

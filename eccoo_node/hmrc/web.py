"""The pages of what HMRC is told: a worker's own, and the treasurer's."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.escrow import earned
from eccoo_node.governance import queries as governance
from eccoo_node.hmrc import actions, queries, rules, say
from eccoo_node.hmrc.forms import Identity, MakeForm, MarkForm, Operator
from eccoo_node.hmrc.queries import Standing
from eccoo_node.hmrc.reckoning import total
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.kernel.words import many
from eccoo_node.members import queries as members
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import as_file, redirect, render

KINDS = [
    ("person", "As myself", "Also when you are self-employed. Nearly everyone"),
    ("company", "Through a company of mine", "A registered company that is paid for what I do"),
]
NEXUS = [
    ("RPONEX1", "It pays its taxes in the United Kingdom"),
    ("RPONEX2", "It is registered here, and has no tax residence anywhere"),
    ("RPONEX3", "It is run from here, and has no tax residence anywhere"),
    ("RPONEX4", "It has a branch here, and has no tax residence anywhere"),
]
OUTCOMES = [
    ("sent", "I sent it, and HMRC took it"),
    ("unsent", "It was not sent, or HMRC turned it away", "The next one then begins where this one did"),
]


def _this_year() -> int:
    return clock.today().year


def _subject(request: AnyRequest, action: str) -> tuple[Actor, str]:
    """Whoever reads or tells, and about whom: themselves, or the one whose words a facilitator writes down."""
    actor = actor_of(request)
    person_id = actor.acting_for or actor.person_id
    access.requires(actor, action, Thing("tax_details", person_id, person_id))
    return actor, person_id


class TellingController(Controller):
    """A worker tells what HMRC needs, and reads what it is told. A facilitator writes down, and reads no number whole."""

    include_in_schema = False

    @get("/money/tax-details", opt={"action": "hmrc.tell_details"})
    async def about(self, request: AnyRequest) -> Response[Any]:
        actor, person_id = _subject(request, "hmrc.tell_details")
        facts = await self._facts(request, person_id)
        values: dict[str, Any] = {}
        if not actor.acting_for and facts["told_on"]:
            who = await actions.read_details(actor, person_id)
            if who:
                values = msgspec.structs.asdict(who.identity)
                born = who.identity.birth_date
                values["birth_date"] = f"{born.day} {born:%B} {born.year}" if born else ""
        return render(request, "hmrc/details.html", values=values or None, **facts)

    @post("/money/tax-details", opt={"action": "hmrc.tell_details"})
    async def tell(self, request: AnyRequest) -> Response[Any]:
        actor, person_id = _subject(request, "hmrc.tell_details")
        try:
            await actions.tell_details(actor, person_id, read_form(request, Identity))
        except (FormError, Invalid) as error:
            return form_error(request, "hmrc/details.html", error, **await self._facts(request, person_id))
        told = "It is written down. Thank you." if not actor.acting_for else "It is written down."
        return redirect(request, "/home" if actor.acting_for else "/money/told-hmrc", told)

    async def _facts(self, request: AnyRequest, person_id: str) -> dict[str, Any]:
        if not await queries.is_paid(person_id):
            raise NotFound("HMRC wants to know this of paid workers only.", "not_paid")
        told_at = await queries.told_at(person_id)
        return {
            "about": session_of(request).acting_for_called,
            "writes": bool(actor_of(request).acting_for),
            "told_on": say.day(told_at) if told_at else "",
            "kinds": KINDS,
            "countries": list(rules.countries().items()),
        }

    @get("/money/told-hmrc", opt={"action": "hmrc.read_copy"})
    async def copies(self, request: AnyRequest) -> Response[Any]:
        """What HMRC was told about the last year, and will be told about this one."""
        actor, person_id = _subject(request, "hmrc.read_copy")
        year = _this_year()
        found = [await actions.read_copy(actor, person_id, one) for one in (year - 1, year)]
        called = session_of(request).acting_for_called
        return render(
            request, "hmrc/told.html", about=called,
            copies=[_copy(one, called, yours=not actor.acting_for) for one in found if one],
            asks=await queries.is_paid(person_id) and await queries.told_at(person_id) is None,
        )  # fmt: skip


def _copy(one: actions.Copy, called: str, *, yours: bool) -> dict[str, Any]:
    return {
        "year": one.year,
        "sentence": say.copy_sentence(one, called, yours=yours),
        "rows": say.copy_rows(one.quarters, reimbursed=one.reimbursed),
        "table": say.copy_table(one.quarters, reimbursed=one.reimbursed),
        "who": say.who(one.who, whole=yours) if one.who else [],
        "differs": one.differs,
        "told": one.report is not None,
        "reference": one.report.reference if one.report else "",
    }


class ReportController(Controller):
    """For the treasurer: each year's report, step by step."""

    include_in_schema = False

    @get("/money/report", opt={"action": "hmrc.see_report"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """The years, the newest first."""
        access.requires(actor_of(request), "hmrc.see_report", Thing("tax_report"))
        sent = {one.year for one in await queries.reports() if one.outcome == "sent"}
        years = await _years()
        cards = [
            {
                "path": f"/money/report/{year}",
                "title": str(year),
                "words": "This year" if year == _this_year() else f"Due by 31 January {year + 1}",
                "state": ("certain", "HMRC was told") if year in sent else None,
            }
            for year in reversed(years)
        ]
        # The oldest year that HMRC has not been told of comes first; then the one that runs.
        open_ = next((year for year in years if year not in sent), years[-1])
        words = f"{open_} still runs: what it needs can be gathered now." if open_ == _this_year() else ""
        return render(
            request, "hmrc/years.html", cards=cards, next_path=f"/money/report/{open_}", next_words=words,
            next_button=f"See what {open_} still needs" if open_ not in sent else f"See {open_}",
        )  # fmt: skip

    @get("/money/report/operator", opt={"action": "hmrc.set_operator"})
    async def about_operator(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "hmrc.set_operator", Thing("tax_operator"))
        now = await queries.operator()
        return render(request, "hmrc/operator.html", values=msgspec.structs.asdict(now) if now else None, nexus=NEXUS)

    @post("/money/report/operator", opt={"action": "hmrc.set_operator"})
    async def set_operator(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "hmrc.set_operator", Thing("tax_operator"))
        try:
            await actions.set_operator(actor_of(request), read_form(request, Operator))
        except (FormError, Invalid) as error:
            return form_error(request, "hmrc/operator.html", error, nexus=NEXUS)
        return redirect(request, "/money/report", "The circle’s details are written down.")

    @get("/money/report/{year:int}", opt={"action": "hmrc.see_report"})
    async def show(self, request: AnyRequest, year: FromPath[int]) -> Response[Any]:
        """How far the year has got, and what to do next."""
        return render(request, "hmrc/year.html", **await _year(request, year))

    @post("/money/report/{year:int}/make", opt={"action": "hmrc.make_report"})
    async def make(self, request: AnyRequest, year: FromPath[int]) -> Response[Any]:
        access.requires(actor_of(request), "hmrc.make_report", Thing("tax_report", str(year)))
        await _known(year)
        try:
            made = await actions.make_report(actor_of(request), year, without=read_form(request, MakeForm).without)
        except (FormError, Conflict) as error:
            return form_error(request, "hmrc/year.html", error, **await _year(request, year))
        words = "The report is made." if len(made) == 1 else "Two reports are made: what is new, and what is put right."
        return redirect(request, f"/money/report/files/{made[0]}", words)

    @get("/money/report/files/{report_id:int}", opt={"action": "hmrc.mark"})
    async def file(self, request: AnyRequest, report_id: FromPath[int]) -> Response[Any]:
        """One report: download it, and say what became of it."""
        return render(request, "hmrc/file.html", **await _file(request, report_id))

    @post("/money/report/files/{report_id:int}", opt={"action": "hmrc.mark"})
    async def mark(self, request: AnyRequest, report_id: FromPath[int]) -> Response[Any]:
        facts = await _file(request, report_id)
        try:
            form = read_form(request, MarkForm)
            await actions.mark(actor_of(request), report_id, form.outcome, reference=form.reference, on_day=form.on_day)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "hmrc/file.html", error, **facts)
        return redirect(request, f"/money/report/{facts['one'].year}", "It is written down.")

    @post("/money/report/files/{report_id:int}/download", opt={"action": "hmrc.download"})
    async def download(self, request: AnyRequest, report_id: FromPath[int]) -> Response[Any]:
        """The file that HMRC takes. That it was taken stands in the record."""
        one, body = await actions.download(actor_of(request), report_id)
        return Response(
            body, media_type="application/xml",
            status_code=200,
            headers=as_file(f"hmrc-{one.year}-{one.number}.xml"),
        )  # fmt: skip

    @get("/money/report/{year:int}/copies/{person_id:str}", opt={"action": "hmrc.read_copy"})
    async def copy(self, request: AnyRequest, year: FromPath[int], person_id: FromPath[str]) -> Response[Any]:
        """One worker's copy, to look at or to print for whoever has letters."""
        actor = actor_of(request)
        if not rules.keeps_books(actor):
            raise Forbidden()
        await _known(year)
        one = await actions.read_copy(actor, person_id, year)
        called = (await queries.called([person_id])).get(person_id, "")
        if one is None or not called:
            raise NotFound("There is nothing to tell of them for that year.", "no_copy")
        told = _copy(one, called, yours=False) | {"who": say.who(one.who, whole=True, own=False) if one.who else []}
        return render(request, "hmrc/copy.html", one=told, called=called)


async def _years() -> list[int]:
    return sorted({*await earned.years(), *(one.year for one in await queries.reports()), _this_year()})


async def _known(year: int) -> None:
    """Raises NotFound for any year of which there is nothing to tell, before it is reckoned with."""
    if year not in await _years():
        raise NotFound("There is nothing to tell of that year.", "no_year")


async def _year(request: AnyRequest, year: int) -> dict[str, Any]:
    actor = actor_of(request)
    access.requires(actor, "hmrc.see_report", Thing("tax_report", str(year)))
    await _known(year)
    reimbursed = await governance.figure(rules.REIMBURSEMENTS)
    one, now = await queries.standing(actor, year, reimbursed=bool(reimbursed)), clock.now()
    return {
        "year": year,
        "sentence": _sentence(one),
        "next": say.next_step(one, now),
        "steps": say.steps(one, now),
        "missing": [{"called": worker.called, "words": say.asked(worker)} for worker in one.missing],
        "helpers": await members.facilitators() if one.missing else [],
        "left_out": [worker.called for worker in say.earning_missing(one)],
        "patience": say.patience(one, now),
        "mileage": say.mileage(reimbursed),
        "table": _table(one),
        "copies": [
            {"called": one.names.get(id_, ""), "path": f"/money/report/{year}/copies/{id_}"}
            for id_ in sorted(one.quarters, key=lambda id_: (one.names.get(id_, ""), id_))
        ],
        "reports": [
            {"path": f"/money/report/files/{made.id}", "title": f"Report {made.number}", "words": say.report(made)}
            for made in one.reports
        ],
    }


def _sentence(one: Standing) -> str:
    if not one.quarters:
        return f"Nobody has earned anything here in {one.year}."
    net = sum(total(of).net_pence for of in one.quarters.values())
    return f"In {one.year}, {many(len(one.quarters), 'worker')} earned {pounds(net)} here."


def _table(one: Standing) -> list[list[str]]:
    rows = []
    for id_, of in sorted(one.quarters.items(), key=lambda item: (one.names.get(item[0], ""), item[0])):
        whole = total(of)
        rows.append(
            [
                one.names.get(id_, ""), pounds(whole.net_pence), *(pounds(quarter.net_pence) for quarter in of),
                pounds(whole.fees_pence),
                pounds(whole.tax_pence), pounds(whole.reimbursed_pence), str(whole.visits),
            ]
        )  # fmt: skip
    return rows


async def _file(request: AnyRequest, report_id: int) -> dict[str, Any]:
    access.requires(actor_of(request), "hmrc.mark", Thing("tax_report", str(report_id)))
    one = await queries.report(report_id)
    return {"one": one, "words": say.report(one), "outcomes": OUTCOMES, "people": len(await queries.frozen(report_id))}


CONTROLLERS = [TellingController, ReportController]

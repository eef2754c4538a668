"""The treasurer's pages of one circle: what is open, the statements, what differs, and where its money goes."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.escrow import between, sharing, statements, telling
from eccoo_node.escrow import say as money_say
from eccoo_node.escrow.statements import BetweenCircles
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.links import ending, held
from eccoo_node.links import queries as links
from eccoo_node.members.say import say_date
from eccoo_node.payouts.rules import say_sort_code
from eccoo_node.settlement import actions, banks, queries, righting, say
from eccoo_node.settlement.forms import AccountForm, AnswerForm, BearForm, RightForm, SentForm, SureForm
from eccoo_node.settlement.queries import Line, Page, Waiting
from eccoo_node.settlement.righting import Stood
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

BASE = "/money/circles"


class SettlementController(Controller):
    """A treasurer's; a facilitator may be the second who makes sure of an account."""

    include_in_schema = False

    @get("/money/circles/{link_id:str}", opt={"action": "settlement.see"})
    async def circle(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """What we and one circle owe each other, and what is next."""
        return render(request, "settlement/circle.html", **await _circle(actor_of(request), link_id))

    @post("/money/circles/{link_id:str}", opt={"action": "settlement.sent"})
    async def sent(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """We have sent what we owed: the books have it, and the other circle is told."""
        actor = actor_of(request)
        access.requires(actor, "settlement.sent", Thing("link", link_id, link_id=link_id))
        try:
            form = read_form(request, SentForm)
            await between.paid_circle(actor, link_id, form.pence, f"sent:{form.key}")
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "settlement/circle.html", error, **await _circle(actor, link_id))
        return redirect(request, f"{BASE}/{link_id}", f"{pounds(form.pence)} is written down as sent. They are told.")

    @get("/money/circles/{link_id:str}/statements/{settle_page:str}", opt={"action": "settlement.see"})
    async def statement(self, request: AnyRequest, link_id: FromPath[str], settle_page: FromPath[str]) -> Response[Any]:
        return render(request, "settlement/statement.html", **await _statement(actor_of(request), link_id, settle_page))

    @get("/money/circles/{link_id:str}/lines/{settle_entry:int}", opt={"action": "settlement.see"})
    async def line(self, request: AnyRequest, link_id: FromPath[str], settle_entry: FromPath[int]) -> Response[Any]:
        """Whose books are right about this one?"""
        return render(request, "settlement/line.html", **await _line(actor_of(request), link_id, settle_entry))

    @post("/money/circles/{link_id:str}/lines/{settle_entry:int}", opt={"action": "settlement.answer"})
    async def answer(self, request: AnyRequest, link_id: FromPath[str], settle_entry: FromPath[int]) -> Response[Any]:
        actor = actor_of(request)
        facts = await _line(actor, link_id, settle_entry)
        try:
            form = read_form(request, AnswerForm)
            await actions.answer_line(actor, link_id, settle_entry, form.whose)
        except (FormError, Invalid) as error:
            return form_error(request, "settlement/line.html", error, **facts)
        if form.whose == "theirs" and facts["lower"]:
            return redirect(request, f"{BASE}/{link_id}/lines/{settle_entry}/right")
        told = "Written down. It stands on the next statement again, until both books say the same."
        return redirect(request, f"{BASE}/{link_id}", told)

    @get("/money/circles/{link_id:str}/lines/{settle_entry:int}/right", opt={"action": "settlement.put_right"})
    async def righting(self, request: AnyRequest, link_id: FromPath[str], settle_entry: FromPath[int]) -> Response[Any]:
        """How much was right for this visit?"""
        return render(request, "settlement/right.html", **await _right(actor_of(request), link_id, settle_entry))

    @post("/money/circles/{link_id:str}/lines/{settle_entry:int}/right", opt={"action": "settlement.put_right"})
    async def right(self, request: AnyRequest, link_id: FromPath[str], settle_entry: FromPath[int]) -> Response[Any]:
        actor = actor_of(request)
        facts = await _right(actor, link_id, settle_entry)
        try:
            form = read_form(request, RightForm)
            fee = parse_pounds(form.fee, field="fee")
            travel = parse_pounds(form.travel, field="travel") if form.was_travel else 0
            await righting.put_right(
                actor, link_id, settle_entry, was=Stood(form.was_fee, form.was_travel), fee_pence=fee,
                travel_pence=travel, because=form.because, key=form.key,
            )  # fmt: skip
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "settlement/right.html", error, **facts)
        told = "Our books are put right. The next statement says so, and the other circle compares it with its own."
        return redirect(request, f"{BASE}/{link_id}", told)

    @post("/money/circles/{link_id:str}/lines/{settle_entry:int}/bear", opt={"action": "settlement.bear"})
    async def bear(self, request: AnyRequest, link_id: FromPath[str], settle_entry: FromPath[int]) -> Response[Any]:
        actor = actor_of(request)
        facts = await _right(actor, link_id, settle_entry)
        try:
            form = read_form(request, BearForm)
            pence = parse_pounds(form.amount)
            await righting.bear(actor, link_id, settle_entry, amount_pence=pence, because=form.why, key=form.key)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "settlement/right.html", error, **facts)
        return redirect(request, f"{BASE}/{link_id}", f"Our circle bears {pounds(pence)}. Nobody is paid less for it.")

    @get("/money/circles/{link_id:str}/account", opt={"action": "settlement.see_account"})
    async def account(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """Where does their money go?"""
        return render(request, "settlement/account.html", **await _account(actor_of(request), link_id))

    @post("/money/circles/{link_id:str}/account", opt={"action": "settlement.give_account"})
    async def give(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        access.requires(actor, "settlement.give_account", Thing("link", link_id, link_id=link_id))
        try:
            form = read_form(request, AccountForm)
            await banks.give_account(
                actor, link_id, name=form.name, sort_code=form.sort_code, account_number=form.account_number
            )
        except (FormError, Invalid) as error:
            return form_error(request, "settlement/account.html", error, **await _account(actor, link_id))
        return redirect(
            request, f"{BASE}/{link_id}/account", "It is written down. Now a second person makes sure of it."
        )

    @post("/money/circles/{link_id:str}/account/{circle_bank:str}", opt={"action": "settlement.confirm_account"})
    async def confirm(self, request: AnyRequest, link_id: FromPath[str], circle_bank: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        facts = await _account(actor, link_id)
        try:
            form = read_form(request, SureForm)
            await banks.confirm_account(actor, link_id, circle_bank, how=form.how)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "settlement/account.html", error, **facts)
        said = (
            "It is not used. Please ask their treasurer for it again."
            if form.how == "wrong"
            else "Money for them goes there now."
        )
        return redirect(request, f"{BASE}/{link_id}/account", said)


async def _circle(actor: Actor, link_id: str) -> dict[str, Any]:
    access.requires(actor, "settlement.see", Thing("link", link_id, link_id=link_id))
    owed = next((one for one in await statements.between_circles() if one.link_id == link_id), None)
    here = next((one for one in await queries.waiting() if one.link_id == link_id), None)
    if owed is None and here is None:
        raise NotFound("Nothing is owed between us and that circle.", "nothing_owed")
    circle = await links.circle(link_id)
    name = circle.name or "another circle"
    owed = owed or BetweenCircles(link_id, name, 0, 0, 0, 0)
    here = here or Waiting(link_id, name, 0, 0, 0, 0, None)
    pages = await queries.pages(link_id)
    lines = await queries.lines_of([page.id for page in pages]) if pages else []
    put_up = await between.fronted_pence(link_id)
    step = say.step(here)
    differing = [one for one in lines if one.state == "disputed" and not one.answer]
    told, books = await _told(actor, link_id)
    link = await held.link(link_id)
    answers = await ending.gone_since(link_id) is None
    speaks = not link["superseded_by"] and (not link["agreement"] or links.in_our_name(link["agreement"]))
    return {
        "gone_over": link["superseded_by"], "ours_still": speaks,
        "link_id": link_id, "name": name, "sentences": money_say.owed(owed), "step": step,
        "pay": await _to_pay(link_id, here, pages) if step and step.kind == "pay" else None,
        "look": f"{BASE}/{link_id}/lines/{differing[0].id}" if differing else "",
        "waits": say.waits(here, pages, name) if speaks and answers else "", "open": await _open_rows(link_id, told, books, name),
        "statements": [_card(page, lines) for page in pages if page.closing_pence or page.opening_pence or page.state == "refused"
                       or any(one.page_id == page.id for one in lines)],
        "acts": _acts(owed), "put_up": pounds(put_up) if put_up else "",
        "history": [say.payment(one, name) for one in reversed(await queries.payments(link_id))],
        "account": f"{BASE}/{link_id}/account",
    }  # fmt: skip


async def _told(actor: Actor, link_id: str) -> tuple[dict[str, telling.Told], queries.Books]:
    books = await queries.books(link_id, await between.last_entry())
    return await telling.tell(actor, list(books.references.values())), books


async def _open_rows(
    link_id: str, told: dict[str, telling.Told], books: queries.Books, name: str
) -> list[tuple[str, str]]:
    """What is in the books and on no statement that was agreed."""
    stated = await queries.stated_by_side(link_id)
    found = []
    for side, ours in ((books.theirs, False), (books.ours, True)):
        for key, pence in side.items():
            if left := pence - stated[ours].get(key, 0):
                who = name if ours == (left > 0) else "We"
                owes = "owes" if who == name else "owe"
                found.append((money_say.visit(told[books.references[key]]), f"{who} {owes} {pounds(abs(left))}"))
    return found


async def _to_pay(link_id: str, here: Waiting, pages: list[Page]) -> dict[str, Any]:
    pence = here.theirs_due_pence - here.on_its_way_pence
    bank = await queries.bank(link_id, state="confirmed")
    # Where another link's debt went over to this one, no statement says it.
    answered = [one for one in pages if not one.ours and one.state == "answered"]
    page = next((one for one in answered if one.even_at), answered[0] if answered else None)
    rows = [("Sum", pounds(pence))]
    if page:
        said = [one for one in await queries.payments(link_id) if one.page_id == page.id]
        count = sum(1 for one in said if one.kind == "paid" and one.ours)
        rows = [("Reference", actions.payment_reference(page.hash, count)), *rows]
    if bank:
        to = [
            ("Name", bank.name),
            ("Sort code", say_sort_code(bank.sort_code)),
            ("Account number", bank.account_number),
        ]
        rows = [*to, *rows]
    return {
        "pence": pence,
        "key": f"{link_id}:{here.sent_pence}",
        "rows": rows,
        "known": bank is not None,
        "asked": await queries.bank(link_id, state="waits") is not None,
        "by": say.by(here.even_at),
    }


def _card(page: Page, lines: list[Line]) -> dict[str, Any]:
    disputed = sum(1 for one in lines if one.page_id == page.id and one.state == "disputed")
    whose = "What they owe us" if page.ours else "What we owe them"
    return {
        "path": f"{BASE}/{page.link_id}/statements/{page.id}", "title": say.period(page),
        "words": f"{whose}: {pounds(page.closing_pence)}", "state": say.state(page, disputed),
    }  # fmt: skip


def _acts(one: BetweenCircles) -> list[dict[str, Any]]:
    """What may be written down now between us and one circle."""
    found = [
        ("paid-circle", f"We have paid {one.name}", one.we_owe_pence),
        ("circle-paid", f"{one.name} has paid us", one.they_owe_pence),
        ("put-up", "Pay our workers before it has paid us", one.they_owe_pence),
    ]
    return [
        {"path": f"/money/write/{kind}?circle={one.link_id}", "title": title} for kind, title, there in found if there
    ]


async def _statement(actor: Actor, link_id: str, page_id: str) -> dict[str, Any]:
    access.requires(actor, "settlement.see", Thing("link", link_id, link_id=link_id))
    page = next((one for one in await queries.pages(link_id) if one.id == page_id), None)
    if page is None:
        raise NotFound("There is no such statement.", "no_statement")
    circle = await links.circle(link_id)
    told, books = await _told(actor, link_id)
    lines = await queries.lines_of([page.id])
    named = [
        (
            one,
            money_say.visit(told[books.references[one.key]])
            if one.key in books.references
            else "A visit that our books do not know",
        )
        for one in lines
    ]
    # What a circle that is gone never answered is put right, or borne, like what was agreed.
    may_change = {"agreed", "waiting"} if await ending.gone_since(link_id) else {"agreed"}
    agreed = page.opening_pence + sum(one.amount_pence for one in lines if one.state == "agreed")
    return {
        "link_id": link_id, "name": circle.name, "page": page, "period": say.period(page),
        "whose": f"What {circle.name} owes us" if page.ours else f"What we owe {circle.name}",
        "state": say.state(page, sum(1 for one in lines if one.state == "disputed")),
        "rows": [(words, pounds(one.amount_pence)) for one, words in named if one.state != "disputed"],
        "wrong": [
            {"path": f"{BASE}/{link_id}/lines/{one.id}/right", "title": words, "words": pounds(one.amount_pence)}
            for one, words in named if one.state in may_change and one.key in books.references
        ],
        "differs": [
            {"path": f"{BASE}/{link_id}/lines/{one.id}", "title": words, "words": say.differs(one, ours=page.ours),
             "state": say.answered(one)} for one, words in named if one.state == "disputed"
        ],
        "sums": [
            ("Left from before", pounds(page.opening_pence) if page.opening_pence else ""),
            ("Agreed", pounds(agreed) if page.state == "answered" else ""),
            ("Set off against the other side", pounds(page.off_pence) if page.off_pence else ""),
            (f"Left to pay on {say_date(page.even_at.astimezone(clock.zone()).date())}", pounds(page.left_pence or 0)) if page.even_at else ("", ""),
            ("Stated", clock.say_day(page.made_at, clock.zone())),
            ("Answered", clock.say_day(page.answered_at, clock.zone()) if page.answered_at else ""),
        ],
    }  # fmt: skip


async def _line(actor: Actor, link_id: str, line_id: int) -> dict[str, Any]:
    access.requires(actor, "settlement.see", Thing("link", link_id, link_id=link_id))
    pages = {page.id: page for page in await queries.pages(link_id)}
    one = next((line for line in await queries.lines_of(list(pages)) if line.id == line_id), None) if pages else None
    if one is None or one.state != "disputed":
        raise NotFound("This is not in question.", "not_disputed")
    circle = await links.circle(link_id)
    told, books = await _told(actor, link_id)
    known = one.key in books.references
    ours, theirs = say.both(one, ours=pages[one.page_id].ours)
    # What stands there is only ever put lower: more would need the yes of whoever pays.
    lower = known and ours > theirs
    return {
        "link_id": link_id, "name": circle.name, "phone": circle.phone, "one": one, "answered": say.answered(one),
        "visit": money_say.visit(told[books.references[one.key]]) if known else "A visit that our books do not know",
        "rows": [("Our books say", pounds(ours)), (f"{circle.name} says", pounds(theirs))],
        "options": [
            ("ours", f"Ours: {pounds(ours)}", "Their treasurer puts theirs right."),
            ("theirs", f"Theirs: {pounds(theirs)}", "You put ours right on the next page." if lower
             else "More is not written for a visit afterwards. Ask them to put theirs down to ours."),
        ],
        "lower": lower, "right": f"{BASE}/{link_id}/lines/{one.id}/right" if known else "",
    }  # fmt: skip


async def _right(actor: Actor, link_id: str, line_id: int) -> dict[str, Any]:
    access.requires(actor, "settlement.see", Thing("link", link_id, link_id=link_id))
    one, line = await righting.found(link_id, line_id)
    access.requires(actor, "settlement.put_right", await righting.thing_of(link_id, line))
    circle, was = await links.circle(link_id), righting.stood(line)
    told = await telling.tell(actor, [line.reference])
    given, due = sharing.so_far(line.terms, line.state), line.origin == "due"
    return {
        "link_id": link_id, "name": circle.name, "phone": circle.phone, "one": one, "was": was, "key": new_id(),
        "visit": money_say.visit(told[line.reference]), "due": due,
        "rows": [("Written for the visit", pounds(was.fee_pence)),
                 ("For the travel", pounds(was.travel_pence) if was.travel_pence else ""),
                 (f"Of it {circle.name} owes us" if due else f"Of it {circle.name} has", pounds(given.due_pence)),
                 (f"{circle.name} says", pounds(one.other_pence or 0) if one.state == "disputed" else "")],
        "owes": pounds(given.due_pence).removeprefix("£"),
    }  # fmt: skip


async def _account(actor: Actor, link_id: str) -> dict[str, Any]:
    access.requires(actor, "settlement.see_account", Thing("link", link_id, link_id=link_id))
    circle, bank = await links.circle(link_id), await queries.bank(link_id)
    thing = Thing("link", link_id, link_id=link_id, worker_id=bank.given_by if bank else "")
    waits = bank is not None and bank.state == "waits"
    return {
        "link_id": link_id, "name": circle.name, "phone": circle.phone, "bank": bank, "waits": waits,
        "rows": [("Name", bank.name), ("Sort code", say_sort_code(bank.sort_code)), ("Account number", bank.account_number)] if bank else [],
        "sees": access.may(actor, "settlement.see", thing),
        "may_confirm": waits and access.may(actor, "settlement.confirm_account", thing),
        "may_give": access.may(actor, "settlement.give_account", thing),
        "ways": [
            ("rang", f"I rang {circle.name}, and its treasurer read it to me"),
            ("paper", "I read it on a paper of the bank"),
            ("wrong", "It is not right"),
        ],
    }  # fmt: skip


CONTROLLERS = [SettlementController]

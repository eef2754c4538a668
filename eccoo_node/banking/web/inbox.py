"""Whose money is this? Lines that nobody has explained, and the few things each of them may be."""

from collections.abc import Mapping
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.banking import (
    answering,
    arriving,
    kept,
    leaving,
    others,
    planning,
    queries,
    reopening,
    rules,
    say,
    sent,
)
from eccoo_node.banking import lines as lines_
from eccoo_node.banking.forms import TakeBackForm, WhatForm, WhoseForm
from eccoo_node.banking.kept import Open, Said
from eccoo_node.banking.lines import Line
from eccoo_node.escrow import statements as escrow
from eccoo_node.escrow.say import payer as say_payer
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.members.say import say_date
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.paging import page_of

# What makes money out of the account in which we look after others' the circle's own: what that means is read first.
_BECOMES_OURS = {"gift": "a gift", "grant": "a grant"}

# What money that came in may have been besides a payer's, by account.
_GIFT = ("gift", "A gift to the circle", "Write below what it is for, if it is for one purpose.")
_INTEREST = ("interest", "Interest that the bank paid", "")
_OWING = ("owing", "Somebody paid what they owed us", "Choose below who.")
_OTHER = ("other", "Something else of the circle’s own", "These books keep nothing of that.")
_BACK = ("send_back", "It is nobody’s here, and goes back to whoever sent it", "Say below why.")


_WRITTEN = "It is written down already: there is nothing left to say of this payment."


class InboxController(Controller):
    """The treasurer's alone."""

    include_in_schema = False

    @get("/money/inbox", opt={"action": "banking.see_lines"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Everything that waits, oldest first."""
        place = page_of(request.query_params)
        lines = await kept.waiting_lines(actor_of(request), place.skip(kept.SHOWN))
        found = lines[: kept.SHOWN]
        return render(
            request, "banking/inbox.html", **place.links("/money/inbox", len(lines) > kept.SHOWN),
            came=[_card(one) for one in found if one.line.amount_pence > 0],
            left=[_card(one) for one in found if one.line.amount_pence < 0],
        )  # fmt: skip

    @get("/money/inbox/said", opt={"action": "banking.see_lines"})
    async def said(self, request: AnyRequest) -> Response[Any]:
        """What was said of lines and wrote nothing in the books, the latest first."""
        place = page_of(request.query_params)
        found = await kept.said_lines(actor_of(request), place.skip(kept.SHOWN))
        return render(
            request, "banking/said.html", **place.links("/money/inbox/said", len(found) > kept.SHOWN),
            cards=[
                {"path": f"{_path(one.line)}/said", "title": say.line_title(one.line), "words": say.was_said(one)}
                for one in found[: kept.SHOWN]
            ],
        )  # fmt: skip

    @get("/money/inbox/{line_id:str}/said", opt={"action": "banking.take_back"})
    async def about_said(self, request: AnyRequest, line_id: FromPath[str]) -> Response[Any]:
        """What was said of one line, what it answers to, and taking it back."""
        found = await kept.said_line(actor_of(request), _number(actor_of(request), line_id))
        return render(request, "banking/take_back.html", **await _said(found))

    @post("/money/inbox/{line_id:str}/said", opt={"action": "banking.take_back"})
    async def take_back(self, request: AnyRequest, line_id: FromPath[str]) -> Response[Any]:
        found = await kept.said_line(actor_of(request), _number(actor_of(request), line_id))
        try:
            form = read_form(request, TakeBackForm)
            await reopening.take_back(actor_of(request), found.line.id, because=form.because)
        except (FormError, Invalid, Conflict, Forbidden) as error:
            status = 403 if isinstance(error, Forbidden) else 0
            return form_error(request, "banking/take_back.html", error, status=status, **await _said(found))
        return redirect(request, _path(found.line), "It is taken back. Now say here what it was.")

    @get("/money/inbox/{line_id:str}", opt={"action": "banking.see_lines"})
    async def about(self, request: AnyRequest, line_id: FromPath[str]) -> Response[Any]:
        if await _is_said(request, line_id):
            return redirect(request, "/money/inbox", _WRITTEN)
        return render(request, "banking/line.html", **await _facts(request, line_id))

    @post("/money/inbox/{line_id:str}", opt={"action": "banking.match"})
    async def whose(self, request: AnyRequest, line_id: FromPath[str]) -> Response[Any]:
        """It is this payer's, whole or in part."""
        if await _is_said(request, line_id):
            return redirect(request, "/money/inbox", _WRITTEN)
        facts = await _facts(request, line_id)
        found: Open = facts["found"]
        try:
            form = read_form(request, WhoseForm)
            pence = parse_pounds(form.amount)
            if form.payer not in facts["payer_ids"]:
                raise Invalid(WhoseForm.SAY["payer"], "no_payer", field="payer")
            if pence > found.left_pence:
                raise Invalid(f"There is {pounds(found.left_pence)} of it.", "too_much", field="amount")
            await arriving.match(
                actor_of(request), found.line.id, form.payer, pence, f"inbox:{form.key}", remember=form.remember
            )
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "banking/line.html", error, **facts)
        return redirect(request, "/money/inbox", f"{pounds(pence)} is written down for {facts['called'][form.payer]}.")

    @post("/money/inbox/{line_id:str}/what", opt={"action": "banking.explain"})
    async def what(self, request: AnyRequest, line_id: FromPath[str]) -> Response[Any]:
        """It was no payer's, or it left the bank."""
        if await _is_said(request, line_id):
            return redirect(request, "/money/inbox", _WRITTEN)
        facts = await _facts(request, line_id)
        try:
            form = read_form(request, WhatForm)
            if facts["is_payers"] and form.what in _BECOMES_OURS and not form.own:
                sum_ = pounds(facts["found"].left_pence)
                return render(
                    request, "banking/becomes_own.html", what=_BECOMES_OURS[form.what], sum=sum_, typed_in=form, **facts
                )
            await _say_what(actor_of(request), facts, form)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "banking/line.html", error, **facts | {"opened": True})
        return redirect(request, "/money/inbox", "It is written down.")


async def _say_what(actor: Actor, facts: dict[str, Any], form: WhatForm) -> None:
    found: Open = facts["found"]
    if form.what not in {value for value, *_ in facts["choices"]}:
        raise Invalid(WhatForm.SAY["what"], "no_choice", field="what")
    if found.line.amount_pence < 0:
        what, _, of = form.what.partition(":")
        if what == "bounced" and not of:
            if form.who not in facts["payer_ids"]:
                raise Invalid("Choose whose money it was.", "no_payer", field="who")
            of = form.who
        await leaving.explain(actor, found.line.id, what, of)
    elif form.what == "send_back":
        await arriving.send_back(actor, found.line.id, f"inbox:{form.key}", because=form.because)
    else:
        payer = form.who if form.what == "owing" else ""
        what, _, payment = form.what.partition(":")
        if form.what == "owing" and payer not in dict(facts["owing"][1:]):
            raise Invalid("Choose who owed it.", "no_payer", field="who")
        of = form.member if what == "applied" else "" if what == sent.BACK else payment
        if what == "applied" and of not in dict(facts["members"][1:]):
            raise Invalid("Choose who applies for shares.", "no_member", field="member")
        await arriving.explain(
            actor, found.line.id, what, payer_id=payer, purpose=form.purpose if what in {"gift", "grant"} else "",
            payment_id=payment if what == sent.BACK else "", of=of,
            fee_pence=parse_pounds(form.fee or "0", field="fee") if what == "card_sent" else 0,
        )  # fmt: skip


def _path(line: Line) -> str:
    return f"/money/inbox/{line.id}"


def _number(actor: Actor, line_id: str) -> int:
    access.requires(actor, "banking.see_lines", Thing("bank_line", line_id))
    if not line_id.isascii() or not line_id.isdigit() or len(line_id) > 15:
        raise NotFound("There is no such line.", "no_line")
    return int(line_id)


async def _is_said(request: AnyRequest, line_id: str) -> bool:
    """Such as where somebody goes back to a page in their browser."""
    actor = actor_of(request)
    return await kept.is_said(actor, _number(actor, line_id))


async def _said(found: Said) -> dict[str, Any]:
    across = found.of.startswith("line:")
    other = await lines_.find(int(found.of.removeprefix("line:"))) if across else None
    return {
        "own_path": f"{_path(found.line)}/said",
        "title": say.line_title(found.line),
        "account": say.account(found.line.code),
        "facts": [
            ("The bank says", found.line.text or "nothing"),
            ("What it was", say.was_said(found)),
            ("Its other side", f"{say.line_title(other)}. {say.account(other.code)}." if other else ""),
            ("Said", f"{say_date(found.at.astimezone(clock.zone()).date())}, by {found.by or 'somebody'}"),
        ],
        "entry": f"/money/entries/{found.of}" if found.of.isdigit() else "",
        "other": across,
    }


def _card(one: Open) -> dict[str, Any]:
    return {
        "path": _path(one.line),
        "title": say.open_title(one),
        "words": f"{one.line.text or 'The bank says nothing of it'}. {say.account(one.line.code)}.",
    }


async def _facts(request: AnyRequest, line_id: str) -> dict[str, Any]:
    actor = actor_of(request)
    found = await kept.waiting_line(actor, _number(actor, line_id))
    lines = await escrow.payers(actor)
    payers = {one.payer_id: say_payer(one) for one in lines}
    # A bank writes whole names, and two people may be called alike.
    whole = await kept.full_names(actor)
    listed = {one: f"{called}: {whole[one]}" if one in whole else called for one, called in payers.items()}
    # Nobody pays more than they owe: what is beyond that is another payment.
    owing = {
        one.payer_id: f"{say_payer(one)}: {pounds(one.owed_pence)}"
        for one in lines
        if one.owed_pence >= max(1, found.line.amount_pence)
    }
    before = [one for one in await kept.payers_of_sender(found.line) if one in payers]
    rest = [one for one in payers if one not in before]
    came = found.line.amount_pence > 0
    untouched = found.left_pence == found.line.amount_pence
    back = sent.may_have_come_back(leaving.moved(found.line), await sent.payments(actor)) if came and untouched else []
    more = await others.may_have_come(found.line) if came and untouched else []
    choices = await _arrived(found, untouched, back, more, bool(owing)) if came else await _left(actor, found, payers)
    return {
        "found": found,
        "title": say.open_title(found),
        "account": say.account(found.line.code),
        "is_payers": came and found.line.code == rules.CLIENT,
        "is_client": found.line.code == rules.CLIENT,
        "payer_ids": set(payers),
        "called": payers,
        "payers": [("", "Choose"), *((one, listed[one]) for one in [*before, *rest])],
        "owing": [("", "Choose"), *owing.items()],
        "before": [payers[one] for one in before],
        "some_is_a_payers": came and not untouched,
        "amount": f"{found.left_pence // 100}.{found.left_pence % 100:02}",
        "choices": choices,
        "no_transfer": untouched and not any(value.startswith("own:") for value, *_ in choices),
        "asks": _asks([value for value, *_ in choices]),
        "members": [("", "Choose"), *(await others.members_called(actor)).items()] if came and untouched else [],
        # No payer's: a payment of ours that came back, as the words say, or just what another circle owes us.
        "opened": any(one.likely for one in back) or any(one.likely for one in more),
        "key": new_id(),
    }


def _asks(offered: list[str]) -> set[str]:
    """What may have to be said besides, by what is offered."""
    more = {"owing": "owing", "bounced": "bounced", "gift": "purpose", "grant": "purpose", "applied": "member",
            "card_sent": "fee", "send_back": "because"}  # fmt: skip
    return {more[one] for one in offered if one in more}


async def _arrived(
    found: Open, whole: bool, back: list[sent.Offer], others_: list[others.Choice], owing: bool
) -> list[tuple[str, str, str]]:
    ours = [(f"{one.what}:{one.of}", one.words, one.hint) for one in back]
    if not whole:
        # What of it is a payer's can't be all of it something else.
        return [*ours, _BACK]
    ours += [one.option for one in others_ if one.likely]
    more = [one.option for one in others_ if not one.likely]
    written, across = await _answers(found.line, await queries.called())
    owed = [_OWING] if owing else []
    if found.line.code != rules.CLIENT:
        return [*ours, *written, *owed, _GIFT, *more, *across, _INTEREST, _OTHER]
    return [*ours, *written, _BACK, _GIFT, *more, *across, _INTEREST, *owed]


async def _left(actor: Actor, found: Open, payers: dict[str, str]) -> list[tuple[str, str, str]]:
    line = found.line
    named = planning.payer_named(line.text, await queries.references())
    once = await leaving.once_sent(line, named)
    own = [one.account_number for one in (await queries.accounts()).values() if one.code != line.code]
    said = "".join(c for c in line.text if c.isdigit())
    called = payers | await queries.called()
    options = leaving.options(line, await leaving.waiting(actor), once, called, any(number in said for number in own))
    listed = [(one.value.removesuffix(":"), one.words, one.hint) for one in options]
    listed += [one.option for one in await others.may_have_left(actor, line)]
    if line.code == rules.CLIENT:
        listed.append(("bounced", "Money of a payer that the bank took back", "Choose below whose."))
    written, across = await _answers(line, called)
    # What the books have already is written twice otherwise, so it comes first.
    return [*written, *listed, *across]


async def _answers(
    line: Line, called: Mapping[str, str]
) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """What a line may answer to: entries, and other lines, which come after whatever would write an entry."""
    found = await answering.may_answer(line)
    return [one.option(called) for one in found if one.kind], [one.option(called) for one in found if not one.kind]

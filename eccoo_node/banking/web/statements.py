"""Statements: choosing a file, looking at what it says, writing it in the books."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.banking import actions, checking, importing, kept, queries, rules, say
from eccoo_node.banking.forms import StatementForm, WriteForm
from eccoo_node.banking.planning import Planned
from eccoo_node.banking.statements.model import Unreadable
from eccoo_node.banking.statements.reading import MOST_BYTES
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.uploads import file_of, takes

# A file that takes longer goes on by itself.
_AT_ONCE_S = 3.0

takes("/money/bank", MOST_BYTES)
takes("/money/bank/describe", MOST_BYTES)


class StatementsController(Controller):
    """The treasurer's alone."""

    include_in_schema = False

    @get("/money/bank", opt={"action": "banking.see_lines"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What the bank said last, and a place for its next file."""
        return render(request, "banking/statements.html", **await _facts(request))

    @post("/money/bank", opt={"action": "banking.read_statement"})
    async def read(self, request: AnyRequest) -> Response[Any]:
        """Read a file. Nothing is in the books yet."""
        actor = actor_of(request)
        access.requires(actor, "banking.read_statement", Thing("statement"))
        try:
            form = read_form(request, StatementForm)
            file = file_of(request, "file")
            if file is None:
                raise Invalid("Choose the file that you fetched from the bank.", "no_file", field="file")
            draft = await actions.read_statement(actor, form.account, file.name, file.data)
        except Unreadable as wrong:
            said = {"file": "This file can’t be read. Nothing of it has been taken in."}
            facts = await _facts(request) | {"troubles": [str(one) for one in wrong.troubles]}
            return form_error(request, "banking/statements.html", said, **facts)
        except NotFound:
            error = {"account": StatementForm.SAY["account"]}
            return form_error(request, "banking/statements.html", error, **await _facts(request))
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "banking/statements.html", error, **await _facts(request))
        return redirect(request, f"/money/bank/files/{draft}")

    @get("/money/bank/files/{draft_id:str}", opt={"action": "banking.see_lines"})
    async def preview(self, request: AnyRequest, draft_id: FromPath[str]) -> Response[Any]:
        """What will be written, line by line, and whether it adds up."""
        if await queries.is_written(actor_of(request), draft_id):
            # Somebody goes back to it in their browser.
            return redirect(request, "/money/bank", "This file is in the books already.")
        return render(request, "banking/preview.html", **await _preview(request, draft_id))

    @post("/money/bank/files/{draft_id:str}", opt={"action": "banking.import"})
    async def write(self, request: AnyRequest, draft_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        access.requires(actor, "banking.import", Thing("statement", draft_id))
        try:
            form = read_form(request, WriteForm)
            if not form.this and (facts := await _doubted(request, draft_id)):
                said = {"this": f"Tick this if it is of {facts['title']}. Else choose the file of the right account."}
                return form_error(request, "banking/preview.html", said, **facts)
            done = await importing.write_statement(actor, draft_id, again=form.again, seconds=_AT_ONCE_S)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "banking/preview.html", error, **await _preview(request, draft_id))
        if done.left:
            told = f"The first {done.lines_new - done.left} of {done.lines_new} payments are in the books. The rest follows by itself."
            return redirect(request, "/money/bank", told)
        if await kept.how_many_wait(actor):
            told = f"{say.payments(done.lines_new).capitalize()} written down. What nobody has explained waits here."
            return redirect(request, "/money/inbox", told)
        return redirect(request, "/money/bank", f"{say.payments(done.lines_new).capitalize()} written down.")


async def _facts(request: AnyRequest) -> dict[str, Any]:
    actor = actor_of(request)
    access.requires(actor, "banking.see_lines", Thing("statement"))
    accounts = await queries.accounts()
    titles = await queries.layouts()
    choices = [
        (one.id, one.title, f"{titles.get(one.layout, '')}. The account {rules.only_end(one.account_number)}.")
        for one in accounts.values()
    ]
    return {
        "choices": choices,
        "first": choices[0][0] if choices else "",
        "standings": [(say.account(one.code), say.standing(one)) for one in await kept.standings(actor)],
        "imports": [
            (f"{say.account(one.code)}: {one.file_name or 'a file'}", say.imported(one), one.gaps)
            for one in await kept.imports(actor)
        ],
        "writing": [say.writing(one) for one in await kept.half_written(actor)],
        "waits": say.wait(waiting) if (waiting := await kept.how_many_wait(actor)) else "",
        "one_waits": waiting == 1,
        "troubles": [],
    }


async def _doubted(request: AnyRequest, draft_id: str) -> dict[str, Any] | None:
    """What the page shows of a file that looks like another account's; None for any other, or one that is written."""
    try:
        facts = await _preview(request, draft_id)
    except NotFound:
        return None
    return facts if facts["rather"] else None


async def _preview(request: AnyRequest, draft_id: str) -> dict[str, Any]:
    actor = actor_of(request)
    draft = await queries.draft(actor, draft_id)
    looked = await checking.look(actor, draft.account, draft.statement)
    called = await queries.called()
    twice = [one for one in looked.of("top_up") if one.same_entry is not None]
    return {
        "draft": draft,
        "title": say.account(draft.account.code),
        "days": say.days(draft.statement),
        "rows": say.will_be(looked),
        "gaps": looked.gaps,
        "rather": say.account(looked.rather) if looked.rather else "",
        "balance": say.balance(draft.statement, looked.gaps),
        "pending": draft.statement.pending,
        "anything": any(one.what != "before" for one in looked.planned),
        "twice": [
            (one.mark, f"{pounds(one.line.amount_pence)} of {called.get(one.payer_id, 'a payer')}", say.line(one))
            for one in twice[: say.SHOWN]
        ],
        "groups": [
            _group("To the payers whose it is", [one for one in looked.of("top_up") if one.same_entry is None], called),
            _group("Nobody’s yet", looked.of("received"), {}),
            _group("Refunds that have been sent", looked.of("refund_left"), called),
            _group("Payments that have been sent", looked.of("payout"), called),
            _group("Payments that came back", looked.of("came_back"), called),
            _group("For you to say what they were", looked.of("waits"), {}),
        ],
    }


def _group(title: str, found: Sequence[Planned], called: Mapping[str, str]) -> dict[str, Any]:
    """Lines of one kind: what the bank says, and whose it is where that is known."""
    rows = [
        (say.line(one), say.where_to(one, called) if called else pounds(one.line.amount_pence))
        for one in found[: say.SHOWN]
    ]
    return {"title": title, "rows": rows, "more": max(0, len(found) - say.SHOWN)}

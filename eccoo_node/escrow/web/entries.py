"""What was written in the books: a list to look through, one entry, and undoing it."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.escrow import corrections, entries, say, say_entry, undoing
from eccoo_node.escrow.entries import SHOWN, Whole
from eccoo_node.escrow.forms import UndoForm
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.paging import address, page_of

LIST = "/money/entries"


class EntriesController(Controller):
    """The treasurer's alone. Each reading is written down."""

    include_in_schema = False

    @get("/money/entries", opt={"action": "money.look_through"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Every entry, newest first, or those of one payer, one worker, one kind."""
        actor, query = actor_of(request), request.query_params
        place, whose = page_of(query), str(query.get("whose", ""))
        kind = str(query.get("kind", "")) if query.get("kind") in say_entry.KINDS else ""
        found = await entries.look_through(actor, whose, kind, place.skip(SHOWN))
        everyone = await entries.everyone(actor)
        return render(
            request, "money/entries.html", cards=[say_entry.card(one, found.names) for one in found.entries],
            everyone=[(one.of, one.called) for one in everyone], kinds=list(say_entry.KINDS.items()),
            asked={"whose": whose, "kind": kind}, looked=bool(whose or kind),
            **place.links(LIST, found.more, whose=whose, kind=kind),
            beyond=place.page > 1 and not found.entries,
            first=address(LIST, whose=whose, kind=kind),
        )  # fmt: skip

    @get("/money/entries/{entry_id:str}", opt={"action": "money.trace_entry"})
    async def about(self, request: AnyRequest, entry_id: FromPath[str]) -> Response[Any]:
        """What one entry moved, why, and what it undoes or was undone by."""
        whole = await entries.trace_entry(actor_of(request), _number(entry_id))
        return render(request, "money/entry.html", **_facts(whole))

    @get("/money/entries/{entry_id:str}/undo", opt={"action": "money.reverse"})
    async def about_undoing(self, request: AnyRequest, entry_id: FromPath[str]) -> Response[Any]:
        """What will be written, and why?"""
        whole = await entries.trace_entry(actor_of(request), _number(entry_id))
        return render(request, "money/undo.html", **_facts(whole), key=new_id())

    @post("/money/entries/{entry_id:str}/undo", opt={"action": "money.reverse"})
    async def undo(self, request: AnyRequest, entry_id: FromPath[str]) -> Response[Any]:
        actor, number = actor_of(request), _number(entry_id)
        try:
            form = read_form(request, UndoForm)
            await corrections.reverse(actor, number, f"undo:{form.key}", because=form.because)
        except (FormError, Invalid, Conflict, Forbidden) as error:
            facts = _facts(await entries.trace_entry(actor, number))
            status = 403 if isinstance(error, Forbidden) else 0
            return form_error(request, "money/undo.html", error, status=status, **facts | {"refused": ""}, key=new_id())
        if path := await undoing.then(number):
            return redirect(request, path, "It is undone. Now say here whose money it was, or what it was.")
        return redirect(request, f"{LIST}/{number}", "It is undone.")


def _number(entry_id: str) -> int:
    if not entry_id.isascii() or not entry_id.isdigit() or len(entry_id) > 15:
        raise NotFound("There is no such entry.", "no_entry")
    return int(entry_id)


def _facts(whole: Whole) -> dict[str, Any]:
    entry, names = whole.entry, whole.names
    written = say.day_and_year(entry.at)
    counts = say.day_and_year(entry.effective_at)
    told = names.told.get(entry.reference)
    return {
        "own_path": f"{LIST}/{entry.id}",
        "title": say_entry.title(entry, names),
        "whose": say_entry.whose(entry, names),
        "facts": [
            ("Whose", "; ".join(say_entry.people(entry, names))),
            ("For", say.visit(told) if told else ""),
            ("Counts from", counts if counts != written else ""),
            ("Written", f"{written}, by {entry.by}" if entry.by else f"{written}, by itself"),
            ("The bank says" if entry.kind in {"top_up", "received"} else "Why", whole.because),
        ],
        "rows": say_entry.rows(entry, names),
        "back": say_entry.rows(entry, names, undone=True),
        "follow": f"/money/follow/{entry.reference}" if entry.reference else "",
        "undoes": f"{LIST}/{entry.undoes}" if entry.undoes else "",
        "undone_by": f"{LIST}/{entry.undone_by}" if entry.undone_by else "",
        "refused": whole.refused,
        "sources": whole.sources,
    }

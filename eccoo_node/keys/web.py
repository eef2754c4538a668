"""The admin's pages about our own keys: what they are, who knows them, renewing, moving, bringing them back, the sheet."""

from typing import Any

from litestar import Controller, Response, get, post

from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.keys import actions, queries, say, sheet
from eccoo_node.keys.copies import read_copy
from eccoo_node.keys.forms import AnewForm, KeptForm, MoveForm, RecoverForm
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

HERE = "/admin/identity"


class KeysController(Controller):
    """Every handler asks the door, or `keys.see`, whether this admin may."""

    include_in_schema = False

    @get(HERE, opt={"action": "keys.see"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What our keys are, until when, and which circle knows them."""
        own = await queries.own(actor_of(request))
        now, zone = clock.now(), ask_of(request).site.zone
        return render(
            request, "keys/index.html", own=own, rows=say.rows(own, now, zone), trouble=say.trouble(own, now),
            circles=[say.told(circle, own, zone) for circle in own.circles],
        )  # fmt: skip

    @post(f"{HERE}/renew", opt={"action": "keys.renew"})
    async def renew(self, request: AnyRequest) -> Response[Any]:
        """New keys now, although none is near its end."""
        await actions.renew(actor_of(request))
        return redirect(request, HERE, "New keys are made, and the linked circles are told. They count from tomorrow.")

    @get(f"{HERE}/move", opt={"action": "keys.see"})
    async def about_moving(self, request: AnyRequest) -> Response[Any]:
        own = await queries.own(actor_of(request))
        # Whoever changed the settings first need not type it again.
        values = {"address": own.lives_at} if own.lives_at != own.known_at else {}
        return render(request, "keys/move.html", own=own, values=values)

    @post(f"{HERE}/move", opt={"action": "keys.move"})
    async def move(self, request: AnyRequest) -> Response[Any]:
        """Tell the circles, signed with the words; the next page says what is left to do."""
        own = await queries.own(actor_of(request))
        try:
            form = read_form(request, MoveForm)
            _spelled(form.words)
            words = await actions.move(actor_of(request), form.words, form.address, new_sheet=form.new_sheet)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "keys/move.html", error, own=own)
        own = await queries.own(actor_of(request))
        return render(request, "keys/moved.html", own=own, sheet=sheet.make(words) if words else None)

    @get(f"{HERE}/recover", opt={"action": "keys.see"})
    async def about_recovering(self, request: AnyRequest) -> Response[Any]:
        await queries.own(actor_of(request))
        return render(request, "keys/recover.html")

    @post(f"{HERE}/recover", opt={"action": "keys.recover"})
    async def recover(self, request: AnyRequest) -> Response[Any]:
        """All keys anew, signed with the words; the old ones are void from now on."""
        await queries.own(actor_of(request))
        try:
            form = read_form(request, RecoverForm)
            _spelled(form.words)
            log = read_copy(form.log) if form.log else None
            words = await actions.recover(actor_of(request), form.words, new_sheet=form.new_sheet, longer=log)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "keys/recover.html", error)
        own = await queries.own(actor_of(request))
        return render(request, "keys/recovered.html", own=own, sheet=sheet.make(words) if words else None)

    @get(f"{HERE}/anew", opt={"action": "keys.see"})
    async def about_beginning_anew(self, request: AnyRequest) -> Response[Any]:
        """What it means to be another circle from now on."""
        return render(request, "keys/anew.html", own=await queries.own(actor_of(request)))

    @post(f"{HERE}/anew", opt={"action": "keys.begin_anew"})
    async def begin_anew(self, request: AnyRequest) -> Response[Any]:
        """Another identity; the next page shows its sheet, once, and says what is left to do."""
        own = await queries.own(actor_of(request))
        try:
            form = read_form(request, AnewForm)
            if not form.lost:
                told = "Tick this if it is so. Else make new keys with the words: then no link ends."
                raise Invalid(told, "not_lost", field="lost")
            words = await actions.begin_anew(actor_of(request), instead_of=form.instead_of)
        except (FormError, Invalid) as error:
            return form_error(request, "keys/anew.html", error, own=own)
        return render(request, "keys/begun_anew.html", circles=own.circles, sheet=sheet.make(words))

    @get(f"{HERE}/sheet", opt={"action": "keys.see"})
    async def about_sheet(self, request: AnyRequest) -> Response[Any]:
        """Whether a sheet waits to be printed, and what it is for."""
        return render(request, "keys/about_sheet.html", own=await queries.own(actor_of(request)))

    @post(f"{HERE}/sheet", opt={"action": "keys.show_sheet"})
    async def show_sheet(self, request: AnyRequest) -> Response[Any]:
        """The words that were put by when the node was made, to be printed."""
        found = await actions.show_sheet(actor_of(request))
        if found is None:
            return redirect(request, f"{HERE}/sheet")
        return render(request, "keys/sheet.html", sheet=found)

    @post(f"{HERE}/sheet/check", opt={"action": "keys.see"})
    async def ask_back(self, request: AnyRequest) -> Response[Any]:
        """Three of the words, with the sheet out of sight."""
        await queries.own(actor_of(request))
        form = read_form(request, KeptForm)
        return render(request, "keys/check.html", places=sheet.places_of(form.places), form=form)

    @post(f"{HERE}/sheet/kept", opt={"action": "keys.sheet_kept"})
    async def kept(self, request: AnyRequest) -> Response[Any]:
        """They came back: what still lay here of the words is deleted."""
        await queries.own(actor_of(request))
        form = read_form(request, KeptForm)
        try:
            sheet.check(form.places, form.mark, form.typed())
        except Invalid as error:
            return form_error(request, "keys/check.html", error, places=sheet.places_of(form.places), form=form)
        await actions.sheet_kept(actor_of(request), form.mark)
        return redirect(
            request, HERE, "The sheet is right. Keep it where a fire or a thief would not find the node too."
        )


def _spelled(words: str) -> None:
    """Raises Invalid that names what is no word of any sheet."""
    if odd := sheet.unknown(words):
        listed = ", ".join(odd[:5])
        raise Invalid(f"Not on any sheet: {listed}. Please compare with the paper.", "unknown_words", field="words")


CONTROLLERS = [KeysController]

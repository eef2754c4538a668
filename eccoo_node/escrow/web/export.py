"""Taking the books to another program."""

from typing import Any

from litestar import Controller, Response, get, post

from eccoo_node.escrow import export
from eccoo_node.escrow.export import ENDINGS, Period
from eccoo_node.escrow.forms import ExportForm
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import as_file, render

FORMATS = [
    ("csv", "A spreadsheet", "One row for each side of an entry, such as for Excel or LibreOffice"),
    ("hledger", "hledger", "A journal for the accounting program of that name"),
    ("beancount", "Beancount", "A file for the accounting program of that name"),
]


class ExportController(Controller):
    """For the treasurer: the whole books or those of a time, as a file."""

    include_in_schema = False

    @get("/money/export", opt={"action": "money.export"})
    async def about(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "money.export", Thing("books"))
        return render(request, "money/export.html", formats=FORMATS)

    @post("/money/export", opt={"action": "money.export"})
    async def take(self, request: AnyRequest) -> Response[Any]:
        """The file. That it was taken stands in the record first."""
        access.requires(actor_of(request), "money.export", Thing("books"))
        try:
            form = read_form(request, ExportForm)
            period = Period(form.first, form.last)
            await export.note_export(actor_of(request), form.how, period)
        except (FormError, Invalid) as error:
            return form_error(request, "money/export.html", error, formats=FORMATS)
        body = "".join([part async for part in export.export(form.how, period)])
        name = "-".join(str(part) for part in ("books", form.first, form.last) if part)
        return Response(
            body.encode(), media_type="text/csv" if form.how == "csv" else "text/plain",
            status_code=200,
            headers=as_file(f"{name}.{ENDINGS[form.how]}"),
        )  # fmt: skip

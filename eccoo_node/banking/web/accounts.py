"""The circle's own accounts, and describing a bank whose files are not known here."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.banking import actions, describing, queries
from eccoo_node.banking.forms import AccountForm, DescribeForm, SampleForm
from eccoo_node.banking.statements.model import DAYS, decode
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.members.say import say_date
from eccoo_node.payouts import ours
from eccoo_node.payouts.rules import ACCOUNTS, say_sort_code
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import Page, redirect, render
from eccoo_node.web.uploads import file_of

_WORDS = {
    "1000": "Payers send their money here. It belongs to others, and lies apart from the circle’s own.",
    "1010": "What the circle has earned and been given.",
    "1020": "Share applications, and gifts for one purpose.",
}


class AccountsController(Controller):
    """The treasurer's and the admins'."""

    include_in_schema = False

    @get("/money/bank/accounts", opt={"action": "banking.set_account"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Our accounts, as payers are told them."""
        access.requires(actor_of(request), "banking.set_account", Thing("bank_account"))
        there, files, titles = await ours.accounts(), await queries.accounts(), await queries.layouts()
        waits = {one.code: f"/money/account-changes/{one.id}" for one in await ours.waiting(actor_of(request))}
        found = []
        for code, title in ACCOUNTS.items():
            one = there.get(code)
            rows = [] if one is None else [
                ("Name", one.name), ("Sort code", say_sort_code(one.sort_code)), ("Account number", one.account_number),
                ("Its statements come as", titles.get(files[code].layout, "a layout that is not known")),
                *([("Bacs user number", one.service_user)] if one.service_user else []),
                ("It stands since", say_date(one.since.astimezone(clock.zone()).date())),
            ]  # fmt: skip
            path = f"/money/bank/accounts/{code}"
            found.append(
                {"title": title, "words": _WORDS[code], "rows": rows, "path": path, "waits": waits.get(code, "")}
            )
        return render(request, "banking/accounts.html", found=found)

    @get("/money/bank/accounts/{code:str}", opt={"action": "banking.set_account"})
    async def about(self, request: AnyRequest, code: FromPath[str]) -> Response[Any]:
        facts = await _facts(request, code)
        one = facts["there"]
        values = {} if one is None else {
            "name": one.name, "sort_code": say_sort_code(one.sort_code), "account_number": one.account_number,
            "layout": facts["layout"], "service_user": one.service_user,
        }  # fmt: skip
        return render(request, "banking/account.html", values=values, **facts)

    @post("/money/bank/accounts/{code:str}", opt={"action": "banking.set_account"})
    async def set(self, request: AnyRequest, code: FromPath[str]) -> Response[Any]:
        facts = await _facts(request, code)
        try:
            form = read_form(request, AccountForm)
            await actions.set_account(
                actor_of(request), code, name=form.name, sort_code=form.sort_code, account_number=form.account_number,
                layout=form.layout, service_user=form.service_user,
            )  # fmt: skip
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "banking/account.html", error, **facts)
        for one in await ours.waiting(actor_of(request)):
            if one.code == code:
                return redirect(request, f"/money/account-changes/{one.id}")
        return redirect(request, "/money/bank/accounts", f"{facts['title']}: the account is written down.")

    @get("/money/bank/describe", opt={"action": "banking.describe_bank"})
    async def about_describing(self, request: AnyRequest) -> Response[Any]:
        """The first lines of a file, from which the rest is asked."""
        access.requires(actor_of(request), "banking.describe_bank", Thing("bank_layout"))
        return render(request, "banking/sample.html")

    @post("/money/bank/describe", opt={"action": "banking.describe_bank"})
    async def describe(self, request: AnyRequest) -> Response[Any]:
        """The lines that were pasted, or what each of their columns is."""
        actor = actor_of(request)
        access.requires(actor, "banking.describe_bank", Thing("bank_layout"))
        try:
            file = file_of(request, "file")
            # A few lines say how it is laid out; no more of it is kept on the page.
            sample = "\n".join(decode(file.data).splitlines()[:8]) if file else read_form(request, SampleForm).sample
            facts = _columns(sample)
        except (FormError, Invalid) as error:
            return form_error(request, "banking/sample.html", error)
        if "title" not in ask_of(request).values:
            return _first_look(request, facts)
        try:
            form = read_form(request, DescribeForm)
            today = clock.today()
            described = describing.described(form.sample, describing.Answers(
                title=form.title, day=form.day, day_form=form.day_form, amount=form.amount, turned=form.turned,
                paid_in=form.paid_in, paid_out=form.paid_out, balance=form.balance, texts=tuple(form.texts),
                sender=form.sender, sort_code=form.sort_code, account_number=form.account_number,
            ), today=today)  # fmt: skip
            await actions.describe_bank(actor, described)
        except (FormError, Invalid) as error:
            return form_error(request, "banking/columns.html", error, **facts)
        told = f"“{described.title}” is known from now on. Choose it for the account."
        return redirect(request, "/money/bank/accounts", told)


async def _facts(request: AnyRequest, code: str) -> dict[str, Any]:
    access.requires(actor_of(request), "banking.set_account", Thing("bank_account", code))
    if code not in ACCOUNTS:
        raise NotFound("There is no such account.", "no_account")
    return {
        "code": code,
        "title": ACCOUNTS[code],
        "words": _WORDS[code],
        "there": (await ours.accounts()).get(code),
        "layout": found.layout if (found := (await queries.accounts()).get(code)) else "",
        "waits": next((one.id for one in await ours.waiting(actor_of(request)) if one.code == code), ""),
        "layouts": [("", "Choose"), *(await queries.layouts()).items()],
    }


def _columns(sample: str) -> dict[str, Any]:
    found = describing.look(sample)
    choices = [(name, f"{name} (such as {value})" if value else name) for name, value in found.columns]
    return {
        "sample": sample,
        "columns": choices,
        "choose": [("", "Choose"), *choices],
        "maybe": [("", "There is none"), *choices],
        "day_forms": [(name, form.say) for name, form in DAYS.items()],
        "guess": found.guess,
    }


def _first_look(request: AnyRequest, facts: dict[str, Any]) -> Page:
    ask = ask_of(request)
    # The next question, not the last one's mistakes; what headings say for themselves is filled in already.
    ask.values = {name: [value] if isinstance(value, str) else list(value) for name, value in facts["guess"].items()}
    return render(request, "banking/columns.html", **facts)

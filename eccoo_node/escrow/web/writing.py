"""What a treasurer writes in the books by hand: one short form for each kind of thing that happens."""

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.escrow import bank_lines, between, capital, chart, entering, queries, say, statements, treasury
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.entering import PAID_IN
from eccoo_node.escrow.forms import WritingForm
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.members.say import say_date
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

# So soon after one another the same sum may be the same money, written twice.
_A_MOMENT = timedelta(minutes=10)

Do = Callable[[Actor, WritingForm, int, str], Awaitable[object]]


class Kind(msgspec.Struct, frozen=True):
    """One thing that happens. `asks`: payer, owing, member, receipt, refund, circle, fee, purpose, because, day. `because`
    is what that field is called; `missing` is said where it must be filled in and is not.

    `when` tells someone who has never done it when it is used.
    """

    group: str
    when: str
    title: str
    words: str
    asks: tuple[str, ...]
    do: Do
    because: str = ""
    missing: str = ""


def _noon(form: WritingForm) -> datetime | None:
    """The day that was written as a moment, which is that day in every part of the books."""
    return datetime.combine(form.day, time(12), tzinfo=clock.zone()) if form.day else None


def _fee(form: WritingForm) -> int:
    return parse_pounds(form.fee or "0", field="fee")


# What a newcomer looks under, in the order in which it stands on the page.
IN, OUT, RIGHT = "Money in", "Money out", "To put right"
OURS, CIRCLES = "Between our own accounts", "Between circles"
GROUPS = (IN, OUT, RIGHT, OURS, CIRCLES)

KINDS: dict[str, Kind] = {
    "unknown": Kind(
        IN,
        "A payment is on the statement, and you can’t tell who sent it.",
        "Money came in, and nobody knows whose it is",
        "It is looked after until it is known. Then it goes to its payer, or back.",
        ("day", "because"),
        lambda by, form, pence, key: treasury.receive_unmatched(
            by, f"receipt:{form.key}", pence, key, effective_at=_noon(form), note=form.because
        ),
        "What does the bank say of who sent it? (if it does)",
    ),
    "match": Kind(
        IN,
        "You have found out who sent a payment that was nobody’s.",
        "It is known whose money it is",
        "Of money that came in before, this much is theirs.",
        ("receipt", "payer"),
        lambda by, form, pence, key: treasury.match(by, form.receipt, form.payer, pence, key),
    ),
    "send-back": Kind(
        OUT,
        "You have asked, and a payment belongs to nobody here.",
        "Money that is nobody’s here goes back",
        "It goes to the account it came from. Write down below when the bank has sent it.",
        ("receipt", "because"),
        lambda by, form, pence, key: treasury.send_back(by, form.receipt, pence, key, because=form.because),
        "Why does it go back?",
        "Say why it goes back.",
    ),
    "refund": Kind(
        OUT,
        "Somebody stops, or asks for what they have not used.",
        "A payer wants back what is not set aside",
        "It goes to the same payer, out of the same fund. Write down below when the bank has sent it.",
        ("payer", "because"),
        lambda by, form, pence, key: treasury.refund(by, form.payer, pence, key, because=form.because),
        "If the person has died: on whose authority, and what have you seen?",
    ),
    "refund-sent": Kind(
        OUT,
        "The statement shows money that you sent back.",
        "The bank has sent a refund",
        "It has left the account in which we look after money.",
        ("refund",),
        lambda by, form, pence, key: treasury.refund_left(by, form.refund, pence, key),
    ),
    "bounced": Kind(
        RIGHT,
        "The bank took back a payment that you had written down.",
        "A payment bounced",
        "It comes off what is not set aside. What is missing then, they owe us, and the circle’s own money stands in.",
        ("payer",),
        lambda by, form, pence, key: treasury.bounce(by, form.payer, pence, key),
    ),
    "paid-owing": Kind(
        IN,
        "Somebody who owed the circle has paid into its own account.",
        "Someone paid what they owed us",
        "It came into the circle’s own account.",
        ("owing",),
        lambda by, form, pence, key: treasury.paid_owing(by, form.owing, pence, key),
    ),
    "goodwill": Kind(
        RIGHT,
        "Something went wrong, and the circle has decided to make up for it.",
        "The circle gives a payer something back",
        "Out of the circle’s own money. It can be set aside for visits.",
        ("payer", "because"),
        lambda by, form, pence, key: treasury.goodwill(by, form.payer, pence, key, because=form.because),
        "Why?",
        "Say why the circle gives this.",
    ),
    "swept": Kind(
        OURS,
        "You have moved the circle’s part from one account to the other.",
        "What the circle has earned leaves the account",
        "From the account in which we look after money to the circle’s own.",
        (),
        lambda by, form, pence, key: treasury.sweep(by, pence, key),
    ),
    "own": Kind(
        OURS,
        "You begin with these books, or the circle has money that they don’t know of.",
        "The circle has money of its own that is not yet in these books",
        "Such as what it had when they began. It lies in the circle’s own account, not in the one for others’ money.",
        ("because",),
        lambda by, form, pence, key: treasury.own_money(by, pence, key, because=form.because),
        "Where is it from?",
        "Say where it is from.",
    ),
    "gift": Kind(
        IN,
        "A donation is on the statement.",
        "Someone gave the circle money",
        "A gift for one purpose is kept apart for it.",
        ("purpose",),
        lambda by, form, pence, key: treasury.donation(by, pence, key, fund=form.purpose),
    ),
    "shares": Kind(
        IN,
        "Somebody who is to become a shareholder has paid for it.",
        "A member sent money for shares",
        "It is kept apart until the shares are allotted, and may go back.",
        ("member",),
        lambda by, form, pence, key: treasury.share_applied(by, form.member, pence, key),
    ),
    "vat": Kind(
        OUT,
        "The statement of the circle’s own account shows a payment to HMRC for VAT.",
        "VAT was paid to HMRC",
        "What was within the circle’s part of each visit. It left the circle’s own account.",
        (),
        lambda by, form, pence, key: bank_lines.vat_paid(by, "1010", pence, key),
    ),
    "interest": Kind(
        IN,
        "The statement has a line that says interest.",
        "The bank paid interest",
        "On the money we look after. It is the circle’s, and moves to its own account.",
        (),
        lambda by, form, pence, key: treasury.interest(by, pence, key),
    ),
    "card": Kind(
        IN,
        "Somebody paid with a card, and the card company tells you so.",
        "A payer paid by card",
        "The whole sum is theirs at once, though the card company still has it.",
        ("payer",),
        lambda by, form, pence, key: treasury.gateway_top_up(by, form.payer, pence, key),
    ),
    "card-sent": Kind(
        IN,
        "The card company’s payment is on the statement.",
        "The card company has sent what it had",
        "Write the whole sum, and what it kept for itself. The circle bears that.",
        ("fee",),
        lambda by, form, pence, key: treasury.gateway_paid(by, pence, _fee(form), key),
    ),
    "finders-fee": Kind(
        OUT,
        "A payer and a worker go on without the circle, and a fee was agreed.",
        "A payer leaves with their worker, for a finder’s fee",
        "With their yes it comes out of what is not set aside; without it, they owe it.",
        ("payer", "because"),
        lambda by, form, pence, key: treasury.finders_fee(by, form.payer, pence, key, agreed=form.because),
        "If they said yes: how, and when?",
    ),
    "circle-paid": Kind(
        CIRCLES,
        "Their payment to us is on the statement.",
        "Another circle has paid us",
        "It came into the account in which we look after money. What we put up for it comes back to us first. Then our "
        "workers have their part, the oldest visit first.",
        ("circle",),
        lambda by, form, pence, key: between.circle_paid(by, form.circle, pence, key),
    ),
    "paid-circle": Kind(
        CIRCLES,
        "Our payment to them is on the statement.",
        "We have paid another circle",
        "The bank has sent it what we owed for its workers.",
        ("circle",),
        lambda by, form, pence, key: between.paid_circle(by, form.circle, pence, key),
    ),
    "put-up": Kind(
        CIRCLES,
        "Our workers wait, and the other circle is late.",
        "Pay our workers before another circle has paid us",
        "The circle’s own money stands in, as far as it has decided to. The oldest visit comes first.",
        ("circle",),
        lambda by, form, pence, key: between.front(by, form.circle, pence, key),
    ),
}

# Of money that comes in: which entries bring it, and where in the books it is found again.
_CAME: dict[str, tuple[tuple[str, ...], Callable[[WritingForm], list[Account]]]] = {
    "unknown": (("received",), lambda form: [chart.BANK]),
    "match": (PAID_IN, lambda form: [chart.credit(form.payer)]),
    "paid-owing": (("paid_owing",), lambda form: [chart.receivable(form.owing)]),
    "gift": (("donated",), lambda form: [chart.OPERATING, chart.RING_FENCED]),
    "shares": (("applied",), lambda form: [chart.applied(form.member)]),
    "interest": (("interest",), lambda form: [chart.OPERATING]),
    "card": (PAID_IN, lambda form: [chart.credit(form.payer)]),
    "card-sent": (("card_paid",), lambda form: [chart.GATEWAY]),
    "circle-paid": (("circle_paid",), lambda form: [chart.due_from(form.circle)]),
}


class WritingController(Controller):
    """Each kind asks its own door; the list and the forms are the treasurer's alone."""

    include_in_schema = False

    @get("/money/write", opt={"action": "money.see_books"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What happened?"""
        access.requires(actor_of(request), "money.see_books", Thing("books"))
        groups = [
            (group, [{"path": f"/money/write/{name}", "title": kind.title, "words": kind.when}
                     for name, kind in KINDS.items() if kind.group == group])
            for group in GROUPS
        ]  # fmt: skip
        return render(request, "money/write.html", groups=groups)

    @get("/money/write/{kind:str}", opt={"action": "money.see_books"})
    async def about(self, request: AnyRequest, kind: FromPath[str]) -> Response[Any]:
        chosen = str(request.query_params.get("circle") or request.query_params.get("payer") or "")
        facts = await _facts(request, kind)
        # Whoever has something left has all of it back.
        has = await queries.credit_pence(chosen) if kind == "refund" and chosen in dict(facts["payers"]) else 0
        amount = pounds(has).removeprefix("£") if has else ""
        return render(
            request, "money/writing.html", **facts | {"chosen": chosen, "amount": amount}, key=new_id()
        )  # fmt: skip

    @post("/money/write/{kind:str}", opt={"action": "money.see_books"})
    async def write(self, request: AnyRequest, kind: FromPath[str]) -> Response[Any]:
        facts = await _facts(request, kind)
        try:
            form, pence = _read(request, facts)
            if not form.another and (doubt := await _doubt(facts, form, pence)):
                return form_error(
                    request,
                    "money/writing.html",
                    {"another": doubt},
                    **facts | {"another": pounds(pence)},
                    key=new_id(),
                )
            await KINDS[kind].do(actor_of(request), form, pence, f"write:{kind}:{form.key}")
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "money/writing.html", error, **facts, key=new_id())
        return redirect(request, "/money/write", f"{pounds(pence)} is written down.")


async def _facts(request: AnyRequest, name: str) -> dict[str, Any]:
    """What the form of this kind shows. Raises NotFound for a kind that there is not."""
    actor = actor_of(request)
    access.requires(actor, "money.see_books", Thing("books"))
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound("There is no such page.", "no_page")
    payers = await statements.payers(actor) if {"payer", "refund", "owing"} & set(kind.asks) else []
    waiting = await queries.waiting_on("2090" if "receipt" in kind.asks else "2500") if kind.asks else {}
    circles = await statements.between_circles() if "circle" in kind.asks else []
    words = {one.payer_id: say.payer(one) for one in payers}
    members = await capital.members_called() if "member" in kind.asks else {}
    return {
        "name": name,
        "kind": kind,
        "chosen": "",
        "amount": "",
        "another": "",
        "today": say_date(clock.today()),
        "called": words | members | {one.link_id: one.name for one in circles},
        "payers": [("", "Choose"), *words.items()],
        "members": [("", "Choose"), *members.items()],
        "owings": [
            ("", "Choose"),
            *((one.payer_id, f"{say.payer(one)}: {pounds(one.owed_pence)}") for one in payers if one.owed_pence),
        ],
        "circles": [
            ("", "Choose"),
            *((one.link_id, f"{one.name}: {'; '.join(say.owed(one))}") for one in circles),
        ],
        "receipts": [("", "Choose"), *((of, f"{pounds(pence)}, still nobody’s") for of, pence in waiting.items())],
        "refunds": [
            ("", "Choose"),
            *(
                (of, f"{words.get(of, 'Money that was nobody’s here')}: {pounds(pence)}")
                for of, pence in waiting.items()
            ),
        ],
    }


_CHOOSE = {
    "receipt": "Choose which money it was.",
    "refund": "Choose which refund it was.",
    "payer": "Choose whose money it is.",
    "member": "Choose which member.",
    "owing": "Choose who paid what they owed.",
    "circle": "Choose which circle.",
}


def _read(request: AnyRequest, facts: dict[str, Any]) -> tuple[WritingForm, int]:
    """What was filled in, and the sum. Raises FormError with all that is missing or was not chosen from what is there."""
    wrong: dict[str, str] = {}
    typed = {name: (texts or [""])[-1] for name, texts in ask_of(request).values.items()}
    form, asks, pence = None, facts["kind"].asks, 0
    try:
        form = read_form(request, WritingForm)
    except FormError as error:
        wrong |= error.errors
    for field, sentence in _CHOOSE.items():
        if field in asks and typed.get(field, "") not in [value for value, _ in facts[f"{field}s"] if value]:
            wrong[field] = sentence
    for field in ("amount", *(["fee"] if "fee" in asks and typed.get("fee") else [])):
        try:
            pence = parse_pounds(typed.get(field, ""), field=field) if field == "amount" else pence
            if field == "fee":
                parse_pounds(typed["fee"], field="fee")
        except Invalid as error:
            wrong.setdefault(field, error.sentence)
    if facts["kind"].missing and not typed.get("because"):
        wrong["because"] = facts["kind"].missing
    if "day" in asks and not typed.get("day"):
        wrong["day"] = "Write the day on which it came, such as 3 May 2027."
    elif form is not None and form.day and form.day > clock.today():
        wrong["day"] = "This day is yet to come."
    if wrong or form is None:
        # In the order in which the form asks.
        places = (*_CHOOSE, "day", "amount", "fee", "because")
        raise FormError({field: wrong[field] for field in sorted(wrong, key=[*places, *wrong].index)})
    return form, pence


async def _doubt(facts: dict[str, Any], form: WritingForm, pence: int) -> str:
    """What is asked where this may stand in the books already; empty where it can't. Not of this page, sent twice."""
    this = f"%write:{facts['name']}:{form.key}%"
    if came := _CAME.get(facts["name"]):
        kinds, to = came
        on = await entering.stands_already(kinds, to(form), pence, form.day or clock.today(), this)
        return say.stands_already(pence, on, _who(facts, form)) if on else ""
    since = clock.now() - _A_MOMENT
    if await entering.written_since(since, f"%write:{facts['name']}:%", this, pence):
        return f"{pounds(pence)} was written down here a few minutes ago. Is this another?"
    return ""


def _who(facts: dict[str, Any], form: WritingForm) -> str:
    """Whose money it is, by the name that was chosen."""
    called: dict[str, str] = facts["called"]
    return called.get(form.payer or form.owing or form.member or form.circle, "")

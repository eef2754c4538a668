"""Who pays for someone's support, and what part each: to read and to change; and which workers have a wage."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from litestar import Controller, Response, get, post

from eccoo_node.kernel.access import Thing, requires
from eccoo_node.kernel.errors import Forbidden, Invalid
from eccoo_node.kernel.money import percent
from eccoo_node.members import care, payers, queries, work
from eccoo_node.members.cards import PersonCard
from eccoo_node.members.care import Part
from eccoo_node.members.rules import writes_down_for
from eccoo_node.members.say import FUND_WORDS
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import redirect, render

MOST = 3
_Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
_Fund = Literal["own", "direct_payment", "council", "nhs", "family", "other"]
_TYPE_PERCENT = "Write a whole number from 0 to 100, such as 40."


class PayersForm(msgspec.Struct):
    """Up to three who pay, each with their part of every visit. `said`: how the others said yes."""

    who1: str
    percent1: _Percent
    fund1: _Fund = "own"
    who2: str = ""
    fund2: _Fund = "own"
    percent2: _Percent = 0
    who3: str = ""
    fund3: _Fund = "own"
    percent3: _Percent = 0
    said: str = ""
    SAY: ClassVar[dict[str, str]] = {
        "who1": "Choose who pays.", "percent1": _TYPE_PERCENT, "percent2": _TYPE_PERCENT, "percent3": _TYPE_PERCENT,
    }  # fmt: skip

    def parts(self) -> list[Part]:
        """Those who were chosen. Raises Invalid where they do not add up, at the first field that can mend it."""
        rows = [
            (self.who1, self.fund1, self.percent1), (self.who2, self.fund2, self.percent2),
            (self.who3, self.fund3, self.percent3),
        ]  # fmt: skip
        for number, (who, _, part) in enumerate(rows, 1):
            if bool(who) != bool(part):
                field, sentence = (
                    ("percent", "Write which part they pay.") if who else ("who", "Choose who pays this part.")
                )
                raise Invalid(sentence, "half_a_payer", field=f"{field}{number}")
        if sum(part for _, _, part in rows) != 100:
            raise Invalid("The parts add up to 100 percent.", "bad_share", field="percent1")
        return [Part(who, fund, part * 100, self.said) for who, fund, part in rows if who]


class FindPayer(msgspec.Struct):
    """Who else may pay, by name or number."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    SAY: ClassVar[dict[str, str]] = {"name": "Write a name, or the end of a number."}


class PayingController(Controller):
    """Whoever has a say in the money of the person changes who pays; somebody else pays only by their own yes."""

    include_in_schema = False

    @get("/who-pays", opt={"action": "members.share_payers"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Who pays now, and what part each."""
        facts = await _facts(request)
        left = await payers.what_is_left(actor_of(request), facts["subject"])
        return render(request, "members/who_pays.html", **facts, left=left)

    @get("/who-pays/change", opt={"action": "members.share_payers"})
    async def about_changing(self, request: AnyRequest) -> Response[Any]:
        return render(request, "members/share_payers.html", **await _facts(request))

    @post("/who-pays/change", opt={"action": "members.share_payers"})
    async def change(self, request: AnyRequest) -> Response[Any]:
        """These pay from now on, and nobody else."""
        actor, facts = actor_of(request), await _facts(request)
        try:
            form = read_form(request, PayersForm)
            if facts["writes_down"]:
                # Whoever was found by name stays in the form.
                _also(facts, (await queries.people([form.who1, form.who2, form.who3])).values())
            parts = form.parts()
            known = {key for key, _ in facts["people"]}
            if not {part.payer_person_id for part in parts} <= known:
                raise Invalid("Choose who pays.", "nobody_chosen", field="who1")
            await care.share_payers(actor, person_id=facts["subject"], parts=parts)
        except (FormError, Invalid) as error:
            renamed = {"share": "percent1", "fund": "fund1", "payer_said": "said"}
            if isinstance(error, Invalid) and error.field in renamed:
                error = Invalid(error.sentence, error.code, field=renamed[error.field])
            return form_error(request, "members/share_payers.html", error, **facts)
        return redirect(request, "/who-pays", "It is written down. Money that is set aside already stays as it was.")

    @post("/who-pays/find", opt={"action": "members.share_payers"})
    async def find(self, request: AnyRequest) -> Response[Any]:
        """Somebody who pays nothing here yet, by name, for whoever may write down that they do."""
        actor, facts = actor_of(request), await _facts(request)
        subject = facts["subject"]
        if not facts["writes_down"]:
            raise Forbidden("Only a facilitator who writes it down can look for others.", "not_written_down")
        requires(actor, "members.find_people", Thing("person", subject))
        try:
            name = read_form(request, FindPayer).name
        except FormError as error:
            return form_error(request, "members/share_payers.html", error, **facts)
        found = await queries.find_people(name)
        _also(facts, found)
        return render(request, "members/share_payers.html", **facts | {"found": [one.called for one in found]})


def _also(facts: dict[str, Any], found: Iterable[PersonCard]) -> None:
    """Others who can be chosen, too."""
    facts["people"] = list((dict(facts["people"]) | {one.id: one.called for one in found}).items())


async def _facts(request: AnyRequest) -> dict[str, Any]:
    actor, session = actor_of(request), session_of(request)
    subject = actor.acting_for or actor.person_id
    requires(actor, "members.share_payers", Thing("payer", "", subject))
    pays = (await payers.who_pays([subject])).get(subject, [])
    funds = await payers.funds_of(one.id for one in pays)
    person, team = await queries.person(subject), await queries.team_of(subject)
    near = (
        [(one.person_id, one.called) for one in await queries.team_members(team) if one.role != "worker"]
        if team
        else []
    )
    # Whoever writes down what is said on the phone knows who else pays here, such as the council.
    near += await payers.pay_here() if writes_down_for(actor, subject) else []
    mine = [(actor.person_id, session.called)] if actor.acting_for and not writes_down_for(actor, subject) else []
    people = dict([(subject, person.called), *((one.payer_person_id, one.called) for one in pays), *mine, *near])
    return {
        "subject": subject, "about": session.acting_for_called, "person": person,
        "rows": [(one.called, _part(one, funds[one.id], len(pays))) for one in pays],
        "pays": [
            {"who": one.payer_person_id, "fund": funds[one.id], "percent": str(one.share_bps // 100)} for one in pays
        ],
        "people": list(people.items()), "funds": list(FUND_WORDS.items()), "most": MOST,
        "writes_down": writes_down_for(actor, subject), "helper": await queries.facilitator_for(subject),
        # Who was found by name, where somebody was looked for.
        "found": None,
    }  # fmt: skip


def _part(one: payers.Pays, fund: str, of: int) -> str:
    part = "Every visit" if of == 1 else f"{percent(one.share_bps)} of each visit"
    out_of = f", out of {FUND_WORDS[fund].lower()}" if fund != "own" else ""
    return f"{part}{out_of}{', after each visit' if one.arrears else ', ahead of each visit'}"


class WageForm(msgspec.Struct):
    """The workers who have a wage."""

    employed: list[str] = []


class WageController(Controller):
    """Who keeps the circle's money says who has a wage from it; never of themselves."""

    include_in_schema = False

    @get("/money/wages", opt={"action": "members.set_employed"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        return render(request, "members/wages.html", **await _wages(request))

    @post("/money/wages", opt={"action": "members.set_employed"})
    async def change(self, request: AnyRequest) -> Response[Any]:
        """Ticked: the circle pays a wage. For money that is set aside from now on."""
        facts = await _wages(request)
        wanted, before = set(read_form(request, WageForm).employed), set(facts["employed"])
        for person_id, _ in facts["workers"]:
            if (person_id in wanted) != (person_id in before):
                await work.set_employed(actor_of(request), person_id, person_id in wanted)
        return redirect(request, "/money", "It is written down. It counts for money that is set aside from now on.")


async def _wages(request: AnyRequest) -> dict[str, Any]:
    actor = actor_of(request)
    requires(actor, "members.set_employed", Thing("worker"))
    found = [one for one in await payers.workers() if one[0] != actor.person_id]
    return {
        "workers": [(one[0], one[1]) for one in found], "employed": [one[0] for one in found if one[2]],
    }  # fmt: skip

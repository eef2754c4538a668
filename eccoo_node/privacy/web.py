"""The pages of being forgotten: one's own, and how far each wish has got."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.links import erasing as across
from eccoo_node.members import erasing as home
from eccoo_node.members import queries as members
from eccoo_node.privacy import actions, queries, rules, say
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

HERE = "/be-forgotten"


class ToldForm(msgspec.Struct):
    how: str = ""
    words: str = ""


def _subject(request: AnyRequest) -> str:
    actor = actor_of(request)
    return actor.acting_for or actor.person_id


async def _facts(request: AnyRequest) -> dict[str, Any]:
    """What the page says: what goes, what stays until when, and who else is asked."""
    subject, zone = _subject(request), ask_of(request).site.zone
    wish = await queries.own(actor_of(request), subject)
    kept = await home.kept(subject)
    return {
        "wish": wish,
        # Something is going on that ends first.
        "first": any(one.whole for one in kept),
        "due": say.day(wish.due_at, zone) if wish else "",
        "reasons": [say.why(one, zone) for one in kept],
        "circles": await queries.told_circles(list(await across.references(subject))),
        "person": await members.person(subject),
        "own": subject == actor_of(request).person_id,
        "days": rules.THINK.days,
    }


class PrivacyController(Controller):
    """Whoever it is about, or speaks for them, asks; facilitators and admins see how far it has got."""

    include_in_schema = False

    @get(HERE, opt={"action": "privacy.see"})
    async def about(self, request: AnyRequest) -> Response[Any]:
        return render(request, "privacy/mine.html", **await _facts(request))

    @post(HERE, opt={"action": "privacy.ask"})
    async def ask(self, request: AnyRequest) -> Response[Any]:
        await actions.ask(actor_of(request), person_id=_subject(request))
        return redirect(request, HERE)

    @post(f"{HERE}/stay", opt={"action": "privacy.take_back"})
    async def stay(self, request: AnyRequest) -> Response[Any]:
        try:
            await actions.take_back(actor_of(request), person_id=_subject(request))
        except Conflict as error:
            return form_error(request, "privacy/mine.html", error, **await _facts(request))
        return redirect(request, HERE, "Nothing is deleted.")

    @get("/forgotten", opt={"action": "privacy.see_all"})
    async def all(self, request: AnyRequest) -> Response[Any]:
        """Each wish, and what each circle answered."""
        actor, zone = actor_of(request), ask_of(request).site.zone
        wishes = [
            {
                "called": one.called,
                "asked": say.day(one.asked_at, zone),
                "state": say.state(one, zone),
                "kept": [say.why(k, zone) for k in one.kept],
                "circles": [
                    {
                        "name": c.name,
                        "phone": c.phone if c.state == "asked" else "",
                        "words": say.circle(c, one.gone_at, clock.now(), zone),
                        "told": f"/forgotten/{c.id}" if c.ended and c.state in {"asked", "kept"} else "",
                    }
                    for c in one.circles
                ],
            }
            for one in await queries.wishes(actor)
        ]
        theirs = [(one.name, say.asked_of_us(one, zone)) for one in await queries.asked_of_us(actor)]
        return render(request, "privacy/all.html", wishes=wishes, theirs=theirs)

    @get("/forgotten/{erasure_out:str}", opt={"action": "privacy.told"})
    async def heard(self, request: AnyRequest, erasure_out: FromPath[str]) -> Response[Any]:
        """What did you hear from them?"""
        return render(request, "privacy/told.html", **await self._heard(request, erasure_out))

    async def _heard(self, request: AnyRequest, erasure: str) -> dict[str, Any]:
        one, zone = await queries.asked_circle(actor_of(request), erasure), ask_of(request).site.zone
        ways = [
            ("rang", "They said on the telephone that they have deleted it"),
            ("paper", "They wrote to us that they have deleted it"),
            ("nobody", "Nobody is there any more who could", "We don’t know then whether it was deleted, and the page says so."),
        ]  # fmt: skip
        waits = one.ended and one.state in {"asked", "kept"}
        words = say.circle(one, one.asked_at, clock.now(), zone)
        return {"id": erasure, "one": one, "waits": waits, "words": words, "ways": ways}

    @post("/forgotten/{erasure_out:str}", opt={"action": "privacy.told"})
    async def told(self, request: AnyRequest, erasure_out: FromPath[str]) -> Response[Any]:
        actor, facts = actor_of(request), await self._heard(request, erasure_out)
        try:
            form = read_form(request, ToldForm)
            await actions.told(actor, erasure=erasure_out, how=form.how, words=form.words)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "privacy/told.html", error, **facts)
        return redirect(request, "/forgotten", "Written down. We don’t ask them again.")


CONTROLLERS = [PrivacyController]

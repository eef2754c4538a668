"""The admin's pages about linked circles: invite, take up an invitation, compare words, agree, pause, end.

Each page asks one thing. What a link's own page shows follows from how far the two circles have come.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_federation import handshake
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.links import actions, carrying, ending, moves, queries, rules, say, say_health, superseding, words_again
from eccoo_node.links.forms import AcceptForm, TermsForm, values_of
from eccoo_node.links.queries import Page
from eccoo_node.links.rules import Terms
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.paging import page_of

HERE = "/admin/links"
# An answer from another node is mostly there within this time; then its page need not be asked for again.
WAIT_S = 2.0
A_PAGE = 50
SHOWN_SCOPES = ("cover.request", "cover.offer", "settle", "attest.read", "introduce")


def _requires(request: AnyRequest, link_id: str = "") -> None:
    """Raises Forbidden for whoever does not look after this node."""
    access.requires(actor_of(request), "links.see", Thing("link", link_id, link_id=link_id))


class LinksController(Controller):
    """Every handler asks the door, or `links.see`, whether this admin may."""

    include_in_schema = False

    @get(HERE, opt={"action": "links.see"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """The circles we know, and how each is."""
        _requires(request)
        place = page_of(request.query_params)
        found = await queries.pages(place.skip(A_PAGE), A_PAGE + 1)
        cards = [_card(request, page) for page in found[:A_PAGE]]
        loopback = ask_of(request).site.settings.federation.loopback_peers
        return render(
            request, "links/list.html", cards=[c for c in cards if not c["ended"]],
            ended=[c for c in cards if c["ended"]], loopback=loopback, first=place.page == 1,
            **place.links(HERE, len(found) > A_PAGE),
        )  # fmt: skip

    @get(f"{HERE}/invite", opt={"action": "links.see"})
    async def about_inviting(self, request: AnyRequest) -> Response[Any]:
        _requires(request)
        return render(request, "links/invite.html")

    @post(f"{HERE}/invite", opt={"action": "links.invite"})
    async def invite(self, request: AnyRequest) -> Response[Any]:
        """Make an invitation and show it, this once: we keep only its hash."""
        invite = await actions.make_invite(actor_of(request))
        until = clock.now() + actions.INVITE_LASTS
        return render(request, "links/invited.html", invite=invite, aloud=_in_fours(invite), until=until)

    @get(f"{HERE}/accept", opt={"action": "links.see"})
    async def about_accepting(self, request: AnyRequest) -> Response[Any]:
        _requires(request)
        return render(request, "links/accept.html")

    @post(f"{HERE}/accept", opt={"action": "links.accept"})
    async def accept(self, request: AnyRequest) -> Response[Any]:
        """Take up an invitation; give the other node a moment to answer."""
        _requires(request)
        try:
            form = read_form(request, AcceptForm)
            link_id = await actions.accept_invite(actor_of(request), form.invite)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "links/accept.html", error)
        await _give_a_moment(link_id, "asked")
        return redirect(request, f"{HERE}/{link_id}")

    @get(f"{HERE}/{{link_id:str}}", opt={"action": "links.see"})
    async def show(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """What is asked about this circle now; else how the link is."""
        _requires(request, link_id)
        page = await queries.page(link_id)
        if page.circle.standing == "asked":
            return render(request, "links/calling.html", **_facts(request, page))
        if page.circle.standing == "words":
            return render(request, "links/words.html", **_facts(request, page))
        if page.circle.standing == "agreeing":
            return await _ask_to_agree(request, page)
        going = await ending.goes_on(link_id) if page.circle.standing == "ended" else []
        going = [still for still in going if still.kind != "stops"]
        return render(request, "links/link.html", going=going, **_facts(request, page))

    @get(f"{HERE}/{{link_id:str}}/words", opt={"action": "links.see"})
    async def new_words(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """Six new words within a link that stands, after a move."""
        _requires(request, link_id)
        page = await queries.page(link_id)
        if not page.words or page.words_said or page.circle.standing == "ended":
            return redirect(request, f"{HERE}/{link_id}")
        return render(request, "links/words.html", **_facts(request, page))

    @post(f"{HERE}/{{link_id:str}}/words", opt={"action": "links.words_again"})
    async def begin_words(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        await words_again.begin(actor_of(request), link_id)
        await _give_a_moment(link_id, "open", done=lambda page: bool(page.words))
        return redirect(request, f"{HERE}/{link_id}")

    @post(f"{HERE}/{{link_id:str}}/same", opt={"action": "links.words_same"})
    async def same(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        await actions.words_same(actor_of(request), link_id)
        return redirect(request, f"{HERE}/{link_id}")

    @post(f"{HERE}/{{link_id:str}}/differ", opt={"action": "links.words_differ"})
    async def differ(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        await actions.words_differ(actor_of(request), link_id)
        return redirect(request, f"{HERE}/{link_id}")

    @get(f"{HERE}/{{link_id:str}}/agree", opt={"action": "links.see"})
    async def look_at_change(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """A change that the other circle suggests while the link is open."""
        _requires(request, link_id)
        page = await queries.page(link_id)
        if page.theirs is None:
            return redirect(request, f"{HERE}/{link_id}")
        return await _ask_to_agree(request, page)

    @post(f"{HERE}/{{link_id:str}}/agree", opt={"action": "links.agree"})
    async def agree(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """Sign what lies before the admin, and only that."""
        await actions.agree(actor_of(request), link_id, seen=(ask_of(request).values.get("seen") or [""])[-1])
        await _give_a_moment(link_id, "agreeing")
        page = await queries.page(link_id)
        done = page.circle.standing == "open"
        if page.circle.standing == "ended":
            return redirect(request, f"{HERE}/{link_id}")
        words = f"We are linked with {page.called}." if done else f"You’ve said yes. Now {page.called} is asked."
        return redirect(request, f"{HERE}/{link_id}", words)

    @get(f"{HERE}/{{link_id:str}}/before", opt={"action": "links.see"})
    async def about_before(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """Were we linked with them before, and did one of the two lose everything?"""
        _requires(request, link_id)
        page, known = await queries.page(link_id), await carrying.before(link_id)
        options = [(row["id"], say.before(row)) for row in known]
        options += [(carrying.ALL_OF_IT, "One that we no longer know: we lost everything"), ("", "None")]
        return render(request, "links/before.html", options=options, **_facts(request, page))

    @post(f"{HERE}/{{link_id:str}}/before", opt={"action": "links.instead_of"})
    async def before(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        old = (ask_of(request).values.get("old") or [""])[-1]
        await superseding.stands_in_for(actor_of(request), link_id, old)
        return redirect(request, f"{HERE}/{link_id}")

    @get(f"{HERE}/{{link_id:str}}/terms", opt={"action": "links.see"})
    async def terms(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """What each may ask of the other, to be changed."""
        _requires(request, link_id)
        page = await queries.page(link_id)
        return render(
            request, "links/terms.html", values=values_of(_now(page)), **_choices(page), **_facts(request, page)
        )

    @post(f"{HERE}/{{link_id:str}}/terms", opt={"action": "links.propose"})
    async def change(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """What is taken back counts at once; what is added, or costs otherwise, waits for the other circle's yes."""
        _requires(request, link_id)
        page = await queries.page(link_id)
        try:
            wanted = read_form(request, TermsForm).terms(_now(page))
            said = await _change(request, page, wanted)
        except (FormError, Invalid) as error:
            return form_error(request, "links/terms.html", error, **_choices(page), **_facts(request, page))
        return redirect(request, f"{HERE}/{link_id}", said)

    @post(f"{HERE}/{{link_id:str}}/pause", opt={"action": "links.suspend"})
    async def pause(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        await actions.suspend(actor_of(request), link_id)
        return redirect(request, f"{HERE}/{link_id}", "The link is paused. Visits already agreed are kept.")

    @post(f"{HERE}/{{link_id:str}}/resume", opt={"action": "links.resume"})
    async def resume(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        await actions.resume(actor_of(request), link_id)
        page = await queries.page(link_id)
        theirs = page.circle.standing == "suspended_by_them"
        told = f"Our pause is over. {page.called} has paused, too." if theirs else "The link goes on."
        return redirect(request, f"{HERE}/{link_id}", told)

    @get(f"{HERE}/{{link_id:str}}/end", opt={"action": "links.see"})
    async def about_ending(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        _requires(request, link_id)
        page = await queries.page(link_id)
        if page.circle.standing == "ended":
            return redirect(request, f"{HERE}/{link_id}")
        going = await ending.goes_on(link_id) if page.circle.standing not in ("asked", "words", "agreeing") else []
        return render(request, "links/end.html", going=going, **_facts(request, page))

    @post(f"{HERE}/{{link_id:str}}/end", opt={"action": "links.end"})
    async def end(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        await actions.end(actor_of(request), link_id)
        return redirect(request, f"{HERE}/{link_id}")

    @get(f"{HERE}/{{link_id:str}}/moved", opt={"action": "links.see"})
    async def about_move(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """They say that they live elsewhere now: both addresses, and whom to ring."""
        _requires(request, link_id)
        page = await queries.page(link_id)
        if not page.moving_to or page.moving_agreed:
            return redirect(request, f"{HERE}/{link_id}")
        return render(request, "links/moved.html", **_facts(request, page))

    @post(f"{HERE}/{{link_id:str}}/moved", opt={"action": "links.follow_move"})
    async def follow_move(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """They were rung, and it is true."""
        await moves.follow_move(actor_of(request), link_id, (ask_of(request).values.get("to") or [""])[-1])
        standing = (await queries.page(link_id)).circle.standing
        await _give_a_moment(link_id, standing, done=lambda page: not page.moving_agreed)
        page = await queries.page(link_id)
        done = f"The link with {page.called} goes on at the new address."
        wait = "We look at the new address, and go on there if it is really them."
        return redirect(request, f"{HERE}/{link_id}", wait if page.moving_to else done)

    @post(f"{HERE}/{{link_id:str}}/not-moved", opt={"action": "links.refuse_move"})
    async def refuse_move(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """They were rung, and know nothing of it."""
        await moves.refuse_move(actor_of(request), link_id)
        return redirect(request, f"{HERE}/{link_id}")

    @post(f"{HERE}/{{link_id:str}}/rung", opt={"action": "links.heard_alarms"})
    async def rung(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """They were rung about what went wrong; it moves down the page."""
        up_to = (ask_of(request).values.get("up_to") or ["0"])[-1]
        await moves.heard_alarms(actor_of(request), link_id, int(up_to) if up_to.isdecimal() and len(up_to) < 10 else 0)
        return redirect(request, f"{HERE}/{link_id}", "Noted. It stays in the list of what went wrong.")


async def _change(request: AnyRequest, page: Page, wanted: Terms) -> str:
    """Narrow what was taken away, propose the rest; the sentence to show."""
    actor, link_id, now = actor_of(request), page.circle.id, page.circle.terms
    # Before anything is taken away: this is two acts.
    actions.requires_known(wanted)
    if page.circle.standing == "agreeing":
        await actions.propose(actor, link_id, wanted)
        return f"{page.called} is asked whether they agree."
    taken = [rules.taken_away(had, has) for had, has in ((now.we_may, wanted.we_may), (now.they_may, wanted.they_may))]
    if any(taken):
        await actions.narrow(actor, link_id, we_no_longer=taken[0], they_no_longer=taken[1])
    narrowed = rules.without(now, we=taken[0], they=taken[1])
    if wanted == narrowed:
        return "That counts from now on." if any(taken) else "Nothing was changed."
    await actions.propose(actor, link_id, wanted)
    return f"{page.called} is asked. Until they say yes, what was agreed before counts."


async def _give_a_moment(link_id: str, while_: str, done: Callable[[Page], bool] = lambda page: False) -> None:
    """Wait a little for the other node, outside of any transaction."""
    loop = asyncio.get_running_loop()
    until = loop.time() + WAIT_S
    while loop.time() < until:
        page = await queries.page(link_id)
        if page.circle.standing != while_ or page.health.trouble or done(page):
            return
        await asyncio.sleep(0.05)


async def _ask_to_agree(request: AnyRequest, page: Page) -> Response[Any]:
    found = await carrying.shown(page.circle.id)
    carried: dict[str, Any] = {
        "carried": say.carried(found, page.called) if found else [],
        "may_agree": not found or found.agrees,
    }
    before = [] if page.agreed_until or page.theirs else await carrying.before(page.circle.id)
    if page.theirs is None and page.ours is not None:
        return render(
            request,
            "links/waiting.html",
            lines=rules.sentences(page.ours, page.called),
            **carried,
            **_facts(request, page),
        )
    terms = page.theirs or Terms()
    return render(
        request,
        "links/agree.html",
        lines=rules.sentences(terms, page.called),
        seen=page.proposal,
        known=bool(before or (found and not page.agreed_until)),
        before=not found and any(row["at_home"] for row in before),
        **carried,
        **_facts(request, page),
    )


def _now(page: Page) -> Terms:
    """What a change begins from."""
    if page.circle.standing == "agreeing":
        return page.ours or page.theirs or Terms()
    return page.ours or page.circle.terms


def _choices(page: Page) -> dict[str, Any]:
    them, both = page.called, handshake.within(SHOWN_SCOPES, page.caps)
    pool = handshake.cap_of(rules.POOL) in page.caps
    return {
        "we": [(scope, rules.say_scope(scope, them, ours=True)) for scope in SHOWN_SCOPES if scope in both],
        "they": [(scope, rules.say_scope(scope, them, ours=False)) for scope in SHOWN_SCOPES if scope in both],
        "fields": [(field, words[0].upper() + words[1:]) for field, words in rules.POOL_WORDS.items() if pool],
    }


def _facts(request: AnyRequest, page: Page) -> dict[str, Any]:
    """What any page about one link shows."""
    zone, now, health = ask_of(request).site.zone, clock.now(), page.health
    rows = [
        ("Last heard from", say.last_seen(health.last_seen_at, now, zone)),
        ("Waiting to be sent", "" if page.superseded_by else say.waiting(health.waiting)),
        ("Clocks", "" if page.superseded_by else say.clock_offset(health.clock_offset_s)),
        ("Next try", say.next_try(health.next_try_at, now, zone) if health.trouble else ""),
    ]
    return {
        "link": page,
        "them": page.called,
        "state": say.standing(
            page.circle.standing, health.trouble, lapsed=page.agreed_until is not None and page.agreed_until <= now
        ),
        "trouble": say.trouble(health.trouble),
        "final": health.trouble in rules.FINAL,
        "clock_wrong": say.clock_matters(health.clock_offset_s),
        "rows": rows,
        "loud": say.loud(page.loud, page.called) if page.loud else None,
        "newest_alarm": max((alarm.id for alarm in page.alarms), default=0),
        "soon": say_health.ending_soon(page.agreed_until, now, zone, page.called)
        if page.circle.standing == "open"
        else "",
        "lapsed": page.agreed_until is not None and page.agreed_until <= now,
        "alarms": [(say.alarm(alarm.code), alarm.at) for alarm in page.alarms],
        "agreed": rules.sentences(page.circle.terms, page.called) if page.agreed_until else [],
    }


def _card(request: AnyRequest, page: Page) -> dict[str, Any]:
    now, zone = clock.now(), ask_of(request).site.zone
    words = _unsure(page) if page.circle.standing == "ended" else _in_a_line(page, now, zone)
    words = "Linked anew, after everything was lost." if page.superseded_by else words
    words = "A newer invitation took its place." if page.put_away_for else words
    return {
        "path": f"{HERE}/{page.circle.id}",
        "title": page.called,
        "words": words,
        "state": say.standing(
            page.circle.standing, page.health.trouble, lapsed=page.agreed_until is not None and page.agreed_until <= now
        ),
        "ended": page.circle.standing == "ended",
    }


def _unsure(page: Page) -> str:
    """Why they are to be rung: who or where they are is in question."""
    if page.reached and page.loud:
        return say.loud(page.loud, page.called)[0]
    moved = page.reached and page.moving_to and not page.moving_agreed
    return "They say that they have moved. Please ring them." if moved else ""


def _in_a_line(page: Page, now: datetime, zone: Any) -> str:
    health = page.health
    if unsure := _unsure(page):
        return unsure
    if page.theirs is not None:
        return "They suggest something. Please look."
    if page.circle.standing == "words":
        return "Ring them and read the six words to each other."
    if page.circle.standing != "open":
        return say.trouble(health.trouble)
    if soon := say_health.ending_soon(page.agreed_until, now, zone, page.called):
        return soon.split(". ")[0] + "."
    parts = [say.trouble(health.trouble)] if health.trouble else []
    if say.clock_matters(health.clock_offset_s):
        parts.append(say.clock_offset(health.clock_offset_s))
    if health.waiting:
        parts.append(f"Letters waiting: {health.waiting}.")
    if not parts:
        seen = say.last_seen(health.last_seen_at, now, zone)
        parts.append(seen if health.last_seen_at is None else f"Last heard from: {seen[0].lower()}{seen[1:]}.")
    return " ".join(parts)


def _in_fours(invite: str) -> list[str]:
    """The invitation in groups that can be read out. Whoever types them may leave blanks between."""
    return [invite[i : i + 4] for i in range(0, len(invite), 4)]

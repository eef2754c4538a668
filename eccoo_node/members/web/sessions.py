"""The page of oneself: whom one speaks for, what waits for one's yes, and where one is signed in."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Forbidden, NotFound
from eccoo_node.members import hats, queries, session_reads, sign_in
from eccoo_node.members.forms import AnswerHat
from eccoo_node.members.offers import open_offers
from eccoo_node.members.rules import POWERS
from eccoo_node.members.say import OFFER_WORDS, say_date
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.sessions import drop_session


class SessionController(Controller):
    """Signed in, here and elsewhere."""

    include_in_schema = False

    @get("/sessions", opt={"action": "signed_in"})
    async def mine(self, request: AnyRequest) -> Response[Any]:
        """Always the reader's own, also while they speak for someone else."""
        session = session_of(request)
        me = session.actor.person_id
        return render(
            request,
            "members/sessions.html",
            me=await queries.person(me),
            here=session.session_id,
            sessions=await session_reads.sessions_of(me),
            speaks_for=[p for p in await queries.spoken_for_by(me) if p.id != session.actor.acting_for],
            teams=await queries.teams_of(me),
            offers=await open_offers(me),
            offer_words=OFFER_WORDS,
            powers=POWERS,
            say_date=lambda at: say_date(at.astimezone(clock.zone()).date()),
        )

    @post("/sessions/{session_id:str}/end", opt={"action": "members.end_session"})
    async def end(self, request: AnyRequest, session_id: FromPath[str]) -> Response[Any]:
        """Sign another device out."""
        await sign_in.end_session(actor_of(request), session_id)
        return redirect(request, "/sessions", "That device is signed out.")

    @post("/sign-out", opt={"action": "members.end_session"})
    async def sign_out(self, request: AnyRequest) -> Response[Any]:
        """Sign out here, and clear what the browser kept."""
        await sign_in.end_session(actor_of(request), session_of(request).session_id)
        answer = redirect(request, "/", "You are signed out.")
        drop_session(request, answer)
        return answer

    @post("/roles/{offer_id:str}", opt={"action": "members.answer_hat"})
    async def answer_role(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        """Yes or no to a role that was offered. A no asks for no reason."""
        yes = read_form(request, AnswerHat).answer == "yes"
        try:
            await hats.answer_hat(actor_of(request), offer_id, yes=yes, session_id=session_of(request).session_id)
        except Forbidden:
            # That somebody else was offered a role is theirs to tell.
            raise NotFound() from None
        return redirect(request, "/sessions", "Thank you. That holds from now." if yes else "Thank you for saying.")

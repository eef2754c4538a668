"""Whether the books add up: said on the treasurer's page, and to whoever looks after the node."""

from typing import Any

from litestar import Controller, Response, get, post

from eccoo_node.escrow import checking, rules
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.members import queries as members
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

HELD = "The books were added up, and every penny is where it should be."
BROKEN = "The books were added up, and something in them is not as it should be."


async def standing(actor: Actor) -> dict[str, Any]:
    """How the books stood when they were last added up. What is wrong names accounts, so a treasurer alone reads it."""
    last = await checking.last_check()
    if last is None:
        return {"broken": False, "when": "", "what": "", "ring": []}
    zone = clock.zone()
    return {
        "broken": bool(last.broken),
        "when": f"{clock.say_day(last.at, zone)} at {clock.say_time(last.at, zone)}",
        "what": last.broken if rules.keeps_books(actor) else "",
        "ring": [one for one in await members.admins() if one.person_id != actor.person_id] if last.broken else [],
    }


class BooksController(Controller):
    """One page for a treasurer or an admin."""

    include_in_schema = False

    @get("/money/books", opt={"action": "money.add_up"})
    async def books(self, request: AnyRequest) -> Response[Any]:
        """When the books were last added up, and what came of it."""
        actor = actor_of(request)
        access.requires(actor, "money.add_up", Thing("books"))
        return render(
            request, "money/books.html", standing=await standing(actor), keeps_books=rules.keeps_books(actor)
        )  # fmt: skip

    @post("/money/books", opt={"action": "money.add_up"})
    async def add_up(self, request: AnyRequest) -> Response[Any]:
        """Add them up now. It takes some seconds where there are many entries, and holds nobody else up."""
        actor = actor_of(request)
        found = await checking.add_up_now(actor)
        path = "/money" if rules.keeps_books(actor) else checking.PAGE
        return redirect(request, path, BROKEN if found.broken else HELD)

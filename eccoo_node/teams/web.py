"""The page of a team."""

from typing import Any

from litestar import Controller, Response, get
from litestar.params import FromPath

from eccoo_node.members import queries as members
from eccoo_node.teams.queries import team_page
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import render


class TeamController(Controller):
    """Teams."""

    include_in_schema = False

    @get("/teams/{team_id:str}", opt={"action": "members.see_team"})
    async def team(self, request: AnyRequest, team_id: FromPath[str]) -> Response[Any]:
        """The person in the middle, everyone at the same distance."""
        actor = actor_of(request)
        page = await team_page(actor, team_id)
        helper = await members.facilitator_for(actor.person_id) if page.may_ask_for else None
        own = page.centre.id == actor.person_id and not actor.acting_for
        return render(request, "teams/team.html", team=page, own=own, helper=helper)


CONTROLLERS = (TeamController,)

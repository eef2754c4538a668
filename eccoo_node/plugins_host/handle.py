"""What a plugin's page is given: who asks, for which circle, and the few things that a page can do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from eccoo_node.db.rows import fetch
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Refusal
from eccoo_node.plugins_host import acts
from eccoo_node.plugins_host.acts import Add, Change
from eccoo_node.plugins_host.guard import Failed
from eccoo_node.plugins_host.manifest import Plugin
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import Page, redirect, render

F = TypeVar("F", bound=msgspec.Struct)


class Person(msgspec.Struct, frozen=True):
    """Whoever is signed in: the name they like, and their roles in the circle."""

    id: str
    called: str
    roles: frozenset[str]


class Circle(msgspec.Struct, frozen=True):
    """The circle this node belongs to."""

    name: str
    place: str
    phone: str


class Request:
    """One request for one page of one plugin. All that a plugin can reach, it reaches through this."""

    def __init__(self, plugin: Plugin, settings: Any, request: AnyRequest) -> None:
        self._plugin = plugin
        self._request = request
        # The plugin's own Settings, as the admin has set them.
        self.settings = settings
        # The parts of the path that the route named, each a str.
        self.params: dict[str, str] = {name: str(value) for name, value in request.path_params.items()}
        access.requires(actor_of(request), "plugin.see", Thing("plugin", plugin.name))

    @property
    def person(self) -> Person:
        """Who is signed in. Needs the permission "who"."""
        self._needs("who")
        session = session_of(self._request)
        roles = frozenset(hat.role for hat in session.actor.hats if hat.kind == "circle")
        return Person(session.actor.person_id, session.called, roles)

    @property
    def circle(self) -> Circle:
        circle = ask_of(self._request).site.circle
        return Circle(circle.name, circle.place, circle.phone)

    @property
    def zone(self) -> ZoneInfo:
        """The circle's own time zone. What is stored is stored in UTC."""
        return ask_of(self._request).site.zone

    @property
    def now(self) -> datetime:
        """The present moment, in UTC. Ask this and no other clock: tests and demos move it."""
        return clock.now()

    def may(self, verb: str) -> bool:
        """Whether this person may do one of the things that plugin.toml names under [acts]."""
        return acts.may(actor_of(self._request), self._plugin, verb)

    def must(self, verb: str) -> None:
        """Raise Forbidden unless they may: for the page that holds the form."""
        if not self.may(verb):
            raise acts.Forbidden("This is for others in the circle to do.", "plugin_role")

    async def rows(self, sql: str, *params: Any) -> list[Any]:
        """Rows of one SELECT on the plugin's own tables, `?` for each parameter. Needs the permission "records"."""
        self._needs("records")
        acts.own_tables_only(self._plugin, sql, ("SELECT",))
        return await fetch(sql, *params)

    async def act(self, verb: str, *changes: Add | Change) -> list[list[Any]]:
        """Do one of the things that plugin.toml names: all changes in one transaction, with its audit entry.

        Gives the rows that each change RETURNs. Raises Forbidden for someone who may not.
        """
        self._needs("records")
        return await acts.change_records(actor_of(self._request), self._plugin, verb, changes)

    def form(self, kind: type[F]) -> F:
        """What was filled in, as this Struct. Raises FormError, which `form_again` takes."""
        return read_form(self._request, kind)

    def render(self, template: str, **context: Any) -> Page:
        """A page from templates/x/<name>/<template>, in the circle's own layout and theme."""
        return render(self._request, self._own(template), **context)

    def form_again(self, template: str, error: FormError | Refusal | dict[str, str], **context: Any) -> Page:
        """The same form with what is wrong said at its top and at each field, and everything that was typed."""
        return form_error(self._request, self._own(template), error, **context)

    def go(self, path: str = "", notice: str = "") -> Page:
        """Send the reader on to another page of this plugin, after a form; `notice` is shown there once."""
        answer: Page = redirect(self._request, f"{self._plugin.path}{path}", notice)
        return answer

    def _own(self, template: str) -> str:
        return f"x/{self._plugin.name}/{template}"

    def _needs(self, permission: str) -> None:
        if permission not in self._plugin.permissions:
            raise Failed("permissions", permission)


__all__: Sequence[str] = ("Circle", "Person", "Request")

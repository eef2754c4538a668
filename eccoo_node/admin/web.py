"""The admins' pages: which plugins run, and how the node looks."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.admin import actions
from eccoo_node.admin.queries import plugins as decided
from eccoo_node.admin.queries import requires_admin
from eccoo_node.admin.rules import is_admin
from eccoo_node.kernel.errors import NotFound, Refusal
from eccoo_node.plugins_host import settings as forms
from eccoo_node.plugins_host.host import Host
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import form_error
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.site import NavItem, Site

# How a plugin's status is drawn; each has its words too.
_DRAWN = {"running": "certain", "off": "", "safe": "waiting"}
_SHORT = {
    "running": "On", "off": "Off", "safe": "Waiting: started without plugins", "changed": "Changed since you allowed it",
    "failed": "Not working", "incompatible": "Made for another version", "troubled": "Can’t be switched on",
    "gone": "No longer installed",
}  # fmt: skip


def _drawn(code: str) -> tuple[str, str]:
    return _DRAWN.get(code, "open"), _SHORT[code]


def _host(request: AnyRequest) -> Host:
    """The plugins' host of this app. Raises NotFound in an app that was put together without one."""
    host: Host | None = ask_of(request).site.plugins
    if host is None:
        raise NotFound
    return host


class AdminController(Controller):
    """What an admin of the circle decides about its node."""

    include_in_schema = False

    @get("/admin", opt={"action": "admin.see"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What can be looked after."""
        plugins = _host(request)
        site = ask_of(request).site
        requires_admin(actor_of(request))
        failing = [
            plugins.found[n].title for n, s in plugins.statuses.items() if s.code == "failed" and n in plugins.found
        ]
        return render(
            request, "admin/index.html", running=len(plugins.running), failing=failing, theme=site.themes.current.title
        )

    @get("/admin/plugins", opt={"action": "admin.see"})
    async def plugins(self, request: AnyRequest) -> Response[Any]:
        """Every plugin that is installed, and how it is."""
        plugins = _host(request)
        requires_admin(actor_of(request))
        cards = [
            {
                "path": f"/admin/plugins/{name}",
                "title": plugins.found[name].title if name in plugins.found else name,
                "words": _about(plugins, name),
                "state": _drawn(status.code),
            }
            for name, status in sorted(plugins.statuses.items())
        ]
        return render(request, "admin/plugins.html", cards=cards, safe=plugins.safe)

    @get("/admin/plugins/{name:str}", opt={"action": "admin.see"})
    async def plugin(self, request: AnyRequest, name: FromPath[str]) -> Response[Any]:
        """What one plugin does, and what can be decided about it."""
        plugins = _host(request)
        requires_admin(actor_of(request))
        return render(request, "admin/plugin.html", **await _facts(plugins, name))

    @post("/admin/plugins/{name:str}/on", opt={"action": "admin.enable_plugin"})
    async def switch_on(self, request: AnyRequest, name: FromPath[str]) -> Response[Any]:
        """Let it run, without starting the node again."""
        plugins = _host(request)
        found = plugins.found.get(name)
        if found is None:
            requires_admin(actor_of(request))
            raise NotFound
        seen = (ask_of(request).values.get("seen") or [""])[-1]
        try:
            await actions.enable_plugin(actor_of(request), (await plugins.look()).get(name, found), seen)
        except Refusal as refused:
            if refused.code != "plugin_changed":
                raise
            await plugins.reload()
            return form_error(request, "admin/plugin.html", refused, **await _facts(plugins, name))
        await plugins.reload()
        on = plugins.statuses[name].code == "running"
        words = f"{found.title} is on." if on else f"{found.title} could not start. The page says why."
        return redirect(request, f"/admin/plugins/{name}", words)

    @post("/admin/plugins/{name:str}/off", opt={"action": "admin.disable_plugin"})
    async def switch_off(self, request: AnyRequest, name: FromPath[str]) -> Response[Any]:
        """Stop it. What it has written stays."""
        plugins = _host(request)
        title = plugins.found[name].title if name in plugins.found else name
        await actions.disable_plugin(actor_of(request), name)
        await plugins.reload()
        return redirect(request, f"/admin/plugins/{name}", f"{title} is off. What it has written down is kept.")

    @post("/admin/plugins/{name:str}/settings", opt={"action": "admin.set_plugin_settings"})
    async def set_settings(self, request: AnyRequest, name: FromPath[str]) -> Response[Any]:
        """Keep its settings, and build its pages with them."""
        plugins = _host(request)
        requires_admin(actor_of(request))
        running = plugins.running.get(name)
        if running is None or running.plugin.Settings is None:
            raise NotFound
        read, errors = forms.read(running.plugin.Settings, ask_of(request).values, running.settings)
        if errors:
            return form_error(request, "admin/plugin.html", errors, **await _facts(plugins, name))
        await actions.set_plugin_settings(actor_of(request), name, forms.closed(read))
        await plugins.reload()
        return redirect(request, f"/admin/plugins/{name}", "The settings are kept.")

    @get("/admin/themes", opt={"action": "admin.see"})
    async def themes(self, request: AnyRequest) -> Response[Any]:
        """How the node looks, and could look."""
        site = ask_of(request).site
        requires_admin(actor_of(request))
        return render(request, "admin/themes.html", **_looks(site))

    @post("/admin/themes", opt={"action": "admin.use_theme"})
    async def use_theme(self, request: AnyRequest) -> Response[Any]:
        """Wear another theme from the next page on."""
        site = ask_of(request).site
        name = (ask_of(request).values.get("theme") or [""])[-1]
        try:
            await actions.use_theme(actor_of(request), site.themes, name)
        except Refusal as refused:
            if refused.field != "theme":
                raise
            return form_error(request, "admin/themes.html", refused, **_looks(site))
        return redirect(request, "/admin/themes", f"The node now wears {site.themes.use(name).title}.")


def _about(plugins: Host, name: str) -> str:
    found = plugins.found.get(name)
    return found.plugin.about if found is not None and found.plugin is not None else ""


async def _facts(plugins: Host, name: str) -> dict[str, Any]:
    """What the page of one plugin needs. Raises NotFound."""
    status = plugins.statuses.get(name)
    if status is None:
        raise NotFound
    found, running, kept = plugins.found.get(name), plugins.running.get(name), (await decided()).get(name)
    plugin = found.plugin if found is not None else None
    on = kept is not None and kept.enabled
    return {
        "name": name,
        "title": found.title if found is not None else name,
        "about": plugin.about if plugin is not None else "",
        "version": found.version if found is not None else "",
        "source": found.source if found is not None else "",
        "bundled": found is not None and found.bundled,
        "how": status,
        "drawn": _drawn(status.code),
        "on": on,
        # Allowed anew where it changed, tried anew where it failed.
        "can_allow": plugin is not None and not found.trouble and (not on or status.code == "changed"),  # type: ignore[union-attr]
        "seen": found.approval() if found is not None else "",
        "does": plugin.plain_words() if plugin is not None else [],
        "page": plugin.path if running is not None and running.routes and plugin is not None else "",
        "fields": forms.fields(running.plugin.Settings, running.settings) if running is not None else [],
    }


def _looks(site: Site) -> dict[str, Any]:
    good, bad = site.themes.all()
    return {
        "current": site.themes.current.name,
        "options": [(theme.name, theme.title, theme.about) for theme in good],
        "unusable": [broken.sentence for broken in bad],
    }


CONTROLLERS = [AdminController]
NAV = [NavItem("/admin", "This node", lambda session: is_admin(session.actor), order=90)]

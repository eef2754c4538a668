"""What one running node shows the world: its circle, its look, its ways on, the names of its cookies."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings
from eccoo_node.theming import Themes
from eccoo_node.web.sessions import LoadSession, SessionActor, nobody
from eccoo_node.web.skin import Skin
from eccoo_node.web.static import Static


class NavItem(msgspec.Struct, frozen=True):
    """One way on, in words, in the order given. It is offered to those `shown_to` says."""

    path: str
    words: str
    shown_to: Callable[[SessionActor], bool] = lambda session: True
    order: int = 50


class Site:
    """Made once by `create_app`, and again when plugins change."""

    def __init__(
        self,
        settings: Settings,
        folder: DataFolder,
        themes: Themes,
        *,
        node_id: str,
        load_session: LoadSession = nobody,
        nav: Sequence[NavItem] = (),
        templates: Sequence[Path] = (),
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.circle = settings.circle
        self.zone = settings.zone
        self.base = settings.base_path
        self.secure = settings.secure
        self.themes = themes
        self.load_session = load_session
        self.nav = tuple(sorted(nav, key=lambda item: item.order))
        self.templates = tuple(templates)
        # Cookies ignore ports: without the node in their names, two nodes on one host break each other's forms.
        tail = "".join(c for c in node_id if c.isalnum())[-8:] or hashlib.sha256(node_id.encode()).hexdigest()[:8]
        prefix = "__Host-" if self.secure else ""
        self.session_cookie = f"{prefix}session_{tail}"
        self.form_cookie = f"{prefix}form_{tail}"
        self.notice_cookie = f"{prefix}notice_{tail}"
        # The host of the plugins, for the pages on which an admin decides about them.
        self.plugins: Any = None
        self._skins: dict[str, Skin] = {}

    @property
    def cookie_path(self) -> str:
        """A `__Host-` cookie is for the whole host, or the browser drops it."""
        return "/" if self.secure else self.base or "/"

    def url(self, path: str) -> str:
        """A path of ours as the browser must ask for it, below the sub-path if there is one."""
        if not path.startswith("/"):
            raise ValueError(f"a path of the node begins with a slash: {path}")
        return self.base + path

    def skin(self) -> Skin:
        """The look that is worn now. Built once for each theme."""
        theme = self.themes.current
        skin = self._skins.get(theme.name)
        if skin is None or skin.theme is not theme:
            skin = self._skins[theme.name] = Skin(theme, self)
        return skin

    def static(self) -> Static:
        return self.skin().static

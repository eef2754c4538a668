"""Where the node finds what it ships and what it keeps."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(name: str) -> Path:
    """`themes` or `migrations`: inside the installed wheel, else in the checkout."""
    bundled = _PACKAGE / "_bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


class DataFolder:
    """The one folder that holds everything a circle owns."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = home / "eccoo.toml"
        self.database = home / "node.sqlite"
        self.keys = home / "keys"
        self.uploads = home / "uploads"
        self.plugins = home / "plugins"
        self.themes = home / "themes"
        self.backups = home / "backups"
        self.lock = home / "serving.lock"
        self.clock = home / "clock"

    def make(self) -> None:
        """Create what is missing. The whole folder is for the node's own user alone: it is about people's lives."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.uploads, self.plugins, self.themes, self.backups):
            folder.mkdir(exist_ok=True)
        self.keys.mkdir(mode=0o700, exist_ok=True)

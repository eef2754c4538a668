"""One theme made ready to wear: its templates over the node's own, its colours and files as they are sent."""

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds
from eccoo_node.theming import Theme
from eccoo_node.theming.loader import template_folders
from eccoo_node.web.ask import FORM_FIELD, asked
from eccoo_node.web.static import Static

if TYPE_CHECKING:
    from eccoo_node.web.site import Site

_HERE = Path(__file__).parent
TEMPLATES = _HERE / "templates"
STATIC = _HERE / "static"
_STYLES = "site.css"


class Skin:
    """The templates and files of one theme, for one node."""

    def __init__(self, theme: Theme, site: "Site") -> None:
        self.theme = theme
        self.static = _static(theme, site.base)
        self.environment = _environment(theme, site)


def _static(theme: Theme, base: str) -> Static:
    """One stylesheet, so that a phone with a poor signal asks once: the colours, the node's rules, the theme's."""
    static = Static(STATIC, theme.static)
    rules = [theme.stylesheet(), (STATIC / _STYLES).read_text("utf-8")]
    own = theme.static / "theme.css"
    if own.is_file():
        rules.append(own.read_text("utf-8"))
    text = "".join(rules)
    for name in static.files:
        text = text.replace(f'url("{name}")', f'url("{base}{static.path(name)}")')
    static.files.pop(_STYLES)
    static.add("theme.css", text)
    return static


class Compiled(BytecodeCache):
    """What templates were compiled to, by their name and text, for as long as the process lives.

    The inner app is built anew whenever a plugin or a theme is switched; compiling all of it again would cost the next
    reader of each page a tenth of a second.
    """

    _kept: ClassVar[dict[tuple[str, str], bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._kept.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


def _environment(theme: Theme, site: "Site") -> Environment:
    environment = Environment(
        loader=FileSystemLoader([str(folder) for folder in template_folders(theme, *site.templates, TEMPLATES)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=Compiled(),
    )
    zone = site.zone

    def say_when(start: datetime, end: datetime) -> str:
        return clock.say_when(start, end, zone)

    spoken: dict[str, Any] = {
        "pounds": pounds,
        "say_day": lambda moment: clock.say_day(moment, zone),
        "say_time": lambda moment: clock.say_time(moment, zone),
        "initials": initials,
        "tel": tel,
    }
    environment.filters.update(spoken)
    environment.globals.update(
        spoken | {
            "say_when": say_when,
            "url": site.url,
            "static": lambda name: site.url(asked().site.static().path(name)),
            "csrf_field": csrf_field,
            "typed": typed,
            "ticked": ticked,
            "error_of": lambda name: asked().errors.get(name, ""),
            "around": around,
            "circle": site.circle,
        }
    )  # fmt: skip
    return environment


def initials(called: str) -> str:
    """ "Ada" is "A", "Ada Sunderland" is "AS"."""
    words = called.split()
    return "".join(word[0].upper() for word in (words[:1] + words[-1:] if len(words) > 1 else words))


def around(count: int) -> list[tuple[int, int]]:
    """Places on a ring for so many dots, the first at the top, all at the same distance from the middle (180, 160)."""
    turns = [2 * math.pi * i / max(count, 1) - math.pi / 2 for i in range(count)]
    return [(round(180 + 116 * math.cos(turn)), round(160 + 116 * math.sin(turn))) for turn in turns]


def tel(phone: str) -> str:
    """A telephone number as a link has it: digits and a leading plus."""
    return "tel:" + "".join(c for c in phone if c.isdigit() or c == "+")


def csrf_field() -> Markup:
    """The hidden field that every form carries: it came from here, and it has one effect however often it is sent."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, asked().new_form_token())


def typed(name: str, default: object = "") -> str:
    """What was typed in a field; before anything was, its default."""
    ask = asked()
    if ask.submitted or name in ask.values:
        return (ask.values.get(name) or [""])[-1]
    return "" if default is None else str(default)


def ticked(name: str, value: object, default: object = ()) -> bool:
    """Whether a choice was made; before anything was, whether it is (one of) the default."""
    ask = asked()
    if ask.submitted or name in ask.values:
        return str(value) in ask.values.get(name, ())
    if isinstance(default, list | tuple | set | frozenset):
        return value in default
    return default is not None and str(value) == str(default)

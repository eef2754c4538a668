"""The words that never stand on a screen: what they say is about a system, not about people.

Looks at what a template shows, and at the sentences that domain errors carry to a page.
"""

import ast
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

from tests.support.sources import name_of, python_files, templates

ALLOWED = Path(__file__).with_name("words_allowed.toml")
# "Committee" and "household" are good words, so each form is written out.
FORBIDDEN = {
    "service user": r"service[\s-]users?",
    "client": r"clients?",
    "resource": r"resources?",
    "shift": r"shifts?",
    "slot": r"slots?",
    "escrow": r"escrow",
    "hold": r"holds?",
    "hat": r"hats?",
    "owner": r"owners?",
    "representative": r"representatives?",
    "attest": r"attest(?:s|ed|ing|ations?)?",
    "award": r"award(?:s|ed|ing)?",
    "commit": r"commit(?:s|ted|ting|ments?)?",
    "submit": r"submit(?:s|ted|ting)?|submissions?",
    "invalid": r"invalid",
    "N/A": r"n/a",
}
PATTERNS = {word: re.compile(rf"(?<![\w-])(?:{form})(?![\w-])", re.IGNORECASE) for word, form in FORBIDDEN.items()}
READ_ALOUD = {"alt", "title", "placeholder", "label", "aria-label", "aria-description", "content"}
STRAIGHT = re.compile(r"[A-Za-z]'[a-z]")
DOMAIN_ERRORS = {"Invalid", "NotFound", "Forbidden", "Conflict"}


class _Seen(HTMLParser):
    """Collects what a person reads or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"script", "style"}
        named = dict(attrs)
        self.parts += [value for name, value in attrs if name in READ_ALOUD and value]
        if tag == "input" and named.get("type") in {"submit", "button", "reset"}:
            self.parts.append(named.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"} and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def visible_text(template: str) -> str:
    """What a template puts before a person, whatever its branches.

    Inside Jinja's braces only quoted sentences count: a string with a space or a capital first letter. The rest are
    codes and names, which nobody reads.
    """
    template = re.sub(r"\{#.*?#\}", "", template, flags=re.DOTALL)
    quoted = [
        text
        for braces in re.findall(r"\{[{%].*?[%}]\}", template, flags=re.DOTALL)
        for pair in re.findall(r'"([^"]*)"|\'([^\']*)\'', braces)
        for text in pair
        if " " in text.strip() or text[:1].isupper()
    ]
    seen = _Seen()
    # A word takes the braces' place, so that an attribute with braces in it still parses.
    seen.feed(re.sub(r"\{[{%].*?[%}]\}", " ", template, flags=re.DOTALL))
    seen.close()
    return "\n".join([*seen.parts, *quoted])


def error_sentences(source: str) -> str:
    """What the module's domain errors say, f-strings with their holes left out."""
    said = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in DOMAIN_ERRORS:
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                strings = [part.value for part in ast.walk(argument) if isinstance(part, ast.Constant)]
                # A single word is the stable code, which no page shows.
                said += [text for text in strings if isinstance(text, str) and " " in text.strip()]
    return "\n".join(said)


def forbidden_in(text: str) -> list[str]:
    return [word for word, pattern in PATTERNS.items() if pattern.search(text)]


def allowed() -> dict[tuple[str, str], str]:
    return {(entry["file"], entry["word"]): entry["reason"] for entry in tomllib.loads(ALLOWED.read_text())["allow"]}


def all_findings() -> set[tuple[str, str]]:
    shown = [(path, visible_text(path.read_text())) for path in templates()]
    said = [(path, error_sentences(path.read_text())) for path in python_files()]
    return {(name_of(path), word) for path, text in (*shown, *said) for word in forbidden_in(text)}


def test_no_page_or_error_uses_a_forbidden_word() -> None:
    assert sorted(all_findings() - set(allowed())) == []


def test_every_exception_is_needed_and_has_a_reason() -> None:
    assert sorted(set(allowed()) - all_findings()) == []
    assert [key for key, reason in allowed().items() if len(reason) < 10] == []


def straight_in(source: str) -> list[str]:
    """Sentences of a module with a typewriter's apostrophe. Docstrings and codes are for whoever reads the code."""
    tree = ast.parse(source)
    unread = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in unread
        and " " in node.value and STRAIGHT.search(node.value)
    ]  # fmt: skip


def test_an_apostrophe_is_the_same_on_every_screen() -> None:
    said = [(name_of(path), text) for path in python_files() for text in straight_in(path.read_text())]
    shown = [(name_of(path), text) for path in templates() if STRAIGHT.search(text := visible_text(path.read_text()))]
    assert [*said, *shown] == []
    source = 'def f():\n    """Nobody\'s."""\n    return f"{who} can\'t come.", "o\'clock", "It can’t."\n'
    assert straight_in(source) == [" can't come."]


def test_the_search_sees_what_a_person_sees() -> None:
    template = """
      {# the slot #}<form class="shift" action="{{ url('hold') }}"><label for="client">Your name</label>
      <input type="submit" value="Submit"><img alt="a hat"><p>{% if hold %}Two committees, one household{% endif %}</p>
      {{ button("Award it") }}<script>commit()</script></form>
    """
    assert forbidden_in(visible_text(template)) == ["hat", "award", "submit"]


def test_the_search_hears_what_an_error_says() -> None:
    source = 'raise Conflict("slot_taken", f"The shift of {name} has gone.")\nraise ValueError("an invalid thing")\n'
    assert forbidden_in(error_sentences(source)) == ["shift"]

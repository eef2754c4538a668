"""The form of a plugin's settings, made from its Struct: title, description and bounds come from msgspec.Meta."""

import contextlib
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from eccoo_node.plugins_host.guard import Failed

KEPT = "Something is set. Leave this empty to keep it."


class Field(msgspec.Struct, frozen=True):
    """One setting as a form shows it. A secret has no value here, ever."""

    name: str
    title: str
    hint: str
    kind: Literal["text", "number", "choice", "tick", "secret"]
    value: Any
    type: Any
    choices: tuple[str, ...] = ()

    @property
    def options(self) -> list[tuple[str, str]]:
        """The choices as a form lists them: what is sent, and the words for it."""
        return [(choice, choice.replace("_", " ").capitalize()) for choice in self.choices]


def fields(kind: type[msgspec.Struct] | None, now: Any) -> list[Field]:
    """The form of these settings, filled in with what is set now. Raises Failed for a type no form can ask for."""
    if kind is None:
        return []
    hints = get_type_hints(kind, include_extras=True)
    return [_field(name, hints[name], getattr(now, name)) for name in kind.__struct_fields__]


def _field(name: str, hint: Any, value: Any) -> Field:
    metas = [m for m in get_args(hint)[1:] if isinstance(m, msgspec.Meta)] if get_origin(hint) is Annotated else []
    plain = get_args(hint)[0] if metas else hint
    if get_origin(plain) in {Union, types.UnionType}:
        raise Failed("settings", name)
    title = next((m.title for m in metas if m.title), name.replace("_", " ").capitalize())
    told = next((m.description for m in metas if m.description), "")
    secret = any((m.extra or {}).get("secret") for m in metas)
    lowest, highest = _bounds(metas)
    if get_origin(plain) is Literal:
        return Field(name, title, told, "choice", value, hint, tuple(str(c) for c in get_args(plain)))
    if plain is bool:
        return Field(name, title, told, "tick", value, hint)
    if plain is int:
        between = f"From {lowest} to {highest}." if lowest is not None and highest is not None else ""
        return Field(name, title, f"{told} {between}".strip(), "number", value, hint)
    if plain is not str:
        raise Failed("settings", name)
    if secret:
        return Field(name, title, f"{told} {KEPT if value else ''}".strip(), "secret", "", hint)
    return Field(name, title, told, "text", value, hint)


def _bounds(metas: list[msgspec.Meta]) -> tuple[Any, Any]:
    lowest = next((m.ge for m in metas if m.ge is not None), None)
    highest = next((m.le for m in metas if m.le is not None), None)
    return lowest, highest


def read(kind: type[msgspec.Struct], sent: Mapping[str, list[str]], now: Any) -> tuple[Any, dict[str, str]]:
    """The settings that were sent, and a sentence for each field that cannot be used. A secret left empty is kept."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in fields(kind, now):
        text = (sent.get(field.name) or [""])[-1].strip()
        if field.kind == "tick":
            values[field.name] = bool(text)
            continue
        if field.kind == "secret" and not text:
            values[field.name] = getattr(now, field.name)
            continue
        try:
            values[field.name] = msgspec.convert(text, field.type, strict=False)
        except msgspec.ValidationError as error:
            errors[field.name] = _sentence(field, str(error), text)
    return (kind(**values) if not errors else now), errors


def _sentence(field: Field, told: str, text: str) -> str:
    if not text:
        return f"{field.title}: please fill this in."
    if field.kind == "choice":
        return f"{field.title}: please choose one of these."
    if field.kind == "number":
        limit = told.partition("= ")[2].split("`")[0].split(" ")[0]
        if ">=" in told:
            return f"{field.title}: the smallest number here is {limit}."
        if "<=" in told:
            return f"{field.title}: the largest number here is {limit}."
        return f"{field.title}: please write a whole number, such as 3."
    if "length <=" in told:
        return f"{field.title}: please make this shorter."
    return f"{field.title}: please check this."


def opened(kind: type[msgspec.Struct] | None, kept: dict[str, Any]) -> Any:
    """Kept settings as the plugin's own Struct. What its present version does not know or cannot use is left aside
    for the default, so that an upgrade never locks its settings away. Raises Failed where a default is missing."""
    if kind is None:
        return None
    hints = get_type_hints(kind, include_extras=True)
    usable: dict[str, Any] = {}
    for name in kind.__struct_fields__:
        with contextlib.suppress(KeyError, msgspec.ValidationError):
            usable[name] = msgspec.convert(kept[name], hints[name])
    try:
        return kind(**usable)
    except TypeError:
        raise Failed("settings", "NoDefault") from None


def closed(settings: Any) -> dict[str, Any]:
    """Settings as they are kept."""
    found: dict[str, Any] = msgspec.to_builtins(settings) if settings is not None else {}
    return found

"""Reading what a person filled in, and showing it to them again with a plain word at what is wrong.

A form is a msgspec Struct. What to say where something is missing or cannot be used stands in its `SAY`:

    class CantCome(msgspec.Struct):
        visits: list[str]
        SAY: ClassVar[dict[str, str]] = {"visits": "Please tick the visits you can't be there for."}
"""

import types
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec

from eccoo_node.kernel.clock import read_day, read_time
from eccoo_node.kernel.errors import Conflict, Refusal
from eccoo_node.web.ask import FORM_FIELD, AnyRequest, ask_of
from eccoo_node.web.page import Page, render

T = TypeVar("T", bound=msgspec.Struct)
MAX_BODY = 128 * 1024
MAX_FIELDS = 400
_READ: dict[Any, tuple[Callable[[str], Any], str]] = {
    time: (read_time, "Write a time such as 9am, 2.30pm or 14:30."),
    date: (read_day, "Write a day such as 3 May 2027."),
}


class FormError(Exception):
    """What was typed cannot be used; `errors` has a sentence for each field, in the order of the form."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def parse_body(body: bytes) -> dict[str, list[str]]:
    """The fields of a urlencoded body, each with its values. Raises ValueError for one that is no form."""
    found: dict[str, list[str]] = {}
    pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    for name, value in pairs:
        # NUL cannot be stored by PostgreSQL, and no keyboard makes one.
        found.setdefault(name, []).append(value.replace("\r\n", "\n").replace("\0", "").strip())
    return found


def read_form(request: AnyRequest, kind: type[T]) -> T:
    """The form that was sent, as this Struct. Raises FormError with a sentence for each field that cannot be used.

    A blank field counts as not filled in: its default, or an error where it has none (a list that may stay empty
    has `[]` as its default). Fields the Struct does not name are left aside.
    """
    sent = ask_of(request).values
    say: dict[str, str] = getattr(kind, "SAY", {})
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):
        name, plain = field.encode_name, _plain(field.type)
        texts = [text for text in sent.get(name, ()) if text]
        if plain is bool:
            values[name] = bool(texts) and texts[-1] not in {"no", "false", "0"}
            continue
        if not texts:
            if field.required:
                fallback = _READ[plain][1] if plain in _READ else "Please fill this in."
                fallback = "Please choose at least one." if _is_list(plain) else fallback
                errors[name] = say.get(name, fallback)
            continue
        if plain in _READ:
            # msgspec reads days and times as machines write them, which nobody types.
            read, else_say = _READ[plain]
            values[name] = read(texts[-1])
            if values[name] is None:
                errors[name] = say.get(name) or else_say
            continue
        try:
            values[name] = msgspec.convert(texts if _is_list(plain) else texts[-1], field.type, strict=False)
        except msgspec.ValidationError as error:
            errors[name] = say.get(name) or _sentence(plain, str(error))
    if errors:
        raise FormError(errors)
    return kind(
        **{
            field.name: values[field.encode_name]
            for field in msgspec.structs.fields(kind)
            if field.encode_name in values
        }
    )


def form_error(
    request: AnyRequest, template: str, error: FormError | Refusal | dict[str, str], *, status: int = 0, **context: Any
) -> Page:
    """The same form again, with what is wrong at its top and at each field, and everything that was typed.

    Takes what `read_form` or a door raised, or sentences by field; the field "" is the whole form.
    """
    ask = ask_of(request)
    if isinstance(error, FormError):
        ask.errors = error.errors
    elif isinstance(error, Refusal):
        ask.errors = {error.field or "": error.sentence}
    else:
        ask.errors = error
    return render(request, template, status=status or (409 if isinstance(error, Conflict) else 422), **context)


def _plain(kind: Any) -> Any:
    """The type below Annotated and `| None`."""
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        inner = [arg for arg in get_args(kind) if arg is not type(None)]
        return _plain(inner[0]) if len(inner) == 1 else kind
    return kind


def _is_list(plain: Any) -> bool:
    return get_origin(plain) in {list, tuple, set, frozenset} or plain in {list, tuple, set, frozenset}


def _sentence(plain: Any, told: str) -> str:
    if "length <=" in told:
        return (
            f"Please make this shorter: at most {told.partition('length <= ')[2].split('`')[0].split(' ')[0]} letters."
        )
    if "length >=" in told:
        return "Please write a little more."
    if get_origin(plain) is Literal or (isinstance(plain, type) and issubclass(plain, str) and plain is not str):
        return "Please choose one of these."
    if plain is int:
        return (
            "Please write a whole number, such as 3."
            if "Expected" in told and "`int`" in told
            else "Please check this number."
        )
    if plain is datetime:
        return "Please check this date or time."
    return "Please check this."


__all__ = ["FORM_FIELD", "FormError", "form_error", "parse_body", "read_form"]

"""A form is read as people fill it in."""

from datetime import time
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec
import pytest

from eccoo_node.web import forms
from eccoo_node.web.forms import FormError, read_form


class When(msgspec.Struct):
    begins: time
    ends: time | None = None


class Said(msgspec.Struct):
    begins: time
    SAY: ClassVar[dict[str, str]] = {"begins": "Say when it begins, such as 2.30pm."}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read a form of these fields as this Struct."""

    def read(kind: type[msgspec.Struct], **values: str) -> Any:
        ask = SimpleNamespace(values={name: [text] for name, text in values.items()})
        monkeypatch.setattr(forms, "ask_of", lambda request: ask)
        return read_form(ask, kind)  # type: ignore[arg-type]

    return read


def test_a_time_is_what_people_type(sent: Any) -> None:
    assert sent(When, begins="14:30", ends="4pm") == When(time(14, 30), time(16))
    assert sent(When, begins="0930", ends="") == When(time(9, 30))


def test_a_time_that_cannot_be_read_is_one_clear_sentence_at_its_field(sent: Any) -> None:
    with pytest.raises(FormError) as wrong:
        sent(When, begins="half two", ends="2.30")
    sentence = "Write a time such as 9am, 2.30pm or 14:30."
    assert wrong.value.errors == {"begins": sentence, "ends": sentence}
    with pytest.raises(FormError) as own:
        sent(Said, begins="25:00")
    assert own.value.errors == {"begins": "Say when it begins, such as 2.30pm."}

"""What a person is told when something cannot be done.

Each refusal carries a sentence for a person and a stable code for a machine. Only `web/` and `cli/`
turn them into status codes and exit codes.
"""

import traceback


class Refusal(Exception):
    """A request that was understood and not carried out; nothing of it is kept."""

    def __init__(self, sentence: str, code: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.field = field


class Invalid(Refusal):
    """What was given cannot be used as it is; `field` names the place in the form."""


class NotFound(Refusal):
    """There is no such thing, or none that this actor may know of."""

    def __init__(self, sentence: str = "We can’t find that page.", code: str = "not_found") -> None:
        super().__init__(sentence, code)


class Forbidden(Refusal):
    """The actor may not do this. The door records it."""

    def __init__(self, sentence: str = "This is not yours to change.", code: str = "forbidden") -> None:
        super().__init__(sentence, code)


class Conflict(Refusal):
    """It was possible a moment ago, or is in the wrong state now."""


class Broken(Exception):
    """The node itself is not as it should be: a bad setting, a foreign data folder, a broken book.

    Commands print the sentence and exit with 1.
    """

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


def place_of(error: BaseException) -> str:
    """Where it was raised, innermost first, for the log; never its text, which may hold a name."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))

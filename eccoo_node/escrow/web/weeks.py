"""Week by week: a picture, and the same as a table beside it."""

from typing import Any

from litestar import Controller, Response, get

from eccoo_node.escrow import rules, weeks
from eccoo_node.escrow.weeks import Week
from eccoo_node.kernel.money import pounds
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import render

# As wide as a small phone shows it, so that its words are as large there as those round it; the bars stand to the right of
# the scale.
_HIGH, _GROUND, _ACROSS, _SCALE, _FEWEST = 120, 140, 328, 60, 4

# What each column counts.
_MEANS = {
    "aside": "is kept for visits, less what came back from them",
    "earned": "is for visits that went ahead, and for what was laid out",
    "paid": "has left the bank",
}


class WeeksController(Controller):
    """Each reads their own; the treasurer the whole circle's."""

    include_in_schema = False

    @get("/money/weeks", opt={"action": "signed_in"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What was set aside, earned and paid, in each of the last weeks."""
        actor = actor_of(request)
        parts = []
        if rules.keeps_books(actor):
            whole = {"aside": "Set aside", "earned": "Earned", "paid": "Sent out"}
            parts.append(part("The whole circle", await weeks.of_the_circle(actor), whole))
        paid_for = {"aside": "Set aside", "earned": "To workers"}
        parts.append(part("What is paid for visits", await weeks.of_payers(actor), paid_for))
        mine = {"earned": "Earned", "paid": "Sent to you"}
        parts.append(part("What you earn", await weeks.of_worker(actor), mine))
        shown = [one for one in parts if one]
        return render(request, "money/weeks.html", parts=shown, about=session_of(request).acting_for_called)


def _pence(week: Week, kind: str) -> int:
    return max(0, int(getattr(week, f"{kind}_pence")))


def _step(highest: int) -> int:
    """What lies between two lines of the scale: 1, 2 or 5 pence, or so many times ten, and so on; two to four of them fit."""
    return next(int(digit * 10**zeros) for zeros in range(18) for digit in (1, 2, 5) if highest < 5 * digit * 10**zeros)


def part(title: str, found: list[Week], kinds: dict[str, str]) -> dict[str, Any] | None:
    """One picture with its words; None where there is nothing to show."""
    highest = max((_pence(week, kind) for week in found for kind in kinds), default=0)
    if not highest:
        return None
    begun = next(number for number, week in enumerate(found) if any(_pence(week, kind) for kind in kinds))
    found = found[min(begun, len(found) - _FEWEST) :]
    bars, words = [], []
    apart = (_ACROSS - _SCALE) // len(found)
    wide = min(15, (apart - 4) // len(kinds))
    for number, week in enumerate(found):
        left = _SCALE + number * apart + (apart - wide * len(kinds)) // 2
        # Where many weeks stand close, every second one has its date.
        if len(found) <= _FEWEST or (len(found) - number) % 2:
            words.append({"x": _SCALE + number * apart + apart // 2, "day": f"{week.monday.day}/{week.monday.month}"})
        for place, kind in enumerate(kinds):
            height = round(_pence(week, kind) * _HIGH / highest, 1)
            x = left + place * wide + 1
            bars.append({"kind": kind, "x": x, "y": _GROUND - height, "width": wide - 2, "height": height})
    step = _step(highest)
    now = found[-1]
    said = ", ".join(f"{words_.lower()} {pounds(_pence(now, kind))}" for kind, words_ in kinds.items())
    return {
        "title": title,
        "sentence": f"This week so far: {said}.",
        "aloud": f"{title}: a bar for each week. The table that follows says the same.",
        "width": _ACROSS,
        "from": _SCALE,
        "scale": [
            {"y": round(_GROUND - sum_ * _HIGH / highest, 1), "sum": pounds(sum_)}
            for sum_ in range(step, highest + 1, step)
        ],
        "bars": [bar for bar in bars if bar["height"]],
        "words": words,
        "key": list(kinds.items()),
        "head": ["From", *kinds.values()],
        "table": [
            [f"{week.monday.day} {week.monday:%b}", *(pounds(int(getattr(week, f"{kind}_pence"))) for kind in kinds)]
            for week in reversed(found)
        ],
        "note": f"Each row is a week from its Monday. {'; '.join(f'“{label}” {_MEANS[kind]}' for kind, label in kinds.items())}.",
        "numbers": list(range(1, len(kinds) + 1)),
    }

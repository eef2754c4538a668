"""In which order other circles are asked: who at once, who next if nobody offers, and when. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from eccoo_node.cover.rules import next_news
from eccoo_node.kernel.errors import Invalid

MOST_WAVES = 3
# So near at hand everyone is asked at once, unless the person says otherwise.
SOON = timedelta(hours=6)
QUARTER = timedelta(minutes=15)
# How long we wait for an answer, in minutes; 0 is until the next of the day's hours for news.
WAITS = (0, 30, 60, 120, 240, 720)


class Plan(msgspec.Struct, frozen=True):
    """Link ids, wave by wave. The first is asked at once; it is empty only where somebody was asked before."""

    waves: tuple[tuple[str, ...], ...]
    wait_minutes: int = 0

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(link for wave in self.waves for link in wave)

    def only(self, links: Iterable[str]) -> "Plan":
        """Of these circles alone; a later wave that is left empty takes no time."""
        kept = set(links)
        waves = [tuple(link for link in wave if link in kept) for wave in self.waves]
        return Plan((waves[0] if waves else (), *(wave for wave in waves[1:] if wave)), self.wait_minutes)

    def written(self) -> str:
        return "~".join(".".join(wave) for wave in self.waves)


def read_plan(text: str, wait_minutes: int = 0) -> Plan:
    """What `written` wrote, with each circle once, in the first wave that names it."""
    waves, seen = [], set()
    for part in text.split("~")[:MOST_WAVES]:
        wave = tuple(dict.fromkeys(link for link in part.split(".") if link and link not in seen))
        seen |= set(wave)
        waves.append(wave)
    return Plan(tuple(waves), wait_minutes if wait_minutes in WAITS else 0)


def by_nearness(links: Sequence[str], came: Mapping[str, tuple[int, int]]) -> list[str]:
    """First the circles whose workers have come to this person, then those whose workers have come to anyone here, then
    the others as they stand. `came` has both counts."""
    return sorted(links, key=lambda link: tuple(-count for count in came.get(link, (0, 0))))


def usual(links: Sequence[str], now: datetime, starts_at: datetime) -> Plan:
    """What is proposed: the nearest first, then three more, then everyone else; when time is short, all at once."""
    if len(links) < 2 or starts_at - now < SOON:
        return Plan((tuple(links),))
    waves = (tuple(links[:1]), tuple(links[1:4]), tuple(links[4:]))
    return Plan(tuple(wave for wave in waves if wave))


def hours_of(plan: Plan, now: datetime, starts_at: datetime, zone: ZoneInfo) -> list[datetime]:
    """When each later wave goes. Raises Invalid where one would go after the visit has begun."""
    found: list[datetime] = []
    for number in range(1, len(plan.waves)):
        before = found[-1] if found else now
        at = next_news(before, starts_at, zone)
        if plan.wait_minutes:
            at = _on_the_quarter(now + number * timedelta(minutes=plan.wait_minutes))
        found.append(at)
    times = [now, *found]
    if any(late <= early for early, late in pairwise(times)) or times[-1] >= starts_at:
        raise Invalid("The visit begins before the last of them is asked. Wait less long.", "too_late", field="wait")
    return found


def _on_the_quarter(at: datetime) -> datetime:
    """An hour that one can say: the next full quarter."""
    over = timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
    return at + (QUARTER - over) if over else at


def due(at: datetime, now: datetime, answers: Sequence[bool], *, offers: bool) -> bool:
    """Whether the next wave goes now: its hour has come, or everyone who was asked has said nobody. Never while somebody
    offers."""
    return not offers and (at <= now or (bool(answers) and all(answers)))

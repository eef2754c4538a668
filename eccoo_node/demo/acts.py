"""Doing things as the people of a made-up circle: each helper is one or a few doors, in the order in which they are met."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import msgspec

from eccoo_node.agreements import actions as agreements
from eccoo_node.db.transaction import write
from eccoo_node.demo.names import Someone
from eccoo_node.kernel.access import Actor
from eccoo_node.members import actions, care, hats, queries, speaking, work
from eccoo_node.members.cards import Stretch
from eccoo_node.rota import queries as rota
from eccoo_node.rota.actions import mark_told

CHECKED = ("dbs_enhanced", "right_to_work", "insurance")
ALL_WEEK = tuple((day, 7, 21) for day in range(7))
YEAR = timedelta(days=365)


class MovedClock:
    """The hour at which the next thing is done."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class Monday:
    """The Monday the demo begins on, and hours counted from it."""

    def __init__(self, day: date, zone: ZoneInfo) -> None:
        self.day = day
        self.zone = zone

    def at(self, days: int, hour: int, minute: int = 0) -> datetime:
        """An hour of the circle's own clock, so many days from that Monday, in UTC."""
        return datetime.combine(self.day + timedelta(days=days), time(hour, minute), tzinfo=self.zone).astimezone(UTC)


class WorkerSaid(msgspec.Struct, frozen=True):
    """What someone says about the support they give."""

    words: str
    rate_pence: int
    goes_to: tuple[str, ...]
    skills: tuple[str, ...] = ("personal_care",)
    languages: str = "en"
    travel_pence: int = 0
    avoids: tuple[str, ...] = ()
    free: tuple[tuple[int, int, int], ...] = ALL_WEEK
    paid: bool = True


class CircleHands:
    """Whose hands do the writing down in one circle: the facilitator who began it."""

    def __init__(self, circle_id: str, helper: Actor, clock: MovedClock) -> None:
        self.circle_id = circle_id
        self.helper = helper
        self.clock = clock
        self._actors: dict[str, Actor] = {}

    def writing_for(self, person_id: str) -> Actor:
        """The facilitator sits with someone and writes down what they say; for themselves they simply write."""
        if person_id == self.helper.person_id:
            return self.helper
        return msgspec.structs.replace(self.helper, via="paper", acting_for=person_id, known_by="face_to_face")

    async def own(self, person_id: str) -> Actor:
        """Someone on their own screen."""
        if person_id not in self._actors:
            self._actors[person_id] = await queries.actor_for(person_id)
        return self._actors[person_id]

    async def register(self, someone: Someone, outward: str, *, channel: str = "", large_print: bool = False) -> str:
        """Someone new to the circle, who is written to by mail where they have an address, and rung where not."""
        channel = channel or ("email" if someone.email else "phone")
        return await actions.register_person(
            self.helper, called=someone.called, full_name=someone.full_name, outward=outward, address=someone.address,
            phone=someone.phone, email=someone.email, channel=channel, large_print=large_print,
        )  # fmt: skip

    async def wears(self, person_id: str, role: str) -> None:
        """A role in the circle, by their own yes, given face to face."""
        await hats.give_hat(
            self.helper, community_id=self.circle_id, person_id=person_id, role=role, wearer_said="face_to_face"
        )
        self._actors.pop(person_id, None)

    async def shows_face(self, person_id: str, name: str) -> None:
        """The drawn face of that name."""
        data = files("eccoo_node.demo").joinpath("faces", f"{name}.jpg").read_bytes()
        await actions.set_face(self.writing_for(person_id), person_id, data)

    async def works(
        self, person_id: str, gender: str, said: WorkerSaid, *, unchecked: str = "", ends: datetime | None = None
    ) -> None:
        """They say what support they give; the facilitator sees their papers. `unchecked` ends at `ends`."""
        await self.wears(person_id, "worker" if said.paid else "volunteer")
        me = await self.own(person_id)
        await work.set_worker_profile(
            me, person_id=person_id, words=said.words, languages=said.languages, gender=gender, rate_pence=said.rate_pence,
            travel_pence=said.travel_pence, goes_to=said.goes_to, skills=said.skills, avoids=said.avoids,
        )  # fmt: skip
        await work.set_free_time(me, person_id, [Stretch(d, h * 60, until * 60) for d, h, until in said.free])
        if not said.paid:
            await work.set_paid(self.helper, person_id, paid=False)
        number = int.from_bytes(person_id[-4:].encode()) % 10_000
        for kind in CHECKED if said.paid else CHECKED[:1]:
            await work.record_check(
                self.helper, person_id=person_id, kind=kind, number=f"00{number:04}5{len(kind):03}",
                expires_at=ends if kind == unchecked and ends else self.clock() + YEAR,
            )  # fmt: skip

    async def brings_all_news(self) -> None:
        """Everyone who is rung or written to has been."""
        async with write():
            for news in await rota.news_to_bring(10_000):
                await mark_told(self.helper, told_id=news.id)

    async def begins_team(self, person_id: str) -> str:
        return await hats.start_team(self.writing_for(person_id), person_id)

    async def joins(self, team_id: str, person_id: str, member_id: str, role: str, known_as: str = "") -> None:
        """Both have said yes: the person to the facilitator, and the one who joins on the phone."""
        await hats.give_hat(
            self.writing_for(person_id), community_id=team_id, person_id=member_id, role=role, known_as=known_as,
            wearer_said="phone",
        )  # fmt: skip
        self._actors.pop(member_id, None)

    async def needs(
        self, person_id: str, *, facts: Iterable[str], skills: Iterable[str], gender_wished: str = "",
        way_in: str = "", must_know: str = "",
    ) -> None:  # fmt: skip
        """What a worker must know, in the person's words, and that the home was looked at."""
        await care.set_care_facts(
            self.writing_for(person_id), person_id=person_id, facts=facts, skills=skills, gender_wished=gender_wished,
            way_in=way_in, must_know=must_know,
        )  # fmt: skip
        await care.record_safety_review(self.helper, person_id=person_id, at=self.clock() - timedelta(hours=1))

    async def agrees(
        self, person_id: str, worker_id: str, payer_id: str, rate_pence: int, travel_pence: int = 0
    ) -> None:
        """Both sides say yes to the same terms: the worker on their own screen, the person to the facilitator."""
        for actor in (await self.own(worker_id), self.writing_for(person_id)):
            await agreements.agree_terms(
                actor, person_id=person_id, worker_id=worker_id, payer_id=payer_id, rate_pence=rate_pence,
                travel_pence=travel_pence,
            )  # fmt: skip

    async def is_spoken_for(
        self, person_id: str, speaker_id: str, scopes: Iterable[str], relation: str, words: str
    ) -> None:
        await speaking.let_speak(
            self.writing_for(person_id), person_id=person_id, speaker_id=speaker_id, scopes=scopes, relation=relation,
            words=words,
        )  # fmt: skip

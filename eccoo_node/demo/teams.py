"""The other teams of a circle: enough of them that pages look as they would in a town."""

import random
from datetime import date, datetime

import msgspec

from eccoo_node.db.transaction import write
from eccoo_node.demo.acts import CircleHands, Monday, WorkerSaid
from eccoo_node.demo.names import Names
from eccoo_node.escrow import actions as escrow
from eccoo_node.kernel.access import Actor
from eccoo_node.members import care
from eccoo_node.rota import actions as rota

# (hour, minutes, what): no two of them touch.
SLOTS = (
    (8, 60, "Getting up and breakfast"), (10, 90, "Washing and dressing"), (12, 60, "Lunch"), (14, 120, "Out and about"),
    (17, 60, "Tea"), (19, 60, "Getting ready for bed"),
)  # fmt: skip
_WORDS = (
    "Ten years in people’s homes.", "I love a garden and a good argument.", "New to care, with a patient mentor.",
    "I cook. Properly.", "Quiet, careful, on time.", "I came for a month and stayed eight years.",
    "Dogs welcome, mud expected.", "Ask me about the brass band.",
)  # fmt: skip
_KNOW = (
    "Likes the radio on.", "Takes sugar, whatever the doctor says.", "Please knock twice, then come in.",
    "Hard of hearing on the left.", "The cat is called Bishop and is not to be let out.", "Short-sighted: say who you are.",
)  # fmt: skip
_FAMILY = (("daughter", "woman"), ("son", "man"), ("sister", "woman"), ("nephew", "man"), ("granddaughter", "woman"))


class Planned(msgspec.Struct, frozen=True):
    """A visit of the week before, to be spoken of once it has been."""

    id: str
    person_id: str
    worker_id: str
    ends_at: datetime


class Teams:
    """Makes teams out of the same dice each time."""

    def __init__(self, hands: CircleHands, names: Names, outward: str, monday: Monday, seed: int) -> None:
        self.hands = hands
        self.names = names
        self.outward = outward
        self.monday = monday
        self.chance = random.Random(seed)  # noqa: S311 the same circle each time; guards nothing
        self.workers: dict[str, int] = {}
        self.volunteers: list[str] = []
        self.taken: set[tuple[str, int, int]] = set()
        self.people: list[str] = []
        self.family: list[str] = []

    async def add_workers(self, paid: int, unpaid: int) -> None:
        for number in range(paid + unpaid):
            someone = self.names.someone(email=True)
            async with write():
                person_id = await self.hands.register(someone, self.outward)
                rate = 2200 + 100 * self.chance.randint(0, 9) if number < paid else 0
                skills = self.chance.sample(("personal_care", "cooking", "dementia", "medicines"), 2)
                said = WorkerSaid(
                    self.chance.choice(_WORDS), rate, (self.outward,), (*skills, "companionship"), paid=number < paid,
                    avoids=("smoke",) if self.chance.random() < 0.3 else (),
                )  # fmt: skip
                await self.hands.works(person_id, someone.gender, said)
            if said.paid:
                self.workers[person_id] = rate
            else:
                self.volunteers.append(person_id)

    async def add_team(self, treasurer: Actor, *, short: bool = False, next_week: bool = False) -> list[Planned]:
        """One team and its two weeks, or three. With `short`, the money put in does not last for the second."""
        async with write():
            return await self._team(treasurer, short, 3 if next_week else 2)

    async def _team(self, treasurer: Actor, short: bool, weeks: int) -> list[Planned]:
        hands, chance = self.hands, self.chance
        someone = self.names.someone()
        person_id = await hands.register(
            someone, self.outward, channel=chance.choice(("phone", "phone", "face_to_face", "post")),
            large_print=chance.random() < 0.25,
        )  # fmt: skip
        self.people.append(person_id)
        team_id = await hands.begins_team(person_id)
        await hands.needs(
            person_id, facts=[f for f in ("stairs", "pets", "smoke") if chance.random() < 0.3], skills=("companionship",),
            way_in="The key is with the neighbour on the left.", must_know=chance.choice(_KNOW),
        )  # fmt: skip
        payer_id = await self._family(team_id, person_id, someone.full_name.split()[-1], someone.address)
        theirs = chance.sample(sorted(self.workers), chance.choice((2, 2, 3)))
        for worker_id in theirs:
            await hands.joins(team_id, person_id, worker_id, "worker")
            await hands.agrees(person_id, worker_id, payer_id, self.workers[worker_id])
        week = self._week(theirs)
        if self.volunteers and chance.random() < 0.4:
            volunteer = chance.choice(self.volunteers)
            await hands.joins(team_id, person_id, volunteer, "volunteer")
            week += self._week([volunteer], 1)
        cost = sum(self.workers.get(worker_id, 0) * SLOTS[slot][1] // 60 + 1 for worker_id, _, slot in week)
        # Enough in round pounds; or not quite, so that somebody has to ring.
        pounds = (cost * (1 if short else weeks)) // 100 + (5 if short else 40)
        await escrow.top_up(treasurer, payer_id, pounds * 100, f"demo:{payer_id}", "Standing order")
        return await self._plan(person_id, week, weeks)

    async def _family(self, team_id: str, person_id: str, family: str, address: str) -> str:
        """Someone of the family, perhaps, who may pay; who pays."""
        hands, chance = self.hands, self.chance
        if chance.random() < 0.25:
            return await care.set_payer(hands.writing_for(person_id), person_id=person_id)
        known_as, gender = chance.choice(_FAMILY)
        relative = self.names.someone("woman" if gender == "woman" else "man", family=family, email=True)
        relative_id = await hands.register(relative, self.outward)
        self.family.append(relative_id)
        await hands.joins(team_id, person_id, relative_id, "family", known_as)
        await hands.is_spoken_for(
            person_id, relative_id, ("ask_for_cover", "say_visit_went"), known_as,
            f"{relative.called} may ask for someone else when a worker can’t come, and say whether a visit went ahead.",
        )  # fmt: skip
        if chance.random() < 0.4:
            return await care.set_payer(
                hands.writing_for(person_id),
                person_id=person_id,
                payer_person_id=relative_id,
                fund="family",
                payer_said="phone",
            )
        fund = chance.choice(("own", "direct_payment"))
        return await care.set_payer(hands.writing_for(person_id), person_id=person_id, fund=fund)

    def _week(self, worker_ids: list[str], most: int = 0) -> list[tuple[str, int, int]]:
        """(worker, weekday, slot), none of which anyone else has."""
        free = [
            (worker_id, day, slot)
            for worker_id in worker_ids for day in range(6) for slot in range(len(SLOTS))
            if (worker_id, day, slot) not in self.taken
        ]  # fmt: skip
        found: list[tuple[str, int, int]] = []
        for one in self.chance.sample(free, len(free)):
            if len(found) == (most or 4):
                break
            if all((one[1], one[2]) != (day, slot) for _, day, slot in found):
                found.append(one)
        self.taken |= set(found)
        return found

    async def _plan(self, person_id: str, week: list[tuple[str, int, int]], weeks: int) -> list[Planned]:
        before = []
        for days in range(-7, 7 * weeks - 7, 7):
            for worker_id, day, slot in sorted(week, key=lambda one: one[1:]):
                hour, minutes, what = SLOTS[slot]
                starts, ends = (
                    self.monday.at(days + day, hour),
                    self.monday.at(days + day, hour + minutes // 60, minutes % 60),
                )
                visit_id = await rota.plan_visit(
                    self.hands.writing_for(person_id), person_id=person_id, worker_id=worker_id, starts_at=starts,
                    ends_at=ends, what=what,
                )  # fmt: skip
                if days < 0 and worker_id in self.workers:
                    before.append(Planned(visit_id, person_id, worker_id, ends))
        return before


async def speak_of(hands: CircleHands, visits: list[Planned], *, unanswered: int = 2) -> list[Planned]:
    """The week that has been: each worker said how it went and each person that it did, but for the last few; those."""
    by_day: dict[date, list[Planned]] = {}
    for visit in sorted(visits, key=lambda v: (v.ends_at, v.id)):
        by_day.setdefault(visit.ends_at.date(), []).append(visit)
    quiet = {visit.id for visit in sorted(visits, key=lambda v: (v.ends_at, v.id))[len(visits) - unanswered :]}
    for day in by_day.values():
        hands.clock.at = day[-1].ends_at.replace(hour=20, minute=30)
        async with write():
            for number, visit in enumerate(day):
                shorter = number == 3
                await rota.say_how_it_went(
                    await hands.own(visit.worker_id), visit_id=visit.id, answer="shorter" if shorter else "as_planned",
                    minutes=45 if shorter else None,
                )  # fmt: skip
                if visit.id not in quiet:
                    await rota.answer_visit(
                        hands.writing_for(visit.person_id), visit_id=visit.id, answer="partly" if shorter else "yes",
                        minutes=45 if shorter else None,
                    )  # fmt: skip
    return [visit for visit in visits if visit.id in quiet]

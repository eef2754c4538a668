"""Making one of the two circles, through the doors that its people would go through, in the order of three weeks."""

from datetime import timedelta

import msgspec

from eccoo_node.banking import actions as banking
from eccoo_node.db import jobs
from eccoo_node.db.transaction import write
from eccoo_node.demo.acts import CircleHands, Monday, MovedClock
from eccoo_node.demo.alive import MORNING, MORNINGS, money_moves, standing_mornings
from eccoo_node.demo.cast import HEBDEN, OUTWARD, PEOPLE, PLACES, WORK
from eccoo_node.demo.names import Names
from eccoo_node.demo.teams import Planned, Teams, speak_of
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import queries as books
from eccoo_node.hosting.beginning import begin
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.clock import clock_bound
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings
from eccoo_node.members import actions, care, queries
from eccoo_node.rota import actions as rota
from eccoo_node.rota.weekly import pay_due_weeks

TEAMS = {HEBDEN: 23, "todmorden": 17}
# Of the teams, the one whose money does not last, and how many have planned next week already.
SHORT, NEXT_WEEK = 5, 4
WORKERS = {HEBDEN: (13, 4), "todmorden": (8, 3)}
# Who began the circle and helps people, who keeps its money, who looks after the node.
STAFF = {HEBDEN: ("ruth", "nasreen", "gwen"), "todmorden": ("colm", "ifeoma", "pete")}


class Seeded(msgspec.Struct, frozen=True):
    """What the pages of the demo need to know of a circle that has been made."""

    people: dict[str, str]
    others: list[str]
    thursday: str = ""
    # Someone whose visits are not paid for yet, and whose payment stands in the bank statement to try.
    short: str = ""
    # What the books have at the bank, where that statement begins.
    bank_pence: int = 0
    # The worker of the visit that is in question; who else works here; who else is of somebody's family, and may pay.
    asked: str = ""
    workers: list[str] = []
    family: list[str] = []


async def seed(folder: DataFolder, settings: Settings, name: str, monday: Monday) -> Seeded:
    """Make the circle of this name in an empty folder whose database is open and bound. The present becomes Monday, 9am."""
    clock = MovedClock(monday.at(-20, 10))
    with clock_bound(clock):
        hands, people = await _staff(folder, settings, name, clock)
        treasurer = await hands.own(people[STAFF[name][1]])
        await _accounts(treasurer, name)
        names = Names(0 if name == HEBDEN else 1, PLACES[name], {s.called for p in PEOPLE.values() for s in p.values()})
        teams = Teams(hands, names, OUTWARD[name], monday, seed=len(name))
        clock.at = monday.at(-17, 10)
        await teams.add_workers(*WORKERS[name])
        await _cast_works(hands, people, name, monday)
        clock.at = monday.at(-11, 11)
        before: list[Planned] = []
        for number in range(TEAMS[name]):
            before += await teams.add_team(treasurer, short=number == SHORT, next_week=number < NEXT_WEEK)
        thursday = ""
        if name == HEBDEN:
            thursday, story = await _edith(hands, people, monday)
            before += story
        await pay_due_weeks()
        # Everything up to last Thursday, then the hour at which this week was paid for, then the rest of the week.
        paid_at = monday.at(-4, 9)
        await speak_of(hands, [visit for visit in before if visit.ends_at < paid_at], unanswered=0)
        clock.at = paid_at
        await pay_due_weeks()
        waits = await speak_of(
            hands, [visit for visit in before if visit.ends_at >= paid_at], unanswered=3 if thursday else 2
        )
        if thursday:
            clock.at = monday.at(-1, 15)
            await money_moves(hands, people, waits[0])
        clock.at = monday.at(0, 8)
        await jobs.drain(100_000)
        await hands.brings_all_news()
        if thursday:
            clock.at = monday.at(0, 8, 40)
            await rota.cant_come(await hands.own(people["maryam"]), visit_ids=[thursday])
        clock.at = monday.at(0, 9)
        await jobs.drain(100_000)
        there = (await books.trial_balance())["1000"]
        asked = waits[0].worker_id if thursday else ""
        workers = [*teams.workers, *teams.volunteers]
        return Seeded(people, teams.people, thursday, teams.people[SHORT], there, asked, workers, teams.family)


async def _staff(
    folder: DataFolder, settings: Settings, name: str, clock: MovedClock
) -> tuple[CircleHands, dict[str, str]]:
    """The first day: the facilitator makes the node, and finds someone for the money and someone for the machine."""
    helper, treasurer, admin = STAFF[name]
    cast = PEOPLE[name]
    begun = await begin(
        folder, settings, called=cast[helper].called, email=cast[helper].email, phone=cast[helper].phone
    )
    hands = CircleHands(begun.circle_id, await queries.actor_for(begun.person_id), clock)
    await actions.correct_person(
        hands.helper,
        begun.person_id,
        full_name=cast[helper].full_name,
        outward=OUTWARD[name],
        address=cast[helper].address,
    )
    people = {helper: begun.person_id}
    for key, role in ((treasurer, "treasurer"), (admin, "admin")):
        people[key] = await hands.register(cast[key], OUTWARD[name])
        await hands.wears(people[key], "member")
        await hands.wears(people[key], role)
    for key in (helper, treasurer, admin):
        await hands.shows_face(people[key], key)
    return hands, people


async def _accounts(treasurer: Actor, name: str) -> None:
    """Two accounts at a bank that does not exist (no sort code begins with 99), with files as Starling has them."""
    whose = f"{PLACES[name]} care circle"
    for code, number in (("1000", "10002000"), ("1010", "10101010")):
        await banking.set_account(
            treasurer, code, name=whose, sort_code="99-00-00", account_number=number, layout="starling"
        )


async def _cast_works(hands: CircleHands, people: dict[str, str], name: str, monday: Monday) -> None:
    for key, said in WORK.items():
        if key not in PEOPLE[name]:
            continue
        async with write():
            people[key] = await hands.register(PEOPLE[name][key], OUTWARD[name])
            # Hannah would fit, but her certificate ends before Thursday.
            ends = monday.at(2, 23) if key == "hannah" else None
            await hands.works(
                people[key], PEOPLE[name][key].gender, said, unchecked="dbs_enhanced" if ends else "", ends=ends
            )
            await hands.shows_face(people[key], key)
    if name == HEBDEN:
        await hands.wears(people["tomasz"], "facilitator")


async def _edith(hands: CircleHands, people: dict[str, str], monday: Monday) -> tuple[str, list[Planned]]:
    """Edith’s team and her two weeks; the visit of this Thursday, and last week’s."""
    cast = PEOPLE[HEBDEN]
    for key in ("edith", "joan"):
        people[key] = await hands.register(cast[key], "HX7", large_print=key == "edith")
        await hands.shows_face(people[key], key)
    edith = people["edith"]
    async with write():
        team = await hands.begins_team(edith)
        await hands.needs(
            edith, facts=("hoist", "stairs", "pets"), skills=("moving_and_handling", "personal_care"), gender_wished="woman",
            way_in="Round the back. The key is in the safe by the coal hole: 1947.",
            must_know="Edith is moved with the hoist, one person, the blue sling. Tablets are in the box by the bread bin, "
            "with food. She hears better on her right. Tinker, the cat, stays in.",
        )  # fmt: skip
        await hands.joins(team, edith, people["joan"], "family", "daughter")
        for key in ("maryam", "tomasz"):
            await hands.joins(team, edith, people[key], "worker")
        await hands.joins(team, edith, people["desmond"], "volunteer", "neighbour")
        await hands.is_spoken_for(
            edith, people["joan"], ("ask_for_cover", "choose_who_comes", "share_my_details", "say_visit_went"), "daughter",
            "Our Joan can sort out who comes when somebody can’t, and give them what they need to find me. And she can say "
            "if they came. Not my money, I’ll see to that with Ruth.",
        )  # fmt: skip
        await care.set_safe_contact(
            hands.writing_for(edith), person_id=edith, channel="phone", leave_message=True, agreed_words="Tinker is in"
        )
        await care.set_standing_wish(
            hands.writing_for(edith), person_id=edith, words="If Maryam can’t come, ask Bronagh. If she can’t, ask over the "
            "hill. I can’t do without my mornings.", ask_first=[people["bronagh"]], ask_further=True,
        )  # fmt: skip
        payer = await care.set_payer(
            hands.writing_for(edith), person_id=edith, payer_person_id=people["joan"], fund="family", payer_said="phone"
        )
        await escrow.top_up(await hands.own(people["nasreen"]), payer, 72_000, f"demo:{payer}", "J Oakenshaw")
        for key in ("maryam", "tomasz"):
            await hands.agrees(edith, people[key], payer, WORK[key].rate_pence)
        return await _ediths_weeks(hands, people, monday)


async def _ediths_weeks(hands: CircleHands, people: dict[str, str], monday: Monday) -> tuple[str, list[Planned]]:
    """Last week visit by visit, and from this Monday on every week."""
    mornings = {day: key for key, weekdays in MORNINGS.items() for day in weekdays}
    before = []
    for days in (-7, 0):
        plan = [(day, key, 9, MORNING) for day, key in sorted(mornings.items()) if days < 0]
        for day, key, hour, what in [*plan, (5, "desmond", 14, "Dominoes")]:
            starts = monday.at(days + day, hour)
            visit = await rota.plan_visit(
                hands.writing_for(people["edith"]), person_id=people["edith"], worker_id=people[key], starts_at=starts,
                ends_at=starts + timedelta(hours=2), what=what,
            )  # fmt: skip
            if key != "desmond":
                before.append(Planned(visit, people["edith"], people[key], starts + timedelta(hours=2)))
    thursday = await standing_mornings(hands, people, monday)
    return thursday, before

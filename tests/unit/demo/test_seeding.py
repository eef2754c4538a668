"""The two circles are made through doors, at the size of a town, and the story waits in them exactly as it is told."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from eccoo_node.banking import importing, kept, say
from eccoo_node.banking import queries as banking
from eccoo_node.banking.actions import read_statement
from eccoo_node.cover import actions as cover
from eccoo_node.cover.near import candidates
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.demo.acts import Monday
from eccoo_node.demo.alive import statement
from eccoo_node.demo.cast import CIRCLES, HATS, HEBDEN, PEOPLE, PHONES, TODMORDEN
from eccoo_node.demo.place import Made, Place, stops
from eccoo_node.demo.running import first_monday
from eccoo_node.demo.seeding import Seeded, seed
from eccoo_node.demo.walk import STEPS
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.federating.verify import verify as verify_links
from eccoo_node.hosting.folder import make_folder
from eccoo_node.hosting.running import opened
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Forbidden
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import CircleSettings, DatabaseSettings, FederationSettings, Settings, WebSettings
from eccoo_node.members import queries as members
from eccoo_node.members.workers import workers_free
from eccoo_node.record.audit import verify as verify_record
from eccoo_node.rota import queries as rota
from eccoo_node.rota.weekly import pay_due_weeks

MONDAY = Monday(date(2026, 11, 30), ZoneInfo("Europe/London"))


def settings_of(name: str, url: str = "") -> Settings:
    return Settings(
        circle=CircleSettings(name=CIRCLES[name], phone=PHONES[name]),
        web=WebSettings(port=8000 + (name == TODMORDEN)),
        database=DatabaseSettings(url=url),
        federation=FederationSettings(loopback_peers=True),
        demo=True,
    )


async def make(root: Path, name: str, url: str = "") -> Seeded:
    folder = DataFolder(root / name)
    make_folder(folder)
    Place(root).move_to(MONDAY.at(0, 9))
    async with opened(folder, settings_of(name, url), migrated=False):
        return await seed(folder, settings_of(name, url), name, MONDAY)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Seeded]]:
    """Both circles on SQLite; only ever copied."""
    root = tmp_path_factory.mktemp("demo")
    for name in CIRCLES:
        make_folder(DataFolder(root / name))
    return root, {name: asyncio.run(make(root, name)) for name in CIRCLES}


class Circle(msgspec.Struct):
    name: str
    seeded: Seeded

    def id(self, who: str) -> str:
        return self.seeded.people[who]


async def _open(seeded: tuple[Path, dict[str, Seeded]], tmp_path: Path, name: str) -> AsyncIterator[Circle]:
    root, made = seeded
    for each in CIRCLES:
        shutil.copytree(root / each, tmp_path / each)
    Place(tmp_path).move_to(MONDAY.at(0, 9))
    async with opened(DataFolder(tmp_path / name), settings_of(name)):
        yield Circle(name, made[name])


@pytest.fixture
async def hebden(seeded: tuple[Path, dict[str, Seeded]], tmp_path: Path) -> AsyncIterator[Circle]:
    async for circle in _open(seeded, tmp_path, HEBDEN):
        yield circle


@pytest.fixture
async def todmorden(seeded: tuple[Path, dict[str, Seeded]], tmp_path: Path) -> AsyncIterator[Circle]:
    async for circle in _open(seeded, tmp_path, TODMORDEN):
        yield circle


@pytest.fixture(params=[HEBDEN, TODMORDEN])
async def circle(
    request: pytest.FixtureRequest, seeded: tuple[Path, dict[str, Seeded]], tmp_path: Path
) -> AsyncIterator[Circle]:
    async for circle in _open(seeded, tmp_path, request.param):
        yield circle


def test_there_are_about_forty_teams_over_the_two(seeded: tuple[Path, dict[str, Seeded]]) -> None:
    _, made = seeded
    assert sum(len(one.others) for one in made.values()) + 1 == 41
    assert {name: set(one.people) for name, one in made.items()} == {name: set(PEOPLE[name]) for name in CIRCLES}


async def test_everything_that_can_be_verified_holds(circle: Circle) -> None:
    books, record, links = await verify_books(), await verify_record(), await verify_links()
    assert books["entries"] > 150
    assert (record["rows"] > 500, record["unchained"]) == (True, 0)
    assert links["links"] == 0
    assert await fetch("SELECT kind, error FROM job WHERE error <> '' OR dead = TRUE") == []


async def test_no_balance_is_there_without_an_act_of_somebody(circle: Circle) -> None:
    acts = await fetch_value("SELECT COUNT(DISTINCT act_id) FROM audit")
    assert acts > 100
    for table in ("entry", "event"):
        stray = await fetch(f"SELECT id FROM {table} WHERE act_id NOT IN (SELECT act_id FROM audit)")
        assert stray == [], table


async def test_nobodys_name_street_or_number_stands_in_the_record_or_in_what_it_caused(circle: Circle) -> None:
    planted = set()
    for row in await fetch("SELECT full_name, address, phone, email FROM person"):
        planted |= {part for part in (row[0], *row[1].splitlines()[:1], row[2], row[3]) if part}
    planted |= {row[0] for row in await fetch("SELECT number FROM credential WHERE number <> ''")}
    assert len(planted) > 100
    for table in ("audit", "event", "job", "entry", "posting"):
        for row in await fetch(f"SELECT * FROM {table}"):
            text = " ".join(str(value) for value in tuple(row))
            assert [one for one in planted if one in text] == [], table


async def test_numbers_and_places_belong_to_nobody(circle: Circle) -> None:
    for called, phone, email, outward in await fetch("SELECT called, phone, email, outward FROM person"):
        assert re.fullmatch(r"01632 960\d{3}|07700 900\d{3}", phone), called
        assert email == "" or email.endswith(".example")
        assert outward in {"HX7", "OL14"}
    phones = [row[0] for row in await fetch("SELECT phone FROM person")]
    assert len(phones) == len(set(phones))


async def test_a_gap_is_open_on_thursday_and_edith_has_not_asked_yet(hebden: Circle) -> None:
    visit = await rota.visit(hebden.seeded.thursday)
    assert (visit.state, visit.person_id, visit.worker_id) == ("gap", hebden.id("edith"), hebden.id("maryam"))
    assert clock.say_when(visit.starts_at, visit.ends_at, MONDAY.zone) == "Thursday 3 December, 9am to 11am"
    line = await money.line(visit.line)
    assert line is not None
    assert (line.set_aside_pence, await fetch("SELECT id FROM cover_request")) == (6000, [])
    assert clock.now() >= MONDAY.at(0, 9)


async def test_of_her_own_circle_only_bronagh_could_come(hebden: Circle) -> None:
    visit = await rota.visit(hebden.seeded.thursday)
    assert [one.called for one in await candidates(visit)] == ["Bronagh"]


async def test_in_the_other_circle_two_fit_and_the_one_whose_certificate_ends_does_not(todmorden: Circle) -> None:
    fits = await workers_free(
        MONDAY.at(3, 9), MONDAY.at(3, 11), zone=MONDAY.zone, skills={"moving_and_handling", "personal_care"},
        facts={"hoist", "stairs", "pets"}, gender_wished="woman", outward="HX7",
    )  # fmt: skip
    assert {one.called for one in fits if one.paid} == {"Olena", "Siobhán"}
    assert {one.rate_pence for one in fits} == {3300, 3000}


async def test_joan_speaks_for_edith_in_all_but_money_and_pays_with_her_own(hebden: Circle) -> None:
    scopes = await members.scopes_of(hebden.id("joan"), hebden.id("edith"))
    assert scopes == {"ask_for_cover", "choose_who_comes", "share_my_details", "say_visit_went"}
    payer = await members.payer_for(hebden.id("edith"))
    assert payer is not None
    assert payer.payer_person_id == hebden.id("joan")
    assert await money.credit_pence(payer.id) >= 600


async def test_tomasz_is_refused_whatever_other_hats_he_wears(hebden: Circle) -> None:
    tomasz = await members.actor_for(hebden.id("tomasz"))
    assert tomasz.wears("facilitator")
    writing = msgspec.structs.replace(tomasz, via="phone", acting_for=hebden.id("edith"), known_by="rang_back")
    for actor in (tomasz, writing):
        with pytest.raises(Forbidden):
            await cover.ask(actor, visit_id=hebden.seeded.thursday, worker_ids=[hebden.id("bronagh")])
    helper = await members.facilitator_for(hebden.id("edith"))
    assert helper is not None
    assert helper.called == "Ruth"


async def test_somebody_is_not_paid_for_yet_and_the_rest_of_last_week_is_settled(hebden: Circle) -> None:
    states = {row[0]: row[1] for row in await fetch("SELECT state, COUNT(*) FROM visit GROUP BY state")}
    assert states["gap"] == 1
    assert states["settled"] > 80
    unpaid = await fetch(
        "SELECT DISTINCT person_id FROM visit WHERE line = '' AND fee_pence > 0 AND unpaid_at IS NOT NULL"
    )
    assert [row[0] for row in unpaid] == [hebden.seeded.short]


async def test_next_week_is_planned_and_money_moves(hebden: Circle) -> None:
    """A standing week, a receipt and a question that wait, one bank account that was made sure of, and one payer who
    is short for one visit once next week has had its turn."""
    assert await fetch_value("SELECT COUNT(*) FROM pattern") == 2
    assert await fetch_value("SELECT COUNT(*) FROM money_question WHERE ended_at IS NULL") == 1
    # Whoever is asked about it can say that it is right: one can be them, and everybody else who comes or pays.
    asked = await fetch("SELECT v.worker_id FROM money_question q JOIN visit v ON v.line = q.line")
    assert [row[0] for row in asked] == [hebden.seeded.asked]
    made = hebden.seeded
    known = {*made.people.values(), *made.others, *made.workers, *made.family}
    assert {row[0] for row in await fetch("SELECT id FROM person")} == known
    assert [row[0] for row in await fetch("SELECT state FROM expense")] == ["said"]
    sure = await fetch("SELECT d.person_id FROM bank_details d JOIN bank_details_check c ON c.details_id = d.id")
    assert [row[0] for row in sure] == [hebden.id("tomasz")]
    clock.set_clock(lambda: MONDAY.at(3, 9, 5))
    await pay_due_weeks()
    paid = await fetch_value("SELECT visits FROM weekly_run ORDER BY week DESC LIMIT 1")
    short = await fetch("SELECT person_id FROM visit WHERE unpaid_at IS NOT NULL AND starts_at >= ?", MONDAY.at(7, 0))
    assert (paid > 15, [row[0] for row in short]) == (True, [hebden.id("edith")])


async def test_the_statement_to_try_begins_at_what_the_books_have(hebden: Circle) -> None:
    nasreen = await members.actor_for(hebden.id("nasreen"))
    account = next(one.id for one in (await banking.accounts()).values() if one.code == "1000")
    payer = await members.payer_for(hebden.seeded.short)
    assert payer is not None
    reference = next(words for words, of in (await banking.references()).items() if of == payer.id)
    file = statement(MONDAY.day, reference, hebden.seeded.bank_pence)
    draft = await read_statement(nasreen, account, "november.csv", file)
    await importing.write_statement(nasreen, draft)
    standing = (await kept.standings(nasreen))[0]
    assert standing.bank_pence == standing.books_pence > 500_000
    assert (standing.apart_pence, len(say.standing(standing))) == (0, 1)


async def test_everyone_of_the_story_has_a_face(circle: Circle) -> None:
    for key, id_ in circle.seeded.people.items():
        found = await members.face(id_)
        assert found is not None, key
        assert found[0] == "image/webp"


def test_every_step_of_the_walk_is_done_by_someone_who_is_there() -> None:
    for step in STEPS:
        assert step.who in PEOPLE[step.circle]
    assert set(HATS) == {key for people in PEOPLE.values() for key in people}


@pytest.mark.postgres
async def test_a_circle_is_made_on_postgresql_just_so(
    postgres_url: str, tmp_path: Path, seeded: tuple[Path, dict[str, Seeded]]
) -> None:
    make_folder(DataFolder(tmp_path / HEBDEN))
    make_folder(DataFolder(tmp_path / TODMORDEN))
    made = await make(tmp_path, HEBDEN, postgres_url)
    assert len(made.others) == len(seeded[1][HEBDEN].others)
    async with opened(DataFolder(tmp_path / HEBDEN), settings_of(HEBDEN, postgres_url)):
        books = await verify_books()
        assert (await verify_record())["unchained"] == 0
    root = seeded[0]
    async with opened(DataFolder(root / HEBDEN), settings_of(HEBDEN)):
        assert {k: v for k, v in (await verify_books()).items() if "chained" not in k} == {
            k: v for k, v in books.items() if "chained" not in k
        }


# ---------------------------------------------------------------- time


@pytest.mark.parametrize(
    "day, monday",
    [(date(2026, 11, 22), date(2026, 11, 23)), (date(2026, 11, 23), date(2026, 11, 30)),
     (date(2026, 11, 29), date(2026, 11, 30)), (date(2026, 12, 30), date(2027, 1, 4))],
)  # fmt: skip
def test_the_demo_begins_on_a_monday_to_come(day: date, monday: date) -> None:
    assert first_monday(Monday(day, MONDAY.zone).at(0, 15)) == monday


def test_time_moves_both_circles_and_waits_while_the_demo_is_stopped(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for name in CIRCLES:
        make_folder(place.folder(name))
    place.move_to(MONDAY.at(0, 9))
    clocks = [clock.offset_clock(place.folder(name).clock) for name in CIRCLES]
    assert [abs((one() - MONDAY.at(0, 9)).total_seconds()) < 3 for one in clocks] == [True, True]
    place.stop_time()
    (tmp_path / "stopped").write_text(str(int((tmp_path / "stopped").read_text()) - 86_400))
    place.go_on()
    assert [abs((one() - MONDAY.at(-1, 9)).total_seconds()) < 3 for one in clocks] == [True, True]
    place.go_on()
    assert abs((clocks[0]() - MONDAY.at(-1, 9)).total_seconds()) < 3


def test_time_only_goes_on() -> None:
    made = Made(port=8000, monday=MONDAY.day, circles={})
    assert [s.name for s in stops(made, MONDAY, MONDAY.at(0, 9))] == ["evening", "thursday", "noon", "two-days"]
    assert [s.name for s in stops(made, MONDAY, MONDAY.at(0, 19))] == ["thursday", "noon", "two-days"]
    assert [s.name for s in stops(made, MONDAY, MONDAY.at(3, 12))] == ["evening", "two-days"]
    assert all(stop.at > MONDAY.at(9, 9) for stop in stops(made, MONDAY, MONDAY.at(9, 9)))

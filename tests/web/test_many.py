"""The pages that list things ask the database as often for fifty as for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eccoo_node.cover import queries as cover
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.rota import actions as rota
from eccoo_node.rota.tables import Visit
from tests.support import make
from tests.support.story import THURSDAY
from tests.web.covering import ask_far, ask_near
from tests.web.story import Site, Visitor, Walk

MANY = 50


@contextmanager
def counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that the node asks its database meanwhile."""
    asked: list[str] = []
    kind = type(site.node.engine)
    real = kind.execute

    async def execute(self: Any, sql: str, *rest: Any, **named: Any) -> Any:
        asked.append(sql)
        return await real(self, sql, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "execute", execute)
        yield asked


async def statements(site: Site, reader: Visitor, path: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    with counted(site, monkeypatch) as asked:
        page = await reader.get(path)
    return page.status, len(asked)


async def more_visits(walk: Walk, worker: str, count: int, state: str = "planned") -> None:
    """Visits to Edith by someone, an hour each, from Thursday noon on."""
    row = await fetch("SELECT team_id FROM visit LIMIT 1")
    async with write():
        for n in range(count):
            starts = THURSDAY + timedelta(hours=3, minutes=10 * n)
            await insert(
                Visit(
                    team_id=row[0][0], person_id=walk.a.people["Edith"], worker_id=walk.a.people[worker], starts_at=starts,
                    ends_at=starts + timedelta(hours=1), what="Company", state=state, agreed_at=clock.now(),
                )
            )  # fmt: skip


async def test_the_week_and_home_of_a_person_and_of_a_worker(
    walk_on_either: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = walk_on_either
    edith, ruth = await walk.a.read_as("Edith"), await walk.a.read_as("Ruth")
    wren, fay = await walk.a.read_as("Wren"), await walk.a.read_as("Fay")
    await ask_near(walk)
    pages = [(edith, "/week"), (edith, "/home"), (wren, "/week"), (wren, "/home"), (ruth, "/home"), (fay, "/home")]
    pages += [(wren, f"/weeks/{walk.a.people['Edith']}"), (fay, "/to-ring")]
    with walk.a.node.bound():
        await more_visits(walk, "Wren", 1)
        await more_visits(walk, "Wren", 1, "gap")
        await more_visits(walk, "Sol", 1, "said")
    few = [await statements(walk.a, reader, path, monkeypatch) for reader, path in pages]
    with walk.a.node.bound():
        await more_visits(walk, "Wren", MANY)
        await more_visits(walk, "Wren", MANY, "gap")
        await more_visits(walk, "Sol", MANY, "said")
    many = [await statements(walk.a, reader, path, monkeypatch) for reader, path in pages]
    assert many == few
    assert max(count for _, count in few) <= 35
    assert [status for status, _ in few] == [200] * len(pages)


async def test_what_other_circles_ask(walk_on_either: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_on_either
    told = await ask_far(walk)
    bea, tom = await walk.b.read_as("Bea"), await walk.b.read_as("Tom")
    pages = [(bea, "/requests"), (bea, "/home"), (tom, "/requests"), (bea, told.opened)]
    few = [await statements(walk.b, reader, path, monkeypatch) for reader, path in pages]
    with walk.b.node.bound():
        one = await cover.open_request(told.opened.rpartition("/")[2])
        async with write():
            for n in range(MANY):
                await fetch(
                    "INSERT INTO open_request (id, link_id, reference, body, area, starts_at, ends_at, go_no_go_at, state, received_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    f"01a200a0-d3ac-77e7-a6e8-{n:012}", one.link_id, f"ref{n}", one.body, one.area, one.starts_at, one.ends_at,
                    one.go_no_go_at, "open", one.received_at,
                )  # fmt: skip
    many = [await statements(walk.b, reader, path, monkeypatch) for reader, path in pages]
    assert many == few
    assert len([link for link in (await bea.get("/requests")).links if link.startswith("/requests/")]) == MANY + 1


async def test_the_page_of_a_search_with_many_offers(walk_on_either: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walk_on_either
    told = await ask_near(walk, "Robin")
    robin, edith = await walk.a.read_as("Robin"), await walk.a.read_as("Edith")
    await robin.press(await robin.get(f"/visits/{walk.a.visits['Thursday']}"), "Yes, I can come")
    few = await statements(walk.a, edith, told.search, monkeypatch)
    with walk.a.node.bound():
        found = (await fetch("SELECT id FROM cover_offer"))[0][0]
        offer = msgspec.to_builtins(await cover.offer(found))
        for n in range(MANY):
            worker = await make.worker(f"Worker {n}")
            async with write():
                await fetch(
                    "INSERT INTO cover_offer (id, request_id, worker_id, link_id, first_name, face_media, face, words, languages, "
                    "rate_pence, fee_pence, travel_pence, attested, worker_deduct_bps, payer_add_bps, home_share_bps, hold_until, "
                    "terms_hash, letter_id, state, received_at) SELECT ?, request_id, ?, link_id, ?, face_media, face, words, "
                    "languages, rate_pence, fee_pence, travel_pence, attested, worker_deduct_bps, payer_add_bps, home_share_bps, "
                    "hold_until, terms_hash, letter_id, state, received_at FROM cover_offer WHERE id = ?",
                    f"01a200a0-d3ac-77e7-a6e8-{n:012}", worker, f"Worker {n}", offer["id"],
                )  # fmt: skip
    assert await statements(walk.a, edith, told.search, monkeypatch) == few
    assert (await edith.get(told.search)).heading == "51 people offer to come on Thursday"


async def test_where_none_of_our_own_fits_the_way_leads_further_at_once(walk_on_either: Walk) -> None:
    walk = walk_on_either
    with walk.a.node.bound():
        starts = THURSDAY + timedelta(days=4)
        visit = await rota.plan_visit(
            NODE, person_id=walk.a.people["Edith"], worker_id=walk.a.people["Wren"], starts_at=starts,
            ends_at=starts + timedelta(hours=1), what="Breakfast",
        )  # fmt: skip
        async with write():
            await fetch("DELETE FROM free_time")
    wren, edith = await walk.a.read_as("Wren"), await walk.a.read_as("Edith")
    await wren.press(await wren.get(f"/visits/{visit}/cant-come"), "Tell Edith’s team")
    page = await edith.get(f"/cover/ask?visit={visit}")
    assert (page.heading, page.acts) == ("Nobody of our own is free then", ["Look further away"])
    page = await edith.press(page, "Look further away")
    assert (page.heading, page.acts) == ("Nobody of our own is free on Monday 30 November", ["Ask further away"])

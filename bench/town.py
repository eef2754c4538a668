"""A node to measure: one person with forty visits this week, and a search for cover with ten offers."""

import asyncio
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from eccoo_node.cover.machine import new_machine
from eccoo_node.db import bound
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.db.migrate import migrate
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.kernel.settings import CircleSettings, Settings, WebSettings
from eccoo_node.links import identity
from eccoo_node.members.sign_in import sign_in_as
from eccoo_node.rota.tables import Visit
from tests.support import make
from tests.support.ports import free_port

VISITS = 40


class Town:
    """The folder, its settings, and the cookie of the person whose pages are measured."""

    def __init__(self, folder: DataFolder, settings: Settings, cookie: str, request: str) -> None:
        self.folder, self.settings, self.cookie, self.request = folder, settings, cookie, request


async def _seed(folder: DataFolder, us: str) -> tuple[str, str]:
    engine = NodeSQLite(folder.database)
    await engine.open()
    with bound.bound(engine):
        await migrate(shipped("migrations"))
        await make.circle()
        person = await make.person("Edith")
        team = await make.team(person)
        await make.care_facts(person)
        workers = [await make.worker(name) for name in ("Wren", "Sol", "Kit", "May")]
        for worker in workers:
            await make.hat(worker, team, "worker")
        start, _ = clock.day_bounds(clock.week_of(clock.now(), ZoneInfo("Europe/London")), ZoneInfo("Europe/London"))
        async with write():
            for i in range(VISITS):
                at = start + timedelta(days=i % 7, hours=8 + 2 * (i // 7))
                row = Visit(
                    team_id=team, person_id=person, worker_id=workers[i % 4], starts_at=at,
                    ends_at=at + timedelta(hours=1), what="Getting up", address="1 Bank Street", rate_pence=2000,
                    fee_pence=2000, agreed_at=clock.now(),
                )  # fmt: skip
                await insert(row)
            request = await _search(str(row.id), person, us)
        signed_in = await sign_in_as(COMMAND, person)
    await engine.close()
    return signed_in.token, request


async def _search(visit: str, person: str, us: str) -> str:
    """A search with ten offers from a circle of the next valley."""
    request, now, soon = new_id(), clock.now(), clock.now() + timedelta(hours=3)
    machine = new_machine(us, soon, soon, soon + timedelta(hours=1))
    await fetch("UPDATE visit SET state = 'gap' WHERE id = ?", visit)
    columns = (
        "id, visit_id, person_id, asked_by, asked_for, asked_via, by_wish, state, further, next_news_at, go_no_go_at, "
        "chosen_offer, unsure, override_by, override_n, override_code, machine, ended_reason, ended_by, ended_for, created_at"
    )
    values = (
        request, visit, person, person, "", "screen", False, "asking", True, soon, soon, "", False, "", 0, "", machine, "",
        "", "", now,
    )  # fmt: skip
    await fetch(f"INSERT INTO cover_request ({columns}) VALUES ({', '.join('?' * len(values))})", *values)
    columns = (
        "id, request_id, link_id, first_name, face_media, face, words, languages, rate_pence, fee_pence, travel_pence, attested, "
        "worker_deduct_bps, payer_add_bps, home_share_bps, hold_until, terms_hash, letter_id, state, received_at"
    )
    for i in range(10):
        values = (
            new_id(), request, "", f"Bea {i}", "", "", "I grew up there.", "en", 2000, 4000, 0, "[]", 1500, 0, 5000, soon, "",
            "", "live", now,
        )  # fmt: skip
        await fetch(f"INSERT INTO cover_offer ({columns}) VALUES ({', '.join('?' * len(values))})", *values)
    return request


def build(home: Path) -> Town:
    folder = DataFolder(home)
    folder.make()
    port = free_port()
    settings = Settings(
        circle=CircleSettings(name="Bench circle", phone="01632 960000"),
        web=WebSettings(port=port, public_url=f"http://127.0.0.1:{port}"),
    )
    us, _ = identity.create(folder, settings)
    token, request = asyncio.run(_seed(folder, us.node_id))
    return Town(folder, settings, f"session_{us.node_id[-8:]}={token}", request)

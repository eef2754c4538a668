"""Every page once on PostgreSQL, which is stricter about what is asked of it: the same answer as the table says."""

import asyncio
from pathlib import Path

from tests.support.node import build
from tests.support.pair import open_pair
from tests.support.plugins import shelf
from tests.support.postgres import PostgresServer
from tests.web.access_world import World
from tests.web.client import Reader
from tests.web.test_access import TABLE, rows


def may_read() -> dict[str, list[str]]:
    """Of each line of the table, who gets the page."""
    hats: list[str] = []
    found: dict[str, list[str]] = {}
    for line in TABLE.read_text().splitlines():
        if line.startswith(" "):
            hats = line.split()
        elif line.startswith("GET"):
            label, cells = line[: -5 * len(hats)].rstrip(), line.split()[-len(hats) :]
            found[label] = [hat for hat, cell in zip(hats, cells, strict=True) if cell == "200"]
    return found


async def asked(world: World) -> list[str]:
    """Where the answer is another than the page."""
    odd: list[str] = []
    table, found = may_read(), list(rows(world))
    for hat in sorted({hat for hats in table.values() for hat in hats}):
        async with Reader(world.shell) as reader:
            if hat in world.tokens:
                reader.http.cookies.set(world.shell.site.session_cookie, world.tokens[hat])
            for row in found:
                # A page that several people get is read by the first and the last of them.
                if row.method == "GET" and hat in table[row.label][:1] + table[row.label][-1:]:
                    page = await reader.get(row.path)
                    odd += [f"{hat} {row.label}: {page.status_code}"] if page.status_code != 200 else []
    return odd


def test_each_page_is_there_on_postgresql(postgres_server: PostgresServer, tmp_path: Path) -> None:
    core = postgres_server.template("core", lambda made: asyncio.run(build(made)))
    urls = (postgres_server.create_database(core), postgres_server.create_database(core))

    async def go() -> list[str]:
        with shelf(tmp_path / "shelf") as plugins:
            plugins.bundled()
            async with open_pair(tmp_path, urls) as pair:
                world = await World(pair).begin()
                await pair.a.stop()
                return await asked(world)

    try:
        assert asyncio.run(go()) == []
    finally:
        for url in urls:
            postgres_server.drop_database(url)

"""Circles that are linked with a node but have no node of their own: nobody answers at their address."""

import msgspec

from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.kernel.ids import new_id
from tests.support.pair import Pair


async def more_links(pair: Pair, *names: str) -> list[str]:
    """Links of node A with the same terms as its one real link; their ids."""
    found = []
    with pair.a.bound():
        async with write():
            for number, name in enumerate(names):
                them, id_ = "abcdefghij"[number] * 52, new_id()
                real = await fetch_one("SELECT node_id, agreement FROM link WHERE id = ?", pair.link_id)
                assert real is not None
                agreed = msgspec.json.encode(msgspec.json.decode(real[1])).decode().replace(real[0], them)
                changed = {
                    "id": id_,
                    "node_id": them,
                    "name": name,
                    "agreement": agreed,
                    "base_url": "http://127.0.0.1:9",
                }
                await _copy("link", "id", pair.link_id, changed)
                await _copy("link_wire", "link_id", pair.link_id, {"link_id": id_})
                found.append(id_)
    return found


async def _copy(table: str, by: str, key: str, changed: dict[str, str]) -> None:
    row = await fetch_one(f"SELECT * FROM {table} WHERE {by} = ?", key)
    assert row is not None
    values = {name: changed.get(name, row[name]) for name in row.keys() if name in changed or name != "id"}  # noqa: SIM118
    names = ", ".join(f'"{name}"' for name in values)
    await fetch(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", *values.values())

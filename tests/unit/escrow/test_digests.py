"""What the writer seals is what is read back, on either engine and whatever stands in it."""

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from eccoo_node.db import bulk
from eccoo_node.db.rows import fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, chart, ledger
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.rules import Leg
from eccoo_node.escrow.verify import Books, check_inside
from eccoo_node.escrow.verify_pages import asks
from eccoo_node.kernel.access import NODE
from eccoo_node.record.door import Act
from tests.support.escrow import open_books
from tests.support.node import open_node
from tests.unit.escrow.test_invariants import RolledBack, rolled_back

# Neither engine keeps a NUL or half a character within a text.
words = st.one_of(
    st.sampled_from(['"', "\\", "a,b", "null]", "\x1f|\n\r\t\x7f\u2028", "’é😀", ",0,0,0,null]"]),
    st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), min_size=1, max_size=20),
)
moments = st.datetimes(
    datetime(1, 1, 3),  # noqa: DTZ001
    datetime(9999, 12, 29),  # noqa: DTZ001
    timezones=st.integers(-14, 14).map(lambda h: timezone(timedelta(hours=h))),
)
entries = st.lists(st.tuples(words, words, st.integers(1, 10**12), st.none() | moments), min_size=1, max_size=5)


async def play(url: str, folder: Path, asked: list[tuple[str, str, int, datetime | None]]) -> None:
    async with open_node(folder, url):
        with rolled_back():
            async with write():
                books, act = await open_books(), Act(NODE, "money.top_up", "act")
                for number, (key, holder, amount, when) in enumerate(asked):
                    draft = Draft(kind="top_up", key=f"{number} {key}", body={}, effective_at=when)
                    done = await ledger.post(act, draft, [Leg(chart.BANK, chart.credit(holder), amount)])
                    await ledger.mirror(
                        act, Draft(kind="reversed", key=f"-{number}", body={}, reverses_id=done.entry_id), done.entry_id
                    )
                await books.top_up(6000)
                await actions.set_aside(NODE, asked[0][0], books.payer, books.person, asked[0][1], 6000, 0, "hold")
                walk = Books()
                await walk.lines.read()
                await walk.read_accounts()
                first = await fetch_value("SELECT MIN(id) FROM entry")
                page = walk.page([await bulk.columns(ask) for ask in asks(first - 1, first + 100)])
                # Told at the first look, without going through them one by one.
                assert walk.holds(page)
                await check_inside()
                raise RolledBack


def test_what_is_sealed_is_what_is_read_back(node_url: str, tmp_path: Path) -> None:
    @given(entries)
    @settings(max_examples=10 if node_url else 25)
    def check(asked: list[tuple[str, str, int, datetime | None]]) -> None:
        asyncio.run(play(node_url, tmp_path, asked))

    check()

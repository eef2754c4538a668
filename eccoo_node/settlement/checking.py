"""Whether the statements hold together: what was signed, what follows from it, and the books."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from eccoo_federation import settling
from eccoo_federation.errors import ProtocolError
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import between
from eccoo_node.escrow.checking import checks
from eccoo_node.kernel.errors import Broken
from eccoo_node.links import held, letters
from eccoo_node.links import queries as links
from eccoo_node.settlement import queries
from eccoo_node.settlement.queries import Page


async def verify() -> int:
    """How many statements there are. Raises Broken at the first that is not as both signed it, or not as the books say."""
    checked = 0
    async for circle, who, pages, lines in _accounts():
        # We may have been another since.
        us = links.who_we_were(await held.link(circle.id)) if pages else ""
        for page in pages:
            await _signed(page, [one for one in lines if one.page_id == page.id], us, circle.node_id, who)
            checked += 1
        await _adds_up(circle.id, who, pages, lines)
    return checked


@checks
async def adds_up() -> None:
    """What was stated, agreed, set off and paid follows from the books; without the keys of this node."""
    async for circle, who, pages, lines in _accounts():
        await _adds_up(circle.id, who, pages, lines)


async def _accounts() -> AsyncIterator[tuple[links.KnownCircle, str, list[Page], list[queries.Line]]]:
    """Each circle with which there are statements, what to call it, and the statements that count, oldest first."""
    for (link_id,) in [tuple(row) for row in await fetch("SELECT link_id FROM settle_account ORDER BY id")]:
        circle = await links.circle(link_id)
        pages = [page for page in reversed(await queries.pages(link_id)) if page.state != "refused"]
        lines = await queries.lines_of([page.id for page in pages]) if pages else []
        yield circle, circle.name or circle.base_url, pages, lines


async def _signed(page: Page, lines: list[queries.Line], us: str, them: str, who: str) -> None:
    where = f"{who}: the statement of {page.period}"
    body: dict[str, Any] = queries.statement(page, lines).as_wire()
    evidence = (await fetch("SELECT evidence FROM settle_page WHERE id = ?", page.id))[0][0]
    told = msgspec.json.decode(evidence) if evidence else None
    if told is not None:
        try:
            await letters.verify(told, page.link_id, archived=True)
        except ProtocolError as error:
            raise Broken(f"{where} does not have their signature.", "statement_broken") from error
    if page.ours:
        if settling.statement_hash(page.link_id, us, body) != page.hash:
            raise Broken(f"{where} is not as we signed it.", "statement_broken")
        if page.state == "answered" and (told is None or told["body"].get("statement_hash") != page.hash):
            raise Broken(f"{where} was not answered so.", "statement_broken")
        return
    if told is None or settling.statement_hash(page.link_id, them, told["body"]) != page.hash:
        raise Broken(f"{where} is not as they signed it.", "statement_broken")
    if any(told["body"].get(name) != value for name, value in body.items()):
        raise Broken(f"{where} is not kept as they signed it.", "statement_broken")


async def _adds_up(link_id: str, who: str, pages: list[Page], lines: list[queries.Line]) -> None:
    standing = await queries.standing(link_id)
    said = await queries.payments(link_id)
    for ours, account in ((True, standing.ours), (False, standing.theirs)):
        mine = [page for page in pages if page.ours == ours]
        agreed = sum(account.stated.values())
        off = sum(page.off_pence or 0 for page in mine)
        had = sum(one.amount_pence for one in said if one.kind == "received" and one.ours == ours)
        if account.open_pence != agreed - off - had:
            raise Broken(
                f"{who}: what is open does not follow from what was agreed, set off and received.", "statement_broken"
            )
        before = ""
        for page in mine:
            if page.prev != before:
                raise Broken(
                    f"{who}: the statement of {page.period} does not follow the one before.", "statement_broken"
                )
            before = page.hash
        if mine and account.answered:
            # Nothing was agreed that the books did not hold when they were read.
            found = await queries.books(link_id, mine[-1].read_entry)
            held = found.ours if ours else found.theirs
            last = {one.key for one in lines if one.page_id == mine[-1].id and one.state == "agreed"}
            if any(held.get(key, 0) != account.stated.get(key, 0) for key in last):
                raise Broken(
                    f"{who}: the statement of {mine[-1].period} is not what the books say.", "statement_broken"
                )
            undone = await between.undone_since(link_id, mine[-1].read_entry)
            if any(found.references.get(key) in undone for key in account.stated):
                raise Broken(
                    f"{who}: a visit that both circles agreed on was undone in our books alone since.",
                    "statement_broken",
                )
    came, _ = await between.paid_both_ways(link_id)
    if sum(one.amount_pence for one in said if one.kind == "received" and one.ours) > came:
        raise Broken(f"{who}: more was said to have arrived than the books hold.", "statement_broken")

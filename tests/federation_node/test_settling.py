"""From a visit to money in the bank: two nodes, statements that both sign, and one that lies."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eccoo_federation.bodies import SettleAgreed, SettleStatement, StatementEntry
from eccoo_federation.errors import ProtocolError
from eccoo_node.cover import offering, owing
from eccoo_node.cover import queries as cover
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import between, checking, corrections, entries, ledger
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.actions import owe_worker_from, release, set_aside, top_up
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.lines import Across
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.federating.verify import verify as verify_wire
from eccoo_node.kernel.access import COMMAND, NODE
from eccoo_node.kernel.errors import Broken, Conflict
from eccoo_node.kernel.ids import new_id
from eccoo_node.keys import actions as keys
from eccoo_node.links import actions as linking
from eccoo_node.links import ending, letters
from eccoo_node.links.arrivals import circle_actor
from eccoo_node.links.letters import Letter
from eccoo_node.links.rules import Terms
from eccoo_node.record.door import Act
from eccoo_node.rota import actions as rota
from eccoo_node.settlement import actions as settlement
from eccoo_node.settlement import queries, righting
from eccoo_node.settlement.checking import verify
from eccoo_node.settlement.letters import state_all
from tests.support import make
from tests.support.pair import Pair, PairNode
from tests.support.story import NINE_TO_ELEVEN, Story, actor

MONTH = timedelta(days=8)


async def went_well(story: Story) -> None:
    """Bea goes, and Edith says that it went as planned: both books hold £61.05."""
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()


async def opens(node: PairNode, link_id: str) -> tuple[int, int]:
    row = await node.row("SELECT ours_open_pence, theirs_open_pence FROM settle_account WHERE link_id = ?", link_id)
    return (row[0], row[1]) if row else (0, 0)


async def due(node: PairNode) -> tuple[int, int, int]:
    """What the treasurer reads: what they are to pay us, what we are to pay them, and what of it is on its way."""
    with node.bound():
        [one] = await queries.waiting()
    return one.ours_due_pence, one.theirs_due_pence, one.on_its_way_pence


async def stated(story: Story) -> None:
    """The month is over, and both have said what they are owed."""
    story.pair.move(MONTH)
    for node in story.pair.both:
        with node.bound():
            await state_all({})
    await story.pair.settle()


async def sound(story: Story) -> None:
    owed = []
    for node in story.pair.both:
        with node.bound():
            await verify_books()
            assert await verify() >= 0
            assert (await checking.check()).broken == ""
            owed.append(await money.owed(story.pair.link_id))
    assert (owed[0].we_owe_pence, owed[0].they_owe_pence) == (owed[1].they_owe_pence, owed[1].we_owe_pence)


async def went_between(
    story: Story, monkeypatch: pytest.MonkeyPatch, to: PairNode, name: str, payer: str, who: str
) -> None:
    """A worker of the other circle was with somebody here: £40, of which this circle owes £37."""
    link = story.pair.link_id
    home, worker = (story.b, story.bea) if to is story.a else (story.a, story.wren)
    with home.bound():
        await owe_worker_from(
            NODE, link, f"away:{name}", worker, 4000, 0, payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000,
            key=name,
        )  # fmt: skip
    with to.bound():
        assert await set_aside(NODE, f"visit:{name}", payer, who, "far", 4000, 0, f"{name} aside", across=Across(link))
        await release(NODE, f"visit:{name}", f"{name} went")
    real = queries.known_to_both

    async def known(link_id: str) -> dict[str, tuple[str, int]]:
        return {**await real(link_id), f"away:{name}": (name, 1), f"visit:{name}": (name, 1)}

    monkeypatch.setattr(queries, "known_to_both", known)


async def went_back(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wren of Hebden was with Pat in Todmorden."""
    with story.b.bound():
        pat = await make.person("Pat")
        payer = await make.payer(pat)
        await top_up(await actor(story.kit), payer, 4000, key="top up")
    await went_between(story, monkeypatch, story.b, "back", payer, pat)


async def test_from_visit_to_paid_and_a_link_that_ends(two_nodes: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    story = await Story(two_nodes).begin()
    link = two_nodes.link_id
    await went_well(story)
    await went_back(story, monkeypatch)
    await stated(story)
    # Each owes the other; £37 is set off in both books, and £24.05 is left one way.
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 2405), (2405, 0))
    assert (await due(story.a), await due(story.b)) == ((0, 2405, 0), (2405, 0, 0))
    for node in two_nodes.both:
        assert await node.rows("SELECT DISTINCT off_pence FROM settle_page") == [(3700,)]
    await sound(story)
    assert (await story.news(story.a, story.tess))[-1] == (await story.news(story.b, story.kit))[-1] == "settle_agreed"
    with story.a.bound():
        await between.paid_circle(await actor(story.tess), link, 2405, "by hand")
    await two_nodes.settle()
    # Word that it was sent is no money: it counts when the other circle's bank shows it.
    assert (await opens(story.b, link), (await story.news(story.b, story.kit))[-1]) == ((2405, 0), "settle_paid")
    assert (await due(story.a), await due(story.b)) == ((0, 2405, 2405), (2405, 0, 0))
    said = await story.b.row("SELECT amount_pence, reference FROM settle_payment")
    assert (said[0], said[1][:6]) == (2405, "ECCOO ")
    with story.b.bound():
        await between.circle_paid(await actor(story.kit), link, 2405, "line 1")
    await two_nodes.settle()
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 0), (0, 0))
    with story.b.bound():
        assert await fetch_value("SELECT SUM(balance_pence) FROM account WHERE awaiting <> ''") == 0
    await sound(story)
    # Where what is open does not follow from both, the night finds it, and payouts stop until it is mended.
    with story.b.bound():
        for pence in (1, 0):
            async with write():
                await fetch("UPDATE settle_account SET ours_open_pence = ?", pence)
            told = "what is open does not follow from what was agreed, set off and received."
            assert (await checking.check()).broken.endswith(told if pence else "")
            assert bool(await checking.books_break()) is bool(pence)
    # A second month with nothing in it makes no statement, and ending the link closes the account for good.
    await stated(story)
    with story.a.bound():
        await linking.end(COMMAND, link)
    await two_nodes.settle()
    for node in two_nodes.both:
        with node.bound():
            await state_all({})
            assert (await queries.standing(link)).closed_at is not None
        assert (await node.row("SELECT COUNT(*) FROM settle_page"))[0] == 2
    assert await two_nodes.troubles() == []


async def test_what_was_stated_holds_also_for_a_circle_that_has_lost_who_it_was(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    await went_well(story)
    await stated(story)
    with story.b.bound():
        assert await verify() == 2
        await keys.begin_anew(COMMAND)
    await two_nodes.settle()
    await sound(story)
    with story.b.bound():
        await verify_wire()
        assert await verify() == 2


async def test_a_link_that_ends_with_money_unstated_is_settled_by_a_last_page_and_closes(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    link = two_nodes.link_id
    await went_well(story)
    with story.a.bound():
        assert await fetch("SELECT 1 FROM settle_page") == []
        await linking.end(COMMAND, link)
    await two_nodes.settle()
    # Todmorden states what it is owed, Hebden that it is owed nothing; each agrees with the other, and nothing waits.
    for node in two_nodes.both:
        pages = await node.rows(
            "SELECT closing_pence, state, even_at IS NULL FROM settle_page WHERE final ORDER BY closing_pence"
        )
        assert [(*page[:2], bool(page[2])) for page in pages] == [(0, "answered", False), (6105, "answered", False)]
        assert (await node.row("SELECT COUNT(*) FROM settle_page"))[0] == 2
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 6105), (6105, 0))
    await sound(story)
    await closes(story, False)
    with story.a.bound():
        await between.paid_circle(await actor(story.tess), link, 6105, "by hand")
    await two_nodes.settle()
    with story.b.bound():
        assert (await queries.standing(link)).closed_at is None
        await between.circle_paid(await actor(story.kit), link, 6105, "line 1")
    await two_nodes.settle()
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 0), (0, 0))
    for node in two_nodes.both:
        with node.bound():
            assert (await queries.standing(link)).closed_at is not None
            assert (await money.owed(link)).they_owe_pence == 0
            await verify_wire()
    await sound(story)
    assert await two_nodes.troubles() == []
    # Each closes by its own clock: whoever is second may be told that its key is known no more, and closes all the same.
    await closes(story, True)
    # Nothing more is stated or said on it, and what was signed can still be shown.
    await stated(story)
    for node in two_nodes.both:
        assert (await node.row("SELECT COUNT(*) FROM settle_page"))[0] == 2
        with node.bound():
            await verify_wire()
    await sound(story)


async def closes(story: Story, whether: bool) -> None:
    """Each side looks whether anything still goes on with the other, once what is kept of a visit may go."""
    story.pair.move(timedelta(days=15))
    for node in story.pair.both:
        with node.bound():
            await jobs.ensure_recurring()
    await story.pair.settle()
    for node in story.pair.both:
        with node.bound():
            await ending.close_ended({})
            left = [still.sentence for still in await ending.goes_on(story.pair.link_id)]
        [(closed,)] = await node.rows("SELECT closed_at FROM link")
        assert (closed is not None) == whether, (node.name, left)


async def test_a_lie_waits_alone(two_nodes: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    story = await Story(two_nodes).begin()
    link = two_nodes.link_id
    await went_well(story)
    # Bea was in Hebden a second time.
    await went_between(story, monkeypatch, story.a, "two", story.payer, story.edith)
    ((ref,),) = await story.a.rows("SELECT reference FROM asked_circle")
    # Todmorden says of a visit that is not in Hebden's books, and of one a penny more than is; a month later it says again
    # one that was agreed. The rest is true.
    real, more = queries.books, {("never", 1): 999, (ref, 1): 1}

    async def lying(link_id: str, up_to: int) -> queries.Books:
        found = await real(link_id, up_to)
        if two_nodes.b.wire.us.node_id == letters.identity.current().node_id:
            for key, pence in more.items():
                found.ours[key] = found.ours.get(key, 0) + pence
        return found

    entries = (
        "SELECT e.request, e.amount_pence, e.state, e.other_pence FROM settle_entry e "
        "JOIN settle_page p ON p.id = e.page_id WHERE p.k = ? ORDER BY e.request"
    )
    monkeypatch.setattr(queries, "books", lying)
    await stated(story)
    first = {("never", 999, "disputed", 0), (ref, 6106, "disputed", 6105), ("two", 3700, "agreed", None)}
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 3700), (3700, 0))
    for node, person in ((story.a, story.tess), (story.b, story.kit)):
        assert {tuple(row) for row in await node.rows(entries, 1)} == first
        assert {"settle_differs", "settle_agreed"} <= set(await story.news(node, person))
    more = {("two", 1): 3700}
    two_nodes.move(timedelta(days=31))
    await stated(story)
    second = {(ref, 6105, "agreed", None), ("two", 3700, "disputed", 0)}
    for node in two_nodes.both:
        assert {tuple(row) for row in await node.rows(entries, 2)} == second
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 9805), (9805, 0))
    monkeypatch.setattr(queries, "books", real)
    # Whatever was stated, both books hold what both visits came to.
    await sound(story)
    with story.a.bound():
        assert (await money.owed(link)).we_owe_pence == 6105 + 3700
    # What comes again, too much, otherwise or out of turn changes nothing.
    with story.b.bound():
        page = (await queries.standing(link)).our_page
        assert page is not None
        body: dict[str, Any] = {
            "period": page.period,
            "statement_hash": page.hash,
            "amount_pence": 9805,
            "payment_ref": "ECCOO 1",
        }
    with story.a.bound():
        for told in (body, body, {**body, "payment_ref": "ECCOO 2"}, {**body, "amount_pence": 1}):
            async with write():
                await letters.send(link, "settle.paid", f"x{told['payment_ref'][-1]}{told['amount_pence']}", told)
        async with write():
            await letters.send(
                link, "settle.statement", "early",
                {"period": "early", "starts_on": "2027-01-01", "ends_on": "2027-01-01", "opening_pence": 5,
                 "entries": [], "closing_pence": 5, "prev": (await queries.standing(link)).ours.head},
            )  # fmt: skip
    await two_nodes.settle()
    assert await story.b.rows("SELECT amount_pence FROM settle_payment WHERE NOT ours") == [(9805,)]
    refused = await story.b.rows("SELECT code FROM letter_read WHERE verdict = 'refused' ORDER BY id")
    assert refused == [("wrong_amount",), ("wrong_amount",), ("wrong_amount",)]
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 9805), (9805, 0))
    await sound(story)


async def a_day(story: Story, only: PairNode | None = None, *, days: int = 1) -> None:
    """The next morning, or the one so many days on."""
    story.pair.move(timedelta(days=days))
    for node in (only,) if only else story.pair.both:
        with node.bound():
            await state_all({})
    await (only or story.pair).settle()


async def test_a_last_page_is_said_again_only_with_new_books_or_a_new_answer(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = await Story(two_nodes).begin()
    link = two_nodes.link_id
    await went_well(story)
    real = queries.books

    async def lying(link_id: str, up_to: int) -> queries.Books:
        found = await real(link_id, up_to)
        if two_nodes.b.wire.us.node_id == letters.identity.current().node_id:
            found.ours[("never", 1)] = 999
        return found

    monkeypatch.setattr(queries, "books", lying)
    with story.b.bound():
        await linking.end(COMMAND, link)
    await two_nodes.settle()
    pages = "SELECT COUNT(*) FROM settle_page WHERE ours AND final"
    for _ in range(3):
        await a_day(story, days=4)
    assert await story.b.rows(pages) == [(1,)]
    doors = "SELECT COUNT(*) FROM audit WHERE action LIKE 'settlement.%'"
    [before] = await story.b.rows(doors)
    for _ in range(7):
        await a_day(story, days=4)
    assert (await story.b.rows(pages), await story.b.rows(doors)) == ([(1,)], [before])
    # Their treasurers have talked: it is said once more, and not each day from then on.
    [(line,)] = await story.b.rows("SELECT id FROM settle_entry WHERE state = 'disputed'")
    with story.b.bound():
        await settlement.answer_line(await actor(story.kit), link, line, "ours")
    for days in (1, 1, 1, *[4] * 7):
        await a_day(story, days=days)
    assert await story.b.rows(pages) == [(2,)]
    monkeypatch.setattr(queries, "books", real)
    await sound(story)


async def test_a_last_page_that_is_refused_is_said_again_after_pauses_that_double_and_not_for_ever(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = await Story(two_nodes).begin()
    link = two_nodes.link_id
    await went_well(story)
    await story.a.stop()

    async def refused() -> None:
        """As if they had answered that they don't take it."""
        for (period,) in await story.b.rows("SELECT period FROM settle_page WHERE ours AND state = 'waiting'"):
            with story.b.bound():
                await settlement.not_taken(NODE, link, period, "wrong_state")

    with story.b.bound():
        await linking.end(COMMAND, link)
    said, day = [], 0
    for days in (0, *[1] * 34, *[6] * 11):
        day += days
        await refused()
        if day:
            await a_day(story, story.b, days=days)
        if await story.b.rows("SELECT 1 FROM settle_page WHERE state = 'waiting'"):
            said.append(day)
    assert said == [1, 2, 4, 8, 16, 32]
    # A visit that was agreed before the end is written in the books: that is said, too.
    await went_between(story, monkeypatch, story.a, "two", story.payer, story.edith)
    await a_day(story, story.b)
    assert len(await story.b.rows("SELECT 1 FROM settle_page WHERE state = 'waiting'")) == 1


async def test_what_is_agreed_counts_towards_the_most_that_may_be_owed(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = await Story(two_nodes).begin(terms=Terms(credit_limit_pence=6100))
    asked = []
    for days, worker in ((0, story.bea), (1, story.cass)):
        if days:
            with story.a.bound():
                story.visit = await rota.plan_visit(
                    await story.as_edith(), person_id=story.edith, worker_id=story.wren, what="Breakfast",
                    starts_at=NINE_TO_ELEVEN[0] + timedelta(days), ends_at=NINE_TO_ELEVEN[1] + timedelta(days),
                )  # fmt: skip
        await story.ask_far()
        with story.b.bound():
            story.open = (await cover.open_requests(story.b.clock()))[-1].id
        asked.append((story.visit, await story.offers(worker), worker))
    # Two yeses at one moment: whichever comes second finds what the first one costs.
    yeses = await asyncio.gather(*[story.chooses(offer) for _, offer, _ in asked], return_exceptions=True)
    assert sorted(getattr(yes, "code", yes) for yes in yeses) == ["credit_limit", "done"]
    won = yeses.index("done")
    (first, chosen, goes), (_, left, _) = asked[won], asked[1 - won]
    await two_nodes.settle()
    # Nothing is in the books yet, and the visit is worth £61.05: nobody more is offered, chosen or confirmed.
    for node in two_nodes.both:
        with node.bound():
            assert (await money.owed_by_link()) == {}
    with story.b.bound(), pytest.raises(Conflict) as refused:
        await offering.offer(
            await actor(story.bea), open_request_id=story.open, worker_id=story.bea, own_words="", rate_pence=3300,
            words="My first name may be shown.",
        )  # fmt: skip
    assert refused.value.code == "credit_limit"
    assert "Hebden circle will owe us £61.05" in str(refused.value)
    with pytest.raises(Conflict) as refused:
        await story.chooses(left)
    assert refused.value.code == "credit_limit"
    assert "we will owe Todmorden circle £61.05" in str(refused.value)
    with monkeypatch.context() as patched:
        real = owing.past_limit

        async def not_here(link_id: str) -> str:
            return "" if letters.identity.current().node_id == two_nodes.a.wire.us.node_id else await real(link_id)

        patched.setattr(owing, "past_limit", not_here)
        assert await story.chooses(left) == "done"
        await two_nodes.settle()
    sent = await story.b.rows("SELECT body FROM letter_out WHERE type = 'cover.refused'")
    assert [msgspec.json.decode(row[0])["reason"] for row in sent] == ["credit_limit"]
    # What is certain takes place, and is confirmed and booked, whatever is owed by then.
    story.visit, story.offer = first, chosen
    two_nodes.move(timedelta(days=3 + won, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(goes), offer_id=chosen, answer="as_planned")
    await two_nodes.settle()
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=first, answer="yes")
    await two_nodes.settle()
    await sound(story)
    with story.a.bound():
        assert (await money.owed(two_nodes.link_id)).we_owe_pence == 6105
        assert (await owing.past_limit(two_nodes.link_id)).startswith("We owe Todmorden circle £61.05.")


async def put_right(node: PairNode, who: str, link: str, amount: str, fee: int) -> None:
    """A treasurer writes what was right of the visit that stands on a statement at this sum."""
    with node.bound():
        entry = await fetch_value(f"SELECT MAX(id) FROM settle_entry WHERE amount_pence = {amount}")
        _, line = await righting.found(link, entry)
        for _ in range(2):
            await righting.put_right(
                await actor(who), link, entry, was=righting.stood(line), fee_pence=fee, travel_pence=line.terms.travel_pence,
                because="Kit and Tess agreed on the telephone", key="one",
            )  # fmt: skip


async def test_what_was_settled_and_wrong_is_put_right_in_both_books_and_stated_once(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    link = two_nodes.link_id
    await went_well(story)
    await stated(story)
    await undone_alone(story)
    with story.a.bound():
        await between.paid_circle(await actor(story.tess), link, 6105, "by hand")
    with story.b.bound():
        await between.circle_paid(await actor(story.kit), link, 6105, "line 1")
    await two_nodes.settle()
    # Both agree that it was half as long. Todmorden is first, so Hebden's books differ for a month.
    await put_right(story.b, story.kit, link, "6105", 3300)
    story.pair.move(timedelta(days=31))
    await stated(story)
    assert (await story.news(story.a, story.tess))[-2:] == ["settle_differs", "settle_agreed"]
    await put_right(story.a, story.tess, link, "-3052", 3300)
    story.pair.move(timedelta(days=31))
    await stated(story)
    # Hebden paid £30.52 too much, and Todmorden owes it back.
    assert (await opens(story.a, link), await opens(story.b, link)) == ((3052, 0), (0, 3052))
    pages = await story.b.rows("SELECT COUNT(*) FROM settle_page")
    for _ in range(2):
        story.pair.move(timedelta(days=31))
        await stated(story)
    assert await story.b.rows("SELECT COUNT(*) FROM settle_page") == pages
    await sound(story)
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000 - 3300


async def undone_alone(story: Story) -> None:
    """What both agreed on can't be undone in the books of one; books in which it was are found out by each check."""
    with story.a.bound():
        tess = await actor(story.tess)
        entry = int(await fetch_value("SELECT MIN(id) FROM entry WHERE kind = 'released'"))
        with pytest.raises(Conflict, match="“One of these was wrong after all”"):
            await corrections.reverse(tess, entry, "undo", because="Nobody came")
        assert "between two circles" in (await entries.trace_entry(tess, entry)).refused
        with pytest.raises(Broken, match="undone in our books alone"):
            async with write():
                line = await fetch_value("SELECT line_id FROM entry WHERE id = ?", entry)
                draft = Draft(kind="reversed", key="alone", body={}, line_id=line, reverses_id=entry)
                await ledger.mirror(Act(NODE, "test", "act"), draft, entry)
                await verify()


async def hears(story: Story, *, starts: str, ends: str, entries: int = 2, period: str = "") -> str:
    """Todmorden states this, whatever its books say; with which code Hebden refused it, and Todmorden answers what Hebden
    then says."""
    link = story.pair.link_id
    with story.a.bound():
        standing = await queries.standing(link)
        sums = tuple(StatementEntry(request=f"made-up-{ends}-{n}", n=1, amount_pence=1) for n in range(entries))
        page = SettleStatement(
            period=period or ends, starts_on=starts, ends_on=ends, opening_pence=0, entries=sums, closing_pence=len(sums),
            prev=standing.theirs.head,
        )  # fmt: skip

        def letter(body: SettleStatement | SettleAgreed) -> Letter:
            wire = body.as_wire()
            return Letter(
                link,
                new_id(),
                body.TYPE,
                f"settle.{body.period}",
                1,
                "2026-12-01T09:00:00Z",
                wire,
                body,
                {"body": wire},
            )

        try:
            await settlement.hear(circle_actor(link), letter(page))
        except ProtocolError as refused:
            return refused.code
        ours = (await queries.standing(link)).our_page
        assert ours is not None
        agreed = SettleAgreed(period=ours.period, statement_hash=ours.hash)
        await settlement.hear(circle_actor(link), letter(agreed))
        return ""


async def test_a_circle_that_states_what_never_was_says_it_once_a_month_and_rings_once_a_day(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    two_nodes.move(timedelta(days=400))
    # Before there was a link, and days or weeks where a month was agreed.
    assert await hears(story, starts="2001-01-01", ends="2001-01-31") == "wrong_state"
    assert await hears(story, starts="2026-10-01", ends="2026-10-31") == "wrong_state"
    assert await hears(story, starts="2026-11-23", ends="2026-11-29") == "wrong_state"
    assert await hears(story, starts="2026-12-01", ends="2026-12-01") == "wrong_state"
    assert await story.a.rows("SELECT COUNT(*) FROM settle_page") == [(0,)]
    # A month that had begun when they linked is a month of theirs; months that nobody stated may follow at once.
    for starts, ends in (("2026-11-01", "2026-11-30"), ("2026-12-01", "2026-12-31"), ("2027-01-01", "2027-02-28")):
        assert await hears(story, starts=starts, ends=ends) == ""
    assert (await story.news(story.a, story.tess)).count("settle_differs") == 1
    two_nodes.move(timedelta(days=2))
    assert await hears(story, starts="2027-03-01", ends="2027-03-31") == ""
    assert (await story.news(story.a, story.tess)).count("settle_differs") == 2

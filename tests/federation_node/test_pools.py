"""Workers shown to a linked circle by their own yes, and what was seen of them, between two real nodes."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eccoo_federation import jcs
from eccoo_node.db.rows import fetch_one, insert
from eccoo_node.db.transaction import write
from eccoo_node.federating.verify import verify as verify_letters
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND, Actor
from eccoo_node.kernel.errors import Forbidden, Invalid
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import actions as links
from eccoo_node.links import erasing, letters
from eccoo_node.links.rules import BOTH_WAYS, Terms
from eccoo_node.links.tables import Link
from eccoo_node.members import work
from eccoo_node.members.queries import actor_for
from eccoo_node.members.tables import HatRow, Person, Worker
from eccoo_node.pools import actions as pools
from eccoo_node.pools import attesting, giving, queries, reading
from eccoo_node.pools.tables import PoolShare
from eccoo_node.privacy import actions as privacy
from eccoo_node.privacy import letters as heard
from tests.support import make
from tests.support.hostile import send, sign
from tests.support.pair import Pair

assert heard
FIELDS = ("first_name", "skills", "areas", "rate")
MAY = (*BOTH_WAYS, "attest.read", "pool.read:first_name,skills,areas,rate")


class Pool:
    """Bea of Todmorden, who may be shown to Hebden; Fay of Hebden, who looks."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.a, self.b = pair.both

    async def begin(self, may: tuple[str, ...] = MAY) -> "Pool":
        with self.b.bound():
            self.bea = await make.worker("Bea Sutcliffe", number="009876543210", languages="en uk")
            self.tom = await make.person("Tom")
            await make.hat(self.tom, await make.circle(), "facilitator")
        with self.a.bound():
            self.fay = await make.person("Fay")
            await make.hat(self.fay, await make.circle(), "facilitator")
        self.link = await self.pair.link(Terms(we_may=may, they_may=may))
        return self

    async def shares(self, *fields: str, worker: str = "") -> None:
        who = worker or self.bea
        with self.b.bound():
            await pools.share(
                await actor_for(who), link_id=self.link, worker_id=who, fields=fields or (*FIELDS, "seen"), words="Yes"
            )
        await self.minutes(1)

    async def seen(self) -> list[queries.Neighbour]:
        with self.a.bound():
            return await queries.neighbours(await actor_for(self.fay))

    async def proofs(self) -> dict[str, bool]:
        """Which of the papers are shown as seen now."""
        rows = await self.a.rows("SELECT link_id, reference FROM attestation_in")
        with self.a.bound():
            found = await attesting.proofs({(row[0], row[1]) for row in rows})
        return {proof.kind: proof.holds for proof in found.values() if proof.kind}

    async def minutes(self, count: float) -> None:
        """Time goes on, and each node does what it does every minute."""
        self.pair.move(timedelta(minutes=count))
        for node in self.pair.both:
            with node.bound():
                await reading.keep_fresh({})
                await giving._now_and_then({})
        await self.pair.settle()


@pytest.fixture
async def pool(two_nodes: Pair) -> Pool:
    return await Pool(two_nodes).begin()


async def test_a_worker_is_seen_by_their_own_yes_and_gone_with_their_word(pool: Pool) -> None:
    with pool.b.bound():
        for who in (pool.tom, pool.fay):
            with pytest.raises(Forbidden):
                await pools.share(
                    await actor_for(who) if who == pool.tom else Actor(), link_id=pool.link, worker_id=pool.bea,
                    fields=FIELDS, words="Yes",
                )  # fmt: skip
        with pytest.raises(Invalid, match="changed"):
            await pools.share(
                await actor_for(pool.bea), link_id=pool.link, worker_id=pool.bea, fields=["hours"], words="Yes"
            )
        # What she says by phone is written down for her.
        tom = await actor_for(pool.tom, via="phone", acting_for=pool.bea, known_by="rang_back")
        await pools.share(
            tom, link_id=pool.link, worker_id=pool.bea, fields=["first_name", "areas", "seen"], words="Yes"
        )
        consent = await pool.b.rows("SELECT person_id, kind, subject_id, said_by, via FROM consent")
    assert consent == [(pool.bea, "pools.share", pool.link, pool.tom, "phone")]
    await pool.minutes(1)
    [one] = await pool.seen()
    assert (one.called, one.areas, one.skills, one.rate_pence, one.languages, one.hours) == (
        "Bea",
        ("HX7",),
        (),
        None,
        "",
        (),
    )
    assert (one.circle.name, one.read_at) == ("Todmorden circle", pool.a.clock())
    assert await pool.proofs() == {"dbs_enhanced": True, "insurance": True, "right_to_work": True}
    # Another choice, another reference; what she takes out is gone, within the minute.
    await pool.shares("first_name", "rate")
    [other] = await pool.seen()
    assert (other.areas, other.rate_pence, other.attestations) == ((), 2000, ())
    assert other.reference != one.reference
    assert await pool.a.rows("SELECT 1 FROM attestation_in") == []
    with pool.b.bound():
        await pools.stop(await actor_for(pool.bea), link_id=pool.link, worker_id=pool.bea)
        await pools.stop(await actor_for(pool.bea), link_id=pool.link, worker_id=pool.bea)
    await pool.minutes(1)
    assert (await pool.seen(), await pool.a.rows("SELECT * FROM pool_worker")) == ([], [])
    assert await pool.b.rows("SELECT 1 FROM consent WHERE withdraws = ''") == [(1,), (1,)]
    assert len(await pool.b.rows("SELECT 1 FROM consent WHERE withdraws <> ''")) == 2


async def test_what_lapses_at_home_is_gone_abroad_at_once_and_an_old_proof_brings_nothing_back(pool: Pool) -> None:
    await pool.shares()
    assert all((await pool.proofs()).values())
    rows = await pool.a.rows("SELECT reference FROM attestation_in WHERE kind = 'dbs_enhanced'")
    path = f"attestations/{rows[0][0]}"
    with pool.b.bound():
        old = await attesting.answer(Actor(via="federation", link_id=pool.link), rows[0][0])
        [(check,)] = await pool.b.rows("SELECT id FROM credential WHERE kind = 'dbs_enhanced'")
        await work.end_check(await actor_for(pool.tom), check)
    text = jcs.dump(old).decode()
    assert not [word for word in ("009876543210", pool.bea, check, "Bea", "Sutcliffe") if word in text]
    await pool.pair.settle()
    assert await pool.proofs() == {"insurance": True, "right_to_work": True}
    # The proof of this morning holds as a signature, and changes nothing.
    from_b = Actor(via="federation", link_id=pool.link)
    with pool.a.bound():
        await attesting.take_proof(from_b, ref=rows[0][0], body=old)
    await pool.minutes(11)
    assert await pool.a.rows("SELECT state FROM attestation_in WHERE reference = ?", rows[0][0]) == [("gone",)]
    answer = await send(pool.b.port, sign(pool.a, "GET", f"{pool.b.url}/fed/v1/{path}"))
    assert (answer.status, answer.code) == (410, "gone")
    # What was seen to end, ends by itself; here in the other circle's house too, though nobody can be reached.
    await pool.b.stop()
    pool.pair.move(timedelta(days=364, hours=23))
    with pool.a.bound():
        assert await pool.proofs() == {"insurance": False, "right_to_work": False}


async def test_a_link_that_does_not_allow_it_shows_nobody_and_keeps_nothing(pool: Pool) -> None:
    await pool.shares()
    [one] = await pool.seen()
    assert (one.skills, one.rate_pence) == (("moving_and_handling",), 2000)
    with pool.b.bound():
        await links.narrow(COMMAND, pool.link, they_no_longer=("pool.read:rate",))
    await pool.minutes(1)
    [one] = await pool.seen()
    assert (one.skills, one.rate_pence) == (("moving_and_handling",), None)
    with pool.a.bound():
        await links.suspend(COMMAND, pool.link)
        # Nobody is shown from this very moment, before any job has run.
        assert await queries.neighbours(await actor_for(pool.fay)) == []
    await pool.pair.settle()
    assert await pool.a.rows("SELECT 1 FROM pool_worker") == []
    answer = await send(pool.b.port, sign(pool.a, "GET", f"{pool.b.url}/fed/v1/pool"))
    assert (answer.status, answer.code) == (403, "link_suspended")
    with pool.a.bound():
        await links.resume(COMMAND, pool.link)
    await pool.minutes(2)
    assert len(await pool.seen()) == 1
    with pool.b.bound():
        await links.end(COMMAND, pool.link)
    await pool.minutes(1)
    assert (await pool.seen(), await pool.a.rows("SELECT 1 FROM pool_worker")) == ([], [])
    assert await pool.b.rows("SELECT 1 FROM pool_share WHERE ended_at IS NULL") == []


def page(pool: Pool, *refs: str, on: str = "", **more: Any) -> dict[str, Any]:
    workers = [{"worker": ref, "first_name": "Mal", **more} for ref in refs]
    made = {
        "v": 1,
        "type": "pool.page",
        "link": pool.link,
        "revision": 7,
        "at": "2026-11-23T08:00:00Z",
        "workers": workers,
    }
    return made | ({"next": on} if on else {})


async def test_hostile_pages_change_nothing_and_what_was_not_agreed_is_not_kept(pool: Pool) -> None:
    await pool.shares()
    from_b = Actor(via="federation", link_id=pool.link)
    bad = {
        "wrong order": page(pool, "b", "a"),
        "one worker twice": page(pool, "a", "a"),
        "more than a page": page(pool, *(f"r{n:03}" for n in range(51))),
        "going on behind nobody": page(pool, on="a"),
        "going on elsewhere": page(pool, "a", on="b"),
        "another link": page(pool, "a") | {"link": "01900000-0000-7000-8000-000000000000"},
        "no reference": page(pool, "a b"),
        "a story for a name": page(pool, "a", first_name="M" * 61),
    }
    with pool.a.bound():
        before = await pool.a.rows("SELECT * FROM pool_worker")
        for body in bad.values():
            await reading.take_page(from_b, after="", body=body)
            assert await pool.a.rows("SELECT * FROM pool_worker") == before
        # Nobody asked for this page.
        await reading.take_page(from_b, after="zz", body=page(pool, "zzz"))
        assert await pool.a.rows("SELECT * FROM pool_worker") == before
        hours = [{"weekday": 0, "from_minute": 0, "to_minute": 60}]
        shown = page(pool, "a", languages=["pl"], hours=hours, surname="Sutcliffe", first_name="Mal\u202e")
        await reading.take_page(from_b, after="", body=shown)
        [one] = await queries.neighbours(await actor_for(pool.fay))
        assert (one.called, one.languages, one.hours) == ("Mal", "", ())
        # A pool without end is read as far as a town has people.
        for n in range(25):
            refs = [f"r{n:02}{i:02}" for i in range(50)]
            after = f"r{n - 1:02}49" if n else ""
            await reading.take_page(from_b, after=after, body=page(pool, *refs, on=refs[-1]))
        assert (await pool.a.row("SELECT COUNT(*) FROM pool_worker"))[0] == 1000
    assert "Sutcliffe" not in str(await pool.a.rows("SELECT * FROM pool_worker"))
    # The next honest reading puts it right.
    await pool.minutes(61)
    assert [one.called for one in await pool.seen()] == ["Bea"]


class Liar:
    """Todmorden answers every asking for its pool with fifty more workers, and says that there are more behind them.

    With `breaks_off`, each reading takes another turn just before it would be long enough, and has names of its own.
    """

    def __init__(self, pool: Pool, monkeypatch: pytest.MonkeyPatch, *, breaks_off: bool) -> None:
        self.pool, self.breaks_off = pool, breaks_off
        self.asked = self.readings = self.pages = self.most_held = 0
        monkeypatch.setitem(letters._ANSWERS, "pool", letters.Answerer(self.answer, (), True))

    async def answer(self, actor: Actor, after: str = "") -> dict[str, Any]:
        self.asked += 1
        self.readings, self.pages = (self.readings, self.pages + 1) if after else (self.readings + 1, 1)
        refs = [f"r{self.readings if self.breaks_off else 0:04}-{self.pages:04}-{i:02}" for i in range(50)]
        turns = self.breaks_off and self.pages == 20
        return page(self.pool, *refs, on=refs[-1]) | {"revision": 8 if turns else 7}

    async def says_that_it_changed(self) -> None:
        with self.pool.b.bound():
            async with write():
                await letters.send(self.pool.link, "pool.changed", "pool", {"revision": 7})
        await self.pool.pair.settle()
        self.most_held = max(self.most_held, await self.held())

    async def held(self) -> int:
        return int((await self.pool.a.row("SELECT COUNT(*) FROM pool_worker"))[0])


async def test_a_pool_that_never_ends_is_read_as_far_as_a_town_has_people_and_not_at_once_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pool.shares()
    liar = Liar(pool, monkeypatch, breaks_off=False)
    await pool.minutes(61)
    # Twenty pages, and the copy is whole: nobody asks on, until it is read again in its time.
    before = liar.readings
    assert (liar.asked, await liar.held()) == (20 * before, 1000)
    await pool.minutes(10)
    assert (liar.readings, liar.asked, await liar.held()) == (before, 20 * before, 1000)
    for _ in range(9):
        await liar.says_that_it_changed()
    # Nine words at one moment are one reading, and it is no longer.
    assert (liar.readings, liar.asked, await liar.held()) == (before + 1, 20 * (before + 1), 1000)
    assert await pool.a.rows("SELECT kind FROM job WHERE dead") == []
    monkeypatch.undo()
    await pool.minutes(61)
    assert [one.called for one in await pool.seen()] == ["Bea"]


async def test_readings_that_never_come_to_an_end_fill_no_table(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    await pool.shares()
    liar = Liar(pool, monkeypatch, breaks_off=True)
    troubles = []
    for _ in range(3):
        pool.pair.move(timedelta(minutes=2))
        await liar.says_that_it_changed()
        troubles.append((await pool.a.row("SELECT trouble FROM pool_link"))[0])
    # Broken off twice, and in the third reading there are more names than anybody has workers: nothing of it is kept.
    assert troubles == ["gap", "gap", "too_many"]
    assert (liar.readings, liar.most_held, await liar.held()) == (3, 1901, 0)
    assert await pool.seen() == []
    # Other letters of theirs were taken all the time, and an honest reading puts it right.
    assert await pool.a.rows("SELECT 1 FROM letter_read WHERE verdict <> 'applied'") == []
    monkeypatch.undo()
    await pool.minutes(61)
    assert [one.called for one in await pool.seen()] == ["Bea"]


async def town(count: int, link_id: str) -> None:
    """So many workers, each of whom has said yes; written in one transaction."""
    circle, now, rows = await make.circle(), clock.now(), []
    for n in range(count):
        person, share = new_id(), new_id()
        yes = {"fields": '["first_name","areas"]', "reference": await letters.reference(link_id, "pool", share)}
        rows += [
            Person(id=person, called=f"Worker{n}", outward="HX7", created_at=now),
            Worker(person_id=person, goes_to='["HX7"]', changed_at=now),
            HatRow(
                community_id=circle,
                person_id=person,
                role="worker",
                said_yes_at=now,
                said_yes_via="screen",
                from_at=now,
            ),
            PoolShare(id=share, link_id=link_id, person_id=person, from_at=now, **yes),
        ]
    async with write():
        for row in rows:
            await insert(row)


async def test_a_pool_of_five_hundred_comes_in_pages_and_nobody_is_lost(pool: Pool) -> None:
    with pool.b.bound():
        await town(499, pool.link)
    await pool.shares()
    for _ in range(3):
        if not await pool.seen():
            # A page that came too slowly on a busy machine is asked for again.
            await pool.minutes(1)
    found = await pool.seen()
    assert len({one.reference for one in found}) == 500
    assert sum("Worker" in one.called for one in found) == 499
    # Ten pages, and not one call more than a minute allows.
    assert max(row[0] for row in await pool.b.rows("SELECT requests FROM link_rate")) <= 60


def values(found: Any) -> set[str]:
    """Every text and number in it that could tell somebody something."""
    if isinstance(found, dict):
        return set().union(*(values(one) for one in found.values()), set())
    if isinstance(found, list):
        return set().union(*(values(one) for one in found), set())
    return {str(found)}


async def test_two_circles_learn_of_one_worker_under_no_common_name_and_nothing_that_was_not_ticked(pool: Pool) -> None:
    other, stranger = new_id(), "a" * 52
    with pool.b.bound():
        row = await fetch_one("SELECT node_id, agreement FROM link WHERE id = ?", pool.link)
        agreement = row[1].replace(row[0], stranger)
        async with write():
            await insert(
                Link(id=other, state="open", node_id=stranger, base_url="https://x.example", agreement=agreement,
                     secret=letters.new_link_secret(), asked_at=clock.now())
            )  # fmt: skip
        for link in (pool.link, other):
            await pools.share(
                await actor_for(pool.bea), link_id=link, worker_id=pool.bea, fields=["areas", "seen"], words="Yes"
            )
        seen = []
        for link in (pool.link, other):
            asking = Actor(via="federation", link_id=link)
            page = await giving.answer(asking)
            proofs = [await attesting.answer(asking, ref) for ref in page["workers"][0]["attestations"]]
            seen.append((page["workers"], [(one["id"], one["credentialSubject"]["id"]) for one in proofs]))
        one, two = (values([list(map(dict, workers)), [list(pair) for pair in names]]) for workers, names in seen)
        # What they have in common is what she ticked: where she goes.
        assert one & two == {"HX7"}
        assert len(one) == len(two) == 1 + 4 + 6
    answer = await send(pool.b.port, sign(pool.a, "GET", f"{pool.b.url}/fed/v1/pool"))
    text = answer.body.decode() + "".join(str(names) for _, names in seen)
    planted = ("Bea", "Sutcliffe", "Bank Street", "009876543210", pool.bea, "2000", "moving_and_handling")
    assert (answer.status, [word for word in planted if word in text]) == (200, [])
    # A reference of one link is worth nothing on another.
    with pool.b.bound():
        ref = seen[1][0][0]["worker"]
        assert (await queries.named(other, [ref]), await queries.named(pool.link, [ref])) == ({pool.bea}, set())


async def test_a_worker_who_is_forgotten_is_shown_to_nobody_and_what_was_seen_of_them_goes(pool: Pool) -> None:
    await pool.shares()
    assert [one.called for one in await pool.seen()] == ["Bea"]
    [(reference,)] = await pool.b.rows("SELECT reference FROM pool_share")
    with pool.b.bound():
        named = (await erasing.references(pool.bea))[pool.link]
        assert reference in named
        await privacy.ask(await actor_for(pool.bea), person_id=pool.bea)
    pool.pair.move(timedelta(days=3))
    await pool.pair.settle()
    assert await pool.b.rows("SELECT state, subjects FROM erasure_out") == [
        ("done", msgspec.json.encode(named).decode())
    ]
    assert await pool.a.rows("SELECT * FROM pool_worker") == []
    assert await pool.proofs() == {}
    assert await pool.a.rows("SELECT DISTINCT state, kind FROM attestation_in") == [("gone", "")]
    await pool.minutes(61)
    assert await pool.seen() == []
    for node in pool.pair.both:
        with node.bound(), node.wire.bound():
            await verify_letters()

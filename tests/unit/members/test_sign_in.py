"""Ways in: a link and six digits by mail, a printed code, sessions, and whom one acts for on a device."""

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import timedelta

import pytest

from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch
from eccoo_node.kernel.access import COMMAND, SCOPES, Actor, Hat
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.kernel.ids import hash_secret
from eccoo_node.kernel.post import post_bound
from eccoo_node.members import care, hats, limits, mail, queries, session_reads, sign_in, speaking
from eccoo_node.members.sign_in import SignedIn
from tests.support import make
from tests.support.letters import KeptLetters
from tests.support.node import Node

ADDRESS = "ada@example.org"


@pytest.fixture
def letters() -> Iterator[KeptLetters]:
    kept = KeptLetters()
    with post_bound(kept):
        yield kept


async def ada() -> str:
    return await make.person("Ada", email=ADDRESS)


async def facilitator(called: str = "Fay") -> str:
    id_ = await make.person(called, phone="01422 496 0001")
    await make.hat(id_, await make.circle(), "facilitator")
    return id_


async def signed_in(person: str) -> SignedIn:
    return await sign_in.sign_in_as(COMMAND, person)


async def actor_of(session: SignedIn) -> Actor:
    found = await session_reads.session_actor(hash_secret(session.token))
    assert found is not None
    return found.actor


async def test_a_link_signs_its_person_in_once(node: Node, letters: KeptLetters) -> None:
    person = await ada()
    await sign_in.ask_for_link(" Ada@Example.org ", client="192.0.2.1")
    await node.settle()
    assert [to for to, _, _ in letters.sent] == [ADDRESS]
    for _ in range(10):
        assert await sign_in.who_is_asked(letters.link()) == "Ada"
    got = await sign_in.sign_in_with_link(letters.link(), device="Firefox")
    assert got is not None
    assert (got.person_id, got.called) == (person, "Ada")
    assert (await actor_of(got)).person_id == person
    assert await sign_in.sign_in_with_link(letters.link()) is None
    assert await sign_in.sign_in_with_code(letters.digits(), email=ADDRESS) is None
    assert await sign_in.who_is_asked(letters.link()) is None


async def test_six_digits_work_where_they_were_asked_and_in_another_browser(node: Node, letters: KeptLetters) -> None:
    await ada()
    for by_address in (False, True):
        asked = await sign_in.ask_for_link(ADDRESS)
        await node.settle()
        digits = letters.digits()
        where = {"email": ADDRESS} if by_address else {"asked": asked}
        assert await sign_in.sign_in_with_code(f"{digits[:3]} {digits[3:]}", **where) is not None
        assert await sign_in.sign_in_with_link(letters.link()) is None


async def test_an_unknown_address_gets_the_same_answer_and_no_mail(node: Node, letters: KeptLetters) -> None:
    await ada()
    texts: list[list[str]] = []
    for address in (ADDRESS, "nobody@example.org"):
        with counting_queries() as seen:
            asked = await sign_in.ask_for_link(address)
        assert len(asked) == 36
        texts.append(list(seen))
        for _ in range(sign_in.TRIES + 1):
            assert await sign_in.sign_in_with_code("000000", asked=asked) is None
        await node.settle()
    assert texts[0] == texts[1]
    assert [to for to, _, _ in letters.sent] == [ADDRESS]
    tries = await fetch("SELECT tries FROM sign_in")
    assert [row[0] for row in tries] == [sign_in.TRIES, sign_in.TRIES]


async def test_six_wrong_codes_close_the_digits_and_not_the_link(node: Node, letters: KeptLetters) -> None:
    await ada()
    asked = await sign_in.ask_for_link(ADDRESS)
    await node.settle()
    wrong = f"{(int(letters.digits()) + 1) % 1_000_000:06}"
    for _ in range(sign_in.TRIES):
        assert await sign_in.sign_in_with_code(wrong, asked=asked) is None
    assert await sign_in.sign_in_with_code(letters.digits(), asked=asked) is None
    assert await sign_in.sign_in_with_link(letters.link()) is not None


async def test_ten_minutes_after_it_was_sent_neither_works(node: Node, letters: KeptLetters) -> None:
    await ada()
    asked = await sign_in.ask_for_link(ADDRESS)
    node.clock.move(timedelta(minutes=5))
    await node.settle()
    node.clock.move(timedelta(minutes=10) - timedelta(seconds=1))
    assert await sign_in.who_is_asked(letters.link()) == "Ada"
    node.clock.move(timedelta(seconds=1))
    assert await sign_in.who_is_asked(letters.link()) is None
    assert await sign_in.sign_in_with_link(letters.link()) is None
    assert await sign_in.sign_in_with_code(letters.digits(), asked=asked) is None


async def test_two_who_use_it_at_once_make_one_session(node: Node, letters: KeptLetters) -> None:
    await ada()
    asked = await sign_in.ask_for_link(ADDRESS)
    await node.settle()
    got = await asyncio.gather(
        *(sign_in.sign_in_with_link(letters.link()) for _ in range(4)),
        *(sign_in.sign_in_with_code(letters.digits(), asked=asked) for _ in range(4)),
    )
    assert len([session for session in got if session]) == 1
    assert len(await fetch("SELECT id FROM session")) == 1


async def test_no_secret_is_kept_where_it_could_be_read(node: Node, letters: KeptLetters) -> None:
    await ada()
    await sign_in.ask_for_link(ADDRESS, client="192.0.2.77")
    letters.broken = True
    await node.settle()
    letters.broken = False
    node.clock.move(timedelta(seconds=2))
    await node.settle()
    got = await sign_in.sign_in_with_link(letters.link())
    assert got is not None
    printed = await sign_in.print_code(await queries.actor_for(await facilitator()), got.person_id)
    secrets = [letters.link(), letters.digits(), got.token, printed.code, printed.code.replace("-", "")]
    everywhere = ("job", "sign_in", "session", "attempt", "audit", "audit_text", "event")
    rows = {t: [" ".join(map(str, tuple(row))) for row in await fetch(f"SELECT * FROM {t}")] for t in everywhere}
    assert not [row for table in rows.values() for row in table for secret in secrets if secret in row]
    assert not [row for table in rows.values() for row in table if ADDRESS in row or "192.0.2" in row or "Ada" in row]
    assert rows["attempt"]
    assert hashlib.sha256(got.token.encode()).hexdigest() in rows["session"][0]


async def test_a_mail_that_could_not_be_sent_is_sent_later_with_new_secrets(
    node: Node, letters: KeptLetters, caplog: pytest.LogCaptureFixture
) -> None:
    await ada()
    letters.broken = True
    asked = await sign_in.ask_for_link(ADDRESS)
    await node.settle()
    letters.broken = False
    node.clock.move(timedelta(seconds=1))
    await node.settle()
    assert len(letters.sent) == 1
    assert await sign_in.sign_in_with_code(letters.digits(), asked=asked) is not None
    # Half an hour later nobody waits for it any more.
    await sign_in.ask_for_link(ADDRESS)
    node.clock.move(timedelta(minutes=31))
    await node.settle()
    assert len(letters.sent) == 1
    assert await fetch("SELECT id FROM job WHERE kind = 'members.sign_in_mail'") == []


async def test_people_who_share_an_address_each_get_their_own_way_in(node: Node, letters: KeptLetters) -> None:
    person, other = await ada(), await make.person("Bert", email=ADDRESS)
    asked = await sign_in.ask_for_link(ADDRESS)
    await node.settle()
    [(to, _, text)] = letters.sent
    assert to == ADDRESS
    assert text.count("Your code is") == 2
    import re

    codes = dict(re.findall(r"(Ada|Bert):\n\nYour code is (\d{3} \d{3})", text))
    for called, id_ in (("Bert", other), ("Ada", person)):
        got = await sign_in.sign_in_with_code(codes[called], asked=asked)
        assert got is not None
        assert got.person_id == id_


async def test_asking_is_limited_by_place_and_by_address(node: Node, letters: KeptLetters) -> None:
    await ada()
    for _ in range(5):
        await sign_in.ask_for_link(ADDRESS, client="192.0.2.1")
    with pytest.raises(Conflict) as often:
        await sign_in.ask_for_link(ADDRESS, client="192.0.2.1")
    assert often.value.code == "too_many"
    # A stranger who asks for her in vain does not keep her out where she is.
    for n in range(25):
        await sign_in.ask_for_link(ADDRESS, client=f"192.0.2.{n + 2}")
    with pytest.raises(Conflict):
        await sign_in.ask_for_link(ADDRESS, client="192.0.2.99")
    for n in range(30):
        await sign_in.ask_for_link(f"p{n}@example.org", client="2001:db8::1")
    with pytest.raises(Conflict):
        await sign_in.ask_for_link("p31@example.org", client="2001:db8::2")
    node.clock.move(timedelta(days=1))
    await sign_in.ask_for_link(ADDRESS, client="2001:db8::2")
    keys = " ".join(row[0] for row in await fetch("SELECT key FROM attempt"))
    assert "example" not in keys
    assert "2001" not in keys


async def test_what_is_no_address_is_said_at_once(node: Node) -> None:
    for bad in ("", "ada", "a@b", "ada@example.org, b@example.org", "ada@exa mple.org"):
        with pytest.raises(Invalid):
            await sign_in.ask_for_link(bad)


async def test_codes_are_limited_by_client(node: Node) -> None:
    for _ in range(60):
        assert await sign_in.sign_in_with_code("123456", asked="x", client="192.0.2.1") is None
    with pytest.raises(Conflict):
        await sign_in.sign_in_with_link("anything", client="192.0.2.1")


async def test_a_printed_code_works_once_within_a_fortnight(node: Node) -> None:
    bea, fay = await make.person("Bea"), await facilitator()
    actor = await queries.actor_for(fay)
    old = await sign_in.print_code(actor, bea)
    code = (await sign_in.print_code(actor, bea)).code
    assert await sign_in.sign_in_with_code(old.code) is None
    node.clock.move(timedelta(days=14) - timedelta(seconds=1))
    got = await sign_in.sign_in_with_code(code.lower().replace("-", " "))
    assert got is not None
    assert got.person_id == bea
    assert await sign_in.sign_in_with_code(code) is None
    late = await sign_in.print_code(actor, bea)
    node.clock.move(timedelta(days=14))
    assert await sign_in.sign_in_with_code(late.code) is None
    rows = await fetch("SELECT actor_id, person_id FROM audit WHERE action = 'members.print_code'")
    assert [tuple(row) for row in rows] == [(fay, bea)] * 3


async def test_a_printed_code_is_no_way_into_power_or_into_ones_own_work(node: Node) -> None:
    circle = await make.circle()
    fay, gil, wren = await facilitator(), await facilitator("Gil"), await make.worker("Wren")
    person = await make.person("Ada")
    team = await make.team(person)
    await make.hat(wren, team, "worker")
    await make.hat(wren, circle, "facilitator")
    for actor, whom in ((fay, gil), (fay, fay), (wren, person), (person, person), (wren, gil)):
        with pytest.raises(Forbidden):
            await sign_in.print_code(await queries.actor_for(actor), whom)
    await make.hat(fay, circle, "admin")
    assert (await sign_in.print_code(await queries.actor_for(fay), gil)).called == "Gil"


async def test_a_session_is_one_statement_and_brings_every_hat_and_scope(node: Node) -> None:
    person, dot = await make.person("Ada"), await make.person("Dot")
    team = await make.team(person)
    await make.hat(dot, team, "family", "daughter")
    await make.hat(dot, team, "coordinator")
    await make.hat(dot, await make.circle(), "member")
    await make.speaks(dot, person, *SCOPES[:3])
    session = await signed_in(dot)
    await sign_in.start_speaking_for(await actor_of(session), session.session_id, person)
    with counting_queries() as seen:
        found = await session_reads.session_actor(hash_secret(session.token))
    assert len(seen) == 1
    assert found is not None
    assert (found.called, found.acting_for_called, found.relation) == ("Dot", "Ada", "daughter")
    assert found.actor == await queries.actor_for(dot, acting_for=person)
    assert found.actor.scopes == set(SCOPES[:3])
    assert {hat.role for hat in found.actor.hats} == {"family", "coordinator", "member"}
    assert found.actor.hats[-1] == Hat("coordinator", team, "team", person) or len(found.actor.hats) == 3


async def test_stop_this_takes_the_daughters_open_page_away(node: Node) -> None:
    person, dot = await make.person("Ada"), await make.person("Dot")
    await make.speaks(dot, person, "ask_for_cover", "money")
    session = await signed_in(dot)
    await sign_in.start_speaking_for(await actor_of(session), session.session_id, person)
    me = await queries.actor_for(person)
    await speaking.stop_speaking(me, person_id=person, speaker_id=dot, scope="money")
    assert (await actor_of(session)).scopes == {"ask_for_cover"}
    await speaking.stop_speaking(me, person_id=person, speaker_id=dot)
    assert await actor_of(session) == Actor(dot)


async def test_nobody_speaks_for_someone_who_did_not_say_so(node: Node) -> None:
    person, dot = await make.person("Ada"), await make.person("Dot")
    session = await signed_in(dot)
    with pytest.raises(Forbidden):
        await sign_in.start_speaking_for(await actor_of(session), session.session_id, person)
    await make.speaks(dot, person, "money", days=1)
    hers = await signed_in(person)
    with pytest.raises(NotFound):
        await sign_in.start_speaking_for(await actor_of(session), hers.session_id, person)
    await sign_in.start_speaking_for(await actor_of(session), session.session_id, person)
    node.clock.move(timedelta(days=1))
    assert (await actor_of(session)).acting_for == ""


async def test_a_facilitator_writes_down_for_a_caller_they_have_made_sure_of(node: Node) -> None:
    fay, person = await facilitator(), await make.person("Ada", phone="")
    session = await signed_in(fay)
    me = await actor_of(session)

    async def start(known_by: str) -> None:
        await sign_in.start_writing_down(me, session.session_id, person, known_by=known_by)

    for known_by, code in (("", "nothing_chosen"), ("agreed_words", "no_words"), ("rang_back", "no_number")):
        with pytest.raises(Invalid) as refused:
            await start(known_by)
        assert refused.value.code == code
    her = await queries.actor_for(person)
    await care.set_safe_contact(her, person_id=person, channel="phone", agreed_words="blue kettle", safe=False)
    await start("agreed_words")
    acting = await actor_of(session)
    assert (acting.person_id, acting.acting_for, acting.via, acting.known_by) == (fay, person, "phone", "agreed_words")
    assert acting.speaks_as(person, "ask_for_cover")
    [row] = await fetch("SELECT actor_id, acting_for, known_by FROM audit WHERE action = 'members.start_writing_down'")
    assert tuple(row) == (fay, person, "agreed_words")
    await sign_in.stop_speaking_for(acting, session.session_id)
    assert (await actor_of(session)).acting_for == ""
    await start("letter")
    assert (await actor_of(session)).via == "paper"
    node.clock.move(session_reads.WRITING_LASTS)
    assert await actor_of(session) == me


async def test_it_is_not_safe_to_ring_back_a_number_that_others_answer(node: Node) -> None:
    fay, person = await facilitator(), await make.person("Ada", phone="01422 496 0002")
    session = await signed_in(fay)
    await care.set_safe_contact(await queries.actor_for(person), person_id=person, channel="phone", safe=False)
    with pytest.raises(Invalid) as refused:
        await sign_in.start_writing_down(await actor_of(session), session.session_id, person, known_by="rang_back")
    assert refused.value.code == "not_safe"


async def test_a_paid_worker_of_the_team_does_not_write_down_for_its_person(node: Node) -> None:
    person, wren = await make.person("Ada", phone="01422 496 0002"), await make.worker("Wren")
    await make.hat(wren, await make.team(person), "worker")
    await make.hat(wren, await make.circle(), "facilitator")
    session = await signed_in(wren)
    with pytest.raises(Forbidden) as refused:
        await sign_in.start_writing_down(await actor_of(session), session.session_id, person, known_by="rang_back")
    assert refused.value.sentence.startswith("You are paid to work in this team")


async def test_sessions_are_listed_and_ended_by_their_own_person(node: Node) -> None:
    person = await make.person("Ada")
    here, there = await signed_in(person), await signed_in(person)
    me = await actor_of(here)
    assert {row.id for row in await session_reads.sessions_of(person)} == {here.session_id, there.session_id}
    with pytest.raises(NotFound):
        await sign_in.end_session(await queries.actor_for(await make.person("Eve")), there.session_id)
    await sign_in.end_session(me, there.session_id)
    assert await session_reads.session_actor(hash_secret(there.token)) is None
    assert [row.id for row in await session_reads.sessions_of(person)] == [here.session_id]


async def test_a_session_left_alone_for_a_month_is_over(node: Node) -> None:
    session = await signed_in(await make.person("Ada"))
    for _ in range(2):
        node.clock.move(timedelta(days=29))
        found = await session_reads.session_actor(hash_secret(session.token))
        assert found is not None
        with counting_queries() as first:
            await sign_in.seen(found)
        again = await session_reads.session_actor(hash_secret(session.token))
        assert again is not None
        with counting_queries() as second:
            await sign_in.seen(again)
        assert (len(first), len(second)) == (1, 0)
    node.clock.move(timedelta(days=30))
    assert await session_reads.session_actor(hash_secret(session.token)) is None


async def test_whoever_looks_after_others_signs_in_again_each_week(node: Node) -> None:
    session = await signed_in(await facilitator())
    node.clock.move(timedelta(days=7))
    assert await session_reads.session_actor(hash_secret(session.token)) is None


async def test_only_the_node_itself_signs_someone_in_without_a_code(node: Node) -> None:
    with pytest.raises(Forbidden):
        await sign_in.sign_in_as(await queries.actor_for(await facilitator()), await make.person("Ada"))


async def test_news_by_mail_says_where_to_look_and_nothing_else(node: Node, letters: KeptLetters) -> None:
    from eccoo_node.db.transaction import write

    person, silent = await ada(), await make.person("Bea")
    async with write():
        await mail.news_for(person, "/visits/v1")
        await mail.news_for(silent, "/visits/v1")
    await node.settle()
    [(to, subject, text)] = letters.sent
    assert (to, subject) == (ADDRESS, "Something new for you at Hebden circle")
    assert "https://hebden.example/visits/v1" in text


async def test_what_has_run_out_is_forgotten(node: Node) -> None:
    await sign_in.ask_for_link("nobody@example.org")
    await signed_in(await make.person("Ada"))
    node.clock.move(timedelta(days=91))
    await limits.forget_tries({})
    for table in ("attempt", "sign_in", "session"):
        assert await fetch(f"SELECT id FROM {table}") == []


async def test_a_role_with_power_ends_every_way_in_that_others_may_hold(node: Node, letters: KeptLetters) -> None:
    circle, fay, mia, adam = await make.circle(), await facilitator(), await ada(), await make.person("Adam")
    await make.hat(adam, circle, "admin")
    printed = await sign_in.print_code(await queries.actor_for(fay), mia)
    planted = await sign_in.sign_in_with_code(printed.code)
    assert planted is not None
    left = await sign_in.print_code(await queries.actor_for(fay), mia)
    await sign_in.ask_for_link(ADDRESS)
    await node.settle()
    own = await signed_in(mia)
    offer = await hats.offer_hat(await queries.actor_for(adam), community_id=circle, person_id=mia, role="treasurer")
    await hats.answer_hat(await actor_of(own), offer, yes=True, session_id=own.session_id)
    assert await session_reads.session_actor(hash_secret(planted.token)) is None
    assert await sign_in.sign_in_with_code(left.code) is None
    assert await sign_in.sign_in_with_link(letters.link()) is None
    assert (await actor_of(own)).wears("treasurer")
    node.clock.move(timedelta(days=7, minutes=1))
    assert await session_reads.session_actor(hash_secret(own.token)) is None


async def test_a_yes_written_down_for_a_role_with_power_signs_its_wearer_out(node: Node) -> None:
    circle, mia, adam = await make.circle(), await ada(), await make.person("Adam")
    await make.hat(adam, circle, "admin")
    theirs = await signed_in(mia)
    me = await queries.actor_for(adam)
    await hats.give_hat(me, community_id=circle, person_id=mia, role="member", wearer_said="phone")
    assert await session_reads.session_actor(hash_secret(theirs.token)) is not None
    await hats.give_hat(me, community_id=circle, person_id=mia, role="treasurer", wearer_said="phone")
    assert await session_reads.session_actor(hash_secret(theirs.token)) is None


async def test_a_role_with_power_does_not_begin_behind_a_facilitators_code(node: Node) -> None:
    circle, fay, mia, adam = await make.circle(), await facilitator(), await ada(), await make.person("Adam")
    await make.hat(adam, circle, "admin")
    await make.hat(adam, circle, "facilitator")
    by_fay = await sign_in.sign_in_with_code((await sign_in.print_code(await queries.actor_for(fay), mia)).code)
    assert by_fay is not None
    offer = await hats.offer_hat(await queries.actor_for(adam), community_id=circle, person_id=mia, role="treasurer")
    with pytest.raises(Conflict) as refused:
        await hats.answer_hat(await actor_of(by_fay), offer, yes=True, session_id=by_fay.session_id)
    assert refused.value.code == "handed_over"
    assert not (await actor_of(by_fay)).wears("treasurer")
    # The first treasurer of a circle may have no mail: an admin prints what an admin may print for a treasurer, too.
    node.clock.move(timedelta(minutes=1))
    by_adam = await sign_in.sign_in_with_code((await sign_in.print_code(await queries.actor_for(adam), mia)).code)
    assert by_adam is not None
    await hats.answer_hat(await actor_of(by_adam), offer, yes=True, session_id=by_adam.session_id)
    assert (await actor_of(by_adam)).wears("treasurer")
    assert await session_reads.session_actor(hash_secret(by_fay.token)) is None

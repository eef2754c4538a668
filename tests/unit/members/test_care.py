"""What is known of someone's support, and who may say it."""

from datetime import timedelta

import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import SCOPES
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from eccoo_node.members import actions, care, queries
from eccoo_node.members.cards import CareCodes, MustKnow, SafeWay
from eccoo_node.members.rules import POWERS
from tests.support import make
from tests.support.node import Node
from tests.support.pictures import picture

PNG = picture()


async def test_what_only_one_who_is_coming_may_read_is_apart_from_the_codes(node: Node) -> None:
    ada = await make.person("Ada", full_name="Ada Lumb", phone="01422 496 0002")
    assert await queries.care_facts(ada) == CareCodes()
    await care.set_care_facts(
        await queries.actor_for(ada), person_id=ada, facts=["hoist", "pets"], skills=["hoisting"],
        gender_wished="woman", way_in="Key safe, 4711", must_know="Deaf in her left ear",
    )  # fmt: skip
    codes = await queries.care_facts(ada)
    assert codes == CareCodes(frozenset({"hoist", "pets"}), "en", "woman", frozenset({"hoisting"}), None)
    assert "4711" not in repr(codes)
    assert await queries.must_know(ada) == MustKnow(
        "Ada", "Ada Lumb", "1 Bank Street", "01422 496 0002", "Key safe, 4711", "Deaf in her left ear"
    )


async def test_a_safety_review_is_a_facilitators_word_and_outlives_a_change(node: Node) -> None:
    ada, fay = await make.person("Ada"), await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    at, helper = node.clock() - timedelta(days=3), await queries.actor_for(fay)
    with pytest.raises(Conflict):
        await care.record_safety_review(helper, person_id=ada, at=at)
    await care.set_care_facts(await queries.actor_for(ada), person_id=ada, facts=["stairs"])
    with pytest.raises(Forbidden):
        await care.record_safety_review(await queries.actor_for(ada), person_id=ada, at=at)
    await care.record_safety_review(helper, person_id=ada, at=at)
    await care.set_care_facts(await queries.actor_for(ada), person_id=ada, facts=["hoist"])
    codes = await queries.care_facts(ada)
    assert (codes.facts, codes.safety_review_at) == ({"hoist"}, at)


async def test_nobody_who_speaks_for_someone_says_their_wish_or_their_safe_contact(node: Node) -> None:
    ada, dot = await make.person("Ada"), await make.person("Dot")
    await make.speaks(dot, ada, *SCOPES)
    for_ada = await queries.actor_for(dot, acting_for=ada)
    with pytest.raises(Forbidden):
        await care.set_standing_wish(for_ada, person_id=ada, words="Ask Wren.")
    with pytest.raises(Forbidden):
        await care.set_safe_contact(for_ada, person_id=ada, channel="phone", agreed_words="blue kettle")
    with pytest.raises(Forbidden):
        await care.set_care_facts(for_ada, person_id=ada, facts=["hoist"])
    with pytest.raises(Forbidden):
        await actions.correct_person(for_ada, ada, email="dot@example.org")


async def test_the_newest_standing_wish_holds_and_keeps_its_order(node: Node) -> None:
    ada, wren, vic = await make.person("Ada"), await make.worker("Wren"), await make.worker("Vic")
    me = await queries.actor_for(ada)
    await care.set_standing_wish(me, person_id=ada, words="Anyone.", ask_further=True)
    await care.set_standing_wish(me, person_id=ada, words="Vic, then Wren.", ask_first=[vic, wren, vic])
    wish = await queries.standing_wish(ada)
    assert wish is not None
    assert (wish.words, wish.ask_first, wish.ask_further, wish.said_via) == (
        "Vic, then Wren.", (vic, wren), False, "screen",
    )  # fmt: skip
    assert await care.set_standing_wish(me, person_id=ada, words="") == ""
    assert await queries.standing_wish(ada) is None


async def test_safe_contact_is_one_agreement_for_each_channel(node: Node) -> None:
    ada = await make.person("Ada")
    me = await queries.actor_for(ada)
    await care.set_safe_contact(me, person_id=ada, channel="phone", agreed_words="blue kettle")
    await care.set_safe_contact(me, person_id=ada, channel="phone", safe=False, note="Her son listens in.")
    assert await queries.safe_contacts(ada) == {"phone": SafeWay("phone", False, False, "", "Her son listens in.")}


async def test_someone_else_pays_only_by_their_own_yes(node: Node) -> None:
    ada, dot, fay = await make.person("Ada"), await make.person("Dot"), await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    me = await queries.actor_for(ada)
    with pytest.raises(Invalid):
        await care.set_payer(me, person_id=ada, payer_person_id=dot, payer_said="phone")
    own = await care.set_payer(me, person_id=ada)
    assert await care.set_payer(me, person_id=ada) == own
    told = await queries.actor_for(fay, "phone", ada, "rang_back")
    hers = await care.set_payer(told, person_id=ada, payer_person_id=dot, fund="family", payer_said="phone")
    card = await queries.payer_for(ada)
    assert card is not None
    assert (card.id, card.payer_person_id, card.called, card.fund) == (hers, dot, "Dot", "family")
    assert (await queries.payer(own)) is not None
    assert own != hers


async def test_a_correction_is_in_the_persons_own_words_and_checked(node: Node) -> None:
    ada, fay = await make.person("Ada"), await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    with pytest.raises(Forbidden):
        await actions.correct_person(await queries.actor_for(fay), ada, phone="01422 496 0009")
    told = await queries.actor_for(fay, "phone", ada, "agreed_words")
    await actions.correct_person(told, ada, phone=" 01422  496 0009", email="Ada@Example.ORG ")
    card = await queries.person(ada)
    assert (card.phone, card.email) == ("01422 496 0009", "ada@example.org")
    for bad in ({"email": "ada at example"}, {"phone": "ring me"}, {"outward": "nowhere"}, {"called": " "}):
        with pytest.raises(Invalid) as refused:
            await actions.correct_person(told, ada, **bad)
        assert refused.value.field == next(iter(bad))
    with pytest.raises(Invalid):
        await actions.correct_person(told, ada, standing="died")


@pytest.mark.parametrize("role", sorted(POWERS))
async def test_the_address_of_whoever_looks_after_the_circle_changes_on_their_own_screen(node: Node, role: str) -> None:
    """A mail signs in, so that whoever writes their words down can't say where it goes."""
    tess, fay, circle = (
        await make.person("Tess", email="tess@example.org"),
        await make.person("Fay"),
        await make.circle(),
    )
    await make.hat(fay, circle, "facilitator")
    await make.hat(tess, circle, role)
    told = await queries.actor_for(fay, "phone", tess, "face_to_face")
    with pytest.raises(Forbidden, match="on their own screen"):
        await actions.correct_person(told, tess, email="fay@example.org", phone="01422 496 0009")
    assert (await queries.person(tess)).email == "tess@example.org"
    await actions.correct_person(told, tess, phone="01422 496 0009")
    await actions.correct_person(await queries.actor_for(tess), tess, email="tess@example.com")
    card = await queries.person(tess)
    assert (card.phone, card.email) == ("01422 496 0009", "tess@example.com")


async def test_people_are_found_by_how_a_name_begins_or_by_their_number(node: Node) -> None:
    ada = await make.person("Ada", full_name="Ada Lumb", phone="+44 1422 496 002")
    zoe = await make.person("Zoë", full_name="Zoë Lumb", phone="")
    await make.person("Gone", full_name="Ada Lumb", standing="died")

    async def found(text: str) -> list[str]:
        return [card.id for card in await queries.find_people(text)]

    assert await found("lumb") == [ada, zoe]
    assert await found("zoe lu") == [zoe]
    assert await found("01422 496002") == [ada]
    assert await found("umb") == []
    assert await found("%") == []
    assert await found("  ") == []


async def test_a_picture_is_known_by_its_bytes_and_kept_small(node: Node) -> None:
    ada = await make.person("Ada")
    me = await queries.actor_for(ada)
    for bad in (b"<svg onload=alert(1)>", b"GIF89a" + b"\0" * 20):
        with pytest.raises(Invalid):
            await actions.set_face(me, ada, bad)
    await actions.set_face(me, ada, PNG)
    kept = await queries.face(ada)
    assert kept is not None
    assert kept[0] == "image/webp"
    assert (await queries.person(ada)).face
    await actions.set_face(me, ada, b"")
    assert await queries.face(ada) is None
    assert not (await queries.person(ada)).face


async def test_the_longest_serving_other_facilitator_is_the_one_to_ring(node: Node) -> None:
    circle, ada = await make.circle(), await make.person("Ada")
    assert await queries.facilitator_for(ada) is None
    first = await make.person("Fay", phone="01422 496 0001")
    await make.hat(first, circle, "facilitator")
    node.clock.move(timedelta(days=1))
    second = await make.person("Gil", phone="01422 496 0003")
    await make.hat(second, circle, "facilitator")
    assert [helper.called for helper in await queries.facilitators()] == ["Fay", "Gil"]
    for person, called in ((ada, "Fay"), (first, "Gil"), (second, "Fay")):
        helper = await queries.facilitator_for(person)
        assert helper is not None
        assert helper.called == called


async def test_nobody_is_sent_to_a_facilitator_without_a_telephone_or_who_earns_by_their_care(node: Node) -> None:
    circle, ada = await make.circle(), await make.person("Ada")
    team = await make.team(ada)
    await make.hat(await make.person("Gil"), circle, "facilitator")
    node.clock.move(timedelta(days=1))
    wren = await make.worker("Wren")
    async with write():
        await fetch("UPDATE person SET phone = '01422 496 0002' WHERE id = ?", wren)
    await make.hat(wren, circle, "facilitator")
    hat = await make.hat(wren, team, "worker")
    assert [f.called for f in await queries.facilitators()] == ["Gil", "Wren"]
    assert await queries.facilitator_for(ada) is None
    other = await make.person("Bill")
    helper = await queries.facilitator_for(other)
    assert helper is not None
    assert helper.called == "Wren"
    async with write():
        await fetch("UPDATE worker SET paid = FALSE WHERE person_id = ?", wren)
    assert await queries.facilitator_for(ada) == helper
    async with write():
        await fetch("UPDATE worker SET paid = TRUE WHERE person_id = ?", wren)
        await fetch("UPDATE hat SET ended_at = ? WHERE id = ?", node.clock.at, hat)
    assert await queries.facilitator_for(ada) == helper


async def test_names_streets_and_numbers_are_in_no_event_and_no_audit_row(node: Node) -> None:
    fay = await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    planted = {"called": "Griselda", "full_name": "Griselda Ogden", "address": "77 Cragside Row", "outward": "HX7",
               "phone": "01422 496 0777", "email": "griselda@example.org"}  # fmt: skip
    helper = await queries.actor_for(fay, via="phone")
    griselda = await actions.register_person(helper, **planted)
    told = await queries.actor_for(fay, "phone", griselda, "rang_back")
    await care.set_safe_contact(told, person_id=griselda, channel="phone", agreed_words="blue kettle")
    await care.set_care_facts(told, person_id=griselda, way_in="Key safe 4711", must_know="Deaf")
    await care.set_standing_wish(told, person_id=griselda, words="Ask the neighbour")
    await node.settle()
    # No word short enough, or of digits alone, that an id or a digest could hold it by chance.
    words = [
        "Griselda",
        "Ogden",
        "Cragside",
        "496 0777",
        "4224960777",
        "example.org",
        "kettle",
        "Key safe",
        "Deaf",
        "neighbour",
    ]
    for table in ("audit", "audit_text", "event", "job"):
        rows = [" ".join(str(value) for value in tuple(row)) for row in await fetch(f"SELECT * FROM {table}")]
        assert not [row for row in rows for word in words if word in row], table
    # The search finds what is there to be found, else it shows nothing.
    people = [" ".join(str(value) for value in tuple(row)) for row in await fetch("SELECT * FROM person")]
    assert [row for row in people if "Griselda" in row and "Cragside" in row]

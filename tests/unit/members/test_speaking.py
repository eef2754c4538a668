"""Who may speak for whom, for what, on what ground, and until when."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.db.rows import fetch
from eccoo_node.kernel.access import SCOPES, Actor, Hat
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.members import actions, queries, speaking
from eccoo_node.members.rules import COVERS, own_words
from eccoo_node.members.tables import BASES
from eccoo_node.record import audit
from tests.support import make
from tests.support.node import Node


async def facilitator(called: str = "Fay") -> str:
    id_ = await make.person(called, phone="01422 496 0001")
    await make.hat(id_, await make.circle(), "facilitator")
    return id_


async def let(actor: Actor, person: str, speaker: str, *scopes: str, days: int | None = None) -> list[str]:
    from eccoo_node.kernel import clock

    until = clock.now() + timedelta(days=days) if days else None
    return await speaking.let_speak(
        actor, person_id=person, speaker_id=speaker, scopes=scopes, relation="daughter",
        words="Dot may ask for cover for me.", until_at=until,
    )  # fmt: skip


async def test_a_daughters_scope_ends_at_its_date(node: Node) -> None:
    ada, dot = await make.person("Ada"), await make.person("Dot")
    await let(await queries.actor_for(ada), ada, dot, "ask_for_cover", days=7)
    end = node.clock() + timedelta(days=7)
    node.clock.set(end - timedelta(seconds=1))
    assert (await queries.actor_for(dot, acting_for=ada)).scopes == {"ask_for_cover"}
    assert (await queries.actor_for(dot, acting_for=ada)).speaks_as(ada, "ask_for_cover")
    assert not (await queries.actor_for(dot, acting_for=ada)).speaks_as(ada, "choose_who_comes")
    node.clock.set(end)
    assert (await queries.actor_for(dot, acting_for=ada)).scopes == frozenset()
    assert await queries.speakers_for(ada, "ask_for_cover") == frozenset()
    assert await queries.voices_for(ada) == []


async def test_a_relative_cannot_give_it_to_themselves(node: Node) -> None:
    ada, dot, eve = await make.person("Ada"), await make.person("Dot"), await make.person("Eve")
    me = await queries.actor_for(dot)
    with pytest.raises(Forbidden):
        await let(me, ada, dot, "ask_for_cover")
    # Nor once she speaks for her mother in one thing: neither more for herself, nor anything for another.
    await let(await queries.actor_for(ada), ada, dot, "ask_for_cover")
    for_ada = await queries.actor_for(dot, acting_for=ada)
    with pytest.raises(Forbidden):
        await let(for_ada, ada, dot, "money")
    with pytest.raises(Forbidden):
        await let(for_ada, ada, eve, "ask_for_cover")
    # Nor as a facilitator who writes it down.
    await make.hat(dot, await make.circle(), "facilitator")
    with pytest.raises(Forbidden):
        await let(await queries.actor_for(dot, "phone", ada, "rang_back"), ada, dot, "money")
    with pytest.raises(Forbidden):
        await speaking.record_authority(
            await queries.actor_for(dot), person_id=ada, speaker_id=dot, scopes=["money"], relation="daughter",
            basis="attorney_money", evidence="Seen.",
        )  # fmt: skip
    assert [v.scope for v in await queries.voices_for(ada)] == ["ask_for_cover"]


async def test_a_facilitator_writes_down_what_the_person_said_and_how_they_knew(node: Node) -> None:
    fay, ada, dot = await facilitator(), await make.person("Ada"), await make.person("Dot")
    with pytest.raises(Forbidden):
        await let(await queries.actor_for(fay, "phone", ada), ada, dot, "ask_for_cover")
    await let(await queries.actor_for(fay, "phone", ada, "rang_back"), ada, dot, "ask_for_cover", "say_visit_went")
    told = [(v.speaker_id, v.relation, v.scope, v.said_via, v.recorded_by) for v in await queries.voices_for(ada)]
    assert told == [
        (dot, "daughter", "ask_for_cover", "phone", fay),
        (dot, "daughter", "say_visit_went", "phone", fay),
    ]
    rows = await fetch("SELECT actor_id, acting_for, known_by FROM audit WHERE outcome = 'done' ORDER BY id")
    assert [tuple(row) for row in rows] == [(fay, ada, "rang_back")]


async def test_stop_this_works_at_once(node: Node) -> None:
    ada, dot = await make.person("Ada"), await make.person("Dot")
    me = await queries.actor_for(ada)
    await let(me, ada, dot, "ask_for_cover", "choose_who_comes", "money")
    assert await speaking.stop_speaking(me, person_id=ada, speaker_id=dot, scope="money") == 1
    assert (await queries.actor_for(dot, acting_for=ada)).scopes == {"ask_for_cover", "choose_who_comes"}
    assert await speaking.stop_speaking(me, person_id=ada, speaker_id=dot) == 2
    assert await queries.spoken_for_by(dot) == []
    assert await speaking.stop_speaking(me, person_id=ada, speaker_id=dot) == 0
    with pytest.raises(Forbidden):
        await speaking.stop_speaking(await queries.actor_for(await make.person("Eve")), person_id=ada, speaker_id=dot)


async def test_whoever_speaks_can_step_down(node: Node) -> None:
    ada, dot = await make.person("Ada"), await make.person("Dot")
    await let(await queries.actor_for(ada), ada, dot, "ask_for_cover")
    assert await speaking.stop_speaking(await queries.actor_for(dot), person_id=ada, speaker_id=dot) == 1


async def test_saying_it_again_replaces_the_yes_before(node: Node) -> None:
    ada, dot = await make.person("Ada"), await make.person("Dot")
    me = await queries.actor_for(ada)
    await let(me, ada, dot, "ask_for_cover", days=1)
    await let(me, ada, dot, "ask_for_cover", days=9)
    assert [v.until_at for v in await queries.voices_for(ada)] == [node.clock() + timedelta(days=9)]


async def test_a_death_ends_speaking_for_them(node: Node) -> None:
    fay, ada, dot = await facilitator(), await make.person("Ada"), await make.person("Dot")
    await make.speaks(dot, ada, *SCOPES)
    await actions.say_standing(await queries.actor_for(fay), ada, "died")
    assert (await queries.actor_for(dot, acting_for=ada)).scopes == frozenset()
    assert await queries.speakers_for(ada, "money") == frozenset()
    with pytest.raises(NotFound):
        await queries.actor_for(ada)
    # A mistake taken back gives no old yes back.
    await actions.say_standing(await queries.actor_for(fay), ada, "here")
    assert await queries.voices_for(ada) == []


async def test_a_paid_worker_of_the_team_never_speaks_for_cover(node: Node) -> None:
    ada, wren, dot = await make.person("Ada"), await make.worker("Wren"), await make.person("Dot")
    team = await make.team(ada)
    await make.hat(wren, team, "worker")
    await make.hat(wren, team, "family")
    for speaker in (wren, dot):
        await make.speaks(speaker, ada, *SCOPES)
    assert await queries.speakers_for(ada, "ask_for_cover") == {dot}
    assert await queries.speakers_for(ada, "choose_who_comes") == {dot}
    # Who may say that a visit went ahead is told as it is: settling asks whether it is the worker.
    assert await queries.speakers_for(ada, "say_visit_went") == {dot, wren}


async def test_an_attorney_for_health_decides_only_what_the_person_cannot(node: Node) -> None:
    fay, ada, dot = await facilitator(), await make.person("Ada"), await make.person("Dot")
    actor, review = await queries.actor_for(fay), node.clock() + timedelta(days=30)

    async def record(*scopes: str, basis: str = "attorney_health") -> list[str]:
        return await speaking.record_authority(
            actor, person_id=ada, speaker_id=dot, scopes=scopes, relation="daughter", basis=basis,
            evidence="Registered power of attorney, original seen in the office.",
        )  # fmt: skip

    with pytest.raises(Conflict) as able:
        await record("ask_for_cover")
    assert able.value.code == "has_capacity"
    with pytest.raises(Invalid) as outside:
        await record("money")
    assert outside.value.code == "not_covered"

    async def assess(lacks: bool) -> str:
        return await speaking.record_capacity(
            actor, person_id=ada, scope="ask_for_cover", lacks=lacks, words="Could not weigh it.",
            assessed_by="Dr Sykes", until_at=review,
        )  # fmt: skip

    await assess(lacks=True)
    with pytest.raises(Conflict):
        await record("choose_who_comes")  # a record is about one decision
    await record("ask_for_cover")
    assert [(v.scope, v.basis, v.until_at) for v in await queries.voices_for(ada)] == [
        ("ask_for_cover", "attorney_health", review)
    ]
    await assess(lacks=False)
    assert await queries.voices_for(ada) == []
    await record("money", basis="attorney_money")
    assert [(v.scope, v.until_at) for v in await queries.voices_for(ada)] == [("money", None)]


async def test_the_persons_own_yes_is_not_replaced_by_a_paper(node: Node) -> None:
    fay, ada, dot = await facilitator(), await make.person("Ada"), await make.person("Dot")
    [own] = await let(await queries.actor_for(ada), ada, dot, "money")
    made = await speaking.record_authority(
        await queries.actor_for(fay), person_id=ada, speaker_id=dot, scopes=["money"], relation="daughter",
        basis="attorney_money", evidence="Seen.",
    )  # fmt: skip
    assert made == [own]
    assert [v.basis for v in await queries.voices_for(ada)] == ["own_yes"]


async def test_words_and_names_are_in_no_event_and_no_audit_row(node: Node) -> None:
    ada, dot = await make.person("Adelheid"), await make.person("Dorothea")
    await speaking.let_speak(
        await queries.actor_for(ada), person_id=ada, speaker_id=dot, scopes=["money"], relation="daughter",
        words="Dorothea knows where the blue folder is.",
    )  # fmt: skip
    await node.settle()
    written = [
        " ".join(str(value) for value in tuple(row))
        for table in ("audit", "audit_text", "event", "job")
        for row in await fetch(f"SELECT * FROM {table}")
    ]
    assert len(written) > 1
    assert not [row for row in written if any(w in row for w in ("Adelheid", "Dorothea", "blue folder", "daughter"))]
    assert (await audit.verify())["rows"] == 1


@given(st.sampled_from(BASES), st.sets(st.sampled_from(SCOPES), min_size=1))
def test_no_ground_covers_more_than_the_law_gives_it(basis: str, scopes: set[str]) -> None:
    try:
        wanted = speaking._wanted(scopes, basis)
    except Invalid:
        assert not scopes <= COVERS[basis]
    else:
        assert set(wanted) == scopes <= COVERS[basis]
        assert basis in {"own_yes"} or not ({"money"} < scopes)


_IDS = st.sampled_from(["", "ada", "dot", "fay"])


@given(
    me=_IDS, person=_IDS, acting_for=_IDS, via=st.sampled_from(["screen", "phone", "paper", "federation", "job"]),
    known_by=st.sampled_from(["", "rang_back"]), role=st.sampled_from(["", "facilitator", "admin", "worker"]),
    scopes=st.sets(st.sampled_from(SCOPES)),
)  # fmt: skip
def test_scopes_are_never_the_persons_own_words(
    me: str, person: str, acting_for: str, via: str, known_by: str, role: str, scopes: set[str]
) -> None:
    actor = Actor(me, (Hat(role, "c", "circle"),) if role else (), via, acting_for, frozenset(scopes), known_by)  # type: ignore[arg-type]
    without = Actor(me, actor.hats, actor.via, acting_for, frozenset(), known_by)
    assert own_words(actor, person) == own_words(without, person)
    if own_words(actor, person) and me != person:
        assert (role, bool(known_by), acting_for) == ("facilitator", True, person)


async def test_someone_paid_in_the_team_is_not_let_to_decide_about_their_own_work(node: Node) -> None:
    ada, wren = await make.person("Ada"), await make.worker("Wren")
    await make.hat(wren, await make.team(ada), "worker")
    me = await queries.actor_for(ada)
    for scope in ("ask_for_cover", "choose_who_comes"):
        with pytest.raises(Invalid) as refused:
            await let(me, ada, wren, scope, "money")
        assert (refused.value.code, refused.value.field) == ("paid_worker", "scopes")
        assert "paid to work in this team" in refused.value.sentence
    assert await queries.voices_for(ada) == []
    await let(me, ada, wren, "money")


async def test_no_paper_lets_someone_paid_in_the_team_decide_about_their_own_work(node: Node) -> None:
    fay, ada, wren = await facilitator(), await make.person("Ada"), await make.worker("Wren")
    await make.hat(wren, await make.team(ada), "worker")
    actor = await queries.actor_for(fay)
    await speaking.record_capacity(
        actor, person_id=ada, scope="choose_who_comes", lacks=True, words="Could not weigh it.", assessed_by="Dr Lumb",
        until_at=node.clock() + timedelta(days=30),
    )  # fmt: skip
    with pytest.raises(Invalid) as refused:
        await speaking.record_authority(
            actor, person_id=ada, speaker_id=wren, scopes=["choose_who_comes"], relation="niece",
            basis="attorney_health", evidence="Registered, seen.",
        )  # fmt: skip
    assert (refused.value.code, refused.value.field) == ("paid_worker", "scopes")
    assert await queries.voices_for(ada) == []

"""Who speaks for me, acting for someone, and the facilitator on the phone."""

from eccoo_node.app import Shell
from eccoo_node.db.rows import fetch
from eccoo_node.members import actions, care, pictures, queries
from tests.support import make
from tests.support.node import Node
from tests.support.pictures import picture
from tests.web.client import Reader
from tests.web.members.conftest import sign_in_as

PNG = picture()


async def family() -> tuple[str, str, str]:
    """Ada with a team, her daughter Dot in it, and Fay the facilitator."""
    ada, dot = await make.person("Ada", phone="01422 496 0002"), await make.person("Dot")
    fay = await make.person("Fay", phone="01422 496 0001")
    await make.hat(dot, await make.team(ada), "family", "daughter")
    await make.hat(fay, await make.circle(), "facilitator")
    return ada, dot, fay


async def test_ada_lets_dot_speak_and_stops_one_thing_of_it(node: Node, reader: Reader, shell: Shell) -> None:
    ada, dot, _ = await family()
    await sign_in_as(reader, shell, ada)
    assert "Nobody speaks for you." in (await reader.get("/speaks-for-me")).text
    await reader.get("/speaks-for-me/add")
    never = await reader.send("/speaks-for-me/add", {"scopes": ["money"], "until": "31 December 9999"})
    assert never.status_code == 422
    long = await reader.post(
        "/speaks-for-me/stop", reader.hidden("/speaks-for-me/add") | {"person": "x" * 400, "speaker": "x"}
    )
    assert long.status_code == 422
    await reader.get("/speaks-for-me/add")
    empty = await reader.send("/speaks-for-me/add")
    assert empty.status_code == 422
    assert "Choose who may speak for you." in empty.text
    await reader.send(
        "/speaks-for-me/add", {"speaker": dot, "scopes": ["ask_for_cover", "money"], "until": "2027-05-03"}
    )
    page = (await reader.follow()).text
    assert "Dot speaks for you from now on" in page
    assert "your daughter" in page
    assert "You said so on 23 November 2026. Until 3 May 2027." in page
    assert "Ring Fay on 01422 496 0001" in page
    [asks, money] = await queries.voices_for(ada)
    assert (asks.scope, money.scope) == ("ask_for_cover", "money")
    assert asks.words == (
        "Dot, my daughter, may speak for me until 3 May 2027. Dot may: ask for someone else to come, "
        "when my worker can’t; deal with the money for my visits."
    )
    await reader.post("/speaks-for-me/stop", reader.hidden("/speaks-for-me/stop") | {"scope": "money"})
    assert [voice.scope for voice in await queries.voices_for(ada)] == ["ask_for_cover"]


async def test_a_paid_worker_cannot_be_chosen_to_speak(node: Node, reader: Reader, shell: Shell) -> None:
    ada, _, _ = await family()
    wren = await make.worker("Wren")
    await make.hat(wren, await queries.team_of(ada), "worker")
    await sign_in_as(reader, shell, ada)
    assert "Wren" not in (await reader.get("/speaks-for-me/add")).text
    await reader.send("/speaks-for-me/add", {"speaker": wren, "scopes": ["ask_for_cover"]})
    assert reader.page.status_code == 422
    assert await queries.voices_for(ada) == []


async def test_dot_speaks_for_ada_and_sees_neither_the_others_nor_fays_private_line(
    node: Node, reader: Reader, shell: Shell
) -> None:
    ada, dot, _ = await family()
    await make.speaks(dot, ada, "ask_for_cover")
    await make.speaks(await make.person("Bert"), ada, "money")
    await sign_in_as(reader, shell, dot)
    await reader.get("/sessions")
    await reader.send(f"/speaking/{ada}")
    page = (await reader.get("/speaks-for-me")).text
    assert "You are speaking for <strong>Ada</strong>" in page
    assert "ask for someone else to come" in page
    assert "01422 496 0001" not in page
    assert "Bert" not in page
    await reader.get("/speaks-for-me/add")
    assert reader.page.status_code == 403
    await reader.get("/sessions")
    await reader.send("/acting/stop")
    assert "You are speaking for" not in (await reader.get("/sessions")).text


async def test_fay_finds_the_caller_says_how_she_knows_and_writes_down(
    node: Node, reader: Reader, shell: Shell
) -> None:
    ada, dot, fay = await family()
    await make.person("Adam")
    await care.set_safe_contact(
        await queries.actor_for(ada), person_id=ada, channel="phone", agreed_words="blue kettle"
    )
    await sign_in_as(reader, shell, fay)
    await reader.get("/phone")
    found = await reader.send("/phone", {"who": "ada"})
    assert "2 people answer to that" in found.text
    await reader.send("/phone", {"who": "01422 496 0002"})
    assert reader.page.headers["location"] == f"/phone/{ada}"
    page = await reader.follow()
    assert "How do you know it’s Ada?" in page.text
    assert "blue kettle" in page.text
    unsaid = await reader.send(f"/phone/{ada}")
    assert unsaid.status_code == 422
    assert "Say how you know" in unsaid.text
    await reader.send(f"/phone/{ada}", {"known_by": "agreed_words"})
    assert reader.page.headers["location"] == "/home"
    page = await reader.get("/speaks-for-me")
    assert "You are writing down what <strong>Ada</strong> says" in page.text
    await reader.get("/speaks-for-me/add")
    await reader.send("/speaks-for-me/add", {"speaker": dot, "scopes": ["ask_for_cover"]})
    [voice] = await queries.voices_for(ada)
    assert (voice.speaker_id, voice.said_via, voice.recorded_by) == (dot, "phone", fay)
    assert "You told Fay on the phone on 23 November 2026." in (await reader.get("/speaks-for-me")).text
    looked = await fetch("SELECT actor_id FROM audit WHERE action = 'members.look_up' AND person_id = ?", ada)
    assert {row[0] for row in looked} == {fay}


async def test_nobody_but_a_facilitator_finds_people(node: Node, reader: Reader, shell: Shell) -> None:
    ada, dot, _ = await family()
    await sign_in_as(reader, shell, dot)
    for path in ("/phone", "/phone/new", f"/phone/{ada}"):
        assert (await reader.get(path)).status_code == 403


async def test_fay_registers_a_caller_and_prints_a_code_that_signs_in(node: Node, reader: Reader, shell: Shell) -> None:
    import re

    _, _, fay = await family()
    await sign_in_as(reader, shell, fay)
    await reader.get("/phone/new")
    bad = await reader.send("/phone/new", {"called": "Griselda", "outward": "nowhere"})
    assert bad.status_code == 422
    assert 'value="Griselda"' in bad.text
    for channel, what in (("email", "email address"), ("text", "phone number")):
        bad = await reader.send("/phone/new", {"called": "Griselda", "channel": channel})
        assert f"Write their {what}, or choose another way." in bad.text
    await reader.send("/phone/new", {"called": "Griselda", "outward": "HX7 8AD", "channel": "post"})
    page = await reader.follow()
    action = re.search(r'action="(/phone/[^"]+/code)"', page.text)
    assert action
    shown = await reader.send(action[1])
    code = re.search(r'big-code">([^<]+)<', shown.text)
    assert code
    async with Reader(shell) as her:
        await her.get("/sign-in/code")
        await her.send("/sign-in/code", {"code": code[1].lower()})
        assert "Hello Griselda" in (await her.get("/sessions")).text


async def test_a_team_page_shows_people_as_dots_and_as_a_list(node: Node, reader: Reader, shell: Shell) -> None:
    ada, dot, fay = await family()
    team = await queries.team_of(ada)
    await make.speaks(dot, ada, "ask_for_cover")
    await actions.set_face(await queries.actor_for(dot), dot, PNG)
    for person, expected in ((ada, "Daughter, speaks for you"), (fay, "Daughter, speaks for Ada"), (dot, "Daughter")):
        await sign_in_as(reader, shell, person)
        page = (await reader.get(f"/teams/{team}")).text
        assert '<svg class="constellation"' in page
        assert f'<span class="soft">{expected}</span>' in page
        reader.http.cookies.clear()
    await sign_in_as(reader, shell, await make.person("Eve"))
    for hidden in (f"/teams/{team}", f"/people/{dot}/face"):
        assert (await reader.get(hidden)).status_code == 404
    reader.http.cookies.clear()
    await sign_in_as(reader, shell, ada)
    face = await reader.get(f"/people/{dot}/face")
    assert (face.headers["content-type"], face.content) == ("image/webp", pictures.face(PNG))
    assert (await reader.get(f"/people/{ada}/face")).status_code == 404
    reader.http.cookies.clear()
    assert (await reader.get(f"/people/{dot}/face")).status_code == 303


async def test_family_without_a_yes_reads_kindly_who_decides(node: Node, reader: Reader, shell: Shell) -> None:
    ada, dot, _ = await family()
    team = await queries.team_of(ada)
    await make.hat(await make.worker("Wren"), team, "worker")
    await sign_in_as(reader, shell, dot)
    page = (await reader.get(f"/teams/{team}")).text
    assert "You are family here. Ada decides what you see." in page
    assert "Ada can say so here, or to Fay, " in page
    assert "Wren" not in page
    await make.speaks(dot, ada, "say_visit_went")
    page = (await reader.get(f"/teams/{team}")).text
    assert ("decides what you see" in page, "Wren" in page) == (False, True)


async def test_whoever_is_paid_to_come_is_refused_with_the_reason_at_their_name(
    node: Node, reader: Reader, shell: Shell
) -> None:
    ada, _, _ = await family()
    wren = await make.worker("Wren")
    await make.hat(wren, await queries.team_of(ada), "worker")
    await sign_in_as(reader, shell, ada)
    assert "Wren" not in (await reader.get("/speaks-for-me/add")).text
    for scope in ("ask_for_cover", "money"):
        refused = await reader.send("/speaks-for-me/add", {"speaker": wren, "scopes": [scope]})
        assert refused.status_code == 422
        assert '<a href="#speaker">Wren is paid to work in your team' in refused.text
    assert await queries.voices_for(ada) == []

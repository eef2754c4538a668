"""Signing in with a plain browser."""

from datetime import timedelta

import pytest

from eccoo_node.app import Shell
from eccoo_node.db.rows import fetch
from eccoo_node.kernel.access import COMMAND
from eccoo_node.members import sign_in
from tests.support import make
from tests.support.letters import KeptLetters
from tests.support.node import Node
from tests.web.client import Reader
from tests.web.members.conftest import sign_in_as

ADDRESS = "ada@example.org"


async def post_and_settle(node: Node, letters: KeptLetters) -> None:
    from eccoo_node.kernel.post import post_bound

    with post_bound(letters):
        await node.settle()


async def ask(reader: Reader, address: str, going_to: str = "") -> None:
    await reader.get(f"/sign-in?next={going_to}")
    await reader.send("/sign-in", {"email": address})


async def test_the_link_is_read_ten_times_and_still_signs_in_once(
    node: Node, reader: Reader, shell: Shell, letters: KeptLetters
) -> None:
    await make.person("Ada", email=ADDRESS)
    await ask(reader, ADDRESS)
    await post_and_settle(node, letters)
    path = f"/sign-in/{letters.link()}"
    async with Reader(shell) as scanner:
        for _ in range(10):
            assert (await scanner.get(path)).status_code == 200
            assert (await scanner.http.head(path)).status_code == 200
    async with Reader(shell) as other:
        await other.get(path)
        answer = await other.send(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/home")
        cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(shell.site.session_cookie))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Ada" in (await other.get("/sessions")).text
    assert (await reader.get(path)).status_code == 410


async def test_a_link_that_no_longer_works_says_what_happened_to_it(
    node: Node, reader: Reader, letters: KeptLetters
) -> None:
    await make.person("Ada", email=ADDRESS)
    await ask(reader, ADDRESS)
    await post_and_settle(node, letters)
    used = f"/sign-in/{letters.link()}"
    await reader.get(used)
    # The same page, sent twice: what the second is told is true too.
    await reader.send(used)
    page = await reader.get(used)
    assert "<h1>This link has been used</h1>" in page.text
    assert "ten minutes" not in page.text
    await ask(reader, ADDRESS)
    await post_and_settle(node, letters)
    late = f"/sign-in/{letters.link()}"
    assert "Hello Ada" in (await reader.get(late)).text
    node.clock.move(timedelta(minutes=11))
    assert "<h1>This link has run out</h1>" in (await reader.send(late)).text
    assert "It worked for ten minutes." in (await reader.get(late)).text
    unknown = await reader.get("/sign-in/not-a-link-of-ours")
    assert (unknown.status_code, "<h1>This link doesn’t work</h1>" in unknown.text) == (410, True)


async def test_a_set_up_link_says_how_the_next_one_is_made(reader: Reader) -> None:
    person = await make.person("Ann")
    await make.hat(person, await make.circle(), "admin")
    first = (await sign_in.make_setup_link(COMMAND)).token
    second = (await sign_in.make_setup_link(COMMAND)).token
    path = f"/sign-in/{second}"
    await reader.get(path)
    assert (await reader.send(path)).status_code == 303
    for token in (first, second):
        page = await reader.get(f"/sign-in/{token}")
        assert "It has signed someone in already, or a newer one has taken its place." in page.text
        assert "eccoo enter" in page.text
        assert "minutes" not in page.text


async def test_the_digits_sign_in_where_they_were_asked(node: Node, reader: Reader, letters: KeptLetters) -> None:
    await make.person("Ada", email=ADDRESS)
    await ask(reader, ADDRESS, "/visits/v1")
    await post_and_settle(node, letters)
    await reader.follow()
    wrong = await reader.send("/sign-in/code", {"code": "000000"})
    assert wrong.status_code == 422
    assert "<title>Error: Look at your mail" in wrong.text
    right = await reader.send("/sign-in/code", {"code": letters.digits()})
    assert right.headers["location"] == "/visits/v1"


async def test_the_pages_say_the_same_of_an_address_nobody_has(
    node: Node, reader: Reader, letters: KeptLetters
) -> None:
    import re

    await make.person("Ada", email=ADDRESS)
    pages: list[list[str]] = []
    for address in (ADDRESS, "nobody@example.org"):
        await ask(reader, address)
        asked, seen = reader.page, []
        seen.append(f"{asked.status_code} {asked.headers['location']}")
        seen.append((await reader.follow()).text)
        for _ in range(6):
            seen.append((await reader.send("/sign-in/code", {"code": "000000"})).text)
        pages.append([re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27}|name="_form" value="[^"]*"', "", text) for text in seen])
    assert pages[0] == pages[1]


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/sign-in"])
async def test_signing_in_never_leads_to_another_host(
    node: Node, reader: Reader, letters: KeptLetters, elsewhere: str
) -> None:
    await make.person("Ada", email=ADDRESS)
    await ask(reader, ADDRESS, elsewhere)
    await post_and_settle(node, letters)
    await reader.follow()
    assert (await reader.send("/sign-in/code", {"code": letters.digits()})).headers["location"] == "/home"


async def test_trying_often_is_told_kindly_and_with_its_own_status(reader: Reader) -> None:
    await reader.get("/sign-in")
    for _ in range(5):
        assert (await reader.send("/sign-in", {"email": ADDRESS})).status_code == 303
        await reader.get("/sign-in")
    page = await reader.send("/sign-in", {"email": ADDRESS})
    assert page.status_code == 429
    assert "That was tried many times" in page.text
    assert f'value="{ADDRESS}"' in page.text


async def test_a_node_without_mail_asks_for_a_code_from_paper(reader: Reader, shell: Shell) -> None:
    shell.mailer = None
    page = await reader.get("/sign-in")
    assert "Use your code" in page.text
    assert "email" not in page.text.lower().split("<main")[1].split("</main")[0]


async def test_signing_out_ends_the_session_and_clears_the_browser(node: Node, reader: Reader, shell: Shell) -> None:
    session = await sign_in_as(reader, shell, await make.person("Ada"))
    await reader.get("/sessions")
    answer = await reader.send("/sign-out")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert (await reader.get("/sessions")).headers["location"].startswith("/sign-in")
    assert (await fetch("SELECT ended_at FROM session WHERE id = ?", session))[0][0] is not None


async def test_another_device_is_signed_out_from_here(node: Node, reader: Reader, shell: Shell) -> None:
    ada = await make.person("Ada")
    there = await sign_in_as(reader, shell, ada)
    await sign_in_as(reader, shell, ada)
    await reader.get("/sessions")
    await reader.send(f"/sessions/{there}/end")
    assert (await fetch("SELECT COUNT(*) FROM session WHERE ended_at IS NULL"))[0][0] == 1
    assert (await reader.follow()).text.count("Firefox on Linux") == 1

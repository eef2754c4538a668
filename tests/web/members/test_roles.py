"""An admin asks someone to take a role in the circle; it begins with their yes and ends when it is taken off."""

import re

import pytest

from eccoo_node.app import Shell
from eccoo_node.members import queries
from tests.support import make
from tests.support.node import Node
from tests.web.client import Reader
from tests.web.members.conftest import sign_in_as

pytestmark = pytest.mark.usefixtures("node")


def leads(reader: Reader, end: str) -> str:
    """The one link or form on this page that goes to a path like this."""
    (path,) = set(re.findall(rf'(?:href|action)="([^"]*{end})"', reader.page.text))
    return str(path)


async def test_a_new_circles_admin_finds_a_treasurer_and_ends_it_again(
    node: Node, reader: Reader, shell: Shell
) -> None:
    gwen, tess = await make.person("Gwen"), await make.person("Tess", phone="01422 496 0007")
    await make.hat(gwen, await make.circle(), "admin")
    await sign_in_as(reader, shell, gwen)
    page = (await reader.get("/admin/roles")).text
    assert page.count("Nobody yet.") == 5
    await reader.get("/admin/roles/ask")
    empty = await reader.send("/admin/roles/ask")
    assert empty.status_code == 422
    assert all(told in empty.text for told in ("Write a name or a phone number.", "Choose what they would do."))
    nobody = await reader.send("/admin/roles/ask", {"who": "Zebedee", "role": "treasurer"})
    assert "Nobody here answers to that." in nobody.text
    await reader.send("/admin/roles/ask", {"who": "tess", "role": "treasurer"})
    page = (await reader.follow()).text
    assert "Tess is asked, and finds it under “You”." in page
    assert "asked, no answer yet; can say yes until 22 January 2027" in page
    assert await queries.treasurers() == set()

    await sign_in_as(reader, shell, tess)
    page = (await reader.get("/sessions")).text
    assert "asks you to be the treasurer" in page
    # Two buttons go there, yes first.
    await reader.send(leads(reader, '/roles/[^/"]*'))
    assert await queries.treasurers() == {tess}
    assert (await reader.get("/admin/roles")).status_code == 403

    await sign_in_as(reader, shell, gwen)
    await reader.get("/admin/roles")
    assert "since 23 November 2026" in reader.page.text
    hat = next(path for path in re.findall(r'href="([^"]*/end)" aria-label="End it for Tess"', reader.page.text))
    assert "Tess does this no longer" in (await reader.get(hat)).text
    await reader.send(hat)
    assert await queries.treasurers() == set()


async def test_of_several_who_answer_one_is_chosen_and_an_asking_is_taken_back(
    node: Node, reader: Reader, shell: Shell
) -> None:
    gwen = await make.person("Gwen")
    first, second = await make.person("Bob"), await make.person("Bobby")
    await make.hat(gwen, await make.circle(), "admin")
    await make.hat(gwen, await make.circle(), "facilitator")
    await sign_in_as(reader, shell, gwen)
    await reader.get("/admin/roles/ask")
    several = await reader.send("/admin/roles/ask", {"who": "bob", "role": "facilitator"})
    assert "Several people answer to that." in several.text
    await reader.send("/admin/roles/ask", {"who": "bob", "role": "facilitator", "person": second})
    page = (await reader.follow()).text
    assert "Bobby is asked" in page
    await reader.send(leads(reader, "/back"))
    assert "asked, no answer yet" not in (await reader.follow()).text
    assert first != second


async def test_who_asks_themselves_says_yes_on_their_own_page(node: Node, reader: Reader, shell: Shell) -> None:
    gwen = await make.person("Gwen")
    await make.hat(gwen, await make.circle(), "admin")
    await sign_in_as(reader, shell, gwen)
    await reader.get("/admin/roles/ask")
    asked = await reader.send("/admin/roles/ask", {"who": "Gwen", "role": "facilitator"})
    assert asked.headers["location"] == "/sessions"
    assert "asks you to be a facilitator" in (await reader.follow()).text
    await reader.get("/admin/roles")
    own = leads(reader, "/end")
    await reader.get(own)
    # Nobody could look after the node any more.
    assert (await reader.send(own)).status_code == 409


async def test_an_admin_who_keeps_no_list_of_people_names_whom_they_ask(
    node: Node, reader: Reader, shell: Shell
) -> None:
    gwen = await make.person("Gwen")
    await make.person("Zoë", full_name="Zoë Ann Hill", phone="01422 496 0007")
    await make.hat(gwen, await make.circle(), "admin")
    await sign_in_as(reader, shell, gwen)
    assert "Their whole name, or their whole phone number." in (await reader.get("/admin/roles/ask")).text
    for part in ("z", "hill", "ann", "0007", "496 0007", "Zoe Ann"):
        refused = await reader.send("/admin/roles/ask", {"who": part, "role": "treasurer"})
        assert (refused.status_code, "Zoë" in refused.text) == (422, False)
    for whole in ("zoe", "Zoë Hill", "Zoe Ann Hill", "+44 1422 4960007"):
        await reader.get("/admin/roles/ask")
        assert (await reader.send("/admin/roles/ask", {"who": whole, "role": "treasurer"})).status_code == 303

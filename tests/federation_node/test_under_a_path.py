"""A node that lives below a path of a town's address, behind a proxy that takes the path off or leaves it on: real processes."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import h11
import httpx
import pytest

from eccoo_node.kernel.access import NODE
from eccoo_node.members import sign_in
from tests.federation_node.test_killed import Case, Hill

BELOW = "/care"


class Town(Hill):
    """Hebden lives at /care of the town's address. What lies beside it there is somebody else's: it is never asked."""

    def __init__(self, home: Path, *, strips: bool) -> None:
        self.strips = strips
        super().__init__(home, ({}, {}), below=BELOW)

    def _doors_open(self) -> None:
        def below(head: h11.Request) -> h11.Request:
            rest = head.target.removeprefix(BELOW.encode())
            if rest == head.target or rest[:1] not in (b"", b"/", b"?"):
                # The town's own pages, which know nothing of the node.
                return h11.Request(method="GET", target="/not-the-node", headers=head.headers.raw_items())
            rest = rest if rest[:1] == b"/" else b"/" + rest
            target = rest if self.strips else head.target
            return h11.Request(method=head.method, target=target, headers=head.headers.raw_items())

        self.doors["a"].rewrite = below


@pytest.fixture(params=["strips", "keeps"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path, strips=request.param == "strips")
    yield found
    found.close()


def _inside(page: httpx.Response) -> set[str]:
    """Where a page leads on this very address: links, forms, pictures, styles."""
    assert page.status_code == 200, (page.url, page.text[:300])
    found = re.findall(r"""(?:href|action|src)=(?:"([^"]*)"|'([^']*)')""", page.text)
    paths = {unescape(one or other) for one, other in found}
    return {path for path in paths if path.startswith("/")}


def _form(page: httpx.Response, button: str) -> tuple[str, dict[str, str]]:
    """Where the form with this button goes, and what it holds."""
    for form in re.findall(r"<form.*?</form>", page.text, flags=re.DOTALL):
        if button in unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", form))):
            action = re.search(r'action="([^"]*)"', form)
            fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
            assert action
            return unescape(action.group(1)), {name: unescape(value) for name, value in fields}
    raise AssertionError(f"no form with {button!r} on {page.url}")


async def test_a_node_below_a_path_links_asks_and_is_browsed_whether_the_proxy_takes_the_path_off_or_not(
    town: Town,
) -> None:
    case = Case(town)
    await case.offered()
    await case.chosen()
    for side in ("a", "b"):
        await town.until(side, case.coming)
    asked = {urlsplit(one.target).path for one in town.doors["a"].exchanges}
    assert {path for path in asked if not path.startswith(f"{BELOW}/")} == set()
    assert any(path.startswith(f"{BELOW}/fed/v1/disclosures/") for path in asked)
    async with town.on("a"):
        token = (await sign_in.sign_in_as(NODE, town.edith, device="A test")).token
    _browse(town, token)


def _browse(town: Town, token: str) -> None:
    base = town.doors["a"].url
    with httpx.Client(base_url=base, follow_redirects=True, timeout=30) as visitor:
        page = visitor.get(f"{BELOW}/sign-in")
        [tail] = [name.removeprefix("form_") for name in visitor.cookies if name.startswith("form_")]
        # Its cookies are sent to nothing else of the town.
        assert {cookie.path for cookie in visitor.cookies.jar} == {BELOW}
        visitor.cookies.set(f"session_{tail}", token, domain="127.0.0.1", path=BELOW)
        home = visitor.get(f"{BELOW}/")
        assert urlsplit(str(home.url)).path == f"{BELOW}/home"
        week = visitor.get(f"{BELOW}/week")
        led = _inside(page) | _inside(home) | _inside(week)
        assert {path for path in led if not (path == BELOW or path.startswith((f"{BELOW}/", f"{BELOW}?")))} == set()
        # Each leads somewhere: pages, pictures and styles.
        for path in sorted(led):
            answer = visitor.get(path)
            assert answer.status_code in (200, 405), (path, answer.status_code)
            assert urlsplit(str(answer.url)).path.startswith(BELOW), path
        # A form, sent and answered below the path, and read back.
        page = visitor.get(f"{BELOW}/be-forgotten")
        action, fields = _form(page, "Ask to be forgotten")
        answer = visitor.post(action, data=fields)
        assert (answer.status_code, urlsplit(str(answer.url)).path) == (200, f"{BELOW}/be-forgotten")
        assert "We will forget you" in answer.text

"""What every answer has: headers, an error page a person can use, the way back, a place below a path."""

import gzip
import re
from pathlib import Path

import pytest

from eccoo_node.kernel.ids import hash_secret
from eccoo_node.web.errors import known
from eccoo_node.web.security import Proxies
from tests.support.node import Node
from tests.web.client import Reader
from tests.web.gallery.app import SESSIONS, gallery

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PATHS = ("/", "/gallery/home", "/nothing/here", "/gallery/fail/broken", "/gallery/mine", "/static/theme.css",
         "/healthz", "/schema/openapi.json", "/.well-known/nothing", "/static/none.css")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_the_headers(visitor: Reader, path: str) -> None:
    answer = await visitor.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "strict-transport-security" not in answer.headers


async def test_on_https_cookies_are_for_this_host_alone_and_browsers_stay_on_https(node: Node, tmp_path: Path) -> None:
    app = gallery(tmp_path, engine=node.engine, public_url="https://circle.example/hebden")
    async with Reader(app, "https://circle.example") as reader:
        answer = await reader.get("/hebden/gallery/in/ada")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert answer.headers["set-cookie"] == (
            "__Host-session_n0de1234=ada; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax; Secure"
        )


async def test_cookies_are_named_after_the_node_so_that_two_on_one_host_do_not_meet(visitor: Reader) -> None:
    answer = await visitor.get("/gallery/form")
    assert re.findall(r"^(\w+)=", answer.headers["set-cookie"]) == ["form_n0de1234"]
    assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "path, status, sentence",
    [
        ("/nothing/here", 404, "We can’t find that page."),
        ("/gallery/fail/missing", 404, "We can’t find that page."),
        ("/gallery/fail/forbidden", 403, "This is not yours to change."),
        ("/gallery/fail/conflict", 409, "This one has closed."),
        ("/gallery/fail/invalid", 422, "Choose a later day."),
        ("/gallery/fail/broken", 500, "Something went wrong on our side."),
    ],
)
async def test_an_error_is_a_page_that_says_what_happened_what_is_safe_what_to_do_and_whom_to_ring(
    visitor: Reader, path: str, status: int, sentence: str
) -> None:
    page = await visitor.get(path)
    plain = known(status)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{sentence}</h1>" in page.text
    assert f"<p>{plain.safe}</p>" in page.text
    assert f"<p>{plain.todo}</p>" in page.text
    assert '<a class="phone" href="tel:014224960123">01422 496 0123</a>' in page.text


async def test_an_error_nobody_expected_tells_no_secret_and_can_be_named_on_the_phone(
    visitor: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    page = await visitor.get("/gallery/fail/broken")
    found = re.search(r"please read us this: <strong>(\w{4})-(\w{4})</strong>", page.text)
    assert found is not None
    told = capsys.readouterr().out
    assert found[1] + found[2] in told
    assert "planted" not in page.text + told


async def test_the_wrong_method_is_a_page_too(reader: Reader) -> None:
    await reader.get("/gallery/form")
    page = await reader.send_to("/gallery/home", "/gallery/form")
    assert page.status_code == 405
    assert "01422 496 0123" in page.text


async def test_a_program_is_answered_as_a_program(visitor: Reader) -> None:
    answer = await visitor.get("/.well-known/nothing")
    assert answer.status_code == 404
    assert answer.json() == {"error": {"code": "not_found", "sentence": "We can’t find that page.", "reference": ""}}


async def test_whoever_is_not_signed_in_is_led_to_the_door_and_back(visitor: Reader) -> None:
    answer = await visitor.get("/gallery/mine")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/gallery/mine")
    await visitor.get("/gallery/in/ada")
    page = await visitor.get("/gallery/mine")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"


async def test_a_session_nobody_knows_is_nobody(visitor: Reader) -> None:
    await visitor.get("/gallery/in/stranger")
    assert (await visitor.get("/gallery/mine")).headers["location"] == "/sign-in?next=/gallery/mine"


@pytest.mark.parametrize(
    "who, words, way_back",
    [
        ("ruth", "You are speaking for <strong>Ada</strong>.", "Go back to being Ruth"),
        ("maryam", "You are writing down what <strong>Ada</strong> says.", "Stop writing for Ada"),
    ],
)
@pytest.mark.parametrize("path", ["/gallery/home", "/nothing/here", "/gallery/fail/broken"])
async def test_who_acts_for_another_reads_so_on_every_page_with_a_way_back(
    visitor: Reader, who: str, words: str, way_back: str, path: str
) -> None:
    await visitor.get(f"/gallery/in/{who}")
    page = await visitor.get(path)
    assert words in page.text
    assert f'<button class="plain">{way_back}</button>' in page.text
    assert visitor.hidden("/acting/stop").keys() == {"_form"}


async def test_who_acts_for_nobody_sees_no_banner(visitor: Reader) -> None:
    await visitor.get("/gallery/in/ada")
    assert "/acting/stop" not in (await visitor.get("/gallery/home")).text


async def test_large_print_is_larger_for_who_asked_for_it(visitor: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    await visitor.get("/gallery/in/ada")
    assert '<html lang="en-GB">' in (await visitor.get("/gallery/home")).text
    monkeypatch.setattr(SESSIONS[hash_secret("ada")], "large_print", True)
    assert '<html lang="en-GB" class="large">' in (await visitor.get("/gallery/home")).text


@pytest.mark.parametrize("stripped", [True, False])
async def test_a_node_may_live_below_a_path(node: Node, tmp_path: Path, stripped: bool) -> None:
    """Whether or not the proxy takes the path off."""
    app = gallery(tmp_path, engine=node.engine, public_url="http://127.0.0.1:8000/circle")
    below = "" if stripped else "/circle"
    async with Reader(app) as reader:
        page = await reader.get(f"{below}/gallery/form")
        links = set(re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text))
        assert {link for link in links if not link.startswith("/circle/")} == set()
        css = re.search(r'href="/circle(/static/theme\.css[^"]*)"', page.text)
        assert css is not None
        styles = await reader.get(f"{below}{css[1]}")
        assert styles.headers["cache-control"] == "public, max-age=31536000, immutable"
        fonts = re.findall(r'url\("/circle(/static/[^"]+)"\)', styles.text)
        assert [(await reader.get(f"{below}{font}")).status_code for font in fonts] == [200, 200]
        assert (await reader.get(f"{below}/gallery/mine")).headers["location"] == "/circle/sign-in?next=/gallery/mine"
        await reader.get(f"{below}/gallery/form")
        fields = reader.hidden("/circle/gallery/form") | {"next": "else", "visits": "a"}
        reader.http.cookies = dict(reader.http.cookies)
        sent = await reader.post(f"{below}/gallery/form", fields)
        assert (sent.status_code, sent.headers["location"]) == (303, "/circle/gallery/home")


@pytest.mark.parametrize(
    "trusted, peer, forwarded, address",
    [
        ([], "10.0.0.1", "1.2.3.4", "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.1", "1.2.3.4", "1.2.3.4"),
        (["10.0.0.0/8"], "10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        (["10.0.0.1"], "10.0.0.1", "", "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.1", "nonsense", "10.0.0.1"),
        (["10.0.0.1"], "1.2.3.4", "5.6.7.8", "1.2.3.4"),
        (["::1"], "::1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_only_a_trusted_proxy_is_believed_about_who_asks(
    trusted: list[str], peer: str, forwarded: str, address: str
) -> None:
    assert Proxies(trusted).client(peer, forwarded) == address


async def test_pages_are_zipped_for_whoever_reads_it(visitor: Reader) -> None:
    plain = await visitor.get("/gallery/week", headers={"accept-encoding": "identity"})
    request = visitor.http.build_request("GET", "/gallery/week", headers={"accept-encoding": "gzip"})
    zipped = await visitor.http.send(request, stream=True)
    body = b"".join([part async for part in zipped.aiter_raw()])
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["content-length"] == str(len(body))
    assert len(body) < len(plain.content) / 2
    assert gzip.decompress(body) == plain.content


async def test_head_has_the_headers_and_no_body(visitor: Reader) -> None:
    page, head = await visitor.get("/gallery/week"), await visitor.http.head("/gallery/week")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == page.headers["content-type"]


@pytest.mark.parametrize("name", ["../site.py", "..%2f..%2fapp.py", "/etc/passwd", "site.css", ".hidden"])
async def test_no_other_file_can_be_had(visitor: Reader, name: str) -> None:
    assert (await visitor.get(f"/static/{name}")).status_code == 404


async def test_the_first_page_leads_in(visitor: Reader) -> None:
    page = await visitor.get("/")
    assert '<a class="button act" href="/sign-in">Sign in</a>' in page.text
    await visitor.get("/gallery/in/ada")
    assert (await visitor.get("/")).headers["location"] == "/home"


async def test_health_touches_nothing_and_readiness_looks(node: Node, tmp_path: Path) -> None:
    async with Reader(gallery(tmp_path, engine=node.engine)) as reader:
        assert (await reader.get("/healthz")).json() == {"alive": True}
        ready = await reader.get("/readyz")
        assert ready.json().keys() == {"ready", "database", "migrations", "disk", "jobs"}
        await node.engine.close()
        assert (await reader.get("/healthz")).json() == {"alive": True}
        away = await reader.get("/readyz")
        assert (away.status_code, away.json()["ready"], away.json()["database"]) == (503, False, "RuntimeError")
        page = await reader.get("/gallery/home", headers={"cookie": "session_n0de1234=ada"})
        assert page.status_code == 200
        await node.engine.open()

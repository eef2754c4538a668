import asyncio
from pathlib import Path

import pytest

from eccoo_node.db.rows import fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.web.forms import parse_body
from tests.support.node import Node
from tests.web.client import Reader
from tests.web.gallery.app import GalleryController, GalleryForm, gallery

FORM = "/gallery/form"
GOOD = {"next": "else", "visits": ["a", "b"]}


async def test_a_form_that_was_filled_in_has_its_effect_and_says_so_once(reader: Reader) -> None:
    await reader.get(FORM)
    answer = await reader.send(FORM, GOOD | {"words": " Thank you "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/gallery/home")
    assert GalleryController.done == [GalleryForm(next="else", visits=["a", "b"], words="Thank you")]
    assert "We’ve told Ada’s team." in (await reader.follow()).text
    assert "We’ve told Ada’s team." not in (await reader.get("/gallery/home")).text


async def test_what_is_missing_is_said_at_the_top_in_the_title_and_at_the_field_and_what_was_typed_is_kept(
    reader: Reader,
) -> None:
    await reader.get(FORM)
    page = await reader.send(FORM, {"visits": "b", "words": 'She said "hello" <again>'})
    assert page.status_code == 422
    assert "<title>Error: Thursday at 9" in page.text
    assert '<li><a href="#next">Please choose what happens next.</a></li>' in page.text
    assert '<a href="#words">Please make this shorter: at most 20 letters.</a>' in page.text
    assert page.text.count("Please choose what happens next.") == 2
    assert 'id="next-error"' in page.text
    assert "She said &#34;hello&#34; &lt;again&gt;</textarea>" in page.text
    assert '<input type="checkbox" id="visits-2" name="visits" value="b" checked>' in page.text
    assert '<input type="checkbox" id="visits" name="visits" value="a">' in page.text
    assert GalleryController.done == []


async def test_a_refusal_at_the_door_stands_at_its_field(reader: Reader) -> None:
    await reader.get(FORM)
    page = await reader.send(FORM, GOOD | {"words": "refuse"})
    assert page.status_code == 422
    assert page.text.count("Write it another way.") == 2


async def test_a_form_that_was_refused_can_be_sent_again(reader: Reader) -> None:
    await reader.get(FORM)
    token = reader.hidden(FORM)
    assert (await reader.post(FORM, token)).status_code == 422
    assert (await reader.post(FORM, token | GOOD)).status_code == 303
    assert len(GalleryController.done) == 1


@pytest.mark.parametrize("fields", [{}, {"_form": ""}, {"_form": "a.b"}, {"_form": "x" * 5000}])
async def test_a_form_that_did_not_come_from_here_is_refused_with_a_page(
    reader: Reader, fields: dict[str, str]
) -> None:
    await reader.get(FORM)
    page = await reader.post(FORM, fields | GOOD)
    assert page.status_code == 403
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Nothing has been sent or changed." in page.text
    assert "01422 496 0123" in page.text
    assert GalleryController.done == []


async def test_a_token_is_good_only_for_the_session_it_was_shown_to(node: Node, tmp_path: Path) -> None:
    app = gallery(tmp_path, engine=node.engine)
    async with Reader(app) as ada, Reader(app) as ruth:
        await ada.get("/gallery/in/ada")
        await ruth.get("/gallery/in/ruth")
        await ada.get(FORM)
        assert (await ruth.post(FORM, ada.hidden(FORM) | GOOD)).status_code == 403
    assert GalleryController.done == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ],
)
async def test_a_form_that_stood_elsewhere_is_refused_even_with_a_token(
    reader: Reader, headers: dict[str, str]
) -> None:
    await reader.get(FORM)
    assert (await reader.send(FORM, GOOD, headers=headers)).status_code == 403
    assert GalleryController.done == []


async def test_sending_twice_has_one_effect_and_leads_to_the_same_place(reader: Reader) -> None:
    await reader.get(FORM)
    fields = reader.hidden(FORM) | GOOD
    first = await reader.post(FORM, fields)
    second = await reader.post(FORM, fields)
    assert len(GalleryController.done) == 1
    assert (second.status_code, second.headers["location"]) == (first.status_code, first.headers["location"])
    # The notice too: a browser may have dropped the first answer when the button was pressed again.
    assert second.headers["set-cookie"] == first.headers["set-cookie"]


async def test_twenty_clicks_at_once_have_one_effect(reader: Reader) -> None:
    await reader.get(FORM)
    fields = reader.hidden(FORM) | GOOD
    answers = await asyncio.gather(*(reader.post(FORM, fields) for _ in range(20)))
    assert {(a.status_code, a.headers["location"]) for a in answers} == {(303, "/gallery/home")}
    assert len(GalleryController.done) == 1


async def test_two_processes_have_one_effect_between_them(node: Node, tmp_path: Path) -> None:
    """Two apps on one database share no memory, as two worker processes do not."""
    one, other = (gallery(tmp_path, engine=node.engine) for _ in range(2))
    async with Reader(one) as first, Reader(other) as second:
        await first.get(FORM)
        fields = first.hidden(FORM) | GOOD
        second.http.cookies = first.http.cookies
        answers = await asyncio.gather(*(reader.post(FORM, fields) for reader in (first, second) * 5))
    assert {(a.status_code, a.headers["location"]) for a in answers} == {(303, "/gallery/home")}
    assert len(GalleryController.done) == 1


async def test_a_form_cut_off_midway_is_never_done_again_by_itself(
    reader: Reader, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill: the key was claimed, and nobody knows how it ended."""
    monkeypatch.setattr("eccoo_node.web.once.WAIT_S", 0.1)
    await reader.get(FORM)
    fields = reader.hidden(FORM) | GOOD
    await reader.post(FORM, fields)
    async with write():
        await fetch_value("UPDATE form_sent SET done_at = NULL, went_to = ''")
    async with Reader(gallery(tmp_path, engine=node.engine)) as later:
        later.http.cookies = reader.http.cookies
        page = await later.post(FORM, fields)
    assert page.status_code == 409
    assert "Please look before you send it again." in page.text
    assert len(GalleryController.done) == 1


async def test_a_body_larger_than_any_form_is_refused(reader: Reader) -> None:
    await reader.get(FORM)
    page = await reader.send(FORM, {"words": "x" * 200_000})
    assert page.status_code == 413
    assert "01422 496 0123" in page.text


async def test_what_is_no_form_is_refused(reader: Reader) -> None:
    await reader.get(FORM)
    page = await reader.http.post(FORM, json={"next": "else"})
    assert page.status_code == 415
    page = await reader.http.post(FORM, content=b"a=%ff", headers={"content-type": "application/x-www-form-urlencoded"})
    assert page.status_code == 400


def test_a_body_is_read_as_browsers_write_it() -> None:
    assert parse_body(b"a=1&a=+2+&b=x%0D%0Ay&c=&d=%C5%82%00") == {"a": ["1", "2"], "b": ["x\ny"], "c": [""], "d": ["ł"]}

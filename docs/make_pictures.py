"""Take the picture of the README from a running demo: `make docs`. Needs Chromium.

A request as the other circle sees it, beside the offer that answers it. The story is walked as the tests walk it.
"""

import asyncio
import base64
import struct
import sys
import tempfile
import zlib
from collections import Counter
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.journeys import story  # noqa: E402
from tests.journeys.running import Demo  # noqa: E402
from tests.journeys.walking import Walk  # noqa: E402
from tests.support.browser import ARGUMENTS, find_chromium  # noqa: E402
from tests.support.ports import neighbouring_ports  # noqa: E402

OUT = ROOT / "docs" / "images" / "cover.png"
MOST_BYTES = 60_000
SHEET = """<!doctype html><style>body{margin:0;padding:28px;display:flex;gap:28px;background:#FBE3E8;width:max-content}
img{display:block;width:360px;height:640px;border-radius:18px}</style>"""


def rows_of(png: bytes) -> tuple[int, list[bytes]]:
    """The width of a truecolour picture as Chromium writes it, and its rows of red, green and blue."""
    width, _, depth, kind, *_ = struct.unpack(">IIBBBBB", png[16:29])
    assert (depth, kind) in {(8, 2), (8, 6)}, "Eight bits of red, green and blue, perhaps with alpha."
    step, at, data = (3 if kind == 2 else 4), 8, b""
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, size, rows = zlib.decompress(data), width * step + 1, []
    before = bytearray(size - 1)
    for start in range(0, len(raw), size):
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + size]), before, step)
        rows.append(bytes(b for i, b in enumerate(before) if step == 3 or i % 4 != 3))
    return width, rows


def _unfiltered(kind: int, row: bytearray, above: bytearray, step: int) -> bytearray:
    """RFC 2083, section 6."""
    for i in range(len(row) if kind else 0):
        left, up, corner = row[i - step] if i >= step else 0, above[i], above[i - step] if i >= step else 0
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda one: abs(guess - one))
        row[i] = (row[i] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
    return row


def in_few_colours(png: bytes) -> bytes:
    """The same with at most 256 colours: neighbouring ones become that of them which is met most."""
    width, rows = rows_of(png)
    pixels = [[tuple(row[x : x + 3]) for x in range(0, len(row), 3)] for row in rows]
    met = Counter(pixel for row in pixels for pixel in row)
    for coarse in range(1, 64):
        boxes: dict[tuple[int, ...], tuple[int, ...]] = {}
        for colour, _ in met.most_common():
            boxes.setdefault(tuple(part // coarse for part in colour), colour)
        if len(boxes) <= 256:
            break
    palette = {colour: number for number, colour in enumerate(boxes.values())}
    number = {colour: palette[boxes[tuple(part // coarse for part in colour)]] for colour in met}
    lines = b"".join(b"\0" + bytes(number[pixel] for pixel in row) for row in pixels)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)
    colours = b"".join(bytes(colour) for colour in palette)
    parts = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in parts)


async def beside(browser: Browser, pictures: list[bytes]) -> bytes:
    page = await browser.new_page(device_scale_factor=1.5)
    images = "".join(f'<img src="data:image/png;base64,{base64.b64encode(one).decode()}">' for one in pictures)
    await page.set_content(SHEET + images)
    return await page.locator("body").screenshot()


async def taken(page: Page) -> bytes:
    # What is only there to be pressed on a small screen would lie over the words.
    await page.add_style_tag(content="main .act{position:static!important;box-shadow:none!important}")
    return await page.screenshot()


async def walk_and_take(demo: Demo) -> bytes:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        # The node's own pages allow no style from outside; a picture of them may have one.
        context = await browser.new_context(
            viewport={"width": 360, "height": 640}, device_scale_factor=1.5, bypass_csp=True, locale="en-GB"
        )
        walk = Walk(demo, await context.new_page(), await context.new_page())
        await story.joan_asks(walk)
        shown = await story.joan_asks_further(walk)
        await walk.be("Olena")
        await walk.until("Someone in HX7 needs a worker on Thursday at 9am")
        await walk.press("See what is asked")
        pictures = [await taken(walk.page)]
        await story.olena_offers(walk, shown)
        await walk.be("Joan")
        await walk.until_it_says("Someone offers to come to Edith on Thursday")
        await walk.speak_for("Edith")
        await walk.press("See who offers")
        await walk.press(walk.page.locator("main .cards").get_by_role("link", name="Olena"))
        await walk.reads("Olena")
        pictures.append(await taken(walk.page))
        sheet = await beside(browser, pictures)
        await browser.close()
        return sheet


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder) / "demo", neighbouring_ports())
        demo.root.mkdir()
        try:
            demo.start()
            picture = in_few_colours(asyncio.run(walk_and_take(demo)))
            demo.stop()
        finally:
            demo.kill()
    if len(picture) > MOST_BYTES:
        sys.exit(f"The picture has {len(picture)} bytes, more than {MOST_BYTES}: it was not kept.")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(picture)
    print(f"{OUT.relative_to(ROOT)}: {len(picture)} bytes.")


if __name__ == "__main__":
    main()

"""Draw the faces of the demo's people: SVG here, small JPEGs in eccoo_node/demo/faces/. Needs Chromium.

`python docs/make_faces.py`; the pictures are checked in, because they change only when the cast does.
"""

import asyncio
import sys
from pathlib import Path

import msgspec
from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
OUT = ROOT / "eccoo_node" / "demo" / "faces"
SIZE = 160


class Face(msgspec.Struct, frozen=True):
    """What tells one from another, no more than a good drawing for a child would hold."""

    ground: str
    skin: str
    hair: str
    top: str
    cut: str = "short"
    glasses: bool = False
    beard: str = ""
    age: bool = False


ROSE, PLUM, MOSS, SAND, SKY, LILAC, PEACH = "#F4C9D3", "#8C4B94", "#A9CDB8", "#F0DDBF", "#BFD5E8", "#D5C6E8", "#F6CDB5"
FACES = {
    "edith": Face(ROSE, "#F3D2BE", "#EDEAF2", "#6B2D73", "bun", glasses=True, age=True),
    "joan": Face(SAND, "#F0C8AC", "#8A5A3C", "#B4233E", "bob"),
    "maryam": Face(LILAC, "#C98F66", "#2F5D57", "#2F5D57", "scarf"),
    "tomasz": Face(SKY, "#EFC7AB", "#5A4332", "#34506B", "short", beard="#5A4332"),
    "bronagh": Face(MOSS, "#F5D3C0", "#C2552D", "#1F6146", "curls"),
    "desmond": Face(PEACH, "#6E4630", "#D9D6D3", "#7A4F00", "short", glasses=True, beard="#D9D6D3", age=True),
    "ruth": Face(MOSS, "#EDC3A6", "#A9A1AE", "#6B2D73", "bob", glasses=True),
    "nasreen": Face(PEACH, "#B97F57", "#2A1B24", "#5B4A6B", "long"),
    "gwen": Face(SKY, "#F2CDB6", "#3B2A22", "#1F6146", "short"),
    "olena": Face(SAND, "#F4D5C2", "#D9B36C", "#2F6690", "plait"),
    "siobhan": Face(ROSE, "#F2CFBB", "#4A2C20", "#7A4F00", "curls"),
    "hannah": Face(LILAC, "#F3D0BA", "#E0C28A", "#B4233E", "long"),
    "colm": Face(MOSS, "#F1CBB3", "#9B4A2B", "#5B4A6B", "short", beard="#9B4A2B"),
    "ifeoma": Face(PEACH, "#5C3A28", "#1E1512", "#B4233E", "afro", glasses=True),
    "pete": Face(SAND, "#EFC5A8", "#B8B2AE", "#34506B", "bald", glasses=True),
}


def behind(f: Face) -> str:
    """Hair that lies behind the face."""
    return {
        "long": f'<path d="M40 78c0-34 18-50 40-50s40 16 40 50v48H40z" fill="{f.hair}"/>',
        "bob": f'<path d="M42 76c0-32 16-46 38-46s38 14 38 46v26H42z" fill="{f.hair}"/>',
        "curls": "".join(f'<circle cx="{x}" cy="{y}" r="17" fill="{f.hair}"/>' for x, y in
                         ((50, 52), (64, 38), (82, 34), (99, 41), (110, 56), (113, 76), (46, 74), (48, 94), (112, 94))),
        "afro": f'<circle cx="80" cy="62" r="46" fill="{f.hair}"/>',
        "bun": f'<circle cx="80" cy="26" r="15" fill="{f.hair}"/><circle cx="80" cy="62" r="37" fill="{f.hair}"/>',
        "plait": f'<circle cx="80" cy="60" r="37" fill="{f.hair}"/><path d="M108 84q14 22 4 46" stroke="{f.hair}" '
                 'stroke-width="15" stroke-linecap="round" fill="none"/>',
        "scarf": f'<path d="M38 84c0-38 18-56 42-56s42 18 42 56c0 22 4 40 10 52H28c6-12 10-30 10-52z" fill="{f.hair}"/>',
    }.get(f.cut, f'<circle cx="80" cy="62" r="36" fill="{f.hair}"/>' if f.cut == "short" else "")  # fmt: skip


def before(f: Face) -> str:
    """Hair, scarf, glasses and beard that lie before it."""
    parts = []
    if f.cut == "scarf":
        parts.append(f'<path d="M54 110c10 10 42 10 52 0l10 28H44z" fill="{f.hair}"/>')
        parts.append(
            f'<path d="M50 82c0-26 12-40 30-40s30 14 30 40c0 20-12 36-30 36S50 102 50 82z" fill="none" stroke="{f.hair}" '
            'stroke-width="7"/>'
        )
    elif f.cut != "bald":
        parts.append(
            f'<path d="M49 72c2-24 14-34 32-34 20 0 30 12 31 32-10-3-17-9-21-17-8 11-24 18-42 19z" fill="{f.hair}"/>'
        )
    if f.beard:
        parts.append(
            f'<path d="M50 86c1 22 14 36 30 36s29-14 30-36c-6 8-12 11-18 10-8-2-16-2-24 0-6 1-12-2-18-10z" '
            f'fill="{f.beard}"/>'
        )
    parts.append('<g fill="#2A1B3D"><circle cx="68" cy="80" r="3.2"/><circle cx="92" cy="80" r="3.2"/></g>')
    mouth = "#7A2E3A" if not f.beard else "#8E4450"
    parts.append(f'<path d="M71 99q9 8 18 0" stroke="{mouth}" stroke-width="3" stroke-linecap="round" fill="none"/>')
    if f.age:
        parts.append('<path d="M57 90q3 4 2 8M103 90q-3 4-2 8" stroke="#00000022" stroke-width="2.4" fill="none"/>')
    if f.glasses:
        frame = "#3B2A4D" if int(f.skin[1:3], 16) > 0x90 else "#F3E3C8"
        parts.append(
            f'<g fill="#FFFFFF2b" stroke="{frame}" stroke-width="2.6"><circle cx="67" cy="80" r="10.5"/>'
            '<circle cx="93" cy="80" r="10.5"/><path d="M77.5 79q2.5-2 5 0" fill="none"/></g>'
        )
    return "".join(parts)


def draw(f: Face) -> str:
    """The whole picture."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160" width="{SIZE}" height="{SIZE}">'
        f'<rect width="160" height="160" fill="{f.ground}"/>{behind(f)}'
        f'<path d="M24 172c0-32 24-46 56-46s56 14 56 46z" fill="{f.top}"/>'
        f'<path d="M69 108h22v22q-11 9-22 0z" fill="{f.skin}"/><path d="M69 116q11 10 22 0v-6H69z" fill="#0000001c"/>'
        f'<ellipse cx="80" cy="79" rx="31" ry="38" fill="{f.skin}"/>{before(f)}</svg>'
    )


async def main() -> None:
    from tests.support.browser import ARGUMENTS, find_chromium

    OUT.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        page = await browser.new_page(viewport={"width": SIZE, "height": SIZE})
        for name, face in FACES.items():
            await page.set_content(f'<body style="margin:0">{draw(face)}</body>')
            path = OUT / f"{name}.jpg"
            await page.screenshot(path=path, type="jpeg", quality=82)
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
        await page.set_viewport_size({"width": SIZE * 5, "height": SIZE * 3})
        if sys.argv[1:]:
            await page.set_content(
                '<body style="margin:0">' + "".join(draw(face) for face in FACES.values()) + "</body>"
            )
            await page.screenshot(path=sys.argv[1])
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())

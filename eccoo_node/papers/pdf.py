"""A paper as a file: by Typst, from its frozen words alone. The same paper gives the same bytes, and no network is asked.

Typst is the optional extra `typst`. Without it the page itself prints as the same paper.
"""

import asyncio
from importlib.util import find_spec
from pathlib import Path

import msgspec

from eccoo_node.papers.queries import Paper

_HERE = Path(__file__).parent


class OtherLetters(Exception):
    """A name or a word on the paper has a letter that the fonts of such a file do not have."""


def available() -> bool:
    """Whether this node can make files."""
    return find_spec("typst") is not None


async def pdf(paper: Paper, *, large: bool = False) -> bytes:
    """The file: A4, tagged for screen readers (PDF/UA-1), 12 pt, or 18 pt in large print. Raises OtherLetters."""
    return await asyncio.to_thread(_compile, paper, large)


def _compile(paper: Paper, large: bool) -> bytes:
    # An optional extra, and slow to load.
    import typst

    told = {
        "sheet": paper.sheet,
        "number": paper.called,
        "circle": paper.sheet.circle[0],
        "replaced_by": paper.replaced_called,
        "large": large,
    }
    try:
        made: bytes = typst.compile(  # type: ignore[misc]
            (_HERE / "paper.typ").read_bytes(),
            root=str(_HERE),
            font_paths=[str(_HERE / "fonts")],
            ignore_system_fonts=True,
            sys_inputs={"paper": msgspec.json.encode(told).decode()},
            pdf_standards=["ua-1"],
            timestamp=0,
        )
    except typst.TypstError as error:
        # A box in the place of a letter is nobody's name, and no screen reader could say it.
        if "could not be displayed" in str(error):
            raise OtherLetters from None
        raise
    return made

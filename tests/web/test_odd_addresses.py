"""An address that nobody was given is a page that says so, on either engine."""

import pytest

from tests.web.story import Walk

PATHS = (
    "/visits/{}", "/weeks/{}", "/teams/{}", "/cover/{}", "/cover/offers/{}", "/coming/{}", "/requests/{}", "/asks/{}",
    "/people/{}/face", "/phone/{}", "/sign-in/{}", "/visits/{}/told", "/money/circles/{}", "/x/{}",
)  # fmt: skip
ASKED = (
    "/week?from=%00",
    "/cover/ask?visit=%00",
    "/week?from=%FF",
    "/cover/ask?visit=%ED%A0%80",
    "/week?from=0001-01-01",
)


@pytest.mark.parametrize("called", ["Edith", "Fay"])
async def test_no_odd_address_is_an_error_of_ours(walk_on_either: Walk, called: str) -> None:
    reader = await walk_on_either.a.read_as(called)
    odd = [path.format(piece) for path in PATHS for piece in ("a\x00b", "x" * 5000, "'\"<b>", "\u202e")]
    answers = {path: (await reader._send("GET", path)).status for path in (*odd, *ASKED)}
    assert {path[:40]: status for path, status in answers.items() if status >= 500} == {}

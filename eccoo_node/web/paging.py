"""A long list over several pages: which one is asked for, and the ways to those beside it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

# Nobody turns so many pages; a number beyond it would only make the database count.
_LAST = 2000


class Place(msgspec.Struct, frozen=True):
    """The page that is asked for, from 1."""

    page: int

    def skip(self, shown: int) -> int:
        return (self.page - 1) * shown

    def links(self, path: str, more: bool, **kept: str) -> dict[str, Any]:
        """For `m.pages`: the addresses of the page before and after, with what else the list was asked for."""
        return {
            "newer": address(path, self.page - 1, **kept) if self.page > 1 else "",
            "older": address(path, self.page + 1, **kept) if more else "",
        }


def address(path: str, page: int = 1, **kept: str) -> str:
    """Where one page of a list stands, with what else the list was asked for."""
    query = {name: value for name, value in kept.items() if value} | ({"page": str(page)} if page > 1 else {})
    return f"{path}?{urlencode(query)}" if query else path


def page_of(query: Mapping[str, Any]) -> Place:
    """What stands in the address; the first page where nothing sensible does."""
    typed = str(query.get("page", ""))
    known = typed.isascii() and typed.isdigit() and len(typed) <= 4
    return Place(min(max(int(typed), 1), _LAST) if known else 1)

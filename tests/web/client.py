"""A reader of pages for tests: keeps cookies, fills in forms as they stand on the page, sends them."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx
from litestar.types import ASGIApp

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)


class Reader:
    """One browser without scripts. `reader.page` is the last answer."""

    def __init__(self, app: ASGIApp, base: str = "http://127.0.0.1:8000", **options: Any) -> None:
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base, **options)  # type: ignore[arg-type]

    async def get(self, path: str, **options: Any) -> httpx.Response:
        self.page = await self.http.get(path, **options)
        return self.page

    def hidden(self, action: str) -> dict[str, str]:
        """The hidden fields of the form on this page that goes there."""
        for found, body in _FORM.findall(self.page.text):
            if unescape(found) == action:
                return {unescape(name): unescape(value) for name, value in _HIDDEN.findall(body)}
        raise AssertionError(f"no form goes to {action} on this page")

    async def send(self, action: str, fields: dict[str, Any] | None = None, **options: Any) -> httpx.Response:
        """Fill in the form on this page that goes there, and send it."""
        return await self.post(action, self.hidden(action) | (fields or {}), **options)

    async def send_to(self, path: str, action: str) -> httpx.Response:
        """Send the form that goes to `action` somewhere else."""
        return await self.post(path, self.hidden(action))

    async def post(self, path: str, fields: dict[str, Any], **options: Any) -> httpx.Response:
        body = urlencode(fields, doseq=True)
        headers = {"content-type": "application/x-www-form-urlencoded", **options.pop("headers", {})}
        self.page = await self.http.post(path, content=body, headers=headers, **options)
        return self.page

    async def follow(self) -> httpx.Response:
        """Go where the last answer led."""
        return await self.get(self.page.headers["location"])

    async def __aenter__(self) -> "Reader":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

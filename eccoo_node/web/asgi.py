"""The plain ASGI shapes (ASGI 3.0): what stands around Litestar also speaks to apps that know nothing of it."""

from collections.abc import Awaitable, Callable
from typing import Any

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

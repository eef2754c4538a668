"""ASGI as it is spoken between our layers. Messages are plain dictionaries, as the specification has them."""

from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Litestar's types are narrower than the specification and refuse a lifespan scope.
App = Callable[[Any, Any, Any], Awaitable[None]]

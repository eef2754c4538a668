"""Looking for words where they must not be: in all that crosses, and in all that a node keeps."""

from collections.abc import Iterable
from typing import Any

from tests.support.pair import App, Pair, PairNode
from tests.support.tables import all_tables


async def found_in(node: PairNode, words: Iterable[str]) -> list[str]:
    """Which of these lie anywhere in a node: every byte of its folder, or every row of its server."""
    if node.engine.engine_type == "sqlite":
        files = [path.read_bytes() for path in node.folder.home.rglob("*") if path.is_file()]
        return [word for word in words if any(word.encode() in file for file in files)]
    rows = [str(await node.rows(f'SELECT * FROM "{table._meta.tablename}"')) for table in all_tables()]
    return [word for word in words if any(word in row for row in rows)]


class Wire:
    """Every byte that reaches a node or leaves it: addresses, headers, bodies, both ways."""

    def __init__(self, pair: Pair) -> None:
        self.seen = bytearray()
        for node in pair.both:
            node.app = self.between(node.app)

    def between(self, app: App) -> App:
        async def listens(scope: Any, receive: Any, send: Any) -> None:
            self.seen += repr((scope["raw_path"], scope["query_string"], scope["headers"])).encode()

            async def received() -> Any:
                message = await receive()
                self.seen += message.get("body", b"")
                return message

            async def sent(message: Any) -> None:
                self.seen += repr(message.get("headers", ())).encode() + message.get("body", b"")
                await send(message)

            await app(scope, received, sent)

        return listens

    def tells(self, words: Iterable[str]) -> list[str]:
        return [word for word in words if word.encode() in self.seen]

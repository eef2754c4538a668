"""`DB`: for Piccolo, the engine; in truth, whichever engine the present context has bound."""

from typing import Any

from piccolo.engine.base import Engine

from eccoo_node.db import bound


class BoundEngine(Engine[Any]):
    """Passes every question on to the bound engine; holds nothing itself."""

    def __init__(self) -> None:
        """Nothing to open: the bound engine was opened by whoever bound it."""

    engine_type = property(lambda self: bound.engine().engine_type)
    current_transaction = property(lambda self: bound.engine().current_transaction)
    query_id = property(lambda self: 0)
    log_queries = property(lambda self: False)
    log_responses = property(lambda self: False)
    min_version_number = property(lambda self: 0)

    async def get_version(self) -> float:
        return await bound.engine().get_version()

    def get_version_sync(self) -> float:
        return bound.engine().get_version_sync()

    async def prep_database(self) -> None:
        """Done when the bound engine was opened."""

    async def batch(self, query: Any, batch_size: int = 100, node: str | None = None) -> Any:
        return await bound.engine().batch(query, batch_size, node)

    async def run_querystring(self, querystring: Any, in_pool: bool = True) -> Any:
        return await bound.engine().run_querystring(querystring, in_pool)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        return await bound.engine().run_ddl(ddl, in_pool)

    def transform_response_to_dicts(self, results: Any) -> list[dict[str, Any]]:
        return bound.engine().transform_response_to_dicts(results)

    def transaction(self, *args: Any, **kwargs: Any) -> Any:
        return bound.engine().transaction(*args, **kwargs)

    def atomic(self, *args: Any, **kwargs: Any) -> Any:
        return bound.engine().atomic(*args, **kwargs)


DB = BoundEngine()

"""The node's program, but for an axe: it kills itself with SIGKILL in the middle of a transaction that a test has marked.

The file `axe` in the node's folder holds two lines: how a statement begins, and a value of it ("" for any). Once such a
statement was executed, the node dies where the transaction would have been committed. It dies of it once.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eccoo_node.cli import main
from eccoo_node.db.engine import NodePostgres, NodeSQLite, Tx

COMMAND = (sys.executable, "-c", "import sys; from tests.support.axe import run; sys.exit(run())")


def raise_axe(home: Path, statement: str, value: str = "") -> Path:
    """The file, which is gone once the axe has fallen."""
    # Named only once it is whole: the node looks at every statement.
    (home / "axe.new").write_text(f"{statement}\n{value}")
    return (home / "axe.new").rename(home / "axe")


def run() -> int:
    axe = Path(os.environ["ECCOO_HOME"]) / "axe"
    doomed: list[Tx] = []

    def guard(kind: Any) -> None:
        execute, commit = kind.execute, kind.commit

        async def executing(engine: Any, sql: str, params: Sequence[Any] = ()) -> list[Any]:
            found: list[Any] = await execute(engine, sql, params)
            tx = engine.current_transaction.get()
            if tx is not None and axe.exists():
                statement, _, value = axe.read_text().partition("\n")
                if sql.startswith(statement) and value in ("", *params):
                    doomed.append(tx)
            return found

        async def committing(engine: Any, tx: Tx) -> None:
            if tx in doomed:
                axe.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            await commit(engine, tx)

        kind.execute, kind.commit = executing, committing

    if sys.argv[1:2] == ["serve"]:
        for kind in (NodeSQLite, NodePostgres):
            guard(kind)
    return main()

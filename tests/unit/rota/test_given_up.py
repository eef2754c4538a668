"""Money set aside for a visit that somebody has given up or called off is not shown as theirs, or as something to come."""

from datetime import timedelta

import eccoo_node.rota.lines  # noqa: F401  It tells what a line is for.
from eccoo_node.escrow import statements
from eccoo_node.rota import actions as rota
from tests.support.node import Node
from tests.support.questions import THURSDAY, Cast, cast


async def to_come(them: Cast, visit: str) -> tuple[int, int]:
    """What Wren reads as set aside for her, and how many visits Ada reads as to come."""
    mine = await statements.worker_statement(await them.be("Wren"))
    [hers] = await statements.payer_statements(await them.be("Ada"))
    assert mine is not None
    rows = [row for row in hers.coming if row.line.reference == f"visit:{visit}"]
    assert len([row for row in mine.coming if row.line.reference == f"visit:{visit}"]) <= len(rows)
    return mine.coming_pence, len(rows)


async def test_what_somebody_cannot_come_to_or_is_called_off_is_not_set_aside_for_them(node: Node) -> None:
    them = await cast(node)
    visit = await them.visit()
    node.clock.set(THURSDAY - timedelta(days=2))
    assert await to_come(them, visit) == (2910, 1)
    await rota.cant_come(await them.be("Wren"), visit_ids=[visit])
    # It is still set aside for whoever comes instead, but no longer hers.
    assert await to_come(them, visit) == (0, 1)
    await rota.do_without(await them.be("Ada"), visit_id=visit)
    assert await to_come(them, visit) == (0, 0)
    late = await them.visit(days=1)
    node.clock.set(THURSDAY + timedelta(hours=20))
    await rota.do_without(await them.be("Ada"), visit_id=late)
    assert await to_come(them, late) == (0, 0)

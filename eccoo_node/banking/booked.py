"""Whether what became of each line of a statement is what its entry in the books says."""

from eccoo_node.db.rows import fetch
from eccoo_node.escrow.checking import checks
from eccoo_node.kernel.errors import Broken

# What a whole line was. Of the card company's money the books hold what it kept as well, so it is in no single sum.
_WHOLE = ("top_up", "received", "refund_left", "swept", "bounced", "share_paid")
_ENDS = (
    "SELECT e.line_id FROM bank_line_end e JOIN bank_line l ON l.id = e.line_id WHERE e.entry_id IS NOT NULL AND ("
    f"(e.what IN ({', '.join(f'{what!r}' for what in _WHOLE)}) AND e.amount_pence <> ABS(l.amount_pence)) "
    "OR (NOT EXISTS (SELECT 1 FROM entry c WHERE c.id = e.entry_id AND c.kind = 'card_paid') "
    "AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.entry_id = e.entry_id "
    "AND ABS(p.amount_pence) = e.amount_pence))) ORDER BY e.id LIMIT 1"
)
# The parts of a line that is split are never more than the line.
_PARTS = (
    "SELECT l.id FROM bank_line l JOIN bank_line_end e ON e.line_id = l.id WHERE e.what IN ('matched', 'sent_back') "
    "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.entry_id) "
    "GROUP BY l.id, l.amount_pence HAVING SUM(e.amount_pence) > l.amount_pence LIMIT 1"
)
# The two lines of a transfer between our own accounts are of one sum.
_ACROSS = (
    "SELECT l.id FROM bank_line l JOIN bank_line_end x ON x.line_id = l.id WHERE x.what = 'own' AND x.about LIKE 'line:%' "
    "AND NOT EXISTS (SELECT 1 FROM bank_line o WHERE x.about = 'line:' || CAST(o.id AS VARCHAR) "
    "AND o.amount_pence = -l.amount_pence) LIMIT 1"
)


@checks
async def verify_lines() -> None:
    """Raises Broken for a line of the bank's that the books do not say the same of (money.md A5.11)."""
    for query in (_ENDS, _PARTS, _ACROSS):
        for (line,) in await fetch(query):
            raise Broken(f"Line {line} of the bank’s files is not what the books say of it.", "bank_line")

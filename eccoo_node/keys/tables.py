"""Rows about our own keys. The keys themselves and their log lie in the data folder."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import moment, number, serial, word

OPS = ("keys", "move", "recover", "anew")


class KeyChange(Table, tablename="key_change"):
    """One entry that was added to our own key log, or "anew": the first of another log begun in its place. Two can never
    take the same place, whichever process adds them."""

    id = serial()
    node_id = word(64)
    seq = number()
    op = word(16)
    head = word(64)
    by = word(36)
    at = moment()


TABLES = [KeyChange]

extras.one_of("key_change", "op", OPS)
extras.unique("key_change", "node_id", "seq")
extras.append_only("key_change")

"""Rows of what was decided."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import day, key, moment, number, prose, ref, serial, word


class Decision(Table, tablename="decision"):
    """One decision of the circle, in its own words. Never changed: another one takes its place."""

    id = key()
    words = prose()
    # Who decided, in the circle's own words: "The circle's meeting, nine people, by consent".
    decided_by = word(120)
    decided_on = day()
    review_on = day()
    # The number it is about, by its name; empty where it is about none.
    about = word(40)
    recorded_by = word(36)
    recorded_at = moment()


class DecidedFigure(Table, tablename="decided_figure"):
    """A number that the circle decided, from a moment on. A change is a new row."""

    id = serial()
    name = word(40)
    value = number()
    valid_from = moment()
    decision_id = ref(Decision)
    recorded_by = word(36)
    recorded_at = moment()


TABLES = [Decision, DecidedFigure]

extras.append_only("decision")
extras.append_only("decided_figure")
extras.check("decision", "words <> '' AND decided_by <> ''")
extras.index("decided_figure", "name", "valid_from")

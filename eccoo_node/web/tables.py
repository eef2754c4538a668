"""Rows of forms that were sent, so that a second click has no second effect."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import moment, prose, serial, word


class FormSent(Table, tablename="form_sent"):
    """One form that was sent and had its effect, or is having it. `went_to` is where its sender was led."""

    id = serial()
    key = word(64)
    went_to = prose()
    sent_at = moment()
    done_at = moment(null=True)


TABLES = [FormSent]

extras.unique("form_sent", "key")
extras.index("form_sent", "sent_at")

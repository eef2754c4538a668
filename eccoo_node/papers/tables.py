"""Rows of papers: each as it was written, what an invoice asked for, and which were put in the post."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import day, flag, key, moment, number, pence, prose, ref, serial, word
from eccoo_node.members.tables import Person
from eccoo_node.papers.rules import SERIES


class PaperSeries(Table, tablename="paper_series"):
    """The last number of each series. Locked while a paper is made, so that a number is never left out or given twice."""

    name = word(12)
    last = number()


class Paper(Table, tablename="paper"):
    """One paper, never changed. `facts` are its figures and words as JSON, `digest` the hash of them with its number.

    `replaces`: the wrong paper that this one puts right. `key`: what it was made for, so that it is made once.
    """

    id = key()
    series = word(12)
    number = number()
    for_id = ref(Person)
    # The person whose support it is about, and the payer's account; empty on a worker's own statement.
    person_id = word(36)
    payer_id = word(36)
    from_day = day()
    to_day = day()
    facts = prose()
    digest = word(64)
    # What an invoice asks for; 0 on a statement.
    owed_pence = pence()
    replaces = word(36)
    key = word(120)
    # Whether it waits for a facilitator to post it, because its reader is not told by mail or on a screen.
    by_post = flag()
    made_at = moment()
    made_by = word(36)
    act_id = word(36)


class PaperItem(Table, tablename="paper_item"):
    """What one invoice asks for one visit or one other debt, so that the next asks only for what is new."""

    id = serial()
    paper_id = ref(Paper)
    item = word(40)
    amount_pence = pence()


class PaperPosted(Table, tablename="paper_posted"):
    """That a paper was put in the post, or brought round."""

    paper_id = ref(Paper, primary_key=True)
    at = moment()
    by = word(36)


TABLES = [PaperSeries, Paper, PaperItem, PaperPosted]

extras.one_of("paper", "series", SERIES)
extras.append_only("paper", but=("facts",))
extras.append_only("paper_item")
extras.append_only("paper_posted")
extras.unique("paper_series", "name")
extras.unique("paper", "series", "number")
extras.unique("paper", "key")
extras.unique("paper", "replaces", where="replaces <> ''")
extras.index("paper", "for_id")
extras.index("paper", "person_id", where="person_id <> ''")
extras.index("paper", "payer_id", where="payer_id <> ''")
extras.unique("paper_item", "paper_id", "item")
extras.index("paper_item", "item")
extras.check("paper", "number > 0 AND from_day <= to_day")

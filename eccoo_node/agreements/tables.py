"""Rows of consents and terms."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import key, moment, number, pence, prose, ref, word
from eccoo_node.members.tables import Payer, Person


class Consent(Table, tablename="consent"):
    """One yes: whose, to what words, when, how, and who wrote it down. Withdrawn by a new row that names it."""

    id = key()
    person_id = ref(Person)
    kind = word(32)
    # What someone who speaks for them must be allowed, to say or take back this yes.
    scope = word(24)
    subject_kind = word(32)
    subject_id = word(64)
    words = prose()
    words_hash = word(64)
    said_by = word(36)
    via = word(16)
    known_by = word(24)
    said_at = moment()
    withdraws = word(36)


class Terms(Table, tablename="terms"):
    """What a person and a worker agree: rate, travel, notice. In force once both said yes. A change is a new row."""

    id = key()
    person_id = ref(Person)
    worker_id = ref(Person)
    payer_id = ref(Payer, null=True)
    rate_pence = pence()
    # For each visit: a flat sum, minutes on the way at their rate, and miles at what the circle pays for a mile.
    travel_pence = pence()
    travel_minutes = number()
    miles = number()
    # Cancelled later than this many hours before, the worker is owed this share of the fee.
    cancel_hours = number(24)
    cancel_bps = number(5000)
    # Each side's own yes: when, how, and whose words they were.
    person_yes_at = moment(null=True)
    person_yes_via = word(16)
    person_yes_by = word(36)
    worker_yes_at = moment(null=True)
    worker_yes_via = word(16)
    worker_yes_by = word(36)
    from_at = moment(null=True)
    ended_at = moment(null=True)


TABLES = [Consent, Terms]

extras.append_only("consent", but=("words",))
extras.index("consent", "subject_id", "kind")
extras.index("consent", "person_id")
extras.unique("consent", "withdraws", where="withdraws <> ''")
extras.index("terms", "worker_id")
extras.unique("terms", "person_id", "worker_id", where="ended_at IS NULL AND from_at IS NOT NULL")
extras.check("terms", "travel_minutes >= 0 AND miles >= 0")
extras.check("terms", "rate_pence >= 0 AND travel_pence >= 0 AND cancel_bps BETWEEN 0 AND 10000 AND cancel_hours >= 0")

"""Rows of who asked to be forgotten, what we asked of linked circles for it, and what they asked of us. None has a name."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import key, moment, number, prose, ref, serial, word
from eccoo_node.members.tables import Person

# asked: it may still be taken back. waits: something is still going on. gone: deleted, but for what `kept` says.
STATES = ("asked", "waits", "gone", "taken_back")
# told: people said so, or there is nobody left to ask. It is no receipt, and one that comes later takes its place.
OUT_STATES = ("asked", "kept", "done", "told")
IN_STATES = ("kept", "done")


class Forgetting(Table, tablename="forgetting"):
    """One person's wish to be forgotten. `kept`: what must be kept, why and until when, as JSON."""

    id = key()
    person_id = ref(Person)
    asked_by = word(36)
    asked_via = word(16)
    known_by = word(24)
    state = word(16, default="asked")
    kept = prose("[]")
    asked_at = moment()
    due_at = moment()
    gone_at = moment(null=True)


class ErasureOut(Table, tablename="erasure_out"):
    """What one linked circle was asked to delete: references of that link alone. The id is the one on the wire."""

    id = key()
    forgetting_id = ref(Forgetting)
    link_id = word(36)
    subjects = prose("[]")
    state = word(8, default="asked")
    reason = word(48)
    keep_until = moment(null=True)
    letter_id = word(36)
    times = number(1)
    asked_at = moment()
    answered_at = moment(null=True)
    told_how = word(8)
    told_by = word(36)
    told_at = moment(null=True)


class ErasureIn(Table, tablename="erasure_in"):
    """What a linked circle asked us to delete and we knew something of. The rest is answered and leaves no row."""

    id = serial()
    link_id = word(36)
    erasure = word(36)
    subjects = prose("[]")
    state = word(8)
    reason = word(48)
    keep_until = moment(null=True)
    received_at = moment()
    done_at = moment(null=True)


TABLES = [Forgetting, ErasureOut, ErasureIn]

extras.one_of("forgetting", "state", STATES)
extras.one_of("erasure_out", "state", OUT_STATES)
extras.one_of("erasure_in", "state", IN_STATES)
extras.unique("forgetting", "person_id", where="state <> 'taken_back'")
extras.index("erasure_out", "forgetting_id")
extras.index("erasure_out", "state", where="state <> 'done'")
extras.unique("erasure_in", "link_id", "erasure")

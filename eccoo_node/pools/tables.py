"""Rows of pools and of what was seen: what is ours to show, and copies of what others show us."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import key, moment, number, pence, prose, ref, serial, word
from eccoo_node.members.tables import Person

SEEN_STATES = ("asked", "seen", "gone")


class PoolShare(Table, tablename="pool_share"):
    """A worker's own yes to being seen by one linked circle, under a reference that is this yes's alone."""

    id = key()
    link_id = word(36)
    person_id = ref(Person)
    reference = word(80)
    # The fields they said yes to, as JSON; "seen" is for what was seen of their papers.
    fields = prose("[]")
    consent_id = word(36)
    from_at = moment()
    ended_at = moment(null=True)


class PoolLink(Table, tablename="pool_link"):
    """How the two pools of one link stand: what we last told of ours, and how far we have read theirs."""

    id = serial()
    link_id = word(36)
    # Ours: counted up with each change that they would see; the digest is of what they see.
    revision = number()
    digest = word(64)
    # Theirs: when we last asked, the reading under way, and what the copy holds.
    asked_at = moment(null=True)
    reading = number()
    reading_revision = number()
    reading_after = word(80)
    revision_read = number()
    read_at = moment(null=True)
    # Why the last reading was given up, as a code.
    trouble = word(32)


class PoolWorker(Table, tablename="pool_worker"):
    """A copy of one worker whom another circle shows us. Gone with the next reading in which they are not."""

    id = key()
    link_id = word(36)
    reference = word(80)
    first_name = word(80)
    skills = prose("[]")
    languages = word(200)
    areas = prose("[]")
    rate_pence = pence(None, null=True)
    hours = prose("[]")
    attestations = prose("[]")
    reading = number()


class AttestationOut(Table, tablename="attestation_out"):
    """One check of ours that we let one circle verify, for one use: a yes to be seen, or one offer."""

    id = serial()
    link_id = word(36)
    reference = word(80)
    check_id = word(36)
    person_id = ref(Person)
    used_for = word(36)
    made_at = moment()
    ended_at = moment(null=True)


class AttestationIn(Table, tablename="attestation_in"):
    """What another circle says it saw of one of its workers. `gone` is for good, whatever is shown again later."""

    id = serial()
    link_id = word(36)
    reference = word(80)
    # "pool", or the offer that names it.
    used_for = word(36)
    state = word(8, default="asked")
    kind = word(48)
    seen_on = word(10)
    expires_on = word(10)
    valid_until = moment(null=True)
    asked_at = moment(null=True)
    checked_at = moment(null=True)
    made_at = moment()


TABLES = [PoolShare, PoolLink, PoolWorker, AttestationOut, AttestationIn]

extras.one_of("attestation_in", "state", SEEN_STATES)
extras.unique("pool_share", "link_id", "person_id", where="ended_at IS NULL")
extras.unique("pool_share", "link_id", "reference")
extras.index("pool_share", "person_id")
extras.unique("pool_link", "link_id")
extras.unique("pool_worker", "link_id", "reference")
extras.unique("attestation_out", "link_id", "reference")
extras.index("attestation_out", "person_id")
extras.index("attestation_out", "used_for")
extras.unique("attestation_in", "link_id", "reference")
extras.index("attestation_in", "state", "asked_at")

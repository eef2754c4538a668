"""Rows of who asks from outside, of whom another circle sends us, and of the places that each circle serves."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import key, moment, number, prose, ref, serial, word
from eccoo_node.links.tables import Link

# new: ours to answer. sent: another circle may fetch it. closed: nothing of it is kept.
STATES = ("new", "sent", "closed")
IN_STATES = ("new", "here", "closed")
WISHES = ("support", "give", "other")
ANSWERS = ("", "taken_up", "could_not_reach", "not_ours", "ours", "taken_back", "lapsed")


class Enquiry(Table, tablename="enquiry"):
    """Someone outside asks us. `body` is what another circle fetches, as it was announced; all words go when it closes."""

    id = key()
    token_hash = word(64)
    name = word(120)
    reach = word(200)
    outward = word(8)
    wish = word(8)
    words = prose()
    state = word(8, default="new")
    answer = word(16)
    link_id = word(36)
    reference = word(80)
    consent = prose()
    consented_at = moment(null=True)
    body = prose()
    fetched_at = moment(null=True)
    asked_at = moment()
    keep_until = moment()


class ReferralIn(Table, tablename="referral_in"):
    """Someone whom another circle puts in touch with us. Their name comes only once it is fetched."""

    id = key()
    link_id = ref(Link)
    reference = word(80)
    area = word(8)
    salted_hash = word(64)
    state = word(8, default="new")
    answer = word(16)
    name = word(120)
    reach = word(200)
    wish = word(8)
    words = prose()
    received_at = moment()
    retain_until = moment()


class ServedArea(Table, tablename="served_area"):
    """An outward postcode that we serve."""

    id = serial()
    outward = word(8)
    place = number()


class LinkedArea(Table, tablename="linked_area"):
    """An outward postcode that a linked circle says it serves. Fetched anew each day."""

    id = serial()
    link_id = ref(Link)
    outward = word(8)


TABLES = [Enquiry, ReferralIn, ServedArea, LinkedArea]

extras.one_of("enquiry", "state", STATES)
extras.one_of("enquiry", "wish", WISHES)
extras.one_of("enquiry", "answer", ANSWERS)
extras.one_of("referral_in", "state", IN_STATES)
extras.one_of("referral_in", "answer", ANSWERS)
extras.unique("enquiry", "token_hash")
extras.unique("enquiry", "link_id", "reference", where="reference <> ''")
extras.unique("referral_in", "link_id", "reference")
extras.unique("served_area", "outward")
extras.unique("linked_area", "link_id", "outward")
extras.index("linked_area", "outward")

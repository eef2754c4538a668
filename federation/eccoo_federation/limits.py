"""Numbers that both sides advertise and enforce, and the sender's retry schedule."""

from __future__ import annotations

import random
from datetime import timedelta

BODY_BYTES = 256 * 1024
RESPONSE_BYTES = 256 * 1024
HEADER_BYTES = 8 * 1024
SIGNATURE_LABELS = 2
REQUESTS_PER_MIN = 60
EVENTS_PER_MIN = 600
BATCH_EVENTS = 50
BATCH_BYTES = 192 * 1024
BUFFERED_EVENTS = 64
LOG_ENTRIES = 256
# To look at one key takes milliseconds; five a year are made.
LOG_KEYS = 256
ENTRY_KEYS = 16
# Visits of one circle that wait for an offer at one moment: many times what a circle of a town ever has.
OPEN_REQUESTS = 200
FACE_BYTES = 8 * 1024
# Workers of a pool in one page, and the most of one circle that are kept; people whom one question may name.
POOL_PAGE = 50
POOL_WORKERS = 1000
INVITED = 20

CALL_TIMEOUT_S = 15
SIGNATURE_LIFE_S = 300
CLOCK_FUTURE_S = 60
# A clock that starts in 1970 is told how far out it is; what is further out is no clock, and no number to reckon with.
CLOCK_FAR_S = 2**31 - 1
RETRY_AFTER_CAP_S = 3600
BREAKER_FAILURES = 5
# After an outage what waits goes out within so many seconds of the first answer, at random.
DRAIN_WITHIN_S = 60
BATCH_STEP = 5

DOCUMENT_LIFE = timedelta(days=7)
TRANSPORT_KEY_LIFE = timedelta(days=90)
OBJECT_KEY_LIFE = timedelta(days=365)
KEY_NOTICE = timedelta(hours=24)
INVITE_LIFE = timedelta(hours=48)
# For one node only, and it goes through a third circle's hands: it may take longer than one that is handed over.
INTRODUCED_LIFE = timedelta(days=7)
AGREEMENT_LIFE = timedelta(days=365)
REFETCH_EVERY = timedelta(minutes=10)
PULL_EVERY = timedelta(minutes=5)
PROBE_EVERY = timedelta(seconds=5)
LONG_AWAY = timedelta(hours=1)
# What nobody has claimed by then is owed by nobody: the asker's held money goes back to whoever paid it.
CLAIM_WITHIN = timedelta(days=14)

ATTESTATION_LIFE = timedelta(days=90)
# How far ahead a neighbour’s clock may be when it writes a date into something that it signs.
CLOCK_SLACK = timedelta(seconds=SIGNATURE_LIFE_S)
# A copy of a pool that could not be read anew for so long is deleted.
POOL_KEPT = timedelta(days=7)

RETRIES_S = (0, 5, 30, 120, 600, 1800)


def advertised() -> dict[str, int]:
    """The ``limits`` member of an identity document."""
    return {
        "batch_bytes": BATCH_BYTES,
        "batch_events": BATCH_EVENTS,
        "body_bytes": BODY_BYTES,
        "events_per_min": EVENTS_PER_MIN,
        "open_requests": OPEN_REQUESTS,
        "requests_per_min": REQUESTS_PER_MIN,
    }


def next_retry(attempt: int, rng: random.Random) -> timedelta:
    """How long to wait before try number ``attempt`` (0 is the first).

    After the fixed steps it is 40 to 60 minutes for ever: a peer that was away a week hears from us within the hour of
    its return, the minute in which we begin again included, and twenty senders do not all arrive in the same second.
    """
    if attempt < len(RETRIES_S):
        return timedelta(seconds=RETRIES_S[attempt])
    return timedelta(seconds=rng.uniform(2400, 3600 - DRAIN_WITHIN_S))

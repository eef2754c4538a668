"""For every event type: the least that its body must hold, all that it may hold, and what is refused."""

from __future__ import annotations

import base64
from typing import Any

from eccoo_federation import identity, invites, jcs
from eccoo_federation.keys import SigningKey

from .world import NOW, a, b, ids, seed, sign

Body = dict[str, Any]
REF, OFFER, DIGEST = "ref-1", "00000000-0000-4000-8000-000000000001", "A" * 43
SCHEDULE = {"worker_deduct_bps": 1500, "payer_add_bps": 0}
ENTRY = {"request": REF, "n": 1, "amount_pence": 5910}
AT = "2026-11-22T09:00:00Z"
PERIOD = {"period": "2026-11", "statement_hash": DIGEST}
VISIT: Body = {"request": REF, "n": 1}

REQUESTED: Body = {
    "request": REF,
    "area": "HX7",
    "starts_at": "2026-11-26T09:00:00Z",
    "ends_at": "2026-11-26T11:00:00Z",
    "needs": {},
    "fee_pence": 6000,
    "schedule": SCHEDULE,
    "reply_by": "2026-11-24T16:00:00Z",
    "hold_until": "2026-11-25T09:00:00Z",
    "go_no_go_at": "2026-11-26T07:00:00Z",
}
OFFERED: Body = {
    "request": REF,
    "offer": OFFER,
    "first_name": "Sam",
    "rate_pence_per_hour": 3000,
    "fee_pence": 6000,
    "schedule": SCHEDULE,
    "hold_until": "2026-11-25T09:00:00Z",
}
STATEMENT: Body = {
    "period": "2026-11",
    "starts_on": "2026-11-01",
    "ends_on": "2026-11-30",
    "opening_pence": 100,
    "entries": [ENTRY],
    "closing_pence": 6010,
}
_WEBP = base64.b64encode(b"RIFF\x04\x00\x00\x00WEBP").decode()
_FACE = {"media": "image/webp", "data": _WEBP}
# A third circle, of which A and B hear by an introduction alone.
_C = identity.create_identity(
    "https://c.example",
    "Circle C",
    NOW,
    phone="01632 960003",
    recovery_words=" ".join(["legal winner thank year wave sausage worth useful"] * 2)
    + " legal winner thank year wave sausage worth title",
    transport_key=SigningKey.from_seed(seed("transport c"), "transport"),
    object_key=SigningKey.from_seed(seed("object c"), "object"),
)
_LINE = invites.write_invite(invites.make_invite("https://c.example", _C.node_id, NOW, token=jcs.b64url(b"c" * 16)))


def _asking(me: identity.NewIdentity, via: identity.NewIdentity, name: str) -> Body:
    said = {"name": name, "place": "Todmorden", "phone": "01632 960001", "why": "We share a bus line.", "asked_at": AT}
    ends = {"introduction": OFFER, "node_id": me.node_id, "via": via.node_id}
    return sign(me, {"v": 1, "type": "link.introduction", **ends, **said})


_LONG = base64.b64encode(b"RIFF\x04\x00\x00\x00WEBP" + bytes(8200)).decode()

# type -> who sends it in the chain, subject, the least body
LEAST: dict[str, tuple[str, str, Body]] = {
    "identity.updated": ("a", "identity", {"seq": 1, "head": DIGEST}),
    "link.narrowed": ("a", "link", {"taken": {}}),
    "link.suspended": ("a", "link", {}),
    "link.resumed": ("a", "link", {}),
    "link.ended": ("b", "link", {}),
    "link.shown": ("a", "link", {"shown": True}),
    "tombstone": ("a", "ref-2", {}),
    "cover.requested": ("a", REF, REQUESTED),
    "cover.offered": ("b", REF, OFFERED),
    "cover.declined": ("a", REF, {"request": REF}),
    "cover.awarded": ("a", REF, {**VISIT, "offer": OFFER, "terms_hash": DIGEST, "confirm_by": "2026-11-22T11:00:00Z"}),
    "cover.confirmed": ("b", REF, {**VISIT, "offer": OFFER, "terms_hash": DIGEST, "worker_ref": "w-1"}),
    "cover.refused": ("b", REF, {**VISIT, "offer": OFFER}),
    "cover.rescinded": ("a", REF, {**VISIT, "offer": OFFER}),
    "cover.committed": ("a", REF, {**VISIT, "certificate": {}}),
    "cover.acknowledged": ("b", REF, {**VISIT, "certificate_hash": DIGEST}),
    "cover.withdrawn": ("b", REF, {"request": REF, "offer": OFFER}),
    "cover.cancelled": ("a", REF, {"request": REF, "cancelled_at": AT}),
    "disclosure.sent": ("a", REF, {**VISIT, "salted_hash": DIGEST, "retain_until": "2026-12-10T11:00:00Z"}),
    "visit.claimed": ("b", REF, {**VISIT, "outcome": "as_planned", "minutes": 120, "fee_pence": 6000, "due_pence": 5550}),
    "visit.confirmed": ("a", REF, {**VISIT, "how": "said_so", "fee_pence": 6000, "due_pence": 5550}),
    "visit.disputed": ("a", REF, {**VISIT, "undisputed_fee_pence": 3000, "disputed_pence": 3000, "reason": "partly"}),
    "visit.resolved": ("b", REF, {**VISIT, "fee_pence": 4500, "due_pence": 4163}),
    "settle.statement": ("b", "settle.2026-11", STATEMENT),
    "settle.agreed": ("a", "settle.2026-11", PERIOD),
    "settle.disputed": ("a", "settle.2026-11", {**PERIOD, "entries": [ENTRY]}),
    "settle.paid": ("a", "settle.2026-11", {**PERIOD, "amount_pence": 6010, "payment_ref": "CIRCLE A 2026-11"}),
    "settle.received": ("b", "settle.2026-11", {**PERIOD, "amount_pence": 6010}),
    "pool.changed": ("b", "pool", {"revision": 7}),
    "attest.revoked": ("b", "at-1", {"attestation": "at-1", "revoked_at": AT}),
    "erasure.requested": ("a", OFFER, {"erasure": OFFER, "subjects": [REF]}),
    "erasure.completed": ("b", OFFER, {"erasure": OFFER, "completed_at": AT}),
    "erasure.partial": ("b", OFFER, {"erasure": OFFER, "reason": "visit_ahead", "keep_until": "2026-11-26T11:00:00Z"}),
    "referral.sent": ("a", "rf-1", {"referral": "rf-1", "area": "OL14", "consent_hash": DIGEST, "salted_hash": DIGEST,
                                    "retain_until": "2026-12-22T09:00:00Z"}),
    "referral.answered": ("b", "rf-1", {"referral": "rf-1", "answer": "taken_up"}),
    "referral.withdrawn": ("a", "rf-1", {"referral": "rf-1"}),
    "introduce.asked": ("a", OFFER, {"introduction": OFFER, "circle": "ci-1", "asking": _asking(a(), b(), "Circle A")}),
    "introduce.passed": ("a", OFFER, {"introduction": OFFER, "asking": _asking(_C, a(), "Circle C")}),
    "introduce.answered": ("b", OFFER, {"introduction": OFFER, "answer": "no"}),
}  # fmt: skip

# type -> members that may be there as well
MORE: dict[str, Body] = {
    "identity.updated": {"base_url": "https://a-new.example"},
    "link.narrowed": {"taken": {a().node_id: ["cover.request", "pool.read:rate"]}},
    "link.suspended": {"reason": "asked_to"},
    "link.ended": {"reason": "not_said"},
    "link.shown": {"place": "Todmorden"},
    "tombstone": {"replaces": ids(9)},
    "cover.requested": {
        "needs": {
            "two_people": True, "hoist": True, "stairs": True, "pets": ["cat"], "smoke": True, "gender": "woman",
            "languages": ["en", "pa-Guru"], "safety_review_on": "2026-10-01",
        },
        "skills": ["moving_and_handling"],
        "travel": {"kind": "per_mile", "per_mile_pence": 45, "most_pence": 900},
        "cancellation": {"notice_hours": 48, "pay_bps": 5000},
        "confirm_within_s": 7200,
        "invited": ["w-1", "w-2"],
    },
    "cover.offered": {
        "face": _FACE, "own_words": "I have cared for my aunt.", "languages": ["en"], "travel_pence": 360,
        "attested": [{"kind": "enhanced_dbs", "seen_on": "2026-03-01", "expires_on": "2029-03-01", "attestation": "at-1"}],
    },
    "cover.declined": {"offer": OFFER, "reason": "filled"},
    "cover.refused": {"reason": "other_terms"},
    "cover.withdrawn": {"n": 1, "reason": "lapsed"},
    "cover.cancelled": {"reason": "hospital"},
    "visit.claimed": {"travel_pence": 360, "due_pence": 5910},
    "visit.confirmed": {"travel_pence": 360, "due_pence": 5910},
    "visit.resolved": {"travel_pence": 360, "due_pence": 4523},
    "settle.statement": {"prev": DIGEST, "final": True},
    "introduce.answered": {"answer": "yes", "invite": _LINE},
}  # fmt: skip

# type -> name -> members that make it wrong
WRONG: dict[str, dict[str, Body]] = {
    "identity.updated": {"below nought": {"seq": -1}, "a text": {"seq": "1"}, "true is no number": {"seq": True}},
    "link.narrowed": {"not a node": {"taken": {"us": []}}, "not a list": {"taken": {a().node_id: "settle"}}},
    "link.suspended": {"free text": {"reason": "We are moving house."}},
    "link.ended": {"too long": {"reason": "x" * 49}},
    "link.shown": {"a number is no yes": {"shown": 1}, "121 letters of a place": {"place": "x" * 121}},
    "tombstone": {"not a UUIDv7": {"replaces": OFFER}},
    "cover.requested": {
        "ends before it begins": {"ends_at": "2026-11-26T08:00:00Z"},
        "go or no go after the start": {"go_no_go_at": "2026-11-26T09:00:01Z"},
        "an answer after the end": {"reply_by": "2026-11-26T11:00:01Z"},
        "a whole postcode": {"area": "HX7 8AA"},
        "a day that does not exist": {"needs": {"safety_review_on": "2026-02-29"}},
        "a time that does not exist": {"hold_until": "2026-02-29T09:00:00Z"},
        "21 asked by name": {"invited": [f"w-{n}" for n in range(21)]},
        "a price below nought": {"fee_pence": -1},
        "a price too high": {"fee_pence": 100_000_001},
        "more than all": {"schedule": {"worker_deduct_bps": 10_001, "payer_add_bps": 0}},
        "a minute at least": {"confirm_within_s": 59},
        "a blank in a reference": {"request": "ref 1"},
    },
    "cover.offered": {
        "no name": {"first_name": ""},
        "61 letters of a name": {"first_name": "x" * 61},
        "601 letters": {"own_words": "x" * 601},
        "not what it says": {"face": {"media": "image/jpeg", "data": _WEBP}},
        "a picture too large": {"face": {"media": "image/webp", "data": _LONG}},
        "not base64": {"face": {"media": "image/webp", "data": "RIFF"}},
        "an svg": {"face": {"media": "image/svg+xml", "data": _WEBP}},
        "an upper-case UUID": {"offer": OFFER.replace("1", "A")},
    },
    "cover.declined": {"another reason": {"reason": "rude"}},
    "cover.awarded": {"nought": {"n": 0}, "padded": {"terms_hash": DIGEST + "="}},
    "cover.confirmed": {"a reference too long": {"worker_ref": "w" * 81}},
    "cover.refused": {"another reason": {"reason": "did_not_like_it"}},
    "cover.committed": {"not an object": {"certificate": "A"}},
    "cover.withdrawn": {"nought": {"n": 0}, "free text": {"reason": "my car broke down"}},
    "cover.cancelled": {"another reason": {"reason": "ill"}, "a day": {"cancelled_at": "2026-11-22"}},
    "visit.claimed": {"another outcome": {"outcome": "fine"}, "more than a day": {"minutes": 1441}},
    "visit.confirmed": {"another how": {"how": "guessed"}},
    "visit.disputed": {"another reason": {"reason": "price"}},
    "settle.statement": {
        "a penny out": {"closing_pence": 6011},
        "an entry twice": {"entries": [ENTRY, ENTRY], "closing_pence": 11_920},
        "an entry without a number": {"entries": [{"request": REF, "amount_pence": 5910}]},
        "a day that does not exist": {"ends_on": "2026-11-31"},
    },
    "settle.disputed": {"nothing": {"entries": []}},
    "settle.paid": {"19 letters": {"payment_ref": "x" * 19}, "another sign": {"payment_ref": "A/B"}},
    "settle.received": {"below nought": {"amount_pence": -1}},
    "pool.changed": {"nought": {"revision": 0}},
    "attest.revoked": {"no time": {"revoked_at": "yesterday"}},
    "erasure.requested": {"nothing": {"subjects": []}, "201": {"subjects": [f"r-{n}" for n in range(201)]}},
    "erasure.completed": {"not a UUID": {"erasure": "er-1"}},
    "erasure.partial": {"free text": {"reason": "Because."}},
    "referral.sent": {"a whole postcode": {"area": "OL14 5AA"}},
    "referral.answered": {"another answer": {"answer": "maybe"}},
    "referral.withdrawn": {"not a text": {"referral": 1}},
    "introduce.asked": {"a blank in a reference": {"circle": "ci 1"}, "not an object": {"asking": "A"}},
    "introduce.passed": {"not a UUID": {"introduction": "in-1"}, "not an object": {"asking": []}},
    "introduce.answered": {
        "another answer": {"answer": "later"},
        "a yes without an invitation": {"answer": "yes"},
        "a no with one": {"invite": _LINE},
        "a line too long": {"answer": "yes", "invite": "x" * 2049},
    },
}

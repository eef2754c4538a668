"""Sums, statements, pools, attestations, referrals: what follows once two circles work together."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from eccoo_federation import attestations, jcs
from eccoo_federation.times import wire_time

from .cover import DISCLOSURE, statement_hash
from .event_bodies import PERIOD, STATEMENT
from .events import Row
from .world import LINK, NOW, Case, a, b, case, sign

DAY = timedelta(days=1)
SALT = hashlib.sha256(b"salt of a referral").digest()


def vectors() -> dict[str, dict[str, Any]]:
    return {
        "sums": {
            "about": "Who gets which penny of a fee, what the asking circle owes, and what minutes come to.",
            "prices": [
                {"rate_pence_per_hour": rate, "minutes": minutes, "fee_pence": fee}
                for rate, minutes, fee in (
                    (3000, 120, 6000), (3000, 0, 0), (1, 29, 0), (1, 30, 1), (1999, 45, 1499), (1250, 75, 1563), (1301, 1, 22)
                )
            ],
            "cases": _sums(),
        },
        "statements": {"about": "Pages that B writes, each looked at alone.", "cases": _statements(), "answer": _answer()},
        "pool_pages": {
            "about": "A page asked for behind `after` (empty: the first), by B under the link of world.json.",
            "cases": _pages(),
        },
        "attestations": {
            "about": "The attestation `ref` of A for the link, looked at by B at `at`.",
            "cases": _attestations(),
        },
        "told": {
            "about": "What is fetched once and announced by its digest, and the consent behind a referral.",
            "cases": _told(),
            "consent": {
                "salt": jcs.b64url(SALT),
                "text": "Yes, tell them.",
                "hash": jcs.digest({"tag": "circle-consent-1", "salt": jcs.b64url(SALT), "text": "Yes, tell them."}),
            },
            "areas": sign(b(), {"v": 1, "type": "circle.areas", "areas": ["HX7", "OL14"], "at": wire_time(NOW)}),
            "circles": {
                "v": 1,
                "circles": [{"circle": "ci-1", "name": "Circle C", "place": "Todmorden"}, {"circle": "ci-2", "name": "Circle D"}],
            },
        },
    }  # fmt: skip


def _answer() -> dict[str, Any]:
    """What B answers who asks for its letters of one period."""
    row = Row(b(), 0x500)
    events = [
        row.make("settle.statement", "settle.2026-11", STATEMENT),
        row.make("settle.agreed", "settle.2026-11", PERIOD),
    ]
    return sign(b(), {"v": 1, "period": "2026-11", "events": events})


def _sums() -> list[Case]:
    rows = [
        # fee, travel, worker bps, payer bps, home share; held, net, home commission, asking, home contribution, asking, due
        ("half each", 6000, 0, 1500, 0, 5000, 6000, 5100, 450, 450, 0, 0, 5550),
        ("travel carries no commission", 6000, 360, 1500, 0, 5000, 6000, 5100, 450, 450, 0, 0, 5910),
        ("an odd penny goes home", 1001, 0, 1000, 500, 5000, 1051, 901, 50, 50, 25, 25, 976),
        ("odd on both", 1110, 0, 1000, 1000, 5000, 1221, 999, 56, 55, 56, 55, 1111),
        ("all stays with the asker", 6000, 0, 1500, 1000, 0, 6600, 5100, 0, 900, 0, 600, 5100),
        ("all goes home", 6000, 0, 1500, 1000, 10_000, 6600, 5100, 900, 0, 600, 0, 6600),
        ("nothing", 0, 0, 1500, 0, 5000, 0, 0, 0, 0, 0, 0, 0),
        ("a penny", 1, 0, 1500, 0, 5000, 1, 1, 0, 0, 0, 0, 1),
    ]
    names = ("held_pence", "worker_net_pence", "home_commission_pence", "asking_commission_pence",
             "home_contribution_pence", "asking_contribution_pence")  # fmt: skip
    made = []
    for name, fee, travel, worker, payer, home, *shares, due in rows:
        given: dict[str, Any] = {
            "fee_pence": fee, "travel_pence": travel, "worker_deduct_bps": worker, "payer_add_bps": payer,
            "home_share_bps": home,
        }  # fmt: skip
        made.append(case(name, **given, shares=dict(zip(names, shares, strict=True)), due_pence=due))
    return made


def _statements() -> list[Case]:
    entries = [{"request": f"ref-{n}", "n": 1, "amount_pence": amount} for n, amount in enumerate((5910, -1200, 0), 1)]
    good = {**STATEMENT, "opening_pence": -300, "entries": entries, "closing_pence": 4410}
    following = {**good, "period": "2026-12", "starts_on": "2026-12-01", "ends_on": "2026-12-31", "entries": [],
                 "opening_pence": 4410, "closing_pence": 4410, "prev": statement_hash(b().node_id, good)}  # fmt: skip
    return [
        case("adds up", statement=good, hash=statement_hash(b().node_id, good)),
        case("without entries, after the one before", statement=following, hash=statement_hash(b().node_id, following)),
        case("the same request under two numbers", statement={
            **good, "entries": [entries[0], {**entries[0], "n": 2}], "closing_pence": 11_520}),
        case("a penny too much", "bad_body", statement={**good, "closing_pence": 4411}),
        case("an entry twice", "bad_body", statement={**good, "entries": [entries[2], entries[2]], "closing_pence": -300}),
        case("pence with a fraction", "bad_body", statement={**good, "opening_pence": "-300"}),
    ]  # fmt: skip


def _pages() -> list[Case]:
    hours = [{"weekday": 0, "from_minute": 540, "to_minute": 720}]
    sam = {
        "worker": "w-1", "first_name": "Sam", "skills": ["cooking"], "languages": ["en"], "areas": ["HX7"],
        "rate_pence_per_hour": 1500, "hours": hours, "attestations": ["at-1"],
    }  # fmt: skip
    page = {"v": 1, "type": "pool.page", "link": LINK, "revision": 3, "at": wire_time(NOW),
            "workers": [sam, {"worker": "w-2"}]}  # fmt: skip
    full = [{"worker": f"w-{n:02d}"} for n in range(50)]

    def seen(name: str, expect: str = "ok", after: str = "", **changes: Any) -> Case:
        return case(name, expect, after=after, page={**page, **changes})

    return [
        seen("the last page"),
        seen("goes on", next="w-2"),
        seen("behind another", after="w-0"),
        seen("nobody", workers=[]),
        seen("50", workers=full, next="w-49"),
        seen("upper case comes before lower", workers=[{"worker": "W"}, {"worker": "_"}, {"worker": "a"}]),
        seen("51", "bad_body", workers=[*full, {"worker": "x"}]),
        seen("not in order", "bad_body", workers=[{"worker": "w-2"}, {"worker": "w-1"}]),
        seen("twice", "bad_body", workers=[{"worker": "w-1"}, {"worker": "w-1"}]),
        seen("not behind what was asked", "bad_body", after="w-1"),
        seen("goes on behind nobody", "bad_body", workers=[], next="w-2"),
        seen("goes on behind another than its last", "bad_body", next="w-3"),
        seen("of another link", "wrong_link", link=LINK[:-1] + "3"),
        seen("a stretch that ends before it begins", "bad_body",
             workers=[{"worker": "w-1", "hours": [{**hours[0], "to_minute": 540}]}]),
        seen("the eighth day", "bad_body", workers=[{"worker": "w-1", "hours": [{**hours[0], "weekday": 7}]}]),
        seen("a whole postcode", "bad_body", workers=[{"worker": "w-1", "areas": ["HX7 8AA"]}]),
    ]  # fmt: skip


def _attestations() -> list[Case]:
    name = f"urn:circle:{a().node_id}:attestation:at-1"
    made = {
        "@context": list(attestations.CONTEXT),
        "id": name,
        "type": list(attestations.TYPE),
        "issuer": f"urn:circle:{a().node_id}",
        "description": "The issuing circle saw this on the day that is named. It is not the certificate: ask to see it.",
        "validFrom": wire_time(NOW),
        "validUntil": wire_time(NOW + 90 * DAY),
        "credentialSubject": {
            "id": f"{name}:subject",
            "link": LINK,
            "seen": {"kind": "enhanced_dbs", "seen_on": "2026-03-01", "expires_on": "2029-03-01"},
        },
    }
    good = sign(a(), made)
    elsewhere = {**made["credentialSubject"], "link": LINK[:-1] + "3"}  # type: ignore[dict-item]

    def seen(title: str, expect: str = "ok", at: Any = NOW, **changes: Any) -> Case:
        return case(title, expect, ref="at-1", at=wire_time(at), attestation=sign(a(), {**made, **changes}))

    return [
        seen("good"),
        seen("a second before its end", at=NOW + 90 * DAY - timedelta(seconds=1)),
        seen("five minutes before its beginning", at=NOW - timedelta(seconds=300)),
        seen("more than that", "bad_body", at=NOW - timedelta(seconds=301)),
        seen("over", "gone", at=NOW + 90 * DAY),
        seen("for 91 days", "bad_body", validUntil=wire_time(NOW + 91 * DAY)),
        seen("for another link", "wrong_link", credentialSubject=elsewhere),
        seen("another one than was asked for", "bad_body", id=name + "2"),
        seen("another caveat", "bad_body", description="This is a certificate."),
        seen("another context", "bad_body", **{"@context": list(attestations.CONTEXT)[:1]}),
        seen("another type", "bad_body", type=["VerifiableCredential"]),
        case("of another issuer", "bad_proof", ref="at-1", at=wire_time(NOW), attestation=sign(b(), made)),
        case("changed", "bad_proof", ref="at-1", at=wire_time(NOW), attestation={**good, "validFrom": wire_time(NOW - DAY)}),
    ]  # fmt: skip


def _told() -> list[Case]:
    referral = {
        "v": 1, "referral": "rf-1", "salt": jcs.b64url(SALT), "name": "Robin Example", "reach": "01632 960003, evenings",
        "wish": "support", "words": "My mother needs help.", "retain_until": wire_time(NOW + 30 * DAY),
    }  # fmt: skip
    made = []
    for kind, value in (("disclosure", DISCLOSURE), ("referral", referral)):
        announced = jcs.digest(value)
        less = {key: text for key, text in value.items() if key != "name"}
        made += [
            case("as announced", kind=kind, salted_hash=announced, body=value),
            case(
                "with a member not known", kind=kind, salted_hash=jcs.digest({**value, "x": 1}), body={**value, "x": 1}
            ),
            case("another word", "event_changed", kind=kind, salted_hash=announced, body={**value, "name": "Ali"}),
            case("without a name", "bad_body", kind=kind, salted_hash=jcs.digest(less), body=less),
            case("too long", "bad_body", kind=kind, salted_hash=announced, body={**value, "name": "x" * 601}),
        ]
    return made

"""An invitation, a handshake with its six words, an agreement with two proofs, and what it allows."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

from mnemonic import Mnemonic

from eccoo_federation import handshake, identity, invites, jcs, proofs, words
from eccoo_federation.handshake import Side
from eccoo_federation.times import wire_time

from .world import LINK, NOW, Case, a, b, case

TOKEN = "EBESExQVFhcYGRobHB0eHw"  # noqa: S105
NONCES = {"a": "ICEiIyQlJicoKSorLC0uLw", "b": "MDEyMzQ1Njc4OTo7PD0-Pw"}
DATA_TERMS = base64.urlsafe_b64encode(hashlib.sha256(b"data terms").digest()).decode().rstrip("=")
DAY = timedelta(days=1)


def vectors() -> dict[str, dict[str, Any]]:
    return {
        "handshake": _handshake(),
        "agreements": {
            "about": "`agreement` offered for `link` between A and B at `at`; `previous` is the one in force before.",
            "cases": _agreements(),
        },
        "policy": {
            "about": "May `scope` cross now? `actor` is who acts: what the sender does for a push, the asker for a pull.",
            "agreement": agreement(),
            "cases": _policy(),
        },
        "spoken": {
            "about": "Three words that `by` reads out at `at`, about an offer on the link of world.json; `key` is the text "
            "of a `words_hash`. `heard_at`: may the listener take them then?",
            "cases": _spoken(),
        },
    }


def _spoken() -> list[dict[str, Any]]:
    key, offer = handshake.words_hash(LINK, *sides()), "00000000-0000-4000-8000-000000000001"
    made = []
    for name, by, begins, heard in (
        (
            "A reads",
            a().node_id,
            0,
            {0: True, 1799: True, 1800: True, 3599: True, 3600: False, -1800: True, -1801: False},
        ),
        ("B reads about the same", b().node_id, 0, {0: True}),
        ("half an hour later", a().node_id, 1800, {0: True, 3599: True, 3600: False}),
    ):
        start = NOW + timedelta(seconds=begins)
        about = {"tag": "circle-spoken-1", "link": LINK, "request": "ref-1", "offer": offer, "by": by}
        text = jcs.dump({**about, "period": int(start.timestamp()) // 1800})
        number = int.from_bytes(hmac.new(key.encode(), text, hashlib.sha256).digest()) >> (256 - 33)
        shown = [Mnemonic("english").wordlist[number >> shift & 2047] for shift in (22, 11, 0)]
        times = [{"at": wire_time(start + timedelta(seconds=away)), "taken": taken} for away, taken in heard.items()]
        made.append(
            {
                "name": name, "key": key, "link": LINK, "request": "ref-1", "offer": offer, "by": by,
                "at": wire_time(start), "text": text.decode(), "words": shown, "heard_at": times,
            }
        )  # fmt: skip
    return made


def sides() -> tuple[Side, Side]:
    heads = [identity.verify_log(one.log).head for one in (a(), b())]
    return Side(a().node_id, heads[0], NONCES["a"]), Side(b().node_id, heads[1], NONCES["b"])


def _unsigned(**changes: Any) -> dict[str, Any]:
    made = handshake.propose_agreement(
        link=LINK,
        base_urls={a().node_id: "https://a.example", b().node_id: "https://b.example"},
        words=handshake.words_hash(LINK, *sides()),
        may={
            a().node_id: ["cover.request", "pool.read:areas,first_name,rate", "attest.read", "settle"],
            b().node_id: ["cover.offer", "cover.request", "settle"],
        },
        credit_limit_pence=50_000,
        data_terms_hash=DATA_TERMS,
        now=NOW,
    )
    return {**made, **changes}


def both(value: dict[str, Any]) -> dict[str, Any]:
    half = proofs.cosign_object(value, b().object_key, b().node_id, NOW)
    return proofs.cosign_object(half, a().object_key, a().node_id, NOW)


def agreement(**changes: Any) -> dict[str, Any]:
    return both(_unsigned(**changes))


def _handshake() -> dict[str, Any]:
    ours, theirs = sides()
    promises = [handshake.new_nonce_commitment(LINK, one.node_id, one.log_head, one.nonce) for one in (ours, theirs)]
    invite = invites.make_invite("https://a.example", a().node_id, NOW, token=TOKEN)
    text = invites.write_invite(invite)
    line = jcs.b64url(jcs.dump({**invite.as_wire(), "token": "short"}))
    asked = {"v": 1, "token": TOKEN, "link": LINK, "node_id": b().node_id, "base_url": "https://b.example"}
    answer = {"v": 1, "link": LINK, "node_id": a().node_id, "log_head": ours.log_head, "commitment": promises[0]}
    wrong = {"nonce of the other side": theirs.nonce, "any nonce": TOKEN}
    return {
        "about": "A invites, B asks in. `transcript` is what the six words are the hash of.",
        "invites": [
            case("good", text=text, at=wire_time(NOW), invite=invite.as_wire(), token_hash=invites.token_hash(TOKEN)),
            case("with line breaks", text=f" {text[:60]}\n{text[60:]}", at=wire_time(NOW), invite=invite.as_wire()),
            case("a second before its end", text=text, at=wire_time(NOW + 2 * DAY - timedelta(seconds=1))),
            case("over", "bad_invite", text=text, at=wire_time(NOW + 2 * DAY)),
            case("cut", "bad_invite", text=text[:-9], at=wire_time(NOW)),
            case("another kind", "bad_invite", text=text.replace(":1:", ":2:"), at=wire_time(NOW)),
            case("a token too short", "bad_invite", text=f"circle-invite:1:{line}", at=wire_time(NOW)),
        ],
        "request": {**asked, "log_head": theirs.log_head, "commitment": promises[1]},
        "answer": answer,
        "reveal_request": {"v": 1, "link": LINK, "nonce": theirs.nonce},
        "reveal_answer": {"v": 1, "link": LINK, "nonce": ours.nonce},
        "reveals": [
            case("good", commitment=promises[0], node_id=a().node_id, log_head=ours.log_head, nonce=ours.nonce),
            *[
                case(f"wrong: {name}", "bad_reveal", commitment=promises[0], node_id=a().node_id,
                     log_head=ours.log_head, nonce=nonce)
                for name, nonce in wrong.items()
            ],
            case("another head of the log", "bad_reveal", commitment=promises[0], node_id=a().node_id,
                 log_head=theirs.log_head, nonce=ours.nonce),
        ],
        "transcript": handshake._transcript(LINK, ours, theirs).decode(),
        "words_hash": handshake.words_hash(LINK, ours, theirs),
        "words": list(words.six_words_of(handshake._transcript(LINK, ours, theirs))),
        "concluded": agreement(),
    }  # fmt: skip


def _agreements() -> list[Case]:
    good = agreement()
    following = {"rev": 2, "prev": jcs.digest(good)}
    swapped = _unsigned()
    swapped["parties"] = swapped["parties"][::-1]
    third = "c" * 52
    unknown = {a().node_id: ["everything"], b().node_id: []}
    visits = {a().node_id: ["cover.offer", "cover.request", "settle"], b().node_id: []}
    moved = {**good["base_urls"], a().node_id: "https://a-new.example"}
    half = proofs.cosign_object(_unsigned(), a().object_key, a().node_id, NOW)
    twice = proofs.cosign_object(half, a().object_key, a().node_id, NOW)
    lost = {"node_id": third, "became": b().node_id, "balance_pence": -1250}
    year = wire_time(NOW + 365 * DAY)

    def seen(name: str, expect: str, value: Any, previous: Any = None, at: Any = NOW) -> Case:
        return case(name, expect, agreement=value, previous=previous, link=LINK, at=wire_time(at))

    return [
        seen("the first", "ok", good),
        seen("the next", "ok", agreement(**following, credit_limit_pence=80_000), good),
        seen("takes the place of a lost identity", "ok", agreement(supersedes=lost)),
        seen("one day before its end", "ok", good, at=NOW + 364 * DAY),
        seen("over", "bad_agreement", good, at=NOW + 365 * DAY),
        seen("for more than a year", "bad_agreement", agreement(expires_at=wire_time(NOW + 366 * DAY))),
        seen("ends before it begins", "bad_agreement", agreement(agreed_at=year, expires_at=wire_time(NOW + DAY))),
        seen("one proof", "bad_proof", half),
        seen("one circle twice", "bad_proof", twice),
        seen("changed after it was signed", "bad_proof", {**good, "credit_limit_pence": 50_001}),
        seen("parties not sorted", "bad_agreement", both(swapped)),
        seen("with a third circle", "bad_agreement", agreement(parties=sorted([a().node_id, third]))),
        seen("names one direction only", "bad_agreement", agreement(may={a().node_id: []})),
        seen("an unknown scope", "bad_agreement", agreement(may=unknown)),
        seen("an unknown field of the pool", "bad_agreement",
             agreement(may={a().node_id: ["pool.read:surname"], b().node_id: []})),
        seen("what both can do is less", "ok", agreement(caps=["cover-1", "settle-1"], may=visits)),
        seen("something that no node can do", "bad_agreement", agreement(caps=["cover-1", "flying-1", "settle-1"], may=visits)),
        seen("a scope that one of the two cannot give", "bad_agreement", agreement(caps=["cover-1"], may=visits)),
        seen("another currency", "bad_agreement", agreement(currency="EUR")),
        seen("another link", "bad_agreement", agreement(link=LINK[:-1] + "3")),
        seen("says first where one is in force", "bad_agreement", agreement(), good),
        seen("says second where none was", "bad_agreement", agreement(**following)),
        seen("does not name the one before", "bad_agreement", agreement(rev=2, prev="A" * 43), good),
        seen("a new address without new words", "bad_agreement", agreement(**following, base_urls=moved), good),
        seen("a new address with new words", "ok", agreement(**following, base_urls=moved, words_hash="A" * 43), good),
    ]  # fmt: skip


def _policy() -> list[Case]:
    asker, offerer = a().node_id, b().node_id
    rows = [
        ("agreed", "ok", asker, "cover.request", "active", {}),
        ("not agreed for this direction", "scope_denied", asker, "cover.offer", "active", {}),
        ("the other direction", "ok", offerer, "cover.offer", "active", {}),
        ("taken back", "scope_denied", offerer, "cover.offer", "active", {offerer: ["cover.offer"]}),
        ("taken back from the other", "ok", asker, "cover.request", "active", {offerer: ["cover.request"]}),
        ("a field of the pool", "ok", asker, "pool.read:rate", "active", {}),
        ("several agreed fields", "ok", asker, "pool.read:rate,areas", "active", {}),
        ("one field too many", "scope_denied", asker, "pool.read:rate,hours", "active", {}),
        ("one of the fields taken back", "scope_denied", asker, "pool.read:rate,areas", "active",
         {asker: ["pool.read:areas"]}),
        ("the field beside the one taken back", "ok", asker, "pool.read:rate", "active",
         {asker: ["pool.read:areas"]}),
        ("suspended", "link_suspended", asker, "cover.request", "suspended", {}),
        ("suspended: a yes waits", "link_suspended", asker, "honour", "suspended", {}),
        ("suspended: money waits", "link_suspended", asker, "settle", "suspended", {}),
        ("ended", "link_ended", asker, "cover.request", "ended", {}),
        ("ended: a field of the pool", "link_ended", asker, "pool.read:rate", "ended", {}),
        ("ended: a yes is honoured", "ok", asker, "honour", "ended", {}),
        ("ended: settle as it was agreed", "ok", asker, "settle", "ended", {}),
        ("ended: settle that was taken back", "scope_denied", asker, "settle", "ended", {asker: ["settle"]}),
        ("a yes stands in no agreement", "ok", offerer, "honour", "active", {}),
        ("a yes, all else taken back", "ok", offerer, "honour", "active",
         {offerer: ["cover.offer", "cover.request", "settle"]}),
        ("to introduce is agreed like any other", "scope_denied", asker, "introduce", "active", {}),
        ("no agreement yet", "scope_denied", asker, "settle", "pending", {}),
        ("an unknown scope", "scope_denied", asker, "everything", "active", {}),
        *[(f"closed: {one}", "ok", offerer, one, "closed", {}) for one in ("link", "ping", "erasure")],
        *[(f"closed: {one}", "link_ended", offerer, one, "closed", {})
          for one in ("release", "settle.final", "settle", "honour", "cover.offer")],
        *[(f"always: {one}, {status}", "ok", offerer, one, status, {})
          for one in ("link", "ping", "erasure", "release", "settle.final") for status in ("suspended", "ended")],
    ]  # fmt: skip
    made = [
        case(name, code, actor=actor, scope=scope, status=status, narrowed=narrowed, at=wire_time(NOW))
        for name, code, actor, scope, status, narrowed in rows
    ]
    over = wire_time(NOW + 365 * DAY)
    late: dict[str, Any] = {"actor": asker, "status": "active", "narrowed": {}, "at": over}
    made.append(case("the agreement has run out", "scope_denied", scope="cover.request", **late))
    made.append(case("run out: a yes is honoured", scope="honour", **late))
    made.append(case("run out: settle as it was agreed", scope="settle", **late))
    made.append(
        case("run out: nothing that was not agreed", "scope_denied", scope="attest.read", **{**late, "actor": offerer})
    )
    for status, scope, code in (
        ("ended", "honour", "ok"), ("ended", "settle", "ok"), ("ended", "cover.request", "link_ended"),
        ("suspended", "honour", "link_suspended"),
    ):  # fmt: skip
        made.append(case(f"run out and {status}: {scope}", code, scope=scope, **{**late, "status": status}))
    made.append(case("always, also then", scope="release", **late))
    return made

"""The library against each line of `federation/vectors`, which a peer in another language is checked against too.

Nothing is generated here: what the files say is what holds.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eccoo_federation import (
    attestations,
    claims,
    cover,
    events,
    handshake,
    identity,
    inbox,
    invites,
    jcs,
    keys,
    pools,
    proofs,
    referrals,
    spoken,
    transport,
    words,
)
from eccoo_federation.bodies import BODIES
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import LinkState, Side
from eccoo_federation.times import parse_date, parse_time
from eccoo_federation.transport import SignedRequest

from .helpers import refused

HERE = Path(__file__).resolve().parents[2] / "federation"
FILES = {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "vectors").glob("*.json"))}
WORLD = FILES["world"]
LINK = WORLD["link"]


def log_of(lines: list[str]) -> list[Any]:
    return [jcs.parse(line.encode()) for line in lines]


STATE = {who: identity.verify_log(log_of(WORLD[who]["log"])) for who in ("a", "b")}
A, B = STATE["a"].node_id, STATE["b"].node_id
RESOLVE = identity.resolver(*STATE.values())


def at(case: Any) -> datetime:
    return parse_time(case["at"])


def told(case: Any, call: Any, *args: Any, **kwargs: Any) -> Any:
    """What `call` gives where the case expects it to be taken; else that it refuses with just this code."""
    __tracebackhide__ = True
    try:
        given = call(*args, **kwargs)
    except ProtocolError as error:
        assert error.code == case["expect"], f"{case['name']}: {error}"
        return None
    assert case["expect"] == "ok", f"{case['name']} was taken"
    return given


def private(who: str, use: Any) -> keys.SigningKey:
    return keys.SigningKey.from_seed(bytes.fromhex(WORLD[who][f"{use}_seed"]), use)


def test_canonical_json() -> None:
    for case in FILES["canonical"]["cases"]:
        fill = case.get("fill")
        body = bytes.fromhex(case["hex"]) if "hex" in case else case.get("utf8", "").encode()
        body = (fill["before"] + fill["repeat"] * fill["times"] + fill["after"]).encode() if fill else body
        value = told(case, jcs.parse, body)
        if case["expect"] == "ok":
            assert jcs.dump(value) == body
            assert case.get("digest", jcs.digest(value)) == jcs.digest(value)


def test_keys_their_names_and_their_signatures() -> None:
    given = FILES["keys"]
    for case in given["good"]:
        raw = bytes.fromhex(case["public"])
        made = keys.SigningKey.from_seed(bytes.fromhex(case["seed"]), "object")
        assert (made.public_raw, made.kid, keys.multibase(raw)) == (raw, case["kid"], case["multikey"])
        assert keys.from_multibase(case["multikey"]) == raw
    for case in given["bad"]:
        told(case, keys.screen_public_key, bytes.fromhex(case["public"]))
    for case in given["bad_text"]:
        told(case, keys.from_multibase, case["multikey"])
    for case in given["signatures"]:
        parts = (bytes.fromhex(case[name]) for name in ("public", "signature", "message"))
        assert keys.verify_signature(*parts) == (case["expect"] == "ok"), case["name"]


def test_from_words_to_root_keys() -> None:
    for case in FILES["recovery"]["cases"]:
        for root in case.get("roots", [{"index": 0}]):
            seed = told(case, words.root_seed, case["words"], root["index"])
            if seed is not None:
                key = keys.SigningKey.from_seed(seed, "root")
                public = keys.multibase(key.public_raw)
                assert (seed.hex(), public, key.kid) == (root["seed"], root["public"], root["kid"])
                assert identity.root_hash(public) == root["hash"]


def test_times_dates_and_references() -> None:
    given = FILES["shapes"]
    for case in given["times"]:
        told(case, parse_time, case["name"])
    for case in given["dates"]:
        told(case, parse_date, case["name"])
    for case in given["base64url"]:
        raw = told(case, jcs.unb64url, case["name"])
        assert raw is None or (raw.hex(), jcs.b64url(raw)) == (case["hex"], case["name"])
    for case in given["references"]:
        assert handshake.link_secret_ref(bytes.fromhex(case["secret"]), *case["parts"]) == case["reference"]


def test_key_logs() -> None:
    for case in FILES["identity_log"]["cases"]:
        entries = log_of(case["log"]) * case.get("repeat", 1)
        if "pinned" in case:
            told(case, identity.extends, log_of(case["pinned"]), entries)
            continue
        state = told(case, identity.verify_log, entries)
        if state is not None:
            expected = case["state"]
            known = [msgspec.to_builtins(key) for key in state.keys]
            assert [{k: v for k, v in key.items() if k != "public"} for key in known] == expected["keys"]
            assert {name: getattr(state, name) for name in expected if name != "keys"} == {
                name: value for name, value in expected.items() if name != "keys"
            }
            assert identity.parse_log(identity.dump_log(entries)) == entries
    for case in FILES["identity_log"]["bodies"]:
        told(case, identity.parse_log, case["body"].encode())


def test_identity_documents() -> None:
    for case in FILES["identity_document"]["cases"]:
        told(case, identity.verify_document, case["document"], identity.verify_log(log_of(case["log"])), at(case))


def test_object_proofs() -> None:
    for case in FILES["proofs"]["cases"]:
        resolve = RESOLVE
        if "log" in case:
            resolve = identity.resolver(identity.verify_log(log_of(case["log"])), fresh=case["fresh"])
        if len(case["by"]) == 1:
            signed = told(case, proofs.verify_object, case["object"], resolve, by=case["by"][0])
        else:
            told(case, proofs.verify_cosigned, case["object"], resolve, case["by"])
            continue
        if "signed_bytes" in case:
            value, proof = case["object"], case["object"]["proof"]
            assert proofs.hash_data(value, proof).hex() == case["signed_bytes"]
            assert proofs.sign_object(value, private("a", "object"), A, parse_time(signed.created)) == value


def test_signed_requests() -> None:
    for case in FILES["transport_requests"]["cases"]:
        headers = [tuple(pair) for pair in case["headers"]]
        body, now = case["body"].encode(), at(case)
        arguments = (case["method"], case["target_uri"], headers, body)
        verified = told(case, transport.verify_request, *arguments, identity.transport_keys(STATE["a"], now), now)
        if case["expect"] not in ("ok", "unknown_key", "bad_signature"):
            assert refused(transport.check_request, *arguments, now) == case["expect"]
        if "offset_s" in case and case["expect"] == "clock_skew":
            with pytest.raises(ProtocolError) as error:
                transport.check_request(*arguments, now)
            assert error.value.detail == {"server_time": case["at"], "offset_s": case["offset_s"]}
        if verified is not None and "nonce" in case:
            assert (verified.kid, verified.nonce) == (case["kid"], case["nonce"])
        if "base" in case:
            plain = [pair for pair in headers if pair[0] == "Content-Type"]
            made = transport.sign_request(*arguments[:2], plain, body, private("a", "transport"), now, case["nonce"])
            told(case, transport.verify_request, *arguments[:2], made, body, lambda _: STATE["a"].keys[0].raw, now)
            signature = jcs.unb64url(dict(made)["Signature"][8:-1].rstrip("=").replace("+", "-").replace("/", "_"))
            base = case["base"].partition('"@signature-params"')[0]
            params = dict(made)["Signature-Input"].removeprefix("circle=")
            assert keys.verify_signature(
                STATE["a"].keys[0].raw, signature, f'{base}"@signature-params": {params}'.encode()
            )


def test_signed_responses() -> None:
    for case in FILES["transport_responses"]["cases"]:
        asked = case["request"]
        request = SignedRequest(asked["method"], asked["url"], tuple((k, v) for k, v in asked["headers"]))
        headers = [tuple(pair) for pair in case["headers"]]
        known = identity.transport_keys(STATE["b"], at(case))
        told(case, transport.verify_response, case["status"], headers, case["body"].encode(), request, known, at(case))


def test_a_handshake() -> None:
    given = FILES["handshake"]
    for case in given["invites"]:
        invite = told(case, invites.read_invite, case["text"], at(case))
        if "token_hash" in case:
            assert invite.as_wire() == case["invite"]
            assert (invites.write_invite(invite), invites.token_hash(invite.token)) == (
                case["text"],
                case["token_hash"],
            )
    asked, answer = given["request"], given["answer"]
    assert handshake.read_link_request(asked).as_wire() == asked
    promised = {B: asked["commitment"], A: answer["commitment"]}
    revealed = {B: given["reveal_request"]["nonce"], A: given["reveal_answer"]["nonce"]}
    heads = {A: answer["log_head"], B: asked["log_head"]}
    for node, nonce in revealed.items():
        handshake.check_reveal(promised[node], LINK, node, heads[node], nonce)
    for case in given["reveals"]:
        told(case, handshake.check_reveal, case["commitment"], LINK, case["node_id"], case["log_head"], case["nonce"])
    sides = [Side(node, heads[node], revealed[node]) for node in (A, B)]
    assert handshake.six_words(LINK, *sides) == tuple(given["words"])
    assert handshake.words_hash(LINK, *sides) == given["words_hash"] == jcs.digest_bytes(given["transcript"].encode())
    now = parse_time(WORLD["now"])
    assert handshake.conclude(given["concluded"], (A, B), LINK, RESOLVE, now).words_hash == given["words_hash"]


def test_agreements_and_what_they_allow() -> None:
    for case in FILES["agreements"]["cases"]:
        now, previous = at(case), case["previous"]
        told(case, handshake.conclude, case["agreement"], (A, B), case["link"], RESOLVE, now, previous=previous)
    given = FILES["policy"]
    agreement = handshake.conclude(given["agreement"], (A, B), LINK, RESOLVE, parse_time(WORLD["now"]))
    for case in given["cases"]:
        narrowed = {node: tuple(scopes) for node, scopes in case["narrowed"].items()}
        for us, them, direction in ((A, B, "out"), (B, A, "in")):
            if case["actor"] == B:
                direction = {"out": "in", "in": "out"}[direction]
            link = LinkState(us=us, them=them, status=case["status"], narrowed=narrowed)
            error = handshake.refusal(agreement, link, direction, case["scope"], at(case))  # type: ignore[arg-type]
            assert (error.code if error else "ok") == case["expect"], case["name"]


def test_words_read_out_on_the_telephone() -> None:
    for case in FILES["spoken"]["cases"]:
        about = (case["key"], case["link"], case["request"], case["offer"], case["by"])
        assert spoken.spoken_words(*about, at(case)) == tuple(case["words"]), case["name"]
        for one in case["heard_at"]:
            assert spoken.heard(" ".join(case["words"]), *about, at(one)) == one["taken"], (case["name"], one)


def test_event_bodies() -> None:
    seen: dict[str, set[str]] = {}
    for case in FILES["event_bodies"]["cases"]:
        seen.setdefault(case["type"], set()).add(case["expect"])
        body = told(case, events.read_body, case["type"], case["body"])
        if body is not None:
            assert events.read_body(case["type"], body.as_wire()) == body
    assert {kind for kind, results in seen.items() if results >= {"ok"}} == set(BODIES)
    assert {kind for kind in BODIES if BODIES[kind].__struct_fields__} == {
        kind for kind, results in seen.items() if results == {"ok", "bad_body"}
    }


def _take_row(given: list[Any]) -> list[events.Event]:
    """Every event of both rows: numbers, chains, digests, proofs."""
    taken: list[events.Event] = []
    last: dict[Any, Any] = {}
    for one in given:
        event = events.parse_event(one["event"])
        other = B if event.from_ == A else A
        events.verify_event(event, RESOLVE, link=LINK, from_=event.from_, to=other)
        assert event.digest == one["digest"]
        assert event.seq == last.get(event.from_, 0) + 1
        assert (event.rev, event.prev) == last.get((event.from_, event.subject), (1, None))
        last[event.from_], last[(event.from_, event.subject)] = event.seq, (event.rev + 1, event.digest)
        taken.append(event)
    return taken


def test_a_chain_with_every_type() -> None:
    assert {event.type for event in _take_row(FILES["event_chain"]["events"])} == set(BODIES)


class Inbox:
    """The library's inbox with the little that a node adds to it."""

    def __init__(self) -> None:
        self.state = inbox.InboxState()
        self.seen: dict[str, inbox.Seen] = {}
        self.by_seq: dict[int, Any] = {}
        self.heads: dict[str, tuple[int, str | None]] = {}

    def receive(self, values: list[Any]) -> list[dict[str, str]]:
        batch = events.read_batch(jcs.dump({"events": values}))
        envelopes = [events.read_envelope(value) for value in batch]
        for envelope, value in zip(envelopes, batch, strict=True):
            if (envelope.link, envelope.from_, envelope.to) != (LINK, A, B):
                raise ProtocolError("wrong_link")
            proofs.verify_object(value, RESOLVE, by=A)
        made = [self.take(envelope, value) for envelope, value in zip(envelopes, batch, strict=True)]
        while (ready := self.state.next_ready) is not None:
            value = self.by_seq[ready]
            made.append(self.take(events.read_envelope(value), value))
        return [msgspec.to_builtins(one) for one in made]

    def take(self, envelope: events.Envelope, value: Any) -> events.Verdict:
        digest = jcs.digest(value)
        seen = self.seen.get(envelope.id)
        where = inbox.place(self.state, envelope, digest, seen)
        if where == "duplicate":
            if seen is None:
                original = self.by_seq[envelope.seq]["id"] == envelope.body.get("replaces")
                return events.Verdict(envelope.id, "duplicate", "was_applied" if original else None)
            return inbox.answer_duplicate(envelope.id, seen)
        verdict, code = {"blocked": ("blocked", "blocked"), "buffered": ("buffered", None)}.get(
            where, ("applied", None)
        )
        if where == "apply":
            try:
                event = events.parse_event(value)
                if (event.rev, event.prev) != self.heads.get(event.subject, (1, None)):
                    raise ProtocolError("chain_broken")
            except ProtocolError as error:
                verdict, code = "refused", error.code
        self.state = inbox.settle(self.state, envelope, verdict)  # type: ignore[arg-type]
        if where != "buffered":
            self.heads[envelope.subject] = (envelope.rev + 1, digest)
        self.seen[envelope.id], self.by_seq[envelope.seq] = inbox.Seen(digest, verdict, code), value  # type: ignore[arg-type]
        return events.Verdict(envelope.id, verdict, code)  # type: ignore[arg-type]


def test_what_an_inbox_makes_of_what_comes() -> None:
    box = Inbox()
    for case in FILES["event_inbox"]["cases"]:
        verdicts = told(case, box.receive, case["events"])
        assert box.state.applied == case["applied"], case["name"]
        if verdicts is not None:
            assert verdicts == case["verdicts"], case["name"]


def test_a_whole_cover_story() -> None:
    story = FILES["cover_story"]
    told_events = _take_row([{"event": one["event"], "digest": one["digest"]} for one in story["events"]])
    by_type = {event.type: event for event in told_events}
    agreement = handshake.conclude(story["agreement"], (A, B), LINK, RESOLVE, parse_time(WORLD["now"]))
    for event in told_events:
        link = LinkState(us=event.from_, them=event.to, status="active")
        when = parse_time(event.at)
        assert handshake.allowed(agreement, link, "out", events.scope_of(event), when), event.type
    asked: Any = by_type["cover.requested"].body
    offered: Any = by_type["cover.offered"].body
    share = agreement.commission.home_share_bps
    terms = cover.terms_of(asked, offered, schedule=agreement.commission.schedule, home_share_bps=share)
    assert (terms.as_wire(), cover.terms_hash(terms)) == (story["terms"], story["terms_hash"])
    committed: Any = by_type["cover.committed"].body
    cover.verify_certificate(committed.certificate, RESOLVE, link=LINK, from_=A, to=B)
    acknowledged: Any = by_type["cover.acknowledged"].body
    assert jcs.digest(committed.certificate) == acknowledged.certificate_hash == story["certificate_hash"]
    announced: Any = by_type["disclosure.sent"].body
    assert events.disclosure_hash(events.check_disclosure(story["disclosure"], announced.salted_hash)) == (
        announced.salted_hash
    )
    claim: Any = by_type["visit.claimed"].body
    claims.check_claim(terms, claim.fee_pence, claim.travel_pence, claim.due_pence)
    shares = claims.split(claim.fee_pence, terms.schedule.worker_deduct_bps, terms.schedule.payer_add_bps, share)
    assert (msgspec.to_builtins(shares), claim.due_pence) == (story["shares"], story["due_pence"])
    stated, paid = by_type["settle.statement"], by_type["settle.paid"].body
    assert statement_hash(stated.raw["body"]) == paid.statement_hash == story["statement_hash"]  # type: ignore[attr-defined]


def statement_hash(body: Any) -> str:
    return jcs.digest({"tag": "circle-statement-1", "link": LINK, "from": B, "statement": body})


def test_certificates() -> None:
    given = FILES["certificates"]
    offer = {"request": "ref-1", "n": 1, "offer": given["terms"]["offer"], "worker_ref": "w-1"}

    def judge(value: Any) -> None:
        cover.read_certificate(value, terms=jcs.digest(given["terms"]), **offer)
        cover.verify_certificate(value, RESOLVE, link=LINK, from_=A, to=B)

    for case in given["cases"]:
        told(case, judge, case["certificate"])


def test_two_states_come_together() -> None:
    for case in FILES["reconcile"]["cases"]:
        asks = case["side"] == "requester"
        kind: Any = cover.RequesterState if asks else cover.OffererState
        state = msgspec.convert(case["state"], kind)
        for document, by in ((case["mine"], A if asks else B), (case["theirs"], B if asks else A)):
            proofs.verify_object(document, RESOLVE, by=by)
        said, waiting = [], list(cover.reconcile(state, case["theirs"]))
        extra = (
            {"sign": partial(proofs.sign_object, key=private("a", "object"), node_id=A, now=at(case))} if asks else {}
        )
        while waiting:
            step = cover.step(state, waiting.pop(0), now=at(case), **extra)
            state = step.state
            said += [{"type": one.type, "body": one.body} for one in step.emit]
            for effect in step.effects:
                if isinstance(effect, cover.LockWorker):
                    waiting.append(cover.Availability(effect.n, True))
                elif isinstance(effect, cover.ResendOffer):
                    said.append({"type": "cover.offered", "body": {"offer": effect.offer}})
        assert (state.phase, said) == (case["phase"], case["says"]), case["name"]


def test_every_word_of_such_a_state_is_explained() -> None:
    text = (HERE.parent / "docs" / "protocol.md").read_text()
    told = text.partition("In `reconcile`, `state` is")[2].partition("## 17")[0]

    def words_of(value: Any) -> set[str]:
        if isinstance(value, list):
            return {word for one in value for word in words_of(one)}
        if not isinstance(value, dict):
            return set()
        # A certificate has a schema of its own.
        return set(value) | {word for name, one in value.items() if name != "certificate" for word in words_of(one)}

    used = {word for case in FILES["reconcile"]["cases"] for word in words_of(case["state"])}
    assert used == set(re.findall(r"`(\w+)`", told)) - {"reconcile", "state", "node_id", "cancelled_at"}


def test_sums_and_statements() -> None:
    for row in FILES["sums"]["prices"]:
        assert claims.price(row["rate_pence_per_hour"], row["minutes"]) == row["fee_pence"]
    for case in FILES["sums"]["cases"]:
        rates = [case[name] for name in ("worker_deduct_bps", "payer_add_bps", "home_share_bps")]
        assert msgspec.to_builtins(claims.split(case["fee_pence"], *rates)) == case["shares"], case["name"]
        assert claims.due_pence(case["fee_pence"], case["travel_pence"], *rates) == case["due_pence"], case["name"]
    for case in FILES["statements"]["cases"]:
        body = told(case, events.read_body, "settle.statement", case["statement"])
        if body is not None and "hash" in case:
            assert statement_hash(case["statement"]) == case["hash"]


def test_pools_attestations_and_what_is_told_once() -> None:
    for case in FILES["pool_pages"]["cases"]:
        told(case, pools.read_page, case["page"], LINK, case["after"])
    for case in FILES["attestations"]["cases"]:
        more: dict[str, Any] = {"issuer": A, "link": LINK, "resolve_key": RESOLVE, "now": at(case)}
        told(case, attestations.check, case["attestation"], ref=case["ref"], **more)
    given = FILES["told"]
    check = {"disclosure": events.check_disclosure, "referral": referrals.check_referred}
    for case in given["cases"]:
        told(case, check[case["kind"]], case["body"], case["salted_hash"])
    consent = given["consent"]
    assert jcs.digest({"tag": "circle-consent-1", "salt": consent["salt"], "text": consent["text"]}) == consent["hash"]
    proofs.verify_object(given["areas"], RESOLVE, by=B)

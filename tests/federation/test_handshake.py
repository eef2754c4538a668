"""Two admins, one phone call, two signatures; and what a link lets through afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eccoo_federation import handshake, identity, invites, jcs, proofs
from eccoo_federation.handshake import LinkState, Side

from .helpers import NOW, circle, refused

A, B = circle("a"), circle("b")
LINK = "01a20074-c523-7ebe-a48f-28326f1f95b5"
HEAD_A, HEAD_B = jcs.digest(A.log[0]), jcs.digest(B.log[0])
NONCE_A, NONCE_B = "AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBA"
SIDE_A, SIDE_B = Side(A.node_id, HEAD_A, NONCE_A), Side(B.node_id, HEAD_B, NONCE_B)
RESOLVE = identity.resolver(identity.verify_log(A.log), identity.verify_log(B.log))
PAIR = sorted([A.node_id, B.node_id])
MAY = {
    A.node_id: ["cover.request", "settle", "pool.read:first_name,skills"],
    B.node_id: ["cover.offer", "settle", "attest.read"],
}


def proposal(**changes: Any) -> dict[str, Any]:
    terms: dict[str, Any] = {
        "link": LINK,
        "base_urls": {A.node_id: "https://a.example", B.node_id: "https://b.example"},
        "words": handshake.words_hash(LINK, SIDE_A, SIDE_B),
        "may": MAY,
        "credit_limit_pence": 50_000,
        "data_terms_hash": "D" * 42 + "A",
        "now": NOW,
    }
    return handshake.propose_agreement(**{**terms, **changes})


def both_sign(value: dict[str, Any]) -> dict[str, Any]:
    one = proofs.cosign_object(value, A.object_key, A.node_id, NOW)
    return proofs.cosign_object(one, B.object_key, B.node_id, NOW)


AGREEMENT = handshake.conclude(both_sign(proposal()), PAIR, LINK, RESOLVE, NOW)


def link(us: str = A.node_id, **changes: Any) -> LinkState:
    them = B.node_id if us == A.node_id else A.node_id
    return LinkState(us=us, them=them, **{"status": "active", **changes})


def test_an_invitation_survives_a_letter() -> None:
    invite = invites.make_invite("https://a.example", A.node_id, NOW, token=NONCE_A)
    text = invites.write_invite(invite)
    assert text.startswith("circle-invite:1:")
    mangled = "\n  ".join(text[at : at + 40] for at in range(0, len(text), 40))
    assert invites.read_invite(mangled, NOW) == invite
    assert invite.expires_at == "2026-11-24T09:00:00Z"


@pytest.mark.parametrize(
    "text", ["", "hello", "circle-invite:1:", "circle-invite:2:e30", "circle-invite:1:e30", "circle-invite:1:é"]
)
def test_a_damaged_invitation_is_refused(text: str) -> None:
    assert refused(invites.read_invite, text, NOW) == "bad_invite"


def test_an_invitation_runs_out_and_its_token_is_not_stored() -> None:
    invite = invites.make_invite("https://a.example", A.node_id, NOW)
    text = invites.write_invite(invite)
    assert refused(invites.read_invite, text, NOW + timedelta(hours=48)) == "bad_invite"
    assert refused(invites.read_invite, text[:-3], NOW) == "bad_invite"
    assert invite.token not in invites.token_hash(invite.token)
    assert invites.make_invite("https://a.example", A.node_id, NOW).token != invite.token


def test_both_screens_show_the_same_six_words() -> None:
    assert handshake.six_words(LINK, SIDE_A, SIDE_B) == handshake.six_words(LINK, SIDE_B, SIDE_A)
    assert handshake.six_words(LINK, SIDE_A, SIDE_B) == ("depart", "taste", "parrot", "over", "pepper", "birth")


def test_a_middleman_on_both_legs_makes_the_words_differ() -> None:
    middle = circle("b").node_id[::-1]
    towards_a = handshake.six_words(LINK, SIDE_A, Side(middle, HEAD_B, NONCE_B))
    towards_b = handshake.six_words(LINK, Side(middle, HEAD_A, NONCE_A), SIDE_B)
    assert len({towards_a, towards_b, handshake.six_words(LINK, SIDE_A, SIDE_B)}) == 3


def test_words_change_with_every_part() -> None:
    other = [
        handshake.six_words("01a20074-c523-7ebe-a48f-28326f1f95b6", SIDE_A, SIDE_B),
        handshake.six_words(LINK, Side(A.node_id, HEAD_B, NONCE_A), SIDE_B),
        handshake.six_words(LINK, Side(A.node_id, HEAD_A, NONCE_B), SIDE_B),
        handshake.six_words(LINK, SIDE_A, SIDE_B),
    ]
    assert len(set(other)) == 4


def test_a_nonce_that_was_not_promised_is_refused() -> None:
    promised = handshake.new_nonce_commitment(LINK, A.node_id, HEAD_A, NONCE_A)
    handshake.check_reveal(promised, LINK, A.node_id, HEAD_A, NONCE_A)
    for wrong in (
        (promised, LINK, A.node_id, HEAD_A, NONCE_B),
        (promised, LINK, B.node_id, HEAD_A, NONCE_A),
        (promised, LINK, A.node_id, HEAD_B, NONCE_A),
        (promised, LINK[:-1] + "6", A.node_id, HEAD_A, NONCE_A),
    ):
        assert refused(handshake.check_reveal, *wrong) == "bad_reveal"


def test_an_agreement_needs_both_signatures() -> None:
    value = proposal()
    assert AGREEMENT.may == {node: tuple(sorted(scopes)) for node, scopes in MAY.items()}
    half = proofs.cosign_object(value, A.object_key, A.node_id, NOW)
    for wrong in (value, half, proofs.cosign_object(half, A.object_key, A.node_id, NOW)):
        assert refused(handshake.conclude, wrong, PAIR, LINK, RESOLVE, NOW) == "bad_proof"
    tampered = both_sign(value)
    tampered["credit_limit_pence"] = 1
    assert refused(handshake.conclude, tampered, PAIR, LINK, RESOLVE, NOW) == "bad_proof"


@pytest.mark.parametrize(
    "change",
    [
        {"link": LINK[:-1] + "6"},
        {"parties": PAIR[::-1]},
        {"may": {A.node_id: []}},
        {"may": {A.node_id: ["everything"], B.node_id: []}},
        {"may": {A.node_id: ["pool.read:"], B.node_id: []}},
        {"may": {A.node_id: ["pool.read:surname"], B.node_id: []}},
        {"expires_at": "2027-11-23T09:00:00Z"},
        {"expires_at": "2026-11-22T09:00:00Z"},
        {"caps": ["cover-1", "flying-1", "settle-1"]},
        {"caps": []},
        {"currency": "EUR"},
        {"credit_limit_pence": -1},
        {"commission": {"schedule": "home", "home_share_bps": 10_001}},
        {"rev": 2},
        {"type": "other"},
    ],
)
def test_an_agreement_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    value = both_sign({**proposal(), **change})
    assert refused(handshake.conclude, value, PAIR, LINK, RESOLVE, NOW) == "bad_agreement"


@pytest.mark.parametrize("scope", ["bogus", "honour", "pool.read:", "pool.read:surname", ""])
def test_what_no_circle_can_allow_is_not_even_proposed(scope: str) -> None:
    assert refused(proposal, may={**MAY, A.node_id: [scope]}) == "bad_agreement"


def test_the_next_agreement_follows_the_last_and_a_move_needs_new_words() -> None:
    first = both_sign(proposal())
    second = both_sign(proposal(previous=first))
    assert handshake.conclude(second, PAIR, LINK, RESOLVE, NOW, previous=first).rev == 2
    assert refused(handshake.conclude, second, PAIR, LINK, RESOLVE, NOW) == "bad_agreement"
    moved = {A.node_id: "https://new.example", B.node_id: "https://b.example"}
    same_words = both_sign(proposal(previous=first, base_urls=moved))
    assert refused(handshake.conclude, same_words, PAIR, LINK, RESOLVE, NOW, previous=first) == "bad_agreement"
    new_words = both_sign(proposal(previous=first, base_urls=moved, words="W" * 42 + "A"))
    assert handshake.conclude(new_words, PAIR, LINK, RESOLVE, NOW, previous=first).rev == 2


def verdict(
    direction: Any, scope: str, state: LinkState | None = None, agreement: Any = AGREEMENT, now: Any = NOW
) -> str:
    error = handshake.refusal(agreement, state or link(), direction, scope, now)
    assert handshake.allowed(agreement, state or link(), direction, scope, now) == (error is None)
    return "yes" if error is None else error.code


SCOPES = ["cover.request", "cover.offer", "settle", "attest.read", "pool.read:first_name", "pool.read:first_name,rate"]


def test_each_direction_has_its_own_scopes_and_nothing_else() -> None:
    table = {(way, scope): verdict(way, scope) for way in ("in", "out") for scope in [*SCOPES, "everything", ""]}
    yes = {key for key, said in table.items() if said == "yes"}
    assert yes == {
        ("out", "cover.request"),
        ("out", "settle"),
        ("out", "pool.read:first_name"),
        ("in", "cover.offer"),
        ("in", "settle"),
        ("in", "attest.read"),
    }
    assert {table[key] for key in set(table) - yes} == {"scope_denied"}


@pytest.mark.parametrize("status", ["pending", "active", "suspended", "ended"])
def test_what_frees_and_what_ends_crosses_in_every_state(status: Any) -> None:
    always = ["link", "ping", "erasure", "release", "settle.final"]
    state = link(status=status)
    assert [verdict(way, scope, state) for way in ("in", "out") for scope in always] == ["yes"] * 10
    # There is a yes of both first.
    code = "link_ended" if status == "ended" else "scope_denied"
    assert {verdict(way, scope, state, None) for way in ("in", "out") for scope in always} == {code}


def test_a_closed_link_carries_who_somebody_is_and_what_is_to_be_forgotten_and_nothing_else() -> None:
    always = ["link", "ping", "erasure", "release", "settle.final"]
    late = NOW + timedelta(days=4000)
    for way, now in (("in", NOW), ("out", NOW), ("in", late), ("out", late)):
        said = [verdict(way, scope, link(status="closed"), now=now) for scope in always]
        assert said == ["yes", "yes", "yes", "link_ended", "link_ended"]
        rest = {verdict(way, scope, link(status="closed"), now=now) for scope in [*SCOPES, "honour", "everything"]}
        assert rest == {"link_ended"}
        assert {verdict(way, scope, link(status="closed"), None) for scope in always} == {"link_ended"}


def test_a_suspended_ended_pending_or_expired_link_lets_nothing_else_through() -> None:
    def said(scopes: list[str], **changes: Any) -> set[str]:
        now, agreement = changes.pop("now", NOW), changes.pop("agreement", AGREEMENT)
        return {verdict(way, scope, link(**changes), agreement, now) for way in ("in", "out") for scope in scopes}

    outlive, fresh = ["honour", "settle"], [scope for scope in SCOPES if scope != "settle"]
    assert said([*fresh, *outlive], status="suspended") == {"link_suspended"}
    assert said(fresh, status="ended") == {"link_ended"}
    assert said([*fresh, *outlive], status="pending") == {"scope_denied"}
    assert said([*fresh, *outlive], agreement=None) == {"scope_denied"}
    assert said([*fresh, *outlive], agreement=None, status="ended") == {"link_ended"}
    assert said(fresh, now=NOW + timedelta(days=365)) == {"scope_denied"}
    # What follows from a yes that both gave, and what is owed for it, outlives the link and the agreement.
    for over in ({"status": "ended"}, {"now": NOW + timedelta(days=365)}):
        assert said(outlive, **over) == {"yes"}
        assert said(["settle"], narrowed={A.node_id: ("settle",), B.node_id: ("settle",)}, **over) == {"scope_denied"}


def test_narrowing_counts_at_once_and_only_narrows() -> None:
    narrowed = handshake.narrow(link(), {B.node_id: ["cover.offer"], A.node_id: ["pool.read:first_name"]})
    assert verdict("in", "cover.offer", narrowed) == "scope_denied"
    assert verdict("in", "settle", narrowed) == "yes"
    assert verdict("out", "pool.read:first_name", narrowed) == "scope_denied"
    assert verdict("out", "pool.read:skills", narrowed) == "yes"
    again = handshake.narrow(narrowed, {B.node_id: ["settle"]})
    assert again.narrowed == {A.node_id: ("pool.read:first_name",), B.node_id: ("cover.offer", "settle")}


@pytest.mark.parametrize("taken", [{A.node_id: ["release"]}, {A.node_id: ["erasure"]}, {"x": ["settle"]}])
def test_nobody_can_take_back_what_is_always_allowed(taken: dict[str, list[str]]) -> None:
    assert refused(handshake.narrow, link(), taken) == "scope_denied"


def test_references_share_nothing_between_links_or_requests() -> None:
    refs = {
        handshake.link_secret_ref(secret, person, request)
        for secret in (b"one", b"two")
        for person in ("p1", "p2")
        for request in ("r1", "r2")
    }
    assert len(refs) == 8
    assert handshake.link_secret_ref(b"s", "ab", "c") != handshake.link_secret_ref(b"s", "a", "bc")

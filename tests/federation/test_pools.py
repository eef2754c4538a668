"""Pages of a pool and attestations: what holds up, and that nothing else does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation import attestations, handshake, jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.pools import MEMBERS, PoolPage, PoolWorker, read_page
from eccoo_federation.proofs import sign_object
from eccoo_federation.times import wire_time
from tests.federation.helpers import NOW, circle

LINK = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
DAY = timedelta(days=1)


def page(refs: list[str], next_: str | None = None) -> dict[str, Any]:
    workers = tuple(PoolWorker(worker=ref, first_name="Bea", rate_pence_per_hour=2000) for ref in refs)
    return PoolPage(link=LINK, revision=1, at=wire_time(NOW), workers=workers, next=next_).as_wire()


@given(refs=st.lists(st.text("abcXYZ019_-", min_size=1, max_size=4), max_size=8), after=st.sampled_from(["", "a", "Z"]))
def test_a_page_is_taken_only_in_order_and_behind_its_beginning(refs: list[str], after: str) -> None:
    in_order = all(one < other for one, other in zip([after, *refs], refs, strict=False))
    for next_ in (None, refs[-1] if refs else "x", "zzzz"):
        good = in_order and (next_ is None or (bool(refs) and next_ == refs[-1]))
        try:
            read = read_page(page(refs, next_), LINK, after)
        except ProtocolError as error:
            assert (good, error.code) == (False, "bad_body")
        else:
            assert (good, [one.worker for one in read.workers]) == (True, refs)


@given(fields=st.sets(st.sampled_from(handshake.POOL_FIELDS)))
def test_of_a_worker_only_what_is_agreed_is_left(fields: set[str]) -> None:
    whole = PoolWorker(
        worker="r", first_name="Bea", skills=("cooking",), languages=("en",), areas=("HX7",), rate_pence_per_hour=2000
    )
    wire = whole.only(fields).as_wire()
    assert set(wire) == {"worker"} | {MEMBERS[field] for field in fields} - {"hours"}


def credential(letter: str = "a", link: str = LINK, ref: str = "ref", **more: Any) -> dict[str, Any]:
    made = circle(letter)
    seen = attestations.Seen(kind="dbs_enhanced", seen_on="2026-03-03", expires_on="2027-03-03")
    value = attestations.draft(made.node_id, link, ref, seen, NOW, NOW + 200 * DAY) | more
    return sign_object(value, made.object_key, made.node_id, NOW)


def check(value: Any, at: timedelta = timedelta(), link: str = LINK, ref: str = "ref", by: str = "a") -> Any:
    def resolve(node_id: str, kid: str, created: str) -> bytes | None:
        made = circle(by)
        return made.object_key.public_raw if (node_id, kid) == (made.node_id, made.object_key.kid) else None

    return attestations.check(value, issuer=circle(by).node_id, link=link, ref=ref, resolve_key=resolve, now=NOW + at)


def test_a_proof_holds_for_ninety_days_at_most_and_says_what_it_does_not_say() -> None:
    value = credential()
    seen, until = check(value)
    assert (seen.kind, seen.seen_on, seen.expires_on) == ("dbs_enhanced", "2026-03-03", "2027-03-03")
    assert until == NOW + 90 * DAY
    assert "It is not the certificate: ask to see it." in value["description"]
    assert jcs.parse(jcs.dump(value)) == value
    check(value, 90 * DAY - timedelta(seconds=1))
    with pytest.raises(ProtocolError, match="gone"):
        check(value, 90 * DAY)


def test_a_proof_is_worth_nothing_elsewhere_changed_or_too_long() -> None:
    good = credential()
    longer = credential(validUntil=wire_time(NOW + 91 * DAY))
    later = credential(validFrom=wire_time(NOW + DAY))
    bare = {key: value for key, value in good.items() if key != "proof"}
    kinder = {
        **good,
        "credentialSubject": {**good["credentialSubject"], "seen": {"kind": "dbs_enhanced", "seen_on": "2026-11-03"}},
    }
    silent = credential(description="Bea has an enhanced DBS certificate.")
    for value, how, code in (
        (good, {"link": OTHER}, "wrong_link"), (good, {"ref": "other"}, "bad_body"), (good, {"by": "b"}, "bad_proof"),
        (credential("b"), {}, "bad_proof"), (longer, {}, "bad_body"), (later, {}, "bad_body"), (bare, {}, "bad_proof"),
        (kinder, {}, "bad_proof"), (silent, {}, "bad_body"), ("no", {}, "bad_proof"),
    ):  # fmt: skip
        with pytest.raises(ProtocolError, match=code):
            check(value, **how)  # type: ignore[arg-type]

"""What a link allows: never more than both agreed, and nothing while it is paused, over or not yet agreed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.links import rules
from eccoo_node.links.rules import SCOPES, Policy, Terms, refusal, sentences, standing, terms_of, without

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
US, THEM = "a" * 52, "b" * 52
_DIGEST = "A" * 43
SCOPE = st.sampled_from(SCOPES)


def agreement(**more: Any) -> dict[str, Any]:
    return {
        "link": "019abc00-0000-7000-8000-000000000001", "parties": [US, THEM], "words_hash": _DIGEST,
        "base_urls": {US: "https://a.example", THEM: "https://b.example"}, "limits": {},
        "may": {US: ["cover.request"], THEM: ["cover.offer", "settle"]}, "credit_limit_pence": 40_000,
        "data_terms_hash": _DIGEST, "commission": {"schedule": "asking", "home_share_bps": 6_000},
        "statement_period": "week", "agreed_at": "2026-11-20T09:00:00Z", "expires_at": "2027-11-20T09:00:00Z", **more,
    }  # fmt: skip


def policy(state: str = "open", *, suspended: bool = False, **more: Any) -> Policy:
    return Policy(US, THEM, state, suspended, more.pop("narrowed", {}), more.pop("agreed", agreement(**more)))


def crosses(of: Policy) -> set[tuple[str, str]]:
    return {(way, scope) for way in ("in", "out") for scope in SCOPES if refusal(of, way, scope, NOW) is None}  # type: ignore[arg-type]


def test_only_what_was_agreed_crosses_and_each_way_by_itself() -> None:
    assert crosses(policy()) == {("out", "cover.request"), ("in", "cover.offer"), ("in", "settle")}


def test_nothing_crosses_before_words_and_agreement_while_paused_or_after_the_end() -> None:
    for state in ("asked", "words", "agreeing", "a state of a later version"):
        assert crosses(policy(state)) == set()
    # What was agreed to be paid is paid, also after the end.
    assert crosses(policy("ended")) == {("in", "settle")}
    assert crosses(policy(suspended=True)) == set()
    assert crosses(policy(agreed=None)) == set()
    assert crosses(policy(expires_at="2026-11-23T09:00:00Z")) == {("in", "settle")}


def test_why_not_is_told_apart() -> None:
    codes = {
        which: getattr(refusal(of, "out", "cover.request", NOW), "code", "")
        for which, of in {
            "paused": policy(suspended=True), "ended": policy("ended"), "ended while paused": policy("ended", suspended=True),
            "not agreed": policy(agreed=None), "taken back": policy(narrowed={US: ("cover.request",)}), "open": policy(),
        }.items()
    }  # fmt: skip
    assert codes == {
        "paused": "link_suspended", "ended": "link_ended", "ended while paused": "link_ended",
        "not agreed": "scope_denied", "taken back": "scope_denied", "open": "",
    }  # fmt: skip


@given(given_us=st.sets(SCOPE), given_them=st.sets(SCOPE), taken_us=st.sets(SCOPE), taken_them=st.sets(SCOPE))
def test_what_was_taken_back_is_the_same_in_the_policy_and_on_the_page(
    given_us: set[str], given_them: set[str], taken_us: set[str], taken_them: set[str]
) -> None:
    """Else an admin reads that something has stopped, and it has not."""
    may = {US: sorted(given_us), THEM: sorted(given_them)}
    left = without(terms_of(agreement(may=may), US, THEM), we=tuple(sorted(taken_us)), they=tuple(sorted(taken_them)))
    known = policy(may=may, narrowed={US: tuple(taken_us), THEM: tuple(taken_them)})
    page = {("out", scope) for scope in left.we_may} | {("in", scope) for scope in left.they_may}
    assert crosses(known) == page


def test_both_sides_read_one_agreement_as_each_others_mirror() -> None:
    ours, theirs = terms_of(agreement(), US, THEM), terms_of(agreement(), THEM, US)
    assert ours == Terms(("cover.request",), ("cover.offer", "settle"), 6_000, "asking", 40_000, "week")
    assert (theirs.we_may, theirs.they_may) == (ours.they_may, ours.we_may)
    assert terms_of(agreement(may={}), US, THEM).we_may == ()


def test_a_proposal_that_differs_in_more_than_its_dates_is_another() -> None:
    dates = {"agreed_at": "2026-11-21T09:00:00Z", "expires_at": "2027-11-21T09:00:00Z", "proof": [{"by": US}]}
    assert rules.same_terms(agreement(), agreement(**dates))
    for change in (
        {"may": {US: [], THEM: []}}, {"credit_limit_pence": 40_001}, {"data_terms_hash": "B" * 43}, {"rev": 2},
        {"base_urls": {US: "https://a.example", THEM: "https://c.example"}},
    ):  # fmt: skip
        assert not rules.same_terms(agreement(), agreement(**dates, **change)), change


@pytest.mark.parametrize(
    "state, by_us, by_them, word",
    [
        ("open", False, False, "open"), ("open", True, False, "suspended_by_us"), ("open", False, True, "suspended_by_them"),
        # Ours first: that is the one we can lift.
        ("open", True, True, "suspended_by_us"),
        # What is not open is not paused, however it was left.
        ("words", True, True, "words"), ("ended", True, False, "ended"),
    ],
)  # fmt: skip
def test_one_word_says_how_a_link_stands(state: str, by_us: bool, by_them: bool, word: str) -> None:
    assert standing(state, by_us=by_us, by_them=by_them) == word


def test_an_admin_reads_all_of_what_they_agree_to_as_sentences() -> None:
    assert sentences(Terms(), "Todmorden circle") == [
        ("Who may ask", [
            "We may ask Todmorden circle for cover, and they may ask us.",
            "Workers of either may offer to come when the other asks.",
            "Each tells the other what visits cost.",
        ]),
        ("Money", [
            "The circles’ part of each visit is shared half and half.",
            "Neither owes the other more than £500. Past that, new cover waits.",
            "Each month both compare what is owed.",
        ]),
        ("People", [
            "What we learn of a person is used for that visit alone, and deleted when its time is over.",
            "Either circle can pause or end this at any time, at once.",
        ]),
    ]  # fmt: skip
    one_way = Terms(("cover.request",), ("attest.read", "pool.read:first_name,skills"), 6_250, "home", 12_345, "week")
    asked, money, _ = sentences(one_way, "Todmorden circle")
    assert asked[1] == [
        "We may ask Todmorden circle for cover.", "Todmorden circle may read what we have seen of a worker.",
        "Of our workers who say yes to it, Todmorden circle may see: first name, skills.",
    ]  # fmt: skip
    assert money[1] == [
        "Of the circles’ part of each visit, 62.5% stays with the worker’s circle. The rest stays with the circle that asked.",
        "Neither owes the other more than £123.45. Past that, new cover waits.",
        "Each week both compare what is owed.",
    ]  # fmt: skip
    assert sentences(Terms((), ()), "T")[0] == ("Who may ask", ["Nobody may ask anything yet."])


@given(we=st.sets(SCOPE), they=st.sets(SCOPE))
def test_no_scope_is_agreed_to_without_a_sentence(we: set[str], they: set[str]) -> None:
    """Each scope says something of its own, for each side that gets it."""
    said = {
        way: " ".join(sentences(Terms(*way), "T")[0][1]) for way in ((tuple(we), tuple(they)), (tuple(they), tuple(we)))
    }
    assert (len(set(said.values())) == 1) == (we == they)
    fewer = [sentences(Terms(tuple(we - {scope}), tuple(they)), "T") for scope in we]
    assert all(one != sentences(Terms(tuple(we), tuple(they)), "T") for one in fewer)


def test_the_promise_about_people_cannot_change_without_asking_both_again() -> None:
    before = rules.data_terms_hash()
    assert (len(before), before) == (43, rules.data_terms_hash())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "DATA_TERMS", rules.DATA_TERMS.replace("that visit alone", "what we like"))
        assert rules.data_terms_hash() != before

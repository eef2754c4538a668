"""Every column that can hold words: whose they are, and that those of a person go when they should.

A new column fails here until somebody has said what becomes of it.
"""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from piccolo.columns import ForeignKey, Text, Timestamptz, Varchar
from piccolo.table import Table

from eccoo_node.banking import erasing as banking
from eccoo_node.banking.actions import forget_drafts as drafts
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.links import erasing as across
from eccoo_node.links import introducing
from eccoo_node.members import erasing
from eccoo_node.payouts import details
from eccoo_node.privacy import actions
from eccoo_node.record import audit
from eccoo_node.referrals import actions as referrals
from eccoo_node.referrals import letters
from tests.support.node import MONDAY, Node, build, open_node
from tests.support.payouts import open_circle
from tests.support.tables import all_tables

assert actions.DOMAINS
assert letters
# What becomes of words. Until when those that a law asks for stay is said to the person, with the day (privacy/say.py).
GONE = "goes when the person asks to be forgotten"
MONEY = "money_record"
TAX = "tax_record"
CLOCK = "goes by itself once its time is over"
ACROSS = "another circle's: goes when that circle asks, or by the clock"
FATES = {
    GONE: """
        person: called full_name address outward phone email face language
        face: data
        hat: known_as
        hat_offer: known_as
        capacity: words assessed_by
        speaks_for: relation words evidence
        safe_contact: agreed_words note
        phone_before: phone
        standing_wish: words
        worker: words languages gender goes_to skills avoids
        credential: number
        care_facts: language gender_wished skills way_in must_know
        session: device
        consent: words
        pause: worker_yes
        payout_left_out: words
        pattern: what
        visit: what address cover_name
        said: words
        expense: purpose words
        expense_photo: data
        money_question: words
        question_step: words
        question_note: words
        money_interest: words
        pool_share: fields
        asked_circle: body
        ask_later: body
        cover_offer: first_name face face_media words languages attested
        disclosure_out: body
        my_offer: words body
        sum_step: words
        letter_out: body bytes
        letter_read: bytes
        audit_text: text
    """,
    MONEY: """
        paper: facts
        bank_details: name sort_code account_number
        recovery_yes: words
        plan_allows: rests_on
    """,
    TAX: """
        tax_details: identity
        tax_report_identity: identity
    """,
    CLOCK: """
        bank_words: text
        statement_import: file_name
        statement_draft: file_name statement by_hand
        enquiry: name reach words consent body outward wish
        introduction: phone why asking
    """,
    ACROSS: """
        open_request: body area
        my_offer: disclosure
        pool_worker: first_name skills languages areas hours attestations
        attestation_in: kind
        referral_in: name reach words
    """,
    "the circle's own words and figures, or what whoever runs the node chose": """
        community: name
        decision: words decided_by
        bank_account: name sort_code account_number service_user
        bank_account_change: name sort_code account_number
        bank_layout: title profile
        tax_operator: operator
        tax_report: operator operator_doc_type operator_doc_ref operator_corrects_ref message_ref
        served_area: outward
        linked_area: outward
        plugin_state: name settings last_error content_hash
        node_choice: value
    """,
    "of two circles, or of a node: keys, agreements and how the wire is doing": """
        invite: used_by for_node
        heard_circle: name place
        introduction: name place invite
        circle_bank: name sort_code account_number
        link: name place phone log token secret words words_before our_proposal their_proposal agreement agreement_before
              crossing narrowed narrowed_before caps node_id base_url moving_to
        link_wire: trouble
        link_alarm: detail evidence
        letter_out: type at
        letter_in: type
        pool_link: reading_after trouble
        key_change: node_id op head
        letter_subject: head_out head_in
        erasure_out: subjects reason told_how
        erasure_in: subjects reason
        visit: cover_circle
        referral_in: area wish
    """,
    "codes, references, digests and sums, in JSON or not": """
        job: payload error
        event: payload
        form_sent: went_to
        person: channel standing
        safe_contact: channel
        told: news channel
        standing_wish: ask_first
        worker: gender
        credential: how
        payer: fund
        bank_details_check: how
        bank_account_change: how
        line: origin funds worker_id
        account: guard
        settle_page: period hash evidence
        settle_entry: request
        circle_bank: how
        books_check: broken
        books_checkpoint: told
        payout_batch: bank
        payout_payment: reference
        payout_file: form
        payout_turn: name
        payout_left_out: reason
        payer_reference: reference
        statement_import: gaps
        bank_line_end: what about
        pattern: weekdays
        expense: shown
        money_question: stands part waits_for ended
        cover_request: machine ended_reason override_code
        my_offer: machine
        paper_series: name
        paper: series
        paper_item: item
        tax_report_seller: doc_type doc_ref corrects_ref quarters
        forgetting: kept
        decision: about
        decided_figure: name
        attempt: key
    """,
}
# A name that means a code, a reference, a digest or a secret of ours wherever it stands.
PLAIN = {
    "action", "answer", "chain", "code", "digest", "holder", "kid", "kind", "known_by", "line", "media_type", "nonce",
    "outcome", "prev", "reference", "role", "salt", "scope", "side", "signed_in_by", "state", "subject", "subject_id",
    "subject_kind", "thing_id", "thing_kind", "verdict", "via", "basis", "channel", "mark", "sender_mark",
}  # fmt: skip
PLAIN_ENDS = ("_hash", "_head", "_key", "_kid", "_mark", "_nonce", "_commitment", "_salt", "_via")


def fates() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for fate, listed in FATES.items():
        table = ""
        for word in listed.split():
            if word.endswith(":"):
                table = word[:-1]
            elif (table, word) not in found:
                found[table, word] = fate
    return found


def wordy(table: type[Table]) -> list[str]:
    """Its columns that can hold words: not ids, days, nor what is a code by its name."""
    return [
        column._meta.name
        for column in table._meta.columns
        if isinstance(column, Text | Varchar)
        and not isinstance(column, ForeignKey)
        and not (isinstance(column, Varchar) and column.length in (10, 36))
    ]


def test_of_every_column_somebody_has_said_what_becomes_of_its_words() -> None:
    said = fates()
    every = {(t._meta.tablename, name) for t in all_tables() for name in wordy(t)}
    plain = {(t, name) for t, name in every if name in PLAIN or name.endswith(PLAIN_ENDS) or name == "key"}
    assert sorted(every - plain - set(said)) == []
    assert sorted(set(said) - every) == []


PERSON = "person-1"
# A row is one of these where what it is matters to whoever deletes it.
STATES = {
    "letter_out": {"type": "cover.requested", "state": "acked"},
    "letter_read": {"verdict": "applied"},
    "enquiry": {"state": "new"},
    "referral_in": {"state": "new"},
    "introduction": {"role": "asked", "state": "yes"},
    "open_request": {"state": "open"},
}
JSON = {("open_request", "body"): '{"needs": {"own": "%s"}}'}
OF_PEOPLE = {GONE, MONEY, TAX, CLOCK, ACROSS}


def ours(name: str, fate: str) -> str:
    return f"Gwen {name} {fate[:5]}"


def row_of(table: type[Table], said: dict[tuple[str, str], str], at: datetime) -> dict[str, Any]:
    """One row about one person: everything that can hold words of theirs holds some."""
    name = table._meta.tablename
    tables = {t._meta.tablename for t in all_tables()}
    row: dict[str, Any] = {}
    for column in table._meta.columns:
        key = column._meta.name
        if isinstance(column, ForeignKey):
            other = column._foreign_key_meta.resolved_references._meta
            row[key] = f"{other.tablename}-1" if isinstance(other.primary_key, Varchar) else 1
        elif column is table._meta.primary_key:
            row[key] = f"{name}-1" if isinstance(column, Varchar) else 1
        elif said.get((name, key)) in OF_PEOPLE:
            row[key] = JSON.get((name, key), "%s") % ours(f"{name}.{key}", said[name, key])
        elif key in STATES.get(name, {}):
            row[key] = STATES[name][key]
        elif isinstance(column, Varchar) and column.length == 36:
            stem = key.removesuffix("_id")
            row[key] = f"{stem}-1" if stem in tables - {"person", "worker"} else PERSON
        elif key in ("reference", "subject"):
            row[key] = "ref"
        elif isinstance(column, Varchar) and column.length == 10:
            row[key] = at.date().isoformat()
        elif isinstance(column, Timestamptz):
            row[key] = None if column._meta.null else at.isoformat(sep=" ")
        elif key.endswith("_id"):
            row[key] = 1 if not isinstance(column, Text | Varchar) else PERSON
        else:
            row[key] = column.get_default_value()
    return row


def fill(folder: Path) -> None:
    """One row in every table, all of one person."""
    said = fates()
    with sqlite3.connect(folder / "node.sqlite") as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        for table in all_tables():
            row = row_of(table, said, MONDAY)
            names = ", ".join(f'"{name}"' for name in row)
            db.execute(
                f'INSERT INTO "{table._meta.tablename}" ({names}) VALUES ({", ".join("?" * len(row))})', [*row.values()]
            )


async def left() -> dict[str, set[str]]:
    """What can still be read of her, by what should become of it."""
    found: dict[str, set[str]] = {}
    said = fates()
    for table in all_tables():
        name = table._meta.tablename
        for row in await fetch(f'SELECT * FROM "{name}"'):
            for column in row.keys():  # noqa: SIM118
                if "Gwen" in str(row[column]):
                    found.setdefault(said[name, column], set()).add(f"{name}.{column}")
    return found


def every(*which: str) -> dict[str, set[str]]:
    return {fate: {".".join(key) for key, one in fates().items() if one == fate} for fate in which}


@pytest.fixture
async def full(tmp_path: Path) -> Any:
    await build("", tmp_path)
    fill(tmp_path)
    async with open_node(tmp_path) as node:
        async with write():
            await fetch("PRAGMA ignore_check_constraints = ON")
        yield node


async def test_whoever_is_forgotten_leaves_only_what_the_law_asks_for_and_that_goes_in_its_time(full: Any) -> None:
    assert await left() == every(GONE, MONEY, TAX, CLOCK, ACROSS)
    async with write():
        await erasing.erase(PERSON, frozenset({MONEY, TAX}))
    assert await left() == every(MONEY, TAX, CLOCK, ACROSS)
    async with write():
        await erasing.erase(PERSON, frozenset())
    assert await left() == every(CLOCK, ACROSS)
    async with write():
        # A second time changes nothing and fails at nothing.
        await erasing.erase(PERSON, frozenset())
    for years, gone in ((6, False), (8, True)):
        full.clock.set(MONDAY + timedelta(days=366 * years))
        await banking.let_go({})
        await drafts({})
        assert ("bank_words.text" in (await left()).get(CLOCK, ())) is not gone
    await referrals.let_go({})
    await introducing.tidy({})
    assert CLOCK not in await left()


async def test_what_another_circle_sent_goes_when_it_asks_and_nothing_else_does(full: Any) -> None:
    async with write():
        assert (await across.delete("another", ["ref"])).found is False
    assert await left() == every(GONE, MONEY, TAX, CLOCK, ACROSS)
    async with write():
        assert (await across.delete("link-1", ["ref", "cover_offer-1"])).found is True
    assert (await left()).get(ACROSS) is None


async def test_rows_that_are_never_changed_can_be_emptied_on_either_engine_and_the_books_hold(node: Node) -> None:
    """Where her money went stays while the law asks for it, and after that she has no account here."""
    circle = await open_circle()
    worker = circle.books.worker
    await circle.earns(worker, 5_000)
    await circle.details(worker)
    await circle.sent()
    for still, ending in ((frozenset({MONEY}), ["ends in 76"]), (frozenset[str](), [])):
        async with write():
            await erasing.erase(worker, still)
        assert [one.ending for one in (await details.current_details([worker])).values()] == ending
    assert [tuple(row) for row in await fetch("SELECT name, sort_code, account_number FROM bank_details")] == [
        ("",) * 3
    ]
    await verify_books()
    await audit.chain_tail({})
    await audit.verify()

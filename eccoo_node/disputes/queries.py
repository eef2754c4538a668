"""Reads of money that is in question. Each page reads a constant number of statements."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, locking, marks
from eccoo_node.disputes import rules
from eccoo_node.escrow.queries import Booking
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound

SHOWN = 100


class Question(msgspec.Struct, frozen=True):
    """One question about the money of a visit, with what is needed to say whom it concerns."""

    id: str
    visit_id: str
    line: str
    state: str
    stands: str
    side: str
    raised_by: str
    typed_by: str
    via: str
    part: str
    minutes: int
    fee_pence: int
    travel_pence: int
    apart_pence: int
    let_go_pence: int
    words: str
    raised_at: datetime
    waits_for: str
    next_at: datetime
    ended_at: datetime | None
    ended: str
    given_fee_pence: int
    given_travel_pence: int
    person_id: str
    team_id: str
    worker_id: str
    payer_person_id: str
    person_called: str
    worker_called: str
    payer_called: str
    starts_at: datetime
    ends_at: datetime

    @property
    def open(self) -> bool:
        return self.state == "open"

    @property
    def payer_says(self) -> bool:
        """Whether a split of it needs whoever pays: it costs them more, or they asked."""
        return self.stands == "more" or self.side == "payer"

    @property
    def whole_pence(self) -> int:
        return self.fee_pence + self.travel_pence

    @property
    def given_pence(self) -> int:
        return self.given_fee_pence + self.given_travel_pence


_QUESTION = """SELECT q.id, q.visit_id, q.line, q.state, q.stands, q.side, q.raised_by, q.typed_by, q.via, q.part, q.minutes,
 q.fee_pence, q.travel_pence, q.apart_pence, q.let_go_pence, q.words, q.raised_at, q.waits_for, q.next_at, q.ended_at,
 q.ended, q.given_fee_pence, q.given_travel_pence, v.person_id, v.team_id, COALESCE(v.worker_id, ''),
 COALESCE(y.payer_person_id, ''), p.called, COALESCE(w.called, ''), COALESCE(z.called, ''), v.starts_at, v.ends_at
 FROM money_question q JOIN visit v ON v.id = q.visit_id JOIN person p ON p.id = v.person_id
 LEFT JOIN person w ON w.id = v.worker_id LEFT JOIN payer y ON y.id = v.payer_id
 LEFT JOIN person z ON z.id = y.payer_person_id"""


def _question(row: Any) -> Question:
    return Question(*row)


async def question(question_id: str) -> Question:
    """Raises NotFound."""
    row = await fetch_one(f"{_QUESTION} WHERE q.id = ?", question_id)
    if row is None:
        raise NotFound("There is no such question.", "no_question")
    return _question(row)


async def lock_question(question_id: str) -> Question:
    """The question, held against others until the transaction ends; its visit first, as everywhere."""
    await fetch(
        f"SELECT id FROM visit WHERE id = (SELECT visit_id FROM money_question WHERE id = ?){locking()}", question_id
    )
    await fetch(f"SELECT id FROM money_question WHERE id = ?{locking()}", question_id)
    return await question(question_id)


async def of_visit(visit_id: str) -> list[Question]:
    """Every question about a visit, the newest first."""
    rows = await fetch(f"{_QUESTION} WHERE q.visit_id = ? ORDER BY q.raised_at DESC, q.id DESC", visit_id)
    return [_question(row) for row in rows]


async def open_of_visit(visit_id: str) -> Question | None:
    row = await fetch_one(f"{_QUESTION} WHERE q.visit_id = ? AND q.state = 'open'", visit_id)
    return _question(row) if row else None


async def open_for(person_id: str) -> list[Question]:
    """Open questions about someone's own visits, or what they pay, that wait for their side."""
    rows = await fetch(
        f"{_QUESTION} WHERE q.state = 'open' AND ((q.waits_for = 'worker' AND v.worker_id = ?) OR "
        "(q.waits_for = 'theirs' AND (v.person_id = ? OR y.payer_person_id = ?)) OR "
        "(q.waits_for = 'both' AND (v.worker_id = ? OR v.person_id = ?))) ORDER BY q.next_at LIMIT 20",
        *[person_id] * 5,
    )
    return [_question(row) for row in rows]


class PaidVisit(msgspec.Struct, frozen=True):
    """A visit whose money somebody has to do with."""

    id: str
    person_called: str
    worker_called: str
    starts_at: datetime
    ends_at: datetime


async def paid_visits(actor: Actor, since: datetime) -> list[PaidVisit]:
    """The visits since then whose money the reader has to do with, from either side, the newest first."""
    subject = actor.acting_for or actor.person_id
    rows = await fetch(
        "SELECT v.id, p.called, COALESCE(w.called, ''), v.starts_at, v.ends_at, v.person_id, v.team_id, "
        "COALESCE(v.worker_id, ''), COALESCE(y.payer_person_id, '') FROM visit v JOIN person p ON p.id = v.person_id "
        "LEFT JOIN person w ON w.id = v.worker_id LEFT JOIN payer y ON y.id = v.payer_id "
        "WHERE v.state IN ('said', 'settled') AND v.line <> '' AND v.cover_circle = '' AND v.starts_at > ? "
        f"AND (v.person_id = ? OR v.worker_id = ? OR y.payer_person_id = ?) ORDER BY v.starts_at DESC, v.id LIMIT {SHOWN}",
        since, subject, subject, subject,
    )  # fmt: skip
    return [
        PaidVisit(*list(row)[:5])
        for row in rows
        if access.may(actor, "disputes.agree", Thing("visit", row[0], row[5], row[6], row[7], row[8]))
    ]


async def any_open() -> bool:
    """Whether anything at all is in question."""
    return await fetch_one("SELECT id FROM money_question WHERE state = 'open' LIMIT 1") is not None


async def parties(questions: Sequence[Question]) -> dict[str, frozenset[str]]:
    """Who has a part in each question, by its id: the two sides and every payer, whoever raised it, the team, whoever
    speaks for any of them, and who said so themselves. Five statements, however many questions there are."""
    payers = await _pairs(
        "SELECT q.id, y.payer_person_id FROM money_question q JOIN line l ON l.reference = q.line "
        "JOIN line_fund f ON f.line_id = l.id JOIN payer y ON y.id = f.payer_id WHERE q.id IN ({})",
        {one.id for one in questions},
    )
    around = await _around({
        one.id: (one.team_id, {one.person_id, one.worker_id, one.payer_person_id} | payers.get(one.id, set()))
        for one in questions
    })  # fmt: skip
    aside = await _pairs(
        "SELECT question_id, person_id FROM money_interest WHERE question_id IN ({})", {one.id for one in questions}
    )
    found = {}
    for one in questions:
        named = {one.raised_by}
        # Whoever wrote down what somebody else said has not raised it.
        named |= {one.typed_by} if one.via not in {"phone", "paper"} else set()
        found[one.id] = frozenset((named | around[one.id] | aside.get(one.id, set())) - {""})
    return found


async def parties_of_lines(lines: Sequence[Booking]) -> dict[str, frozenset[str]]:
    """Who has a part in the money of these visits, by its reference: the two sides, every payer, the team, and whoever
    speaks for any of them. Four statements, however many lines there are."""
    references = {one.reference for one in lines}
    payers = await _pairs(
        "SELECT l.reference, y.payer_person_id FROM line l JOIN payer y ON y.id = l.payer_id OR y.id IN "
        "(SELECT f.payer_id FROM line_fund f WHERE f.line_id = l.id) WHERE l.reference IN ({})",
        references,
    )
    teams = await _pairs("SELECT id, team_id FROM visit WHERE id IN ({})", {ref.split(":")[1] for ref in references})
    found = await _around({
        one.reference: (
            next(iter(teams.get(one.reference.split(":")[1], {""}))),
            {one.person_id, one.worker_id} | payers.get(one.reference, set()),
        )
        for one in lines
    })  # fmt: skip
    return {reference: frozenset(people - {""}) for reference, people in found.items()}


async def _around(cases: dict[str, tuple[str, set[str]]]) -> dict[str, set[str]]:
    """The people of each case, with its team and with whoever speaks for any of them."""
    teams = await _pairs(
        "SELECT community_id, person_id FROM hat WHERE ended_at IS NULL AND community_id IN ({})",
        {team for team, _ in cases.values()},
    )
    speakers = await _pairs(
        "SELECT person_id, speaker_id FROM speaks_for WHERE ended_at IS NULL AND (until_at IS NULL OR until_at > ?) "
        "AND person_id IN ({})",
        {id_ for _, people in cases.values() for id_ in people if id_},
        clock.now(),
    )
    return {
        key: people | teams.get(team, set()) | {who for id_ in people for who in speakers.get(id_, ())}
        for key, (team, people) in cases.items()
    }


async def _pairs(sql: str, ids: set[str], *before: object) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, value in await fetch(sql.format(marks(sorted(ids))), *before, *sorted(ids)) if ids else []:
        found.setdefault(key, set()).add(value)
    return found


class Keeper(msgspec.Struct, frozen=True):
    """Somebody who has a say in the circle's money matters, or names who has."""

    id: str
    called: str
    role: str


_ROLES = ("treasurer", "convenor", "facilitator", "admin")


async def keepers() -> list[Keeper]:
    """Who keeps the books, convenes, helps and runs the circle, the longest-serving first."""
    now = clock.now()
    rows = await fetch(
        "SELECT h.person_id, p.called, h.role FROM hat h JOIN community c ON c.id = h.community_id "
        f"JOIN person p ON p.id = h.person_id WHERE c.kind = 'circle' AND h.role IN ({marks(_ROLES)}) "
        "AND p.standing <> 'died' AND h.ended_at IS NULL AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?) "
        "ORDER BY h.from_at, h.id",
        *_ROLES, now, now,
    )  # fmt: skip
    return [Keeper(*row) for row in rows]


def deciding(known: Sequence[Keeper], parties_: frozenset[str]) -> tuple[list[Keeper], bool]:
    """Who may decide, and whether it is the convenor in the treasurer's place."""
    free = [one for one in known if one.id not in parties_]
    treasurers = [one for one in free if one.role == "treasurer"]
    return (treasurers, False) if treasurers else ([one for one in free if one.role == "convenor"], True)


def thing_of(one: Question, parties_: frozenset[str], *, second: bool) -> Thing:
    """A question as rules see it."""
    kind = "question:second" if second else "question"
    return Thing(kind, one.id, one.person_id, one.team_id, one.worker_id, one.payer_person_id, parties=parties_)


async def thing(one: Question) -> Thing:
    found = (await parties([one]))[one.id]
    return thing_of(one, found, second=deciding(await keepers(), found)[1])


async def open_questions(actor: Actor) -> list[Question]:
    """Every open question that the reader may help with, the one that is looked at first first. Raises Forbidden."""
    access.requires(actor, "disputes.list", Thing("question"))
    rows = await fetch(f"{_QUESTION} WHERE q.state = 'open' ORDER BY q.next_at, q.id LIMIT {SHOWN}")
    found = [_question(row) for row in rows]
    known = await parties(found)
    return [one for one in found if access.may(actor, "disputes.help", thing_of(one, known[one.id], second=False))]


class Split(msgspec.Struct, frozen=True):
    """A split that somebody proposed, and the sides that have said yes to it."""

    id: int
    side: str
    by_id: str
    fee_pence: int
    travel_pence: int
    at: datetime
    yes: frozenset[str] = frozenset()

    @property
    def sum_pence(self) -> int:
        return self.fee_pence + self.travel_pence

    @property
    def needs(self) -> frozenset[str]:
        return rules.yes_needed(self.side) - self.yes


async def newest_split(question_id: str) -> Split | None:
    row = await fetch_one(
        "SELECT id, side, by_id, fee_pence, travel_pence, at FROM money_split WHERE question_id = ? "
        "ORDER BY id DESC LIMIT 1",
        question_id,
    )
    if row is None:
        return None
    yes = await fetch("SELECT side FROM split_yes WHERE split_id = ?", row[0])
    id_, side, by_id, fee, travel, at = row
    return Split(id_, side, by_id, fee, travel, at, frozenset(one[0] for one in yes))


class Step(msgspec.Struct, frozen=True):
    """One step of a question, as both sides read it."""

    at: datetime
    role: str
    kind: str
    sum_pence: int
    of_pence: int
    words: str


async def steps(question_id: str) -> list[Step]:
    """The whole of it in its order: the same for whoever may read it."""
    rows = await fetch(
        "SELECT at, role, kind, sum_pence, of_pence, words FROM question_step WHERE question_id = ? ORDER BY id",
        question_id,
    )
    return [Step(*row) for row in rows]


class Note(msgspec.Struct, frozen=True):
    at: datetime
    called: str
    words: str


async def notes(actor: Actor, one: Question, about: Thing) -> list[Note]:
    """What those who help keep for themselves; nothing for anybody else."""
    if not access.may(actor, "disputes.note", about):
        return []
    rows = await fetch(
        "SELECT n.at, p.called, n.words FROM question_note n JOIN person p ON p.id = n.by_id "
        "WHERE n.question_id = ? ORDER BY n.id",
        one.id,
    )
    return [Note(*row) for row in rows]

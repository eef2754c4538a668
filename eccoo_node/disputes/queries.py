"""Reads of money that is in question. Each page reads a constant number of statements."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, locking, marks
from eccoo_node.disputes import rules
from eccoo_node.escrow.queries import Booking
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members.payers import who_pays

SHOWN = 100


class Asked(msgspec.Struct, frozen=True):
    """One of those who asked a question, and the part that they mean."""

    side: str
    person_id: str
    by_id: str
    fee_pence: int
    travel_pence: int


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
    person_called: str
    worker_called: str
    starts_at: datetime
    ends_at: datetime
    # Everyone who pays for the visit, by their ids, with what they are called.
    payers: dict[str, str] = {}
    asked: tuple[Asked, ...] = ()

    @property
    def open(self) -> bool:
        return self.state == "open"

    @property
    def needed(self) -> frozenset[str]:
        """Whose yes a split of it needs."""
        asked = [(one.side, one.person_id) for one in self.asked]
        return rules.yes_needed(self.stands, asked, self.payers, self.worker_id)

    @property
    def whole_pence(self) -> int:
        return self.fee_pence + self.travel_pence


_QUESTION = """SELECT q.id, q.visit_id, q.line, q.state, q.stands, q.side, q.raised_by, q.typed_by, q.via, q.part, q.minutes,
 q.fee_pence, q.travel_pence, q.apart_pence, q.let_go_pence, q.words, q.raised_at, q.waits_for, q.next_at, q.ended_at,
 q.ended, q.given_fee_pence, q.given_travel_pence, v.person_id, v.team_id, COALESCE(v.worker_id, ''),
 p.called, COALESCE(w.called, ''), v.starts_at, v.ends_at
 FROM money_question q JOIN visit v ON v.id = q.visit_id JOIN person p ON p.id = v.person_id
 LEFT JOIN person w ON w.id = v.worker_id"""
# Each line with everyone who pays for it, in the order in which they gave.
_PAYERS = """SELECT {}, y.payer_person_id, z.called FROM line l LEFT JOIN line_fund f ON f.line_id = l.id
 JOIN payer y ON y.id = COALESCE(f.payer_id, l.payer_id) JOIN person z ON z.id = y.payer_person_id {} ORDER BY l.id, f.id"""


async def _questions(rows: Sequence[Any]) -> list[Question]:
    """With whoever pays and whoever asked: a constant number of statements, however many there are."""
    found = [Question(*row) for row in rows]
    ids, payers, asked = [one.id for one in found], dict[str, dict[str, str]](), dict[str, list[Asked]]()
    if not ids:
        return []
    joined = f"JOIN money_question q ON q.line = l.reference WHERE q.id IN ({marks(ids)})"
    for id_, person_id, called in await fetch(_PAYERS.format("q.id", joined), *ids):
        payers.setdefault(id_, {})[person_id] = called
    for row in await fetch(
        "SELECT question_id, side, person_id, by_id, fee_pence, travel_pence FROM money_ask "
        f"WHERE rested_at IS NULL AND question_id IN ({marks(ids)}) ORDER BY id",
        *ids,
    ):
        asked.setdefault(row[0], []).append(Asked(*list(row)[1:]))
    unpaid = [one for one in found if not one.line]
    pays = await who_pays(one.person_id for one in unpaid) if unpaid else {}
    payers |= {one.id: {by.payer_person_id: by.called for by in pays.get(one.person_id, ())} for one in unpaid}
    return [
        msgspec.structs.replace(one, payers=payers.get(one.id, {}), asked=tuple(asked.get(one.id, ()))) for one in found
    ]


async def payers_of_line(reference: str) -> frozenset[str]:
    """Everyone who pays for this line."""
    return frozenset(row[1] for row in await fetch(_PAYERS.format("l.id", "WHERE l.reference = ?"), reference))


async def question(question_id: str) -> Question:
    """Raises NotFound."""
    row = await fetch_one(f"{_QUESTION} WHERE q.id = ?", question_id)
    if row is None:
        raise NotFound("There is no such question.", "no_question")
    return (await _questions([row]))[0]


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
    return await _questions(rows)


async def open_of_visit(visit_id: str) -> Question | None:
    rows = await fetch(f"{_QUESTION} WHERE q.visit_id = ? AND q.state = 'open'", visit_id)
    return next(iter(await _questions(rows)), None)


# The lines that somebody pays for, alone or with others.
_PAID_BY = (
    "SELECT l.reference FROM line l LEFT JOIN line_fund f ON f.line_id = l.id "
    "JOIN payer y ON y.id = COALESCE(f.payer_id, l.payer_id) WHERE y.payer_person_id = ?"
)


async def open_for(person_id: str) -> list[Question]:
    """Open questions about someone's own visits, or what they pay, that wait for their side."""
    rows = await fetch(
        f"{_QUESTION} WHERE q.state = 'open' AND ((q.waits_for IN ('worker', 'both') AND v.worker_id = ?) OR "
        f"(q.waits_for IN ('theirs', 'both') AND (v.person_id = ? OR q.line IN ({_PAID_BY})))) "
        "ORDER BY q.next_at LIMIT 20",
        *[person_id] * 3,
    )
    return await _questions(rows)


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
        f"COALESCE(v.worker_id, ''), CASE WHEN v.line IN ({_PAID_BY}) THEN CAST(? AS VARCHAR) ELSE '' END "
        "FROM visit v JOIN person p ON p.id = v.person_id LEFT JOIN person w ON w.id = v.worker_id "
        "WHERE v.state IN ('said', 'settled') AND v.line <> '' AND v.cover_circle = '' AND v.starts_at > ? "
        f"AND (v.person_id = ? OR v.worker_id = ? OR v.line IN ({_PAID_BY})) ORDER BY v.starts_at DESC, v.id LIMIT {SHOWN}",
        subject, subject, since, subject, subject, subject,
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
    speaks for any of them, and who said so themselves. Three statements, however many questions there are."""
    around = await _around({
        one.id: (one.team_id, {one.person_id, one.worker_id, *one.payers}, one.starts_at)
        for one in questions
    })  # fmt: skip
    aside = await _pairs(
        "SELECT question_id, person_id FROM money_interest WHERE question_id IN ({})", {one.id for one in questions}
    )
    found = {}
    for one in questions:
        named = {one.raised_by} | {asked.person_id for asked in one.asked}
        # Whoever wrote down what somebody else said has not raised it.
        named |= {one.typed_by} if one.via not in {"phone", "paper"} else set()
        found[one.id] = frozenset((named | around[one.id] | aside.get(one.id, set())) - {""})
    return found


async def parties_of_lines(lines: Sequence[Booking]) -> dict[str, frozenset[str]]:
    """Who has a part in the money of these visits, by its reference: the two sides, every payer, the team, and whoever
    speaks for any of them. Four statements, however many lines there are."""
    references = {one.reference for one in lines}
    payers = await _pairs(
        "SELECT l.reference, y.payer_person_id FROM line l LEFT JOIN line_fund f ON f.line_id = l.id "
        "JOIN payer y ON y.id = COALESCE(f.payer_id, l.payer_id) WHERE l.reference IN ({})",
        references,
    )
    ids = sorted({ref.split(":")[1] for ref in references})
    rows = await fetch(f"SELECT id, team_id, starts_at FROM visit WHERE id IN ({marks(ids)})", *ids) if ids else []
    visits = {row[0]: (row[1], as_time(row[2]) or clock.now()) for row in rows}
    found = {}
    for one in lines:
        team_id, began = visits.get(one.reference.split(":")[1], ("", clock.now()))
        found[one.reference] = (team_id, {one.person_id, one.worker_id} | payers.get(one.reference, set()), began)
    around = await _around(found)
    return {reference: frozenset(people - {""}) for reference, people in around.items()}


async def _around(cases: dict[str, tuple[str, set[str], datetime]]) -> dict[str, set[str]]:
    """The people of each case, with its team and with whoever speaks for any of them, or did when the visit began or since:
    who stopped speaking before it is decided has had their part in it."""
    teams = await _pairs(
        "SELECT community_id, person_id FROM hat WHERE ended_at IS NULL AND community_id IN ({})",
        {team for team, *_ in cases.values()},
    )
    spoke: dict[str, list[tuple[str, datetime | None]]] = {}
    everyone = sorted({id_ for _, people, _ in cases.values() for id_ in people if id_})
    for person_id, speaker_id, until, ended in await fetch(
        f"SELECT person_id, speaker_id, until_at, ended_at FROM speaks_for WHERE person_id IN ({marks(everyone)})", *everyone
    ) if everyone else []:  # fmt: skip
        ends = [at for at in (as_time(until), as_time(ended)) if at]
        spoke.setdefault(person_id, []).append((speaker_id, min(ends) if ends else None))
    return {
        key: people
        | teams.get(team, set())
        | {
            who
            for id_ in people
            for who, until in spoke.get(id_, ())
            if until is None or until > min(began, clock.now())
        }
        for key, (team, people, began) in cases.items()
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
    return Thing(
        kind, one.id, one.person_id, one.team_id, one.worker_id, next(iter(one.payers), ""), parties=parties_,
        payers=frozenset(one.payers),
    )  # fmt: skip


async def thing(one: Question) -> Thing:
    found = (await parties([one]))[one.id]
    return thing_of(one, found, second=deciding(await keepers(), found)[1])


async def open_questions(actor: Actor) -> list[Question]:
    """Every open question that the reader may help with, the one that is looked at first first. Raises Forbidden."""
    return await _to_help(actor, f"q.state = 'open' ORDER BY q.next_at, q.id LIMIT {SHOWN}")


async def decided_lately(actor: Actor) -> list[Question]:
    """The last few that somebody of the circle decided, of those the reader may help with. Raises Forbidden."""
    return (await _to_help(actor, "q.ended = 'resolved' ORDER BY q.ended_at DESC, q.id DESC LIMIT 20"))[:5]


async def _to_help(actor: Actor, which: str) -> list[Question]:
    access.requires(actor, "disputes.list", Thing("question"))
    found = await _questions(await fetch(f"{_QUESTION} WHERE {which}"))
    known = await parties(found)
    return [one for one in found if access.may(actor, "disputes.help", thing_of(one, known[one.id], second=False))]


class Split(msgspec.Struct, frozen=True):
    """A split that somebody proposed, and whose yes it has: that of whoever proposed it, and those who said so since."""

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
    by_id: str = ""


async def steps(question_id: str) -> list[Step]:
    """The whole of it in its order: the same for whoever may read it."""
    rows = await fetch(
        "SELECT at, role, kind, sum_pence, of_pence, words, by_id FROM question_step WHERE question_id = ? ORDER BY id",
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

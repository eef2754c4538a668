"""Reads of the week. Each is one statement however many visits there are."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, locking, marks
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.kernel.money import price_pence
from eccoo_node.members import queries as members


class Visit(msgspec.Struct, frozen=True):
    """A visit as pages and rules need it. Money in pence, times in UTC."""

    id: str
    team_id: str
    person_id: str
    worker_id: str | None
    payer_id: str | None
    starts_at: datetime
    ends_at: datetime
    what: str
    address: str
    cannot_be_missed: bool
    state: str
    rate_pence: int
    fee_pence: int
    travel_pence: int
    travel_minutes: int
    miles: int
    mileage_pence: int
    cancel_hours: int
    cancel_bps: int
    line: str
    cover_name: str
    cover_circle: str
    settles_at: datetime | None
    person_called: str
    worker_called: str | None
    standing: str
    unpaid_at: datetime | None
    agreed_at: datetime
    pattern_id: str | None = None
    owed_pence: int = 0

    @property
    def paid(self) -> bool:
        return self.rate_pence > 0

    @property
    def on_the_way_pence(self) -> int:
        """The part of the fee that is for the time on the way."""
        return price_pence(self.rate_pence, self.travel_minutes)

    def fee_for(self, minutes: int) -> int:
        """What is due for a visit of so many minutes: whoever came has come the whole way."""
        return price_pence(self.rate_pence, minutes) + self.on_the_way_pence if minutes else 0

    @property
    def thing(self) -> Thing:
        return Thing("visit", self.id, self.person_id, self.team_id, self.worker_id or "")

    @property
    def who(self) -> str:
        """The first name of whoever is coming; empty when nobody is."""
        if self.state == "gap":
            return ""
        return self.cover_name or self.worker_called or ""


_COLUMNS = """v.id, v.team_id, v.person_id, v.worker_id, v.payer_id, v.starts_at, v.ends_at, v.what, v.address,
 v.cannot_be_missed, v.state, v.rate_pence, v.fee_pence, v.travel_pence, v.travel_minutes,
 v.miles, v.mileage_pence, v.cancel_hours, v.cancel_bps, v.line,
 v.cover_name, v.cover_circle, v.settles_at, p.called, w.called, p.standing, v.unpaid_at, v.agreed_at, v.pattern_id,
 v.owed_pence"""
_FROM = "FROM visit v JOIN person p ON p.id = v.person_id LEFT JOIN person w ON w.id = v.worker_id"


async def thing_of(visit: Visit, *, payer: bool = False) -> Thing:
    """A visit as the rules of cover and of its money see it: with the paid workers of the team, and whoever pays where asked."""
    payer_id, payers = "", frozenset[str]()
    if payer and visit.payer_id:
        rows = await fetch(
            "SELECT id, payer_person_id FROM payer WHERE id = ? OR id IN (SELECT f.payer_id FROM line_fund f "
            "JOIN line l ON l.id = f.line_id WHERE l.reference = ?)",
            visit.payer_id,
            visit.line,
        )
        payer_id = next((row[1] for row in rows if row[0] == visit.payer_id), "")
        payers = frozenset(row[1] for row in rows)
    paid = await members.paid_workers_of(visit.team_id)
    return Thing(
        "visit", visit.id, visit.person_id, visit.team_id, visit.worker_id or "", payer_id, "", paid, payers=payers
    )


async def pay_ahead_for(visit: Visit) -> set[str]:
    """The people who pay for a visit ahead. Whoever pays after it has their invoice."""
    rows = await fetch(
        "SELECT DISTINCT y.payer_person_id FROM payer y WHERE y.arrears = ? AND (y.id = ? OR y.id IN "
        "(SELECT f.payer_id FROM line_fund f JOIN line l ON l.id = f.line_id WHERE l.reference = ?))",
        False, visit.payer_id, visit.line,
    )  # fmt: skip
    return {row[0] for row in rows} if visit.paid else set()


async def visit(visit_id: str) -> Visit:
    """Raises NotFound."""
    row = await fetch_one(f"SELECT {_COLUMNS} {_FROM} WHERE v.id = ?", visit_id)
    if row is None:
        raise NotFound()
    return Visit(*row)


async def lock_visit(visit_id: str) -> Visit:
    """The visit, held against others until the transaction ends. Inside `write()`."""
    await fetch(f"SELECT id FROM visit WHERE id = ?{locking()}", visit_id)
    return await visit(visit_id)


async def visits(where: str, *params: object, limit: int = 500) -> list[Visit]:
    rows = await fetch(f"SELECT {_COLUMNS} {_FROM} WHERE {where} ORDER BY v.starts_at, v.id LIMIT ?", *params, limit)
    return [Visit(*row) for row in rows]


async def week_of_person(person_id: str, start: datetime, end: datetime) -> list[Visit]:
    return await visits("v.person_id = ? AND v.starts_at >= ? AND v.starts_at < ?", person_id, start, end)


async def to_say(worker_id: str, now: datetime) -> list[Visit]:
    """Visits of a worker that have ended and of which nothing was said."""
    return await visits("v.worker_id = ? AND v.state = 'planned' AND v.ends_at <= ?", worker_id, now)


# An answer that is older than the worker's own word was to another question: the two differ, so it is asked again.
_ANSWERED = (
    "EXISTS (SELECT 1 FROM said s WHERE s.visit_id = v.id AND s.side = 'person' AND NOT EXISTS "
    "(SELECT 1 FROM said w WHERE w.visit_id = v.id AND w.side = 'worker' AND w.said_at > s.said_at))"
)


async def to_answer(person_ids: Sequence[str]) -> list[Visit]:
    """Visits whose worker has said how it went, and who waits for the person."""
    return await visits(
        f"v.person_id IN ({marks(person_ids)}) AND v.state = 'said' AND NOT {_ANSWERED}",
        *person_ids,
    )


async def answered(visit_ids: Sequence[str]) -> frozenset[str]:
    """Those of these visits that the person has answered for."""
    if not visit_ids:
        return frozenset()
    rows = await fetch(
        f"SELECT v.id FROM visit v WHERE v.state = 'said' AND v.id IN ({marks(visit_ids)}) AND {_ANSWERED}", *visit_ids
    )
    return frozenset(row[0] for row in rows)


async def gaps(person_ids: Sequence[str], now: datetime) -> list[Visit]:
    return await visits(f"v.person_id IN ({marks(person_ids)}) AND v.state = 'gap' AND v.ends_at > ?", *person_ids, now)


async def busy(worker_ids: Sequence[str], starts_at: datetime, ends_at: datetime) -> frozenset[str]:
    """Which of these workers already have a visit that overlaps."""
    rows = await fetch(
        f"SELECT DISTINCT worker_id FROM visit WHERE worker_id IN ({marks(worker_ids)}) "
        "AND state IN ('planned', 'said', 'settled') AND starts_at < ? AND ends_at > ?",
        *worker_ids,
        ends_at,
        starts_at,
    )
    return frozenset(row[0] for row in rows)


class SaidRow(msgspec.Struct, frozen=True):
    side: str
    answer: str
    minutes: int
    words: str
    said_by: str
    via: str
    said_at: datetime


async def said(visit_id: str) -> dict[str, SaidRow]:
    """The newest word of each side."""
    rows = await fetch(
        "SELECT side, answer, minutes, words, said_by, via, said_at FROM said WHERE visit_id = ? ORDER BY said_at, id",
        visit_id,
    )
    return {row[0]: SaidRow(*row) for row in rows}


async def said_minutes(visit_ids: Sequence[str]) -> dict[str, list[int]]:
    """How long visits were by what either side said, the newest first."""
    rows = await fetch(
        f"SELECT visit_id, minutes FROM said WHERE visit_id IN ({marks(visit_ids)}) ORDER BY said_at DESC, id DESC",
        *visit_ids,
    )
    found: dict[str, list[int]] = {}
    for visit_id, minutes in rows:
        found.setdefault(visit_id, []).append(minutes)
    return found


class ToldRow(msgspec.Struct, frozen=True):
    """Who was told what, by which way, and whether it has reached them."""

    id: str
    person_id: str
    called: str
    visit_id: str | None
    about_id: str
    news: str
    channel: str
    at: datetime
    told_at: datetime | None


_TOLD = """SELECT t.id, t.person_id, p.called, t.visit_id, t.about_id, t.news, t.channel, t.at, t.told_at
 FROM told t JOIN person p ON p.id = t.person_id"""


async def told_about(visit_id: str) -> list[ToldRow]:
    rows = await fetch(f"{_TOLD} WHERE t.visit_id = ? ORDER BY t.at, t.id", visit_id)
    return [ToldRow(*row) for row in rows]


async def coming_up(person_id: str, now: datetime, limit: int = 4, *, by: bool = True) -> list[Visit]:
    """The next visits of someone: to them, and, unless the reader only speaks for them, by them."""
    return await visits(
        "((v.person_id = ? AND v.state IN ('planned', 'covered', 'gap')) OR (v.worker_id = ? AND v.state = 'planned')) "
        "AND v.ends_at > ?",
        person_id,
        person_id if by else "",
        now,
        limit=limit,
    )


async def visits_named(ids: Sequence[str]) -> list[Visit]:
    """These visits, in the order of their days."""
    return await visits(f"v.id IN ({marks(ids)})", *ids, limit=len(ids))


async def week_of(person_id: str, start: datetime, end: datetime, *, by: bool = True) -> list[Visit]:
    """Everything of someone's week: the visits to them and, unless the reader only speaks for them, those they make."""
    where = "(v.person_id = ? OR v.worker_id = ?) AND v.starts_at >= ? AND v.starts_at < ?"
    return await visits(where, person_id, person_id if by else "", start, end)


async def gaps_everywhere(now: datetime) -> list[Visit]:
    """Where nobody is coming, in the whole circle; for facilitators."""
    return await visits("v.state = 'gap' AND v.ends_at > ?", now, limit=50)


async def same_worker_near(visit: Visit, until: datetime, now: datetime) -> list[Visit]:
    """The visits that a worker who can't come to this one may mean too: those of that day and the next."""
    return await visits(
        "v.worker_id = ? AND v.state = 'planned' AND v.starts_at > ? AND v.starts_at < ? AND v.ends_at >= ?",
        visit.worker_id,
        now,
        until,
        visit.starts_at,
    )


class News(msgspec.Struct, frozen=True):
    """One piece of news with all that its sentence needs: for whom, about which visit, and how it may reach them."""

    id: str
    person_id: str
    called: str
    phone: str
    channel: str
    news: str
    about_id: str
    about_called: str
    at: datetime
    told_at: datetime | None
    visit_id: str | None = None
    visit_person_id: str = ""
    visit_person: str = ""
    worker: str = ""
    cover_name: str = ""
    starts_at: datetime | None = None
    safe: bool = True
    leave_message: bool = False
    agreed_words: str = ""
    note: str = ""
    visit_worker_id: str = ""
    settles_at: datetime | None = None
    charge_pence: int = 0


_NEWS = """SELECT t.id, t.person_id, p.called, p.phone, t.channel, t.news, t.about_id, COALESCE(a.called, ''), t.at,
 t.told_at, t.visit_id, COALESCE(v.person_id, ''), COALESCE(o.called, ''), COALESCE(w.called, ''),
 COALESCE(v.cover_name, ''), v.starts_at, COALESCE(s.safe, TRUE), COALESCE(s.leave_message, FALSE),
 COALESCE(s.agreed_words, ''), COALESCE(s.note, ''), COALESCE(v.worker_id, ''), v.settles_at,
 CASE WHEN t.news = 'charge' THEN (SELECT CAST(COALESCE(SUM(CASE WHEN f.id IS NULL
 THEN l.fee_pence + l.contribution_pence + l.travel_pence ELSE f.amount_pence END), 0) AS BIGINT)
 FROM line l LEFT JOIN line_fund f ON f.line_id = l.id JOIN payer y ON y.id = COALESCE(f.payer_id, l.payer_id)
 WHERE l.reference = v.line AND y.payer_person_id = t.person_id) ELSE 0 END
 FROM told t JOIN person p ON p.id = t.person_id LEFT JOIN person a ON a.id = t.about_id
 LEFT JOIN visit v ON v.id = t.visit_id LEFT JOIN person o ON o.id = v.person_id LEFT JOIN person w ON w.id = v.worker_id
 LEFT JOIN safe_contact s ON s.person_id = t.person_id AND s.channel = t.channel"""


# What family and those who spoke for the person were told stays theirs only while a yes does: it can be withdrawn, and
# they are not told. What someone is told as a worker, a payer or a facilitator is not touched.
_TAKEN_BACK = """t.news IN ('gap', 'gap_again', 'nobody_came', 'stopped', 'coming', 'how_did_it_go', 'offer', 'nobody_near', 'no_news',
 'not_sure', 'not_after_all', 'no_word', 'price_no',
 'money_question', 'money_split', 'money_settled', 'money_waits', 'money_goes_on') AND t.person_id <> v.person_id AND t.person_id <> COALESCE(v.worker_id, '')
 AND (EXISTS (SELECT 1 FROM hat h WHERE h.person_id = t.person_id AND h.community_id = v.team_id AND h.role = 'family')
 OR EXISTS (SELECT 1 FROM speaks_for f WHERE f.speaker_id = t.person_id AND f.person_id = v.person_id))
 AND NOT EXISTS (SELECT 1 FROM speaks_for f WHERE f.speaker_id = t.person_id AND f.person_id = v.person_id
 AND f.ended_at IS NULL AND (f.until_at IS NULL OR f.until_at > ?))
 AND NOT EXISTS (SELECT 1 FROM hat h WHERE h.person_id = t.person_id AND h.ended_at IS NULL
 AND (h.role = 'facilitator' OR (h.community_id = v.team_id AND h.role IN ('owner', 'coordinator', 'worker'))))"""
# A piece of news about no visit is nobody's but theirs.
_STILL_THEIRS = f"(t.visit_id IS NULL OR NOT ({_TAKEN_BACK}))"


def _news(row: Sequence[object]) -> News:
    values = list(row)
    values[16:18] = [bool(values[16]), bool(values[17])]
    return News(*values)  # type: ignore[arg-type]


# Whether a question about money still waits for this reader: it is open, it is their side's turn, and the newest split has not
# their yes. What a facilitator was asked to do about it holds while it is open.
_WAITS_FOR_THEM = (
    "EXISTS (SELECT 1 FROM money_question q WHERE q.id = t.about_id AND q.state = 'open' AND (t.news LIKE 'money_to_%' OR "
    "(q.waits_for IN ('both', CASE WHEN v.worker_id = t.person_id THEN 'worker' ELSE 'theirs' END) AND NOT EXISTS "
    "(SELECT 1 FROM split_yes y WHERE y.split_id = (SELECT MAX(m.id) FROM money_split m WHERE m.question_id = q.id) AND "
    "(y.by_id = t.person_id OR y.side = t.person_id OR (y.side = 'theirs' AND v.person_id = t.person_id))))))"
)
# What has been overtaken: a batch that may be sent and is, a change of our account that somebody has seen to.
_STILL_SO = (
    "NOT (t.news = 'batch_approved' AND EXISTS (SELECT 1 FROM payout_batch b WHERE b.id = t.about_id "
    "AND (b.filed_at IS NOT NULL OR b.ended_at IS NOT NULL))) AND NOT (t.news = 'account_asked' AND EXISTS "
    "(SELECT 1 FROM bank_account_change g WHERE g.id = t.about_id AND g.state <> 'waits')) "
    f"AND (t.news NOT IN ('money_question', 'money_split', 'money_to_ring', 'money_to_decide') OR {_WAITS_FOR_THEM})"
)


async def news_of(person_id: str, since: datetime, limit: int = 20) -> list[News]:
    """What someone was told and may still know, the newest first."""
    rows = await fetch(
        f"{_NEWS} WHERE t.person_id = ? AND t.at >= ? AND {_STILL_THEIRS} AND {_STILL_SO} ORDER BY t.at DESC, t.id LIMIT ?",
        person_id,
        since,
        clock.now(),
        limit,
    )
    return [_news(row) for row in rows]


async def news_to_bring(limit: int = 50) -> list[News]:
    """News that waits for a facilitator to ring, write or call round; not what facilitators themselves were told."""
    rows = await fetch(
        f"{_NEWS} WHERE t.told_at IS NULL AND NOT EXISTS (SELECT 1 FROM hat h JOIN community c ON c.id = h.community_id "
        "WHERE h.person_id = t.person_id AND c.kind = 'circle' AND h.role = 'facilitator' AND h.ended_at IS NULL) "
        # Nobody is rung who has died, and what has been overtaken needs no telephone call.
        "AND p.standing <> 'died' "
        "AND NOT (t.news IN ('gap', 'gap_again', 'offer', 'no_news', 'nobody_near', 'costs_more', 'price_no', 'not_after_all', 'no_word', 'asked') "
        f"AND v.state <> 'gap') AND NOT (t.news = 'how_did_it_go' AND (v.state <> 'said' OR {_ANSWERED})) "
        "AND NOT (t.news = 'say_how_it_went' AND v.state <> 'planned') "
        "AND NOT (t.news LIKE 'not_paid_for%' AND (v.line <> '' OR (v.state = 'stopped' AND v.owed_pence = 0))) "
        "AND NOT (t.news IN ('coming', 'coming_by_phone', 'not_sure') AND v.ends_at <= ?) "
        f"AND {_STILL_THEIRS} AND {_STILL_SO} ORDER BY t.at, t.id LIMIT ?",
        clock.now(),
        clock.now(),
        limit,
    )
    return [_news(row) for row in rows]


async def one_news(told_id: str) -> News:
    """Raises NotFound."""
    row = await fetch_one(f"{_NEWS} WHERE t.id = ?", told_id)
    if row is None:
        raise NotFound()
    return _news(row)

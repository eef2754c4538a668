"""The doors of being forgotten: asking, taking it back, doing it here, and asking every linked circle that was told.

The node signs what goes to other circles, never the one who leaves: nothing of theirs is needed for it any more.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import bodies
from eccoo_node.agreements import erasing as _agreements
from eccoo_node.banking import erasing as _banking
from eccoo_node.cover import erasing as _cover
from eccoo_node.db import bound, jobs
from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert, locking
from eccoo_node.disputes import erasing as _disputes
from eccoo_node.escrow import erasing as _escrow
from eccoo_node.expenses import erasing as _expenses
from eccoo_node.hmrc import erasing as _hmrc
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import erasing as across
from eccoo_node.links import letters
from eccoo_node.members import erasing as home
from eccoo_node.papers import erasing as _papers
from eccoo_node.payouts import erasing as _payouts
from eccoo_node.pools import erasing as _pools
from eccoo_node.privacy import queries, rules
from eccoo_node.privacy.queries import Wish
from eccoo_node.privacy.tables import ErasureOut, Forgetting
from eccoo_node.record.door import Act, door
from eccoo_node.rota import erasing as _rota

# Imported so that each registers what it keeps and deletes.
DOMAINS = (
    _agreements, _banking, _cover, _disputes, _escrow, _expenses, _hmrc, _papers, _payouts, _pools, _rota,
)  # fmt: skip
TOO_LATE = "That was done already: nothing is left that could be kept."


@door("privacy.ask")
async def ask(act: Act, *, person_id: str) -> str:
    """Ask to be forgotten; the wish's id. For a few days it can be taken back; a second asking changes nothing."""
    act.allow(await queries.thing_of(person_id))
    standing = await queries.standing(person_id)
    if standing:
        return standing.id
    now = clock.now()
    row = Forgetting(
        person_id=person_id, asked_by=act.actor.person_id, asked_via=act.actor.via, known_by=act.actor.known_by,
        asked_at=now, due_at=now + rules.THINK,
    )  # fmt: skip
    await insert(row)
    await jobs.add("privacy.forget", str(row.id), run_at=now + rules.THINK, wish=str(row.id))
    await act.tell("privacy.asked", "forgetting", str(row.id))
    return str(row.id)


@door("privacy.take_back")
async def take_back(act: Act, *, person_id: str) -> None:
    """Stay after all. Raises Conflict once it was done."""
    act.allow(await queries.thing_of(person_id))
    standing = await queries.standing(person_id)
    if standing is None:
        return
    wish = await queries.wish(standing.id)
    if wish is None or wish.gone_at is not None:
        raise Conflict(TOO_LATE, "too_late")
    await fetch("UPDATE forgetting SET state = 'taken_back' WHERE id = ?", wish.id)
    await jobs.cancel("privacy.forget", wish.id)
    await act.tell("privacy.taken_back", "forgetting", wish.id)


@door("privacy.forget")
async def forget(act: Act, *, wish_id: str) -> datetime | None:
    """Delete what may be deleted now; when to look again at the rest. May run as often as one likes."""
    act.allow(Thing("forgetting", wish_id))
    wish, now = await queries.wish(wish_id), clock.now()
    if wish is None or wish.state == "taken_back" or wish.due_at > now:
        return None
    kept = await home.kept(wish.person_id)
    told = msgspec.json.encode(kept).decode()
    if wish.gone_at is None and any(one.whole for one in kept):
        await fetch("UPDATE forgetting SET state = 'waits', kept = ? WHERE id = ?", told, wish.id)
        return now + rules.AGAIN
    if wish.gone_at is None:
        await _ask_circles(wish)
        await act.tell("privacy.gone", "forgetting", wish.id)
    await home.erase(wish.person_id, frozenset(one.reason for one in kept))
    await fetch(
        "UPDATE forgetting SET state = 'gone', kept = ?, gone_at = COALESCE(gone_at, ?) WHERE id = ?",
        told,
        now,
        wish.id,
    )
    await wipe_soon()
    if await fetch_value("SELECT 1 FROM erasure_out WHERE forgetting_id = ? AND state = 'asked' LIMIT 1", wish.id):
        # A letter on its way keeps its bytes until it is answered; then it is forgotten too.
        return now + rules.AGAIN
    return kept[0].until if kept else None


async def _ask_circles(wish: Wish) -> None:
    for told, subjects in (await across.references(wish.person_id)).items():
        link_id = await across.stands_for(told)
        for at in range(0, len(subjects), rules.MOST_SUBJECTS):
            some = subjects[at : at + rules.MOST_SUBJECTS]
            id_ = new_id()
            letter = await _send_request(link_id, id_, some)
            await insert(
                ErasureOut(
                    id=id_, forgetting_id=wish.id, link_id=link_id, subjects=msgspec.json.encode(some).decode(),
                    letter_id=letter, asked_at=clock.now(),
                )
            )  # fmt: skip


async def _send_request(link_id: str, erasure: str, subjects: list[str]) -> str:
    body = bodies.ErasureRequested(erasure=erasure, subjects=tuple(subjects))
    letter = await letters.send(link_id, body.TYPE, erasure, body.as_wire())
    # Its answer comes as a letter: there is no state to pull.
    await letters.finish(link_id, erasure)
    return letter


@door("privacy.chase")
async def chase(act: Act) -> None:
    """Whoever has not answered, or has let their own day pass, is asked again, under the same name."""
    act.allow(Thing("forgetting"))
    now = clock.now()
    rows = await fetch(
        "SELECT e.id, e.link_id, e.subjects FROM erasure_out e WHERE e.asked_at <= ? AND (e.state = 'asked' OR "
        "(e.state = 'kept' AND e.keep_until <= ?)) AND NOT EXISTS (SELECT 1 FROM letter_out o "
        "WHERE o.link_id = e.link_id AND o.event_id = e.letter_id AND o.state IN ('waiting', 'sent')) ORDER BY e.asked_at LIMIT 200",
        now - rules.ASK_AGAIN, now - rules.GRACE,
    )  # fmt: skip
    for row in rows:
        letter = await _send_request(row["link_id"], row["id"], msgspec.json.decode(row["subjects"]))
        await fetch(
            "UPDATE erasure_out SET letter_id = ?, asked_at = ?, times = times + 1 WHERE id = ?", letter, now, row["id"]
        )


@door("privacy.told")
async def told(act: Act, *, erasure: str, how: str, words: str) -> None:
    """People of a circle whose link has ended said that it is deleted there, or nobody is there any more: it is asked no
    more. Never a receipt: one that still comes takes its place.

    `how` is one of `rules.TOLD_HOW`, `words` who said so and when. Raises NotFound, Invalid, and Conflict while the link
    stands, because then their node answers itself. A second press changes nothing.
    """
    act.allow(Thing("erasure", erasure))
    await fetch(f"SELECT id FROM erasure_out WHERE id = ?{locking()}", erasure)
    row = await fetch_one(
        "SELECT e.state, e.link_id, e.forgetting_id, l.state AS standing FROM erasure_out e JOIN link l ON l.id = e.link_id "
        "WHERE e.id = ?",
        erasure,
    )
    if row is None:
        raise NotFound("There is nothing that this circle was asked to delete.", "no_erasure")
    if row["state"] in {"done", "told"}:
        return
    if row["standing"] != "ended":
        raise Conflict("While the link stands, their node is asked and answers by itself.", "link_stands")
    if how not in rules.TOLD_HOW:
        raise Invalid("Choose what you heard.", "no_answer", field="how")
    if not words.strip():
        raise Invalid("Write who said so, and when.", "no_reason", field="words")
    act.because(words.strip())
    await fetch(
        "UPDATE erasure_out SET state = 'told', told_how = ?, told_by = ?, told_at = ? WHERE id = ?",
        how, act.actor.person_id, clock.now(), erasure,
    )  # fmt: skip
    await look_again(row["forgetting_id"])
    await act.tell("privacy.told", "forgetting", row["forgetting_id"], link=row["link_id"], how=how)


async def look_again(wish_id: str) -> None:
    """Something was answered: what was on its way can be forgotten now. Inside `write()`."""
    await jobs.wake("privacy.forget", wish_id, wish=wish_id)


async def wipe_soon() -> None:
    """Let the database overwrite what was deleted, once this is committed."""
    await jobs.wake("privacy.wipe", "wipe")


@jobs.job("privacy.forget")
async def _due(payload: dict[str, Any]) -> datetime | None:
    return await forget(NODE, wish_id=payload["wish"])


@jobs.job("privacy.chase", every=timedelta(days=1))
async def _chase_due(payload: dict[str, Any]) -> datetime | None:
    await chase(NODE)
    return None


@jobs.job("privacy.wipe")
async def _wipe(payload: dict[str, Any]) -> datetime | None:
    await bound.engine().wipe()
    return None

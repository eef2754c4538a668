"""The doors of making even: writing our statements, hearing theirs, and what follows once both are answered.

All of one circle happens one after the other: whoever changes anything has the row of its account in hand.
"""

import base64
from datetime import date, timedelta

from eccoo_federation import jcs, settling
from eccoo_federation.bodies import SettleAgreed, SettleDisputed, SettlePaid, SettleReceived, SettleStatement
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import CLOSED
from eccoo_federation.settling import Key
from eccoo_node.db.rows import fetch, fetch_value, insert, insert_once
from eccoo_node.escrow import between
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.links import held, letters
from eccoo_node.links import queries as links
from eccoo_node.links.letters import Letter
from eccoo_node.links.queries import KnownCircle
from eccoo_node.members import queries as members
from eccoo_node.record.door import Act, door
from eccoo_node.rota.telling import tell
from eccoo_node.settlement import last, queries, rules
from eccoo_node.settlement.queries import Page, Standing
from eccoo_node.settlement.tables import SettleAccount, SettleEntry, SettlePage, SettlePayment

# A statement is paid in one piece or a few; more of either is noise.
MOST_PAYMENTS = 50


async def _begin(act: Act, link_id: str) -> Standing:
    act.allow(Thing("link", link_id, link_id=link_id))
    await insert_once(SettleAccount(link_id=link_id))
    return await queries.standing(link_id, lock=True)


async def news(link_id: str, what: str) -> None:
    """Word for the treasurers, inside `write()`; of one thing once a day, however often the other circle says it."""
    people = await members.treasurers()
    people -= await queries.told_lately(list(people), link_id, what)
    await tell(people, None, what, about=link_id, path=f"/money/circles/{link_id}")


async def _send(
    link_id: str, body: SettleStatement | SettleAgreed | SettleDisputed | SettlePaid | SettleReceived
) -> None:
    subject = f"settle.{body.period}"
    await letters.send(link_id, body.TYPE, subject, body.as_wire())
    # Its state stands on the statements themselves; there is nothing to pull from time to time.
    await letters.finish(link_id, subject)


# ---------------------------------------------------------------- our statements


@door("settlement.write")
async def write_statement(act: Act, link_id: str) -> bool:
    """State what the circle owes us, where a period is over and something is not stated; whether there was."""
    standing = await _begin(act, link_id)
    circle = await links.circle(link_id)
    today = clock.today()
    ended = circle.standing == "ended"
    if ended:
        period, starts, ends = f"final-{today}", today, today
    else:
        period, starts, ends = settling.period_over(circle.terms.statement_period, today)
    behind = standing.theirs.count > standing.ours.count
    if behind or not settling.may_write(standing.ours, standing.theirs) or standing.ours.ends_on >= ends.isoformat():
        return False
    refused = await links.may_cross(link_id, "out", "settle.final" if ended else "settle")
    # What people settle after a link was closed stands on a page too, to be put right or borne. It is sent to nobody.
    if (refused and refused.detail.get("code") != CLOSED) or await _refused_lately(link_id):
        return False
    if ended and not await last.may_say(link_id):
        return False
    return await _write(act, circle, standing, period, starts, ends, final=ended)


async def unstated(link_id: str) -> bool:
    """Whether our books hold something that the circle owes us and no statement says, and none of ours is on its way."""
    standing = await queries.standing(link_id)
    found = await queries.books(link_id, await between.last_entry())
    return standing.ours.quiet and bool(settling.unstated(standing.ours.stated, found.ours))


async def _refused_lately(link_id: str) -> bool:
    found = await fetch_value(
        "SELECT 1 FROM settle_page WHERE link_id = ? AND ours AND state = 'refused' AND made_at > ? LIMIT 1",
        link_id, clock.now() - rules.SAID_AGAIN,
    )  # fmt: skip
    return found is not None


async def _write(
    act: Act, circle: KnownCircle, standing: Standing, period: str, starts: date, ends: date, *, final: bool,
    empty: bool = False,
) -> bool:  # fmt: skip
    cut = await between.last_entry(clock.day_bounds(ends, clock.zone())[1])
    found = await queries.books(circle.id, cut)
    if not empty and not settling.unstated(standing.ours.stated, found.ours):
        return False
    if standing.ours.ends_on:
        starts = max(starts, date.fromisoformat(standing.ours.ends_on) + timedelta(days=1))
    page = settling.write(
        standing.ours, found.ours, period=period, starts_on=starts.isoformat(), ends_on=max(starts, ends).isoformat(),
        final=final,
    )  # fmt: skip
    us = links.who_we_were(await held.link(circle.id))
    hash_ = settling.statement_hash(circle.id, us, page.as_wire())
    await _keep(circle.id, page, hash_, cut, k=standing.ours.count + 1, ours=True)
    await _send(circle.id, page)
    await act.tell("settlement.stated", "link", circle.id, pence=page.closing_pence)
    return True


async def _keep(
    link_id: str, page: SettleStatement, hash_: str, cut: int, *, k: int, ours: bool, evidence: str = ""
) -> SettlePage:
    row = SettlePage(
        link_id=link_id, ours=ours, k=k, period=page.period, starts_on=page.starts_on, ends_on=page.ends_on,
        final=page.final, opening_pence=page.opening_pence, closing_pence=page.closing_pence, hash=hash_,
        prev=page.prev or "", read_entry=cut, made_at=clock.now(), evidence=evidence,
    )  # fmt: skip
    await insert(row)
    for one in page.entries:
        await insert(SettleEntry(page_id=row.id, request=one.request, n=one.n, amount_pence=one.amount_pence))
    return row


@door("settlement.not_taken")
async def not_taken(act: Act, link_id: str, period: str, code: str) -> None:
    """The other circle refused our statement: it counts as never made, and our treasurers learn why nothing is agreed."""
    standing = await _begin(act, link_id)
    page = standing.our_page
    if page is None or page.state != "waiting" or page.period != period:
        return
    await fetch("UPDATE settle_page SET state = 'refused', code = ? WHERE id = ?", code[:32], page.id)
    await news(link_id, "settle_refused")


# ---------------------------------------------------------------- theirs


@door("settlement.hear")
async def hear(act: Act, letter: Letter) -> None:
    """A statement, an answer to ours, or word of a payment. Raises ProtocolError for what does not fit."""
    standing = await _begin(act, letter.link_id)
    body = letter.read
    match body:
        case SettleStatement():
            await _hear_statement(act, letter, standing, body)
        case SettleAgreed() | SettleDisputed():
            await _hear_answer(letter, standing, body)
        case SettlePaid():
            await _hear_paid(letter, body)
        case SettleReceived():
            await _hear_received(letter, standing, body)
        case _:
            raise ProtocolError("bad_body")
    await _go_on(act, letter.link_id)


async def _hear_statement(act: Act, letter: Letter, standing: Standing, page: SettleStatement) -> None:
    settling.check(standing.theirs, standing.ours, page, clock.today())
    circle = await links.circle(letter.link_id)
    since = (await links.asked_at(circle.id)).astimezone(clock.zone()).date()
    settling.check_days(standing.theirs, standing.ours, page, circle.terms.statement_period, since)
    if page.final and circle.standing != "ended":
        # The last one may always come, also while a link rests: so it must be the last.
        raise ProtocolError("wrong_state", "This link has not ended.")
    # What is signed is the statement as it came, with members that we do not know.
    hash_ = settling.statement_hash(circle.id, circle.node_id, letter.body)
    cut = await between.last_entry()
    found = await queries.books(circle.id, cut)
    evidence = jcs.dump(letter.event).decode()
    row = await _keep(circle.id, page, hash_, cut, k=standing.theirs.count + 1, ours=False, evidence=evidence)
    wrong = settling.differences(standing.theirs.stated, page, found.theirs)
    await _answered(
        circle.id,
        row.id,
        settling.wrote(standing.theirs, page, hash_),
        {(w.request, w.n): w.amount_pence for w in wrong},
    )
    if wrong:
        await _send(circle.id, SettleDisputed(period=page.period, statement_hash=hash_, entries=wrong))
        await news(circle.id, "settle_differs")
    else:
        await _send(circle.id, SettleAgreed(period=page.period, statement_hash=hash_))
    standing = await queries.standing(circle.id)
    if standing.ours.count < standing.theirs.count:
        starts, ends = date.fromisoformat(page.starts_on), date.fromisoformat(page.ends_on)
        final = circle.standing == "ended"
        await _write(act, circle, standing, page.period, starts, ends, final=final, empty=True)


async def _answered(
    link_id: str,
    page_id: str,
    account: settling.Account,
    wrong: dict[Key, int],
    *,
    ours: bool = False,
    evidence: str = "",
) -> None:
    after = settling.answer(account, wrong)
    await fetch("UPDATE settle_entry SET state = 'agreed' WHERE page_id = ?", page_id)
    for (request, n), pence in wrong.items():
        await fetch(
            "UPDATE settle_entry SET state = 'disputed', other_pence = ? WHERE page_id = ? AND request = ? AND n = ?",
            pence, page_id, request, n,
        )  # fmt: skip
    await fetch(
        "UPDATE settle_page SET state = 'answered', answered_at = ?"
        + (", evidence = ?" if evidence else "") + " WHERE id = ?",
        clock.now(), *([evidence] if evidence else []), page_id,
    )  # fmt: skip
    await _set_open(link_id, after.open_pence, ours=ours)


async def _set_open(link_id: str, pence: int, *, ours: bool) -> None:
    column = "ours_open_pence" if ours else "theirs_open_pence"
    await fetch(f"UPDATE settle_account SET {column} = ? WHERE link_id = ?", pence, link_id)


async def _hear_answer(letter: Letter, standing: Standing, said: SettleAgreed | SettleDisputed) -> None:
    page = await queries.page_by_hash(letter.link_id, said.statement_hash, ours=True)
    if page is None or page.period != said.period:
        raise ProtocolError("unknown_subject")
    if page.state == "answered":
        # It may come twice; what was answered is not answered otherwise.
        lines = await queries.lines_of([page.id])
        before = {one.key: one.other_pence for one in lines if one.state == "disputed"}
        again = {} if isinstance(said, SettleAgreed) else {(e.request, e.n): e.amount_pence for e in said.entries}
        if before != again:
            raise ProtocolError("wrong_state", "This statement was answered otherwise.")
        return
    wrong: dict[Key, int] = {}
    if isinstance(said, SettleDisputed):
        if standing.ours.page is None:
            raise ProtocolError("wrong_state")
        settling.check_dispute(standing.ours.page, said)
        wrong = {(one.request, one.n): one.amount_pence for one in said.entries}
        await news(letter.link_id, "settle_differs")
    evidence = jcs.dump(letter.event).decode()
    await _answered(letter.link_id, page.id, standing.ours, wrong, ours=True, evidence=evidence)


async def _hear_paid(letter: Letter, said: SettlePaid) -> None:
    """They say that they sent it. Nothing is written in the books until our bank shows it."""
    page = await queries.page_by_hash(letter.link_id, said.statement_hash, ours=True)
    if page is None or page.period != said.period:
        raise ProtocolError("unknown_subject")
    already = [one for one in await queries.payments(letter.link_id) if one.page_id == page.id and one.kind == "paid"]
    for one in already:
        if one.reference == said.payment_ref:
            if one.amount_pence != said.amount_pence:
                raise ProtocolError("wrong_amount", "This payment was told otherwise.")
            return
    if len(already) >= MOST_PAYMENTS:
        raise ProtocolError("too_many")
    if sum(one.amount_pence for one in already) + said.amount_pence > (page.left_pence or 0) or not said.amount_pence:
        raise ProtocolError("wrong_amount", "There is not that much to pay.")
    await _note(letter.link_id, page, "paid", said.amount_pence, said.payment_ref, ours=False)
    await news(letter.link_id, "settle_paid")


async def _hear_received(letter: Letter, standing: Standing, said: SettleReceived) -> None:
    page = standing.their_page
    if page is None or page.hash != said.statement_hash or page.period != said.period:
        raise ProtocolError("wrong_state", "This is about another statement.")
    heard = [one for one in await queries.payments(letter.link_id) if one.page_id == page.id and one.kind == "received"]
    if len(heard) >= MOST_PAYMENTS:
        raise ProtocolError("too_many")
    after = settling.receive(standing.theirs, said.amount_pence)
    await _set_open(letter.link_id, after.open_pence, ours=False)
    await _note(letter.link_id, page, "received", said.amount_pence, await _next_mark(page.id), ours=False)


async def _note(link_id: str, page: Page, kind: str, pence: int, reference: str, *, ours: bool) -> None:
    await insert(
        SettlePayment(
            link_id=link_id,
            page_id=page.id,
            kind=kind,
            ours=ours,
            amount_pence=pence,
            reference=reference,
            at=clock.now(),
        )
    )


async def _next_mark(page_id: str) -> str:
    return str(int(await fetch_value("SELECT COUNT(*) FROM settle_payment WHERE page_id = ?", page_id)) + 1)


# ---------------------------------------------------------------- what follows by itself


@door("settlement.go_on")
async def go_on(act: Act, link_id: str) -> None:
    """Set off what both agreed, say what was paid and received, and close the account of a link that has ended."""
    await _begin(act, link_id)
    await _go_on(act, link_id)


async def _go_on(act: Act, link_id: str) -> None:
    await _set_off(act, await queries.standing(link_id))
    standing = await queries.standing(link_id)
    came, went = await between.paid_both_ways(link_id)
    said = await queries.payments(link_id)
    received = sum(one.amount_pence for one in said if one.ours and one.kind == "received")
    await _say_received(link_id, standing, came - received)
    paid = [one for one in said if one.ours and one.kind == "paid"]
    await _say_paid(link_id, standing, went - sum(one.amount_pence for one in paid), paid)
    await _close(act, link_id)


async def _set_off(act: Act, standing: Standing) -> None:
    pence = settling.to_set_off(standing.ours, standing.theirs)
    ours, theirs = standing.our_page, standing.their_page
    if pence is None or ours is None or theirs is None:
        return
    for page, account in ((ours, standing.ours), (theirs, standing.theirs)):
        left = settling.set_off(account, pence).open_pence
        await fetch(
            "UPDATE settle_page SET even_at = ?, off_pence = ?, left_pence = ? WHERE id = ?",
            clock.now(),
            pence,
            left,
            page.id,
        )
        await _set_open(standing.link_id, left, ours=page.ours)
    if booked := await between.to_set_off(standing.link_id, pence):
        await between.set_off(NODE, standing.link_id, booked, f"off:{settling.pair_key(ours.hash, theirs.hash)}")
    left = max(standing.ours.open_pence, standing.theirs.open_pence) - pence
    if left or ours.closing_pence or theirs.closing_pence:
        await news(standing.link_id, "settle_agreed")
    await act.tell("settlement.even", "link", standing.link_id, off_pence=pence)


async def _say_received(link_id: str, standing: Standing, unsaid: int) -> None:
    pence, page = min(unsaid, standing.ours.open_pence), standing.our_page
    if pence <= 0 or page is None or not standing.ours.quiet:
        return
    await _set_open(link_id, settling.receive(standing.ours, pence).open_pence, ours=True)
    await _note(link_id, page, "received", pence, await _next_mark(page.id), ours=True)
    await _send(link_id, SettleReceived(period=page.period, statement_hash=page.hash, amount_pence=pence))


async def _say_paid(link_id: str, standing: Standing, unsaid: int, paid: list[queries.Payment]) -> None:
    page = standing.their_page
    if page is None or not standing.theirs.quiet:
        return
    of_page = [one for one in paid if one.page_id == page.id]
    pence = min(unsaid, (page.left_pence or 0) - sum(one.amount_pence for one in of_page))
    if pence <= 0:
        return
    reference = payment_reference(page.hash, len(of_page))
    await _note(link_id, page, "paid", pence, reference, ours=True)
    await _send(
        link_id, SettlePaid(period=page.period, statement_hash=page.hash, amount_pence=pence, payment_ref=reference)
    )


def payment_reference(hash_: str, n: int = 0) -> str:
    """What stands on the bank's line of a payment for this statement; the same at both circles."""
    digits = base64.urlsafe_b64decode(hash_ + "=")[:4].hex().upper()
    return f"ECCOO {digits}" + (f"-{n + 1}" if n else "")


async def _close(act: Act, link_id: str) -> None:
    if not await last.through(await links.circle(link_id), await queries.standing(link_id)):
        return
    await fetch("UPDATE settle_account SET closed_at = ? WHERE link_id = ?", clock.now(), link_id)
    await act.tell("settlement.closed", "link", link_id)


# ---------------------------------------------------------------- people


@door("settlement.answer")
async def answer_line(act: Act, link_id: str, line_id: int, whose: str) -> None:
    """A treasurer has looked at what differs: our books are right, or theirs. The entry stands on the next statement again."""
    await _begin(act, link_id)
    if whose not in rules.ANSWERS:
        raise Invalid("Choose whose books are right.", "no_answer", field="whose")
    rows = await fetch(
        "UPDATE settle_entry SET answer = ?, answered_by = ?, answered_at = ? WHERE id = ? AND state = 'disputed' "
        "AND page_id IN (SELECT id FROM settle_page WHERE link_id = ?) RETURNING id",
        whose, act.actor.person_id, clock.now(), line_id, link_id,
    )  # fmt: skip
    if not rows:
        raise NotFound("This is not in question.", "not_disputed")

"""The doors of money going out: where it goes, who said so, and what is sent there.

Two people see to each change of where someone's money goes, and to each sum above the circle's limit. Making a file
writes the books in the same transaction: what the bank is asked to pay is what stands under payouts in transit.
"""

from collections.abc import Mapping
from datetime import date, datetime, time

from eccoo_node.db.rows import fetch, fetch_value, insert, insert_once, locking
from eccoo_node.escrow import chart, entering, ledger, pausing
from eccoo_node.escrow.checking import books_break
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.rules import Leg
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Broken, Conflict, Invalid
from eccoo_node.members import queries as members
from eccoo_node.payouts import files, ours, queries, rules
from eccoo_node.payouts import ready as owed
from eccoo_node.payouts.details import current_details
from eccoo_node.payouts.files import Form, Made
from eccoo_node.payouts.queries import Batch, Payment
from eccoo_node.payouts.ready import Bank, Ready
from eccoo_node.payouts.tables import Batch as BatchRow
from eccoo_node.payouts.tables import FileMade, LeftOut, Turn
from eccoo_node.payouts.tables import Payment as PaymentRow
from eccoo_node.record.door import Act, door


async def take_turn() -> None:
    """Wait until nobody else makes, sends or settles a batch. Always asked first, before any account is locked.

    A door that may come to settle one later, among other things, asks for it at its own beginning.
    """
    await insert_once(Turn(name="out"))
    await fetch(f"SELECT id FROM payout_turn WHERE name = 'out'{locking()}")


async def _books_hold() -> None:
    """Raises Conflict while the books have a break: money may come in then, and none goes out."""
    if await books_break():
        raise Conflict(
            "The books do not add up, so nothing is paid out until they do. Money can still come in.", "books_break"
        )


# ---------------------------------------------------------------- a batch


@door("payouts.make_batch")
async def make_batch(
    act: Act, *, bank: Bank = "1000", pay_on: date, leave_out: Mapping[str, str] | None = None, key: str
) -> str:
    """Put what is ready into a batch; its id. `leave_out`: whom to leave out, by `Ready.key`, each with why.

    Whose details nobody is sure of is left out by itself. Nothing moves in the books until its file is made.
    """
    act.allow(Thing("batch"))
    await _books_hold()
    await take_turn()
    out = {who: rules.without_numbers(why) for who, why in (leave_out or {}).items()}
    body: dict[str, object] = {"bank": bank, "pay_on": pay_on.isoformat(), "leave_out": sorted(out)}
    if before := await _already(act, key, body):
        return before
    if not all(out.values()):
        raise Invalid("Say why they are left out.", "no_reason", field="because")
    rules.check_pay_on(pay_on, clock.today())
    found = await owed.ready(bank)
    chosen = [one for one in found if not one.reason and one.key not in out]
    if not chosen:
        raise Conflict("Nobody is left to be paid in this one.", "empty_batch")
    number = int(await fetch_value("SELECT COALESCE(MAX(number), 0) + 1 FROM payout_batch"))
    row = BatchRow(
        number=number, bank=bank, key=key, body_hash=ledger.body_hash("batch", body), pay_on=pay_on.isoformat(),
        made_by=act.actor.person_id, made_at=clock.now(), approved_at=None, filed_at=None, account_id=None, ended_at=None,
    )  # fmt: skip
    await insert(row)
    batch_id = str(row.id)
    await _list(batch_id, number, chosen)
    for one in found:
        if one.reason or one.key in out:
            await insert(
                LeftOut(
                    batch_id=batch_id, kind=one.kind, holder=one.holder, person_id=one.person_id,
                    amount_pence=one.amount_pence, reason=one.reason or "chosen", words=out.get(one.key, ""),
                )
            )  # fmt: skip
    act.about(batch_id)
    act.because("; ".join(sorted(set(out.values()))))
    await act.tell("payouts.batch_made", "batch", batch_id)
    return batch_id


async def _already(act: Act, key: str, body: dict[str, object]) -> str:
    """The batch that this key made before, if any. Raises Conflict when it was asked for something else."""
    if not 0 < len(key) <= 200:
        raise ValueError("an idempotency key has 1 to 200 characters")
    rows = await fetch("SELECT id, body_hash FROM payout_batch WHERE key = ?", key)
    if not rows:
        return ""
    if rows[0][1] != ledger.body_hash("batch", body):
        raise Conflict("This was already used for something else. Nothing has changed.", "key_reused")
    act.about(rows[0][0])
    return str(rows[0][0])


async def _list(batch_id: str, number: int, chosen: list[Ready]) -> None:
    circle = str(await fetch_value("SELECT name FROM community WHERE kind = 'circle'") or "")
    for n, one in enumerate(chosen, 1):
        if one.details is None:
            raise ValueError("nobody is paid without bank details")
        listed = await insert_once(
            PaymentRow(
                batch_id=batch_id, n=n, kind=one.kind, holder=one.holder, person_id=one.person_id,
                details_id=one.details.id, pay_pence=one.pay_pence, expenses_pence=one.expenses_pence,
                recovered_pence=one.recovered_pence, amount_pence=one.amount_pence, yes_id=one.yes_id or None,
                reference=rules.reference(circle, number, n), state="listed",
            )
        )  # fmt: skip
        if not listed:
            raise Conflict("Someone else has just made a batch. Please look again.", "batch_made")


@door("payouts.approve")
async def approve(act: Act, batch_id: str) -> None:
    """The yes of a second person, who did not make it, is not paid by it and speaks for nobody who is."""
    found = await queries.find_batch(batch_id, lock=True)
    act.allow(found.thing)
    if found.approved_by == act.actor.person_id:
        return
    if found.approved_by or found.state not in {"waits", "ready"}:
        raise Conflict("This one has moved on. It needs your yes no more.", "batch_moved_on")
    await fetch(
        "UPDATE payout_batch SET approved_by = ?, approved_at = ? WHERE id = ?",
        act.actor.person_id, clock.now(), batch_id,
    )  # fmt: skip
    await act.tell("payouts.approved", "batch", batch_id)


@door("payouts.take_back")
async def take_back(act: Act, batch_id: str) -> None:
    """A batch that has no file yet is not to be. Nothing had moved."""
    await take_turn()
    found = await queries.find_batch(batch_id, lock=True)
    act.allow(found.thing)
    if found.ended_at:
        return
    if found.filed_at:
        raise Conflict(
            "Its file is made, and the bank may have it. What does not arrive comes back line by line.", "has_file"
        )
    now = clock.now()
    await fetch("UPDATE payout_batch SET ended_at = ?, ended_by = ? WHERE id = ?", now, act.actor.person_id, batch_id)
    await fetch("UPDATE payout_payment SET state = 'taken_back' WHERE batch_id = ? AND state = 'listed'", batch_id)
    await act.tell("payouts.taken_back", "batch", batch_id)


# ---------------------------------------------------------------- its file


@door("payouts.file")
async def file_batch(act: Act, batch_id: str) -> None:
    """Make the file of a batch and write the books: 2200 and 2210 / 2290 of each worker, and what goes towards what
    they are to give back 2200 / 1300 with 1010 / 1000. A refund and a share stand as in transit already."""
    await take_turn()
    found = await queries.find_batch(batch_id, lock=True)
    act.allow(found.thing)
    if found.filed_at:
        return
    await _books_hold()
    await _may_be_filed(act, found)
    account = (await ours.accounts()).get(found.bank)
    now = clock.now().replace(microsecond=0)
    # The bank's account comes first for whoever locks several: what is given back moves money there.
    await ledger.lock_bank()
    for one in found.payments:
        if one.kind == "worker":
            await _send(act, one)
        elif await _still_stands(one) < one.amount_pence:
            raise Conflict(f"{one.called} is owed less than that now. {_ANEW}", "less_owed")
    await fetch(
        "UPDATE payout_payment SET state = CASE WHEN amount_pence > 0 THEN 'sent' ELSE 'paid' END, "
        "paid_on = CASE WHEN amount_pence > 0 THEN '' ELSE ? END WHERE batch_id = ?",
        clock.today().isoformat(), batch_id,
    )  # fmt: skip
    await fetch(
        "UPDATE payout_batch SET filed_by = ?, filed_at = ?, account_id = ? WHERE id = ?",
        act.actor.person_id, now, int(account.id) if account else None, batch_id,
    )  # fmt: skip
    order = await queries.order(await queries.find_batch(batch_id))
    for form in files.FORMS:
        try:
            made = files.make(order, form)
        except Conflict:
            # It needs what nobody has written down; whoever asks for it is told.
            continue
        await insert(FileMade(batch_id=batch_id, form=form, digest=made.digest))
    await act.tell("payouts.filed", "batch", batch_id)


_ANEW = "Take this batch back and make it again."


async def _may_be_filed(act: Act, found: Batch) -> None:
    """Raises Conflict for a batch that was taken back, that waits, or whose lines do not hold any more."""
    if found.ended_at:
        raise Conflict("This batch was taken back.", "batch_taken_back")
    if not found.approved_by and (found.second or act.actor.person_id in found.parties):
        raise Conflict("This one needs the yes of a second person first.", "needs_second")
    if found.pay_on < clock.today():
        raise Conflict(f"The day on which it was to be paid is over. {_ANEW}", "day_over")
    details = await current_details(found.paid_people)
    yes = {row[0] for row in await fetch("SELECT id FROM recovery_yes WHERE ended_at IS NULL")}
    paused = await pausing.paused_by_worker([one.holder for one in found.payments if one.kind == "worker"])
    died = {id_ for id_, card in (await members.people(found.paid_people)).items() if card.standing == "died"}
    behind = await owed.people_behind(one.holder for one in found.payments)
    for one in found.payments:
        now = details.get(one.person_id)
        if now is None or now.id != one.details_id or not now.sure:
            raise Conflict(f"The bank details of {one.called} have changed since. {_ANEW}", "details_changed")
        if one.person_id in died:
            raise Conflict(f"{one.called} has died. {_ANEW}", "has_died")
        if behind.get(one.holder, ("", "", "", ""))[2] == "died":
            raise Conflict(f"The person that {one.called} paid for has died. {_ANEW}", "has_died")
        if one.kind == "worker" and paused[one.holder]:
            there = await ledger.balance(chart.worker(one.holder)) + await ledger.balance(chart.expenses(one.holder))
            if -there - paused[one.holder] < one.pay_pence + one.expenses_pence:
                raise Conflict(f"Less can be paid to {one.called} now. {_ANEW}", "less_owed")
        if one.yes_id and one.yes_id not in yes:
            raise Conflict(f"{one.called} has taken back a yes that this rests on. {_ANEW}", "yes_withdrawn")


def _standing(one: Payment) -> chart.Account:
    """The account on which a refund or a share stands until the bank has paid it."""
    return chart.refunds(one.holder) if one.kind == "refund" else chart.leaving(one.holder)


async def _still_stands(one: Payment) -> int:
    """What of it no other batch has asked the bank for."""
    account = _standing(one)
    return -await ledger.balance(account, lock=True) - await entering.pence_on_its_way(account)


def _in_transit(one: Payment) -> chart.Account:
    return chart.Account("2290", one.holder)


async def _send(act: Act, one: Payment) -> None:
    transit, back = _in_transit(one), one.recovered_pence
    legs = [
        Leg(chart.worker(one.holder), transit, one.pay_pence - back),
        Leg(chart.expenses(one.holder), transit, one.expenses_pence),
        Leg(chart.worker(one.holder), chart.worker_owes(one.holder), back),
        Leg(chart.OPERATING, chart.BANK, back),
    ]
    body = {"payment": one.id, "amount": one.amount_pence, "back": back}
    await ledger.post(
        act, Draft(kind="payout", key=f"payout:{one.id}", body=body), [leg for leg in legs if leg.amount_pence]
    )


@door("payouts.take_file")
async def take_file(act: Act, batch_id: str, form: Form) -> Made:
    """The file of a batch, to hand to the bank; each time is in the record. The same bytes, whenever it is asked for.

    Raises Broken where it would not be the file that was made first, and Conflict while the books have a break.
    """
    found = await queries.find_batch(batch_id)
    act.allow(found.thing)
    if not found.filed_at:
        raise Conflict("Its file is not made yet.", "no_file")
    await _books_hold()
    made = files.make(await queries.order(found), form)
    if (await queries.digests(batch_id)).get(form) != made.digest:
        raise Broken("This file is not the one that was made first. Nothing was given out.", "file_changed")
    act.because(f"Form: {form}")
    return made


# ---------------------------------------------------------------- what became of it


def _moment(on: date, found: Batch) -> datetime:
    """The bank's day as a moment. Raises Invalid for a day before the file or yet to come."""
    if not found.filed_at or on < found.filed_at.astimezone(clock.zone()).date() or on > clock.today():
        raise Invalid("Choose the day from the bank statement: not before the file was made, nor yet to come.",
                      "bad_day", field="on")  # fmt: skip
    return datetime.combine(on, time(), tzinfo=clock.zone())


@door("payouts.confirm_paid")
async def confirm_paid(act: Act, payment_id: str, *, on: date, key: str) -> None:
    """The bank has paid it: 2290 / 1000 of a worker, 2500 / 1000 of a refund, 2600 / 1010 of a share."""
    await take_turn()
    one = await queries.find_payment(payment_id, lock=True)
    act.allow(Thing("payment", payment_id, one.person_id))
    if one.paid_key == key and one.state in {"paid", "bounced"}:
        return
    if one.state != "sent":
        raise Conflict(_MOVED_ON.get(one.state, "This payment is not on its way."), "not_on_its_way")
    at = _moment(on, await queries.find_batch(one.batch_id))
    debit = _in_transit(one) if one.kind == "worker" else _standing(one)
    bank = chart.OPERATING if one.kind == "share" else chart.BANK
    await _enter(act, "payout_paid", one, key, at, [Leg(debit, bank, one.amount_pence)])
    await fetch(
        "UPDATE payout_payment SET state = 'paid', paid_on = ?, paid_key = ? WHERE id = ?",
        on.isoformat(), key, payment_id,
    )  # fmt: skip
    await act.tell("payouts.paid", "payment", payment_id, person=one.person_id)


_MOVED_ON = {
    "paid": "This payment is written down as paid already.",
    "bounced": "This payment came back. It is ready to be sent again.",
    "taken_back": "This payment was taken back before it was sent.",
}


async def _enter(act: Act, kind: str, one: Payment, key: str, at: datetime, legs: list[Leg]) -> None:
    body = {"payment": one.id, "on": at.isoformat()}
    draft = Draft(kind=kind, key=key, body=body, effective_at=at)
    posted = await ledger.post(act, draft, [leg for leg in legs if leg.amount_pence])
    if not posted.fresh:
        raise Conflict("This was already used for something else. Nothing has changed.", "key_reused")


@door("payouts.confirm_batch")
async def confirm_batch(act: Act, batch_id: str, *, on: date, key: str) -> int:
    """The bank has paid all of a batch that is still on its way; how many payments that was."""
    await take_turn()
    found = await queries.find_batch(batch_id, lock=True)
    act.allow(found.thing)
    waiting = [one for one in found.payments if one.state == "sent"]
    for one in waiting:
        await confirm_paid(act.actor, one.id, on=on, key=f"{key}:{one.n}")
    return len(waiting)


@door("payouts.bounced")
async def bounced(act: Act, payment_id: str, *, on: date, key: str, because: str) -> None:
    """It did not arrive, or came back after it had: the money is owed as before (2290 / 2200, 2210; 1000 / 2290 first
    where the bank had paid). The details it went to are not sure any more, and the person and a facilitator are told.

    It will be paid again, so nobody says it of their own money: another treasurer does, or the bank's line by itself."""
    await take_turn()
    one = await queries.find_payment(payment_id, lock=True)
    act.allow(Thing("payment", payment_id, one.person_id, parties=await entering.concerned([one.holder])))
    why = rules.without_numbers(because)
    act.because(why)
    if one.bounced_key == key and one.state == "bounced":
        return
    if one.state not in {"sent", "paid"} or not one.amount_pence:
        raise Conflict(_MOVED_ON.get(one.state, "This payment is not on its way."), "not_on_its_way")
    if not why:
        raise Invalid("Say what the bank says of it.", "no_reason", field="because")
    at = _moment(on, await queries.find_batch(one.batch_id))
    if legs := _back(one):
        await _enter(act, "payout_bounced", one, key, at, legs)
    await fetch(
        "UPDATE payout_payment SET state = 'bounced', bounced_on = ?, bounced_key = ? WHERE id = ?",
        on.isoformat(), key, payment_id,
    )  # fmt: skip
    await fetch(
        "INSERT INTO bank_details_check (details_id, outcome, how, checked_by, checked_at) VALUES (?, 'bounced', ?, ?, ?)",
        one.details_id, "bank", act.actor.person_id, clock.now(),
    )  # fmt: skip
    await act.tell("payouts.bounced", "payment", payment_id, person=one.person_id)


def _back(one: Payment) -> list[Leg]:
    """How the books take a payment back. A refund or share that was never paid stands where it stood."""
    legs = []
    if one.state == "paid":
        bank = chart.OPERATING if one.kind == "share" else chart.BANK
        legs.append(Leg(bank, _in_transit(one) if one.kind == "worker" else _standing(one), one.amount_pence))
    if one.kind == "worker":
        legs += [
            Leg(_in_transit(one), chart.worker(one.holder), one.pay_pence - one.recovered_pence),
            Leg(_in_transit(one), chart.expenses(one.holder), one.expenses_pence),
        ]
    return [leg for leg in legs if leg.amount_pence]

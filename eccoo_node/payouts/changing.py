"""The doors of the circle's own accounts: writing one down, and changing it, to which two people see.

Payers are told to send their money there, and files for the bank name it. So a change of what they are told waits until
somebody other than whoever asked for it has made sure of it; until then everyone is told what stood before.
"""

from eccoo_node.db.rows import fetch, insert, insert_once, locking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.payouts import ours, rules
from eccoo_node.payouts.ours import Change
from eccoo_node.payouts.tables import AccountChange, BankAccount, Turn
from eccoo_node.record.door import Act, door


async def _take_turn() -> None:
    """Two who write at once come one after the other, and the second sees what the first has written."""
    await insert_once(Turn(name="ours"))
    await fetch(f"SELECT id FROM payout_turn WHERE name = 'ours'{locking()}")


@door("payouts.set_account")
async def set_account(
    act: Act, code: str, *, name: str, sort_code: str, account_number: str, service_user: str = ""
) -> str:
    """Write down one of the circle's own accounts; the id of what stands now.

    The first writing counts at once, and so does another Bacs number. Another name, sort code or account number waits
    for a second person. What stood before is kept, with who wrote it and when.
    """
    act.allow(Thing("bank_account", code))
    if code not in rules.ACCOUNTS:
        raise Invalid("Choose which account it is.", "no_account", field="code")
    told = rules.read_name(name), rules.read_sort_code(sort_code), rules.read_account_number(account_number)
    number = rules.read_service_user(service_user)
    await _take_turn()
    await _refuse_another_of_ours(code, told)
    before = (await ours.accounts()).get(code)
    if before is None:
        return await _write(act, code, told, number, act.actor.person_id)
    if before.service_user != number:
        await _write(act, code, before.told, number, act.actor.person_id)
    now = (await ours.accounts())[code]
    if before.told != told:
        await _ask(act, code, now.id, told)
    return now.id


async def _refuse_another_of_ours(code: str, told: tuple[str, str, str]) -> None:
    for other in (await ours.accounts()).values():
        if other.code != code and other.told[1:] == told[1:]:
            raise Invalid(
                "This account is written down as another of ours already. Money that is looked after lies apart.",
                "same_account", field="account_number",
            )  # fmt: skip


async def _write(act: Act, code: str, told: tuple[str, str, str], service_user: str, by: str) -> str:
    row = BankAccount(
        code=code, name=told[0], sort_code=told[1], account_number=told[2], service_user=service_user,
        recorded_at=clock.now(), recorded_by=by,
    )  # fmt: skip
    await insert(row)
    await act.tell("payouts.account_set", "bank_account", str(row.id))
    return str(row.id)


async def _ask(act: Act, code: str, before_id: str, told: tuple[str, str, str]) -> None:
    row = AccountChange(
        code=code, before_id=int(before_id), name=told[0], sort_code=told[1], account_number=told[2],
        asked_by=act.actor.person_id, asked_at=clock.now(), state="waits", ended_at=None,
    )  # fmt: skip
    if not await insert_once(row):
        raise Conflict(
            "A change of this account waits for a second person already. It has to be ended before another one.",
            "change_waits",
        )
    act.about(str(row.id))
    await act.tell("payouts.account_asked", "bank_account_change", str(row.id), by=act.actor.person_id)


# ---------------------------------------------------------------- the second person


async def _open(change_id: str) -> Change:
    await _take_turn()
    return await ours.find_change(change_id)


@door("payouts.confirm_account")
async def confirm_account(act: Act, change_id: str, *, how: str) -> None:
    """A second person rang whoever wrote it, or read it off the bank's own paper: from now on it is what everyone is told."""
    found = await _open(change_id)
    act.allow(found.thing)
    if how not in rules.HOW_SURE:
        raise Invalid("Choose how you know.", "bad_how", field="how")
    if found.state == "confirmed":
        return
    await _refuse_unless_waiting(found)
    await _refuse_another_of_ours(found.code, found.told)
    now = (await ours.accounts())[found.code]
    await _end(act, found, "confirmed", how)
    await _write(act, found.code, found.told, now.service_user, found.asked_by)


@door("payouts.turn_down_account")
async def turn_down_account(act: Act, change_id: str) -> None:
    """A second person found that it is not right. What stood before goes on standing."""
    found = await _open(change_id)
    act.allow(found.thing)
    if found.state == "turned_down":
        return
    await _refuse_unless_waiting(found)
    await _end(act, found, "turned_down")


@door("payouts.take_back_account")
async def take_back_account(act: Act, change_id: str) -> None:
    """Whoever asked for it does not want it any more."""
    found = await _open(change_id)
    act.allow(found.thing)
    if found.state == "taken_back":
        return
    await _refuse_unless_waiting(found)
    await _end(act, found, "taken_back")


async def _refuse_unless_waiting(found: Change) -> None:
    if found.state != "waits":
        raise Conflict("Somebody has seen to this already. Please look again.", "change_ended")


async def _end(act: Act, found: Change, state: str, how: str = "") -> None:
    await fetch(
        "UPDATE bank_account_change SET state = ?, how = ?, ended_by = ?, ended_at = ? WHERE id = ?",
        state, how, act.actor.person_id, clock.now(), found.id,
    )  # fmt: skip
    await act.tell(f"payouts.account_{state}", "bank_account_change", found.id, by=act.actor.person_id)

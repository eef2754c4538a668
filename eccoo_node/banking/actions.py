"""The doors of our accounts and references, and of a file that is read and waits for the treasurer's word."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.banking import checking, queries, rules
from eccoo_node.banking.statements import reading
from eccoo_node.banking.statements.profiles import Profile
from eccoo_node.banking.tables import BankFiles, BankLayout, PayerReference, StatementDraft
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import fetch, fetch_one, insert, insert_once
from eccoo_node.db.transaction import write
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.payouts import changing
from eccoo_node.record.door import Act, door

DRAFTS_LAST = timedelta(days=1)
_GIVEN_AT_ONCE = 200


@door("banking.set_account")
async def set_account(
    act: Act, code: str, *, name: str, sort_code: str, account_number: str, layout: str, service_user: str = ""
) -> str:
    """Write down one of the circle's own accounts, and how its statements come; the id of what stands now.

    How they come counts at once. What payers are told may wait for a second person (`payouts.changing`).
    """
    act.allow(Thing("bank_account", code))
    if layout not in await queries.layouts():
        raise Invalid("Choose how its statements come.", "no_layout", field="layout")
    made = await changing.set_account(
        act.actor, code, name=name, sort_code=sort_code, account_number=account_number, service_user=service_user
    )
    if (await queries.accounts())[code].layout != layout:
        await insert(BankFiles(code=code, layout=layout, recorded_at=clock.now(), recorded_by=act.actor.person_id))
    return made


@door("banking.describe_bank")
async def describe_bank(act: Act, described: Profile) -> str:
    """Keep a bank's CSV as the circle describes it; its id, to be chosen for an account."""
    act.allow(Thing("bank_layout"))
    checking.check_profile(described)
    row = BankLayout(
        title=described.title, profile=msgspec.json.encode(described).decode(), recorded_at=clock.now(),
        recorded_by=act.actor.person_id,
    )  # fmt: skip
    await insert(row)
    act.about(str(row.id))
    return str(row.id)


# ---------------------------------------------------------------- references


@door("banking.give_reference")
async def give_references(act: Act, payer_ids: Sequence[str]) -> int:
    """Give each of these payers their reference, once and for ever; how many got one now."""
    act.allow(Thing("payer_reference"))
    given = 0
    for payer_id in payer_ids:
        for _ in range(20):
            row = PayerReference(payer_id=payer_id, reference=rules.new_reference(), given_at=clock.now())
            if await insert_once(row):
                given += 1
                break
            if await fetch_one("SELECT id FROM payer_reference WHERE payer_id = ?", payer_id):
                break
    return given


_NAMELESS = "SELECT y.id FROM payer y WHERE NOT EXISTS (SELECT 1 FROM payer_reference r WHERE r.payer_id = y.id) ORDER BY y.id LIMIT ?"


async def _someone_without() -> bool:
    return bool(await fetch(_NAMELESS, 1))


@job("banking.references", when=_someone_without)
async def references(payload: dict[str, Any]) -> datetime | None:
    """Every payer has a reference a moment after they have become one."""
    await give_references(access.NODE, [row[0] for row in await fetch(_NAMELESS, _GIVEN_AT_ONCE)])
    return None


# ---------------------------------------------------------------- a file that waits


async def read_statement(actor: Actor, account_id: str, file_name: str, data: bytes) -> str:
    """Read a bank's file and keep it until the treasurer says to write it in the books; its id.

    Raises Unreadable, with the lines and the reasons, and then keeps nothing of it. Reading a long file takes a while, so
    that is done before anything is kept.
    """
    access.requires(actor, "banking.read_statement", Thing("bank_account", account_id))
    account = await queries.account(account_id)
    found = reading.read_statement(data, account.layout, await queries.profile(account.layout), today=clock.today())
    reading.refuse_another_account(found, account.sort_code, account.account_number)
    # What the file says is looked at now, so that what can't be written is refused here and not at the next step.
    await checking.look(actor, account, found)
    return await _keep_draft(actor, account, file_name, msgspec.json.encode(found).decode())


@door("banking.read_statement")
async def _keep_draft(act: Act, account: queries.OurAccount, file_name: str, statement: str) -> str:
    act.allow(Thing("bank_account", account.id))
    row = StatementDraft(
        account_id=int(account.id), file_name=file_name[:120], layout=account.layout, statement=statement,
        read_at=clock.now(), read_by=act.actor.person_id, begun_at=None,
    )  # fmt: skip
    await insert(row)
    return str(row.id)


async def _old_drafts() -> bool:
    found = await fetch_one(
        "SELECT 1 FROM statement_draft WHERE read_at < ? AND begun_at IS NULL LIMIT 1", clock.now() - DRAFTS_LAST
    )
    return found is not None


@job("banking.forget_drafts", when=_old_drafts)
async def forget_drafts(payload: dict[str, Any]) -> datetime | None:
    """Files that nobody wrote in the books within a day."""
    async with write():
        await fetch("DELETE FROM statement_draft WHERE read_at < ? AND begun_at IS NULL", clock.now() - DRAFTS_LAST)
    return None

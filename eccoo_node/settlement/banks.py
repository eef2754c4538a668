"""Where another circle's money goes: told by its treasurer on the telephone, and made sure of by a second person here."""

from eccoo_node.db.rows import fetch, insert
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.links import queries as links
from eccoo_node.members import queries as members
from eccoo_node.payouts.rules import read_account_number, read_name, read_sort_code
from eccoo_node.record.door import Act, door
from eccoo_node.rota.telling import tell
from eccoo_node.settlement import queries, rules
from eccoo_node.settlement.tables import CircleBank


@door("settlement.give_account")
async def give_account(act: Act, link_id: str, *, name: str, sort_code: str, account_number: str) -> None:
    """Write an account down. Nobody is told to pay to it until a second person has made sure."""
    act.allow(Thing("link", link_id, link_id=link_id))
    await links.circle(link_id)
    row = CircleBank(
        link_id=link_id, name=read_name(name), sort_code=read_sort_code(sort_code),
        account_number=read_account_number(account_number), given_by=act.actor.person_id, given_at=clock.now(),
    )  # fmt: skip
    await insert(row)
    others = await members.treasurers() | {one.person_id for one in await members.facilitators()}
    path = f"/money/circles/{link_id}/account"
    await tell(others - {act.actor.person_id}, None, "settle_account", about=link_id, path=path)
    await act.tell("settlement.account_given", "link", link_id)


@door("settlement.confirm_account")
async def confirm_account(act: Act, link_id: str, bank_id: str, *, how: str) -> None:
    """A second person rang their treasurer, or read it on a paper of the bank; or found that it is wrong."""
    found = await queries.bank(link_id)
    act.allow(Thing("link", link_id, link_id=link_id, worker_id=found.given_by if found else ""))
    if how not in (*rules.HOW_SURE, "wrong"):
        raise Invalid("Choose what you found.", "bad_how", field="how")
    state = "wrong" if how == "wrong" else "confirmed"
    if found is None or found.id != bank_id or found.state not in ("waits", state):
        raise Conflict("Somebody has changed this in the meantime. Please look again.", "account_changed")
    if found.state == state:
        return
    await fetch(
        "UPDATE circle_bank SET state = ?, how = ?, ended_by = ?, ended_at = ? WHERE id = ? AND state = 'waits'",
        state, how, act.actor.person_id, clock.now(), bank_id,
    )  # fmt: skip
    await act.tell(f"settlement.account_{state}", "link", link_id)

"""A circle that lost everything is linked anew: what stands between us and it goes over to the new link.

First both sides set off what each owes the other, so that one sum is left; both admins have signed that sum.
"""

from eccoo_node.escrow import chart, ledger, queries
from eccoo_node.escrow.between import came, entry_key, fronted_pence, waiting
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.lines import draft_for
from eccoo_node.escrow.rules import Leg
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.record.door import Act, door


async def balance_pence(link_id: str) -> int:
    """What this circle owes us, less what we owe it."""
    return await ledger.balance(chart.due_from(link_id)) + await ledger.balance(chart.due_to(link_id))


@door("money.carry_circle")
async def carry_circle(act: Act, old: str, new: str, owed_to_us_pence: int) -> None:
    """All that stands under the old link stands under the new one (2300, 1200 and what our workers wait for).

    Raises Conflict when our books say another sum than the one that both admins signed.
    """
    act.allow(Thing("link", new, link_id=new))
    await ledger.lock_bank()
    theirs = await ledger.balance(chart.due_from(old), lock=True)
    ours = -await ledger.balance(chart.due_to(old), lock=True)
    body, key = {"link": new, "instead_of": old, "owed": owed_to_us_pence}, entry_key(new, "carried")
    if await ledger.already("carried", key, body):
        return
    if theirs - ours != owed_to_us_pence:
        raise Conflict("Our books say another sum. Please look at it together again.", "other_sum")
    both = min(theirs, ours)
    if both:
        off = Draft(kind="set_off", key=entry_key(old, "carried off"), body={"link": old, "amount": both})
        await ledger.post(act, off, [Leg(chart.due_to(old), chart.due_from(old), both)])
        await came(act, old, both, off.key)
    legs = []
    if theirs > both:
        legs = [Leg(chart.due_from(new), chart.due_from(old), theirs - both)]
    elif ours > both:
        legs = [Leg(chart.due_to(old), chart.due_to(new), ours - both)]
    if legs:
        await ledger.post(act, Draft(kind="carried", key=key, body=body), legs)
    if put_up := await fronted_pence(old):
        for link_id, kind, leg in (
            (new, "fronted", Leg(chart.BANK, chart.OPERATING, put_up)),
            (old, "front_back", Leg(chart.OPERATING, chart.BANK, put_up)),
        ):
            draft = Draft(
                kind=kind, key=entry_key(link_id, f"carried {kind}"), body={"link": link_id, "amount": put_up}
            )
            await ledger.post(act, draft, [leg])
    for one in await waiting(old):
        found = await queries.booking(one.reference, lock=True)
        code, holder = one.account.code, one.account.holder
        body = {"line": one.reference, "amount": one.amount_pence, "link": new}
        draft = draft_for(found, "carried", f"{key}:{found.id}:{code}", body)
        await ledger.post(act, draft, [Leg(one.account, Account(code, holder, new), one.amount_pence)])
    await act.tell("money.carried", "link", new, instead_of=old)


@door("money.take_on_circle")
async def take_on_circle(act: Act, link_id: str, owed_to_us_pence: int) -> None:
    """Our books were lost, and the other circle's say this: it is written down as the beginning, against what we own."""
    act.allow(Thing("link", link_id, link_id=link_id))
    body, key = {"link": link_id, "owed": owed_to_us_pence}, entry_key(link_id, "taken on")
    if not owed_to_us_pence or await ledger.already("taken_on", key, body):
        return
    if owed_to_us_pence > 0:
        leg = Leg(chart.due_from(link_id), chart.RESERVES, owed_to_us_pence)
    else:
        leg = Leg(chart.RESERVES, chart.due_to(link_id), -owed_to_us_pence)
    await ledger.post(act, Draft(kind="taken_on", key=key, body=body), [leg])

"""What the circle has decided about one payer, what several payers have here, and what those who left still have."""

from collections.abc import Iterable

from eccoo_node.db.rows import fetch, marks
from eccoo_node.escrow import say
from eccoo_node.escrow.entering import concerned
from eccoo_node.escrow.rules import PAYS_AFTER
from eccoo_node.escrow.statements import ASIDE, PayerLine
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, NotFound
from eccoo_node.members.payers import tells_left
from eccoo_node.record.door import Act, door


async def thing_of(payer_id: str) -> Thing:
    """A payer, with whoever pays and whose support it pays for: none of them decides on this money as a treasurer."""
    return Thing("payer", payer_id, payer_id=payer_id, parties=await concerned([payer_id]))


@door("money.pays_after")
async def pays_after(act: Act, payer_id: str, after: bool, *, decision_id: str = "") -> None:
    """Let a payer pay after each visit, or ahead again. Until they have paid the circle's own money stands in for
    theirs, so that it rests on a decision of the circle about that, written down by somebody else, and nobody says it of what
    they pay themselves. Money that is set aside already stays as it was agreed.

    Raises Invalid for a decision about something else or one that is due to be looked at again, and Conflict while the
    circle has decided that nobody new begins to.
    """
    act.allow(await thing_of(payer_id))
    if after:
        await governance.requires_decision(
            decision_id, not_by=act.actor.person_id, figure=PAYS_AFTER.name, named=True, still=True
        )
        if not await governance.figure(PAYS_AFTER):
            raise Conflict("The circle has decided that nobody new pays after the visit.", "pays_ahead")
    rows = await fetch(
        "UPDATE payer SET arrears = ?, arrears_decision = ? WHERE id = ? AND ended_at IS NULL RETURNING person_id",
        after,
        decision_id if after else "",
        payer_id,
    )
    if not rows:
        raise NotFound("There is no such payer.", "no_payer")
    act.thing = Thing("payer", payer_id, rows[0][0], payer_id=payer_id)
    await act.tell("payer.set", "person", rows[0][0], payer=payer_id)


async def named(payer_id: str) -> tuple[str, bool]:
    """What a payer who has not ended is called, and whether they pay after each visit. Raises NotFound."""
    rows = await fetch(
        "SELECT p.called, y.arrears FROM payer y JOIN person p ON p.id = y.payer_person_id "
        "WHERE y.id = ? AND y.ended_at IS NULL",
        payer_id,
    )
    if not rows:
        raise NotFound("There is no such payer.", "no_payer")
    return rows[0][0], bool(rows[0][1])


async def credits_of(payer_ids: Iterable[str]) -> dict[str, int]:
    """What each of these payers has given that is not set aside, in one statement."""
    ids = sorted(set(payer_ids))
    rows = await fetch(
        f"SELECT holder, balance_pence FROM account WHERE code = '2000' AND awaiting = '' AND holder IN ({marks(ids)})",
        *ids,
    )
    return dict.fromkeys(ids, 0) | {row[0]: -int(row[1]) for row in rows}


async def credited_by(entry_id: int) -> list[str]:
    """The payers whose credit an entry made larger."""
    rows = await fetch(
        "SELECT a.holder FROM posting p JOIN account a ON a.id = p.account_id "
        "WHERE p.entry_id = ? AND a.code = '2000' AND p.amount_pence < 0",
        entry_id,
    )
    return [row[0] for row in rows]


class Left(PayerLine, frozen=True):
    """Somebody who no longer pays and has credit here still. It is theirs."""

    person_id: str = ""
    payer_person_id: str = ""


async def left_behind(person_id: str = "") -> list[Left]:
    """Everybody who no longer pays (of one person's support, where that is named) and has something left, by name."""
    rows = await fetch(
        f"SELECT y.id, p.called, q.called, y.fund, -c.balance_pence, {ASIDE}, 0, y.person_id, y.payer_person_id "
        "FROM account c JOIN payer y ON y.id = c.holder "
        "JOIN person p ON p.id = y.person_id JOIN person q ON q.id = y.payer_person_id "
        "WHERE c.code = '2000' AND c.awaiting = '' AND c.balance_pence < 0 AND y.ended_at IS NOT NULL "
        "AND (? = '' OR y.person_id = ?) ORDER BY q.called, p.called, y.id",
        person_id, person_id,
    )  # fmt: skip
    return [Left(*tuple(row)) for row in rows]


@tells_left
async def _what_becomes_of_it(actor: Actor, person_id: str) -> list[str]:
    """As whoever has a say in the money of that person reads it."""
    return [
        say.goes_back(one)
        for one in await left_behind(person_id)
        if access.may(
            actor, "money.see_payer", Thing("payer", one.payer_id, one.person_id, payer_id=one.payer_person_id)
        )
    ]

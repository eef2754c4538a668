"""What waits for someone at home: to say what it cost, or to look at a receipt."""

from datetime import datetime

import msgspec

from eccoo_node.expenses import queries, say
from eccoo_node.expenses.queries import Expense
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import pounds
from eccoo_node.members import queries as members
from eccoo_node.rota.say import Reader


class Waits(msgspec.Struct, frozen=True):
    """One thing that waits, and the page for it. With `speak_for` the reader first says for whom they speak."""

    rank: int
    title: str
    words: str
    path: str
    button: str
    kind: str = "waiting"
    speak_for: str = ""


def _to_answer(one: Expense, reader: Reader, now: datetime) -> Waits:
    title = f"{one.worker_called}: “{one.purpose}” cost {pounds(one.cost_pence)}. Is that right?"
    return Waits(3, title, say.settles(one, now), f"/expenses/{one.id}/answer", "Look at the receipt")


async def waiting(actor: Actor, reader: Reader, now: datetime, *, pays: bool) -> list[Waits]:
    """In three statements at most. `pays`: the reader has a say in the money of whose page it is."""
    found = []
    if pays:
        own = await queries.to_answer(reader.id, pays=reader.mode == "self")
        found += [_to_answer(one, reader, now) for one in own]
    if reader.mode != "speaks":
        found += [
            Waits(
                6, f"What did “{one.purpose}” for {one.person_called} cost?",
                f"Up to {pounds(one.ceiling_pence)} is set aside.", f"/expenses/{one.id}/cost", "Say what it cost",
            )
            for one in await queries.to_say(reader.id)
        ]  # fmt: skip
    if actor.acting_for:
        return found
    scopes = await members.scopes_by_person(reader.id)
    for one in await queries.to_answer_for(sorted(id_ for id_, may in scopes.items() if "money" in may)):
        if reader.id not in {one.worker_id, one.payer_person_id}:
            waits = _to_answer(one, reader, now)
            button = f"Speak for {one.person_called}"
            found.append(msgspec.structs.replace(waits, button=button, speak_for=one.person_id))
    return found

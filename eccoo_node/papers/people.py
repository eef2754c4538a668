"""For whom a paper is: their name as on a letter, and how it reaches them."""

import msgspec

from eccoo_node.db.rows import fetch_one
from eccoo_node.kernel.errors import NotFound


class Party(msgspec.Struct, frozen=True):
    """Whoever a paper is for. Of a payer also whose support it is about and out of which fund."""

    id: str
    called: str
    full_name: str
    address: str
    channel: str
    email: str
    standing: str
    payer_id: str = ""
    person_id: str = ""
    person_called: str = ""
    fund: str = ""

    @property
    def own(self) -> bool:
        """Whether somebody pays for their own support."""
        return self.id == self.person_id

    @property
    def by_post(self) -> bool:
        """Whether somebody must bring it to them; whoever has mail or reads the screen is told there."""
        on_a_screen = self.channel == "text" or (self.channel == "email" and bool(self.email))
        return self.standing != "died" and not on_a_screen


_PERSON = "p.id, p.called, CASE WHEN p.full_name = '' THEN p.called ELSE p.full_name END, p.address, p.channel, p.email, p.standing"


async def payer(payer_id: str) -> Party:
    """Raises NotFound."""
    row = await fetch_one(
        f"SELECT {_PERSON}, y.id, y.person_id, q.called, y.fund FROM payer y JOIN person p ON p.id = y.payer_person_id "
        "JOIN person q ON q.id = y.person_id WHERE y.id = ?",
        payer_id,
    )
    if row is None:
        raise NotFound("There is no such payer.", "no_payer")
    return Party(*tuple(row))


async def worker(person_id: str) -> Party:
    """Raises NotFound."""
    row = await fetch_one(f"SELECT {_PERSON} FROM person p WHERE p.id = ?", person_id)
    if row is None:
        raise NotFound("There is no such worker.", "no_worker")
    return Party(*tuple(row))

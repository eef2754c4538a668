"""What tests of payouts share: someone who has earned, their bank details, and those who see to them."""

from datetime import date

from eccoo_node.db.rows import fetch
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import queries as escrow_queries
from eccoo_node.kernel.access import NODE, Actor, Hat
from eccoo_node.members import queries as members
from eccoo_node.payouts import actions, giving, ready
from tests.support import make
from tests.support.escrow import Books, open_books

TODAY = date(2026, 11, 23)


async def hatted(called: str, *roles: str) -> Actor:
    """Someone of the circle with these hats."""
    circle = await make.circle()
    person = await make.person(called, phone="01422 496000")
    for role in roles:
        await make.hat(person, circle, role)
    return Actor(person_id=person, hats=tuple(Hat(role, circle, "circle") for role in roles))


class Circle:
    """Books with money in them, a facilitator, and short ways to what a test needs."""

    def __init__(self, books: Books, facilitator: Actor) -> None:
        self.books, self.facilitator, self.treasurer = books, facilitator, books.treasurer

    async def earns(self, worker: str, fee_pence: int, travel_pence: int = 0) -> str:
        """A visit of this worker went ahead; of its fee they have 85%."""
        line = f"visit:{worker[-6:]}:{fee_pence}:{travel_pence}"
        await self.books.top_up(fee_pence + travel_pence, f"top up {line}")
        assert await escrow.set_aside(
            NODE, line, self.books.payer, self.books.person, worker, fee_pence, travel_pence, f"hold {line}"
        )
        await escrow.release(NODE, line, f"went {line}")
        return line

    async def details(self, person: str, number: str = "12349876", *, sure: bool = True, name: str = "W Bird") -> None:
        own = await members.actor_for(person)
        await giving.give_details(own, person, name=name, sort_code="20-30-40", account_number=number)
        if sure:
            await self.sure(person, number)

    async def sure(self, person: str, number: str = "12349876") -> None:
        await giving.confirm_details(self.facilitator, person, how="paper", sort_code="203040", account_number=number)

    async def batch(self, key: str = "b1", **more: object) -> str:
        return await actions.make_batch(self.treasurer, **{"pay_on": TODAY, "key": key, **more})  # type: ignore[arg-type]

    async def sent(self, key: str = "b1", **more: object) -> str:
        made = await self.batch(key, **more)
        await actions.file_batch(self.treasurer, made)
        return made


async def open_circle() -> Circle:
    return Circle(await open_books(), await hatted("Fay", "facilitator"))


async def payments(batch: str) -> list[str]:
    return [row[0] for row in await fetch("SELECT id FROM payout_payment WHERE batch_id = ? ORDER BY n", batch)]


async def trial() -> dict[str, int]:
    return {code: total for code, total in (await escrow_queries.trial_balance()).items() if total}


async def is_ready(bank: ready.Bank = "1000") -> list[tuple[str, int, str]]:
    return [(one.called, one.amount_pence, one.reason) for one in await ready.ready(bank)]

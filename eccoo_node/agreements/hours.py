"""What an hour that is agreed comes to, and who has what of it.

Agreeing knows no books. Whoever keeps them registers here how they reckon, so that both sides read it before a yes.
"""

from collections.abc import Awaitable, Callable

import msgspec


class Hour(msgspec.Struct, frozen=True):
    """One hour at a rate, with what the payer adds and what its worker has; and the same of one called off late.

    `employed`: its worker has a wage, so all of it is the circle's.
    """

    fee_pence: int
    added_pence: int
    worker_pence: int
    late_fee_pence: int
    late_added_pence: int
    late_worker_pence: int
    employed: bool = False

    @property
    def price_pence(self) -> int:
        return self.fee_pence + self.added_pence

    @property
    def late_price_pence(self) -> int:
        return self.late_fee_pence + self.late_added_pence

    @property
    def mark(self) -> str:
        """Goes with a yes, to tell whether it was said to what it comes to now."""
        return "-".join(str(int(value)) for value in msgspec.structs.astuple(self))


# Of a rate, the share of the fee that is due when it is called off late, and whether the worker has a wage.
Reckon = Callable[[int, int, bool], Hour]
Reckoner = Callable[[], Awaitable[Reckon | None]]
_RECKONERS: list[Reckoner] = []


def reckons(reckoner: Reckoner) -> Reckoner:
    """Register how an hour that is agreed now comes to be shared; None where the circle has not decided it yet."""
    _RECKONERS.append(reckoner)
    return reckoner


async def as_agreed_now() -> Reckon | None:
    """How an hour is shared of what is agreed now."""
    for reckoner in _RECKONERS:
        if reckon := await reckoner():
            return reckon
    return None

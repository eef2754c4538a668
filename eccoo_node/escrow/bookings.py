"""One line of set-aside money as it is read: what was agreed for it, and how far it has got."""

from typing import Any

import msgspec

from eccoo_node.escrow import ledger, sharing
from eccoo_node.escrow.sharing import State, Terms


class Booking(msgspec.Struct, frozen=True):
    """One line with what was agreed for it and how far it has got."""

    id: int
    reference: str
    origin: str
    payer_id: str
    person_id: str
    worker_id: str
    link_id: str
    terms: Terms
    state: State
    arrears: bool = False
    funds: str = ""

    @property
    def mark(self) -> str:
        """The digest of everything about it that can't change."""
        named = (
            self.reference, self.origin, self.payer_id, self.person_id, self.worker_id, self.link_id, self.funds
        )  # fmt: skip
        return ledger.line_mark(named, self.terms, self.arrears)

    @property
    def held_pence(self) -> int:
        """Still set aside, and not disputed."""
        return 0 if self.origin == "due" else sharing.held_pence(self.terms, self.state)

    @property
    def disputed_pence(self) -> int:
        return sharing.disputed_pence(self.state)

    @property
    def untouched(self) -> bool:
        """Whether all that was set aside still is."""
        return self.held_pence == self.terms.total_pence

    @property
    def given_back(self) -> bool:
        """Whether all of it went back to whoever had paid."""
        released = self.state.released_fee_pence + self.state.released_travel_pence
        return self.state.returned_pence > 0 and not (released or self.held_pence or self.disputed_pence)


LINE = (
    "SELECT l.id, l.reference, l.origin, l.payer_id, l.person_id, l.worker_id, l.link_id, l.fee_pence, l.travel_pence, "
    "l.payer_add_bps, l.worker_deduct_bps, l.home_share_bps, l.cancelled_bears, l.vat_bps, l.employed, l.arrears, "
    "l.funds, s.released_fee_pence, s.released_travel_pence, s.free_fee_pence, s.returned_pence, "
    "s.disputed_fee_pence, s.disputed_travel_pence, s.disputed_contribution_pence "
    "FROM line l JOIN line_state s ON s.line_id = l.id"
)


def read_booking(row: Any) -> Booking:
    terms = Terms(
        row[7], row[8], row[9], row[10], bool(row[6]), row[11], bool(row[12]), row[2] == "due", row[13], bool(row[14])
    )
    state = State(*tuple(row)[17:24])
    return Booking(row[0], row[1], row[2], row[3], row[4], row[5], row[6], terms, state, bool(row[15]), row[16])

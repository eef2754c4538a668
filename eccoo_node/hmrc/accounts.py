"""The bank account that a worker is paid into, which HMRC asks for where the platform knows it."""

from collections.abc import Sequence

import msgspec

from eccoo_node.payouts.details import current_details


class Account(msgspec.Struct, frozen=True):
    """A British bank account, and in whose name it is where that is not the worker's own."""

    sort_code: str
    number: str
    holder: str = ""


async def accounts_of(person_ids: Sequence[str]) -> dict[str, Account]:
    """The accounts that somebody has made sure of, by person: whoever is to make sure of one can't read it here.

    For the doors of this domain alone, which have asked who reads.
    """
    return {
        person_id: Account(one.sort_code, one.account_number, one.name)
        for person_id, one in (await current_details(person_ids)).items()
        if one.sure
    }

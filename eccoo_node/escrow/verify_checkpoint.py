"""The part of `ledger verify` that is about what was found to hold before.

Once the whole books were added up, a checkpoint is kept behind all but their last entries: a digest over these, all that was
posted to them, their links of the chain, the names of the accounts and what was agreed for the lines. While all of that, as it
lies in the database, has the same digest, these entries are what they were, and each of their lines has come by them where it
had come then. They are read, but not reckoned again. A digest that differs breaks nothing: the books are then gone through
from the first entry on, which names what is wrong.

See docs/decisions/0033-a-checkpoint-of-what-was-added-up.md.
"""

import hashlib
from collections.abc import Mapping
from contextlib import aclosing
from datetime import timedelta
from itertools import islice

import msgspec

from eccoo_node.db import bulk
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.escrow import ledger
from eccoo_node.escrow.verify_pages import Chain
from eccoo_node.escrow.verify_paths import Written
from eccoo_node.kernel import clock

# So long a checkpoint is gone by. Then everything is reckoned anew.
KEPT = timedelta(days=7)
# What walks through the books is not what it was: a checkpoint of another number is gone by no more.
_WALK = 1
# Shorter books are added up before anybody notices.
LEAST = 5_000
_ROWS = (("id", *ledger.COLUMNS, "digest"),)
_encode = msgspec.json.Encoder().encode


class Checkpoint(msgspec.Struct):
    """The first entries of the books, and how far they had brought everything.

    `pages`: the last entry of each page. `accounts`, `lines`: the largest ids there were.
    """

    pages: list[int]
    accounts: int
    lines: int
    entries: int
    postings: int
    chain: Chain
    paths: Written
    digest: str = ""
    walk: int = _WALK


def _rows(after: int, upto: int) -> list[bulk.Ask]:
    between = (after, upto)
    return [
        bulk.Ask(_ROWS, "entry WHERE id > ? AND id <= ? ORDER BY id", between),
        bulk.Ask(
            ("entry_id", "account_id", "amount_pence"),
            "posting WHERE entry_id > ? AND entry_id <= ? ORDER BY entry_id, id",
            between,
        ),
        bulk.Ask(
            ("id", "entry_id", "chain"), "entry_chain WHERE entry_id > ? AND entry_id <= ? ORDER BY entry_id", between
        ),
    ]


async def digest(checkpoint: Checkpoint, names: Mapping[int, tuple[str, str, str]], lines: Mapping[int, str]) -> str:
    """The digest over the checkpoint itself and all before it, as the open transaction sees it: the rows, the names of
    these accounts, and what the marks of these lines cover; both in the order of their ids."""
    found = hashlib.sha256(_encode(msgspec.structs.replace(checkpoint, digest="")))
    for upto, known in ((checkpoint.accounts, names), (checkpoint.lines, lines)):
        ids = [id_ for id_ in known if id_ <= upto]
        found.update(_encode((ids, list(islice(known.values(), len(ids))))))
    async with aclosing(bulk.raw(checkpoint.pages, _rows)) as pages:
        async for page in pages:
            found.update(page)
    return found.hexdigest()


async def kept() -> Checkpoint | None:
    """The checkpoint that may be gone by, if there is one."""
    row = await fetch_one("SELECT told FROM books_checkpoint WHERE at > ? ORDER BY id DESC LIMIT 1", clock.now() - KEPT)
    try:
        checkpoint = msgspec.json.decode(row[0], type=Checkpoint) if row else None
    except msgspec.DecodeError:
        return None
    return checkpoint if checkpoint is not None and checkpoint.walk == _WALK else None


async def keep(checkpoint: Checkpoint) -> None:
    """From now on go by this one alone."""
    async with write():
        await fetch("DELETE FROM books_checkpoint")
        await fetch("INSERT INTO books_checkpoint (at, told) VALUES (?, ?)", clock.now(), _encode(checkpoint).decode())

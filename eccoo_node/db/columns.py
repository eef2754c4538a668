"""The few kinds of column the node uses, so that both engines store the same thing.

No column has a default in the database: what a row holds, somebody wrote.
"""

from typing import Any

from piccolo.columns import (
    BigInt,
    BigSerial,
    Boolean,
    ForeignKey,
    Integer,
    OnDelete,
    OnUpdate,
    Text,
    Timestamptz,
    Varchar,
)

from eccoo_node.kernel.ids import new_id


class Amount(BigInt):
    """A whole number of pence. Columns of this type end in `_pence`."""


def key() -> Varchar:
    """A UUIDv7 for a thing whose id leaves the node or could be guessed."""
    return Varchar(length=36, primary_key=True, default=new_id)


def serial() -> BigSerial:
    """A small integer key for the rows there are many of."""
    return BigSerial(primary_key=True)


def moment(*, null: bool = False) -> Timestamptz:
    """A moment in UTC. There is no default: the present is asked of the kernel's clock."""
    return Timestamptz(default=None, null=null)


def day() -> Varchar:
    """A day of the calendar, as 2026-11-03; sorts as it stands."""
    return Varchar(length=10, default="")


def word(length: int = 64, *, default: str = "") -> Varchar:
    """A code or a short name."""
    return Varchar(length=length, default=default)


def prose(default: str = "") -> Text:
    """Text of any length, or JSON as text."""
    return Text(default=default)


def pence(default: int | None = 0, *, null: bool = False) -> Amount:
    return Amount(default=default, null=null)


def number(default: int | None = 0, *, null: bool = False) -> Integer:
    return Integer(default=default, null=null)


def flag(default: bool = False) -> Boolean:
    return Boolean(default=default)


def ref(table: Any, *, null: bool = False, primary_key: bool = False) -> Any:
    """A reference that forbids deleting what it points at. As primary key, the row is a part of that one alone."""
    return ForeignKey(
        references=table,
        on_delete=OnDelete.restrict,
        on_update=OnUpdate.restrict,
        null=null,
        primary_key=primary_key,
        default=None,
    )

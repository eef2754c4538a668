"""The sentences of money going out. Pure."""

from datetime import UTC, date, datetime

from eccoo_node.payouts import say
from eccoo_node.payouts.queries import Batch, Payment


def _payment(n: int, person: str, pence: int, kind: str = "worker") -> Payment:
    return Payment(
        str(n), "b", n, kind, person, person, person, pence, 0, 0, pence, f"HEBDEN 1-{n}", "sent", "", "", "d", person, "", "??????76"
    )  # fmt: skip


def _batch(*payments: Payment) -> Batch:
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    return Batch(
        "b",
        1,
        "1000",
        date(2026, 11, 23),
        "t",
        "Tess",
        at,
        "",
        "",
        None,
        at,
        None,
        None,
        list(payments),
        False,
        frozenset(),
    )


def test_two_payments_of_one_sum_to_one_person_are_said_to_be_meant() -> None:
    twice = [_payment(1, "Wren", 5100), _payment(2, "Wren", 5100, "refund")]
    assert say.twice(_batch(*twice, _payment(3, "Ada", 5100), _payment(4, "Wren", 5000))) == [
        "£51 goes to Wren twice, and each is meant: “HEBDEN 1-1” is pay, “HEBDEN 1-2” is money back."
    ]
    assert say.twice(_batch(_payment(1, "Wren", 5100), _payment(2, "Ada", 5100))) == []

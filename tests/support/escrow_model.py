"""A second, naive opinion of what the books must say: every account added up from scratch out of what happened."""

from dataclasses import dataclass, field


@dataclass
class Line:
    """One booking, as the model knows it."""

    reference: str
    fee: int
    travel: int
    add: int
    deduct: int
    worker: str
    link: str = ""
    home: int = 0
    due: bool = False
    paid_fee: int = 0
    paid_travel: int = 0
    disputed_fee: int = 0
    disputed_travel: int = 0
    disputed_extra: int = 0
    closed: bool = False
    entries: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.fee + self.fee * self.add // 10_000 + self.travel

    @property
    def disputed(self) -> bool:
        return bool(self.disputed_fee or self.disputed_travel)

    @property
    def given_back(self) -> bool:
        """Whether nothing of it is set aside any more, and nothing of it went to anybody else."""
        return self.closed and not (self.disputed or self.paid_fee or self.paid_travel)

    def untouched(self) -> bool:
        return not (self.closed or self.disputed or self.paid_fee or self.paid_travel)


def of(whole: int, part_bps: int | None) -> int | None:
    """A part of it; None is left to the door, which then means all."""
    return None if part_bps is None else whole * part_bps // 10_000


CASH = {"1000", "1050"}
CLAIMS = {"2000", "2090", "2100", "2110", "2200", "2210", "2290", "2300", "2500"}
NEVER_BELOW = {"1000", "1100", "1200"}
Account = tuple[str, str, str]


@dataclass
class Model:
    """What was paid in, every booking and what a treasurer wrote; `balances()` is the whole of the books, credit negative."""

    paid_in: int = 0
    lines: dict[str, Line] = field(default_factory=dict)
    written: dict[Account, int] = field(default_factory=dict)

    def spare(self) -> int:
        """What is in the bank and nobody else's."""
        return sum(
            amount
            for (code, _, waits), amount in self.balances().items()
            if code in CASH or (code in CLAIMS and not waits)
        )

    def write(self, moved: dict[Account, int]) -> bool:
        """Write this down, if it takes no more from anywhere than there is; whether it was written."""
        before, kept = self.spare(), dict(self.written)
        for account, amount in moved.items():
            self.written[account] = self.written.get(account, 0) + amount
        now = self.balances()
        fits = all(
            (code not in CLAIMS or now.get((code, of, waits), 0) <= 0)
            and (code not in NEVER_BELOW or now.get((code, of, waits), 0) >= 0)
            for code, of, waits in moved
        )
        if not fits or self.spare() < min(before, 0):
            self.written = kept
            return False
        return True

    def front(self) -> None:
        """The circle's own money makes whole what is missing from what it looks after."""
        if (short := -self.spare()) > 0:
            assert self.write({("1000", "", ""): short, ("1010", "", ""): -short})

    def credit(self) -> int:
        return -self.balances().get(("2000", "payer", ""), 0)

    def balances(self) -> dict[Account, int]:
        found: dict[Account, int] = {}

        def add(code: str, holder: str, waits: str, amount: int) -> None:
            found[code, holder, waits] = found.get((code, holder, waits), 0) + amount

        add("1000", "", "", self.paid_in)
        add("2000", "payer", "", -self.paid_in)
        for account, amount in self.written.items():
            add(*account, amount)
        for line in self.lines.values():
            commission = line.paid_fee * line.deduct // 10_000
            extra = line.paid_fee * line.add // 10_000
            # Their part of an odd penny is the larger one.
            ours = commission * (10_000 - line.home) // 10_000 if line.link else commission
            our_extra = extra * (10_000 - line.home) // 10_000 if line.link else extra
            worker = line.paid_fee - commission
            if line.due:
                add("1200", line.link, "", worker + line.paid_travel + commission - ours + extra - our_extra)
                add("2200", line.worker, line.link, -worker)
                add("2210", line.worker, line.link, -line.paid_travel)
                add("4000", "", "", -(commission - ours))
                add("4010", "", "", -(extra - our_extra))
                continue
            add("4000", "", "", -ours)
            add("4010", "", "", -our_extra)
            if line.link:
                add("2300", line.link, "", -(worker + line.paid_travel + commission - ours + extra - our_extra))
            else:
                add("2200", line.worker, "", -worker)
                add("2210", line.worker, "", -line.paid_travel)
            gone = line.paid_fee + extra + line.paid_travel
            apart = 0
            if line.disputed:
                apart = line.disputed_fee + line.disputed_travel + line.disputed_extra
                add("2110", line.reference, "", -apart)
            still = 0 if line.closed else line.total - gone - apart
            add("2100", line.reference, "", -still)
            add("2000", "payer", "", gone + apart + still)
        return {account: amount for account, amount in found.items() if amount}

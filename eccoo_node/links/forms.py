"""What an admin fills in about a linked circle."""

from typing import Annotated, ClassVar, Literal

import msgspec

from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.links.rules import Terms


class AcceptForm(msgspec.Struct):
    """An invitation as it was sent to us."""

    invite: str
    SAY: ClassVar[dict[str, str]] = {"invite": "Please paste the invitation that they gave you."}


class TermsForm(msgspec.Struct):
    """What we would agree with another circle. `share` is the part, in percent, that the worker's circle keeps."""

    share: Annotated[int, msgspec.Meta(ge=0, le=100)]
    limit: str
    period: Literal["week", "month"]
    we: list[str] = []
    they: list[str] = []
    SAY: ClassVar[dict[str, str]] = {
        "share": "Please write a share from 0 to 100.",
        "limit": "Please write a sum in pounds, such as 500.",
        "period": "Please choose how often.",
    }

    def terms(self, before: Terms) -> Terms:
        """These terms; scopes that the form does not show stay as they were. Raises Invalid for a sum nobody can read."""
        return Terms(
            we_may=_chosen(self.we, before.we_may),
            they_may=_chosen(self.they, before.they_may),
            home_share_bps=self.share * 100,
            schedule=before.schedule,
            credit_limit_pence=parse_pounds(self.limit, field="limit"),
            statement_period=self.period,
        )


def values_of(terms: Terms) -> dict[str, object]:
    """The form filled in with what is agreed."""
    return {
        "we": list(terms.we_may), "they": list(terms.they_may), "share": terms.home_share_bps // 100,
        "limit": pounds(terms.credit_limit_pence).lstrip("£").replace(",", ""), "period": terms.statement_period,
    }  # fmt: skip


def _chosen(ticked: list[str], before: tuple[str, ...]) -> tuple[str, ...]:
    # What a pool shows is agreed elsewhere, worker by worker.
    unseen = {scope for scope in before if scope.startswith("pool.read:")}
    return tuple(sorted({scope for scope in ticked if not scope.startswith("pool.read:")} | unseen))

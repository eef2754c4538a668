"""What an admin fills in about a linked circle."""

from typing import Annotated, ClassVar, Literal

import msgspec

from eccoo_federation import handshake
from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.links.rules import POOL, Terms, pool_fields, pool_scope


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
    we_pool: list[str] = []
    they_pool: list[str] = []
    SAY: ClassVar[dict[str, str]] = {
        "share": "Please write a share from 0 to 100.",
        "limit": "Please write a sum in pounds, such as 500.",
        "period": "Please choose how often.",
    }

    def terms(self, before: Terms) -> Terms:
        """These terms; whose rates apply stays as it was. Raises Invalid for a sum nobody can read, or none at all where
        cover may be asked for; and for what no two circles can allow each other, before anything is taken back for it."""
        limit = parse_pounds(self.limit, field="limit")
        if not limit and "cover.request" in (*self.we, *self.they):
            raise Invalid("Write more than £0. At £0 no cover could be asked for.", "no_limit", field="limit")
        if not handshake.scopes_are_known((*self.we, *self.they)):
            raise Invalid("The two circles cannot agree this.", "bad_terms")
        return Terms(
            we_may=_chosen(self.we, self.we_pool),
            they_may=_chosen(self.they, self.they_pool),
            home_share_bps=self.share * 100,
            schedule=before.schedule,
            credit_limit_pence=limit,
            statement_period=self.period,
        )


def values_of(terms: Terms) -> dict[str, object]:
    """The form filled in with what is agreed."""
    return {
        "we": list(terms.we_may), "they": list(terms.they_may), "we_pool": list(pool_fields(terms.we_may)),
        "they_pool": list(pool_fields(terms.they_may)), "share": terms.home_share_bps // 100,
        "limit": pounds(terms.credit_limit_pence).lstrip("£").replace(",", ""), "period": terms.statement_period,
    }  # fmt: skip


def _chosen(ticked: list[str], fields: list[str]) -> tuple[str, ...]:
    return tuple(sorted({scope for scope in ticked if not scope.startswith(POOL)} | pool_scope(fields)))

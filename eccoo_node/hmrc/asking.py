"""The clock of asking: once, and then each month from October to December, until someone has told."""

from datetime import datetime, timedelta
from typing import Any

from eccoo_node.db.jobs import job
from eccoo_node.hmrc import actions


@job("hmrc.remind", every=timedelta(hours=6))
async def remind(payload: dict[str, Any]) -> datetime | None:
    """Ask whoever is to be asked today. Idempotent: who was asked stands in their news."""
    await actions.remind_all()
    return None

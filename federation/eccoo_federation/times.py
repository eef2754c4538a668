"""Times on the wire: ``2026-11-26T09:00:00Z`` and nothing else, so that text order is time order."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from .errors import ProtocolError

TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"
_TIME = re.compile(TIME_PATTERN)
_DATE = re.compile(DATE_PATTERN)


def wire_time(moment: datetime) -> str:
    """Fractions of a second are cut off. A naive time is a programming error (ValueError), not a peer's."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be told to a peer")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: object) -> datetime:
    """Raises ``bad_body``."""
    if not isinstance(text, str) or not _TIME.match(text):
        raise ProtocolError("bad_body", "A time must look like 2026-11-26T09:00:00Z.")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ProtocolError("bad_body", "That time does not exist.") from error


def parse_date(text: object) -> date:
    """Raises ``bad_body``."""
    if not isinstance(text, str) or not _DATE.match(text):
        raise ProtocolError("bad_body", "A date must look like 2026-11-26.")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ProtocolError("bad_body", "That date does not exist.") from error

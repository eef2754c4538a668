"""Words that one circle reads out to the other on the telephone: they prove that the two spoke, about this, just now.

Both sides can make them, neither has to send them, and nobody else can: the key is the digest behind the six words of
the handshake, which only the two nodes hold. They are good for the half hour in which they are shown and the next ones
on either side, so that clocks may differ.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from . import jcs
from .words import words_of

PERIOD_S = 1800


def spoken_words(words_hash: str, link: str, request: str, offer: str, by: str, at: datetime) -> tuple[str, ...]:
    """The three words that the node ``by`` shows at this moment, about one offer to one request."""
    return _words(words_hash, link, request, offer, by, int(at.timestamp()) // PERIOD_S)


def heard(said: str, words_hash: str, link: str, request: str, offer: str, by: str, at: datetime) -> bool:
    """Whether these are words that ``by`` shows now, showed just before, or will show next."""
    typed = plain_words(said)
    now = int(at.timestamp()) // PERIOD_S
    return any(
        hmac.compare_digest(typed.encode(), " ".join(_words(words_hash, link, request, offer, by, period)).encode())
        for period in (now - 1, now, now + 1)
    )


def plain_words(said: str) -> str:
    """What was typed, however it was parted or capitalised."""
    return " ".join("".join(c if c.isalpha() else " " for c in said.lower()).split())


def _words(words_hash: str, link: str, request: str, offer: str, by: str, period: int) -> tuple[str, ...]:
    about = {
        "tag": "circle-spoken-1", "link": link, "request": request, "offer": offer, "by": by, "period": period,
    }  # fmt: skip
    return words_of(hmac.new(words_hash.encode(), jcs.dump(about), hashlib.sha256).digest(), 3)

"""What is kept of a way in: never the secret, only what it can be compared with."""

import hashlib
import hmac
from datetime import timedelta

# How long a mailed link and its digits work.
MAIL_LASTS = timedelta(minutes=10)


def hash_digits(digits: str, salt: str) -> str:
    """Six digits can be tried out by whoever holds the row; the limit on tries and ten minutes guard them."""
    return hmac.new(salt.encode(), digits.encode(), hashlib.sha256).hexdigest()

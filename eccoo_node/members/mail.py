"""Letters by mail: the one that signs someone in, and the line that says there is news, without saying what."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from eccoo_node.db import jobs
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import hash_secret, new_digits, new_id, new_secret
from eccoo_node.kernel.post import Post, post
from eccoo_node.members.ways_in import MAIL_LASTS, hash_digits

# Nobody still waits for a sign-in mail after this.
_GIVE_UP = timedelta(minutes=30)


async def queue_sign_in(asked: str) -> None:
    """Let the ways in of one asking be made and sent, inside `write()`."""
    await jobs.add("members.sign_in_mail", asked, asked=asked)


@jobs.job("members.sign_in_mail")
async def send_sign_in(payload: dict[str, Any]) -> datetime | None:
    """Make the link and the digits, keep their hashes, send them. Sent again after a crash, with new ones."""
    carrier = post()
    rows = await fetch(
        "SELECT s.id, s.created_at, p.called, p.email FROM sign_in s JOIN person p ON p.id = s.person_id "
        "WHERE s.asked = ? AND s.used_at IS NULL AND p.standing <> 'died' ORDER BY p.created_at, p.id",
        payload["asked"],
    )
    if carrier is None or not rows or _too_late(rows[0][1]):
        return None
    ways, digits = [], set[str]()
    while len(digits) < len(rows):
        digits.add(new_digits())
    async with write():
        for row, code in zip(rows, digits, strict=True):
            token, salt = new_secret(), secrets.token_hex(16)
            await fetch(
                "UPDATE sign_in SET link_hash = ?, code_hash = ?, code_salt = ?, expires_at = ? WHERE id = ?",
                hash_secret(token),
                hash_digits(code, salt),
                salt,
                clock.now() + MAIL_LASTS,
                row[0],
            )
            ways.append((row[2], code, f"{carrier.public_url}/sign-in/{token}"))
    await carrier.send(rows[0][3], f"Sign in to {carrier.circle}", sign_in_text(carrier, ways))
    return None


def _too_late(asked_at: Any) -> bool:
    moment = as_time(asked_at)
    return moment is None or moment < clock.now() - _GIVE_UP


def sign_in_text(carrier: Post, ways: list[tuple[str, str, str]]) -> str:
    """What the mail says: for each person (called, digits, link)."""
    shared = len(ways) > 1
    parts = ["Hello."] if shared else [f"Hello {ways[0][0]}."]
    if shared:
        parts.append("More than one person here has this email address. Choose the one that is yours.")
    for called, digits, link in ways:
        if shared:
            parts.append(f"{called}:")
        parts.append(f"Your code is {digits[:3]} {digits[3:]}\n\nOr open this link and press the button:\n{link}")
    ring = f" If something seems wrong, ring us on {carrier.phone}." if carrier.phone else ""
    parts.append(f"They work once, for ten minutes. If you did not ask for this, you need do nothing.{ring}")
    parts.append(carrier.circle)
    return "\n\n".join(parts) + "\n"


@jobs.job("mail.news")
async def send_news(payload: dict[str, Any]) -> datetime | None:
    """That there is news, and where to read it: a lock screen or a shared mailbox learns nothing more."""
    carrier = post()
    row = await fetch_one(
        "SELECT called, email FROM person WHERE id = ? AND email <> '' AND standing <> 'died'", payload["person"]
    )
    if carrier is None or row is None:
        return None
    ring = f"\n\nWould you rather talk? Ring us on {carrier.phone}." if carrier.phone else ""
    text = (
        f"Hello {row[0]}.\n\nThere is something new for you at {carrier.circle}. Read it here:\n"
        f"{carrier.public_url}{payload['path']}{ring}\n\n{carrier.circle}\n"
    )
    await carrier.send(row[1], f"Something new for you at {carrier.circle}", text)
    return None


async def news_for(person_id: str, path: str) -> None:
    """Let someone with mail know that there is something to read, inside `write()`."""
    await jobs.add("mail.news", new_id(), person=person_id, path=path)

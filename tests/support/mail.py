"""An SMTP server on loopback that keeps what it is sent."""

import email
import email.policy
import time
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.support.ports import free_port


@dataclass(frozen=True)
class Letter:
    """One delivery: what the envelope said, and the message as it was sent."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        """The plain text part, as a person without a graphical mail program reads it."""
        body = self.message.get_body(preferencelist=("plain",))
        return "" if body is None else str(body.get_content()).replace("\r\n", "\n")


class Mailbox:
    """Every letter delivered so far, oldest first, in `letters`. `refuse` makes the server turn letters away."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.port = free_port()
        self.letters: list[Letter] = []
        self.refuse: str | None = None
        self._controller = Controller(self, hostname=self.host, port=self.port)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return self.refuse
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.letters.append(Letter(envelope.mail_from, tuple(envelope.rcpt_tos), message))
        return "250 Kept"

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self.letters if address in letter.recipients]

    def wait_for(self, address: str, count: int = 1, timeout_s: float = 5) -> list[Letter]:
        """The letters to one address, once there are `count`. Blocks: from an async test use asyncio.to_thread."""
        deadline = time.monotonic() + timeout_s
        while len(self.to(address)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{len(self.to(address))} of {count} letters to {address} came in {timeout_s} seconds."
                )
            time.sleep(0.01)
        return self.to(address)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

"""Sending mail by SMTP. The only module that speaks to a mail server."""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, make_msgid
from urllib.parse import urlsplit

import aiosmtplib

from eccoo_node.db.transaction import outside
from eccoo_node.kernel import clock
from eccoo_node.kernel.settings import Settings

TIMEOUT_S = 20


class NotSent(Exception):
    """The mail server did not take a letter. Says how it answered, never whom the letter was for."""


class Mailer:
    """Carries this circle's letters to its mail server, one connection for each."""

    def __init__(self, settings: Settings) -> None:
        self.mail = settings.mail
        self.circle = settings.circle.name
        self.phone = settings.circle.phone
        self.public_url = settings.public_url

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand one letter over. Raises NotSent, and RuntimeError inside a transaction."""
        outside("mail was sent")
        letter = EmailMessage(policy=SMTP)
        # A display name with a comma or an accent is encoded; an address with a line end is refused by the policy.
        letter["From"] = formataddr((self.circle, self.mail.sender or self.mail.user))
        letter["To"] = to
        letter["Subject"] = subject
        letter["Date"] = format_datetime(clock.now())
        letter["Message-ID"] = make_msgid(domain=urlsplit(self.public_url).hostname or "localhost")
        # Out-of-office answers to a sign-in letter help nobody (RFC 3834).
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(text)
        try:
            await aiosmtplib.send(
                letter,
                hostname=self.mail.host,
                port=self.mail.port,
                username=self.mail.user or None,
                password=self.mail.password or None,
                use_tls=self.mail.encryption == "tls",
                start_tls=self.mail.encryption == "starttls",
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPResponseException as error:
            raise NotSent(f"the mail server answered {error.code}") from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise NotSent(type(error).__name__) from None


def mailer_of(settings: Settings) -> Mailer | None:
    """The mailer of a node, or None when no mail server is set."""
    return Mailer(settings) if settings.mail.host else None

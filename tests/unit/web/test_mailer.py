"""Mail leaves the node as plain text, from its own address, and never from inside a transaction."""

import asyncio

import pytest

from eccoo_node.db.transaction import write
from eccoo_node.kernel.settings import CircleSettings, MailSettings, Settings, WebSettings
from eccoo_node.web.mailer import Mailer, NotSent, mailer_of
from tests.support.mail import Mailbox
from tests.support.node import Node


def settings(smtp: Mailbox, **mail: object) -> Settings:
    return Settings(
        circle=CircleSettings(name="Hebden, Calder & Süd", phone="01422 496 0001"),
        web=WebSettings(public_url="https://hebden.example/circle"),
        mail=MailSettings(host=smtp.host, port=smtp.port, sender="node@hebden.example", encryption="none", **mail),  # type: ignore[arg-type]
    )


async def test_a_letter_arrives_as_it_was_written(node: Node, smtp: Mailbox) -> None:
    await Mailer(settings(smtp)).send("ada@example.org", "Sign in", "Hello Ada Šimić.\n\nhttps://hebden.example/x\n")
    [letter] = await asyncio.to_thread(smtp.wait_for, "ada@example.org")
    assert (letter.sender, letter.subject, letter.text) == (
        "node@hebden.example", "Sign in", "Hello Ada Šimić.\n\nhttps://hebden.example/x\n",
    )  # fmt: skip
    assert str(letter.message["from"]).endswith("<node@hebden.example>")
    assert letter.message["auto-submitted"] == "auto-generated"
    assert letter.message["message-id"].endswith("@hebden.example>")


async def test_no_letter_is_sent_inside_a_transaction(node: Node, smtp: Mailbox) -> None:
    async with write():
        with pytest.raises(RuntimeError):
            await Mailer(settings(smtp)).send("ada@example.org", "Sign in", "Hello.")
    assert smtp.letters == []


async def test_a_refused_letter_names_nobody(node: Node, smtp: Mailbox) -> None:
    smtp.refuse = "550 No such user ada@example.org here"
    with pytest.raises(NotSent) as refused:
        await Mailer(settings(smtp)).send("ada@example.org", "Sign in", "Hello.")
    assert "ada" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_mail_server_that_is_away_is_one_plain_word(node: Node, smtp: Mailbox) -> None:
    away = settings(smtp)
    away.mail.port = 1
    with pytest.raises(NotSent):
        await Mailer(away).send("ada@example.org", "Sign in", "Hello.")


async def test_a_line_end_in_a_name_makes_no_header(node: Node, smtp: Mailbox) -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline|header"):
        await Mailer(settings(smtp)).send("ada@example.org\r\nBcc: eve@example.org", "Sign in", "Hello.")
    assert smtp.letters == []


def test_a_node_without_a_mail_server_sends_none() -> None:
    assert mailer_of(Settings()) is None

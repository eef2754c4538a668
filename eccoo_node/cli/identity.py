"""`eccoo identity`: our own keys, from a shell: what they are, renewing, moving, bringing them back, the recovery sheet."""

import asyncio
import sys
from typing import TextIO

import click

from eccoo_federation.identity import Log
from eccoo_node.cli._node import Node, Plain, on_node, this_node
from eccoo_node.hosting.folder import requires_node, write_settings
from eccoo_node.hosting.running import opened
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Broken, Invalid
from eccoo_node.kernel.settings import names, value_of
from eccoo_node.keys import actions, copies, queries, say, sheet
from eccoo_node.keys.sheet import Sheet
from eccoo_node.links import identity as own_identity

WORDS = "The 24 words of the sheet"
RUNNING = "A node that is running takes them at once and tells the circles; one that is not, when it starts."


@click.group(cls=Plain)
def identity() -> None:
    """Our own keys: how other circles know that it is us."""


@identity.command()
@on_node()
async def show(node: Node) -> None:
    """What the keys are, since when and until when, and which circle knows them."""
    own, zone, now = await queries.own(COMMAND), node.settings.zone, clock.now()
    if told := say.trouble(own, now):
        click.echo(told)
    for name, value in say.rows(own, now, zone):
        click.echo(f"{name}: {value}")
    for circle in own.circles:
        click.echo(say.told(circle, own, zone))


@identity.command()
@on_node()
async def renew(node: Node) -> None:
    """Make new keys now. They count from tomorrow, so that every circle knows them by then."""
    await actions.renew(COMMAND)
    click.echo(f"New keys are made. They count from tomorrow. {RUNNING}")


@identity.command()
@click.argument("address")
@click.option("--new-sheet", is_flag=True, help="Make a new recovery sheet, too; the old one is void then.")
@on_node()
async def move(node: Node, address: str, new_sheet: bool) -> None:
    """Tell the circles that this node lives at another ADDRESS. Asks for the words of the sheet."""
    words = await actions.move(COMMAND, _words(), address, new_sheet=new_sheet)
    known = (await queries.own(COMMAND)).known_at
    click.echo(f"We say that we live at {known}. Each circle’s admin is asked before they follow: ring them.")
    if node.sources["web.public_url"] in (str(node.folder.settings), "default"):
        in_file = {
            name: value_of(node.settings, name) for name in names() if node.sources[name] == str(node.folder.settings)
        }
        write_settings(node.folder, {**in_file, "web.public_url": known})
        click.echo("The settings name it now. Start the node again, and keep the old address leading here for a while.")
    else:
        click.echo(
            f"Set web.public_url to {known} where it is set ({node.sources['web.public_url']}), and start again."
        )
    await _show_new(words)


@identity.command()
@click.option("--new-sheet", is_flag=True, help="Make a new recovery sheet, too; the old one is void then.")
@click.option(
    "--log", "copy", type=click.File("r"),
    help="Our key log as a linked circle keeps it (`eccoo link log`), where ours is an old copy.",
)  # fmt: skip
def recover(new_sheet: bool, copy: TextIO | None) -> None:
    """Make all keys anew, after a loss or a theft. Asks for the words of the sheet. Every old key is void then."""
    node = this_node()
    requires_node(node.folder)
    longer = copies.read_copy(copy.read()) if copy else None
    asyncio.run(_recover(node, _words(), longer, new_sheet))


async def _recover(node: Node, typed: str, longer: Log | None, new_sheet: bool) -> None:
    # Without the keys: they may be what is lost.
    async with opened(node.folder, node.settings, keyless=True):
        words = await actions.recover(COMMAND, typed, new_sheet=new_sheet, longer=longer)
        click.echo(f"All keys are new, and the old ones are void. {RUNNING}")
        click.echo("Ring each linked circle, and say since when the old keys may have been in other hands.")
        await _show_new(words)


@identity.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def anew(yes: bool) -> None:
    """Begin with another identity, where keys and words are both lost for good. Every link ends, and is made anew."""
    node = this_node()
    requires_node(node.folder)
    if not yes:
        click.confirm("Every linked circle will have to link with us anew. Are keys and words both lost?", abort=True)
    asyncio.run(_anew(node))
    click.echo(
        "Invite each circle anew, and say that you were linked before. A node that is running is the new one at once."
    )


async def _anew(node: Node) -> None:
    async with opened(node.folder, node.settings, keyless=True):
        words = await actions.begin_anew(COMMAND)
    async with opened(node.folder, node.settings):
        await _show_new(words)


@identity.command("sheet")
@click.option("--check", is_flag=True, help="Ask for all 24 words, and say whether they are the right ones.")
@on_node()
async def show_sheet(node: Node, check: bool) -> None:
    """Show the recovery sheet of a node that was made unwatched, once, and ask three words of it back."""
    if check:
        log, _ = own_identity.read_log(node.folder)
        if not sheet.opens(log, _words()):
            raise Invalid("These are not the words of this node’s sheet.", "bad_words")
        click.echo("These are the words of this node’s sheet.")
        return
    found = await actions.show_sheet(COMMAND)
    if found is None:
        click.echo(
            "The words were shown once and are not known here. `eccoo identity recover --new-sheet` makes new ones."
        )
        return
    print_sheet(found)
    if not sys.stdin.isatty():
        raise Broken("Nobody is there to be asked three of them back, so they stay in the keys folder.", "not_asked")
    await _have_kept(found)


def print_sheet(found: Sheet) -> None:
    """The sheet as it is copied onto paper."""
    click.echo(f"RECOVERY SHEET of {found.name}, {found.address}")
    click.echo(f"Written down on {found.at.day} {found.at:%B %Y}. The node’s id: {found.node_id}\n")
    click.echo(sheet.in_rows(" ".join(found.words)))
    click.echo("\nIf this node’s keys are lost or stolen, these words make new ones: eccoo identity recover")
    click.echo("Whoever has this sheet can speak for the circle. Keep it in a closed place, away from the node.")


def ask_back(found: Sheet) -> None:
    """Until the three words are right. The screen is cleared first, so that they come from the paper."""
    click.pause("When they are on paper, press a key.")
    click.clear()
    while True:
        typed = [click.prompt(f"Word {place}").strip().lower() for place in sheet.places_of(found.places)]
        try:
            sheet.check(found.places, found.mark, " ".join(typed))
        except Invalid as refused:
            click.echo(refused.sentence)
            continue
        return


def _words() -> str:
    """From the keyboard, or from a pipe; never from the command's own line, which a shell keeps."""
    text = click.prompt(WORDS) if sys.stdin.isatty() else sys.stdin.read()
    if odd := sheet.unknown(text):
        raise Invalid(f"Not on any sheet: {', '.join(odd[:5])}. Please compare with the paper.", "unknown_words")
    return str(text)


async def _show_new(words: str) -> None:
    """A new sheet, and three of its words back; where nobody is there to be asked, they wait beside the keys."""
    if not words:
        return
    click.echo("")
    print_sheet(found := sheet.make(words))
    if sys.stdin.isatty():
        await _have_kept(found)
    else:
        click.echo("\nThey lie beside the keys until they were written down: eccoo identity sheet")


async def _have_kept(found: Sheet) -> None:
    ask_back(found)
    await actions.sheet_kept(COMMAND, found.mark)
    click.echo("They are right, and no longer lie here.")

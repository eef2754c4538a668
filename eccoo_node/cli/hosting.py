"""`eccoo init`, `serve`, `migrate` and `config show`: making a node and keeping it running."""

import asyncio
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import click
import msgspec

from eccoo_node.cli._node import Node, Plain, Wrong, on_node, quiet_logs, this_node
from eccoo_node.db.migrate import migrate as walk_chain
from eccoo_node.hosting import beginning
from eccoo_node.hosting.folder import check_ours, has_node, make_folder, write_settings
from eccoo_node.hosting.running import opened
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken, Invalid
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.kernel.settings import Settings, load, names, read_address, redacted, value_of
from eccoo_node.keys import sheet
from eccoo_node.members.reading import read_email, read_phone

FIRST_CALLED = "Node admin"


Answered = Callable[[click.Context, click.Parameter, str], str]


def _answer(read: Callable[[str], str]) -> Answered:
    """Look at an answer as it is given. `read` raises Invalid, or ValueError with a sentence."""

    def look(context: click.Context, parameter: click.Parameter, text: str) -> str:
        try:
            return read(" ".join(text.split()))
        except Invalid as told:
            raise Wrong(told.sentence, context, parameter) from None
        except ValueError as told:
            raise Wrong(str(told), context, parameter) from None

    return look


def _up_to(most: int, asked: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not 0 < len(text) <= most:
            raise ValueError(f"Write {asked}, in {most} letters or fewer.")
        return text

    return read


def _read_url(text: str) -> str:
    try:
        return read_address(text).geturl() if text else ""
    except ValueError:
        raise ValueError("Write an address such as https://circle.example, or leave it empty.") from None


@click.command()
@click.option(
    "--name", prompt="What is your circle called", callback=_answer(_up_to(120, "a name")), help="The circle’s name."
)
@click.option("--place", prompt="Where is it", default="", show_default=False, help="The town or valley.")
@click.option(
    "--phone",
    prompt="Which number can people ring",
    default="",
    show_default=False,
    callback=_answer(read_phone),
    help="The circle’s phone.",
)
@click.option(
    "--public-url",
    prompt="Its address on the web (empty: this machine only)",
    default="",
    show_default=False,
    callback=_answer(_read_url),
    help="Such as https://circle.example.",
)
@click.option(
    "--called",
    prompt="What are you called, who look after it",
    callback=_answer(_up_to(80, "what you would like to be called")),
    help="The first admin’s name.",
)
@click.option(
    "--email", prompt="Your email", default="", show_default=False, callback=_answer(read_email),
    help="The first admin’s address.",
)  # fmt: skip
def init(name: str, place: str, phone: str, public_url: str, called: str, email: str) -> None:
    """Make a new node in the folder that ECCOO_HOME names. Asks what it is not told, and writes nothing before it has
    every answer."""
    node = this_node()
    check_ours(node.folder)
    said = {"circle.name": name, "circle.place": place, "circle.phone": phone, "web.public_url": public_url}
    said = {name: value for name, value in said.items() if value}
    written = {
        name: value_of(node.settings, name) for name in names() if node.sources[name] == str(node.folder.settings)
    }
    settings, _ = load(node.folder, said=said)
    asyncio.run(_not_yet(node.folder, node.settings))
    before = node.folder.settings.read_bytes() if node.folder.settings.exists() else None
    make_folder(node.folder)
    try:
        write_settings(node.folder, written | said)
        begun = asyncio.run(_begin(node.folder, settings, called=called, email=email, phone=phone))
    except BaseException:
        # What went wrong must not stand in the way of the next try.
        node.folder.settings.unlink(missing_ok=True)
        if before is not None:
            node.folder.settings.write_bytes(before)
        raise
    click.echo(f"{settings.circle.name} has its node in {node.folder.home}.\n")
    # Its own group is a larger thing to load than most commands need.
    from eccoo_node.cli.identity import ask_back, print_sheet

    found = asyncio.run(_sheet(node.folder, settings, begun.words))
    click.echo(
        "Write this on paper and keep it safe. It is shown this once, and brings the node back if its keys are lost.\n"
    )
    print_sheet(found)
    if sys.stdin.isatty():
        asyncio.run(_ask_back(node.folder, settings, lambda: ask_back(found)))
    click.echo("\nNow start it with: eccoo serve")


async def _not_yet(folder: DataFolder, settings: Settings) -> None:
    """Raise Broken when the folder holds a circle already, before anything in it is touched."""
    if not has_node(folder):
        return
    async with opened(folder, settings, migrated=False):
        await beginning.requires_none(folder)


async def _begin(folder: DataFolder, settings: Settings, **first: str) -> beginning.Begun:
    async with opened(folder, settings, migrated=False):
        return await beginning.begin(folder, settings, **first)


async def _sheet(folder: DataFolder, settings: Settings, words: str) -> sheet.Sheet:
    async with opened(folder, settings):
        return sheet.make(words)


async def _ask_back(folder: DataFolder, settings: Settings, ask: Callable[[], None]) -> None:
    async with opened(folder, settings):
        ask()


def _show_words(words: str) -> None:
    click.echo("Write these 24 words on paper and keep them safe. They are shown this once, and bring the node back")
    click.echo("if its keys are ever lost:\n")
    click.echo(sheet.in_rows(words))


@click.command()
@click.option("--host", help="The address to listen on, instead of web.host.")
@click.option("--port", type=int, help="The port to listen on, instead of web.port.")
def serve(host: str | None, port: int | None) -> None:
    """Serve the node until Ctrl-C. A folder without a node gets one, and a link for whoever looks after it."""
    # The pages and the server are most of the start-up time; no other command needs them.
    from eccoo_node import app

    node = this_node()
    check_ours(node.folder)
    settings = _listening(node.settings, host, port)
    quiet_logs(settings)
    link: list[beginning.SetupLink | None] = []

    def make_app() -> app.Shell:
        link.append(asyncio.run(_prepare(node.folder, settings)))
        if settings.demo:
            from eccoo_node.demo.app import demo_app

            return demo_app(settings, node.folder)
        return app.node_app(settings, node.folder)

    def ready() -> None:
        click.echo("\n".join(_where(settings)))
        if link and link[0]:
            until = clock.say_day(link[0].expires_at, settings.zone)
            click.echo(f"Nobody has signed in yet. This link signs you in, once, until {until}:\n\n  {link[0].url}\n")
        click.echo("Ctrl-C stops it.")

    app.serve(settings, node.folder, ready=ready, make_app=make_app)


def _where(settings: Settings) -> list[str]:
    """Where others find the node and, where that is elsewhere, where it listens."""
    public, web = urlsplit(settings.public_url), settings.web
    told = [f"{settings.circle.name} is open at {settings.public_url}/"]
    port = public.port or (443 if public.scheme == "https" else 80)
    if (public.scheme, public.hostname, port) != ("http", web.host, web.port):
        host = f"[{web.host}]" if ":" in web.host else web.host
        told.append(f"This machine listens for it on http://{host}:{web.port}")
    return told


def _listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    if port is not None and not 0 < port < 65536:
        raise Broken("A port lies between 1 and 65535.", "bad_setting")
    web = msgspec.structs.replace(settings.web, host=host or settings.web.host, port=port or settings.web.port)
    return msgspec.structs.replace(settings, web=web)


async def _prepare(folder: DataFolder, settings: Settings) -> beginning.SetupLink | None:
    """Make the node if there is none yet; the way in, as long as nobody has come in."""
    async with opened(folder, settings):
        if not await beginning.has_begun(folder):
            begun = await beginning.begin(folder, settings, called=FIRST_CALLED)
            if sys.stdout.isatty():
                _show_words(begun.words)
            else:
                click.echo(f"The words that bring lost keys back are in {sheet.put_by(folder, begun.words)}.")
                click.echo("Write them on paper, and delete that file.")
        return await beginning.setup_link(settings)


@click.command()
@on_node()
async def enter(node: Node) -> None:
    """Print a link that signs in the first admin, once: for one who is signed out and has no code."""
    made = await beginning.way_in(node.settings)
    click.echo(f"It works once, until {clock.say_day(made.expires_at, node.settings.zone)}:\n\n  {made.url}")


@click.command()
@on_node(migrated=False)
async def migrate(node: Node) -> None:
    """Bring the database up to this version."""
    ran = await walk_chain(shipped("migrations"))
    click.echo("\n".join(ran) if ran else "The database is up to date.")


@click.group(cls=Plain)
def config() -> None:
    """The settings of this node."""


@config.command("show")
def config_show() -> None:
    """Print each setting, its value and where it comes from. Secrets are not shown."""
    node = this_node()
    click.echo(f"# {node.folder.home}")
    for name in sorted(names()):
        click.echo(f"{name} = {redacted(name, value_of(node.settings, name))}  ({node.sources[name]})")

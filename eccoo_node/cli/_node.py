"""What every command shares: which node is meant, how it is opened, and how trouble is told.

A refusal or a broken node is one plain sentence on stderr and exit code 1; never a traceback.
"""

import asyncio
import functools
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
import msgspec
import structlog

from eccoo_node.db.engine import DATABASE_ERRORS
from eccoo_node.hosting.folder import requires_node
from eccoo_node.hosting.running import opened
from eccoo_node.kernel.errors import Broken, Refusal
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings, Sources, home_folder, load

P = ParamSpec("P")
R = TypeVar("R")


class Told(click.ClickException):
    """One sentence for whoever typed the command."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class Wrong(click.BadParameter):
    """An answer that cannot be used: asked for again where it was typed, named where it was given with the command."""


class Plain(click.Group):
    """A group whose commands tell of trouble in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (Refusal, Broken) as told:
            raise Told(told.sentence) from None
        except Wrong as wrong:
            raise Told(f"{wrong.param.opts[0] if wrong.param else ''}: {wrong.message}") from None
        except DATABASE_ERRORS as error:
            raise Told(f"The node’s files or its database cannot be used: {error}.") from None


class Node(msgspec.Struct, frozen=True):
    """The node that `ECCOO_HOME` names."""

    folder: DataFolder
    settings: Settings
    sources: Sources


def this_node() -> Node:
    """The folder and its settings. Raises Broken for a setting that cannot be used."""
    folder = DataFolder(home_folder())
    settings, sources = load(folder)
    return Node(folder, settings, sources)


def on_node(
    *, migrated: bool = True
) -> Callable[[Callable[Concatenate[Node, P], Coroutine[Any, Any, R]]], Callable[P, R]]:
    """Run an async command with its node opened: database, zone, clock and wire are bound. It is given the node first.

    `@group.command()`, options, then `@on_node()`. Raises Broken where there is no node.
    """

    def make(function: Callable[Concatenate[Node, P], Coroutine[Any, Any, R]]) -> Callable[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            node = this_node()
            requires_node(node.folder)
            quiet_logs(node.settings)

            async def inside() -> R:
                async with opened(node.folder, node.settings, migrated=migrated):
                    return await function(node, *args, **kwargs)

            return asyncio.run(inside())

        return run

    return make


def quiet_logs(settings: Settings) -> None:
    """Logs go to stderr, as text or as JSON; what a command answers goes to stdout alone."""
    last = (
        structlog.processors.JSONRenderer()
        if settings.log == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def counted(counts: dict[str, int]) -> str:
    """ "3 links, 12 letters"."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())

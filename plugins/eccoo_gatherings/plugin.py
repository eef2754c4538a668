"""What this plugin brings. Each function answers one hook of the node."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from eccoo_gatherings import pages
from eccoo_gatherings.tables import Gathering
from eccoo_node.plugin_api import Plugin, Route, Tables, Way, hookimpl


class Settings(Struct):
    """What an admin can set."""

    heading: Annotated[
        str, Meta(title="Heading", description="What stands above the list.", min_length=1, max_length=60)
    ] = "Gatherings"
    weeks: Annotated[int, Meta(title="Weeks ahead", description="How far ahead the list looks.", ge=1, le=52)] = 8


@hookimpl
def declare() -> Plugin:
    return Plugin.of(__file__, Settings)


@hookimpl
def register_routes() -> list[Route]:
    return [
        Route("GET", "", pages.upcoming),
        Route("GET", "/add", pages.blank),
        Route("POST", "/add", pages.add),
        Route("POST", "/{id:str}/call-off", pages.call_off),
    ]


@hookimpl
def register_navigation() -> list[Way]:
    return [Way("Gatherings")]


@hookimpl
def register_tables() -> Tables:
    return Tables((Gathering,), Path(__file__).parent / "migrations")

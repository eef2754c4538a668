"""The pages of people and teams on a test's floor, with the node's mail kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eccoo_node.app import Parts, Shell, create_app
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import CircleSettings, Settings
from eccoo_node.members import sign_in
from eccoo_node.members import web as members
from eccoo_node.teams import web as teams
from eccoo_node.web.front import FrontController
from tests.support import make
from tests.support.letters import KeptLetters
from tests.support.node import Node
from tests.web.client import Reader


@pytest.fixture
def letters() -> KeptLetters:
    return KeptLetters(public_url="http://127.0.0.1:8000")


@pytest.fixture
async def shell(node: Node, letters: KeptLetters, tmp_path: Path) -> Shell:
    folder = DataFolder(tmp_path)
    folder.make()
    settings = Settings(circle=CircleSettings(name="Hebden circle", place="Hebden Bridge", phone="01422 496 0123"))
    parts = Parts((FrontController, *members.CONTROLLERS, *teams.CONTROLLERS), members.NAV)
    shell = create_app(
        settings, folder, engine=node.engine, clock=node.clock, node_id="n0de1234", parts=parts, services=()
    )
    shell.mailer = letters
    await make.circle()
    return shell


@pytest.fixture
async def reader(shell: Shell) -> AsyncIterator[Reader]:
    """Someone who is not signed in."""
    async with Reader(shell) as made:
        yield made


async def sign_in_as(reader: Reader, shell: Shell, person_id: str) -> str:
    """Let this browser be someone's; the session's id."""
    signed_in = await sign_in.sign_in_as(COMMAND, person_id, device="Firefox on Linux")
    reader.http.cookies.set(shell.site.session_cookie, signed_in.token)
    return signed_in.session_id

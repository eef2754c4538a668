"""The first day of a node: its tables, its keys, its circle, and the one who looks after it."""

from datetime import datetime, timedelta

import msgspec

from eccoo_node.db.migrate import migrate, pending
from eccoo_node.db.rows import fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.governance import actions as governance
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Broken, NotFound
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.kernel.settings import Settings
from eccoo_node.links import identity
from eccoo_node.members import actions as members
from eccoo_node.members import queries, sign_in

# What the circles that this began with took in their first years; each circle decides for itself.
FIRST_WORKER_DEDUCT_BPS = 1500
FIRST_DECISION = "Of each worker’s fee 15% goes to the circle. This is what the software begins with; the circle may decide otherwise."
FIRST_REVIEW = timedelta(days=182)


class Begun(msgspec.Struct, frozen=True):
    """A node that has just been made. The words are the only way back to lost keys, and are kept nowhere."""

    circle_id: str
    person_id: str
    words: str


class SetupLink(msgspec.Struct, frozen=True):
    """The way in for the one who looks after a new node. Works once."""

    url: str
    expires_at: datetime


async def has_begun(folder: DataFolder) -> bool:
    """Whether this node has its circle. Raises Broken when keys and database do not belong together."""
    try:
        await queries.circle_id()
    except NotFound:
        if identity.exists(folder):
            raise Broken(
                f"{folder.keys} holds a node’s keys, but its database has no circle. Bring back the database that "
                "belongs to them.",
                "lost_database",
            ) from None
        return False
    if not identity.exists(folder):
        raise Broken(
            f"The database belongs to a node whose keys are not in {folder.keys}. Bring back the keys that belong "
            "to it, or run: eccoo identity recover",
            "lost_keys",
        )
    return True


async def requires_none(folder: DataFolder) -> None:
    """Raise Broken when this database holds a circle, or is none of ours. An empty one, or one half made, will do."""
    if await pending(shipped("migrations")):
        return
    if await has_begun(folder):
        raise Broken(f"{folder.home} holds a circle node already.", "already_begun")


async def begin(folder: DataFolder, settings: Settings, *, called: str, email: str = "", phone: str = "") -> Begun:
    """Make the node in its prepared folder, with its database open and bound. Raises Broken when there is one already."""
    await migrate(shipped("migrations"))
    await requires_none(folder)
    # Keys last, and inside: if anything fails, neither circle nor keys are left behind.
    async with write():
        begun = await members.begin_circle(COMMAND, name=settings.circle.name, called=called, email=email, phone=phone)
        await first_rules()
        _, words = identity.create(folder, settings)
    return Begun(begun.circle_id, begun.person_id, words)


async def first_rules() -> None:
    """What the circle takes from the first visit on, as a decision that it can look at and replace."""
    today = clock.today()
    decision = await governance.record_decision(
        COMMAND, words=FIRST_DECISION, decided_by="the software it began with",
        decided_on=today, review_on=today + FIRST_REVIEW,
    )  # fmt: skip
    await escrow.set_schedule(COMMAND, 0, FIRST_WORKER_DEDUCT_BPS, decision_id=decision)


async def setup_link(settings: Settings) -> SetupLink | None:
    """A fresh way in for the first admin, while nobody has ever signed in here; None from then on."""
    if await fetch_value("SELECT id FROM session LIMIT 1") is not None:
        return None
    return await way_in(settings)


async def way_in(settings: Settings) -> SetupLink:
    """A fresh way in for the first admin, whoever has been here. Whoever may ask for it has the whole folder anyway."""
    made = await sign_in.make_setup_link(COMMAND, again=True)
    return SetupLink(f"{settings.public_url}/sign-in/{made.token}", made.expires_at)

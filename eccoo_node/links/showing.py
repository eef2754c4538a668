"""Which circles others may hear of through us: those who said so and whom we show; and whom others show to us."""

from typing import Any

from eccoo_federation import bodies
from eccoo_federation.bodies_introduce import Circles, KnownCircle
from eccoo_federation.errors import ProtocolError
from eccoo_federation.shapes import read
from eccoo_node.db.rows import fetch, fetch_one, insert
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.circle import circle
from eccoo_node.kernel.errors import Conflict, NotFound
from eccoo_node.kernel.words import plain_line
from eccoo_node.links import letters, queries
from eccoo_node.links.letters import Letter
from eccoo_node.links.tables import HeardCircle
from eccoo_node.record.door import Act, door

SCOPE = "introduce"


@access.rule("links.hear_introduction", "links.hear_shown", "links.give_circles", "links.keep_circles")
def _that_circle(actor: Actor, thing: Thing) -> bool:
    return actor.via == "federation" and bool(actor.link_id) and actor.link_id == thing.link_id


@door("links.set_shown")
async def set_shown(act: Act, link_id: str, *, shown_there: bool, we_show: bool) -> None:
    """Whether others may hear of us through them, which they are told; and whether we show them to others."""
    before = await link(link_id)
    act.allow(Thing("link", link_id, link_id=link_id))
    await fetch("UPDATE link SET shown_there = ?, we_show = ? WHERE id = ?", shown_there, we_show, link_id)
    if bool(before["shown_there"]) != shown_there and before["state"] == "open":
        place = circle().place[:120] if shown_there else ""
        await letters.send(link_id, "link.shown", "link", {"shown": shown_there, "place": place})


async def link(link_id: str) -> Any:
    row = await fetch_one("SELECT * FROM link WHERE id = ?", link_id)
    if row is None:
        raise NotFound("We know no such circle.", "unknown_link")
    return row


@letters.handles("link.shown")
async def hear_shown(actor: Actor, letter: Letter) -> None:
    await _take_shown(actor, letter=letter)


@door("links.hear_shown")
async def _take_shown(act: Act, *, letter: Letter) -> None:
    act.allow(Thing("link", letter.link_id, link_id=letter.link_id))
    body = letter.read
    if isinstance(body, bodies.LinkShown):
        place = plain_line(body.place) if body.shown else ""
        await fetch("UPDATE link SET shown_here = ?, place = ? WHERE id = ?", body.shown, place, letter.link_id)


async def shown_to(link_id: str) -> dict[str, tuple[str, KnownCircle]]:
    """The circles that this one may hear of through us, by what we call them towards it: (link, name and place)."""
    crossing = await queries.crossing("out", SCOPE)
    rows = await fetch(
        "SELECT id, name, place FROM link WHERE state = 'open' AND shown_here AND we_show AND name <> '' AND id <> ? "
        "ORDER BY name, id LIMIT 200",
        link_id,
    )
    found = {}
    for row in rows:
        if row["id"] in crossing:
            ref = await letters.reference(link_id, "circle", row["id"])
            found[ref] = row["id"], KnownCircle(circle=ref, name=row["name"], place=row["place"])
    return found


@letters.answers("introductions", scopes=(SCOPE,))
async def answer_circles(actor: Actor, what: str) -> dict[str, Any]:
    return await _give_circles(actor, what=what)


@door("links.give_circles")
async def _give_circles(act: Act, *, what: str) -> dict[str, Any]:
    """Name and place of those who let themselves be shown."""
    act.allow(Thing("link", act.actor.link_id, link_id=act.actor.link_id))
    if what != "circles":
        raise ProtocolError("not_found")
    shown = await shown_to(act.actor.link_id)
    return Circles(circles=tuple(one for _, one in shown.values())).as_wire()


@door("links.look_for_circles")
async def look(act: Act, link_id: str) -> None:
    """Ask a linked circle whom it knows and may show."""
    act.allow(Thing("link", link_id, link_id=link_id))
    await requires_scope(link_id)
    await letters.pull(link_id, "introductions/circles")


async def requires_scope(link_id: str) -> None:
    if await queries.may_cross(link_id, "out", SCOPE) is not None:
        raise Conflict("Introductions are not agreed with this circle, or nothing can be asked now.", "not_agreed")


@letters.pulled("introductions")
async def read_circles(actor: Actor, path: str, body: dict[str, Any]) -> None:
    await _keep_circles(actor, path=path, body=body)


@door("links.keep_circles")
async def _keep_circles(act: Act, *, path: str, body: dict[str, Any]) -> None:
    link_id = act.actor.link_id
    act.allow(Thing("link", link_id, link_id=link_id))
    shown = read(body, Circles).circles
    await fetch("DELETE FROM heard_circle WHERE link_id = ?", link_id)
    for one in {one.circle: one for one in shown}.values():
        name = plain_line(one.name)
        if not name:
            continue
        await insert(
            HeardCircle(
                link_id=link_id, reference=one.circle[:64], name=name, place=plain_line(one.place), heard_at=clock.now()
            )
        )  # fmt: skip

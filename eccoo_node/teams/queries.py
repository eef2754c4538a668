"""A team as its page shows it: people as dots, lines as consent."""

import msgspec

from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import SCOPES, Actor, Thing, may
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import offers
from eccoo_node.members import queries as members
from eccoo_node.members.cards import PersonCard
from eccoo_node.members.rules import RELATIVE, own_words
from eccoo_node.members.say import ROLE_WORDS, THEIR_WORDS


class Star(msgspec.Struct, frozen=True):
    """Someone in a team, or asked to be. `joined` once both said yes."""

    id: str
    called: str
    face: str
    words: str
    joined: bool = True
    path: str = ""


class TeamPage(msgspec.Struct, frozen=True):
    """The person in the middle and everyone around them; those who are only asked come last."""

    id: str
    centre: PersonCard
    others: tuple[Star, ...]
    # What the reader could be let do; for family to whom nothing is shown yet, and empty for everyone else.
    may_ask_for: tuple[str, ...] = ()


async def team_page(actor: Actor, team_id: str) -> TeamPage:
    """The team, for those in it, who speak for its person, and facilitators. Raises NotFound to everyone else.

    Who has been asked is seen by those who may ask; a no is never shown. Family sees who else is there once the person
    has said yes to anything; until then their own place, and what they could ask for.
    """
    row = await fetch_one("SELECT person_id FROM community WHERE id = ? AND kind = 'team'", team_id)
    if row is None:
        raise NotFound()
    if not may(actor, "members.see_team", Thing("team", team_id, row[0], team_id)):
        # Who has a team around them is private, too.
        raise NotFound()
    found = await members.team_members(team_id)
    centre = await members.person(row[0])
    words: dict[str, list[str]] = {}
    stars: dict[str, tuple[str, str]] = {}
    for member in found:
        if member.person_id == centre.id:
            continue
        stars[member.person_id] = (member.called, member.face)
        said = words.setdefault(member.person_id, [])
        said += [w for w in (member.known_as, ROLE_WORDS[member.role]) if w and w not in said]
    if own_words(actor, centre.id) or actor.wears("facilitator"):
        speaking = {voice.speaker_id for voice in await members.voices_for(centre.id)}
        for id_ in speaking & set(words):
            words[id_].append(f"speaks for {'you' if centre.id == actor.person_id else centre.called}")
    others = [Star(id_, *stars[id_], _sentence(words[id_])) for id_ in stars]
    if _is_only_a_relative(actor, centre.id, team_id):
        mine = tuple(star for star in others if star.id == actor.person_id)
        return TeamPage(team_id, centre, mine, tuple(THEIR_WORDS[scope] for scope in SCOPES))
    if may(actor, "members.offer_hat", Thing("team:family", "", centre.id, team_id)):
        others += await _asked(team_id, set(stars))
    return TeamPage(team_id, centre, tuple(others))


def _is_only_a_relative(actor: Actor, centre: str, team_id: str) -> bool:
    """Family to whom the person has said yes in nothing, and who is nothing else here."""
    hats = {hat.role for hat in actor.hats if hat.community_id == team_id}
    return hats == {RELATIVE} and not actor.wears("facilitator") and actor.acting_for != centre


def _sentence(words: list[str]) -> str:
    # "daughter, family" says one thing twice.
    said = [w for w in words if w != "family" or len([x for x in words if not x.startswith("speaks")]) == 1]
    text = ", ".join(said)
    return text[:1].upper() + text[1:]


async def _asked(team_id: str, joined: set[str]) -> list[Star]:
    holds, values = offers.held(clock.now())
    rows = await fetch(
        "SELECT o.person_id, p.called, p.face, o.role FROM hat_offer o JOIN person p ON p.id = o.person_id "
        f"JOIN community c ON c.id = o.community_id WHERE o.community_id = ? AND {holds} ORDER BY o.offered_at, o.id",
        team_id,
        *values,
    )
    asked = {row[0]: Star(row[0], row[1], row[2], "We’ve asked. No answer yet.", joined=False) for row in rows}
    return [star for id_, star in asked.items() if id_ not in joined]

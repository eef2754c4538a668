"""Factories: rows written directly, each with what a test does not care about already filled in."""

from datetime import timedelta
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch_value, insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow.actions import set_schedule
from eccoo_node.governance.actions import record_decision
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND
from eccoo_node.members.tables import CareFacts, Check, Community, FreeTime, HatRow, Payer, Person, SpeaksFor
from eccoo_node.members.tables import Worker as WorkerRow

SKILLS = ("moving_and_handling",)


async def person(called: str = "Ada", **values: object) -> str:
    row = Person(**{
        "called": called, "full_name": f"{called} Sunderland", "outward": "HX7", "address": "1 Bank Street",
        "phone": "", "email": "", "created_at": clock.now(), **values,
    })  # fmt: skip
    async with write():
        await insert(row)
    return str(row.id)


async def community(kind: str, name: str, person_id: str | None = None) -> str:
    row = Community(kind=kind, name=name, person_id=person_id, created_at=clock.now())
    async with write():
        await insert(row)
    return str(row.id)


async def circle(name: str = "Hebden circle") -> str:
    """The circle of this node; made once."""
    found = await fetch_value("SELECT id FROM community WHERE kind = 'circle'")
    return str(found) if found else await community("circle", name)


async def hat(person_id: str, community_id: str, role: str, known_as: str = "") -> str:
    row = HatRow(
        community_id=community_id, person_id=person_id, role=role, known_as=known_as,
        said_yes_at=clock.now(), said_yes_via="screen", from_at=clock.now(),
    )  # fmt: skip
    async with write():
        await insert(row)
    return str(row.id)


async def team(person_id: str) -> str:
    """A team around a person, who wears its owner's hat."""
    made = await community("team", "team", person_id)
    await hat(person_id, made, "owner")
    return made


async def payer(person_id: str, payer_person_id: str | None = None, **values: object) -> str:
    row = Payer(
        **{"person_id": person_id, "payer_person_id": payer_person_id or person_id, "from_at": clock.now(), **values}
    )
    async with write():
        await insert(row)
    return str(row.id)


async def care_facts(person_id: str, **values: object) -> None:
    row = CareFacts(**{
        "person_id": person_id, "hoist": True, "skills": msgspec.json.encode(SKILLS).decode(),
        "way_in": "Key safe by the door", "must_know": "Likes the radio on", "changed_at": clock.now(), **values,
    })  # fmt: skip
    async with write():
        await insert(row)


async def worker(
    called: str = "Wren", *, rate_pence: int = 2000, checked: bool = True, number: str = "0012345678", **values: object
) -> str:
    """Someone who gives paid support: free every day from 7 to 21, with checks for a year."""
    id_ = await person(called)
    profile = WorkerRow(**{
        "person_id": id_, "words": "I like a chat.", "languages": "en", "gender": "woman", "rate_pence": rate_pence,
        "goes_to": '["HX7"]', "skills": msgspec.json.encode(SKILLS).decode(), "changed_at": clock.now(), **values,
    })  # fmt: skip
    async with write():
        await insert(profile)
        for day in range(7):
            await insert(FreeTime(person_id=id_, weekday=day, from_minute=7 * 60, to_minute=21 * 60))
        for kind in ("dbs_enhanced", "insurance", "right_to_work") if checked else ():
            await insert(
                Check(
                    person_id=id_, kind=kind, number=number, seen_at=clock.now(), seen_by=id_, how="in_person",
                    expires_at=clock.now() + timedelta(days=365),
                )
            )  # fmt: skip
    await hat(id_, await circle(), "worker")
    return id_


async def speaks(speaker_id: str, person_id: str, *scopes: str, days: int | None = None) -> None:
    """A recorded yes of the person to being spoken for."""
    async with write():
        for scope in scopes:
            await insert(
                SpeaksFor(
                    person_id=person_id, speaker_id=speaker_id, relation="daughter", basis="own_yes", scope=scope,
                    words="She may speak for me.", said_at=clock.now(), said_via="face_to_face",
                    recorded_by=person_id, until_at=clock.now() + timedelta(days=days) if days else None,
                )
            )  # fmt: skip


async def decision(words: str = "Agreed by the circle.", about: str = "") -> str:
    """A decision of the circle, made today."""
    today = clock.now().date()
    return await record_decision(
        COMMAND,
        words=words,
        decided_by="The circle’s meeting",
        decided_on=today,
        review_on=today + timedelta(days=182),
        about=about,
    )


async def takes(payer_add_bps: int = 0, worker_deduct_bps: int = 1500, **more: Any) -> int:
    """The circle decides what it takes: 15% off the worker unless said otherwise; the schedule."""
    return await set_schedule(COMMAND, payer_add_bps, worker_deduct_bps, decision_id=await decision(), **more)

"""Who speaks for me, thing by thing; whom I speak for; and starting or stopping to do so on this device."""

from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel.access import SCOPES, Thing, requires
from eccoo_node.kernel.errors import Invalid
from eccoo_node.members import queries, sign_in, speaking
from eccoo_node.members.cards import PersonCard, Voice
from eccoo_node.members.forms import LetSpeak, Stop, WhereTo
from eccoo_node.members.rules import writes_down_for
from eccoo_node.members.say import SCOPE_WORDS, THEIR_WORDS, last_day, said_at_once, say_since, words_of_yes
from eccoo_node.members.web.sign_in import safe_next
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import redirect, render


class Speaker(msgspec.Struct):
    """One who speaks, or is spoken for, with each thing they said yes to."""

    id: str
    called: str
    face: str
    relation: str
    voices: list[Voice]


def _by_speaker(voices: list[Voice], people: dict[str, PersonCard]) -> list[Speaker]:
    found: dict[str, Speaker] = {}
    for voice in voices:
        card = people[voice.speaker_id]
        speaker = found.setdefault(voice.speaker_id, Speaker(card.id, card.called, card.face, voice.relation, []))
        speaker.voices.append(voice)
    for speaker in found.values():
        speaker.voices.sort(key=lambda voice: SCOPES.index(voice.scope))
    return list(found.values())


def _subject(request: AnyRequest) -> str:
    """Whose own words are being given: the reader's, or those of whoever a facilitator writes down."""
    actor = actor_of(request)
    return actor.acting_for if writes_down_for(actor, actor.acting_for) else actor.person_id


def end_of_day(day: Any, zone: ZoneInfo) -> datetime:
    """The first moment after a day of the circle's."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)


class SpeakingController(Controller):
    """Speaking for someone."""

    include_in_schema = False

    @get("/speaks-for-me", opt={"action": "members.see_who_speaks"})
    async def who(self, request: AnyRequest) -> Response[Any]:
        """Thing by thing, each with its own way to stop. Whoever speaks for someone sees only what they may do."""
        actor, subject, zone = actor_of(request), _subject(request), ask_of(request).site.zone
        if actor.acting_for and subject != actor.acting_for:
            voices = [v for v in await queries.voices_for(actor.acting_for) if v.speaker_id == actor.person_id]
            return render(
                request, "members/may_do.html", voices=voices, for_whom=await queries.person(actor.acting_for),
                their_words=THEIR_WORDS, me=actor.person_id, last_day=partial(last_day, zone=zone),
            )  # fmt: skip
        requires(actor, "members.see_who_speaks", Thing("person", subject, subject))
        voices = await queries.voices_for(subject)
        people = await queries.people([voice.speaker_id for voice in voices])
        helper = await queries.facilitator_for(subject)
        return render(
            request, "members/speaks_for_me.html", speakers=_by_speaker(voices, people), subject=subject,
            scope_words=SCOPE_WORDS, helper=helper, you_help=helper is not None and helper.person_id == actor.person_id,
            since=partial(say_since, zone=zone), at_once=said_at_once,
        )  # fmt: skip

    @post("/speaks-for-me/stop", opt={"action": "members.stop_speaking"})
    async def stop(self, request: AnyRequest) -> Response[Any]:
        """At once, and no reason asked."""
        form = read_form(request, Stop)
        ended = await speaking.stop_speaking(
            actor_of(request), person_id=form.person, speaker_id=form.speaker, scope=form.scope
        )
        own = form.speaker == actor_of(request).person_id
        speaker = (await queries.person(form.speaker)).called
        said = "You no longer do that for them." if own else f"That has stopped. {speaker} can no longer do it for you."
        return redirect(request, "/sessions" if own else "/speaks-for-me", said if ended else "That had ended already.")

    async def _choices(self, subject: str) -> dict[str, Any]:
        members = await queries.team_members(await queries.team_of(subject))
        paid = {m.person_id for m in members if m.paid}
        known = {m.person_id: m for m in members if m.person_id != subject and m.person_id not in paid}
        options = [(m.person_id, m.called, m.known_as, PersonCard(m.person_id, m.called)) for m in known.values()]
        refused = {m.person_id: m.called for m in members if m.person_id in paid}
        return {"options": options, "scope_words": SCOPE_WORDS, "known": known, "paid": refused}

    @get("/speaks-for-me/add", opt={"action": "members.let_speak"})
    async def ask_who(self, request: AnyRequest) -> Response[Any]:
        """Choose who, what and until when."""
        subject = _subject(request)
        requires(actor_of(request), "members.let_speak", Thing("person", subject, subject))
        choices = await self._choices(subject)
        return render(request, "members/let_speak.html", **choices)

    @post("/speaks-for-me/add", opt={"action": "members.let_speak"})
    async def let_speak(self, request: AnyRequest) -> Response[Any]:
        """Say yes to it. What is kept are the words that were read."""
        subject = _subject(request)
        requires(actor_of(request), "members.let_speak", Thing("person", subject, subject))
        choices = await self._choices(subject)
        try:
            form = read_form(request, LetSpeak)
            chosen = choices["known"].get(form.speaker)
            if form.speaker in choices["paid"]:
                who = choices["paid"][form.speaker]
                sentence = f"{who} is paid to work in your team. Choose someone who is not paid to come."
                raise Invalid(sentence, "paid_worker", field="speaker")
            if chosen is None:
                raise Invalid("Choose who may speak for you.", "nobody_chosen", field="speaker")
            until = end_of_day(form.until, ask_of(request).site.zone) if form.until else None
            await speaking.let_speak(
                actor_of(request), person_id=subject, speaker_id=form.speaker, scopes=form.scopes,
                relation=chosen.known_as, until_at=until,
                words=words_of_yes(chosen.called, chosen.known_as, form.scopes, form.until),
            )  # fmt: skip
        except (FormError, Invalid) as error:
            if isinstance(error, Invalid) and error.field == "until_at":
                error = Invalid(error.sentence, error.code, field="until")
            return form_error(request, "members/let_speak.html", error, **choices)
        return redirect(request, "/speaks-for-me", f"{chosen.called} speaks for you from now on, as far as you said.")

    @post("/speaking/{person_id:str}", opt={"action": "members.start_speaking_for"})
    async def start(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        """Speak for someone on this device; every page says so. Goes on to the page that asked for it."""
        await sign_in.start_speaking_for(actor_of(request), session_of(request).session_id, person_id)
        return redirect(request, safe_next(read_form(request, WhereTo).next))

    @post("/acting/stop", opt={"action": "members.stop_speaking_for"})
    async def stop_acting(self, request: AnyRequest) -> Response[Any]:
        """Be nobody but oneself again; goes on to what one does in one's own name, where that is asked."""
        session = session_of(request)
        going_to = safe_next(read_form(request, WhereTo).next)
        if session.actor.via in {"phone", "paper"}:
            going_to = "/phone"
        await sign_in.stop_speaking_for(session.actor, session.session_id)
        return redirect(request, going_to, f"You are {session.called} again.")

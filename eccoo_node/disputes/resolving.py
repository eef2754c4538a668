"""The doors of those who help: hearing both, deciding a split, keeping out of what one has a part in."""

from eccoo_node.db.rows import fetch_value, insert, insert_once
from eccoo_node.disputes import moving, queries, rules, steps
from eccoo_node.disputes.tables import Interest, QuestionNote
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.record.door import Act, door
from eccoo_node.rota.telling import tell


def role_of(actor: Actor) -> str:
    """By what both sides read of whoever of the circle did something: a role, not a name."""
    return next((role for role in ("treasurer", "convenor", "facilitator") if actor.wears(role)), "node")


@door("disputes.help")
async def have_heard_both(act: Act, *, question_id: str, person_words: str, worker_words: str) -> None:
    """A facilitator, or whoever decides, has met or rung both sides, and notes what each said. Said twice is said once.

    Only those who help read the notes. Raises Invalid without a word of either.
    """
    one = await queries.lock_question(question_id)
    thing = await queries.thing(one)
    act.allow(thing)
    await steps.open_one(one)
    if await heard(one.id):
        return
    for field, side, words in (("theirs", "the person", person_words), ("workers", "the worker", worker_words)):
        if not words.strip():
            raise Invalid(f"Write a few words of what {side} said.", "empty", field=field)
    for side, words in (("The person", person_words), ("The worker", worker_words)):
        await insert(
            QuestionNote(
                question_id=one.id, by_id=act.actor.person_id, at=clock.now(), words=f"{side} said: {words.strip()}"
            )
        )  # fmt: skip
    role = "facilitator" if act.actor.wears("facilitator") else role_of(act.actor)
    await steps.step(one.id, role, act.actor.person_id, "heard")
    await steps.wait_for(one, "decision")
    deciding, _ = queries.deciding(await queries.keepers(), thing.parties)
    people = {keeper.id for keeper in deciding} - {act.actor.person_id}
    await tell(people, one.visit_id, "money_to_decide", about=one.id, path=f"/money/questions/{one.id}")


async def heard(question_id: str) -> bool:
    found = await fetch_value(
        "SELECT id FROM question_step WHERE question_id = ? AND kind = 'heard' LIMIT 1", question_id
    )
    return found is not None


@door("disputes.resolve")
async def resolve(act: Act, *, question_id: str, sum_pence: int, words: str) -> None:
    """Whoever decides splits what waits: so much for the worker at the agreed rate, the rest back, in words both read.

    Only what waits can be split so. What was paid already comes back only with the worker's yes, and what is missing
    comes only with the yes of whoever pays: to those a split is proposed instead.
    """
    one = await queries.lock_question(question_id)
    thing = await queries.thing(one)
    act.allow(thing)
    act.because(words)
    await steps.open_one(one)
    given = rules.split(sum_pence, one.fee_pence, one.travel_pence)
    if not words.strip():
        raise Invalid("Write a few words that both of them read.", "no_reason", field="words")
    if one.stands == "waiting":
        raise Conflict("The visit is not confirmed yet. Once it is, this part waits and can be split.", "not_yet")
    if not await heard(one.id):
        raise Conflict("Both have to be heard first. Write down here that they have been.", "not_heard")
    refuse_without_yes(one, sum_pence)
    await steps.step(
        one.id, role_of(act.actor), act.actor.person_id, "resolved", sum_pence=sum_pence, of_pence=one.whole_pence,
        words=words,
    )  # fmt: skip
    await moving.settle(act, one, given, "resolved", words)


def refuse_without_yes(one: queries.Question, sum_pence: int) -> None:
    """Raise Conflict where somebody's yes is missing that nobody can decide in their place."""
    if one.stands == "paid" and sum_pence < one.whole_pence:
        raise Conflict(
            f"This was paid already, and comes back only with {one.worker_called}’s yes. Propose a split instead.",
            "needs_yes", field="amount",
        )  # fmt: skip
    if one.stands == "more" and sum_pence:
        raise Conflict(
            "More is paid only with the yes of whoever pays. Propose a split instead.", "needs_yes", field="amount"
        )


@door("disputes.note")
async def note(act: Act, *, question_id: str, words: str) -> None:
    """What those who help keep for themselves. It never stands in what the two sides read."""
    one = await queries.lock_question(question_id)
    act.allow(await queries.thing(one))
    if not words.strip():
        raise Invalid("Please write a few words.", "empty", field="note")
    await insert(QuestionNote(question_id=one.id, by_id=act.actor.person_id, at=clock.now(), words=words.strip()))


@door("disputes.step_aside")
async def step_aside(act: Act, *, question_id: str, words: str) -> None:
    """Somebody of the circle says that they have a part in this. From then on they neither decide nor propose."""
    one = await queries.lock_question(question_id)
    act.allow(Thing("question", one.id))
    await steps.open_one(one)
    if not words.strip():
        raise Invalid(
            "Say in a few words what part you have in this. Neither side reads it.", "empty", field="interest"
        )
    row = Interest(question_id=one.id, person_id=act.actor.person_id, at=clock.now(), words=words.strip())
    if await insert_once(row):
        await steps.step(one.id, role_of(act.actor), act.actor.person_id, "aside")

"""The doors of where money goes: someone's bank details, and a yes to giving back bit by bit."""

from eccoo_node.db.rows import fetch, insert, insert_once
from eccoo_node.escrow.rules import check_sum
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.members import numbers
from eccoo_node.members import queries as members
from eccoo_node.payouts import rules
from eccoo_node.payouts.details import current_details, thing_of
from eccoo_node.payouts.tables import BankDetails, DetailsCheck, RecoveryYes
from eccoo_node.record.door import Act, door

# What was given before is asked for again, even where it is the same.
_ASKED_AGAIN = frozenset({"bounced", "wrong"})


@door("payouts.give_details")
async def give_details(act: Act, person_id: str, *, name: str, sort_code: str, account_number: str) -> None:
    """Say where one's money goes. The same again changes nothing.

    Nothing is paid there until somebody else has made sure of it. They are told of the change as they like to be told.
    """
    act.allow(Thing("bank_details", "", person_id))
    if (await members.person(person_id)).standing == "died":
        raise Conflict("This person has died.", "has_died")
    read = (rules.read_name(name), rules.read_sort_code(sort_code), rules.read_account_number(account_number))
    before = (await current_details([person_id])).get(person_id)
    if before and (before.name, before.sort_code, before.account_number) == read and before.outcome not in _ASKED_AGAIN:
        act.about(before.id)
        return
    row = BankDetails(
        person_id=person_id, name=read[0], sort_code=read[1], account_number=read[2], given_by=act.actor.person_id,
        given_via=act.actor.via, known_by=act.actor.known_by, given_at=clock.now(),
    )  # fmt: skip
    await insert(row)
    act.about(str(row.id))
    await act.tell("payouts.details_given", "person", person_id, by=act.actor.person_id)


@door("payouts.confirm_details")
async def confirm_details(act: Act, person_id: str, *, how: str, sort_code: str, account_number: str) -> None:
    """Somebody else has rung the number we know, or seen it on paper with the person there, and writes what they heard.

    Never whoever wrote them down, nor whoever printed a code for the person that was used by then: they could have been
    given by whoever held it. It must be what stands here; so nobody has to be shown it.
    """
    found = (await current_details([person_id])).get(person_id)
    act.allow(await thing_of(found, person_id))
    if found is None:
        raise NotFound("They have given us no bank details.", "no_details")
    if how not in rules.HOW_SURE:
        raise Invalid("Choose how you know.", "bad_how", field="how")
    changed = (await numbers.changed({person_id: found.given_at})).get(person_id)
    known = changed.before if changed else (await members.person(person_id)).phone
    if how == "rang" and not known:
        raise Invalid("We know no number of theirs. See it on paper, face to face.", "no_phone", field="how")
    heard = (rules.read_sort_code(sort_code), rules.read_account_number(account_number))
    if heard != (found.sort_code, found.account_number):
        raise Invalid(
            "This is not what we have. Ask them to read it again; if it has changed, they give it to us anew.",
            "not_the_same",
            field="account_number",
        )
    if found.sure:
        return
    if found.outcome == "wrong":
        raise Conflict("They said that this account is not right. They give it to us anew first.", "said_wrong")
    await insert(
        DetailsCheck(
            details_id=found.id, outcome="confirmed", how=how, checked_by=act.actor.person_id, checked_at=clock.now()
        )
    )
    await act.tell("payouts.details_confirmed", "person", person_id, by=act.actor.person_id)


@door("payouts.not_sure")
async def not_sure(act: Act, person_id: str, *, outcome: str) -> None:
    """Whoever was to make sure could not reach them ("unreached"), or heard that it is "wrong". Nothing is paid there.

    What is wrong is asked for again: they are told, and whoever wrote it down for them is.
    """
    found = (await current_details([person_id])).get(person_id)
    act.allow(await thing_of(found, person_id))
    if found is None:
        raise NotFound("They have given us no bank details.", "no_details")
    if outcome not in rules.NOT_SURE:
        raise Invalid("Choose how you know.", "bad_how", field="how")
    if found.sure or found.outcome == "wrong":
        raise Conflict("Somebody else has just said how it is. Please look again.", "said_already")
    await insert(
        DetailsCheck(
            details_id=found.id, outcome=outcome, how="", checked_by=act.actor.person_id, checked_at=clock.now()
        )
    )
    await act.tell(f"payouts.details_{outcome}", "person", person_id, details=found.id)


# ---------------------------------------------------------------- giving back


@door("payouts.agree_recovery")
async def agree_recovery(act: Act, worker_id: str, *, most_pence: int) -> str:
    """A worker's yes to at most so much of each payout going towards what they are to give back; its id.

    A new yes takes the place of the one before. Never without theirs, and never more than this.
    """
    act.allow(Thing("recovery", "", worker_id))
    check_sum(most_pence, "most")
    now = clock.now()
    await _end(act, worker_id)
    row = RecoveryYes(
        worker_id=worker_id, most_pence=most_pence, words=words_of_yes(most_pence), said_at=now, said_via=act.actor.via,
        known_by=act.actor.known_by, recorded_by=act.actor.person_id, ended_at=None,
    )  # fmt: skip
    if not await insert_once(row):
        raise Conflict("This was said already. Please look again.", "said_already")
    act.about(str(row.id))
    await act.tell("payouts.recovery_agreed", "person", worker_id)
    return str(row.id)


def words_of_yes(most_pence: int) -> str:
    """The very words that are agreed to."""
    return (
        f"Until I have given back what I owe the circle, up to {pounds(most_pence)} of each payout of mine goes towards it. "
        "I can take this back at any time."
    )


@door("payouts.stop_recovery")
async def stop_recovery(act: Act, worker_id: str) -> None:
    """They take their yes back. What has no file yet is not taken."""
    act.allow(Thing("recovery", "", worker_id))
    await _end(act, worker_id)
    await act.tell("payouts.recovery_stopped", "person", worker_id)


async def _end(act: Act, worker_id: str) -> None:
    await fetch(
        "UPDATE recovery_yes SET ended_at = ?, ended_by = ? WHERE worker_id = ? AND ended_at IS NULL",
        clock.now(), act.actor.person_id, worker_id,
    )  # fmt: skip

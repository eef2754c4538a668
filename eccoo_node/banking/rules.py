"""Who may do what with the bank's side of the books, and the references by which payers are known. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.ids import new_code, read_code
from eccoo_node.payouts.rules import ACCOUNTS

CLIENT, OPERATING, RING_FENCED = ACCOUNTS

# After so many days without a file of the bank the treasurer is reminded.
UNREAD_DAYS = 10

# Eight signs, the last of which checks the others; nine with the dash. Banks pass on 18 at least.
REFERENCE_SIGNS = 8
LONGEST_REFERENCE = 18


def keeps_bank(actor: Actor) -> bool:
    return actor.wears("treasurer") and not actor.acting_for


@access.rule(
    "banking.read_statement",
    "banking.import",
    "banking.import_part",
    "banking.match",
    "banking.send_back",
    "banking.see_lines",
)
def _treasurer(actor: Actor, thing: Thing) -> bool | str:
    return keeps_bank(actor) or "Only the circle’s treasurer reads what the bank says."


@access.rule("banking.explain", "banking.explain_leaving", "banking.take_back")
def _explains(actor: Actor, thing: Thing) -> bool | str:
    """`thing.parties`: whose money it was, once that is known of what stands in the books already."""
    if actor.person_id in thing.parties:
        return "This is about your own money, or that of someone you speak for, or spoke for. Another treasurer says what it was."
    return _treasurer(actor, thing)


@access.rule("banking.give_reference")
def _gives(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or "References are given by the node itself."


def helps_to_pay(actor: Actor) -> bool:
    """Who tells anyone that asks how to pay in, and so may read every payer's reference."""
    return actor.wears("facilitator", "treasurer") and not actor.acting_for


@access.rule("banking.how_to_pay")
def _how_to_pay(actor: Actor, thing: Thing) -> bool:
    """Whoever pays, whose support it pays for, whoever speaks for either about money, and who is rung and asked."""
    return helps_to_pay(actor) or any(
        actor.speaks_as(person_id, "money") for person_id in (thing.person_id, thing.payer_id)
    )


# ---------------------------------------------------------------- references


def new_reference() -> str:
    """A payer's reference, such as "K7M2-P9XD". It says nothing about anyone, and no word can come up in it."""
    return new_code(REFERENCE_SIGNS)


# What a reader may take a sign for, or write in its place. A reference has neither O, 0, I nor 1.
_SLIPS = {"O": "DQ", "0": "DQ", "I": "L", "1": "L"}
_MOST_SLIPS = 3


# Signs of one look, as one of them.
_LOOKS = str.maketrans("DQO0I1", "OOOOLL")


def _signs(text: str) -> str:
    return "".join(c for c in text.upper() if c.isascii() and c.isalnum())


def by_shape(references: Iterable[str]) -> dict[str, list[str]]:
    """References by how they look at a glance, so that a line is read in one pass, however many payers there are."""
    found: dict[str, list[str]] = {}
    for reference in references:
        if read_code(reference) == reference:
            found.setdefault(_signs(reference).translate(_LOOKS), []).append(reference)
    return found


def references_in(text: str, known: Mapping[str, Sequence[str]]) -> list[str]:
    """Every reference of these (`by_shape`) that may stand in what the bank says, each once and in order.

    Spaces, dashes, small letters, and a circle or a stroke for the sign that looks like it are put right. Whatever does
    not check is none, so that a slip leads to nobody rather than to somebody else.
    """
    signs = _signs(text)
    looks = signs.translate(_LOOKS)
    found: dict[str, None] = {}
    for start in range(len(signs) - REFERENCE_SIGNS + 1):
        end = start + REFERENCE_SIGNS
        for reference in known.get(looks[start:end], ()):
            if _may_mean(signs[start:end], _signs(reference)):
                found[reference] = None
    return list(found)


def _may_mean(said: str, meant: str) -> bool:
    slips = sum(sign in _SLIPS for sign in said)
    alike = all(one == other or other in _SLIPS.get(one, "") for one, other in zip(said, meant, strict=True))
    return alike and slips <= _MOST_SLIPS


def only_end(number: str) -> str:
    """An account number where only its end is needed: "ends in 5678"."""
    return f"ends in {number[-4:]}"

"""How a link stands, in words that an admin reads without knowing the protocol. No rows, no network."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from eccoo_federation import limits
from eccoo_node.kernel.clock import say_day, say_time
from eccoo_node.kernel.money import pounds
from eccoo_node.links.carrying import Carried
from eccoo_node.links.rules import Standing

# A request takes a moment to come, so clocks that agree still seem a little apart.
CLOCKS_AGREE_S = 30

_TROUBLES = {
    "unreachable": "Their node does not answer.",
    "timed_out": "Their node answers too slowly.",
    "redirected": "Their address leads somewhere else. We don’t follow it.",
    "bad_address": "Their address is not one that we may call.",
    "unsigned_response": "Something at their address answers, but it is not their node.",
    "clock_skew": "The two clocks are too far apart, so they turned us away.",
    "unknown_key": "One of the two does not know the other’s present key.",
    "bad_signature": "A signature did not hold. Somebody may be changing what goes between us.",
    "bad_digest": "What arrived was not what was sent. Somebody may be changing what goes between us.",
    "too_many": "They ask us to send more slowly.",
    "link_suspended": "They have paused the link.",
    "link_ended": "They have ended the link.",
    "bad_invite": "This invitation was used already, or its time is over. Ask them for a new one.",
    "wrong_node": "Somebody else answers at their address. Don’t go on before you have rung them.",
    "log_forked": "Their node shows another history than before. Don’t go on before you have rung them.",
    "bad_reveal": "What they showed is not what they had promised. Don’t go on before you have rung them.",
    "failed": "Something went wrong on their node.",
}
_ALARMS = {
    "words_differ": "The six words were not the same. Somebody may have stood between the two nodes.",
    "event_changed": "A letter came a second time with other content.",
    "seq_reused": "Two different letters came under one number.",
    "other_disclosure": "What they sent about someone is not what they had signed for. Nobody was shown it.",
    "dead_letter": "They could not read one of our letters. We put it aside.",
    "restored_here": "Our node had forgotten letters that it sent. Was an old copy put back?",
    "restored_there": "Their node had forgotten letters of ours. We send them again.",
    "log_forked": "Their node showed another history of its keys than before.",
    "moved": "They said that they have moved to another address. Ring them before you follow.",
    "bad_move": "They said that they have moved to an address that we may not call.",
    "move_denied": "A move was announced that they know nothing of. Somebody else may have their keys.",
    "not_them": "At the new address somebody else answered. We stayed with the old one.",
    "keys_replaced": "They have replaced all their keys.",
    "key_of_another": "They showed a key that is another circle’s. It goes on counting for that circle alone.",
    "failed": "One of their letters could not be read here. It is kept for whoever mends the node.",
}
_STANDING = {
    "asked": ("waiting", "not linked yet"),
    "words": ("waiting", "six words to compare"),
    "agreeing": ("waiting", "nothing agreed yet"),
    "open": ("certain", "linked"),
    "suspended_by_us": ("waiting", "paused by us"),
    "suspended_by_them": ("waiting", "paused by them"),
    "ended": ("waiting", "ended"),
}


def trouble(code: str) -> str:
    """What stands in the way; empty when nothing does."""
    if not code:
        return ""
    return _TROUBLES.get(code, f"They turned us away. For whoever mends it: {code}.")


def alarm(code: str) -> str:
    return _ALARMS.get(code, f"Something that should not happen: {code}.")


_LOUD = {
    "keys_replaced": (
        "{them} has replaced its keys. Ring them before you trust a change of account.",
        "Keys are replaced when they were lost, or stolen. Ask them which, and since when. What they sent in between may "
        "not have been theirs.",
    ),
    "log_forked": (
        "Whoever answers at {them}’s address is not the circle we linked with.",
        "Nothing is taken from there, and nothing is lost. Ask them: was their node lost and made anew? Then end this "
        "link and invite them again; what is owed can be carried over. If they know nothing of it, somebody else may "
        "have their address.",
    ),
    "move_denied": (
        "A move of {them} was announced that they know nothing of.",
        "Somebody else may have their keys. They should bring their keys back with the words of their sheet; then all "
        "others are void, and you can go on.",
    ),
    "key_of_another": (
        "{them} showed a key that is another circle’s.",
        "It goes on counting for that circle alone. An honest node does not do this. Ring them before you share anything "
        "more with them.",
    ),
    "not_them": (
        "At the new address of {them} somebody else answers.",
        "We stay with the old address, and nothing was sent to the new one. Ask them to say the address once more.",
    ),
}  # fmt: skip


def loud(code: str, them: str) -> tuple[str, str]:
    """What is the matter with who they are, and what to ask them."""
    told, ask = _LOUD.get(code, ("", ""))
    return told.format(them=them), ask


def carried(found: Carried, them: str) -> list[str]:
    """What is carried over from a link that was lost, as an admin reads it before pressing Agree."""
    before = found.old_name or "a circle that we do not know"
    if found.said:
        lost = "We lost our keys, and are" if found.we_lost else f"{them} lost its keys, and is"
        lines = [f"{lost} linked anew." + ("" if found.we_lost else f" Before, it was {before}.")]
    elif found.we_lost:
        lines = [f"{them} says that we lost our keys and our books, and are linked anew."]
    else:
        lines = [f"{them} says that it was {before}, and lost its keys."]
    if found.old_stands:
        lines.append(f"Our link with {found.old_name} still stands. It ends when we agree.")
    lines.append(f"What is owed goes over to this link: {_owed(found.signed_pence, them)}.")
    if not found.said:
        lines.append(
            f"Nobody here has said so yet. Ring {found.old_name or them} on a number you had before, and ask if it is true."
        )
    elif found.book_pence is None:
        lines.append("Our books know nothing of it. It is written down as the beginning.")
    elif found.same_sum:
        lines.append("Our books say the same.")
    if not found.same_sum:
        lines.append(
            f"Our books say: {_owed(found.book_pence or 0, them)}. The two must be the same. Ring them, find the "
            "difference, and let the treasurer put it right before anyone agrees."
        )
    return lines


def before(row: Any) -> str:
    """A link of before, as one is chosen: whose it is, where, and whether it still stands."""
    return f"{row['name']}, {row['base_url']}, {'ended' if row['state'] == 'ended' else 'still stands'}"


def _owed(pence: int, them: str) -> str:
    if not pence:
        return "nothing is owed"
    return f"{them} owes us {pounds(pence)}" if pence > 0 else f"we owe {them} {pounds(-pence)}"


def standing(word: Standing, trouble_code: str, *, lapsed: bool = False) -> tuple[str, str]:
    """(kind, words) as pages draw a state."""
    if word == "open" and lapsed:
        return "open", "linked, but the agreement has run out"
    if word == "open" and trouble_code == "clock_skew":
        return "open", "linked, but a clock is wrong"
    if word == "open" and trouble_code and trouble_code != "too_many":
        return "open", "linked, but not reached now"
    return _STANDING[word]


def clock_offset(offset_s: int | None) -> str:
    """Whose clock is ahead; empty while we know nothing of theirs."""
    if offset_s is None:
        return ""
    if abs(offset_s) <= CLOCKS_AGREE_S:
        return "The two clocks agree."
    return f"Their clock is {_length(abs(offset_s))} {'ahead of' if offset_s > 0 else 'behind'} ours."


def clock_matters(offset_s: int | None) -> bool:
    """Whether one of the two refuses the other for it."""
    return offset_s is not None and abs(offset_s) > limits.CLOCK_FUTURE_S


def _length(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} seconds"
    if seconds < 90 * 60:
        return many(round(seconds / 60), "minute")
    if seconds < 36 * 3600:
        return many(round(seconds / 3600), "hour")
    return many(round(seconds / 86400), "day")


def many(count: int, thing: str) -> str:
    return f"{'one' if count == 1 else count} {thing}{'' if count == 1 else 's'}"


def last_seen(at: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    if at is None:
        return "We have not heard from them yet."
    ago = (now - at).total_seconds()
    if ago < 90:
        return "Just now"
    if ago < 90 * 60:
        return f"{_length(int(ago))} ago"
    if at.astimezone(zone).date() == now.astimezone(zone).date():
        return f"Today at {say_time(at, zone)}"
    return f"{say_day(at, zone)}, {say_time(at, zone)}"


def waiting(count: int) -> str:
    if not count:
        return "Nothing"
    return f"{many(count, 'letter').capitalize()}. {'It goes' if count == 1 else 'They go'} out as soon as their node answers."


def next_try(at: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    """When we call again; empty when nothing keeps us from calling."""
    if at is None:
        return ""
    if at <= now:
        return "Now"
    wait = int((at - now).total_seconds())
    if wait < 3600:
        return f"In {_length(max(wait, 5))}"
    return f"{say_day(at, zone)}, {say_time(at, zone)}" if wait > 12 * 3600 else f"At {say_time(at, zone)}"

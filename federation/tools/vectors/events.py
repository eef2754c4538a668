"""Events: every body good and bad, a chain with every type, and what an inbox makes of what comes."""

from __future__ import annotations

from typing import Any

from eccoo_federation import jcs
from eccoo_federation.identity import NewIdentity
from eccoo_federation.times import wire_time

from .event_bodies import LEAST, MORE, REF, REQUESTED, WRONG
from .world import LINK, NOW, Case, a, b, case, ids, other, sign

Event = dict[str, Any]


class Row:
    """One side's numbers and chains on the link."""

    def __init__(self, me: NewIdentity, first_id: int) -> None:
        self.me, self.seq, self.next_id = me, 0, first_id
        self.chains: dict[str, tuple[int, str | None]] = {}

    def make(self, kind: str, subject: str, body: dict[str, Any], at: Any = NOW, **changes: Any) -> Event:
        self.seq, self.next_id = self.seq + 1, self.next_id + 1
        rev, prev = self.chains.get(subject, (0, None))
        value = {
            "id": ids(self.next_id),
            "link": LINK,
            "from": self.me.node_id,
            "to": other(self.me).node_id,
            "seq": self.seq,
            "subject": subject,
            "rev": rev + 1,
            "prev": prev,
            "type": kind,
            "at": wire_time(at),
            "body": body,
        }
        made = sign(self.me, {**value, **changes}, at)
        self.chains[subject] = (made["rev"], jcs.digest(made))
        return made


def vectors() -> dict[str, dict[str, Any]]:
    return {
        "event_bodies": {
            "about": "Bodies by type. `bad_body` is refused by its form alone, whatever the state.",
            "cases": _bodies(),
        },
        "event_chain": {
            "about": "Every type once, signed, in the two rows of one link, with the digest of each whole event.",
            "events": _chain(),
        },
        "event_inbox": {
            "about": "What B’s inbox makes of what A sends, from an empty one on, one request each. `verdicts` come with "
            "`applied`; a case whose `expect` is a code is refused as a whole and changes nothing.",
            "cases": _inbox(),
        },
    }


def _bodies() -> list[Case]:
    made: list[Case] = []
    for kind, (_, _, least) in LEAST.items():
        made.append(case("the least", type=kind, body=least))
        if kind in MORE:
            made.append(case("all", type=kind, body={**least, **MORE[kind]}))
        made.append(case("a member not known", type=kind, body={**least, "colour": {"of": ["plum", 1]}}))
        made += [
            case(f"without {name}", "bad_body", type=kind, body={key: least[key] for key in least if key != name})
            for name in least
        ]
        made += [
            case(name, "bad_body", type=kind, body={**least, **wrong}) for name, wrong in WRONG.get(kind, {}).items()
        ]
    made.append(case("a type not known", "unknown_type", type="cover.swapped", body={}))
    return made


def _chain() -> list[dict[str, Any]]:
    rows = {"a": Row(a(), 0x100), "b": Row(b(), 0x200)}
    made = []
    for kind, (who, subject, least) in LEAST.items():
        event = rows[who].make(kind, subject, {**least, **MORE.get(kind, {})})
        made.append({"event": event, "digest": jcs.digest(event)})
    return made


def _inbox() -> list[Case]:
    row = Row(a(), 0x300)
    told = {**REQUESTED, "skills": ["cooking"]}
    events = [
        row.make("cover.requested", REF, REQUESTED),
        row.make("cover.requested", REF, told),
        row.make("pool.changed", "pool", {"revision": 1}),
        row.make("cover.swapped", "ref-2", {"request": "ref-2"}),
        row.make("cover.requested", "ref-2", {**REQUESTED, "request": "ref-2"}),
        row.make("cover.cancelled", "ref-2", {"request": "ref-2", "cancelled_at": wire_time(NOW)}),
        row.make("cover.requested", "ref-3", {**REQUESTED, "request": "ref-3", "area": "Halifax"}),
        row.make("cover.requested", "ref-4", {**REQUESTED, "request": "ref-4"}, crit=["colour"]),
        row.make("cover.requested", "ref-5", {**REQUESTED, "request": "ref-5"}, rev=3, prev="A" * 43),
        row.make("cover.requested", REF, REQUESTED, prev="A" * 43),
        row.make("tombstone", REF, {}),
        row.make("pool.changed", "pool", {"revision": 2}, colour="plum"),
    ]
    one, two, three, unknown, behind, frees, bad, crit, gap, broken, stone, last = events
    again = sign(a(), {**_bare(one), "at": wire_time(NOW.replace(hour=8))})
    reused = sign(a(), {**_bare(two), "id": ids(0x3F0)})
    elsewhere = sign(a(), {**_bare(last), "link": LINK[:-1] + "3"})
    to_us = sign(a(), {**_bare(last), "to": a().node_id})
    late_stone = sign(a(), {**_bare(two), "id": ids(0x3F1), "type": "tombstone", "body": {"replaces": two["id"]}})
    first = {**_bare(last), "rev": 1}

    def took(name: str, batch: list[Event], applied: int, *verdicts: tuple[Event, str, str]) -> Case:
        shown = [
            {"id": event["id"], "verdict": verdict, **({"code": code} if code else {})}
            for event, verdict, code in verdicts
        ]
        return case(name, events=batch, applied=applied, verdicts=shown)

    return [
        took("the first", [one], 1, (one, "applied", "")),
        took("the same again", [one], 1, (one, "duplicate", "")),
        took("the third before the second", [three], 1, (three, "buffered", "")),
        took("it waits still", [three], 1, (three, "buffered", "")),
        took("the second, and what waited", [two], 3, (two, "applied", ""), (three, "applied", "")),
        took("an unknown type uses up its number; its subject is blocked", [unknown, behind], 5,
             (unknown, "refused", "unknown_type"), (behind, "blocked", "blocked")),
        took("a refusal is said again", [unknown], 5, (unknown, "refused", "unknown_type")),
        took("what ends is never blocked", [frees], 6, (frees, "applied", "")),
        took("a bad body", [bad], 7, (bad, "refused", "bad_body")),
        took("must be understood, and is not", [crit], 8, (crit, "refused", "crit_unknown")),
        took("begins in the middle of its chain", [gap], 9, (gap, "refused", "chain_broken")),
        took("does not name the one before", [broken], 10, (broken, "refused", "chain_broken")),
        took("a tombstone on the blocked subject", [stone], 11, (stone, "applied", "")),
        took("a tombstone for what was applied", [late_stone], 11, (late_stone, "duplicate", "was_applied")),
        case("the same id, other bytes", "event_changed", events=[again], applied=11),
        case("an old number, another id", "seq_reused", events=[reused], applied=11),
        case("of another link", "wrong_link", events=[elsewhere], applied=11),
        case("to another circle", "wrong_link", events=[to_us], applied=11),
        case("signed by somebody else", "bad_proof", events=[sign(b(), _bare(last))], applied=11),
        case("changed after it was signed", "bad_proof", events=[{**last, "at": wire_time(NOW.replace(hour=8))}], applied=11),
        case("without a proof", "bad_proof", events=[_bare(last)], applied=11),
        case("without a number", "bad_body", events=[{k: v for k, v in last.items() if k != "seq"}], applied=11),
        case("no event", "bad_body", events=[], applied=11),
        took("a member not known, under the proof", [last], 12, (last, "applied", "")),
        took("first of its chain, and names one before", [sign(a(), {**first, "id": ids(0x3F2), "seq": 13})], 13,
             ({"id": ids(0x3F2)}, "refused", "chain_broken")),
    ]  # fmt: skip


def _bare(event: Event) -> Event:
    return {name: value for name, value in event.items() if name != "proof"}

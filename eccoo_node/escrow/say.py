"""The sentences in which pages speak of money. Pure: the same line and reader, the same words."""

from collections.abc import Sequence
from datetime import datetime

from eccoo_node.escrow.queries import OwedEntry
from eccoo_node.escrow.schedules import Decided
from eccoo_node.escrow.statements import BetweenCircles, PayerLine, PayerStatement, Row, WorkerStatement
from eccoo_node.escrow.telling import Told
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import percent, pounds
from eccoo_node.kernel.words import many
from eccoo_node.members.say import say_date


def visits(number: int) -> str:
    """ "one visit", "three visits", "12 visits"."""
    return many(number, "visit")


def counted(of_visits: int, bought: int) -> str:
    """ "three visits", and what is bought beside them: "one visit and one thing to buy"."""
    buys = many(bought, "thing to buy", "things to buy")
    if not bought:
        return visits(of_visits)
    return f"{visits(of_visits)} and {buys}" if of_visits else buys


def things(rows: Sequence[Row]) -> str:
    """The same of what is set aside or settled; empty where there is nothing."""
    bought = sum(row.told.bought for row in rows)
    return counted(len(rows) - bought, bought) if rows else ""


def day(at: datetime | None) -> str:
    """ "Thursday 26 November"; "a visit" where the day is not known."""
    return clock.say_day(at, clock.zone()) if at else "a visit"


def day_and_year(at: datetime) -> str:
    """ "26 November 2026"."""
    return say_date(at.astimezone(clock.zone()).date())


def shares(one: Decided) -> list[str]:
    """What the circle takes, in a sentence for each side."""
    if not one.worker_deduct_bps and not one.payer_add_bps:
        return ["The circle takes nothing. A worker has the whole of their fee."]
    worker = (
        f"Of each worker’s fee {percent(one.worker_deduct_bps)} goes to the circle."
        if one.worker_deduct_bps
        else "A worker has the whole of their fee."
    )
    payer = (
        f"Whoever pays adds {percent(one.payer_add_bps)} of the fee, for the circle."
        if one.payer_add_bps
        else "Nothing is added for whoever pays."
    )
    if one.vat_bps:
        worker += f" VAT of {percent(one.vat_bps)} is within what it takes."
    late = "the same share" if one.cancelled_bears else "nothing"
    return [worker, payer, f"Of what is paid for a visit called off too late it takes {late}."]


def fund(code: str) -> str:
    """Out of what someone pays, where that is worth saying."""
    named = {
        "own": "",
        "direct_payment": "direct payment",
        "local_authority": "the council",
        "council": "the council",
        "nhs": "NHS budget",
    }
    return named.get(code, code.replace("_", " "))


def payer(one: PayerLine) -> str:
    """ "Ada, paid by Fern (direct payment)"."""
    out_of = fund(one.fund)
    return f"{one.called} ({out_of})" if out_of else one.called


def stands_already(amount_pence: int, on: datetime, who: str = "") -> str:
    """What is asked before as much is written down by hand once more."""
    came = f"{pounds(amount_pence)} from {who} on" if who else f"{pounds(amount_pence)} of"
    return f"{came} {clock.say_day(on, clock.zone())} stands in the books already. Is this another one?"


def left_behind(one: PayerLine) -> str:
    """What a treasurer reads of somebody who no longer pays and has something left."""
    out_of = fund(one.fund) or "their own money"
    whose = f"It was paid in for {one.person_called}’s support, out of: {out_of}"
    more = f" {pounds(one.set_aside_pence)} more is still set aside for visits." if one.set_aside_pence else ""
    return f"{whose}. It goes back to where it came from.{more}"


def goes_back(one: PayerLine) -> str:
    """The same for whoever ended it."""
    more = (
        f" {pounds(one.set_aside_pence)} more stays set aside for visits that were agreed."
        if one.set_aside_pence
        else ""
    )
    return (
        f"{pounds(one.credit_pence)} that {one.payer_called} paid in is left over. It goes back to where it came from: the "
        f"treasurer is told, and sends it.{more}"
    )


def coming(row: Row, *, yours: bool, called: str) -> str:
    """What is set aside for one visit and where it will go."""
    line, when = row.line, day(row.told.at)
    if row.told.bought:
        when = f"“{row.told.words}”"
        if line.state != "disputed":
            return f"Up to {pounds(line.set_aside_pence)} is set aside for {when}. What it cost goes to the worker, and the rest back.{of_it(row)}"
    if line.state == "disputed":
        return f"{pounds(line.disputed_pence)} of {when} waits until it is clear what happened."
    says = "you say" if yours else f"{called} says"
    circles = "the two circles" if line.link_id else "the circle"
    goes = f"{pounds(line.worker_pence)} goes to the worker and {pounds(line.circles_pence)} to {circles}"
    if not line.circles_pence:
        goes = "all of it goes to the worker"
    return f"{pounds(line.set_aside_pence)} is set aside for {when}. When {says} it went ahead, {goes}.{of_it(row)}"


def of_it(row: Row) -> str:
    """What of a line is this payer's, where several pay for it."""
    return "" if row.part_pence is None else f" {pounds(row.part_pence)} of it is paid here, the rest by others."


def payer_sentences(one: PayerStatement, *, yours: bool) -> list[str]:
    """What a payer reads first."""
    waiting = [row for row in one.coming if row.line.state == "set_aside"]
    said = []
    if len(waiting) > 1:
        total = sum(row.aside_pence for row in waiting)
        said.append(f"{pounds(total)} is set aside for {things(waiting)}.")
    said += [coming(row, yours=yours, called=one.person_called) for row in waiting[:1]]
    said += [coming(row, yours=yours, called=one.person_called) for row in one.coming if row.line.state == "disputed"]
    also = "more " if one.coming else ""
    if one.credit_pence:
        said.append(f"{pounds(one.credit_pence)} {also}is there and not set aside for anything.")
    else:
        said.append("Nothing more is there to set aside." if also else "Nothing is paid in at present.")
    if one.returning_pence:
        to = "you" if yours and one.payer_person_id == one.person_id else one.payer_called
        said.append(f"{pounds(one.returning_pence)} is on its way back to {to}.")
    if one.owed_pence:
        ahead = ", which pays ahead for visits" if one.pays_after else ""
        said.append(f"{pounds(one.owed_pence)} is still to be paid to the circle{ahead}.")
    return said


def stands(one: PayerLine) -> str:
    """ "£60 set aside, £40 not", and what is still to be paid."""
    owed = f", {pounds(one.owed_pence)} still to be paid" if one.owed_pence else ""
    return f"{pounds(one.set_aside_pence)} set aside, {pounds(one.credit_pence)} not{owed}"


def worker_sentences(one: WorkerStatement) -> list[str]:
    """What a worker reads first: earned, on its way, paid."""
    said = []
    out = (
        f"{pounds(one.laid_out_pence)} for what you laid out, such as mileage or shopping" if one.laid_out_pence else ""
    )
    if one.earned_pence:
        said.append(f"You have earned {pounds(one.earned_pence)} here so far{f', and have {out}' if out else ''}.")
    elif out:
        said.append(f"You have {out}.")
    if one.ready_pence:
        said.append(f"{pounds(one.ready_pence)} of it is yours and waits to be paid out.")
    said += [
        f"{pounds(pence)} of it comes once {name} has settled with us." for name, pence in sorted(one.awaiting.items())
    ]
    if one.sent_pence:
        said.append(f"{pounds(one.sent_pence)} of it is on its way to your bank.")
    if one.paid_pence:
        said.append(f"{pounds(one.paid_pence)} has been paid out to you.")
    if one.owes_pence:
        said.append(
            f"{pounds(one.owes_pence)} is to be given back. Nothing is taken off what you earn without your yes."
        )
    if aside := [row for row in one.coming if not row.in_question]:
        said.append(f"{pounds(one.coming_pence)} more is set aside for you, for {things(aside)}.")
    return said


def owed(one: BetweenCircles) -> list[str]:
    """What lies between us and another circle, one sentence each way."""
    said = []
    for pence, number, who in (
        (one.we_owe_pence, one.for_visits, f"We owe {one.name}"),
        (one.they_owe_pence, one.for_their_visits, f"{one.name} owes us"),
    ):
        if pence:
            said.append(f"{who} {pounds(pence)}" + (f" for {visits(number)}" if number else ""))
    return said


def visit(told: Told) -> str:
    """ "Thursday 26 November, 9am to 11am (Wren)", without the name where the reader may not know it."""
    return f"{told.words} ({told.who})" if told.who else told.words


def to_whom(row: Row) -> str:
    """Where the money of one visit goes or went, in a line, for a payer."""
    line = row.line
    if line.state == "returned":
        return f"{pounds(line.returned_pence)} came back"
    if row.told.bought and line.state == "set_aside":
        return f"up to {pounds(line.set_aside_pence)}"
    if row.in_question:
        gone = [f"{pounds(line.worker_pence)} went to the worker"] if line.worker_pence else []
        gone += (
            [f"{pounds(line.circles_pence)} to the circle{'s' if line.link_id else ''}"] if line.circles_pence else []
        )
        return ". ".join([f"{pounds(line.disputed_pence)} waits", *([" and ".join(gone)] if gone else [])])
    parts = [f"{pounds(line.worker_pence)} to the worker"] if line.worker_pence else []
    if line.circles_pence:
        parts.append(f"{pounds(line.circles_pence)} to the circle{'s' if line.link_id else ''}")
    if line.returned_pence:
        parts.append(f"{pounds(line.returned_pence)} came back")
    return ", ".join(parts) + ("" if row.part_pence is None else f". {pounds(row.part_pence)} of it paid here")


def for_worker(row: Row) -> str:
    """The same for its worker."""
    line = row.line
    if line.state == "disputed":
        return f"{pounds(line.worker_pence)} is yours, and part of it is in question"
    if row.told.bought and line.state == "set_aside":
        return f"up to {pounds(line.set_aside_pence)}"
    return pounds(line.worker_pence)


def where_from(one: OwedEntry, them: str) -> str:
    """How the sum of one visit between two circles came about."""
    if not one.reference:
        return f"{pounds(abs(one.amount_pence))} was settled."
    ours = one.code == "2300"
    extra = one.worker_pence + one.ours_pence + one.theirs_pence - one.fee_pence
    top = f" and {pounds(extra)} on top" if extra else ""
    worker = f"{'their' if ours else 'our'} worker has {pounds(one.worker_pence)}"
    keep = f"{them} keeps {pounds(one.theirs_pence)} and we keep {pounds(one.ours_pence)}"
    travel = f"with {pounds(one.travel_pence)} for travel, " if one.travel_pence else "so "
    owe = f"{travel}{'we' if ours else 'they'} owe {pounds(abs(one.amount_pence))}."
    return f"Of the fee of {pounds(one.fee_pence)}{top}, {worker}, {keep}. {owe[0].upper()}{owe[1:]}"

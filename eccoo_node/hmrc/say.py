"""The sentences in which pages speak of what HMRC is told. Pure."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from eccoo_node.hmrc import rules
from eccoo_node.hmrc.actions import Copy
from eccoo_node.hmrc.queries import Asked, Report, Standing, Who
from eccoo_node.hmrc.reckoning import Quarter, Year, in_pounds, total
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds
from eccoo_node.kernel.words import many
from eccoo_node.members.say import say_date

QUARTERS = ("January to March", "April to June", "July to September", "October to December")


def day(at: datetime) -> str:
    return say_date(at.astimezone(clock.zone()).date())


def first(words: str) -> str:
    return words[:1].upper() + words[1:]


def listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


# ---------------------------------------------------------------- a worker's copy


def hidden(number: str) -> str:
    """A number as it may be read by someone who is not its own: its last three signs."""
    return f"ends in {number[-3:]}" if number else ""


def who(one: Who, *, whole: bool, own: bool = True) -> list[tuple[str, str]]:
    """Whom HMRC was told of. Not `whole` for a facilitator who reads it out: numbers by their ends, no day of birth.

    Where it is not the reader's `own`, of the bank account only how its number ends.
    """
    said, account = one.identity, one.account
    street = ", ".join(part for part in (said.address, said.address_more, said.town, said.postcode) if part)
    born = say_date(said.birth_date) if said.birth_date and whole else ""
    number = said.number if whole else hidden(said.number)
    label = "Company’s tax reference" if said.kind == "company" else "National Insurance number"
    if said.country != "GB" and said.kind == "person":
        label = "Tax number"
    bank = ""
    if account:
        bank = f"{account.sort_code} {account.number}" if whole and own else hidden(account.number)
        bank += f", in the name of {account.holder}" if account.holder else ""
    return [
        ("Name", said.called),
        ("Address", street),
        ("Country", rules.countries().get(said.country, said.country)),
        ("Born", born),
        (label, number or f"None: {said.no_tax_number}"),
        ("Company number", said.company_number),
        ("VAT number", said.vat_number if whole else hidden(said.vat_number)),
        ("Bank account", bank),
    ]


def quarter(name: str, one: Quarter, in_whole: tuple[int, int, int, int], *, reimbursed: bool) -> tuple[str, str]:
    """One quarter in words, with the pounds that HMRC reads."""
    consideration, fees, taxes, number = in_whole
    if not any(in_whole) and not one.reimbursed_pence:
        return name, "Nothing"
    said = f"£{consideration:,} for {many(number, 'visit')}, after £{fees:,} that went to the circle"
    said += f" and £{taxes:,} VAT" if taxes else ""
    if one.reimbursed_pence:
        told = "are in it" if reimbursed else "are not in it"
        said += f". {pounds(one.reimbursed_pence)} for mileage and expenses {told}"
    return name, f"{said}."


def copy_rows(quarters: Year, *, reimbursed: bool) -> list[tuple[str, str]]:
    told = in_pounds(quarters, reimbursed=reimbursed)
    return [
        quarter(
            name, one, (told.consideration[at], told.fees[at], told.taxes[at], told.visits[at]), reimbursed=reimbursed
        )
        for at, (name, one) in enumerate(zip(QUARTERS, quarters, strict=True))
    ]


def copy_table(quarters: Year, *, reimbursed: bool) -> list[list[str]]:
    """The same to the penny, with the whole year below."""
    rows = [*zip(QUARTERS, quarters, strict=True), ("The whole year", total(quarters))]
    return [
        [name, pounds(q.gross_pence), pounds(q.fees_pence), pounds(q.tax_pence), pounds(q.net_pence),
         pounds(q.reimbursed_pence), str(q.visits)]
        for name, q in rows
    ]  # fmt: skip


def copy_sentence(one: Copy, called: str, *, yours: bool) -> str:
    """What the copy is, first."""
    told = in_pounds(one.quarters, reimbursed=one.reimbursed)
    whose = "you" if yours else called
    earned = f"£{sum(told.consideration):,}"
    if one.report is None:
        return f"By 31 January {one.year + 1} we tell HMRC that {whose} earned {earned} here in {one.year}, as it stands now."
    on = f" on {say_date(one.report.on_day)}" if one.report.on_day else ""
    return f"We told HMRC{on} that {whose} earned {earned} here in {one.year}."


# ---------------------------------------------------------------- the treasurer's page


class Step(msgspec.Struct, frozen=True):
    """One step of a year: what it is, by when, and how far it is. `kind` is how its state is shown."""

    title: str
    words: str
    kind: str
    state: str


def asked(one: Asked) -> str:
    """Whether and when someone was asked."""
    if one.died:
        return "Has died, and is asked no more"
    if not one.asked:
        return "Will be asked today"
    times = many(len(one.asked), "time")
    waiting = len(one.asked) - len(one.reached)
    said = f"Asked {times}, last on {day(one.asked[-1])}" if len(one.asked) > 1 else f"Asked on {day(one.asked[0])}"
    return f"{said}; a facilitator has yet to tell them" if waiting else said


def steps(one: Standing, now: datetime) -> list[Step]:
    """The year from its details to its copies."""
    year, missing = one.year, one.missing
    over = now.astimezone(clock.zone()).date() > date(year, 12, 31)
    told = len(one.workers) - len(missing)
    made, waits = one.reports, one.unmarked
    sent = one.sent
    done, soon, do = "certain", "waiting", "open"
    if not one.operator:
        own = Step("The circle’s own details", "Once, and when they change", do, "To do")
    else:
        own = Step("The circle’s own details", one.operator.name, done, "Written down")
    people = Step(
        f"What workers told us, by 31 December {year}",
        f"{told} of {len(one.workers)} have told us" + ("; who has not stands below" if missing else ""),
        done if not missing else soon if not over else do,
        "Everyone has" if not missing else f"{many(len(missing), 'person', 'people')} to go".capitalize(),
    )
    if made:
        file = Step("The report", f"Number {made[-1].number}, made on {day(made[-1].made_at)}", done, "Made")
    else:
        file = Step(f"The report, from 1 January {year + 1}", "", do if over else soon, "To do" if over else "Not yet")
    if sent and not waits:
        last = sent[-1]
        words = f"On {say_date(last.on_day)}, reference {last.reference}" if last.on_day else last.reference
        gone = Step("Sent to HMRC", words, done, "Sent")
    else:
        gone = Step(
            f"Sent to HMRC, by 31 January {year + 1}", "", do if waits else soon, "To do" if waits else "Not yet"
        )
    if sent and not one.copies_waiting:
        copies = Step("Each worker’s copy", "Each finds it on their Money page", done, "All have it")
    elif sent:
        told_to = many(one.copies_waiting, "person", "people")
        copies = Step("Each worker’s copy", f"For {told_to} it waits on a facilitator’s list", soon, "On its way")
    else:
        copies = Step(
            f"Each worker’s copy, by 31 January {year + 1}", "Goes out once the report is sent", soon, "Not yet"
        )
    return [own, people, file, gone, copies]


class Next(msgspec.Struct, frozen=True):
    """What to do now, in a sentence, and how: a link, a report to be made, or nothing."""

    words: str
    path: str = ""
    act: str = ""
    button: str = ""


def next_step(one: Standing, now: datetime) -> Next:
    """The one thing to do next."""
    year = one.year
    over = now.astimezone(clock.zone()).date() > date(year, 12, 31)
    if not one.operator:
        return Next(
            "HMRC wants to know who the circle is. You need its platform operator ID and its tax reference.",
            path="/money/report/operator", button="Write down the circle’s details",
        )  # fmt: skip
    if one.unmarked:
        return Next(
            f"Report {one.unmarked.number} is made. Download it, send it on HMRC’s own site, and say here that you did.",
            path=f"/money/report/files/{one.unmarked.id}", button=f"See report {one.unmarked.number}",
        )  # fmt: skip
    if not over:
        missing = one.missing
        if missing:
            return Next(f"{first(many(len(missing), 'person', 'people'))} have yet to tell us what HMRC needs. They stand below; ask each of them.".replace(
                "person have", "person has"
            ))  # fmt: skip
        return Next(f"Nothing to do now. The report can be made from 1 January {one.year + 1}.")
    if one.differs:
        return Next(
            "Something has changed since HMRC was told. A new report tells what is new or puts it right.",
            act=f"/money/report/{one.year}/make", button="Make the next report",
        )  # fmt: skip
    left = earning_missing(one)
    if one.sent:
        if left:
            return Next(
                f"HMRC has been told about {year}, but not yet of {listed([worker.called for worker in left])}. Once they have "
                "told us what it needs, a further report adds them."
            )
        return Next(f"HMRC has been told about {year}. There is nothing more to do.")
    late = now.astimezone(clock.zone()).date() > date(year + 1, 1, 31)
    due = f"It was due by 31 January {year + 1}, and HMRC may fine a platform for each day. Make it and send it now."
    if not left:
        words = due if late else f"{year} is over. Make the report, and send it by 31 January {year + 1}."
    else:
        ring = "Not everyone who earned has told us what HMRC needs."
        words = f"{ring} {due}" if late else f"{ring} Ring them first, if there is time before 31 January {year + 1}."
    return Next(words, act=f"/money/report/{year}/make", button="Make the report")


def earning_missing(one: Standing) -> list[Asked]:
    """Who earned in the year and has not told."""
    return [worker for worker in one.missing if worker.person_id in one.quarters]


def patience(one: Standing, now: datetime) -> str:
    """What the law lets a platform do about whoever has been asked enough; empty while there is nobody."""
    names = [worker.called for worker in one.missing if not worker.died and rules.patience_over(worker.reached, now)]
    if not names:
        return ""
    return (
        f"{listed(names)} {'was' if len(names) == 1 else 'were'} asked, and reminded twice, over more than 60 days. "
        "The law now lets a platform keep back what it would pay out, or end the account, until HMRC’s questions are "
        "answered. Nothing here does either by itself. Most people only need someone to sit down with them."
    )


def report(one: Report) -> str:
    """One report in a list."""
    what = {"DPI401": "New", "DPI402": f"Corrects report {one.corrects}", "DPI403": "Nothing to tell"}[one.kind]
    became = {"sent": f"sent, reference {one.reference}", "unsent": "not sent", "": "not sent yet"}[one.outcome]
    return f"{what}, made on {day(one.made_at)}, {became}"


def mileage(value: int) -> str:
    """Whether mileage counts, and that the circle can decide otherwise."""
    return (
        "Mileage and expenses count as earned in what HMRC is told."
        if value
        else "Mileage and expenses are left out of what HMRC is told."
    )

"""Held money as it moves in a week: a receipt that waits, a question, a bank account that was made sure of, a statement."""

import io
from datetime import date, time, timedelta

from eccoo_node.demo.acts import CircleHands, Monday
from eccoo_node.demo.teams import Planned
from eccoo_node.disputes import actions as questions  # noqa: F401 - a visit said to be shorter becomes a question by it
from eccoo_node.expenses import actions as expenses
from eccoo_node.members import pictures
from eccoo_node.payouts import giving
from eccoo_node.rota import actions as rota
from eccoo_node.rota import patterns
from eccoo_node.rota.standing import Wanted

MORNINGS = {"maryam": (0, 2, 3), "tomasz": (1, 4)}
MORNING = "Getting up, washing and breakfast"
_BOUGHT = ("Bread", "1.60"), ("Milk, 2 pints", "1.35"), ("Soap", "2.10"), ("Cat food", "7.40")
_COST_PENCE = 1245
_SORT_CODE, _ACCOUNT = "99-00-01", "20003000"


async def standing_mornings(hands: CircleHands, people: dict[str, str], monday: Monday) -> str:
    """Edith’s mornings, every week from this Monday on; the visit of this Thursday."""
    made = {}
    for key, weekdays in MORNINGS.items():
        wanted = Wanted(people["edith"], people[key], weekdays, time(9), time(11), MORNING, monday.day)
        made[key] = await patterns.plan_weekly(hands.writing_for(people["edith"]), wanted=wanted)
    return (await patterns.coming_of(made["maryam"], monday.day + timedelta(days=3)))[0].id


async def money_moves(hands: CircleHands, people: dict[str, str], waits: Planned) -> None:
    """On the Sunday: Maryam shows a receipt, Tomasz’s bank account is made sure of, and a visit is said to have been shorter."""
    maryam, tomasz, edith = people["maryam"], people["tomasz"], people["edith"]
    bought = await expenses.agree(
        hands.writing_for(edith),
        person_id=edith,
        worker_id=maryam,
        purpose="Shopping for the weekend",
        ceiling_pence=1500,
    )
    await expenses.say_cost(
        await hands.own(maryam), expense_id=bought, cost_pence=_COST_PENCE, photo=pictures.paper(_receipt())
    )
    await giving.give_details(
        await hands.own(tomasz), tomasz, name="T Scarholme", sort_code=_SORT_CODE, account_number=_ACCOUNT
    )
    await giving.confirm_details(hands.helper, tomasz, how="rang", sort_code=_SORT_CODE, account_number=_ACCOUNT)
    await rota.answer_visit(hands.writing_for(waits.person_id), visit_id=waits.id, answer="partly", minutes=30)


def _receipt() -> bytes:
    """A photo of a till receipt, drawn. The letters at hand have no pound sign."""
    from PIL import Image, ImageDraw, ImageFont  # Only a demo draws one.

    page = Image.new("RGB", (480, 620), (250, 248, 240))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(26)
    rows = [("SLACK TOP STORES", ""), ("", ""), *_BOUGHT, ("", ""), ("TOTAL", f"{_COST_PENCE / 100:.2f}")]
    for number, (words, price) in enumerate(rows):
        draw.text((36, 48 + 60 * number), words, (40, 36, 44), font)
        draw.text((370, 48 + 60 * number), price, (40, 36, 44), font)
    kept = io.BytesIO()
    page.save(kept, "JPEG", quality=80)
    return kept.getvalue()


def statement(day: date, reference: str, there_pence: int) -> bytes:
    """What the bank gives for download: on top of what was there, one payment that says whose it is, and one that does not."""
    on = f"{day:%d/%m/%Y}"
    one, both = (f"{(there_pence + pence) / 100:.2f}" for pence in (15_000, 19_000))
    rows = [
        "Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP)",
        f"{on},V HOLT,{reference},FASTER PAYMENT,150.00,{one}",
        f"{on},B HINCHLIFFE,for mum,FASTER PAYMENT,40.00,{both}",
    ]
    return ("\r\n".join(rows) + "\r\n").encode()

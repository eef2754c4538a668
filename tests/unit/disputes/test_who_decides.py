"""Who of the circle helps and decides: nobody who has a part in it. And what the safeguarding lead can make wait."""

from datetime import date, timedelta

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.disputes import actions, pausing, queries
from eccoo_node.disputes import resolving as helping
from eccoo_node.escrow import entries
from eccoo_node.escrow import queries as books
from eccoo_node.escrow.actions import top_up
from eccoo_node.escrow.pausing import Came, Waited, left, paused_by_worker
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from eccoo_node.members.speaking import stop_speaking
from eccoo_node.payouts import actions as payouts
from eccoo_node.payouts import giving
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as visits
from eccoo_node.rota.rules import local
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.support.questions import HEARD, THURSDAY, Cast, cast
from tests.unit.disputes.test_questions import refused


async def paused_pence(worker_id: str) -> int:
    return (await paused_by_worker([worker_id]))[worker_id]


async def may_decide(them: Cast, called: str, one: str) -> str:
    """What happens when they try to decide all for the worker, without having heard both."""
    try:
        await helping.resolve(await them.be(called), question_id=one, sum_pence=1, words="So")
    except (Conflict, Forbidden) as found:
        return found.code
    return "done"


async def test_the_treasurer_decides_once_both_have_been_heard_and_the_split_goes_at_the_agreed_rate(
    node: Node,
) -> None:
    them = await cast(node)
    one = (await them.asked()).id
    tess, fay = await them.be("Tess"), await them.be("Fay")
    assert await may_decide(them, "Tess", one) == "not_heard"
    assert [await may_decide(them, who, one) for who in ("Fay", "Con", "Wren", "Ada", "Mia")] == ["forbidden"] * 5
    await helping.note(fay, question_id=one, words="Wren was in tears.")
    unsaid = helping.have_heard_both(fay, question_id=one, person_words="It was late.", worker_words=" ")
    assert await refused(unsaid, Invalid) == "empty"
    await helping.have_heard_both(fay, question_id=one, **HEARD)
    await helping.have_heard_both(fay, question_id=one, **HEARD)
    assert await them.told("Tess") == ["money_to_decide"]
    assert await refused(helping.resolve(tess, question_id=one, sum_pence=1001, words="So"), Invalid) == "bad_amount"
    assert await refused(helping.resolve(tess, question_id=one, sum_pence=400, words=" "), Invalid) == "no_reason"
    await helping.resolve(tess, question_id=one, sum_pence=400, words="The bus was late, which is nobody’s doing.")
    assert await them.sums() == {"1000": 10_000, "2000": -7240, "2200": -2040, "2210": -360, "4000": -360}
    # In the books stands who decided it; what followed from the visit is there by itself.
    by = {one.kind: one.by for one in (await entries.look_through(tess)).entries}
    assert (by["resolved"], by["disputed"], by["released"]) == ("Tess", "", "")
    steps = await queries.steps(one)
    assert [(step.role, step.kind, step.sum_pence) for step in steps][-3:] == [
        ("facilitator", "heard", 0), ("treasurer", "resolved", 400), ("node", "moved_apart", 400),
    ]  # fmt: skip
    assert "tears" not in "".join(step.words for step in steps)
    found = await queries.question(one)
    about = await queries.thing(found)
    assert [len(await queries.notes(await them.be(who), found, about)) for who in ("Fay", "Wren", "Ada")] == [3, 0, 0]


async def test_nobody_decides_or_proposes_for_the_circle_what_they_have_a_part_in(node: Node) -> None:
    """The treasurer pays; then is in the team; then speaks for one of the two; then says so. The convenor decides."""
    them = await cast(node, pays="Tess")
    one = (await them.asked()).id
    assert [await may_decide(them, who, one) for who in ("Tess", "Con")] == ["forbidden", "not_heard"]
    con = await them.be("Con")
    assert [found.id for found in await queries.open_questions(await them.be("Fay"))] == [one]
    assert await queries.open_questions(await them.be("Tess")) == []
    await make.speaks(them.ids["Fay"], them.ids["Wren"], "say_visit_went")
    fay = await them.be("Fay")
    for asking in (
        helping.have_heard_both(fay, question_id=one, **HEARD),
        helping.note(fay, question_id=one, words="x"),
        actions.propose(fay, question_id=one, sum_pence=1),
    ):
        assert await refused(asking, Forbidden) == "forbidden"
    await helping.step_aside(con, question_id=one, words="Wren is my niece.")
    await helping.step_aside(con, question_id=one, words="Wren is my niece.")
    assert await may_decide(them, "Con", one) == "forbidden"
    about = await queries.thing(await queries.question(one))
    assert queries.deciding(await queries.keepers(), about.parties) == ([], True)
    assert "niece" not in "".join(step.words for step in await queries.steps(one))
    await make.hat(them.ids["Mia"], await make.circle(), "treasurer")
    assert await may_decide(them, "Mia", one) == "not_heard"
    await make.hat(them.ids["Mia"], (await queries.question(one)).team_id, "volunteer")
    assert await may_decide(them, "Mia", one) == "forbidden"


async def test_who_spoke_for_one_of_them_when_it_happened_has_a_part_in_it_for_good(node: Node) -> None:
    """Whether they stopped, or their yes ran out; who stopped before the visit has none."""
    them = await cast(node)
    circle = await make.circle()
    for called in ("Mia", "Bill"):
        await make.hat(them.ids[called], circle, "treasurer")
    await make.speaks(them.ids["Tess"], them.ids["Ada"], "money")
    await make.speaks(them.ids["Mia"], them.ids["Wren"], "money", days=9)
    await make.speaks(them.ids["Bill"], them.ids["Ada"], "money")
    ada = await them.be("Ada")
    await stop_speaking(ada, person_id=ada.person_id, speaker_id=them.ids["Bill"])
    one = (await them.asked()).id
    await stop_speaking(ada, person_id=ada.person_id, speaker_id=them.ids["Tess"])
    node.clock.move(timedelta(days=10))
    decides = [await may_decide(them, who, one) for who in ("Tess", "Mia", "Bill")]
    assert decides == ["forbidden", "forbidden", "not_heard"]
    line = (await queries.question(one)).line
    found = (await queries.parties_of_lines([await books.find(line)]))[line]
    assert {called for called in ("Tess", "Mia", "Bill") if them.ids[called] in found} == {"Tess", "Mia"}


async def test_a_facilitator_who_only_wrote_it_down_has_not_asked_it(node: Node) -> None:
    them = await cast(node)
    visit = await them.went()
    phone = await them.be("Fay", via="phone", acting_for=them.ids["Ada"], known_by="rang_back")
    await rota.answer_visit(phone, visit_id=visit, answer="partly", minutes=60)
    one = await them.question(visit)
    assert (one.raised_by, one.typed_by, one.via) == (them.ids["Ada"], them.ids["Fay"], "phone")
    await helping.have_heard_both(await them.be("Fay"), question_id=one.id, **HEARD)
    assert ("facilitator", "heard") in await them.kinds(one)


def day_after(days: int) -> date:
    return (MONDAY + timedelta(days=days)).date()


async def test_a_named_sum_waits_until_its_day_and_ends_by_itself(node: Node) -> None:
    them = await cast(node)
    visit = await them.went()
    line, lea = f"visit:{visit}", await them.be("Lea")
    assert await paused_pence(them.ids["Wren"]) == 0
    given = {"line": line, "amount_pence": 1000, "until": day_after(9), "spoke_up": False}
    for who in ("Tess", "Fay", "Con", "Wren", "Ada"):
        assert await refused(pausing.pause(await them.be(who), **given), Forbidden) == "forbidden"
    for wrong, code in (
        ({"amount_pence": 2911}, "bad_amount"), ({"amount_pence": 0}, "bad_amount"), ({"until": day_after(40)}, "bad_day"),
        ({"until": day_after(2)}, "bad_day"), ({"spoke_up": True}, "no_yes"), ({"spoke_up": True, "worker_yes": " "}, "no_yes"),
    ):  # fmt: skip
        assert await refused(pausing.pause(lea, **given | wrong), Invalid) == code
    one = await pausing.pause(lea, **given)
    assert await refused(pausing.pause(lea, **given)) == "paused"
    # Nothing of it is ready yet; once the visit is confirmed, so much of it is left out of a payout.
    assert await paused_pence(them.ids["Wren"]) == 0
    before = await them.sums()
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="yes")
    assert (await paused_pence(them.ids["Wren"]), (await them.sums())["2200"]) == (1000, -2550)
    assert before["1000"] == (await them.sums())["1000"]
    assert [await them.told(who) for who in ("Ada", "Wren")] == [
        ["how_did_it_go", "money_waits"], ["money_waits", "released"],
    ]  # fmt: skip
    node.clock.set(local(day_after(7), THURSDAY.time().replace(hour=18), THURSDAY.tzinfo))  # type: ignore[arg-type]
    await node.settle()
    assert await them.told("Lea") == ["pause_ends"]
    await pausing.renew(lea, pause_id=one, until=day_after(12))
    node.clock.set(MONDAY + timedelta(days=10))
    await node.settle()
    assert await paused_pence(them.ids["Wren"]) == 1000
    node.clock.set(MONDAY + timedelta(days=13))
    assert await paused_pence(them.ids["Wren"]) == 0
    await node.settle()
    assert (await them.told("Wren"))[-1] == "money_goes_on"
    assert await refused(pausing.renew(lea, pause_id=one, until=day_after(20))) == "over"


async def test_whoever_told_us_is_paid_unless_they_say_yes_to_waiting(node: Node) -> None:
    them = await cast(node)
    visit, lea = await them.went(), await them.be("Lea")
    given = {"line": f"visit:{visit}", "amount_pence": 500, "until": day_after(9), "spoke_up": True}
    one = await pausing.pause(lea, **given, worker_yes="On the telephone, on Thursday: better so.")
    await pausing.end(lea, pause_id=one)
    await pausing.end(lea, pause_id=one)
    assert (await fetch("SELECT worker_yes, ended_by FROM pause"))[0][0] == "On the telephone, on Thursday: better so."
    assert await them.told("Wren") == ["money_waits", "money_goes_on"]


async def test_what_the_lead_looked_at_names_nobody_in_the_record_of_who_looked(node: Node) -> None:
    them = await cast(node)
    visit = await them.went()
    lea = await them.be("Lea")
    assert [(one.reference, one.amount_pence) for one in await pausing.look(lea, name="wren")] == [
        (f"visit:{visit}", 2910)
    ]
    assert await pausing.look(lea, name=" ") == []
    one = await pausing.pause(lea, line=f"visit:{visit}", amount_pence=1, until=day_after(9), spoke_up=False)
    await pausing.end(lea, pause_id=one)
    rows = await fetch("SELECT action, person_id FROM audit WHERE action LIKE 'safeguarding.%' ORDER BY id")
    assert [tuple(row) for row in rows] == [(f"safeguarding.{act}", "") for act in ("look", "look", "pause", "end")]
    assert await refused(pausing.look(await them.be("Fay"), name="Wren"), Forbidden) == "forbidden"
    # A lead who is the person, the worker or whoever pays has a part in it.
    await make.hat(them.ids["Ada"], await make.circle(), "safeguarding")
    assert await pausing.look(await them.be("Ada"), name="Wren") == []
    asking = pausing.pause(
        await them.be("Ada"), line=f"visit:{visit}", amount_pence=1, until=day_after(9), spoke_up=False
    )
    assert await refused(asking, Forbidden) == "forbidden"


async def test_a_lead_who_has_a_part_in_it_leaves_it_to_another(node: Node) -> None:
    """Who speaks for one side, is in the team or pays a part."""
    them = await cast(node)
    given = {"amount_pence": 500, "until": day_after(9), "spoke_up": False}
    line = f"visit:{await them.went()}"
    waits = await pausing.pause(await them.be("Lea"), line=line, **given)
    circle = await make.circle()
    for called in ("Mia", "Bill", "Con"):
        await make.hat(them.ids[called], circle, "safeguarding")
    await make.speaks(them.ids["Mia"], them.ids["Ada"], "money")
    await make.speaks(them.ids["Bill"], them.ids["Wren"], "say_visit_went")
    team = (await visits.visit(line.split(":")[1])).team_id
    await make.hat(them.ids["Con"], team, "volunteer")
    for called in ("Mia", "Bill", "Con"):
        lead = await them.be(called)
        assert await refused(pausing.end(lead, pause_id=waits), Forbidden) == "forbidden"
        assert await refused(pausing.renew(lead, pause_id=waits, until=day_after(10)), Forbidden) == "forbidden"
        assert await pausing.look(lead, name="Wren") == []
    await pausing.end(await them.be("Lea"), pause_id=waits)
    assert await refused(pausing.pause(await them.be("Mia"), line=line, **given), Forbidden) == "forbidden"
    assert await pausing.look(await them.be("Lea"), name="Wren") != []


async def test_what_was_paid_out_cannot_wait_and_holds_no_other_visit(node: Node) -> None:
    them = await cast(node)
    wren, lea, tess = await them.be("Wren"), await them.be("Lea"), await them.be("Tess")
    await top_up(tess, them.payer, 5000, key="more")
    bank = {"name": "W Bird", "sort_code": "203040", "account_number": "12349876"}
    await giving.give_details(wren, wren.person_id, **bank)
    del bank["name"]
    await giving.confirm_details(await them.be("Fay"), wren.person_id, how="paper", **bank)

    async def paid_out(key: str, day: date) -> None:
        batch = await payouts.make_batch(tess, pay_on=day, key=key)
        await payouts.file_batch(tess, batch)

    first = await them.went()
    assert await rota.answer_visit(await them.be("Ada"), visit_id=first, answer="yes") == "settled"
    await paid_out("one", day_after(4))
    second = await them.visit(days=1)
    node.clock.set(THURSDAY + timedelta(days=1, hours=2))
    await rota.say_how_it_went(wren, visit_id=second, answer="as_planned")
    await rota.answer_visit(await them.be("Ada"), visit_id=second, answer="yes")
    given = {"amount_pence": 2910, "until": day_after(9), "spoke_up": False}
    assert await refused(pausing.pause(lea, line=f"visit:{first}", **given)) == "gone"
    assert [one.reference for one in await pausing.look(lea, name="Wren")] == [f"visit:{second}"]
    await pausing.pause(lea, line=f"visit:{second}", **given)
    third = await them.visit(days=2)
    node.clock.set(THURSDAY + timedelta(days=2, hours=2))
    await rota.say_how_it_went(wren, visit_id=third, answer="as_planned")
    await rota.answer_visit(await them.be("Ada"), visit_id=third, answer="yes")
    assert await paused_pence(wren.person_id) == 2910
    # What waits still waits once a later visit has been paid out before it.
    await paid_out("two", day_after(7))
    assert await paused_pence(wren.person_id) == 2910
    assert (await them.sums())["2200"] == -2910


def test_what_a_line_gave_is_followed_past_what_waits_and_back_from_the_bank() -> None:
    one, two = Came(1, THURSDAY, 300, "one"), Came(2, THURSDAY, 200, "two")
    sent = Came(3, THURSDAY + timedelta(hours=1), -200)
    waits = Waited("one", THURSDAY, THURSDAY + timedelta(hours=2))
    assert left([one, two, sent], []) == {"one": 100, "two": 200}
    assert left([one, two, sent], [waits]) == {"one": 300}
    assert left([one, two, sent, Came(4, THURSDAY, 200)], [waits]) == {"one": 300, "two": 200}
    assert left([one, two, Came(3, THURSDAY, -250, "two")], []) == {"one": 250}
    assert left([one, two, Came(3, THURSDAY, -200, reverses_id=2)], []) == {"one": 300}


async def test_whoever_pays_a_part_has_a_part_in_it(node: Node) -> None:
    them = await cast(node, treasurers=("Tess", "Bill"))
    other = await make.payer(them.ids["Ada"], them.ids["Bill"], share_bps=4000)
    async with write():
        await fetch("UPDATE payer SET share_bps = 6000 WHERE id = ?", them.payer)
    await top_up(await them.be("Tess"), other, 5000, key="more")
    one = await them.asked(answer="wrong", part="whole", minutes=None)
    assert {them.ids["Ada"], them.ids["Bill"]} <= (await queries.thing(one)).parties
    assert await may_decide(them, "Bill", one.id) == "forbidden"
    assert await may_decide(them, "Tess", one.id) == "not_heard"

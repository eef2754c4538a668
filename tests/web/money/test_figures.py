"""The numbers a circle decides on, on its pages: all read them, the treasurer writes them down by a decision."""

import pytest

from eccoo_node.governance import queries
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Invalid
from eccoo_node.rota.rules import WEEKLY_DAY
from tests.support import make
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import acts, text


async def test_a_decided_number_is_read_by_all_and_changed_by_the_treasurer(circle: Circle, browser_of: SignIn) -> None:
    decision = await make.decision("Next week is paid on Tuesdays.", about="weekly_day")
    elsewhere = await make.decision("Tea on Sundays.", about="payout_alone")
    ada, tess = await browser_of(circle.books.person), await browser_of(circle.books.treasurer.person_id)
    said = text(await ada.get("/decisions/numbers"))
    assert f"{WEEKLY_DAY.title} Thursday . This is what the software begins with." in said
    assert "Change" not in said
    assert (await ada.get("/decisions/numbers/weekly_day")).status_code == 403
    page = text(await tess.get("/decisions/numbers/weekly_day"))
    assert ("Next week is paid on Tuesdays." in page, "Tea on Sundays." in page) == (True, False)
    other = {"value": "1", "decision": elsewhere, "from_day": "3 May 2027"}
    refused = await tess.send("/decisions/numbers/weekly_day", other)
    assert (refused.status_code, "Choose the decision that this rests on." in refused.text) == (422, True)
    with pytest.raises(Invalid, match="about something else"):
        await decide_figure(COMMAND, WEEKLY_DAY, 1, decision_id=elsewhere)
    wrong = await tess.send(
        "/decisions/numbers/weekly_day", {"value": "6", "decision": decision, "from_day": "3 May 2027"}
    )
    assert wrong.status_code == 422
    assert "Choose one of these." in wrong.text
    assert 'value="3 May 2027"' in wrong.text
    done = await tess.send(
        "/decisions/numbers/weekly_day", {"value": "1", "decision": decision, "from_day": "3 May 2027"}
    )
    assert done.status_code == 303
    said = text(await ada.get("/decisions/numbers"))
    assert "From 3 May 2027: Tuesday , as decided: Next week is paid on Tuesdays." in said
    assert "Tess wrote the number down, somebody the decision." in said
    page = await tess.get(f"/decisions/{decision}")
    assert acts(page) == ["Write the number down"]
    assert acts(await tess.get("/decisions/numbers/weekly_hour")) == ["First write the decision down"]
    assert await queries.figure(WEEKLY_DAY) == 3
    assert (await tess.get("/decisions/numbers/no_such")).status_code == 404

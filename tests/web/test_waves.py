"""Circles asked one after the other, as the person reads, orders, hurries and stops it."""

from tests.support.more_links import more_links
from tests.web.covering import ask_near
from tests.web.story import Walk


async def test_one_yes_covers_an_order_that_can_be_chosen_hurried_and_stopped(walk: Walk) -> None:
    sowerby, halifax = await more_links(walk.pair, "Sowerby circle", "Halifax circle")
    told = await ask_near(walk)
    edith = await walk.a.read_as("Edith")
    page = await edith.get(f"{told.search}/further")
    # Nobody has come yet from any of them, so they stand by name; the hours are those for news.
    assert page.text.startswith(
        "Back Thursday 26 November, 9am to 11am Shall we ask in this order? First Halifax circle. "
        "If nobody offers by 10am, also Sowerby circle and Todmorden circle. Choose another order They will see:"
    )
    order = await edith.get(next(link for link in page.links if "/order" in link))
    assert (order.heading, order.acts) == ("Whom shall we ask first?", ["Read it over"])
    none = [f"{link}=0" for link in (sowerby, halifax, walk.pair.link_id)]
    wrong = await edith.press(order, "Read it over", order=none)
    assert (wrong.status, "Choose at least one circle to ask." in wrong.text) == (422, True)
    chosen = [f"{walk.pair.link_id}=1", f"{sowerby}=2", f"{halifax}=3"]
    page = await edith.press(wrong, "Read it over", order=chosen, wait="60")
    assert (
        "First Todmorden circle. If nobody offers by 9am, also Sowerby circle. If still nobody offers by 10am, also Halifax circle."
        in page.text
    )
    page = await edith.press(page, "Yes, ask them")
    assert page.heading == "We’ve asked Sol and Todmorden circle"
    assert (
        "If nobody offers by 9am, we also ask Sowerby circle. If nobody offers by 10am, we also ask Halifax circle."
        in page.text
    )
    assert page.acts == []
    changed = await edith.get(f"{told.search}/order")
    page = await edith.press(changed, "Read it over", order=[f"{sowerby}=0", f"{halifax}=2"], wait="120")
    assert "If nobody offers by 10am, also Halifax circle." in page.text
    page = await edith.press(page, "Yes, ask them")
    assert "we also ask Halifax circle" in page.text
    assert "Sowerby" not in page.text
    page = await edith.press(page, "Ask nobody else")
    assert "Nobody else is asked. Those who know may still offer." in page.text
    assert "we also ask" not in page.text
    assert page.acts == ["Ask further away"]
    page = await edith.press(await edith.get(f"{told.search}/further"), "Yes, ask them")
    page = await edith.press(page, "Ask the others now")
    assert page.heading == "We’ve asked Sol, Todmorden circle, Halifax circle and Sowerby circle"

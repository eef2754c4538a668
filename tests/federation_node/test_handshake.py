from eccoo_node.links import queries
from tests.support.pair import Pair


async def test_two_circles_link_over_http(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    seen = []
    for node in two_nodes.both:
        with node.bound():
            known = await queries.circle(link_id)
            seen.append((known.name, known.standing, known.terms.we_may, known.home_share_bps))
            assert [c.id for c in await queries.askable()] == [link_id]
    both_ways = ("cover.offer", "cover.request", "settle")
    assert seen == [("Todmorden circle", "open", both_ways, 5000), ("Hebden circle", "open", both_ways, 5000)]

"""The pages of a long list."""

from eccoo_node.web.paging import page_of


def test_a_long_list_keeps_what_it_was_asked_for_and_takes_nothing_odd() -> None:
    first, third = page_of({}), page_of({"page": "3"})
    assert (first.skip(50), third.skip(50)) == (0, 100)
    assert first.links("/papers/all", False, find="") == {"newer": "", "older": ""}
    assert third.links("/papers/all", True, find="Ada & Bill", year="") == {
        "newer": "/papers/all?find=Ada+%26+Bill&page=2",
        "older": "/papers/all?find=Ada+%26+Bill&page=4",
    }
    assert page_of({"page": "2"}).links("/decisions", False) == {"newer": "/decisions", "older": ""}
    assert [page_of({"page": odd}).page for odd in ("0", "-1", "²", "9999", "99999", "x")] == [1, 1, 1, 2000, 1, 1]

"""Every piece of news has a plain sentence for its reader, and a page it leads to."""

import ast
from datetime import UTC, datetime

import pytest

from eccoo_node.rota import link_news, news
from eccoo_node.rota.queries import News
from eccoo_node.rota.say import Reader
from tests.support.sources import python_files

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
THURSDAY = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
EDITH, RUTH, SOL = Reader("edith", "Edith"), Reader("edith", "Edith", "speaks"), Reader("sol", "Sol")


def told(code: str, **more: object) -> News:
    return News(**{
        "id": "n1", "person_id": "edith", "called": "Edith", "phone": "", "channel": "phone", "news": code,
        "about_id": "x1", "about_called": "Ruth", "at": NOW, "told_at": None, "visit_id": "v1",
        "visit_person_id": "edith", "visit_person": "Edith", "worker": "Wren", "starts_at": THURSDAY, **more,
    })  # type: ignore[arg-type]  # fmt: skip


def codes_in(source: str) -> set[str]:
    """The codes that are handed to `tell(people, visit, "code")`, which alone has the visit or None in second place."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tell" and len(node.args) == 3:
            found |= {
                part.value
                for part in ast.walk(node.args[2])
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
    return found


def test_every_code_that_is_told_has_a_sentence_and_no_sentence_is_left_over() -> None:
    told_codes: set[str] = set()
    for path in python_files():
        if any(
            f"/{domain}/" in str(path)
            for domain in ("rota", "cover", "papers", "disputes", "hmrc", "payouts", "referrals", "settlement")
        ):
            told_codes |= codes_in(path.read_text())
    # Handed on by name, as what an outcome means (offering._STATES, cover.talk).
    # Told to one or both sides of a question (disputes.actions.tell_sides).
    told_codes |= {"money_question", "money_split", "money_settled", "money_waits", "money_goes_on"}
    # Told of something that is bought, by whoever it concerns (expenses.actions).
    told_codes |= {
        f"expense_{what}"
        for what in ("new", "cost", "more", "nothing", "back", "paid", "waits", "agreed", "wrong", "ask")
    }
    told_codes |= {"chosen", "not_chosen", "cancelled_away", "unclaimed_away", "talk", "another_time"}
    # Told of a change of the circle's own bank accounts (payout_news.our_account).
    told_codes |= {f"account_{what}" for what in ("asked", "confirmed", "turned_down", "taken_back")}
    # Told of what was called off late (paying._tell_each).
    told_codes |= {"not_paid_for_late", "paid_for_late"}
    # Told of what is planned, moved and called off (patterns._tell).
    told_codes |= {"planned", "moved", "planned_weekly", "weekly_changed", "weekly_ended"}
    # Told to the treasurers about another circle (settlement.actions.news).
    told_codes |= {f"settle_{what}" for what in ("agreed", "differs", "refused", "paid", "limit", "account")}
    # Told of linked circles (links.keeping.due, rota.link_news).
    told_codes |= {f"link_{what}" for what in ("ends_60", "ends_30", "ends_7", "lapsed", "silent", "clock", "alarm")}
    told_codes |= {*link_news.HEARD.values(), *link_news.OF_KEYS.values()}
    assert sorted(told_codes) == sorted(news.SENTENCES)


def test_the_person_is_spoken_to_and_everyone_else_hears_their_name() -> None:
    said = {
        code: tuple(news.sentence(told(code), reader, NOW) for reader in (EDITH, RUTH, SOL))
        for code in ("gap", "coming", "how_did_it_go", "nobody_near", "costs_more", "someone_else")
    }
    assert said == {
        "gap": ("Wren can’t come on Thursday at 9am.", *["Wren can’t come to Edith on Thursday at 9am."] * 2),
        "coming": ("Wren is coming on Thursday at 9am.", *["Wren is coming to Edith on Thursday at 9am."] * 2),
        "how_did_it_go": ("Did Wren come on Thursday at 9am?", *["Did Wren come to Edith on Thursday at 9am?"] * 2),
        "nobody_near": (
            "Nobody we asked can come on Thursday at 9am. You can ask further away.",
            *["Nobody we asked can come to Edith on Thursday at 9am. Edith can ask further away."] * 2,
        ),
        "costs_more": (
            "Someone else can come on Thursday at 9am, and it costs more. Your money needs your yes.",
            *["Someone else can come to Edith on Thursday at 9am, and it costs more. Edith’s money needs your yes."] * 2,
        ),
        "someone_else": (
            "You have someone for Thursday. Thank you for offering.", *["Edith has someone for Thursday. Thank you for offering."] * 2,
        ),
    }  # fmt: skip


def test_whoever_covers_is_named_once_they_are_coming() -> None:
    assert news.sentence(told("coming", cover_name="Bea"), EDITH, NOW) == "Bea is coming on Thursday at 9am."


def test_news_from_another_circle_says_the_place_and_never_a_name() -> None:
    one = told("not_chosen", visit_id=None, visit_person_id="", visit_person="", starts_at=None)
    away = news.Away("HX7", THURSDAY)
    assert news.sentence(one, SOL, NOW, away) == "Someone in HX7 has someone for Thursday. Thank you for offering."
    # What is no longer known is left out.
    assert news.sentence(one, SOL, NOW) == "Someone in another circle has someone for that day. Thank you for offering."


def test_every_sentence_is_whole_and_short_for_every_reader() -> None:
    for code in news.SENTENCES:
        for reader in (EDITH, RUTH, SOL):
            for one in (told(code), told(code, worker="", cover_name="", about_called="", starts_at=None)):
                said = news.sentence(one, reader, NOW)
                assert "{" not in said
                assert "  " not in said
                assert said[0].isupper()
                assert said[-1] in ".?"
                assert all(len(part.split()) <= 20 for part in said.replace("?", ".").split(". ")), said


def test_each_leads_to_a_page_and_what_is_over_to_today() -> None:
    paths = {news.path(told(code)) for code in news.SENTENCES}
    assert paths == {
        "/home", "/visits/v1", "/visits/v1/answer", "/visits/v1/went", "/visits/v1/asked", "/visits/v1/choose",
        "/cover/x1", "/cover/offers/x1", "/requests/x1", "/coming/x1", "/coming/x1/went", "/expenses/x1",
        "/papers/x1", "/visits/v1/money", "/visits/v1/due", "/week", "/money", "/money/questions/x1", "/money/waits",
        "/money/where-to", "/money/details", "/money/details/x1", "/money/account-changes/x1", "/money/payouts/x1",
        "/money/tax-details", "/money/told-hmrc", "/money/circles/x1", "/money/circles/x1/account",
        "/admin/links/x1", "/admin/links/x1/health", "/admin/links/introductions", "/admin/identity", "/enquiries",
        "/visits/v1/between", "/coming/x1/between", "/phone/x1/standing",
    }  # fmt: skip


def test_a_code_without_words_is_an_error_and_not_an_empty_line() -> None:
    with pytest.raises(KeyError, match="nothing_such"):
        news.sentence(told("nothing_such"), EDITH, NOW)

"""What each piece of news says, as one plain sentence, and the page it leads to.

A code is written by the act that causes it (`telling.tell`); here it becomes words for the one who reads it: the person,
someone who speaks for them, a worker, or the facilitator who reads it aloud on the telephone.
"""

from datetime import datetime

import msgspec

from eccoo_node.kernel.money import pounds
from eccoo_node.rota import say
from eccoo_node.rota.queries import News
from eccoo_node.rota.say import Reader


class Away(msgspec.Struct, frozen=True):
    """A visit in another circle as far as its worker may know of it before they are told more."""

    area: str
    starts_at: datetime


# {worker}: who was coming first. {who}: who is coming now. {to}: " to Ada", or nothing when Ada reads it.
# {person}: "you" or "Ada". {day}: "on Thursday at 9am". {there}: "HX7". {about}: who asked or said it.
SENTENCES = {
    # the week
    "gap": "{worker} can’t come{to} {day}.",
    "nobody_came": "Nobody came{to} {day}.",
    "stopped": "The visit{to} {day} does not take place.",
    "planned": "A visit{to} is planned {day}. If {worker_you} can’t be there, please say so.",
    "moved": "A visit{to} has another time now: {day}. If {worker_you} can’t be there, please say so.",
    "planned_weekly": "Visits{to} are planned for every week, the first {day}. If {worker_you} can’t be there, please say so.",
    "weekly_changed": "The visits{to} of every week have changed. The first of the new ones is {day}.",
    "weekly_ended": "The visits{to} of every week end. The first that does not take place is {day}.",
    "weekly_stops": "No more visits{to} by {about} can be planned. The last is {day}. Please look at the week.",
    "not_paid_for": "The visit{to} {day} is not paid for yet.",
    "not_paid_for_some": "Some visits{to} are not paid for yet, the first of them {day}.",
    "not_paid_for_several": "Visits to several people are not paid for yet, the first of them {day}.",
    "no_mileage": "The visit{to} {day} is not paid for yet: its money may not pay mileage.",
    "no_mileage_some": "Some visits are not paid for yet, the first of them{to} {day}. Their money may not pay mileage.",
    "not_paid_for_late": "What is due for the visit{to} {day}, called off late, is not paid for yet.",
    "paid_for_late": "What was due for the visit{to} {day}, called off late, is paid.",
    "covered_unpaid": "The visit{to} {day} is not paid for yet. The other circle’s worker comes all the same.",
    "paid_for": "The visit{to} {day} is paid for now.",
    "paid_for_some": "The visits{to} that were not paid for are paid for now.",
    "paid_for_several": "Visits to several people that were not paid for are paid for now.",
    "how_did_it_go": "Did {who} come{to} {day}?",
    "charge": "You pay {up_to}for the visit{to} {day}. If that is not right, you can ask about it{by}.",
    "no_answer": "No one answered {who} at {whose} door {day}.",
    "something_wrong": "{Person} said that something was not right with the visit {day}.",
    "please_ask": "Please ask {person} how the visit {day} went. It does not settle itself.",
    "unclaimed": "Nobody said that the visit{to} {day} took place, and its money has gone back. Please ring {person}.",
    "claimed_late": "The other circle asks to be paid for the visit{to} {day}. The money had gone back by then. Please ring them.",
    "taken_after_all": "The visit{to} {day} is to be paid after all. Its money is set aside again.",
    "released": "The visit{to} {day} is settled, and the money is yours.",
    "say_how_it_went": "How did it go{to_with} {day}?",
    "died": "{about} has died. We are sorry. No more visits take place. If you would like to talk, please ring us.",
    "due_written": "What is due for the visit{to} {day} is written down. If it is not right, please ring us.",
    "write_down_due": "{Person} can’t be asked how the visit {day} went. Please look what is due for it.",
    # what is bought for someone
    "expense_new": "Money is set aside for something you are asked to buy.",
    "expense_cost": "You can see what something cost, and say whether that is right.",
    "expense_more": "Something cost more than was agreed. That needs a yes.",
    "expense_nothing": "Nothing was spent. The money that was set aside is back.",
    "expense_back": "Nobody said what it cost, so the money that was set aside has gone back.",
    "expense_paid": "What you paid for is settled, and the money is yours.",
    "expense_waits": "Something about a receipt is in question. Someone from the circle will ring you.",
    "expense_agreed": "What was in question about a receipt is settled.",
    "expense_wrong": "Something is not right about a receipt. Please ring both.",
    "expense_ask": "Please ask about a receipt. It does not settle itself.",
    # the money of a visit
    "money_question": "Something about the money for the visit{to} {day} is in question. You can answer.",
    "money_split": "A split is proposed for the part that is in question, of the visit{to} {day}. It needs your yes.",
    "money_settled": "What was in question about the visit{to} {day} is settled.",
    "money_to_ring": "Nobody has answered about the money for the visit{to} {day}. Please ring both.",
    "money_to_decide": "Both have been heard about the money for the visit{to} {day}. Someone has to decide.",
    "money_waits": "Part of the money for the visit{to} {day} waits. It says nothing about anybody.",
    "money_goes_on": "The money for the visit{to} {day} does not wait any more.",
    "sum_written": "The other circle has written down a sum for the visit{to} {day}. Please look whether it is yours too.",
    "sum_settled": "Both circles have come to one sum for the visit{to} {day}. It is settled.",
    "put_right": "The two circles have put the money for the visit{to} {day} right. What was too much is back.",
    "pause_ends": "A sum that waits is to be looked at again. It is about the visit{to} {day}.",
    # looking for someone else
    "asked": "Can you come{to} {day}?",
    "offer": "Someone offers to come{to} {day}.",
    "nobody_near": "Nobody we asked can come{to} {day}. {Person} can ask further away.",
    "costs_more": "Someone else can come{to} {day}, and it costs more. {Whose} money needs your yes.",
    "price_no": "Whoever pays says no to the higher price of the visit{to} {day}. {Person} can choose again.",
    "coming": "{who} is coming{to} {day}.",
    "coming_by_phone": "{who} is coming{to} {day}. We rang to be sure.",
    "someone_else": "{Person_has} someone for {weekday}. Thank you for offering.",
    "filled": "{Person_has} someone for {weekday}. Thank you.",
    "closed": "The visit{to} {day} needs nobody any more. Thank you.",
    "no_news": "No answer yet about {weekday}. We are still asking.",
    "not_sure": "We can’t be sure that someone is coming{to} {day}. Please ring.",
    "gap_again": "{who_then} can’t come{to} {day} after all.",
    "not_after_all": "Someone who offered to come{to} {day} can’t after all. We are still asking.",
    "no_word": "No answer came in time from the other circle about the visit{to} {day}. Perhaps we could not reach it. "
    "Nobody has said no. {Person} can choose again.",
    # what HMRC is told
    "tax_details": "Can you tell us your tax details? HMRC asks us for them by 31 December.",
    "tax_copy": "Here is what we told HMRC about what you earned.",
    # for a facilitator
    "talk": "{Person} would like to talk about the visit {day}.",
    "another_time": "{Person} would like another time for the visit {day}.",
    "papers_ended": "{worker} comes{to} {day}, and what we saw of their papers has ended. Nothing is called off by itself.",
    "papers_ended_coming": "{who} comes{to} {day}, and what their circle saw of their papers has ended. "
    "Please ring that circle. Nothing is called off by itself.",
    "enquiry": "Somebody asks us from outside.",
    "enquiry_sent": "Another circle puts somebody in touch with us.",
    "differ": "{about} and {person} want different things {day}. {Whose} own choice stands.",
    # money going out
    "bank_details": "The bank account that your money goes to was changed. If that was not you, ring us at once.",
    "payout_back": "A payment to you came back from the bank. Your money is safe. Please look at your bank account here.",
    "payout_back_ring": "A payment to {about} came back from the bank. Please ring them about their bank account.",
    "payout_back_wrote": "A payment to {about} came back. You wrote their bank account down. Please ask them for it again.",
    "details_wrong": "The bank account that we have for your money is not right. Please give it to us again.",
    "details_wrong_wrote": "The bank account that you wrote down for {about} is not right. Please ask them for it again.",
    "account_asked": "Somebody asks to change one of the circle’s bank accounts. A second person has to make sure of it.",
    "account_confirmed": "One of the circle’s bank accounts has changed. Two people made sure of it.",
    "account_turned_down": "A change of one of the circle’s bank accounts was not right, so nothing has changed. Please ring whoever asked for it.",
    "account_taken_back": "A change of one of the circle’s bank accounts was taken back. Nothing has changed.",
    "batch_approved": "The payments that waited for a second person have their yes, and can be sent.",
    # making even with another circle
    "settle_agreed": "What another circle and we owe each other is agreed. Here is what comes next.",
    "settle_differs": "Our books and another circle’s differ about a visit. Only that one waits. Please look at it.",
    "settle_refused": "Another circle could not take what we stated. Please ring its treasurer.",
    "settle_paid": "Another circle says that it has paid us. Please look for it in the bank.",
    "settle_account": "Please make sure of the bank account of another circle. Two people see to it.",
    "settle_limit": "Another circle and we have reached the most that we agreed to owe. New visits wait until it is paid.",
    # linked circles, for whoever looks after the node
    "link_ends_60": "What we agreed with a linked circle runs out in 60 days. You can go on for another year.",
    "link_ends_30": "What we agreed with a linked circle runs out in 30 days. You can go on for another year.",
    "link_ends_7": "What we agreed with a linked circle runs out in 7 days. You can go on for another year.",
    "link_lapsed": "What we agreed with a linked circle has run out. Visits already agreed go on. Nothing new begins.",
    "link_silent": "We have not reached a linked circle for a day. Please look.",
    "link_clock": "The clock of a linked circle and ours are too far apart. Please look.",
    "link_alarm": "Something happened with a linked circle that should not. Please look.",
    "link_proposed": "A linked circle suggests something to agree. Please read it.",
    "link_paused": "A linked circle has paused. Visits already agreed are kept.",
    "link_ended": "A linked circle has ended the link. Visits already agreed go on.",
    "link_closed": "All that went on with a circle after the link ended is done.",
    "link_superseded": "A circle was linked anew after everything was lost. Here is what the old link leaves open.",
    "sheet_shown": "{about} had the words of the recovery sheet shown. If you don’t know why, please ask them.",
    "keys_anew": "{about} began with other keys, because keys and words are lost. Every link has ended, and is made anew.",
    "death_told": "{about} is written down as having died. It counts once a second person says so. Please look whether it is so.",
    "introduction_asked": "A circle would like to link with us. One that we know has passed it on.",
    "introduction_yes": "A circle that we asked for says yes. You can link with them now.",
    "introduction_no": "The circle that we asked for does not link now.",
    # money, whoever it is about
    "paper": "There is a new paper about your money. It is yours to read, print and keep.",
    # in another circle
    "asked_away": "Someone in {there} needs a worker {day}.",
    "asked_by_name": "A neighbour in {there} asks for you {day}.",
    "papers_ended_away": "What was seen of your papers has ended. Your offer in {there} {day} was taken back.",
    "papers_ended_ring_away": "One of ours goes to {there} {day}, and what we saw of their papers has ended. "
    "Please ring both. Nothing is called off by itself.",
    "chosen": "You are coming to someone in {there} {day}. Please read what you need to know.",
    "not_chosen": "{Someone_there} has someone for {weekday}. Thank you for offering.",
    "cancelled_away": "The visit in {there} {day} does not take place.",
    "not_sure_away": "We can’t be sure about the visit in {there} {day}. Please ring.",
    "spoken_away": "Both circles spoke about {there} {day}: the worker is expected.",
    "say_how_it_went_away": "How did it go in {there} {day}?",
    "unclaimed_away": "You did not say how it went in {there} {day}, and nothing is paid for it. Please ring if you were there.",
    "too_late_away": "The visit in {there} {day} can’t be paid by itself. Here is why, and whom to ring.",
    "too_late_ring_away": "A visit in {there} {day} can’t be paid by itself. Please ring them.",
    "taken_after_all_away": "What you said about {there} {day} is taken after all.",
    "let_go_away": "Your circle and theirs agreed that nothing is paid for {there} {day}.",
    "differs_away": "Part of the money for {there} {day} is in question. The two circles talk about it.",
    "differs_ring_away": "What one of ours said about {there} {day} is in question. Please ring that circle.",
    "sum_written_away": "The other circle has written down a sum for {there} {day}. Please look whether it is yours too.",
    "put_right_away": "The two circles have put the money for {there} {day} right. Please look at what you have of it.",
    "released_away": "The visit in {there} {day} is settled, and the money is yours.",
}
# Where each leads; the visit's own page where nothing is said here.
_PATHS = {
    "gap": "/visits/{visit}",
    "how_did_it_go": "/visits/{visit}/answer",
    "charge": "/visits/{visit}/money",
    "money_question": "/visits/{visit}/money",
    "money_split": "/visits/{visit}/money",
    "money_settled": "/visits/{visit}/money",
    "money_waits": "/visits/{visit}/money",
    "money_goes_on": "/visits/{visit}/money",
    "sum_written": "/visits/{visit}/between",
    "sum_settled": "/visits/{visit}/between",
    "money_to_ring": "/money/questions/{about}",
    "money_to_decide": "/money/questions/{about}",
    "pause_ends": "/money/waits",
    "say_how_it_went": "/visits/{visit}/went",
    "died": "/week",
    "due_written": "/money",
    "write_down_due": "/visits/{visit}/due",
    **dict.fromkeys((code for code in SENTENCES if code.startswith("expense_")), "/expenses/{about}"),
    "asked": "/visits/{visit}/asked",
    "offer": "/visits/{visit}/choose",
    "nobody_near": "/visits/{visit}/choose",
    "costs_more": "/cover/offers/{about}",
    "price_no": "/visits/{visit}/choose",
    "paper": "/papers/{about}",
    "no_news": "/visits/{visit}/choose",
    "not_sure": "/visits/{visit}/choose",
    "claimed_late": "/cover/{about}",
    "gap_again": "/visits/{visit}/choose",
    "not_after_all": "/visits/{visit}/choose",
    "no_word": "/visits/{visit}/choose",
    "someone_else": "/home",
    "filled": "/home",
    "closed": "/home",
    "bank_details": "/money/where-to",
    "payout_back": "/money/where-to",
    "payout_back_ring": "/money/details/{about}",
    "payout_back_wrote": "/money/details",
    "details_wrong": "/money/where-to",
    "details_wrong_wrote": "/money/details",
    "batch_approved": "/money/payouts/{about}",
    **dict.fromkeys((code for code in SENTENCES if code.startswith("account_")), "/money/account-changes/{about}"),
    **dict.fromkeys((code for code in SENTENCES if code.startswith("link_")), "/admin/links/{about}"),
    **dict.fromkeys(("link_silent", "link_clock", "link_alarm"), "/admin/links/{about}/health"),
    **dict.fromkeys((code for code in SENTENCES if code.startswith("introduction_")), "/admin/links/introductions"),
    **dict.fromkeys(("sheet_shown", "keys_anew"), "/admin/identity"),
    "death_told": "/phone/{about}/standing",
    "tax_details": "/money/tax-details",
    "tax_copy": "/money/told-hmrc",
    **dict.fromkeys((code for code in SENTENCES if code.startswith("settle_")), "/money/circles/{about}"),
    "settle_account": "/money/circles/{about}/account",
    "asked_away": "/requests/{about}",
    "asked_by_name": "/requests/{about}",
    "papers_ended_away": "/coming/{about}",
    "papers_ended_ring_away": "/coming/{about}",
    "enquiry": "/enquiries",
    "enquiry_sent": "/enquiries",
    "chosen": "/coming/{about}",
    "not_chosen": "/coming/{about}",
    "cancelled_away": "/coming/{about}",
    "not_sure_away": "/coming/{about}",
    "spoken_away": "/coming/{about}",
    "say_how_it_went_away": "/coming/{about}/went",
    "unclaimed_away": "/coming/{about}",
    "too_late_away": "/coming/{about}",
    "too_late_ring_away": "/coming/{about}",
    "taken_after_all_away": "/coming/{about}",
    "let_go_away": "/coming/{about}",
    "released_away": "/coming/{about}",
    "differs_away": "/coming/{about}",
    "put_right_away": "/coming/{about}",
    "differs_ring_away": "/coming/{about}/between",
    "sum_written_away": "/coming/{about}/between",
}
# What a facilitator is told in order to lift the telephone.
TO_DO = (
    "weekly_stops",
    "not_sure",
    "no_answer",
    "something_wrong",
    "please_ask",
    "write_down_due",
    "unclaimed",
    "claimed_late",
    "differ",
    "talk",
    "another_time",
    "covered_unpaid",
    "expense_wrong",
    "expense_ask",
    "money_to_ring",
    "not_sure_away",
    "papers_ended",
    "papers_ended_coming",
    "papers_ended_ring_away",
    "too_late_ring_away",
    "payout_back_ring",
    "payout_back_wrote",
    "details_wrong_wrote",
)
# What stands on its own pages for as long as it is so.
NOT_PAID = frozenset({"not_paid_for", "not_paid_for_some", "not_paid_for_several", "not_paid_for_late"})
# Whom else was asked, what they said, and what it may cost: not for someone who is paid in that team.
OF_COVER = frozenset(
    {
        "asked",
        "offer",
        "nobody_near",
        "costs_more",
        "price_no",
        "someone_else",
        "filled",
        "closed",
        "no_news",
        "not_after_all",
        "no_word",
    }
)
# What is said to a facilitator in confidence, which may be about the very worker.
IN_CONFIDENCE = frozenset(
    {
        "talk",
        "another_time",
        "differ",
        "something_wrong",
        "please_ask",
        "write_down_due",
        "money_to_ring",
        "papers_ended",
        "papers_ended_coming",
    }
)
# The money of a visit is its two sides' matter, and that of whoever of the circle helps and has no part in it.
OF_MONEY = frozenset(
    {"money_question", "money_split", "money_settled", "money_waits", "money_goes_on", "sum_settled", "put_right"}
)
ABOUT_ELSEWHERE = frozenset(code for code, words in SENTENCES.items() if "there}" in words)


def path(news: News) -> str:
    """The page that this news is about."""
    return _PATHS.get(news.news, "/visits/{visit}").format(visit=news.visit_id or "", about=news.about_id)


def sentence(news: News, reader: Reader, now: datetime, away: Away | None = None) -> str:
    """The news in words for this reader. Raises KeyError for a code that nobody wrote words for."""
    words = SENTENCES[news.news]
    starts_at = away.starts_at if away else news.starts_at
    mine = reader.is_you(news.visit_person_id)
    named = news.visit_person or "Someone"
    there = away.area if away else "another circle"
    said = words.format(
        worker=news.worker or "The worker",
        who=news.cover_name or news.worker or "Someone",
        who_then=news.cover_name or "The one who was coming",
        to="" if mine else f" to {named}",
        worker_you="you" if reader.is_you(news.visit_worker_id) else news.worker or "someone",
        to_with="" if mine else f" with {named}",
        person="you" if mine else named,
        Person="You" if mine else named,
        Person_has="You have" if mine else f"{named} has",
        Whose="Your" if mine else say.whose(named),
        whose="your" if mine else say.whose(named),
        day=say.at_time(starts_at, now) if starts_at else "",
        weekday=say.of_day(starts_at, now) if starts_at else "that day",
        there=there,
        Someone_there=f"Someone in {there}",
        about=news.about_called or "Someone",
        up_to=f"up to {pounds(news.charge_pence)} " if news.charge_pence else "",
        by=f" by {say.by_time(news.settles_at, now)}" if news.settles_at and news.settles_at > now else "",
    )
    # Where a time is not known any more, its place closes up.
    return " ".join(said.split()).replace(" .", ".").replace(" ?", "?").replace(" ,", ",")

"""Rows of questions about the money of a visit."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import key, moment, number, pence, prose, ref, serial, word
from eccoo_node.rota.tables import Visit

# waiting: the visit is not confirmed yet, and its money all set aside. apart: the part is set apart in the books.
# paid: it has gone to the worker, and comes back only with their yes. more: the worker says that more was due.
# unpaid: nothing is set aside for the visit yet; what the two agree on is what is then owed.
STANDS = ("waiting", "apart", "paid", "more", "unpaid")
PARTS = ("minutes", "travel", "whole", "sum")
ENDS = ("", "agreed", "resolved", "withdrawn")


class MoneyQuestion(Table, tablename="money_question"):
    """One question about the money of one visit, from one side, by one way. The sums are what is in question."""

    id = key()
    visit_id = ref(Visit)
    line = word(64)
    state = word(8)
    stands = word(8)
    # Whose question it is: "theirs" (the person's), "payer" or "worker"; who said it, and who wrote it down.
    side = word(8)
    raised_by = word(36)
    typed_by = word(36)
    via = word(16)
    part = word(8)
    minutes = number()
    fee_pence = pence()
    travel_pence = pence()
    apart_pence = pence()
    let_go_pence = pence()
    words = prose()
    raised_at = moment()
    # Whom it waits for, and when somebody looks at it again by itself.
    waits_for = word(12)
    next_at = moment()
    ended_at = moment(null=True)
    ended = word(12)
    given_fee_pence = pence()
    given_travel_pence = pence()


class MoneyAsk(Table, tablename="money_ask"):
    """One of those who asked a question: whose it is, who wrote it down, and the part that they mean. The question is
    about the widest of them; whoever lets theirs rest leaves those of the others."""

    id = serial()
    question_id = ref(MoneyQuestion)
    side = word(8)
    person_id = word(36)
    by_id = word(36)
    fee_pence = pence()
    travel_pence = pence()
    at = moment()
    rested_at = moment(null=True)


class MoneySplit(Table, tablename="money_split"):
    """A proposal: so much of what is in question is the worker's, before the circle's part. Only the newest stands."""

    id = serial()
    question_id = ref(MoneyQuestion)
    side = word(8)
    by_id = word(36)
    fee_pence = pence()
    travel_pence = pence()
    at = moment()


class SplitYes(Table, tablename="split_yes"):
    """One yes to a split: "worker", "theirs" for the person, or the id of one who pays."""

    id = serial()
    split_id = ref(MoneySplit)
    side = word(36)
    by_id = word(36)
    via = word(16)
    at = moment()


class QuestionStep(Table, tablename="question_step"):
    """One step of a question, as both sides read it. `role` says who, where a name should not show."""

    id = serial()
    question_id = ref(MoneyQuestion)
    at = moment()
    role = word(12)
    by_id = word(36)
    kind = word(16)
    sum_pence = pence()
    of_pence = pence()
    words = prose()


class QuestionNote(Table, tablename="question_note"):
    """What a facilitator keeps for those who help with it. Never read by either side."""

    id = serial()
    question_id = ref(MoneyQuestion)
    by_id = word(36)
    at = moment()
    words = prose()


class Interest(Table, tablename="money_interest"):
    """Somebody of the circle has a part in this, by their own word, and keeps out of it."""

    id = serial()
    question_id = ref(MoneyQuestion)
    person_id = word(36)
    at = moment()
    words = prose()


TABLES = [MoneyQuestion, MoneyAsk, MoneySplit, SplitYes, QuestionStep, QuestionNote, Interest]

for _table in ("money_split", "split_yes"):
    extras.append_only(_table)
for _table in ("question_step", "question_note", "money_interest"):
    extras.append_only(_table, but=("words",))
extras.one_of("money_question", "state", ("open", "ended"))
extras.one_of("money_question", "stands", STANDS)
extras.one_of("money_question", "part", PARTS)
extras.one_of("money_question", "ended", ENDS)
extras.check("money_question", "fee_pence >= 0 AND travel_pence >= 0 AND fee_pence + travel_pence > 0")
extras.check(
    "money_question",
    "given_fee_pence BETWEEN 0 AND fee_pence AND given_travel_pence BETWEEN 0 AND travel_pence",
)
# One question about a visit at a time, whoever asks it.
extras.unique("money_question", "visit_id", where="state = 'open'")
extras.index("money_question", "visit_id", "raised_at")
extras.index("money_split", "question_id")
extras.unique("money_ask", "question_id", "side", "person_id", where="rested_at IS NULL")
extras.unique("split_yes", "split_id", "side")
extras.index("question_step", "question_id")
extras.index("question_note", "question_id")
extras.unique("money_interest", "question_id", "person_id")

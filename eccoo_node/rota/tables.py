"""Rows of visits and of what was said about them."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import day, flag, key, moment, number, pence, prose, ref, serial, word
from eccoo_node.members.tables import Community, Payer, Person

# planned: somebody is coming. gap: nobody is. covered: somebody from a linked circle is coming.
# said: the worker said how it went. settled: the money has moved. stopped: it will not take place.
STATES = ("planned", "gap", "covered", "said", "settled", "stopped")


class Pattern(Table, tablename="pattern"):
    """A standing week: a worker comes to someone on these days at these hours. Its visits are made some weeks ahead."""

    id = key()
    team_id = ref(Community)
    person_id = ref(Person)
    worker_id = ref(Person)
    # "0,3" is Mondays and Thursdays. Minutes of the day, by the circle's own clock.
    weekdays = word(16)
    starts_minute = number()
    ends_minute = number()
    what = word(120)
    cannot_be_missed = flag()
    not_on_holidays = flag()
    first_day = day()
    last_day = day()
    planned_by = word(36)
    planned_at = moment()
    ended_at = moment(null=True)


class Visit(Table, tablename="visit"):
    """One visit to one person by one worker."""

    id = key()
    team_id = ref(Community)
    person_id = ref(Person)
    worker_id = ref(Person, null=True)
    payer_id = ref(Payer, null=True)
    starts_at = moment()
    ends_at = moment()
    what = word(120)
    address = prose()
    cannot_be_missed = flag()
    state = word(16, default="planned")
    rate_pence = pence()
    fee_pence = pence()
    # The fee has the time on the way in it, and the travel the miles: so many minutes and miles, at so much a mile.
    travel_pence = pence()
    travel_minutes = number()
    miles = number()
    mileage_pence = pence()
    cancel_hours = number(24)
    cancel_bps = number(5000)
    # Escrow's name for the line the money for this visit is set aside on; empty when nothing is.
    line = word(64)
    # First name and circle of someone who covers from elsewhere.
    cover_name = word(80)
    cover_circle = word(120)
    settles_at = moment(null=True)
    # Someone's first visit by someone new: paid ahead at once, or not agreed.
    trial = flag()
    # Since when its payer is told that it is not paid for yet; it is so only while there is no line.
    unpaid_at = moment(null=True)
    # What is still due for one that was called off late with nothing set aside.
    owed_pence = pence()
    # The standing week it is of, and for which of its days it was made; empty for one that was moved from there.
    pattern_id = ref(Pattern, null=True)
    pattern_day = day()
    # When it was agreed, with whoever comes: the circle takes the share that held then, whenever its money is set aside.
    agreed_at = moment()


class Absence(Table, tablename="absence"):
    """ "I can't be there", once for each visit it means. No reason is asked."""

    id = key()
    visit_id = ref(Visit)
    worker_id = ref(Person)
    said_at = moment()
    via = word(16)


class Said(Table, tablename="said"):
    """What one side said about how a visit went: the worker, the person, or who wrote down what is due in their place.

    The newest of each side holds.
    """

    id = key()
    visit_id = ref(Visit)
    side = word(8)
    answer = word(16)
    minutes = number()
    words = prose()
    said_by = word(36)
    via = word(16)
    said_at = moment()


class Told(Table, tablename="told"):
    """News for one person about a visit, or about an offer elsewhere: what, when, and by which way it reaches them.

    `told_at` is set at once for those who read screens or mail; for someone who is rung or written to it is set when
    a facilitator says that it was done.
    """

    id = key()
    person_id = ref(Person)
    visit_id = ref(Visit, null=True)
    news = word(32)
    about_id = word(36)
    channel = word(16)
    at = moment()
    told_at = moment(null=True)
    told_by = word(36)


class WeeklyRun(Table, tablename="weekly_run"):
    """The money for the visits of one week was set aside: the Monday of that week, when, how many, how much.

    Written before the first visit is tried. From then on a visit planned for that week is paid for as it is planned.
    """

    id = serial()
    week = day()
    began_at = moment()
    ended_at = moment(null=True)
    visits = number()
    aside_pence = pence()
    short = number()


TABLES = [Pattern, Visit, Absence, Said, Told, WeeklyRun]

# Visits that cost something and have no money set aside; what was called off late is due as well.
WITHOUT_MONEY = (
    "line = '' AND rate_pence > 0 AND cover_circle = '' AND (state IN ('planned', 'said', 'settled') OR owed_pence > 0)"
)

extras.one_of("visit", "state", STATES)
extras.one_of("said", "side", ("worker", "person", "due"))
extras.check("visit", "ends_at > starts_at")
extras.check("visit", "travel_minutes >= 0 AND miles >= 0 AND mileage_pence >= 0")
extras.check("visit", "fee_pence >= 0 AND travel_pence >= 0 AND rate_pence >= 0")
extras.check("visit", "owed_pence = 0 OR (state = 'stopped' AND owed_pence BETWEEN 0 AND fee_pence)")
extras.check("pattern", "weekdays <> '' AND starts_minute BETWEEN 0 AND 1439 AND ends_minute BETWEEN 0 AND 1439")
extras.index("pattern", "person_id")
extras.unique("visit", "pattern_id", "pattern_day", where="pattern_day <> ''")
extras.append_only("absence")
extras.append_only("said", but=("words",))
extras.unique("absence", "visit_id", "worker_id")
extras.index("visit", "team_id", "starts_at")
extras.index("visit", "worker_id", "starts_at")
extras.index("visit", "person_id", "starts_at")
extras.index("visit", "settles_at", where="state = 'said'")
extras.index("visit", "starts_at", where=WITHOUT_MONEY)
# The weekly run goes along it, and asks in each batch for whom credit is kept for one of the few that cannot be missed.
extras.index("visit", "cannot_be_missed", "starts_at", where=WITHOUT_MONEY)
extras.unique("weekly_run", "week")
extras.index("said", "visit_id")
extras.index("told", "visit_id", "at")
extras.index("told", "person_id", "at")
extras.index("told", "channel", where="told_at IS NULL")

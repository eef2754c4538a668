"""Rows of cover: what was asked, of whom, what was offered, and, on the other side of the hill, what we offer."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import flag, key, moment, number, pence, prose, ref, serial, word
from eccoo_node.members.tables import Person
from eccoo_node.rota.tables import Visit

# asking: an answer is waited for. wants_payer: the payer's yes to a higher price. telling: one was chosen in a linked
# circle and we wait to be sure. coming: someone is sure to come. ended: filled at home, or not needed any more.
REQUEST_STATES = ("asking", "wants_payer", "telling", "coming", "ended")
OFFER_STATES = ("live", "chosen", "taken_back", "closed")
# too_late: what the worker said reached the other circle after its fortnight, and people settle it.
# differs: the person says otherwise. aside: somebody of ours has a part in it, and leaves it to others.
SUM_STEPS = ("differs", "ours", "theirs", "agreed", "aside")
MINE_STATES = ("offered", "preparing", "coming", "said", "too_late", "settled", "taken_back", "closed")


class CoverRequest(Table, tablename="cover_request"):
    """One search for someone else for one visit. `machine` is the protocol's state at the circle that asks."""

    id = key()
    visit_id = ref(Visit)
    person_id = ref(Person)
    asked_by = word(36)
    asked_for = word(36)
    asked_via = word(16)
    by_wish = flag()
    state = word(16, default="asking")
    further = flag()
    next_news_at = moment()
    go_no_go_at = moment()
    chosen_offer = word(36)
    unsure = flag()
    override_at = moment(null=True)
    override_by = word(36)
    # The award that the other circle spoke of; a note about one says nothing of the next.
    override_n = number()
    # The words they read out, as a digest: they prove one talk.
    override_code = word(64)
    machine = prose()
    ended_reason = word(24)
    ended_by = word(36)
    ended_for = word(36)
    created_at = moment()


class NearAsk(Table, tablename="near_ask"):
    """One of our own workers is asked. Nobody is shown a no."""

    id = key()
    request_id = ref(CoverRequest)
    worker_id = ref(Person)
    asked_at = moment()
    answer = word(8)
    answered_at = moment(null=True)


class AskedCircle(Table, tablename="asked_circle"):
    """One linked circle is asked, under a reference that only this link knows. `body` is what they see, word for word."""

    id = key()
    request_id = ref(CoverRequest)
    link_id = word(36)
    reference = word(80)
    body = prose()
    asked_at = moment()
    answer = word(16)


class AskLater(Table, tablename="ask_later"):
    """One linked circle that is asked later, with the same yes: at its hour, or once those before have said nobody.
    `body` is what the person agreed to, word for word."""

    id = key()
    request_id = ref(CoverRequest)
    link_id = word(36)
    wave = number()
    goes_at = moment()
    reference = word(80)
    body = prose()


class CoverOffer(Table, tablename="cover_offer"):
    """Someone offers to come: from our own circle (`worker_id`) or another (`link_id`). Who is not chosen is forgotten."""

    id = key()
    request_id = ref(CoverRequest)
    worker_id = ref(Person, null=True)
    link_id = word(36)
    first_name = word(80)
    face_media = word(16)
    face = prose()
    words = prose()
    languages = word(320)
    rate_pence = pence()
    fee_pence = pence()
    travel_pence = pence()
    attested = prose("[]")
    worker_deduct_bps = number()
    payer_add_bps = number()
    home_share_bps = number()
    hold_until = moment()
    terms_hash = word(64)
    # The letter it came in, so that its words can be forgotten there too.
    letter_id = word(36)
    state = word(16, default="live")
    received_at = moment()


class DisclosureOut(Table, tablename="disclosure_out"):
    """What the worker who is coming may read, ready to be fetched once there is a certificate."""

    id = key()
    request_id = ref(CoverRequest)
    link_id = word(36)
    reference = word(80)
    n = number()
    body = prose()
    retain_until = moment()
    fetched_at = moment(null=True)


class OpenRequest(Table, tablename="open_request"):
    """A request from another circle, as it was sent: no name, no address."""

    id = key()
    link_id = word(36)
    reference = word(80)
    body = prose()
    area = word(8)
    starts_at = moment()
    ends_at = moment()
    go_no_go_at = moment()
    state = word(16, default="open")
    received_at = moment()


class MyOffer(Table, tablename="my_offer"):
    """One of our workers offers to come to someone in another circle. `machine` is the protocol's state here."""

    id = key()
    open_request_id = ref(OpenRequest)
    link_id = word(36)
    worker_id = ref(Person)
    words = prose()
    rate_pence = pence()
    fee_pence = pence()
    travel_pence = pence()
    consent_id = word(36)
    state = word(16, default="offered")
    n = number()
    # What was sent with the worker's yes, word for word, and the terms it fixes.
    body = prose()
    worker_deduct_bps = number()
    payer_add_bps = number()
    home_share_bps = number()
    machine = prose()
    disclosure = prose()
    retain_until = moment(null=True)
    read_at = moment(null=True)
    unsure = flag()
    # They rang: that our worker comes is known on both sides, although no certificate has come.
    spoken_at = moment(null=True)
    created_at = moment()


class WorkerSlot(Table, tablename="worker_slot"):
    """A quarter of an hour of a worker's time that is promised. The unique pair is what prevents a double promise."""

    id = serial()
    worker_id = ref(Person)
    slot_at = moment()
    offer_id = ref(MyOffer)


class SumStep(Table, tablename="sum_step"):
    """One step of two circles on their way to one sum for a visit. `subject_id` is our search, or our worker's offer."""

    id = serial()
    subject_id = word(36)
    kind = word(8)
    by_id = word(36)
    fee_pence = pence()
    travel_pence = pence()
    words = prose()
    at = moment()


TABLES = [
    CoverRequest, NearAsk, AskedCircle, AskLater, CoverOffer, DisclosureOut, OpenRequest, MyOffer, WorkerSlot, SumStep,
]  # fmt: skip

extras.one_of("cover_request", "state", REQUEST_STATES)
extras.one_of("cover_offer", "state", OFFER_STATES)
extras.one_of("my_offer", "state", MINE_STATES)
extras.unique("cover_request", "visit_id", where="state <> 'ended'")
extras.unique("near_ask", "request_id", "worker_id")
extras.unique("asked_circle", "request_id", "link_id")
extras.unique("asked_circle", "link_id", "reference")
extras.unique("ask_later", "request_id", "link_id")
# At most one offer of a request is ever the chosen one, whatever a race or a bug does.
extras.unique("cover_offer", "request_id", where="state = 'chosen'")
extras.unique("cover_offer", "request_id", "worker_id", where="state IN ('live', 'chosen')")
extras.unique("open_request", "link_id", "reference")
extras.unique("my_offer", "open_request_id", "worker_id", where="state NOT IN ('taken_back', 'closed')")
extras.unique("worker_slot", "worker_id", "slot_at")
extras.unique("disclosure_out", "link_id", "reference", "n")
extras.index("open_request", "state", "starts_at")
extras.index("my_offer", "worker_id", "state")
extras.index("cover_offer", "request_id")
extras.index("near_ask", "worker_id", where="answer = ''")
extras.index("worker_slot", "offer_id")
extras.one_of("sum_step", "kind", SUM_STEPS)
extras.append_only("sum_step", but=("words",))
extras.index("sum_step", "subject_id")
extras.unique("sum_step", "subject_id", "by_id", where="kind = 'aside'")

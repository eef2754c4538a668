"""Rows of the circles we know, and of the letters that go between us."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import flag, key, moment, number, prose, ref, serial, word

LINK_STATES = ("asked", "words", "agreeing", "open", "ended")
OUT_STATES = ("waiting", "sent", "acked", "refused", "tombstone")
VERDICTS = ("applied", "refused", "blocked", "buffered")


class Invite(Table, tablename="invite"):
    """An invitation that an admin made. Only the hash of its token is kept; it works once."""

    id = key()
    token_hash = word(64)
    made_by = word(36)
    made_at = moment()
    expires_at = moment()
    # Counts who came with the right token and then could not prove who they are.
    tries = number()
    used_at = moment(null=True)
    used_by = word(64)
    # Made for one node that somebody introduced: it is of no use to any other. Empty for one that an admin hands over.
    for_node = word(64)


class Link(Table, tablename="link"):
    """One circle we know, from the first call to the end. The id is the one both nodes use."""

    id = key()
    state = word(16)
    we_invited = flag()
    node_id = word(64)
    base_url = prose()
    name = word(120)
    phone = word(40)
    # The pinned key log, canonical JSON lines, exactly as it was checked.
    log = prose()
    # Only at the side that was invited: until the answer has come, and its digest until the link is open or over.
    token = word(64)
    our_nonce = word(32)
    their_nonce = word(32)
    our_commitment = word(64)
    their_commitment = word(64)
    our_head = word(64)
    their_head = word(64)
    words_hash = word(64)
    words = word(120)
    # The ones that the agreement names, while newer ones are compared after a move.
    words_before = word(64)
    words_said_by = word(36)
    words_said_at = moment(null=True)
    # What both nodes can do, as their document says: codes with blanks between.
    caps = word(200)
    # Signed by one side each, until one of them is signed by both.
    our_proposal = prose()
    their_proposal = prose()
    # In force: signed by both. The one before is kept until the next, to settle two that cross.
    agreement = prose()
    agreement_before = prose()
    agreement_told = flag()
    # Ours that still lay with them when the one in force was signed: it may be signed there at the same moment.
    crossing = prose()
    agreed_by = word(36)
    # {"node id": ["scope", …]} taken back since, by either side, as JSON.
    narrowed = prose("{}")
    # What had been taken back under the agreement before: it counts again if they don't take the new one.
    narrowed_before = prose("{}")
    # Known to us alone: references to people are HMACs under it.
    secret = word(64)
    suspended_by_us_at = moment(null=True)
    suspended_by_them_at = moment(null=True)
    asked_by = word(36)
    asked_at = moment()
    opened_at = moment(null=True)
    ended_at = moment(null=True)
    ended_by_them = flag()
    # Ours of before that this one stands in for, as our admin said; and, at that one, which one took its place.
    instead_of = word(36)
    superseded_by = word(36)
    carried_at = moment(null=True)
    # Where they say that they live now, until an admin of ours has asked them; and who of ours did.
    moving_to = prose()
    moving_since = moment(null=True)
    moving_agreed_by = word(36)
    # Up to which alarm an admin has rung them about it.
    alarms_heard = number()
    # Everything that outlived the link is through. What is to be forgotten still crosses it.
    closed_at = moment(null=True)
    # Our yes that others hear of us through them, theirs that others hear of them through us, and ours to show them.
    shown_there = flag()
    shown_here = flag()
    we_show = flag()
    # Where they are, as they told us when they let others hear of them.
    place = word(120)


class LinkWire(Table, tablename="link_wire"):
    """How the wire of a link is doing: numbers, failures, the other side's clock. Changes with each batch."""

    link_id = ref(Link)
    id = serial()
    # Highest number given to one of our letters; highest the other side has applied.
    seq_out = number()
    acked_out = number()
    # Highest number up to which nothing of theirs is missing here.
    seq_in = number()
    clock_offset_s = number(null=True)
    clock_seen_at = moment(null=True)
    last_seen_at = moment(null=True)
    # When they last answered a call of ours; what they sent us by themselves says nothing of that way.
    reached_at = moment(null=True)
    failures = number()
    # After many failures a ping was answered: what waits goes out from then on.
    open_until = moment(null=True)
    last_try_at = moment(null=True)
    next_try_at = moment(null=True)
    batch_size = number(50)
    # The code of what went wrong last, empty when the last call went well.
    trouble = word(32)
    refetched_at = moment(null=True)
    # The transport key of ours that they let in last.
    knows_kid = word(64)


class LinkKey(Table, tablename="link_key"):
    """Which link a transport key may speak for; the pinned log has the last word."""

    id = serial()
    link_id = ref(Link)
    kid = word(64)
    # A request of this very link was signed with it: whoever only lists another circle's key never comes so far.
    shown = flag()


class LinkAlarm(Table, tablename="link_alarm"):
    """Something a peer did that an honest and healthy node does not do. Kept with its evidence."""

    id = serial()
    link_id = ref(Link)
    code = word(32)
    detail = prose()
    evidence = prose()
    at = moment()


class LinkNotice(Table, tablename="link_notice"):
    """What the admins were told about a link already, so that they hear it once; deleted when it is over."""

    id = serial()
    link_id = ref(Link)
    code = word(80)
    at = moment()


class HeardCircle(Table, tablename="heard_circle"):
    """A circle of which a linked one told us: its name and place, and what they call it towards us."""

    id = serial()
    link_id = ref(Link)
    reference = word(80)
    name = word(120)
    place = word(120)
    heard_at = moment()


class Introduction(Table, tablename="introduction"):
    """One asking to be introduced, at whichever of the three circles this is. Words go as soon as they are not needed.

    `link_id` is the link it came by; for our own asking the one it went by. `onward` is where the one in the middle
    passed it on.
    """

    id = key()
    role = word(8)
    number = word(36)
    link_id = ref(Link)
    onward = word(36)
    reference = word(80)
    name = word(120)
    place = word(120)
    phone = word(40)
    why = prose()
    # What the asking circle signed, at the circle that is asked, until its node has come with the invitation.
    asking = prose()
    invite = prose()
    letter_id = word(36)
    state = word(8, default="waiting")
    at = moment()
    answered_at = moment(null=True)
    keep_until = moment()


class LetterOut(Table, tablename="letter_out"):
    """One letter in our outbox. It is numbered and signed when it is first sent, and its bytes never change after."""

    id = serial()
    link_id = ref(Link)
    event_id = word(36)
    type = word(48)
    subject = word(80)
    at = word(20)
    body = prose()
    state = word(16, default="waiting")
    seq = number(null=True)
    rev = number(null=True)
    digest = word(64)
    bytes = prose()
    code = word(32)
    written_at = moment()
    sent_at = moment(null=True)
    answered_at = moment(null=True)


class LetterSeal(Table, tablename="letter_seal"):
    """What was numbered and signed, for good: the chain that both sides can recompute after the words are gone."""

    id = serial()
    link_id = ref(Link)
    event_id = word(36)
    seq = number()
    subject = word(80)
    rev = number()
    prev = word(64)
    digest = word(64)
    # The event whose number this tombstone took, or empty.
    replaces = word(36)
    at = moment()


class LetterIn(Table, tablename="letter_in"):
    """One letter that came, for good: which, where in the row, and the digest of its bytes."""

    id = serial()
    link_id = ref(Link)
    event_id = word(36)
    seq = number()
    subject = word(80)
    rev = number()
    prev = word(64)
    type = word(48)
    digest = word(64)
    at = moment()


class LetterRead(Table, tablename="letter_read"):
    """What became of a letter, and its bytes verbatim until somebody has a right to have them deleted."""

    id = serial()
    letter_id = ref(LetterIn)
    verdict = word(16)
    code = word(32)
    bytes = prose()
    read_at = moment(null=True)
    forgotten_at = moment(null=True)


class Subject(Table, tablename="letter_subject"):
    """What the letters of one link are about. `followed`: still going on, so its state is pulled."""

    id = serial()
    link_id = ref(Link)
    subject = word(80)
    rev_out = number()
    head_out = word(64)
    rev_in = number()
    head_in = word(64)
    # A letter of ours about it was refused for good: nothing more goes out until the states were compared.
    blocked_out = flag()
    # A letter of theirs about it was refused: later ones wait until its state was pulled.
    blocked_in = flag()
    followed = flag(True)
    changed_at = moment()


class NonceSeen(Table, tablename="nonce_seen"):
    """A request that was received. Kept past its expiry, so that it can never be received again."""

    id = serial()
    link_id = word(36)
    kid = word(64)
    nonce = word(32)
    keep_until = moment()


class LinkRate(Table, tablename="link_rate"):
    """Requests and events of one link in one minute."""

    id = serial()
    link_id = word(36)
    minute = moment()
    requests = number()
    events = number()


TABLES = [
    Invite, Link, LinkWire, LinkKey, LinkAlarm, LinkNotice, HeardCircle, Introduction, LetterOut, LetterSeal, LetterIn, LetterRead, Subject, NonceSeen,
    LinkRate,
]  # fmt: skip

extras.one_of("link", "state", LINK_STATES)
extras.one_of("letter_out", "state", OUT_STATES)
extras.one_of("letter_read", "verdict", VERDICTS)
extras.one_of("introduction", "role", ("ours", "middle", "asked"))
extras.one_of("introduction", "state", ("waiting", "yes", "no", "over"))
extras.unique("introduction", "role", "link_id", "number")
extras.unique("heard_circle", "link_id", "reference")
extras.unique("link_notice", "link_id", "code")
extras.append_only("letter_seal")
extras.append_only("letter_in")
extras.append_only("link_alarm")
extras.unique("invite", "token_hash")
# One circle is known once: a second handshake waits until the first link has ended.
extras.unique("link", "node_id", where="state <> 'ended'")
extras.unique("link_wire", "link_id")
extras.unique("link_key", "link_id", "kid")
extras.index("link_key", "kid")
extras.index("link_alarm", "link_id")
extras.unique("letter_out", "event_id")
extras.unique("letter_out", "link_id", "seq", where="seq IS NOT NULL")
extras.index("letter_out", "link_id", "id", where="state IN ('waiting', 'sent')")
extras.index("letter_out", "link_id", "subject")
extras.unique("letter_seal", "event_id")
extras.unique("letter_seal", "link_id", "seq", "replaces")
extras.index("letter_seal", "link_id", "subject")
extras.unique("letter_in", "link_id", "event_id")
extras.unique("letter_in", "link_id", "seq")
extras.index("letter_in", "link_id", "subject")
extras.unique("letter_read", "letter_id")
extras.unique("letter_subject", "link_id", "subject")
extras.unique("nonce_seen", "link_id", "kid", "nonce")
extras.index("nonce_seen", "keep_until")
extras.unique("link_rate", "link_id", "minute")

"""What the schemas say to a reader, where it is not said beside the code in words that travel."""

# What a struct of the library is called in a schema.
NAMES = {
    "_AwardShown": "award",
    "_OfferShown": "offer_shown",
    "_EndedShown": "ended",
    "_OffererShown": "offer",
    "DisputeVisit": "dispute",
    "Claimed": "sums",
    "StatementEntry": "entry",
    "PoolWorker": "worker",
    "WordsAgain": "words_again",
}

TITLES = {
    "invite": "An invitation, before base64url",
    "link-request": "POST /fed/v1/links",
    "link-answer": "The answer to POST /fed/v1/links",
    "reveal": "POST /fed/v1/links/{id}/reveal, and its answer",
    "words": "POST /fed/v1/links/{id}/words, and its answer",
    "agreement": "The agreement that both circles sign",
    "agreement-message": "POST /fed/v1/links/{id}/agreement",
    "proof": "An eddsa-jcs-2022 proof",
    "key": "A transport or object key as log and document carry it",
    "log-entry": "A line of the key log",
    "identity-document": "GET /.well-known/circle-node",
    "event": "An event",
    "batch": "POST /fed/v1/inbox",
    "batch-answer": "The answer to POST /fed/v1/inbox",
    "events-answer": "GET /fed/v1/events/{after}",
    "ping": "POST /fed/v1/ping, and its answer",
    "error": "The body of every refusal",
    "terms": "What terms_hash is the digest of; never sent itself",
    "certificate": "The commit certificate",
    "requester-state": "GET /fed/v1/requests/{request}, answered by the circle that asks for cover",
    "offerer-state": "GET /fed/v1/requests/{request}, answered by the circle that offers",
    "disclosure": "GET /fed/v1/disclosures/{request}/{n}",
    "pool-page": "GET /fed/v1/pool and GET /fed/v1/pool/{after}",
    "attestation": "GET /fed/v1/attestations/{id}",
    "areas": "GET /fed/v1/areas/served",
    "referral": "GET /fed/v1/referrals/{referral}",
    "statements-answer": "GET /fed/v1/statements/{period}",
    "circles": "GET /fed/v1/introductions/circles",
    "asking": "What a circle that asks to be introduced says of itself, and signs",
}

# In place of a docstring that speaks to programmers of the library.
DESCRIPTIONS = {
    "cover.committed": "Carries the commit certificate, a signed object of its own. A worker travels only on one.",
    "visit.claimed": "`due_pence` is what the asking circle will owe for it; it follows from the terms.",
    "disclosure": "What the holder of a certificate fetches once, and nobody logs. `salt` is 256 random bits.",
    "referral": "`reach`: how to reach them, in their own words. `salt` is 256 random bits.",
    "areas": "Outward postcodes of people for whom this circle is there.",
    "agreement": "`may[X]` is what node X may do towards the other. `rev` counts the agreements of a link.",
    "event": "`prev` and digests are over the whole event, proof included. `body` is judged by itself, by `body.<type>`.",
    "terms": "Every member is there, also those of `schedule` and `cancellation`.",
    "error": "`code` is one of the table in the text; a code not known is treated as `failed`.",
    "log-entry": "`prev` is the digest of the whole line before, proof included.",
    "proof": "`@context` is there exactly where the object has one, and equal to it.",
    "statements-answer": "The answering side’s own `settle.statement`, `settle.agreed` and `settle.disputed` of the period.",
    "circles": "Linked circles that let others hear of them. `circle` is of use on this link alone.",
    "asking": "`node_id` asks and signs, and `via` passes it on unchanged.",
    "words_again": "New words within a link that stands, after a move.",
    "link-request": "From the side that was invited, which chooses `link`.",
    "attestation": "Only this form of a W3C Verifiable Credential is known here.",
    "pool-page": "Workers in the order of their references. `next` is the last reference of a page that others follow.",
}

PHASES_REQUESTER = ["open", "awarded", "committed", "delivered", "confirmed", "settled", "ended", "filled"]
PHASES_OFFERER = ["offered", "locking", "prepared", "committed", "delivered", "withdrawn", "declined", "ended"]
STATUSES = ["live", "refused", "declined", "withdrawn"]
OUTCOMES = ["as_planned", "shorter", "no_answer", "did_not_go", "cancelled_late"]
DISPUTES = ["not_came", "partly", "something_wrong", "amount"]

"""One exception for everything a peer can get wrong, with a code that never changes meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# code -> (HTTP status, sentence). A code is part of the protocol: it may be added, never reused for something else.
CODES: dict[str, tuple[int, str]] = {
    # bytes and canonical form
    "bad_json": (400, "The message is not JSON that this protocol allows."),
    "not_canonical": (400, "The message is not in canonical form (RFC 8785)."),
    "too_large": (413, "The message is larger than 256 KiB."),
    "too_deep": (400, "The message nests more than 16 levels."),
    "bad_encoding": (415, "Compressed messages are not accepted."),
    "bad_body": (422, "The message does not have the fields it should have."),
    # transport signature
    "unsigned": (401, "The message carries no signature of this protocol."),
    "bad_signature": (401, "The signature does not hold."),
    "missing_component": (401, "The signature does not cover what it must cover."),
    "bad_digest": (401, "The content digest does not match the content."),
    "headers_too_large": (431, "The message headers are larger than 8 KiB."),
    "clock_skew": (401, "The two clocks are too far apart."),
    "replayed": (401, "This request was received before."),
    "unknown_key": (401, "The key is not one that this link has pinned."),
    "unsigned_response": (502, "The answer was not signed by the other circle."),
    # keys and identity
    "bad_key": (400, "The key is not an Ed25519 key that can be trusted."),
    "bad_words": (400, "Those are not the 24 words of a recovery sheet."),
    "bad_log": (400, "The key log does not hold together."),
    "log_forked": (409, "The key log is not a continuation of the one known before."),
    "log_behind": (409, "The key log known here is older than the document."),
    "wrong_node": (401, "This is another circle than the one expected."),
    "document_expired": (401, "The identity document is out of date."),
    # object proof
    "bad_proof": (401, "The proof on the object does not hold."),
    # links and policy
    "bad_invite": (403, "The invitation is not valid here, was used already, or has run out."),
    "bad_reveal": (403, "The revealed number is not the one promised before."),
    "bad_agreement": (422, "The agreement is not one that both circles can sign."),
    "unknown_link": (404, "There is no such link."),
    "link_suspended": (403, "The link is suspended."),
    "link_ended": (410, "The link has ended."),
    "scope_denied": (403, "The agreement between the two circles does not allow this."),
    "too_many": (429, "Too many requests. Try again later."),
    # events
    "unknown_type": (422, "This kind of event is not known here."),
    "crit_unknown": (422, "The event says something must be understood that is not understood here."),
    "event_changed": (409, "An event with this id was received before, with other content."),
    "seq_reused": (409, "This number was used before, for another event."),
    "chain_broken": (409, "The event does not follow the one before it."),
    "wrong_link": (401, "The event was not made for this link."),
    "blocked": (409, "An earlier event about this was refused; pull its state first."),
    "gap": (409, "Too many events are missing before this one."),
    # what is asked, and whether it can be done now
    "unknown_subject": (404, "Nothing is known here under that reference."),
    "wrong_state": (409, "That cannot be done in the state things are in now."),
    "bad_certificate": (422, "The certificate does not match what was agreed."),
    "too_late": (409, "The time in which this could be claimed is over."),
    "wrong_amount": (422, "The amounts do not follow from what was agreed."),
    "gone": (410, "This was deleted when its time was over."),
    "not_found": (404, "There is nothing here."),
    "bad_method": (405, "This address does not take that kind of request."),
    "failed": (500, "Something went wrong here. It will be looked at."),
    # dialling out
    "bad_address": (400, "That address is not one this node may call."),
    "unreachable": (503, "The other circle’s node does not answer."),
    "timed_out": (504, "The other circle’s node took too long."),
    "redirected": (502, "The other circle’s node pointed somewhere else; that is not followed."),
}


class ProtocolError(Exception):
    """A refusal that can be shown to a person and told to a peer.

    ``code`` must be one of ``CODES``; ``sentence`` and ``status`` default to the table's. ``detail`` goes over the
    wire: it must be canonical JSON and must never hold personal data or key material.
    """

    def __init__(
        self,
        code: str,
        sentence: str | None = None,
        *,
        status: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        default_status, default_sentence = CODES[code]
        self.code = code
        self.sentence = sentence or default_sentence
        self.status = status or default_status
        self.detail: dict[str, Any] = dict(detail or {})
        super().__init__(f"{code}: {self.sentence}")

    def as_body(self) -> dict[str, Any]:
        """The JSON body of the error response: ``{"error": {"code", "sentence", "detail"?}}``."""
        error: dict[str, Any] = {"code": self.code, "sentence": self.sentence}
        if self.detail:
            error["detail"] = self.detail
        return {"error": error}


def error_from_body(status: int, body: Any) -> ProtocolError:
    """The error a peer answered with.

    A code unknown here becomes ``failed`` and keeps the peer's code in ``detail``.
    """
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ProtocolError("failed", status=status)
    code, sentence, detail = error.get("code"), error.get("sentence"), error.get("detail")
    said = sentence if isinstance(sentence, str) else None
    more = dict(detail) if isinstance(detail, dict) else {}
    if not isinstance(code, str) or code not in CODES:
        return ProtocolError("failed", said, status=status, detail={**more, "peer_code": str(code)})
    return ProtocolError(code, said, status=status, detail=more)

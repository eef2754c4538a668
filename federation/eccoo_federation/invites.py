"""An invitation: one line that an admin sends by letter, text or phone, outside the network.

It names the node by its ``node_id``, so the other side pins the right one whoever answers at the address, and it
carries a token that works once within 48 hours. Only its hash is kept, so that a copied database invites nobody.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta

from . import jcs, limits
from .errors import ProtocolError
from .shapes import NodeId, Shape, Time, Url, read
from .times import wire_time

PREFIX = "circle-invite:1:"
Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}\Z")]


class Invite(Shape, frozen=True, kw_only=True, omit_defaults=False):
    v: Literal[1] = 1
    url: Url
    node_id: NodeId
    token: Token
    expires_at: Time


def make_invite(
    url: str, node_id: str, now: datetime, *, token: str | None = None, life: timedelta = limits.INVITE_LIFE
) -> Invite:
    """``token`` is 128 random bits unless a test gives one."""
    secret = token or jcs.b64url(os.urandom(16))
    return Invite(url=url, node_id=node_id, token=secret, expires_at=wire_time(now + life))


def write_invite(invite: Invite) -> str:
    return PREFIX + jcs.b64url(jcs.dump(invite.as_wire()))


def read_invite(text: str, now: datetime) -> Invite:
    """Forgives blanks and line breaks that mail adds. Raises ``bad_invite``, also when its time is over."""
    joined = "".join(text.split())
    if not joined.startswith(PREFIX) or len(joined) > 2048:
        raise ProtocolError("bad_invite", "That is not an invitation: it begins with circle-invite:1:")
    try:
        invite = read(jcs.parse(jcs.unb64url(joined.removeprefix(PREFIX))), Invite)
    except ProtocolError as error:
        raise ProtocolError("bad_invite", "The invitation is damaged. Was all of it copied?") from error
    if invite.expires_at <= wire_time(now):
        raise ProtocolError("bad_invite", "The invitation has run out. Ask for a new one.")
    return invite


def token_hash(token: str) -> str:
    """What the inviting side stores, and looks up by compare-and-set when the token is used."""
    return jcs.digest({"tag": "circle-token-1", "token": token})

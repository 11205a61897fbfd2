"""Who calls: a short-lived token, signed by the hub's own key (RFC 7515 compact form; the signature is made and verified elsewhere).

Every operation may be done twice without harm, so a token may be used again while it lives; it names whom it is for.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from connectors.edge.values import HubCode, Value
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

TOLERANCE = 120.0
"""Seconds that a token's time may be off, either way: the hub below learns the other's clock by its first answer."""
MOST_TOKEN = 8192
PLACE = "Authorization"


class Claims(Value, frozen=True):
    """``iat``: when it was made, by the clock of whom it is for, as far as the caller knows it; seconds since 1970."""

    iss: HubCode
    aud: HubCode
    iat: int


class Signs(Protocol):
    """Signs bytes: a JWS with detached payload."""

    def __call__(self, body: bytes, now: datetime, /) -> str: ...


def issue(us: str, them: str, now: datetime, sign: Signs) -> str:
    """``now``: by the other hub's clock."""
    body = msgspec.json.encode(Claims(iss=us, aud=them, iat=int(now.timestamp())))
    head, _, signature = sign(body, now).partition("..")
    return f"{head}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.{signature}"


def hint(token: str) -> str:
    """Say whose it says it is; nothing of it is believed for that. Empty where it is no such token."""
    try:
        return _claims(token)[0].iss
    except (ValueError, msgspec.MsgspecError):
        return ""


def check(token: str, us: str, now: datetime, verify: Callable[[bytes, str, datetime], object]) -> Claims:
    """Raises ``Refusal``: HUB-EDG-003 for its form, its time or whom it is for; what ``verify`` raises for its signature."""
    try:
        claims, body, detached = _claims(token)
    except (ValueError, msgspec.MsgspecError):
        raise refuse("HUB-EDG-003", PLACE, rule="a token signed by the hub's key") from None
    verify(body, detached, now)
    if claims.aud != us:
        raise refuse("HUB-EDG-003", PLACE, rule=f"aud {us}")
    off = claims.iat - now.timestamp()
    if abs(off) > TOLERANCE:
        raise refuse(
            "HUB-EDG-003", PLACE, rule=f"iat within {TOLERANCE:.0f} s", detail=now.astimezone(UTC).isoformat()
        )
    return claims


def _claims(token: str) -> tuple[Claims, bytes, str]:
    head, _, rest = token[:MOST_TOKEN].partition(".")
    payload, _, signature = rest.partition(".")
    try:
        body = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    return msgspec.json.decode(body, type=Claims), body, f"{head}..{signature}"

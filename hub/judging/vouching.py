"""Is it signed, what does the signature call the message, and whose right was it to sign."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING

from hub.signatories.acts import Office, act_of, needed, tells_result
from schemas.dossier import Kind
from signing.contract import Verified, Wire

if TYPE_CHECKING:
    from hub.judging.contract import Desk, Inbound, Sender
    from schemas.codes import DossierCode
    from schemas.dossier import Message


NAMES = ("jti", "wsa:MessageID")
"""Claims by which a signature calls its message; the name before the key keeps it apart from one that a sender chose."""


def verify(request: Inbound, raw: bytes, sender: Sender, now: datetime) -> Verified | None:
    """Return what was signed; ``None`` when this sender's messages need no signature."""
    if sender.verifier is None:
        return None
    headers = {**request.headers, "authorization": request.authorization}
    return sender.verifier.verify(Wire(body=raw, headers=headers, method="POST"), now)


def signed_key(verified: Verified | None) -> str:
    """Return what the signature calls the message; the replay check is that no other message is accepted under it."""
    claims = verified.claims if verified else {}
    return next((f"{name} {claims[name]}" for name in NAMES if claims.get(name)), "")


def said_once(verified: Verified | None) -> str:
    """Return what stands for a signed message that no name was signed with: what was said, and when.

    Not the signature's value, of which ECDSA allows a second one to anybody who has seen the first.
    """
    if verified is None:
        return ""
    at = verified.signed_at.isoformat() if verified.signed_at else ""
    return f"said {verified.digest} {at}"


def signed_by(
    message: Message, code: DossierCode | None, verified: Verified | None, sender: Sender, desk: Desk
) -> str:
    """Return the signatory whose right it was to sign this; empty when its kind needs none and the system's own seal signed.

    A signatory is not the whole system: whatever a person signs, it must be that person's right to. What counts is the day on
    which it was proved to be signed: that of its time-stamp, or today. Raises HUB-SGN-001 to -003.
    """
    if verified is None or not sender.authority_kinds:
        return ""
    if not needed(message.kind, sender.authority_kinds) and verified.signer.fingerprint in sender.seals:
        return ""
    at = verified.stamped_at or verified.verified_at
    act = act_of(message, code, Office(sender.agency, sender.authority), desk.procedures, desk.agencies, at)
    return desk.authority.signs(verified.signer.fingerprint, act, at, desk.agencies).holder


def repeats(message: Message, sender: Sender) -> bool:
    """Whether it may only be said again: a result under another kind's name, where results are a signatory's to sign."""
    reserved = needed(Kind.FINISHED, sender.authority_kinds)
    return reserved and not needed(message.kind, sender.authority_kinds) and tells_result(message)

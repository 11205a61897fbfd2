"""May this be accepted? Pure: bytes and a desk in, a judgement or a refusal out.

Who sends it the door has found out. The order is the promise: is it signed, and only what was signed is read on; then what it says, in the hub's
own words, in NFC; then whether this sender may say it. It runs in a pool of processes, because verifying, parsing and
trial encodings hold the interpreter's lock; ``Inbound`` and ``Judged`` cross that border, the desk is built behind it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003

from hub.judging.contract import CODE_PLACE, Answers, Desk, Inbound, Judged
from hub.judging.enclosing import enclosures
from hub.judging.places import on_the_wire
from hub.judging.relaying import judge_entry
from hub.judging.saying import allowed_aliases, as_meant, check_said, may_create, nfc
from hub.judging.settling import settled
from hub.judging.trying import trials
from hub.judging.vouching import repeats, said_once, signed_by, signed_key, verify
from hub.judging.wrapping import check_media_type, is_trial, key_of, lifted
from schemas.dossier import to_json
from schemas.legacy_text import Text, as_utf8
from schemas.problems import Refusal, refuse

DOCUMENT_PLACES = tuple(
    f"/dossier/{where}/*/{what}" for where in ("documents", "results") for what in ("sha256", "reference")
)


def check_size(said: bytes, desk: Desk) -> None:
    """Raises ``Refusal`` HUB-LIM-001."""
    if len(said) > desk.limit:
        raise refuse("HUB-LIM-001", rule=f"at most {desk.limit} bytes")


def judge(request: Inbound, desk: Desk, now: datetime) -> Judged:
    """Judge one message. Raises ``Refusal`` with every problem that could be found at the step that failed."""
    sender = desk.senders[request.sender]
    if request.relayed or request.returned:
        return judge_entry(request, sender, desk)
    if sender.hub:
        raise refuse("HUB-EDG-024", "Authorization")
    if request.claimed and sender.verifier is None:
        raise refuse("HUB-AUT-001", "Authorization")
    raw = request.content()
    check_size(b"" if request.within else raw, desk)  # of a call with files in it the spool has seen the size
    media_type = check_media_type(request.headers, sender)
    verified = verify(request, raw, sender, now)
    payload = lifted(verified.payload if verified else raw, request.within)
    check_size(payload, desk)
    said = payload if verified and verified.wrapped else raw
    read = as_utf8(payload, sender.text, sender.media)
    given = key_of(request.headers)
    opened = sender.reader.open(read)
    natural = opened.natural_key or "" if sender.own_key or not given else ""
    signed = signed_key(verified)
    key = given or natural or signed.partition(" ")[2]
    if not key:
        raise refuse("HUB-IDM-001", "Idempotency-Key")
    answers = request.meant.kind if isinstance(request.meant, Answers) else None
    heard, written = nfc(settled(as_meant(opened.message(sender.id, key, sender.agency), request.meant)))
    try:
        message, code = check_said(heard, sender, desk, now.date(), answers=answers is not None)
        named = enclosures(message, sender.hosts, sender.base)
        signatory = signed_by(message, code, verified, sender, desk)
    except Refusal as refusal:
        raise on_the_wire(
            refusal, sender.places, said if sender.text is Text.UTF_8 else read, sender.media
        ) from None
    return Judged(
        documents=named,
        places={place: wire for place, wire in sender.places.items() if place in DOCUMENT_PLACES}
        if named
        else {},
        sender=sender.id,
        key=key,
        natural_key=natural if natural != key else "",
        signed_key=signed or ("" if sender.own_key and natural else said_once(verified)),
        digest=hashlib.sha256(said).hexdigest(),
        size=len(raw),
        media_type=media_type,
        format=sender.format,
        kind=message.kind,
        canonical=written if message is heard else to_json(message),
        agency=sender.agency,
        authority=sender.authority,
        code=message.dossier.code if message.dossier else None,
        received_by=code.agency if code else None,
        may_create=may_create(code, sender, desk),
        code_place=sender.places.get(CODE_PLACE, ""),
        aliases=allowed_aliases(message, sender, desk),
        media=sender.media,
        text=sender.text,
        trials=trials(message, request.message, desk.recipients, request.earlier),
        procedures=tuple(sorted(sender.procedures)),
        settles_duty=sender.settles_duty,
        signer=verified.signer.fingerprint if verified else "",
        signatory=signatory,
        repeats=repeats(message, sender),
        trial=is_trial(request.headers),
        answers=answers,
        stamped_at=verified.stamped_at if verified else None,
        algorithm=verified.algorithm if verified else "",
        profile=verified.profile if verified else "",
    )

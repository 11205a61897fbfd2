"""From where a dossier stands to what happened: a record, and what the hub knew before, become messages. Pure.

The client publishes the record as it is when it sends, so what happened between two of its calls is told by one of them: a
dossier that is handed out was finished first. What moves nothing is told as a correction of the record. A dossier that this
client itself has finished and shows open again was recalled by it; one that somebody else finished was not.

A key is made of what was said: the record's digest, the kind, and a number that counts how often the dossier came back to the
same record. So a repeated call finds its receipt, and a dossier that returns to an earlier state is not taken for a repetition.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.desks import Message
from connectors.lgsp.records import RECORD, TRACE, date, text
from schemas.dossier import Kind, State
from schemas.problems import refuse

if TYPE_CHECKING:
    from connectors.desks import Standing
    from connectors.lgsp.records import Record

K, S = Kind, State
RESULTS = frozenset({S.FINISHED, S.RETURNED})
CLOSED = RESULTS | {S.REFUSED, S.WITHDRAWN}
_KEY = re.compile(r"(?P<what>[RT])(?P<number>\d+)-(?P<kind>[a-z_]+)-(?P<digest>[0-9a-f]{32})")
ANYBODY = "4"
"""``ApplicantsType`` of whoever the client knows no type for: it says nothing."""
_IDENTITIES = {12: "cccd", 9: "cmnd"}
_TAX = {10, 13, 14}


class Said(NamedTuple):
    """One earlier message of this desk, read from its key."""

    number: int
    kind: Kind
    digest: str


def told(record: Record, body: bytes, standing: Standing) -> tuple[Message, ...]:
    """Say a record. Raises ``Refusal`` HUB-MAP-006 when it was closed without saying how, HUB-SCH-003 without a date."""
    if record.closed:
        raise refuse("HUB-MAP-006", "/FinishedDate", rule="IsSuccess, IsReturned")
    digest, earlier = _digest(body), _earlier("R", standing)
    last = earlier[-1] if earlier else None
    again = last is not None and last.digest == digest
    number = last.number if last and again else sum(1 for one in earlier if one.digest == digest) + 1
    before = tuple(one.kind for one in earlier if again and one[::2] == (number, digest))
    moved = next((one.kind for one in reversed(earlier) if one.kind is not K.CORRECTED), None)
    fresh = _happened(record, standing.state, None if again else moved)
    kinds = (*before, *(kind for kind in fresh if not before or kind is not K.CORRECTED))
    return tuple(
        Message(body=_wrapped(record, kind, body), key=f"R{number}-{kind}-{digest}")
        for kind in dict.fromkeys(kinds)
    )


def traced(body: bytes, standing: Standing) -> tuple[Message, ...]:
    """Say a step. After a result it moves nothing any more: the client tells how it came to it once that is told."""
    digest = _digest(body)
    before = next((one.kind for one in _earlier("T", standing) if one.digest == digest), None)
    kind = before or (K.CORRECTED if standing.state in CLOSED else K.STEP)
    envelope = _envelope({"Kind": str(kind)}, TRACE, body)
    return (Message(body=envelope, key=f"T1-{kind}-{digest}"),)


def _happened(record: Record, state: State | None, moved: Kind | None) -> tuple[Kind, ...]:
    found = [K.RECEIVED] if state is None else []
    if record.done and state not in RESULTS:
        found.append(K.FINISHED)
    if record.handed_out and state is not S.RETURNED:
        found.append(K.RETURNED)
    if not record.done and state in RESULTS and moved in {K.FINISHED, K.RETURNED}:
        found.append(K.RECALLED)
    return tuple(found) or (K.CORRECTED,)


def _wrapped(record: Record, kind: Kind, body: bytes) -> bytes:
    finished = date(record.success_at) or date(record.finished_at)
    returned = date(record.returned_at)
    received = date(record.received)
    at = {K.FINISHED: finished, K.RETURNED: returned}.get(kind, received)
    if not at:
        place = {K.FINISHED: "SuccessDate", K.RETURNED: "ReturnedDate"}.get(kind, "DateReceived")
        raise refuse("HUB-SCH-003", f"/{place}", rule="required")
    said: dict[str, Any] = {"Kind": str(kind), "At": at}
    if record.done and finished:
        said["FinishedAt"] = finished
    if record.handed_out:
        said["ReturnedAt"] = returned
    kind_of, how = text(record.applicant_kind), text(record.returned_how)
    if kind_of not in {"", ANYBODY}:
        said["ApplicantKind"] = kind_of
    if how:
        said["ReturnMethod"] = how
    if text(record.applicant):
        said["Identities"] = [_identity(text(record.applicant), text(record.applicant_kind))]
    return _envelope(said, RECORD, body)


def _identity(number: str, applicant: str) -> dict[str, str]:
    """What kind of number it is the record does not say: its length does, of a citizen and of nobody else."""
    if applicant == "1" and number.isdecimal():
        return {"Kind": _IDENTITIES.get(len(number), "other"), "Number": number}
    tax = applicant == "2" and len(number) in _TAX and number.replace("-", "").isdecimal()
    return {"Kind": "tax" if tax else "other", "Number": number}


def _envelope(said: dict[str, Any], name: str, body: bytes) -> bytes:
    """What the desk concluded, and beside it what the client sent, byte for byte."""
    return msgspec.json.encode({**said, name: msgspec.Raw(body)})


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def _earlier(what: str, standing: Standing) -> list[Said]:
    found = (_KEY.fullmatch(key) for key in standing.said)
    return [
        Said(int(one["number"]), Kind(one["kind"]), one["digest"])
        for one in found
        if one and one["what"] == what
    ]

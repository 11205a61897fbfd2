"""From where a dossier stands to what happened: a record, and what the hub knew before, become messages. Pure.

The client publishes the record as it is when it sends, so what happened between two of its calls is told by one of them: a
dossier that is handed out was finished first. What moves nothing is told as a correction of the record. A dossier that this
client itself has finished and shows open again was recalled by it; one that somebody else finished was not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.desks import Message
from connectors.lgsp.records import RECORD, TRACE, date, text
from connectors.repeats import Said, digest, earlier, key, retold
from schemas.dossier import Kind, State
from schemas.problems import refuse

if TYPE_CHECKING:
    from connectors.desks import Standing
    from connectors.lgsp.records import Record

K, S = Kind, State
RESULTS = frozenset({S.FINISHED, S.RETURNED})
CLOSED = RESULTS | {S.REFUSED, S.WITHDRAWN}
ANYBODY = "4"
"""``ApplicantsType`` of whoever the client knows no type for: it says nothing."""
_IDENTITIES = {12: "cccd", 9: "cmnd"}
_TAX = {10, 13, 14}


def told(record: Record, body: bytes, standing: Standing) -> tuple[Message, ...]:
    """Say a record. Raises ``Refusal`` HUB-MAP-006 when it was closed without saying how, HUB-SCH-003 without a date."""
    if record.closed:
        raise refuse("HUB-MAP-006", "/FinishedDate", rule="IsSuccess, IsReturned")
    said = retold("R", body, standing, lambda moved: _happened(record, standing.state, moved))
    return tuple(Message(body=_wrapped(record, kind, body), key=made) for kind, made in said)


def traced(body: bytes, standing: Standing) -> tuple[Message, ...]:
    """Say a step. After a result it moves nothing any more: the client tells how it came to it once that is told."""
    mark = digest(body)
    before = next((one.kind for one in earlier("T", standing) if one.digest == mark), None)
    kind = before or (K.CORRECTED if standing.state in CLOSED else K.STEP)
    envelope = _envelope({"Kind": str(kind)}, TRACE, body)
    return (Message(body=envelope, key=key("T", Said(1, kind, mark))),)


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

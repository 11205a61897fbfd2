"""What the room itself must read of a document, and the status messages that it writes about one. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.contract import Enclosed, Receipted
from schemas.canonical_xml import escaped
from schemas.convert import CONVERTERS
from schemas.dossier import Kind
from schemas.edxml import ERRORS
from schemas.edxml_files import ENVELOPE, NAMESPACE, at, files, tree_of
from schemas.problems import Wrong
from schemas.strict_xml import parse_xml

if TYPE_CHECKING:
    from connectors.edxml.settings import Settings
    from schemas.dossier import Event

ARRIVED, TURNED_AWAY = "01", "02"
ASKED_BACK, GIVEN_BACK, KEPT = "13", "15", "16"
VIETNAM = timezone(timedelta(hours=7))
WORDS = {
    ARRIVED: "Đã đến",
    TURNED_AWAY: "Từ chối tiếp nhận",
    "03": "Đã tiếp nhận",
    "04": "Phân công xử lý",
    "05": "Đang xử lý",
    "06": "Hoàn thành",
    ASKED_BACK: "Yêu cầu lấy lại",
    GIVEN_BACK: "Đồng ý",
    KEPT: "Từ chối",
}
PROGRESS = {Kind.RECEIVED: "03", Kind.TRANSFERRED: "04", Kind.STEP: "05", Kind.FINISHED: "06"}
"""13 asks for a document of one's own back, and 15 and 16 answer that: none of them says what becomes of another's."""
KIND, STATUS = "message_type", "status"
"""What a draft's facts say of a status message."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """``code``: number and notation as one text. ``is_status``: nobody answers it; ``is_error``: it says what was wrong with a document, with a status or without. ``receipt``: it says that our transfer arrived; ``answers``: the key that a document of ours would have, if it is a status about one."""

    sender: str
    document: str
    code: str
    day: str
    is_status: bool
    is_error: bool = False
    receipt: Receipted | None = None
    answers: str = ""


def head(raw: bytes) -> Head:
    """Raises ``Refusal`` HUB-SCH-* for what is no XML that may be read; what is missing is empty."""
    tree = tree_of(parse_xml(raw), None)
    header = at(tree, (ENVELOPE, "edXMLHeader"))
    message = at(header, ("MessageHeader",))
    code = at(message, ("Code",))
    parts = [_text(code, name) for name in ("CodeNumber", "CodeNotation")]
    return Head(
        sender=_text(at(message, ("From",)), "OrganId"),
        document=_text(message, "DocumentId"),
        code="/".join(part for part in parts if part),
        day=_text(at(message, ("PromulgationInfo",)), "PromulgationDate"),
        is_status="StatusCode" in message or ERRORS in header,
        is_error=ERRORS in header,
        receipt=_receipt(message),
        answers=_answers(message) if "StatusCode" in message or ERRORS in header else "",
    )


def asked_back(raw: bytes) -> Head | None:
    """Return the document that a status message 13 asks back, which is its sender's own; ``None``: it asks for nothing.

    Raises ``Refusal`` HUB-SCH-* as ``head`` does.
    """
    message = at(tree_of(parse_xml(raw), None), (ENVELOPE, "edXMLHeader", "MessageHeader"))
    about = at(message, ("ResponseFor",))
    if _text(message, "StatusCode") != ASKED_BACK or not _text(about, "DocumentId"):
        return None
    return Head(
        sender=_text(at(message, ("From",)), "OrganId"),
        document=_text(about, "DocumentId"),
        code=_text(about, "Code"),
        day=_text(about, "PromulgationDate"),
        is_status=False,
    )


def marks(raw: bytes) -> tuple[str, ...]:
    """Return what tells this document from all others: who says it and its id; of a status message also of what, what and when.

    Raises ``Refusal`` HUB-SCH-* as ``head`` does.
    """
    tree = tree_of(parse_xml(raw), None)
    message = at(tree, (ENVELOPE, "edXMLHeader", "MessageHeader"))
    own = (_text(at(message, ("From",)), "OrganId"), _text(message, "DocumentId"))
    if "StatusCode" not in message:
        return own
    words = tuple(_text(message, name) for name in ("StatusCode", "Description", "Timestamp"))
    return (*own, _text(at(message, ("ResponseFor",)), "DocumentId"), *words)


def _answers(message: Any) -> str:  # noqa: ANN401 - a tree of what came
    """Return the key in the id of the document that it is about: the hub's have the transfer's for a number, the dossier's code for a notation."""
    number = _text(at(message, ("ResponseFor",)), "DocumentId").split(",", 2)[-1]
    return number.rpartition("/")[0]


def _receipt(message: Any) -> Receipted | None:  # noqa: ANN401 - a tree of what came
    """Status 01 about a document that the hub wrote."""
    key = _answers(message)
    try:
        said_at = CONVERTERS["yyyy/MM/dd HH:mm:ss"].read(_text(message, "Timestamp"))
    except Wrong:
        return None
    return Receipted(key=key, at=said_at) if key and _text(message, "StatusCode") == ARRIVED else None


def _text(tree: Any, name: str) -> str:  # noqa: ANN401 - a tree of what came
    value = tree.get(name)
    return value.strip() if isinstance(value, str) else ""


def enclosed(raw: bytes) -> tuple[Enclosed, ...]:
    """Return the files inside, each content once. Raises ``Refusal`` HUB-SCH-*."""
    found = {hashlib.sha256(one.content).hexdigest(): one for one in files(raw) if one.content}
    return tuple(
        Enclosed(
            sha256=sha256,
            content=one.content,
            media_type=one.media_type or "application/octet-stream",
            name=one.name,
        )
        for sha256, one in found.items()
    )


def status(settings: Settings, about: Head, code: str, detail: str, now: datetime) -> bytes:
    """Say that a document arrived, or was turned away and why (``detail``); that it is given back, or kept and why."""
    words = f"{WORDS[code]} ({detail})" if detail else WORDS[code]
    return _written(settings, about, "", (code, words, now), _errors(settings, code, detail))


def progress(settings: Settings, about: Head, event: Event) -> bytes | None:
    """Say what becomes of the dossier that a document brought; ``None``: no code says it."""
    code = PROGRESS.get(event.kind)
    if code is None:
        return None
    return _written(settings, about, _staff(event), (code, event.content or WORDS[code], event.at))


def ask_back(settings: Settings, about: Head, event: Event) -> bytes:
    """Ask for a document of ours back."""
    why = event.content or event.reason or WORDS[ASKED_BACK]
    return _written(settings, about, _staff(event), (ASKED_BACK, why, event.at))


def _staff(event: Event) -> str:
    actor = event.actor
    return _elements((("Department", actor.unit or ""), ("Staff", actor.name or ""))) if actor else ""


def _written(
    settings: Settings, about: Head, staff: str, what: tuple[str, str, datetime], errors: str = ""
) -> bytes:
    """Write a status message as documents in the field have it: no body, ``ResponseFor`` names whom it goes to, by the code of today, and the document by its own. ``what``: code, words, moment."""
    code, words, said_at = what
    response = (
        ("OrganId", settings.organ),
        ("Code", about.code),
        ("PromulgationDate", about.day),
        ("DocumentId", about.document or _composed(about)),
    )
    own = (("OrganId", settings.own), ("OrganName", settings.own_name))
    said = (
        f"<edXML:From>{_elements(own)}</edXML:From>"
        f"<edXML:ResponseFor>{_elements(response)}</edXML:ResponseFor>"
        + (f"<edXML:StaffInfo>{staff}</edXML:StaffInfo>" if staff else "")
        + _elements(
            (
                ("StatusCode", code),
                ("Description", words),
                ("Timestamp", f"{said_at.astimezone(VIETNAM):%Y/%m/%d %H:%M:%S}"),
            )
        )
    )
    return (
        f'<edXML xmlns="{NAMESPACE}"><edXML:edXMLEnvelope xmlns:edXML="{NAMESPACE}"><edXML:edXMLHeader>'
        f"<edXML:MessageHeader>{said}</edXML:MessageHeader>{errors}</edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>"
    ).encode()


def _composed(about: Head) -> str:
    """Identify a document that has no id of its own, as ids are made: who, when, number and notation."""
    parts = (about.sender, about.day, about.code)
    return ",".join(parts) if all(parts) else ""


def _errors(settings: Settings, status: str, reason: str) -> str:
    """Say why in an ``ErrorList``, for a partner that wants one."""
    told = settings.errors
    if told is None or not reason:
        return ""
    inside = _elements(((told.code, reason), (told.severity, "Error"), (told.text, WORDS[status])))
    return f"<edXML:{told.list}><edXML:{told.error}>{inside}</edXML:{told.error}></edXML:{told.list}>"


def _elements(pairs: tuple[tuple[str, str], ...]) -> str:
    return "".join(f"<edXML:{name}>{escaped(value)}</edXML:{name}>" for name, value in pairs if value)

"""Status messages that an addressee on a simulated axis says about a document that the unit sent, as documents of the field have them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from connectors.simulators.axis_papers import NS
from connectors.simulators.axis_proof import VIETNAM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connectors.simulators.axis_papers import Paper

WORDS: Mapping[str, str] = {
    "01": "Đã đến",
    "02": "Từ chối tiếp nhận",
    "03": "Đã tiếp nhận",
    "04": "Phân công xử lý",
    "05": "Đang xử lý",
    "06": "Hoàn thành",
}


def status(about: Paper, addressee: str, code: str, now: datetime) -> bytes:
    """Write what ``addressee`` says: there is no body, and ``ResponseFor`` names whom it answers and about what."""
    response = {
        "OrganId": about.sender,
        "Code": about.code,
        "PromulgationDate": about.day,
        "DocumentId": about.document_id,
    }
    said = {
        "StatusCode": code,
        "Description": WORDS[code],
        "Timestamp": f"{now.astimezone(VIETNAM):%Y/%m/%d %H:%M:%S}",
    }
    staff = {"Department": "Văn thư", "Staff": "Phạm Văn Thư"}
    header = _part("From", _parts({"OrganId": addressee, "OrganName": addressee}))
    header += _part("ResponseFor", _parts(response)) + _part("StaffInfo", _parts(staff)) + _parts(said)
    envelope = _part("edXMLHeader", _part("MessageHeader", header))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="{NS}">'
        f'<edXML:edXMLEnvelope xmlns:edXML="{NS}">{envelope}</edXML:edXMLEnvelope></edXML>'
    ).encode()


def _parts(texts: Mapping[str, str]) -> str:
    return "".join(_part(name, escape(text)) for name, text in texts.items())


def _part(name: str, inside: str) -> str:
    return f"<edXML:{name}>{inside}</edXML:{name}>"

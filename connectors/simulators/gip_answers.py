"""Answers of the tax gateway: their HEADER with its two spellings, their number, and the envelope around them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from lxml import etree

from connectors.simulators.desk import Said
from connectors.simulators.gip_questions import HEADER, MONTHS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
TELL = "http://gip.response.com/"
OPERATION = "xuLyTruyVanMsg"
ANSWER, DUTY = "05011", "00110"
NAME = "GIP"
CODES = {"ok": "00", "form": "01", "signature": "02", "operation": "03", "number": "04", "refused": "99"}
HERE = ZoneInfo("Asia/Ho_Chi_Minh")


def numbered(now: datetime, number: int) -> str:
    return f"{NAME}{now:%Y%m%d}{number:07d}"


def spelled(now: datetime, number: int) -> tuple[str, str]:
    """Return ``SEND_DATE``, and ``ERROR_CODE`` where all went well: in turn in each of the two ways that real answers have."""
    long = f"{now:%d}-{MONTHS[now.month - 1]}-{now:%Y %H:%M:%S}"
    return (long, CODES["ok"]) if number % 2 else (f"{now:%m-%d-%Y}", "")


def begun(values: Mapping[str, str]) -> etree._Element:
    """Write ``DATA`` with its HEADER; every field stands there, empty or not."""
    said = {
        "VERSION": "1",
        "SENDER_CODE": NAME,
        "TRAN_CODE": ANSWER,
        "ORIGINAL_CODE": NAME,
        **values,
    }
    document = etree.Element("DATA")
    header = etree.SubElement(document, "HEADER")
    for name in HEADER:
        etree.SubElement(header, name).text = said.get(name) or None
    etree.SubElement(document, "BODY")
    etree.SubElement(document, "SECURITY")
    return document


def row_of(answer: etree._Element) -> etree._Element:
    body = answer.find("BODY")
    row = etree.SubElement(answer if body is None else body, "ROW")
    etree.SubElement(row, "TYPE").text = DUTY
    etree.SubElement(row, "NAME").text = "Trả lời truy vấn nghĩa vụ tài chính đất đai"
    return row


def enclosed(document: str) -> Said:
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"S": SOAP})
    body = etree.SubElement(root, f"{{{SOAP}}}Body")
    response = etree.SubElement(body, f"{{{TELL}}}{OPERATION}Response", nsmap={"ns2": TELL})
    etree.SubElement(response, "return").text = etree.CDATA(document)
    return _said(root)


def fault_of(text: str) -> Said:
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"S": SOAP})
    fault = etree.SubElement(etree.SubElement(root, f"{{{SOAP}}}Body"), f"{{{SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = "S:Client"
    etree.SubElement(fault, "faultstring").text = text
    return _said(root, 500)


def _said(root: etree._Element, status: int = 200) -> Said:
    body = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return Said(body=body, status=status, media_type="text/xml; charset=utf-8")

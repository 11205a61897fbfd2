"""Questions to the tax authority's gateway, read as strictly as a real one would: fields, order, numbers, dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lxml import etree

QUESTION = "00046"
_NAMES = """
VERSION SENDER_CODE SENDER_NAME RECEIVER_CODE RECEIVER_NAME TRAN_CODE MSG_ID MSG_REFID ID_LINK SEND_DATE
ORIGINAL_CODE ORIGINAL_NAME ORIGINAL_DATE ERROR_CODE ERROR_DESC SPARE1 SPARE2 SPARE3
"""
HEADER = tuple(_NAMES.split())
"""All fields, in the format's order."""
MANDATORY = ("VERSION", "SENDER_CODE", "RECEIVER_CODE", "TRAN_CODE", "MSG_ID", "SEND_DATE")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CLOCK = r" \d\d:\d\d:\d\d"
_DATE = re.compile(rf"(\d\d)-(\d\d)-(\d{{4}})|(\d\d)-([A-Za-z]{{3}}|\d\d)-(\d{{4}}){_CLOCK}")


class No(Exception):  # noqa: N818 - becomes an answer
    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def parsed(raw: bytes) -> etree._Element | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return root if root.getroottree().docinfo.internalDTD is None else None


def document_in(carried: bytes) -> etree._Element:
    root = parsed(carried)
    if root is None or root.tag != "DATA":
        raise No("form", "in_msg không phải tài liệu DATA")
    if [child.tag for child in root.iterchildren(tag=etree.Element)] != ["HEADER", "BODY", "SECURITY"]:
        raise No("form", "DATA gồm HEADER, BODY, SECURITY theo thứ tự")
    return root


def header_of(document: etree._Element) -> dict[str, str]:
    """Return its fields: none that is unknown, in the format's order, the mandatory ones filled."""
    children = list(document.iterfind("HEADER/*"))
    names = [str(child.tag) for child in children]
    if names != [name for name in HEADER if name in names]:
        raise No("form", "HEADER có trường lạ, lặp lại hoặc sai thứ tự")
    header = {name: (child.text or "").strip() for name, child in zip(names, children, strict=True)}
    if absent := [name for name in MANDATORY if not header.get(name)]:
        raise No("form", f"Thiếu {', '.join(absent)}")
    if header["TRAN_CODE"] != QUESTION:
        raise No("operation", f"TRAN_CODE {header['TRAN_CODE']} không được hỗ trợ")
    if not _numbered(header["MSG_ID"], header["SENDER_CODE"]):
        raise No("number", "MSG_ID phải là SENDER_CODE, yyyyMMdd và 7 chữ số")
    if not _dated(header["SEND_DATE"]):
        raise No("form", "SEND_DATE phải là MM-dd-yyyy, dd-MMM-yyyy HH:mm:ss hoặc dd-MM-yyyy HH:mm:ss")
    return header


def _numbered(number: str, sender: str) -> bool:
    rest = number.removeprefix(sender)
    if len(rest) != len("yyyyMMdd") + 7 or not rest.isdecimal() or not number.startswith(sender):
        return False
    return _real(rest[:4], rest[4:6], rest[6:8])


def _dated(written: str) -> bool:
    found = _DATE.fullmatch(written)
    if found is None:
        return False
    month, day, year, other_day, name, other_year = found.groups()
    if month:
        return _real(year, month, day)
    if name.isdecimal():
        return _real(other_year, name, other_day)
    known = name.upper() in MONTHS
    return known and _real(other_year, str(MONTHS.index(name.upper()) + 1), other_day)


def _real(year: str, month: str, day: str) -> bool:
    try:
        datetime(int(year), int(month), int(day), tzinfo=UTC)
    except ValueError:
        return False
    return True


def asked(document: etree._Element, by: str) -> str:
    rows = document.findall("BODY/ROW")
    if len(rows) != 1 or rows[0].findtext("TYPE") != QUESTION:
        raise No("form", f"BODY phải có đúng một ROW, TYPE {QUESTION}")
    dossier = (rows[0].findtext(by) or "").strip()
    if not dossier or not (rows[0].findtext("NAME") or "").strip():
        raise No("form", f"Thiếu NAME hoặc {by}")
    return dossier

"""What the desk itself must know of the land system's calls; the rest is the mapping's.

Each address is one thing that happened. Dates that .NET writes where it has none (year 1) say nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.problems import refuse
from schemas.tax import each
from schemas.text import NOT_XML

DATES = {
    "ChuyenHoSo": "NgayChuyen",
    "YeuCauBoSungHoSo": "NgayChoBoSung",
    "NhanBoSungHoSo": "NgayNhanBoSung",
    "GuiKetQuaThue": "NgayCoKetQuaThue",
    "ThueChuyenTraHoSoDoSai": "",
    "YeuCauCapNhatHoSo": "",
    "ThongBaoNhapSaiThuTuc": "",
    "KetThucHoSo": "NgayKetThuc",
}
"""Each call, and the member that says when it happened; empty: the protocol has none."""
NEEDED = frozenset({"YeuCauBoSungHoSo", "NhanBoSungHoSo", "KetThucHoSo"})
"""Calls whose date the protocol wants; in the others it may be left out."""
UNTAKEN = frozenset({"TiepNhanHoSoChoMotCua"})
"""A call that asks the one-stop to open a dossier and to give it a number; the hub numbers nothing for others."""
ENDING = "KetThucHoSo"
LONGEST = 200
"""Characters of a dossier's code: it is asked for in the store before the message is judged."""
_WITH_FILES = {"ChuyenHoSo": "DanhSachTapTin", "YeuCauBoSungHoSo": "TapTin", "NhanBoSungHoSo": "TapTin"}


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file lies at the land system: ``link`` leads to it."""

    name: str = ""
    link: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """``at``: as it was written; empty: not said. ``ends``: how the dossier was closed, by the system's own code."""

    code: str
    at: str
    ends: str
    files: tuple[File, ...]


def read(service: str, body: bytes) -> Said:
    """Raises ``Refusal`` HUB-SCH-001 for what is no JSON, -002 for what is no such call, -003 without ``SoBienNhan`` or a needed date."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refuse("HUB-SCH-001", rule="RFC 8259") from None
    if not isinstance(found, dict):
        raise refuse("HUB-SCH-002", rule=service)
    name = DATES[service]
    said = Said(
        code=_code(found.get("SoBienNhan")),
        at=_date(found, name),
        ends=_ends(found) if service == ENDING else "",
        files=_files(service, found),
    )
    if not said.at and service in NEEDED:
        raise refuse("HUB-SCH-003", f"/{name}", rule="required")
    return said


def _code(value: object) -> str:
    if value is None or value == "":
        raise refuse("HUB-SCH-003", "/SoBienNhan", rule="required")
    if not isinstance(value, str) or len(value) > LONGEST or NOT_XML.search(value):
        raise refuse("HUB-SCH-002", "/SoBienNhan", rule=f"length 1 to {LONGEST}")
    return value


def _date(found: dict[str, Any], name: str) -> str:
    value = found.get(name) if name else None
    if value is not None and not isinstance(value, str):
        raise refuse("HUB-SCH-002", f"/{name}", rule="date-time, ISO 8601")
    said = (value or "").strip()
    return "" if said.startswith("0001-") else said


def _ends(found: dict[str, Any]) -> str:
    value = found.get("TrangThaiKetThuc")
    if value is None or value == "":
        raise refuse("HUB-SCH-003", "/TrangThaiKetThuc", rule="required")
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refuse("HUB-SCH-002", "/TrangThaiKetThuc", rule="whole number")
    return str(value).strip()


def _files(service: str, found: dict[str, Any]) -> tuple[File, ...]:
    """Return the papers that come with a call: one, several, or one where several are meant."""
    name = _WITH_FILES.get(service, "")
    papers = each(found.get(name) if name else None)
    if not all(isinstance(one, dict) for one in papers):
        raise refuse("HUB-SCH-002", f"/{name}", rule="record")
    return tuple(
        File(name=_text(one.get("TenGiayTo")), link=_text(one.get("LinkFile")))
        for one in papers
        if _text(one.get("LinkFile"))
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""

"""What the land offices' information system takes: one shape for each operation, checked before anything is kept.

A shape is a table of fields; a field is a rule, a shape, or a list of a shape. A rule returns its complaint, or nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias

TAKE, SUPPLEMENTED = "tiepnhan", "capnhattrangthaibosunghoso"
RETURNED, WRONG_RESULT = "capnhattrangthaitraketquahoso", "phanhoihososaiketqua"

Rule = Callable[[object], str]

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)?")
_WHOLE = re.compile(r"\d+")


class Many(NamedTuple):
    """A list of ``shape``."""

    shape: Mapping[str, Field]


class Perhaps(NamedTuple):
    """May be absent, ``null`` or ``""``."""

    field: Field


Field: TypeAlias = "Rule | Mapping[str, Field] | Many | Perhaps"


def faults(field: Field, value: object, at: str = "") -> Iterator[str]:
    """Name everything that is wrong, each with its path."""
    match field:
        case Perhaps(inner):
            yield from faults(inner, value, at) if value not in (None, "", []) else ()
        case Many(shape):
            yield from _many(shape, value, at)
        case Mapping():
            yield from _shape(field, value, at)
        case rule:
            if complaint := rule(value):
                yield f"{at} {complaint}"


def _shape(shape: Mapping[str, Field], value: object, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at or 'Nội dung'} phải là một đối tượng"
        return
    for name, field in shape.items():
        yield from faults(field, value.get(name), f"{at}.{name}".lstrip("."))


def _many(shape: Mapping[str, Field], value: object, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at} phải là một danh sách"
        return
    for number, element in enumerate(value):
        yield from _shape(shape, element, f"{at}[{number}]")


def text(value: object) -> str:
    return "" if isinstance(value, str) and value.strip() else "không được để trống"


def flag(value: object) -> str:
    return "" if isinstance(value, bool) else "phải là true hoặc false"


def whole(value: object) -> str:
    """A number of something: an integer, or its digits, as its platform reads both."""
    fits = (
        value >= 0
        if isinstance(value, int) and not isinstance(value, bool)
        else isinstance(value, str) and _WHOLE.fullmatch(value)
    )
    return "" if fits else "phải là số nguyên không âm"


def area(value: object) -> str:
    try:
        return "" if not isinstance(value, bool) and float(str(value)) > 0 else "phải là số lớn hơn 0"
    except ValueError:
        return "phải là số lớn hơn 0"


def moment(value: object) -> str:
    """ISO 8601 with or without a zone."""
    if isinstance(value, str) and _ISO.fullmatch(value):
        try:
            datetime.fromisoformat(value[:19])
        except ValueError:
            return "không phải ngày giờ có thật"
        return ""
    return "phải là ngày giờ ISO 8601"


def content(value: object) -> str:
    try:
        return "" if base64.b64decode(str(value), validate=True) else "không được rỗng"
    except (binascii.Error, ValueError):
        return "không phải base64"


_FILE: Mapping[str, Field] = {"name": text, "data": content}
_PAPER: Mapping[str, Field] = {
    "TenGiayTo": text,
    "SoBanChinh": Perhaps(whole),
    "SoBanSao": Perhaps(whole),
    "TapTin": Perhaps(_FILE),
}
_APPLICANT: Mapping[str, Field] = {
    "HoTen": text,
    "SoChungMinh": Perhaps(text),
    "DiaChiChiTiet": Perhaps(text),
    "SoDienThoai": Perhaps(text),
    "Email": Perhaps(text),
}
_PARCEL: Mapping[str, Field] = {
    "SoThuTuThua": Perhaps(text),
    "SoHieuBanDo": Perhaps(text),
    "DienTich": Perhaps(area),
    "DiaChiChiTiet": Perhaps(text),
}
SHAPES: Mapping[str, Mapping[str, Field]] = {
    TAKE: {
        "LaQuyTrinhCapTinh": flag,
        "TinhId": Perhaps(whole),
        "HuyenId": Perhaps(whole),
        "XaId": Perhaps(whole),
        "SoBienNhan": text,
        "MaHoSoMotCua": Perhaps(text),
        "NguoiTiepNhan": Perhaps(text),
        "NgayTiepNhan": Perhaps(moment),
        "NgayHenTra": Perhaps(moment),
        "DiaChiTaiSan": Perhaps(text),
        "ThongTinNguoiNopDon": _APPLICANT,
        "ThongTinQuyTrinh": {"MaQuyTrinh": text, "TenQuyTrinh": Perhaps(text)},
        "ThongTinThuaDat": Perhaps(Many(_PARCEL)),
        "DanhSachGiayToDinhKem": Perhaps(Many(_PAPER)),
    },
    SUPPLEMENTED: {
        "SoBienNhan": text,
        "NgayHenTraMoi": moment,
        "GhiChu": Perhaps(text),
        "DanhSachGiayToBoSung": Perhaps(Many(_PAPER)),
    },
    RETURNED: {"SoBienNhan": text, "NgayTra": moment},
    WRONG_RESULT: {"SoBienNhan": text, "NoiDung": text, "DanhSachGiayToDinhKem": Perhaps(Many(_PAPER))},
}


def lacking(document: Mapping[str, object], wants: Iterable[str]) -> Iterator[str]:
    """Name what one installation insists on and others do not."""
    return (f"{name} không được để trống" for name in wants if document.get(name) in (None, "", 0, []))

"""What the national portal's generations 1 and 1+ take: the records of facts §1.7 and §1.8 as tables, and what is wrong with one.

A value is a JSON string unless its table says otherwise; absent is ``""`` or no field. Dates are ``yyyyMMddHHmmss`` of Vietnam's wall clock. A name
that the tables do not know is refused: a portal would drop it silently, and nobody would see what was lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Check = Callable[[Any], bool]

_CODE = re.compile(r"[0-9A-Z]+(?:\.[0-9A-Z]+){0,7}-(\d{6})-\d{4,7}")
_LINK = re.compile(r"https?://[^\s]+")


def _code(value: Any) -> bool:  # noqa: ANN401 - whatever stood there
    """§2.1: the unit, the day, the number of that day."""
    found = _CODE.fullmatch(value) if isinstance(value, str) else None
    return found is not None and _moment("%y%m%d")(found[1])


def _moment(form: str) -> Check:
    def check(value: Any) -> bool:  # noqa: ANN401 - whatever stood there
        try:
            return bool(datetime.strptime(value, form).strftime(form) == value)  # noqa: DTZ007 - wall time without a zone
        except (TypeError, ValueError):
            return False

    return check


def _text(longest: int = 4000) -> Check:
    return lambda value: isinstance(value, str) and bool(value.strip()) and len(value) <= longest


def _among(*values: str) -> Check:
    return lambda value: value in values


def _amount(value: Any) -> bool:  # noqa: ANN401 - whatever stood there
    return isinstance(value, str) and value.isdigit()


def _link(value: Any) -> bool:  # noqa: ANN401 - whatever stood there
    return isinstance(value, str) and _LINK.fullmatch(value) is not None


def _number(value: Any) -> bool:  # noqa: ANN401 - whatever stood there
    """The id of a supplement: an int in the clients, a string in what they copy."""
    return str(value).isdigit() if isinstance(value, int | str) else False


def _truth(value: Any) -> bool:  # noqa: ANN401 - whatever stood there
    return isinstance(value, bool) or value in {"True", "False"}


def _list(value: Any) -> bool:  # noqa: ANN401 - whatever stood there
    return isinstance(value, list)


DATE, ANY, FLAG = _moment("%Y%m%d%H%M%S"), _text(10_000), _among("0", "1")
STATE = _among(*(str(state) for state in range(1, 11)))


class Table:
    """``must`` has a value in each record, ``may`` when it is there; ``inside``: lists of records of their own."""

    def __init__(
        self, must: Mapping[str, Check], may: Mapping[str, Check], inside: Mapping[str, Table] | None = None
    ) -> None:
        self.must, self.may, self.inside = must, may, inside or {}

    def wrong(self, record: object) -> str:
        """Name the first field that the portal would not take, or nothing."""
        if not isinstance(record, dict):
            return "data"
        for name, check in self.must.items():
            value = record.get(name)
            if value is None or value == "":
                return f"Trường {name} không được để trống"
            if not check(value):
                return f"Trường {name} không hợp lệ"
        for name, value in record.items():
            if name not in self.must and (said := self._optional(name, value)):
                return said
        return ""

    def _optional(self, name: str, value: Any) -> str:  # noqa: ANN401 - whatever stood there
        if name in self.inside:
            return self._each(name, value)
        if name not in self.may:
            return f"Trường {name} không có trong đặc tả"
        return "" if value == "" or self.may[name](value) else f"Trường {name} không hợp lệ"

    def _each(self, name: str, value: Any) -> str:  # noqa: ANN401 - whatever stood there
        if not isinstance(value, list):
            return f"Trường {name} không hợp lệ"
        return next((f"{name}: {said}" for each in value if (said := self.inside[name].wrong(each))), "")


PAPER = Table(
    {
        "TepDinhKemId": ANY,
        "TenTepDinhKem": _text(4000),
        "IsDeleted": _among("True", "False"),
        "DuongDanTaiTepTin": _link,
    },
    {
        "MaThanhPhanHoSo": ANY,
        "DuocSoHoa": FLAG,
        "DuocTaiSuDung": _among("0", "1", "2"),
        "DuocLayTuKhoDMQG": FLAG,
        "MaKetQuaThayThe": ANY,
    },
)
FEE = Table(
    {"TenPhiLePhi": ANY, "Gia": _amount},
    {"MaPhiLePhi": ANY, "HinhThucThu": ANY, "LoaiPhiLePhi": ANY},
)
OTHER_PAPER = Table({"TenGiayTo": ANY}, {"SoLuong": _amount, "LoaiGiayTo": ANY})
SUPPLEMENT = Table(
    {"HoSoBoSungId": _number, "NoiDungBoSung": ANY, "NgayBoSung": DATE},
    {
        "NguoiYeuCauBoSung": ANY,
        "NguoiTiepNhanBoSung": ANY,
        "ThongTinTiepNhan": ANY,
        "NgayTiepNhanBoSung": DATE,
        "TrangThaiBoSung": _truth,
        "DanhSachGiayToBoSung": _list,
        "DanhSachLePhiBoSung": _list,
        "NgayHenTraTruoc": DATE,
        "NgayHenTraMoi": DATE,
    },
)
RESULT = Table(
    {"TenGiayTo": _text(2000), "DuongDanTepTinKetQua": _link},
    {"MaThanhPhanHoSo": ANY, "GiayToId": ANY, "MaGiayToKetQua": ANY},
)
IDENTITY = Table({"LoaiDinhDanh": _among("1", "2"), "SoDinhDanh": ANY}, {})
INSIDE: Mapping[str, Table] = {
    "TaiLieuNop": PAPER,
    "DanhSachLePhi": FEE,
    "DanhSachTepDinhKemKhac": OTHER_PAPER,
    "DanhSachHoSoBoSung": SUPPLEMENT,
    "DanhSachGiayToKetQua": RESULT,
    "DinhDanhCHS": IDENTITY,
    "DSKetNoiCSDL": Table({"MaCSDL": ANY}, {}),
}
MUST: Mapping[str, Check] = {
    "MaHoSo": _code,
    "MaTTHC": ANY,
    "TenTTHC": ANY,
    "MaLinhVuc": ANY,
    "TenLinhVuc": ANY,
    "KenhThucHien": _among("1", "2", "3"),
    "LoaiDoiTuong": _among("1", "2", "3", "4"),
    "TrichYeuHoSo": _text(1000),
    "NgayTiepNhan": DATE,
    "TrangThaiHoSo": STATE,
    "HinhThuc": FLAG,
    "DonViXuLy": ANY,
}
MAY: Mapping[str, Check] = {
    **dict.fromkeys(("NgayHenTra", "NgayTra", "NgayKetThucXuLy"), DATE),
    **dict.fromkeys(
        (
            "SoBienNhan",
            "ChuHoSo",
            "MaDoiTuong",
            "ThongTinKhac",
            "Email",
            "Fax",
            "SoDienThoai",
            "ThongTinTra",
            "GhiChu",
        ),
        ANY,
    ),
}
PLUS: Mapping[str, Check] = {
    "SoGiayToChuHoSo": ANY,
    "NgayNopHoSo": DATE,
    "NoiNopHoSo": _among("1", "2"),
    "HoSoCoThanhPhanSoHoa": FLAG,
    "TaiKhoanDuocXacThucVoiVNeID": FLAG,
    "DuocThanhToanTrucTuyen": _among("0", "1", "3"),
}
DOSSIERS: Mapping[str, Table] = {
    "1": Table(MUST, {**MAY, **dict.fromkeys((*PLUS, "NgayTuChoi"), lambda _: True)}, INSIDE),
    "1+": Table({**MUST, **PLUS}, {**MAY, "NgayTuChoi": DATE}, INSIDE),
}
"""By generation. Generation 1 drops what only 1+ knows."""
PROGRESS = Table(
    {"MaHoSo": _code, "NguoiXuLy": _text(50), "ThoiDiemXuLy": DATE, "TrangThai": STATE},
    {
        "ChucDanh": ANY,
        "PhongBanXuLy": ANY,
        "NoiDungXuLy": ANY,
        "NgayBatDau": DATE,
        "NgayKetThucTheoQuyDinh": DATE,
    },
)


def wrong_dossier(record: object, generation: str) -> str:
    """Say what the portal would not take in one dossier; 1+ wants its owner's identity."""
    if said := DOSSIERS[generation].wrong(record):
        return said
    told: Mapping[str, Any] = record if isinstance(record, dict) else {}
    if generation == "1+" and not told.get("DinhDanhCHS"):
        return "Trường DinhDanhCHS không được để trống"
    return ""

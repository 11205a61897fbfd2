"""An OpenCPS one-stop that reports to the national portal, as its published client does (facts S1).

For each change of a dossier: is it known there (``TraCuuHoSo``), what is its procedure called (``LayThuTuc``), then the whole dossier as create or
update, and when that was taken, its last action as progress. ``error_code`` 0 is success; an answer that is no JSON object is an empty one to
it. It keeps its session for ten minutes whatever it hears, sends no ``KenhThucHien``, says the telephone as ``Fax``, and its links end in the
clock's milliseconds, so the same dossier never has the same bytes twice.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from connectors.simulators.calling import Ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.simulators.calling import Heard, Verdict

Record = dict[str, Any]
LOOK_UP, PROCEDURE, SYNC, PROGRESS = "TraCuuHoSo", "LayThuTuc", "DongBoHoSoMC", "CapNhatTienDoHoSoMC"
LISTS = ("LayDanhMucCoQuan", "LayDanhMucLinhVuc", "LayDanhSachTTHC")
QUESTIONS: Mapping[str, Record] = {
    "DongBoHoiDap": {
        "data": [
            {
                "HOIDAPID": 71,
                "MaLinhVuc": "G15-DD",
                "NOIDUNG": "Hồ sơ của tôi cần thêm giấy tờ gì?",
                "MADONVI": "000.00.00.H47",
                "TENDONVI": "UBND tỉnh",
            }
        ]
    },
    "DongBoKetQuaHoiDapGuiTuDVCQG": {
        "data": [
            {
                "HOIDAPID": "9001",
                "MADONVI": "000.00.00.H47",
                "NGUOITRALOI": "Trần Thị Một Cửa",
                "CHUCVUNGUOITRALOI": "cb",
                "NGAYTRALOI": "23/11/2026",
                "NOIDUNGTRALOI": "Cần bản sao giấy chứng nhận.",
            }
        ]
    },
    "LayDanhSachHoiDapGuiTuDVCQG": {},
    "LayDanhSachHoiDapBoCoQuan": {},
    "LayNoiDungTraLoiTheoCauHoi": {"cauhoiid": "9001"},
    "LayDanhMucGioiTinh": {},
    "TraCuuTechID": {"provider": "wso2is", "mstorcmnd": "4000000001"},
}
"""What its timers and screens say and ask beside dossiers. It looks at ``error_code`` first, and goes on without what it asks (``optional``)."""
AGENCY = "000.00.00.H47"
ENDPOINT = "/mapi/g"
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
STATES: tuple[tuple[str, str], ...] = (
    ("2", "Tiếp nhận hồ sơ"),
    ("4", "Chuyển thẩm định"),
    ("9", "Đã có kết quả"),
    ("10", "Đã trả kết quả"),
)
HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Charset": "utf-8",
    "dstcode": "VN:GOV:000.00.00.G22:vpcpdvcprovider",
}


class OpenCpsMapi:
    """Operations are ``<service>:<state>``; the lists that its screens fill themselves from come last."""

    operations: tuple[str, ...] = (
        *(f"{service}:{state}" for state, _ in STATES for service in (LOOK_UP, PROCEDURE, SYNC, PROGRESS)),
        *LISTS,
        *QUESTIONS,
    )
    asks: frozenset[str] = frozenset(
        {
            *(f"{service}:{state}" for state, _ in STATES for service in (LOOK_UP, PROCEDURE)),
            *LISTS,
        }
    )
    optional: frozenset[str] = frozenset(name for name in QUESTIONS if not name.startswith("DongBo"))

    def __init__(self, secret: str, username: str = "opencps-mapi") -> None:
        self._username, self._secret, self._session = username, secret, ""
        self._known = False
        self._procedure = {"TenTTHC": "", "MaLinhVuc": "", "TenLinhVuc": ""}

    def greeting(self) -> Ask:
        body = {"username": self._username, "password": self._secret}
        return Ask(path="/mapi/login", body=json.dumps(body).encode(), headers=HEADERS)

    def admitted(self, heard: Heard) -> bool:
        told = _object(heard)
        if _code(told) != 0 or "session" not in told:
            return False
        self._session = str(told["session"])
        return bool(self._session)

    def ask(self, operation: str, dossier: str, at: datetime) -> Ask:
        service, _, state = operation.partition(":")
        asked: dict[str, Any] = {"session": self._session, "madonvi": AGENCY, "service": service}
        match service:
            case "TraCuuHoSo":
                asked |= {"mahoso": dossier}
            case "LayThuTuc":
                asked |= {"maTTHC": "1.009999"}
            case "DongBoHoSoMC":
                told = "True" if self._known else "False"
                asked |= {"isUpdating": told, "data": [self._dossier(dossier, state, at)]}
            case "CapNhatTienDoHoSoMC":
                asked |= {"data": [_progress(dossier, state)]}
            case other:
                asked |= QUESTIONS.get(other, {})
        body = json.dumps(asked, ensure_ascii=False).encode()
        return Ask(path=ENDPOINT, body=body, headers=HEADERS)

    def verdict(self, operation: str, heard: Heard) -> Verdict:
        told = _object(heard)
        if heard.status != 200 or "error_code" not in told:  # noqa: PLR2004 - Java's stream fails at 400 and above
            return "refused" if 400 <= heard.status < 500 else "unclear"  # noqa: PLR2004 - what an officer can act on
        result = told.get("result")
        if operation.startswith(LOOK_UP):
            self._known = (
                isinstance(result, list) and len(result) > 0
            )  # whatever the code says (§5.5, flaw 6)
        if operation.startswith(PROCEDURE):
            return self._learn(result)
        if operation in LISTS and not isinstance(result, list):
            return "unclear"
        return "taken" if _code(told) == 0 else "refused"

    def _learn(self, result: Any) -> Verdict:  # noqa: ANN401 - whatever the answer holds
        """It takes names from the first entry; an entry without them breaks it."""
        if not result:
            return "taken"
        try:
            field = result[0]["LINHVUCTHUCHIEN"][0]
            self._procedure = {
                "TenTTHC": result[0]["TENTTHC"],
                "MaLinhVuc": field["MALINHVUC"],
                "TenLinhVuc": field["TENLINHVUC"],
            }
        except (KeyError, IndexError, TypeError):
            return "unclear"
        return "taken"

    def _dossier(self, code: str, state: str, at: datetime) -> dict[str, Any]:
        received = _day(code)
        decided = state in {"9", "10"}
        return {
            "MaHoSo": code,
            "MaTTHC": "1.009999",
            **self._procedure,
            "ChuHoSo": "Nguyễn Văn Mẫu",
            "LoaiDoiTuong": "1",
            "MaDoiTuong": "",
            "ThongTinKhac": "",
            "Email": "mau@example.vn",
            "Fax": "0900000000",
            "SoDienThoai": "0900000000",
            "TrichYeuHoSo": "Chuyển nhượng thửa 15, tờ 7",
            "NgayTiepNhan": _date(received),
            "NgayHenTra": _date(received + timedelta(days=6)),
            "TrangThaiHoSo": state,
            "NgayTra": _date(received + timedelta(days=5)) if state == "10" else "",
            "ThongTinTra": "",
            "HinhThuc": "0",
            "NgayKetThucXuLy": _date(received + timedelta(days=4)) if decided else "",
            "DonViXuLy": "Văn phòng Đăng ký đất đai",
            "GhiChu": "Chuyển nhượng thửa 15, tờ 7",
            "DanhSachLePhi": [],
            "DanhSachTepDinhKemKhac": [],
            "DanhSachHoSoBoSung": [],
            "DanhSachGiayToKetQua": [_result(at)] if decided else [],
            "TaiLieuNop": [_paper(at)],
        }


def _day(dossier: str) -> datetime:
    """When it was received: on its code's day, at eight."""
    return datetime.strptime(dossier.split("-")[-2] + "0100", "%y%m%d%H%M").replace(tzinfo=UTC)


def _date(at: datetime) -> str:
    return at.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


def _link(name: str, at: datetime) -> str:
    """Where its document library has the file; each writing of it ends in another time."""
    return f"https://motcua.example.vn/documents/35301/0/{name}?t={at.timestamp() * 1000:.0f}&download=true"


def _paper(at: datetime) -> dict[str, str]:
    return {
        "TenTepDinhKem": "Đơn đăng ký.pdf",
        "MaThanhPhanHoSo": "",
        "TepDinhKemId": "900001",
        "DuongDanTaiTepTin": _link("don-dang-ky.pdf/2f6c0b0e", at),
        "IsDeleted": "False",
    }


def _result(at: datetime) -> dict[str, str]:
    return {
        "TenGiayTo": "Giấy chứng nhận.pdf",
        "MaThanhPhanHoSo": "",
        "GiayToId": "900002",
        "DuongDanTepTinKetQua": _link("giay-chung-nhan.pdf/3a7d1c1f", at),
    }


def _progress(dossier: str, state: str) -> dict[str, str]:
    position = [code for code, _ in STATES].index(state)
    return {
        "MaHoSo": dossier,
        "NguoiXuLy": "Trần Thị Một Cửa",
        "ChucDanh": "",
        "ThoiDiemXuLy": _date(_day(dossier) + timedelta(days=position, minutes=5)),
        "PhongBanXuLy": "",
        "NoiDungXuLy": STATES[position][1],
        "TrangThai": state,
        "NgayBatDau": "",
        "NgayKetThucTheoQuyDinh": "",
    }


def _object(heard: Heard) -> dict[str, Any]:
    try:
        told = json.loads(heard.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _code(told: dict[str, Any]) -> int | None:
    """Read ``error_code`` as Java's ``getInt`` does: a number, or a text that is one."""
    try:
        return int(told["error_code"])
    except (KeyError, TypeError, ValueError):
        return None

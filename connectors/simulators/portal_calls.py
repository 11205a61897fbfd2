"""The national portal as a client of the province (facts §1.1, §1.11, §6.2): an online dossier, the land tax that is due and paid, what is to be paid.

Its key is ``SecurityKey`` in each body. It reads errors as texts inside a 200 (``401 Unauthorized - Error Security Code``) as well as by ``error_code``.
What to pay is answered inversely: 1 there is something, 0 there is nothing, -1 an error. The envelope of the dossier and the path of the
question about money are assumed: they can be told.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from connectors.simulators.calling import Ask

if TYPE_CHECKING:
    from connectors.simulators.calling import Heard, Verdict

SUBMIT, NOTICE, RECEIPT = "nhanhsdvcqg", "nhantbthuedvcqg", "nhantbthuedvcqg:chung-tu"
PROMOTION = "addtthcKhuyenMai"
MONEY, OWED = "dptracuuthanhtoanhs", "dptracuuthanhtoanhs:sau-thong-bao"
TOLD = frozenset(
    [
        "MaTraCuuTT",
        "MaDichVu",
        "MaDVC",
        "TenDVC",
        "MaTTHC",
        "TenTTHC",
        "MaDonVi",
        "TenDonVi",
        "MaHoSo",
        "PhiLePhi",
        "TKThuHuong",
        "MaNHThuHuong",
        "TenTKThuHuong",
        "MaLoaiHinhThuPhat",
        "MaCoQuanQD",
        "TenCoQuanQD",
        "KhoBac",
        "NgayQD",
        "SoQD",
        "NoiDungThanhToan",
        "HoTenNguoiNop",
        "SoCMNDNguoiNop",
        "DiaChiNguoiNop",
        "HuyenNguoiNop",
        "TinhNguoiNop",
        "DSKhoanNop",
    ]
)
"""What an answer about money due holds (§1.11)."""
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
NOTICES = (
    ("LTB1960000-TK0000001/TB-CCT", "Lệ phí trước bạ nhà đất", 1250000),
    ("LTB1960000-TK0000002/TB-CCT", "Thuế thu nhập cá nhân", 5000000),
)
HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


class PortalCalls:
    """``money``: the path of the question what is to be paid."""

    operations: tuple[str, ...] = (SUBMIT, MONEY, NOTICE, OWED, RECEIPT, PROMOTION)
    asks: frozenset[str] = frozenset({MONEY, OWED})
    optional: frozenset[str] = frozenset({PROMOTION})

    def __init__(self, secret: str, money: str = MONEY) -> None:
        self._secret, self._money = secret, money

    def greeting(self) -> Ask | None:
        return None

    def admitted(self, _: Heard, /) -> bool:
        return True

    def ask(self, operation: str, dossier: str, at: datetime) -> Ask:
        body = {"SecurityKey": self._secret, **BODIES[operation](dossier, at)}
        path = self._money if operation in self.asks else operation.partition(":")[0]
        return Ask(path=f"/{path}", body=json.dumps(body, ensure_ascii=False).encode(), headers=HEADERS)

    def verdict(self, operation: str, heard: Heard) -> Verdict:
        if 400 <= heard.status < 500:  # noqa: PLR2004 - HTTP's own classes
            return "refused"
        try:
            told = json.loads(heard.body)
        except ValueError:
            return "refused" if "error" in heard.text.lower() and "<" not in heard.text else "unclear"
        if heard.status != 200 or not isinstance(told, dict):  # noqa: PLR2004 - as above
            return "unclear"
        code = str(told.get("error_code", "")).strip()
        if operation in self.asks:
            return _owed(operation, code, told.get("message"))
        return "taken" if code and not code.lstrip("0") else "refused" if code else "unclear"


def _owed(operation: str, code: str, told: Any) -> Verdict:  # noqa: ANN401 - whatever the answer holds
    """Something is due only when the answer says what, and for which dossier. After a notice "nothing" is wrong: something is due, or,
    while nobody has the dossier in hand, nobody can say.
    """
    match code:
        case "1":
            whole = isinstance(told, dict) and told.keys() >= TOLD and _for_its_dossier(told)
            return "taken" if whole else "unclear"
        case "0":
            return "unclear" if operation == OWED else "taken"
        case "-1":
            return "taken" if operation == OWED else "refused"
        case _:
            return "unclear"


def _for_its_dossier(told: dict[str, Any]) -> bool:
    """``MaTraCuuTT`` is the dossier's code and the moment; what is to be paid adds up to something."""
    moment = str(told["MaTraCuuTT"]).removeprefix(str(told["MaHoSo"]))
    amounts = [int(item["SoTien"]) for name in ("PhiLePhi", "DSKhoanNop") for item in told[name]]
    return len(moment) == len("yyyyMMddHHmmss") and moment.isdigit() and sum(amounts) > 0


def _day(dossier: str) -> datetime:
    return datetime.strptime(dossier.split("-")[-2] + "0100", "%y%m%d%H%M").replace(tzinfo=UTC)


def _date(at: datetime) -> str:
    return at.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


def _submitted(dossier: str, _: datetime) -> dict[str, Any]:
    received = _day(dossier)
    record = {
        "MaHoSo": dossier,
        "MaTTHC": "1.009999",
        "TenTTHC": "Đăng ký biến động quyền sử dụng đất (minh họa)",
        "MaLinhVuc": "G15-DD",
        "TenLinhVuc": "Đất đai",
        "KenhThucHien": "2",
        "ChuHoSo": "Nguyễn Văn Mẫu",
        "LoaiDoiTuong": "1",
        "MaDoiTuong": "a1b2c3",
        "Email": "mau@example.vn",
        "SoDienThoai": "0900000000",
        "TrichYeuHoSo": "Chuyển nhượng thửa 15, tờ 7",
        "NgayTiepNhan": "",
        "NgayHenTra": "",
        "TrangThaiHoSo": "1",
        "HinhThuc": "0",
        "DonViXuLy": "Văn phòng Đăng ký đất đai",
        "SoGiayToChuHoSo": "049000000001",
        "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "049000000001"}],
        "NgayNopHoSo": _date(received),
        "NoiNopHoSo": "1",
        "TaiLieuNop": [],
        "DanhSachLePhi": [],
    }
    return {"Service": "NhanHoSo", "IsUpdating": "False", "Data": record}


def _notice(dossier: str, at: datetime) -> dict[str, Any]:
    day = _day(dossier).strftime("%d-%m-%Y")
    lists = "".join(
        f"<LIST><MA_SO_THUE>8000000001</MA_SO_THUE><SO_QUYET_DINH>{number}</SO_QUYET_DINH><NGAY_QUYET_DINH>{day}</NGAY_QUYET_DINH>"
        f"<TEN_TIEUMUC>{name}</TEN_TIEUMUC><SO_TIEN>{amount}</SO_TIEN></LIST>"
        for number, name, amount in NOTICES
    )
    document = f"<DATA><BODY><ROW_LIST><MA_HSO>{dossier}</MA_HSO>{lists}</ROW_LIST></BODY></DATA>"
    file = base64.b64encode(document.encode()).decode()
    return {
        "Service": "NhanThongBaoThue",
        "Ngay": _date(at),
        "IsUpdating": "False",
        "Data": {"FileThongBaoThue": file},
    }


def _receipt(dossier: str, _: datetime) -> dict[str, Any]:
    number, name, amount = NOTICES[0]
    paid = {
        "NoiDungThanhToan": name,
        "ThoiGianThanhToan": _date(_day(dossier) + timedelta(days=3)),
        "MaThongBaoThue": number,
        "TrangThaiThanhToan": "1",
        "SoTien": str(amount),
    }
    return {
        "Service": "NhanChungTu",
        "IsUpdating": "False",
        "Data": {
            "MaHoSo": dossier,
            "MaSoThue": "8000000001",
            "HoTenNguoiNopTien": "Nguyễn Văn Mẫu",
            "SoCMTNguoiNopTien": "049000000001",
            "TinhNguoiNopTien": "Quảng Nam",
            "HuyenNguoiNopTien": "Tam Kỳ",
            "XaNguoiNopTien": "An Mỹ",
            "DiaChiNguoiNopTien": "12 Trần Phú",
            "UrlFileChungTu": "https://example.vn/chung-tu/0001.pdf",
            "ThongTinThanhToan": paid,
        },
    }


def _money(dossier: str, _: datetime) -> dict[str, Any]:
    return {"MaHoSo": dossier}


def _promotion(dossier: str, _: datetime) -> dict[str, Any]:
    """A trader's notice of a promotion, as S1 reads it: fields at the top, its form in base64."""
    return {
        "MaHoSo": dossier,
        "MaTTHC": "2.000033",
        "MaSoThue": "4000000001",
        "TenThuongNhan": "Công ty Mẫu",
        "DiaChiDoanhNghiep": {
            "MaTinh": "49",
            "MaHuyen": "502",
            "MaXa": "20335",
            "DiaChiChiTiet": "12 Trần Phú",
        },
        "DienThoai": "0900000000",
        "Email": "mau@example.vn",
        "NguoiLienHe": "Nguyễn Văn Mẫu",
        "TenChuongTrinhKhuyenMai": "Khai trương",
        "TenTepDonDangKy": "don.pdf",
        "TepDonDangKy": base64.b64encode(b"%PDF-1.4\n").decode(),
    }


BODIES = {
    PROMOTION: _promotion,
    SUBMIT: _submitted,
    NOTICE: _notice,
    RECEIPT: _receipt,
    MONEY: _money,
    OWED: _money,
}

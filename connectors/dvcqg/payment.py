"""The answer to the portal's question what is to be paid for a dossier. Pure.

``error_code`` 1: something is due; 0: nothing is; -1: nobody can say. The hub says what it was told: who takes the money and by
which account is the province's to configure at its payment gateway, and stays empty here unless a fee names it.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.desks import Answered, Reply

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.desks import Owed, Result
    from schemas.dossier import Duty, Fee

DUE, NOTHING, ERROR = 1, 0, -1
FEES = "2"
"""``MaDichVu``: fees of a public service."""
VIETNAM = timezone(timedelta(hours=7))
EMPTY = (
    *(
        "TKThuHuong",
        "MaNHThuHuong",
        "TenTKThuHuong",
        "MaLoaiHinhThuPhat",
        "TenLoaiHinhThuPhat",
        "MaCoQuanQD",
        "TenCoQuanQD",
    ),
    *("KhoBac", "NgayQD", "SoQD", "ThoiGianViPham", "DiaDiemViPham", "TenNguoiViPham", "TaiKhoanThuNSNN"),
    *("MaDonVi", "TenDonVi", "SoCMNDNguoiNop", "DiaChiNguoiNop", "HuyenNguoiNop", "TinhNguoiNop"),
)


def answer(result: Result, at: datetime) -> Reply:
    """Write what is due now; ``at``: when it was asked."""
    if not isinstance(result, Answered) or result.owed is None:
        return _reply(ERROR, [])
    if not (result.owed.fees or result.owed.duties):
        return _reply(NOTHING, [])
    return _reply(DUE, _due(result.about, result.owed, at))


def _due(code: str, owed: Owed, at: datetime) -> dict[str, Any]:
    accounts = [*(fee.account for fee in owed.fees), *(duty.account for duty in owed.duties)]
    return {
        **dict.fromkeys(EMPTY, ""),
        "MaTraCuuTT": f"{code}{at.astimezone(VIETNAM):%Y%m%d%H%M%S}",
        "MaDichVu": FEES,
        "MaDVC": owed.procedure,
        "TenDVC": owed.procedure_name,
        "MaTTHC": owed.procedure,
        "TenTTHC": owed.procedure_name,
        "MaHoSo": code,
        "PhiLePhi": [_fee(fee) for fee in owed.fees],
        "TKThuHuong": next(filter(None, accounts), ""),
        "NoiDungThanhToan": "; ".join(filter(None, (each["NoiDung"] for each in _items(owed)))),
        "HoTenNguoiNop": owed.payer,
        "DSKhoanNop": _items(owed),
    }


def _fee(fee: Fee) -> dict[str, str]:
    return {
        "LoaiPhiLePhi": fee.kind or "",
        "MaPhiLePhi": fee.code or "",
        "TenPhiLePhi": fee.name or "",
        "SoTien": str(fee.amount),
    }


def _items(owed: Owed) -> list[dict[str, str]]:
    fees = [{"NoiDung": fee.name or fee.code or "", "SoTien": str(fee.amount)} for fee in owed.fees]
    return [*fees, *({"NoiDung": _notice(duty), "SoTien": str(duty.amount)} for duty in owed.duties)]


def _notice(duty: Duty) -> str:
    return " ".join(filter(None, (duty.item_name, duty.notice)))


def _reply(code: int, message: object) -> Reply:
    return Reply(body=msgspec.json.encode({"error_code": code, "message": message}))

"""The answer to the portal's question what is to be paid for a dossier. Pure.

``error_code`` 1: something is due; 0: nothing is; -1: nobody can say. The hub says what it was told. Who takes the money,
and by which account, is what all that is due agrees on: the fees' own account, or what the portal's file declares (``sends.payees``); else it
stays empty and is the payment gateway's to know. The number that tax offices give beside a duty is a kind of account, never one to pay to.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.desks import Answered, Payee, Reply

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
        "MaLoaiHinhThuPhat",
        "TenLoaiHinhThuPhat",
        "MaCoQuanQD",
        "TenCoQuanQD",
    ),
    *("NgayQD", "SoQD", "ThoiGianViPham", "DiaDiemViPham", "TenNguoiViPham"),
    *("SoCMNDNguoiNop", "DiaChiNguoiNop", "HuyenNguoiNop", "TinhNguoiNop"),
)


def answer(result: Result, at: datetime) -> Reply:
    """Write what is due now; ``at``: when it was asked."""
    if not isinstance(result, Answered) or result.owed is None:
        return _reply(ERROR, [])
    if not (result.owed.fees or result.owed.duties):
        return _reply(NOTHING, [])
    return _reply(DUE, _due(result.about, result.owed, at))


def _due(code: str, owed: Owed, at: datetime) -> dict[str, Any]:
    return {
        **dict.fromkeys(EMPTY, ""),
        **_to(_payee(owed)),
        "MaTraCuuTT": f"{code}{at.astimezone(VIETNAM):%Y%m%d%H%M%S}",
        "MaDichVu": FEES,
        "MaDVC": owed.procedure,
        "TenDVC": owed.procedure_name,
        "MaTTHC": owed.procedure,
        "TenTTHC": owed.procedure_name,
        "MaDonVi": owed.agency,
        "TenDonVi": owed.agency_name,
        "MaHoSo": code,
        "PhiLePhi": [_fee(fee) for fee in owed.fees],
        "NoiDungThanhToan": "; ".join(filter(None, (each["NoiDung"] for each in _items(owed)))),
        "HoTenNguoiNop": owed.payer,
        "DSKhoanNop": _items(owed),
    }


def _payee(owed: Owed) -> Payee:
    """Who takes all of it; nobody, where its parts go to several or of one nobody knows where."""
    takes = {_of_fees(owed)} if owed.fees else set()
    if owed.duties:
        takes.add(owed.duties_to)
    return takes.pop() if len(takes) == 1 else Payee()


def _of_fees(owed: Owed) -> Payee:
    declared = owed.fees_to
    accounts = {fee.account or declared.account for fee in owed.fees}
    if accounts == {declared.account}:
        return declared
    return Payee(account=accounts.pop()) if len(accounts) == 1 else Payee()


def _to(payee: Payee) -> dict[str, str]:
    return {
        "TKThuHuong": payee.account,
        "MaNHThuHuong": payee.bank,
        "TenTKThuHuong": payee.holder,
        "KhoBac": payee.treasury,
        "TaiKhoanThuNSNN": payee.treasury_account,
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

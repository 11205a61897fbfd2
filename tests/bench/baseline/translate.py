"""The one-stop's JSON in the land department's words: what a developer writes by hand for one pair of systems."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

CHANNELS = {"1": "TRUC_TIEP", "2": "TRUC_TUYEN", "3": "BUU_CHINH"}
APPLICANTS = {"1": "CONG_DAN", "2": "DOANH_NGHIEP", "3": "CO_QUAN", "4": "TO_CHUC"}
IDENTITIES = {"1": "CCCD", "2": "CMND", "3": "HO_CHIEU", "4": "MST", "5": "KHAC"}
FEES = {"ChoThanhToan": "CHO_NOP", "DaThanhToan": "DA_NOP", "DaHoan": "DA_HOAN"}


class Identity(msgspec.Struct):
    LoaiDinhDanh: str
    SoDinhDanh: str


class File(msgspec.Struct):
    TepDinhKemId: str
    TenTepDinhKem: str
    IsDeleted: str
    MaThanhPhanHoSo: str
    DuongDanTaiTepTin: str
    MaBam: str
    KichThuoc: int
    KieuTep: str


class Fee(msgspec.Struct):
    TenPhiLePhi: str
    MaPhiLePhi: str
    HinhThucThu: str
    Gia: str
    LoaiPhiLePhi: str
    TrangThai: str
    SoBienLai: str
    TaiKhoanThuHuong: str
    NgayNop: str


class Paper(msgspec.Struct):
    TenGiayTo: str
    SoLuong: str
    LoaiGiayTo: str


class Dossier(msgspec.Struct):
    MaHoSo: str
    MaThuTucNoiBo: str
    MaTTHC: str
    TenTTHC: str
    SoBienNhan: str
    KenhThucHien: str
    ChuHoSo: str
    LoaiDoiTuong: str
    DinhDanhCHS: list[Identity]
    DiaChi: str
    Email: str
    SoDienThoai: str
    TrichYeuHoSo: str
    NgayNopHoSo: str
    NgayTiepNhan: str
    NgayHenTra: str
    TaiLieuNop: list[File]
    DanhSachLePhi: list[Fee]
    DanhSachTepDinhKemKhac: list[Paper]


class Step(msgspec.Struct):
    NguoiXuLy: str
    NoiDungXuLy: str


class Told(msgspec.Struct):
    """The message as it comes in; unknown fields are passed over, wrong types refused."""

    MaThongDiep: str
    LoaiSuKien: str
    ThoiDiem: str
    SoThuTu: int
    HoSo: Dossier
    DienBien: Step


def land(told: Told, key: str) -> dict[str, Any]:
    """Return what zeep takes for ``TiepNhanHoSo``."""
    dossier = told.HoSo
    return {
        "MaGiaoDich": key,
        "ThoiDiem": _moment(told.ThoiDiem),
        "SoThuTu": str(told.SoThuTu),
        "LaQuyTrinhCapTinh": True,
        "TinhId": "49",
        "SoBienNhan": dossier.MaHoSo,
        "MaHoSoMotCua": dossier.SoBienNhan,
        "NguoiTiepNhan": told.DienBien.NguoiXuLy,
        "NgayNop": _moment(dossier.NgayNopHoSo),
        "NgayTiepNhan": _moment(dossier.NgayTiepNhan),
        "NgayHenTra": _moment(dossier.NgayHenTra),
        "KenhTiepNhan": CHANNELS[dossier.KenhThucHien],
        "TrichYeu": dossier.TrichYeuHoSo,
        "NoiDung": told.DienBien.NoiDungXuLy,
        "ThongTinNguoiNopDon": {
            "LoaiDoiTuong": APPLICANTS[dossier.LoaiDoiTuong],
            "HoTen": dossier.ChuHoSo,
            "SoChungMinh": dossier.DinhDanhCHS[0].SoDinhDanh,
            "GiayToTuyThan": [
                {"Loai": IDENTITIES[one.LoaiDinhDanh], "So": one.SoDinhDanh} for one in dossier.DinhDanhCHS
            ],
            "DiaChiChiTiet": dossier.DiaChi,
            "SoDienThoai": dossier.SoDienThoai,
            "Email": dossier.Email,
        },
        "ThongTinQuyTrinh": {
            "Ma": dossier.MaThuTucNoiBo,
            "MaQuocGia": dossier.MaTTHC,
            "Ten": dossier.TenTTHC,
        },
        "DanhSachGiayToDinhKem": {"GiayTo": [_file(one) for one in dossier.TaiLieuNop]},
        "DanhSachBanGiay": {
            "BanGiay": [
                {"TenGiayTo": one.TenGiayTo, "SoLuong": one.SoLuong, "Loai": one.LoaiGiayTo}
                for one in dossier.DanhSachTepDinhKemKhac
            ]
        },
        "DanhSachLePhi": {"LePhi": [_fee(one) for one in dossier.DanhSachLePhi]},
        "Id": "noi-dung",
    }


def _file(one: File) -> dict[str, Any]:
    return {
        "MaGiayTo": one.TepDinhKemId,
        "TenGiayTo": one.TenTepDinhKem,
        "MaThanhPhan": one.MaThanhPhanHoSo,
        "DaXoa": one.IsDeleted == "True",
        "TapTin": {
            "DuongDan": one.DuongDanTaiTepTin,
            "MaBam": one.MaBam,
            "KichThuoc": str(one.KichThuoc),
            "KieuTep": one.KieuTep,
        },
    }


def _fee(one: Fee) -> dict[str, Any]:
    return {
        "Ma": one.MaPhiLePhi,
        "Ten": one.TenPhiLePhi,
        "Loai": one.LoaiPhiLePhi,
        "HinhThucThu": one.HinhThucThu,
        "SoTien": one.Gia,
        "TrangThai": FEES[one.TrangThai],
        "SoBienLai": one.SoBienLai,
        "TaiKhoan": one.TaiKhoanThuHuong,
        "NgayNop": _moment(one.NgayNop),
    }


def _moment(text: str) -> datetime:
    return datetime.strptime(f"{text}+0700", "%Y%m%d%H%M%S%z")

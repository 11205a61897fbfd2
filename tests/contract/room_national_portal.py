"""The national portal's room, for dossiers and for progress, against the portal's double."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.contract import Parcel, Sealed
from connectors.credentials.contract import Clocks
from connectors.credentials.showing import credentials
from connectors.national_portal.client import connect
from connectors.national_portal.settings import Settings
from connectors.simulators.desk import Journal
from connectors.simulators.front import Front
from connectors.simulators.portal import DSTCODE, PROGRESS, SYNC, Portal
from connectors.transport import Http
from tests.contract.room import REACH, SECRET, now

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Connector
    from connectors.simulators.desk import Desk
    from tests.contract.room import RoomUnderTest

AGENCY = "000.00.00.H47"
KNOWN = range(1, 21)


def code(number: int) -> str:
    return f"000.00.15.H47-190412-{number:04d}"


def dossier(number: int) -> dict[str, Any]:
    """A record after docs/explanation/national-portal.md §7; every name and number in it is invented."""
    return {
        "MaHoSo": code(number),
        "MaTTHC": "1.009999",
        "TenTTHC": "Đăng ký biến động quyền sử dụng đất (minh họa)",
        "MaLinhVuc": "G15-DD",
        "TenLinhVuc": "Đất đai",
        "KenhThucHien": "1",
        "ChuHoSo": "Nguyễn Văn Mẫu",
        "LoaiDoiTuong": "1",
        "TrichYeuHoSo": "Chuyển nhượng thửa 15, tờ 7, phường An Mỹ",
        "NgayTiepNhan": "20190412160000",
        "NgayHenTra": "20190418160000",
        "TrangThaiHoSo": "4",
        "HinhThuc": "0",
        "DonViXuLy": "Sở Tài nguyên và Môi trường tỉnh Quảng Nam",
    }


def step(number: int) -> dict[str, Any]:
    return {
        "MaHoSo": code(number),
        "NguoiXuLy": "Lê Văn Chuyên Viên",
        "ThoiDiemXuLy": "20190416083000",
        "NoiDungXuLy": "Thẩm tra hồ sơ",
        "TrangThai": "4",
    }


class PortalRoom:
    """A dossier: created or replaced. No key travels, and the second copy replaces the first."""

    name = "national_portal-dossier"
    wire_name = SYNC
    can_be_asked = True
    keeps_keys = False
    codes_decide = True

    def partner(self) -> Desk:
        return Portal(Journal(None, now), SECRET, clock=now)

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        (folder / "password.txt").write_text(SECRET, "utf-8")
        settings = Settings.model_validate(
            {
                **REACH,
                "base_url": f"{base_url}/XrdAdapter/RestService/forward",
                "ca_file": ca_file,
                "agency": AGENCY,
                "username": AGENCY,
                "password_file": folder / "password.txt",
                "integration_path": "/mapi/g",
                "share_path": "/mapi/s",
                "dstcode": DSTCODE,
                "lookup": {"confirms": {"TrangThaiHoSo": "TRANGTHAIHOSO"}},
            }
        )
        return connect(settings, Http(settings, clock=now), clock=time.monotonic)

    def parcel(self, number: int = 1) -> Parcel:
        return _parcel(self.wire_name, dossier(number), number)


class ProgressRoom(PortalRoom):
    """A step: appended each time, and the portal does not tell which ones it has."""

    name = "national_portal-progress"
    wire_name = PROGRESS
    can_be_asked = False

    def partner(self) -> Desk:
        journal = Journal(None, now)
        for number in KNOWN:
            journal.record(
                SYNC, msgspec.json.encode([dossier(number)]), dossier=code(number), reference="create"
            )
        return Portal(journal, SECRET, clock=now)

    def parcel(self, number: int = 1) -> Parcel:
        return _parcel(self.wire_name, step(number), number)


class FrontRoom(PortalRoom):
    """Behind a province's own connector that answers questions: the bare array, no session."""

    name = "national_portal-connector"

    def partner(self) -> Desk:
        return Front(Journal(None, now), SECRET, clock=now)

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        (folder / "key.txt").write_text(SECRET, "utf-8")
        settings = Settings.model_validate(
            {
                **REACH,
                "base_url": f"{base_url}/api/SynsTTHCC",
                "ca_file": ca_file,
                "agency": AGENCY,
                "lookup": {"confirms": {"TrangThaiHoSo": "TRANGTHAIHOSO"}},
                "connector": {
                    "create": "/DongBoHoSoMC",
                    "progress": "/CapNhatTienDoHoSoMC",
                    "lookup": "/TraCuuHoSo",
                    "auth": {"kind": "api_key", "secret_file": folder / "key.txt"},
                },
            }
        )
        http = Http(settings, clock=now)
        assert settings.connector
        shows = credentials(settings.connector.auth, settings, http, Clocks(now, time.monotonic))
        return connect(settings, http, clock=time.monotonic, credentials=shows)


def _parcel(operation: str, record: dict[str, Any], number: int) -> Parcel:
    sealed = Sealed(
        payload=msgspec.json.encode([record]), media_type="application/json", facts={"MaHoSo": code(number)}
    )
    return Parcel(key=f"01K9:dvcqg:{number}", operation=operation, sealed=sealed, dossier=code(number))


ROOMS: tuple[RoomUnderTest, ...] = (PortalRoom(), ProgressRoom(), FrontRoom())

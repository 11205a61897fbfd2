"""A one-stop system that reports its dossiers to the national portal, as its published client does: habits and faults alike.

It logs in and keeps the session for ten minutes, whatever it is answered; looks each dossier up and takes every answer without
a ``result`` for *not there*; asks for the procedure; says the record and then, only when ``error_code`` is 0, the last step.
An answer whose status is an error it throws away. Each link in its record says when the record was written.
Run: ``python -m connectors.simulators.reporter --url http://127.0.0.1:8080/dvcqg --client motcua --secret-file secrets/motcua.secret --record record.json --step step.json``
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

PATIENCE = 60.0
SESSION_FOR = 600.0
WALL = "%Y%m%d%H%M%S"


class Reporter:
    """One configured client. ``said``: the last answer as it came, for whoever looks on; ``seconds``: its clock."""

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        *,
        service: str = "/mapi/g",
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """``service``: its integration and share endpoint."""
        self._url, self._username, self._password, self._service = url, username, password, service
        self._seconds = seconds
        self._session, self._until = "", 0.0
        self.said, self.status = "", 0

    async def report(self, record: Mapping[str, Any], step: Mapping[str, Any] | None = None) -> bool:
        """Say where a dossier stands, and its last step. False: it will try both again."""
        if not await self.session():
            return False
        found = await self.call("TraCuuHoSo", mahoso=record["MaHoSo"])
        there = bool(found.get("result"))
        await self.call("LayThuTuc", maTTHC=record["MaTTHC"])
        updating = "True" if there else "False"
        said = await self.call("DongBoHoSoMC", isUpdating=updating, data=[record])
        if succeeded(said) and step is not None:
            said = await self.call("CapNhatTienDoHoSoMC", data=[step])
        return succeeded(said)

    async def session(self) -> str:
        if self._session and self._seconds() < self._until:
            return self._session
        said = await self._post("/mapi/login", {"username": self._username, "password": self._password})
        granted = "session" in said and succeeded(said)
        self._session = str(said["session"]) if granted else ""
        self._until = self._seconds() + SESSION_FOR
        return self._session

    async def call(self, service: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - what the service takes
        body = {"session": await self.session(), "madonvi": "000.00.00.H47"}
        return await self._post(self._service, {**body, "service": service, **parameters})

    async def _post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was answered; nothing when that was an error, or nothing that can be read."""
        to, body = urlsplit(self._url), msgspec.json.encode(document)
        head = (
            f"POST {to.path}{path} HTTP/1.1\r\nHost: {to.netloc}\r\nAccept: application/json\r\nCharset: utf-8\r\n"
            "dstcode: VN:GOV:000.00.00.G22:vpcpdvcprovider\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(to.hostname, to.port)
            try:
                writer.write(head.encode() + body)
                await writer.drain()
                answer = await reader.read()
            except OSError:
                return {}
            finally:
                writer.close()
        first, _, said = answer.partition(b"\r\n\r\n")
        self.status, self.said = int(first.split(b" ", 2)[1]), said.decode()
        try:
            found = msgspec.json.decode(said) if self.status < 400 else {}  # noqa: PLR2004 - Java throws the body of an error away
        except msgspec.DecodeError:
            return {}
        return found if isinstance(found, dict) else {}


def succeeded(said: Mapping[str, Any]) -> bool:
    return "error_code" in said and int(said["error_code"]) == 0


def wall(moment: datetime | None) -> str:
    return moment.strftime(WALL) if moment else ""


def record(  # noqa: PLR0913 - what differs between two dossiers, and between two moments of one
    code: str,
    procedure: str,
    state: int | str,
    *,
    received: datetime | None = None,
    due: datetime | None = None,
    released: datetime | None = None,
    returned: datetime | None = None,
    files: Sequence[str] = (),
    written: int = 1_795_000_000_000,
    **more: Any,  # noqa: ANN401 - further fields
) -> dict[str, Any]:
    """Write a dossier's record, without the fields that this client leaves out. ``written``: milliseconds since 1970."""
    told = {
        "MaHoSo": code,
        "MaTTHC": procedure,
        "TenTTHC": "Đăng ký biến động quyền sử dụng đất",
        "MaLinhVuc": "G15-DD",
        "TenLinhVuc": "Đất đai",
        "ChuHoSo": "Nguyễn Văn Mẫu",
        "LoaiDoiTuong": "1",
        "MaDoiTuong": "",
        "ThongTinKhac": "",
        "Email": "mau@example.vn",
        "Fax": "0900000000",
        "SoDienThoai": "0900000000",
        "TrichYeuHoSo": "",
        "NgayTiepNhan": wall(received),
        "NgayHenTra": wall(due),
        "TrangThaiHoSo": str(state),
        "NgayTra": wall(returned),
        "ThongTinTra": "",
        "HinhThuc": "0",
        "NgayKetThucXuLy": wall(released),
        "DonViXuLy": "Sở Nông nghiệp và Môi trường",
        "GhiChu": "",
        "DanhSachLePhi": [],
        "DanhSachTepDinhKemKhac": [],
        "DanhSachHoSoBoSung": [],
        "DanhSachGiayToKetQua": [],
        "TaiLieuNop": [_file(900_001 + number, name, written) for number, name in enumerate(files)],
    }
    return {**told, **more}


def _file(number: int, name: str, written: int) -> dict[str, str]:
    return {
        "TenTepDinhKem": name,
        "MaThanhPhanHoSo": "",
        "TepDinhKemId": str(number),
        "DuongDanTaiTepTin": f"http://127.0.0.1:9/documents/20/30/{number}/a?t={written}&download=true",
        "IsDeleted": "False",
    }


def step(code: str, at: datetime, state: int | str, note: str = "Tiếp nhận hồ sơ") -> dict[str, str]:
    return {
        "MaHoSo": code,
        "NguoiXuLy": "Trần Thị Một Cửa",
        "ChucDanh": "",
        "ThoiDiemXuLy": wall(at),
        "PhongBanXuLy": "",
        "NoiDungXuLy": note,
        "TrangThai": str(state),
        "NgayBatDau": "",
        "NgayKetThucTheoQuyDinh": "",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Report one dossier as a one-stop system does")
    parser.add_argument("--url", required=True, help="the hub's address with the desk's path")
    parser.add_argument("--client", required=True)
    parser.add_argument("--secret-file", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True, help="a record of DongBoHoSoMC")
    parser.add_argument("--step", type=Path, help="a record of CapNhatTienDoHoSoMC")
    told = parser.parse_args()
    reporter = Reporter(told.url, told.client, told.secret_file.read_text("utf-8").strip())
    steps = msgspec.json.decode(told.step.read_bytes()) if told.step else None
    done = asyncio.run(reporter.report(msgspec.json.decode(told.record.read_bytes()), steps))
    sys.stdout.write(f"{'reported' if done else 'not reported'}: {reporter.status} {reporter.said}\n")
    return 0 if done else 1


if __name__ == "__main__":
    raise SystemExit(main())

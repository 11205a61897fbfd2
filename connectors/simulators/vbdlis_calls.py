"""The land offices' information system calls the hub: ``POST {url}/{operation}/{security code}``, answered ``{Result: 1|0, Message}``.

Its times are UTC, with a mark or without. What was not answered in that form within ``patience`` is called again with the same bytes, a ``Result`` 0 is not.
``Way`` says how it misbehaves; ``life`` is everything that it says about a dossier.

Run: ``python -m connectors.simulators.vbdlis_calls --url http://127.0.0.1:8080/vbdlis --code-file secrets/code KetThucHoSo call.json``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args
from urllib.parse import quote, urlsplit

import msgspec

from connectors.simulators.posting import post
from connectors.simulators.vbdlis import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

MOVED, ASKED, GIVEN = "ChuyenHoSo", "YeuCauBoSungHoSo", "NhanBoSungHoSo"
DUTY, TAX_REFUSED, ENDED = "GuiKetQuaThue", "ThueChuyenTraHoSoDoSai", "KetThucHoSo"
LIFE = (MOVED, ASKED, GIVEN, TAX_REFUSED, DUTY, ENDED)
WITH_RESULT, WITHOUT = 0, 1
LATER = frozenset({408, 429, 500, 502, 503, 504})

Way = Literal["once", "twice", "at-once", "unheard"]
"""``twice``: again after the answer. ``at-once``: two at the same time. ``unheard``: hangs up before the answer, then calls again."""
STRANGE = "000.00.15.H47-000101-0001"
"""A dossier that nobody has."""


class Answer(NamedTuple):
    """``result`` -1: nothing came back that this system understands. ``status``: of HTTP. ``calls``: how often it called."""

    result: int
    message: str = ""
    status: int = 0
    calls: int = 1


class Step(NamedTuple):
    operation: str
    body: Mapping[str, Any]


def utc(moment: datetime, *, marked: bool = False) -> str:
    """Write a time as .NET does; without ``marked`` nothing says that it is UTC, and it is all the same."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0") + ("Z" if marked else "")


class Caller:
    """``tries``: how often it calls when nothing comes back, ``pause`` seconds apart."""

    def __init__(
        self, url: str, code: str, *, patience: float = 60, tries: int = 3, pause: float = 1
    ) -> None:
        self._url, self._code = url.rstrip("/"), code
        self._patience, self._tries, self._pause = patience, tries, pause

    async def say(self, operation: str, body: Mapping[str, Any]) -> Answer:
        return await self._until_answered(operation, msgspec.json.encode(body))

    async def misbehave(self, way: Way, operation: str, body: Mapping[str, Any]) -> tuple[Answer, ...]:
        """Return what each call was answered."""
        if way == "at-once":
            return tuple(await asyncio.gather(*[self.say(operation, body) for _ in range(2)]))
        if way == "unheard":
            await self._hang_up(operation, msgspec.json.encode(body))
        first = await self.say(operation, body)
        return (first, await self.say(operation, body)) if way == "twice" else (first,)

    async def play(self, steps: Iterable[Step]) -> tuple[Answer, ...]:
        """One after the other, as given; reversed, they come out of order."""
        return tuple([await self.say(step.operation, step.body) for step in steps])

    def address(self, operation: str) -> str:
        return f"{self._url}/{operation}" + (f"/{quote(self._code, safe='')}" if self._code else "")

    async def _until_answered(self, operation: str, raw: bytes) -> Answer:
        for number in range(1, self._tries + 1):
            answer = await self._one(operation, raw)
            if answer.result >= 0:
                break
            if number < self._tries:
                await asyncio.sleep(self._pause)
        return answer._replace(calls=number)

    async def _one(self, operation: str, raw: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._patience):
                posted = await post(
                    self.address(operation), raw, {"Content-Type": "application/json; charset=utf-8"}
                )
        except (OSError, TimeoutError, ValueError, IndexError) as error:
            return Answer(-1, type(error).__name__)
        return understood(posted.status, posted.body)

    async def _hang_up(self, operation: str, raw: bytes) -> None:
        to = urlsplit(self.address(operation))
        head = f"POST {to.path} HTTP/1.1\r\nHost: {to.netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(to.hostname, to.port)
            writer.write(head.encode() + raw)
            await writer.drain()
            writer.close()
            await writer.wait_closed()


class _Told(msgspec.Struct, rename="pascal"):
    result: Literal[0, 1]
    message: str


def understood(status: int, body: str) -> Answer:
    """Read an answer as this system does: both fields, and no overload or failure of whoever stands in front."""
    if status in LATER:
        return Answer(-1, f"HTTP {status}", status)
    try:
        told = msgspec.json.decode(body, type=_Told)
    except msgspec.MsgspecError as error:
        return Answer(-1, str(error), status)
    return Answer(told.result, told.message, status)


def life(dossier: str, begins: datetime) -> Iterator[Step]:
    """Everything that the land office may say about one dossier, an hour apart, in the order in which it happens."""
    at = [begins + timedelta(hours=number) for number in range(6)]
    common = {"SoBienNhan": dossier, "GhiChu": None}
    yield Step(MOVED, moved(dossier, at[0]))
    asks = {"NgayChoBoSung": utc(at[1], marked=True), "MaCanBoXuLy": "thamdinh.dd", "LaTamDung": True}
    yield Step(ASKED, {**common, **asks, "GhiChu": "Thiếu trích đo thửa đất", "TapTin": None})
    due = utc(at[2] + timedelta(days=3))
    yield Step(GIVEN, {**common, "NgayNhanBoSung": utc(at[2]), "NgayHenTraMoi": due, "TapTin": None})
    yield Step(TAX_REFUSED, {**common, "GhiChu": "Sai diện tích trong phiếu chuyển"})
    yield Step(DUTY, duty(dossier, at[4]))
    yield Step(ENDED, ended(dossier, at[5]))


def moved(dossier: str, at: datetime, to: str = "thamdinh.dd") -> dict[str, Any]:
    return {
        "SoBienNhan": dossier,
        "MaCanBoChuyen": "tiepnhan.dd",
        "MaCanBoNhan": to,
        "MaTrangThai": "THAMDINH",
        "LaTrangThaiChuyenLai": False,
        "NoiDungXuLy": "Thẩm định hồ sơ",
        "NgayChuyen": utc(at),
        "HanXuLy": 24.0,
        "DanhSachTapTin": [],
    }


def duty(dossier: str, at: datetime, notices: int = 1) -> dict[str, Any]:
    told = [
        {
            "HoTenChu": "Nguyễn Văn Mẫu",
            "LoaiThue": "Lệ phí trước bạ nhà đất",
            "SoThongBaoThue": f"LTB1960000-TK{number:07d}/TB-CCT",
            "DuongDanThongBaoThue": None,
        }
        for number in range(1, notices + 1)
    ]
    said = {"SoBienNhan": dossier, "NguoiXuLy": "thue.dd", "NgayCoKetQuaThue": utc(at), "GhiChu": None}
    return {**said, "DanhSachThongBaoThue": told}


def ended(dossier: str, at: datetime, how: int = WITH_RESULT) -> dict[str, Any]:
    result = {
        "TenGiayTo": "Giấy chứng nhận quyền sử dụng đất",
        "KieuFile": ".pdf",
        "LinkFile": FILE,
    }
    return {
        "SoBienNhan": dossier,
        "NgayKetThuc": utc(at),
        "MaCanBoXuLy": "kyso.dd",
        "TrangThaiKetThuc": how,
        "GhiChu": None,
        "DanhSachGiayToKetQua": [result] if how == WITH_RESULT else None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Let the simulated VBDLIS call the hub")
    parser.add_argument("--url", required=True, help="the hub's desk; the operation and the code are added")
    parser.add_argument("--code-file", type=Path, required=True, help="holds the security code")
    parser.add_argument("--way", choices=get_args(Way), default="once", help="how it misbehaves")
    parser.add_argument("operation", help="ChuyenHoSo, KetThucHoSo, …")
    parser.add_argument("body", type=Path, help="a JSON file")
    given = parser.parse_args()
    caller = Caller(given.url, given.code_file.read_text("utf-8").strip())
    body = msgspec.json.decode(given.body.read_bytes())
    answers = asyncio.run(caller.misbehave(given.way, given.operation, body))
    sys.stdout.writelines(f"Result {answer.result} {answer.message}\n" for answer in answers)
    return 0 if all(answer.result == 1 for answer in answers) else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""A land administration system: it is handed dossiers over REST, and calls the one-stop about them.

In: ``POST /<operation>/<security code>``; no key, so what comes twice is there twice. Each answer is ``{data, status: {success, code,
type, time, message}}`` inside HTTP 200, refusals too. Out: ``POST …/<call>/<security code>``; the dates are UTC; it believes
``Result`` alone, and says nothing again by itself.
Run: ``python -m connectors.simulators.vbdlis --url http://127.0.0.1:8080/vbdlis --code-file secrets/vbdlis.code KetThucHoSo call.json``
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from connectors.simulators.desk import say
from connectors.simulators.posting import post

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connectors.simulators.desk import Call, Journal, Said

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "tiepnhan": ("SoBienNhan", "NguoiTiepNhan", "ThongTinNguoiNopDon", "ThongTinQuyTrinh"),
    "capnhattrangthaibosunghoso": ("SoBienNhan", "NgayHenTraMoi"),
    "capnhattrangthaitraketquahoso": ("SoBienNhan", "NgayTra"),
    "phanhoihososaiketqua": ("SoBienNhan", "NoiDung"),
}
"""What it wants to find in each."""


class Answer(NamedTuple):
    """``result`` 0: not taken, or nothing that it understands came back."""

    result: int
    message: str = ""
    status: int = 0


class Caller:
    """The half that calls. ``code``: the security code that the one-stop gave it."""

    def __init__(self, url: str, code: str) -> None:
        self._url, self._code = url.rstrip("/"), code

    async def say(self, service: str, document: Mapping[str, Any]) -> Answer:
        url = f"{self._url}/{service}" + (f"/{quote(self._code, safe='')}" if self._code else "")
        headers = {"Content-Type": "application/json; charset=utf-8"}
        got = await post(url, msgspec.json.encode(document), headers)
        try:
            told = msgspec.json.decode(got.body)
            return Answer(int(told["Result"]), str(told["Message"]), got.status)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            return Answer(0, "", got.status)


def utc(moment: datetime) -> str:
    """Write a time as .NET does that knows no zone: UTC, seven places and no mark."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0")


class Vbdlis:
    """The half that is handed dossiers."""

    def __init__(self, journal: Journal, code: str) -> None:
        self.journal, self._code = journal, code

    def name(self, call: Call) -> str:
        return call.path.removeprefix("/").partition("/")[0]

    def answer(self, call: Call) -> Said:
        operation, code = self.name(call), unquote(call.path.rpartition("/")[2])
        if code != self._code:
            return self._said(0, 401, "Mã bảo mật không chính xác")
        if operation not in OPERATIONS or call.method != "POST":
            return self._said(0, 404, "Không có chức năng này")
        try:
            document = msgspec.json.decode(call.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._said(0, 400, "Không phải JSON")
        missing = [name for name in OPERATIONS[operation] if document.get(name) in (None, "")]
        if missing:
            return self._said(0, 422, f"Thiếu {missing[0]}")
        entry = self.journal.record(operation, call.body, dossier=document["SoBienNhan"])
        return self._said(entry.number, 200, "")

    def refusal(self, call: Call) -> Said:  # noqa: ARG002 - it refuses every operation alike
        return self._said(0, 422, "Số biên nhận không hợp lệ")

    def expire(self) -> None:
        """Nothing to forget: every call proves itself."""

    def secrets(self) -> tuple[str, ...]:
        return (self._code,)

    def _said(self, data: int, code: int, message: str) -> Said:
        good = data > 0
        kind = "success" if good else "error"
        time = "2026-11-20T01:00:00"
        status = {"success": good, "code": code, "type": kind, "time": time, "message": message}
        return say({"data": data, "status": status})


def main() -> int:
    parser = argparse.ArgumentParser(description="Call the one-stop as a land administration system does")
    parser.add_argument("--url", required=True, help="the hub's address with the desk's path")
    parser.add_argument("--code-file", type=Path, required=True, help="the security code")
    parser.add_argument("service")
    parser.add_argument("document", type=Path)
    told = parser.parse_args()
    code = told.code_file.read_text("utf-8").strip()
    document = msgspec.json.decode(told.document.read_bytes())
    answer = asyncio.run(Caller(told.url, code).say(told.service, document))
    sys.stdout.write(f"Result {answer.result} {answer.message}\n")
    return 0 if answer.result else 1


if __name__ == "__main__":
    raise SystemExit(main())

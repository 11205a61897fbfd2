"""A land administration system that is handed dossiers over REST.

``POST /<operation>/<security code>``; no key, so what comes twice is there twice. Each answer is ``{data, status: {success, code, type,
time, message}}`` inside HTTP 200, refusals too. It takes no paper whose file is not inside.
Run: ``python -m connectors.simulators.vbdlis --port 9003 --journal var/vbdlis.jsonl --secret-file secrets/vbdlis.code``
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from connectors.simulators.desk import say
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.simulators.desk import Call, Journal, Said

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "tiepnhan": ("SoBienNhan", "NguoiTiepNhan", "ThongTinNguoiNopDon", "ThongTinQuyTrinh"),
    "capnhattrangthaibosunghoso": ("SoBienNhan", "NgayHenTraMoi"),
    "capnhattrangthaitraketquahoso": ("SoBienNhan", "NgayTra"),
    "phanhoihososaiketqua": ("SoBienNhan", "NoiDung"),
}
"""What it wants to find in each."""
PAPERS = ("DanhSachGiayToDinhKem", "DanhSachGiayToBoSung")


class Vbdlis:
    """``code``: the security code that it gave the one-stop."""

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
        if any(not _held(paper) for name in PAPERS for paper in document.get(name) or ()):
            return self._said(0, 422, "Giấy tờ không có tệp")
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


def _held(paper: dict[str, dict[str, str]]) -> bool:
    """Whether a paper's file is there, in base64."""
    try:
        return bool(base64.b64decode(paper["TapTin"]["data"], validate=True))
    except (KeyError, TypeError, binascii.Error, ValueError):
        return False


def main() -> None:
    arguments = options("Simulated land administration system").parse_args()
    code = secret_of(arguments)
    serve(arguments.port, arguments.journal, lambda journal: Vbdlis(journal, code))


if __name__ == "__main__":
    main()

"""The land offices' information system (VBDLIS): REST with the shared secret in the path, ``POST …/{operation}/{security code}``.

Answers ``{data, status{success, code, type, time, message}}`` inside HTTP 200, refusals and a wrong security code too. It is strict: what is
mandatory, numbers, dates (ISO 8601, as its platform reads them) and base64 are checked before anything is kept. It keeps no keys: a receipt number
(``SoBienNhan``) that it has is refused as *đã tồn tại*, which is how a caller learns that its lost call had arrived; an update of one that it has not is
refused, and the same update again is one more update.

The values of ``code`` and ``type`` are this simulator's own; ``data`` is its number of the dossier, or 1 for every success (``flag``), as one client of the
field expects. Which of the fields that may be empty an installation insists on differs: ``wants``.

Run: ``python -m connectors.simulators.vbdlis --port 9003 --journal var/vbdlis.jsonl --secret-file secrets/vbdlis.code``
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.server import options, secret_of, serve
from connectors.simulators.vbdlis_shapes import (
    SHAPES,
    TAKE,
    faults,
    lacking,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connectors.simulators.desk import Call, Journal

FILE = "/tep/gcn.pdf"
"""The result that its own calls name (``connectors.simulators.vbdlis_calls``): fetched without a code, as a path alone."""
PAPER = b"%PDF-1.4\n% Giay chung nhan quyen su dung dat (minh hoa)\n%%EOF\n"
DONE, BAD, STRANGER, UNKNOWN, THERE = 200, 400, 401, 404, 409


class Vbdlis:
    """``secret``: the security code that the path must end in; empty: any. ``wants``: fields of ``tiepnhan`` that must not be empty, or 0."""

    def __init__(
        self,
        journal: Journal,
        secret: str = "",
        *,
        clock: Callable[[], datetime],
        wants: Iterable[str] = (),
        flag: bool = False,
    ) -> None:
        self.journal, self._secret, self._clock = journal, secret, clock
        self._wants, self._flag = tuple(wants), flag
        self._numbers = {entry.dossier: int(entry.reference) for entry in journal.of(TAKE)}

    def name(self, call: Call) -> str:
        return _segments(call)[0]

    def answer(self, call: Call) -> Said:
        if (call.method, call.path) == ("GET", FILE):
            return Said(body=PAPER, media_type="application/pdf")
        operation, code = _segments(call)
        if status := _no_call(operation, call):
            return Said(body=HTTPStatus(status).phrase.encode(), status=status, media_type="text/plain")
        if self._secret and code != self._secret:
            return self._no(STRANGER, "Mã bảo mật không đúng")
        return self._checked(operation, call)

    def _checked(self, operation: str, call: Call) -> Said:
        try:
            document = msgspec.json.decode(call.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._no(BAD, "Nội dung không phải JSON")
        wrong = list(faults(SHAPES[operation], document))
        if not wrong and operation == TAKE:
            wrong = list(lacking(document, self._wants))
        if wrong:
            return self._no(BAD, "; ".join(wrong))
        return (
            self._take(document, call.body)
            if operation == TAKE
            else self._update(operation, document, call.body)
        )

    def refusal(self, call: Call) -> Said:
        return self._no(BAD, f"Không thực hiện được {self.name(call)}: hồ sơ không hợp lệ")

    def expire(self) -> None:
        """Nothing to forget: every call proves itself."""

    def secrets(self) -> tuple[str, ...]:
        return (self._secret,) if self._secret else ()

    def _take(self, document: dict[str, Any], body: bytes) -> Said:
        code = document["SoBienNhan"].strip()
        if code in self._numbers:
            return self._no(THERE, f"Số biên nhận {code} đã tồn tại")
        number = self._numbers[code] = len(self._numbers) + 1
        self.journal.record(TAKE, body, dossier=code, reference=str(number))
        return self._yes(number, "Tiếp nhận hồ sơ thành công")

    def _update(self, operation: str, document: dict[str, Any], body: bytes) -> Said:
        code = document["SoBienNhan"].strip()
        if code not in self._numbers:
            return self._no(UNKNOWN, f"Không tìm thấy hồ sơ có số biên nhận {code}")
        self.journal.record(operation, body, dossier=code, reference=str(self._numbers[code]))
        return self._yes(self._numbers[code], "Cập nhật hồ sơ thành công")

    def _yes(self, data: int, message: str) -> Said:
        return self._said(1 if self._flag else data, DONE, "success", message)

    def _no(self, code: int, message: str) -> Said:
        return self._said(0, code, "error", message)

    def _said(self, data: int, code: int, kind: str, message: str) -> Said:
        time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        success = code == DONE
        status = {"success": success, "code": code, "type": kind, "time": time, "message": message}
        return say({"data": data, "status": status})


def _no_call(operation: str, call: Call) -> int:
    """Return the HTTP status of what is no call of any operation, otherwise 0."""
    if operation not in SHAPES:
        return 404
    if call.method != "POST":
        return 405
    return 0 if call.headers.get("content-type", "").lower().startswith("application/json") else 415


def _segments(call: Call) -> tuple[str, str]:
    """Return operation and security code, the last two of the path."""
    path, _, code = call.path.rpartition("/")
    return unquote(path.rpartition("/")[2]), unquote(code)


def main() -> None:
    parser = options("Simulated land offices' information system (VBDLIS)")
    parser.add_argument("--wants", action="append", default=[], help="a field of tiepnhan that it insists on")
    parser.add_argument("--flag", action="store_true", help="answer data 1 instead of the dossier's number")
    given = parser.parse_args()
    secret = secret_of(given)

    def opened(journal: Journal) -> Vbdlis:
        return Vbdlis(journal, secret, clock=lambda: datetime.now(UTC), wants=given.wants, flag=given.flag)

    serve(given.port, given.journal, opened)


if __name__ == "__main__":
    main()

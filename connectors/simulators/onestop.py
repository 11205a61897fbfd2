"""A one-stop system that the hub sends to over REST: keeps keys, can be asked, refuses other bytes under a known key.

``POST /lienthong/messages`` with ``Idempotency-Key``; ``GET /lienthong/messages/{key}``.
Run: ``python -m connectors.simulators.onestop --port 9001 --journal var/onestop.jsonl``
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from connectors.simulators.desk import digest, say
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from connectors.simulators.desk import Call, Entry, Journal, Said

PATH = "/lienthong/messages"
POST, ASK = "message", "ask"
_CODES = ("MaHoSo", "maHoSo", "ma_ho_so", "dossierNo", "dossier_code")


class OneStop:
    def __init__(self, journal: Journal, secret: str = "") -> None:
        self.journal, self._secret = journal, secret
        self._known: dict[str, Entry] = {entry.key: entry for entry in journal.entries}

    def name(self, call: Call) -> str:
        return ASK if call.method == "GET" else POST

    def answer(self, call: Call) -> Said:
        if self._secret and self._secret not in _proofs(call):
            return say({"code": "401", "message": "Khóa không đúng"}, 401)
        if call.method == "GET" and call.path.startswith(PATH + "/"):
            return self._find(unquote(call.path.removeprefix(PATH + "/")))
        if call.method == "POST" and call.path == PATH:
            return self._take(call.headers.get("idempotency-key", ""), call.body)
        return say({"code": "404", "message": "Không có đường dẫn này"}, 404)

    def refusal(self, call: Call) -> Said:
        return say(
            {
                "code": "-3",
                "message": "Trường MaHoSo không hợp lệ",
                "key": call.headers.get("idempotency-key", ""),
            }
        )

    def expire(self) -> None:
        """Nothing to forget: every call proves itself."""

    def secrets(self) -> tuple[str, ...]:
        return (self._secret,) if self._secret else ()

    def _take(self, key: str, body: bytes) -> Said:
        if not key:
            return say({"code": "1", "message": "Thiếu Idempotency-Key"}, 400)
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return say({"code": "2", "message": "Không phải JSON", "key": key}, 400)
        known = self._known.get(key)
        if known is None:
            reference = f"MC-{len(self.journal.entries) + 1:06d}"
            known = self.journal.record(
                POST, body, key=key, dossier=dossier_of(document), reference=reference
            )
            self._known[key] = known
        elif known.digest != digest(body):
            return say({"code": "5", "message": "Khóa đã dùng cho nội dung khác", "key": key}, 422)
        return _receipt(known)

    def _find(self, key: str) -> Said:
        known = self._known.get(key)
        return _receipt(known) if known else say({"code": "404", "message": "Chưa nhận", "key": key}, 404)


def _receipt(entry: Entry) -> Said:
    return say({"code": "0", "message": "Đã nhận", "key": entry.key, "reference": entry.reference})


def _proofs(call: Call) -> tuple[str, str]:
    return call.headers.get("x-api-key", ""), call.headers.get("authorization", "").removeprefix("Bearer ")


def dossier_of(document: object) -> str:
    """Find the dossier's code by the names that formats give it, or ``dossier.code`` of the hub's own words."""
    if isinstance(document, list):
        return next((found for item in document if (found := dossier_of(item))), "")
    if not isinstance(document, dict):
        return ""
    inner = document.get("dossier")
    candidates = [document.get(name) for name in _CODES] + (
        [inner.get("code")] if isinstance(inner, dict) else []
    )
    found = next((value for value in candidates if isinstance(value, str) and value), "")
    return found or next((code for value in document.values() if (code := dossier_of(value))), "")


def main() -> None:
    arguments = options("Simulated one-stop system").parse_args()
    secret = secret_of(arguments)
    serve(arguments.port, arguments.journal, lambda journal: OneStop(journal, secret))


if __name__ == "__main__":
    main()

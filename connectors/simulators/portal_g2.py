"""The national portal, generation 2, from what is known of it (docs/explanation/national-portal.md §12).

``POST /token`` with ``client_id`` and ``client_secret`` → ``data.access_token``; ``/GetNextValue`` issues a dossier's code; ``/UploadFile`` takes a file and
gives ``IdTepTin`` and ``HashTepTin``; ``/ThemMoiHoSo`` gives ``IdHoSo`` and makes a dossier each time that it is called; ``/CapNhatTienTrinh`` and
``/CapNhatTrangThai`` go by ``IDHoSo``, times are ``yyyy-MM-ddTHH:mm:ss.fff``, states are whole numbers, fees and results are taken at 5, 6 and 9 only.
Answers are ``{code, message, data}``. Assumed: the paths, that success is code 0, that errors come inside HTTP 200, the form of the code.

Run: ``python -m connectors.simulators.portal_g2 --port 9003 --journal var/portal.jsonl --secret-file keys/portal.txt``
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from connectors.simulators.desk import Call, Journal

TOKEN, NEXT, UPLOAD = "token", "GetNextValue", "UploadFile"
CREATE, PROGRESS, STATE = "ThemMoiHoSo", "CapNhatTienTrinh", "CapNhatTrangThai"
WITH_LISTS = {5, 6, 9}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}")
OWN = "MaHoSoDiaPhuong"


class PortalG2:
    def __init__(
        self,
        journal: Journal,
        secret: str = "",
        *,
        clock: Callable[[], datetime],
        client: str = "h47",
        lifetime: float = 600.0,
    ) -> None:
        self.journal = journal
        self._secret, self._client = secret, client
        self._clock, self._lifetime = clock, timedelta(seconds=lifetime)
        self._tokens: dict[str, datetime] = {}
        self._issued: list[str] = []
        self.files: dict[str, bytes] = {}
        self._dossiers = {entry.reference: entry.dossier for entry in journal.of(CREATE)}

    def name(self, call: Call) -> str:
        return call.path.rpartition("/")[2]

    def answer(self, call: Call) -> Said:
        if self.name(call) == TOKEN:
            return self._token(_object(call.body))
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, self._clock()) <= self._clock():
            return say({"code": 401, "message": "Token không hợp lệ", "data": None}, 401)
        return self._served(call, _object(call.body))

    def _served(self, call: Call, asked: dict[str, Any]) -> Said:
        match self.name(call):
            case "GetNextValue":
                self._issued.append(f"G22.99-{self._clock():%y%m%d}-{len(self._issued) + 1:06d}")
                return _yes(self._issued[-1])
            case "UploadFile":
                return self._upload(call)
            case "ThemMoiHoSo":
                return self._create(asked, call.body)
            case "CapNhatTienTrinh" | "CapNhatTrangThai" as service:
                return self._change(service, asked, call.body)
        return _no(404, "Không có dịch vụ này")

    def refusal(self, call: Call) -> Said:
        return _no(401 if self.name(call) == TOKEN else 400, "Dữ liệu không hợp lệ")

    def expire(self) -> None:
        self._tokens.clear()

    def secrets(self) -> tuple[str, ...]:
        return tuple(each for each in (self._secret, *self._tokens) if each)

    def _token(self, asked: dict[str, Any]) -> Said:
        if (asked.get("client_id"), asked.get("client_secret")) != (self._client, self._secret):
            return _no(401, "Sai client")
        token = secrets.token_hex(24)
        self._tokens[token] = self._clock() + self._lifetime
        return _yes({"access_token": token, "expires_in": self._lifetime.total_seconds()})

    def _upload(self, call: Call) -> Said:
        found = _file(call)
        if found is None:
            return _no(400, "Không có tệp")
        number = f"TT-{len(self.files) + 1}"
        self.files[number] = found
        return _yes({"IdTepTin": number, "HashTepTin": hashlib.sha512(found).hexdigest()})

    def _create(self, asked: dict[str, Any], body: bytes) -> Said:
        if asked.get("MaHoSo") not in self._issued or not isinstance(asked.get(OWN), str):
            return _no(400, "Mã hồ sơ không do hệ thống cấp")
        if wrong := self._wrong(asked):
            return _no(400, wrong)
        number = f"HS-{len(self._dossiers) + 1}"
        self._dossiers[number] = asked[OWN]
        self.journal.record(CREATE, body, dossier=asked[OWN], reference=number)
        return _yes({"IdHoSo": number})

    def _change(self, service: str, asked: dict[str, Any], body: bytes) -> Said:
        dossier = self._dossiers.get(str(asked.get("IDHoSo")))
        if dossier is None:
            return _no(400, "Không có hồ sơ")
        if wrong := self._wrong(asked):
            return _no(400, wrong)
        lists = {"DanhSachLePhi", "DanhSachGiayToKetQua"} & asked.keys()
        if service == STATE and lists and asked["TrangThai"] not in WITH_LISTS:
            return _no(400, "Lệ phí, kết quả chỉ ở trạng thái 5, 6, 9")
        self.journal.record(service, body, dossier=dossier)
        return _yes(None)

    def _wrong(self, asked: dict[str, Any]) -> str:
        """Say what the portal would of types, times and files."""
        state = asked.get("TrangThai", asked.get("TrangThaiHoSo"))
        if not isinstance(state, int) or not 1 <= state <= 10:  # noqa: PLR2004 - the ten states
            return "TrangThai không hợp lệ"
        for name, value in asked.items():
            if name.startswith(("Ngay", "ThoiDiem")) and not (
                isinstance(value, str) and TIME.fullmatch(value)
            ):
                return f"{name} không hợp lệ"
        entries = [*asked.get("TaiLieuNop", ()), *asked.get("DanhSachGiayToKetQua", ())]
        known = {number: hashlib.sha512(content).hexdigest() for number, content in self.files.items()}
        if any(known.get(each.get("IdTepTin")) != each.get("HashTepTin") for each in entries):
            return "Tệp chưa tải lên"
        return ""


def _yes(data: object) -> Said:
    return say({"code": 0, "message": "Thành công", "data": data})


def _no(code: int, message: str) -> Said:
    return say({"code": code, "message": message, "data": None})


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _file(call: Call) -> bytes | None:
    """Return the first file of ``multipart/form-data``."""
    head = f"Content-Type: {call.headers.get('content-type', '')}\r\n\r\n".encode()
    message: EmailMessage = BytesParser(policy=HTTP).parsebytes(head + call.body)
    for part in message.iter_parts():
        if part.get_filename():
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else None
    return None


def main() -> None:
    parser = options("Simulated national portal, generation 2")
    parser.add_argument("--client", default="h47")
    arguments = parser.parse_args()

    def opened(journal: Journal) -> PortalG2:
        return PortalG2(
            journal, secret_of(arguments), clock=lambda: datetime.now(UTC), client=arguments.client
        )

    serve(arguments.port, arguments.journal, opened)


if __name__ == "__main__":
    main()

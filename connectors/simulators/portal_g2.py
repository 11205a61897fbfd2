"""The national portal, generation 2 (facts §1.14, S8): OAuth, codes from ``GetNextValue``, uploads, ids of its own, ``{code, message, data}``.

A call is named by the last part of its path. Business errors are 200 with another ``code``; a token that is wrong or over is 401, one that is missing
a field 400 (S8's own table). Progress and states come one or many at once. It knows no keys: what is created twice is there twice, unless it comes
under the same code. Codes look as in S8's sample: eight digits of the day, seven of its number. It forgets files when it ends; what it took of
dossiers, progress and states is in its journal.

Run: ``python -m connectors.simulators.portal_g2 --port 9003 --journal var/portal.jsonl --secret-file keys/portal.txt``
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.simulators.desk import Call, Journal

TOKEN, NEXT, UPLOAD, CREATE = "token", "GetNextValue", "UploadFile", "ThemMoiHoSo"
PROGRESS, STATE = "CapNhatTienTrinh", "CapNhatTrangThai"
OWN = "MaHoSoDiaPhuong"
LIFETIME = timedelta(minutes=10)
LISTS: Mapping[str, frozenset[int]] = {
    "DanhSachLePhi": frozenset({5, 6, 9}),
    "DanhSachGiayToKetQua": frozenset({5, 6, 9}),
}
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
MOMENT = "%Y-%m-%dT%H:%M:%S.%f"
_PART = re.compile(rb'name="?([A-Za-z0-9_]+)"?[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', re.DOTALL)
_CODE = re.compile(r"[0-9A-Z.]+-(?:\d{6}|\d{8})-\d{4,7}")
STATES = range(1, 11)
Record = dict[str, Any]


class _No(Exception):  # noqa: N818 - becomes an answer
    def __init__(self, message: str, status: int = 200, code: int = 400) -> None:
        super().__init__(message)
        self.message, self.status, self.code = message, status, code


class PortalG2:
    """``secret``: the client's; empty: anyone may call. ``unit``: what the codes that it gives out begin with.

    ``lists``: as the service that S8's client calls: a code is asked for with ``?code=``, steps and states come as lists, an upload is told of in a list.
    """

    def __init__(
        self,
        journal: Journal,
        secret: str = "",
        *,
        clock: Callable[[], datetime],
        client: str = "h47",
        unit: str = "G22.99",
        lists: bool = False,
    ) -> None:
        self.journal, self._secret, self._clock = journal, secret, clock
        self._client, self._unit, self._lists = client, unit, lists
        self._tokens: dict[str, datetime] = {}
        self._given = 0
        self.files: dict[str, bytes] = {}
        self._ids: dict[str, str] = {}
        for entry in journal.entries:
            if entry.operation == CREATE:
                self._ids[entry.reference] = msgspec.json.decode(entry.body).get("MaHoSo", entry.dossier)
                self._given += 1

    def name(self, call: Call) -> str:
        return call.path.rstrip("/").rpartition("/")[2]

    def answer(self, call: Call) -> Said:
        try:
            if self.name(call) == TOKEN:
                return self._let_in(call)
            self._known(call)
            return _told(self._serve(call))
        except _No as no:
            return say({"code": no.code, "message": no.message, "data": None}, no.status)

    def refusal(self, _: Call) -> Said:
        return say({"code": 400, "message": "Trường MaTTHC không hợp lệ", "data": None})

    def expire(self) -> None:
        self._tokens.clear()

    def secrets(self) -> tuple[str, ...]:
        return (self._secret, *self._tokens) if self._secret else tuple(self._tokens)

    def _let_in(self, call: Call) -> Said:
        asked = _json(call.body)
        if self._secret and (asked.get("client_id"), asked.get("client_secret")) != (
            self._client,
            self._secret,
        ):
            raise _No("Sai client_id hoặc client_secret", 401, 401)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self._clock() + LIFETIME
        return _told({"access_token": token, "expires_in": int(LIFETIME.total_seconds())})

    def _known(self, call: Call) -> None:
        """A bearer token, in the head or as ``token`` in the query (S8)."""
        shown = call.headers.get("authorization", "").removeprefix("Bearer ") or call.parameter("token")
        ends = self._tokens.get(shown)
        if self._secret and (ends is None or self._clock() >= ends):
            raise _No("Chưa có hoặc không đúng token", 401, 401)

    def _serve(self, call: Call) -> object:
        match self.name(call):
            case "GetNextValue":
                return self._next(call)
            case "UploadFile":
                return self._upload(call)
            case "ThemMoiHoSo":
                return self._create(_json(call.body))
            case "CapNhatTienTrinh":
                return self._each(PROGRESS, call, _wrong_progress)
            case "CapNhatTrangThai":
                return self._each(STATE, call, _wrong_state)
        raise _No("Không tìm thấy API", 404, 404)

    def _next(self, call: Call) -> str:
        if self._lists and (call.method != "GET" or not call.parameter("code")):
            raise _No("Thiếu code", 400)
        self._given += 1
        return f"{self._unit}-{self._clock().astimezone(VIETNAM):%Y%m%d}-{self._given:07d}"

    def _upload(self, call: Call) -> Record | list[Record]:
        parts = _PART.findall(call.body)
        if "multipart/form-data" not in call.headers.get("content-type", "") or not parts:
            raise _No("Thiếu tệp", 400)
        content = max((content for _, content in parts), key=len)
        number = str(uuid.uuid4())
        self.files[number] = content
        told = {"IdTepTin": number, "HashTepTin": _hash(content)}
        return [told] if self._lists else told

    def _create(self, record: Record) -> Record:
        if said := _wrong_dossier(record):
            raise _No(said)
        self._must_hold(record)
        code = record["MaHoSo"]
        if code in self._ids.values():
            raise _No(f"Hồ sơ {code} đã tồn tại")
        number = str(uuid.uuid4())
        self.journal.record(
            CREATE, msgspec.json.encode(record), dossier=_own(record) or code, reference=number
        )
        self._ids[number] = code
        return {"IdHoSo": number, "MaHoSo": code}

    def _each(self, operation: str, call: Call, wrong: Callable[[Record], str]) -> Record:
        told = _json(call.body, many=True)
        if self._lists and not isinstance(told, list):
            raise _No("Nội dung phải là danh sách", 400)
        records = told if isinstance(told, list) else [told]
        for record in records:
            if said := wrong(record):
                raise _No(said)
            self._must_be(record)
            self._must_hold(record)
        number = _id(records[0])
        dossier = _own(records[0]) or self._ids[number]
        self.journal.record(operation, msgspec.json.encode(told), dossier=dossier, reference=number)
        return {"IdHoSo": number}

    def _must_be(self, record: Record) -> None:
        number = _id(record)
        if number not in self._ids:
            raise _No(f"Hồ sơ {number} không tồn tại")
        if record.get("MaHoSo", self._ids[number]) != self._ids[number]:
            raise _No("MaHoSo không phải của IdHoSo")

    def _must_hold(self, record: Record) -> None:
        """Every file that a record names was uploaded, and its hash is the one that was given out."""
        for number, told in _files(record):
            if number not in self.files or told not in {"", _hash(self.files[number])}:
                raise _No("Tệp chưa được tải lên")


def _told(data: object) -> Said:
    return say({"code": 200, "message": "Thành công", "data": data})


def _json(body: bytes, *, many: bool = False) -> Any:  # noqa: ANN401 - whatever was sent
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _No("Nội dung không phải JSON", 400) from None
    if isinstance(told, dict) or (
        many and isinstance(told, list) and told and all(isinstance(one, dict) for one in told)
    ):
        return told
    raise _No("Nội dung không hợp lệ", 400)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _id(record: Record) -> str:
    """``IDHoSo`` in progress, ``IdHoSo`` in states (S8); each is taken in both."""
    return str(record.get("IDHoSo") or record.get("IdHoSo") or "")


def _own(record: Record) -> str:
    """The sender's own code for the dossier, where it says one: by it the journal is read."""
    return str(record.get(OWN) or "")


def _files(told: object) -> list[tuple[str, str]]:
    """Find what names a file, however deep it stands."""
    if isinstance(told, list):
        return [found for one in told for found in _files(one)]
    if not isinstance(told, dict):
        return []
    named = told.get("IdTepTin") or (told.get("IdGiayTo") if "HashTepTin" in told else None)
    own = [(str(named), str(told.get("HashTepTin", "")))] if named else []
    return own + [found for one in told.values() for found in _files(one)]


def _moment(value: object) -> bool:
    """``yyyy-MM-ddTHH:mm:ss.fff``, Vietnam's wall clock."""
    try:
        datetime.strptime(str(value), MOMENT)  # noqa: DTZ007 - wall time without a zone
    except ValueError:
        return False
    return True


def _day(value: object) -> bool:
    """In the record of a dossier S8's client writes them with a blank and without a fraction."""
    try:
        datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - wall time without a zone
    except ValueError:
        return _moment(value)
    return True


def _wrong_dossier(record: Record) -> str:
    for name in ("MaHoSo", "MaTTHC"):
        if not isinstance(record.get(name), str) or not record[name].strip():
            return f"Trường {name} không được để trống"
    if not _CODE.fullmatch(record["MaHoSo"]):
        return "Trường MaHoSo không hợp lệ"
    dates = (name for name in record if name.startswith("Ngay") and record[name])
    return next((f"Trường {name} không hợp lệ" for name in dates if not _day(record[name])), "")


def _wrong_progress(record: Record) -> str:
    if not record.get("ThoiDiemXuLy"):
        return "Trường ThoiDiemXuLy không được để trống"
    dates = ("ThoiDiemXuLy", "NgayBatDau", "NgayKetThucTheoQuyDinh")
    if wrong := [name for name in dates if record.get(name) and not _moment(record[name])]:
        return f"Trường {wrong[0]} không hợp lệ"
    return _wrong_number(record)


def _wrong_state(record: Record) -> str:
    if said := _wrong_number(record):
        return said
    told = (name for name, states in LISTS.items() if record.get(name) and record["TrangThai"] not in states)
    return next((f"Trường {name} không được gửi ở trạng thái này" for name in told), "")


def _wrong_number(record: Record) -> str:
    state = record.get("TrangThai")
    taken = isinstance(state, int) and not isinstance(state, bool) and state in STATES
    return "" if taken else "Trường TrangThai không hợp lệ"


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    parser = options("Simulated national portal, generation 2")
    parser.add_argument("--client", default="h47")
    parser.add_argument("--lists", action="store_true", help="steps and states as lists, a code for ?code=")
    told = parser.parse_args()
    secret = secret_of(told)
    serve(
        told.port,
        told.journal,
        lambda journal: PortalG2(journal, secret, clock=_now, client=told.client, lists=told.lists),
    )


if __name__ == "__main__":
    main()

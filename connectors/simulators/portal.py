"""The national portal, generations 1 and 1+, behind a security server (facts §1.1 to §1.9): ``session``, ``madonvi`` and ``service`` in every body.

It answers 200 to everything that it understands, errors too. A batch is taken whole or not at all. It knows no keys: create of what it has is -3 *đã
tồn tại*, and progress is appended each time that it comes. It says success as ``"0"``, 0 and ``"00"`` in turn. ``dstcode`` stands in the head or in
the query; a call without it gets the adapter's page. What the codes 1, 2 and 4 and their texts say is assumed, as is that a dossier is where its
last progress says; a partner file matches them.

Run: ``python -m connectors.simulators.portal --port 9003 --journal var/portal.jsonl --secret-file keys/portal.txt``
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.orders import PAGE
from connectors.simulators.portal_rules import PROGRESS as PROGRESS_TABLE
from connectors.simulators.portal_rules import wrong_dossier
from connectors.simulators.pulling import Puller
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.simulators.desk import Call, Journal

LOGIN, LOOK_UP, SYNC, PROGRESS = "login", "TraCuuHoSo", "DongBoHoSoMC", "CapNhatTienDoHoSoMC"
APPENDED = frozenset({"DongBoTrangThaiHoSo", "DongBoHoiDap", "DongBoKetQuaHoiDapGuiTuDVCQG", "DongBoDanhGia"})
"""Services that take an array and keep it; nothing was found about their answers beyond §1.5."""
SHARED = "Lay"
DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
SUCCESS: tuple[str | int, ...] = ("0", 0, "00")
NO_SESSION, NO_LOGIN, INVALID, NO_SERVICE, EXISTS = "1", "2", "3", "4", "-3"
Record = dict[str, Any]


class _No(Exception):  # noqa: N818 - becomes an answer
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Portal:
    """``secret``: the password; empty: anyone may call. ``lifetime``: seconds that a session lives. ``publishes``: what each sharing service tells.

    ``lists_progress``: ``TraCuuHoSo`` tells a dossier's progress records as ``TIENDO`` (assumed). ``pulled``: fetch documents, and note them there.
    """

    def __init__(  # noqa: PLR0913 - the switches of the command line
        self,
        journal: Journal,
        secret: str = "",
        *,
        clock: Callable[[], datetime],
        username: str = "000.00.00.H47",
        lifetime: float = 600.0,
        generation: str = "1",
        lists_progress: bool = False,
        publishes: Mapping[str, list[Record]] | None = None,
        pulled: Path | None = None,
    ) -> None:
        self.journal, self._password, self._clock = journal, secret, clock
        self._username, self._lifetime, self._generation = username, timedelta(seconds=lifetime), generation
        self._lists_progress, self._publishes = lists_progress, publishes or {}
        self._sessions: dict[str, datetime] = {}
        self._states: dict[str, str] = {}
        self._progress: dict[str, list[Record]] = {}
        self._puller = Puller(pulled) if pulled else None
        for entry in journal.entries:
            self._remember(entry.operation, msgspec.json.decode(entry.body))

    def name(self, call: Call) -> str:
        return LOGIN if call.path.endswith("/login") else str(_object(call.body).get("service", ""))

    def answer(self, call: Call) -> Said:
        if DSTCODE not in {call.headers.get("dstcode"), call.parameter("dstcode")}:
            return Said(body=PAGE, media_type="text/html")
        if call.path.endswith("/login"):
            return self._let_in(_object(call.body))
        asked = _object(call.body)
        if self._password and not self._is_open(str(asked.get("session", ""))):
            return _told(NO_SESSION, "Phiên làm việc hết hạn")
        return self.served(asked)

    def served(self, asked: Mapping[str, Any]) -> Said:
        """Answer what a session was shown for, or what a province's own connector brings."""
        try:
            return self._serve(asked)
        except _No as no:
            return _told(no.code, no.message)

    def refusal(self, _: Call) -> Said:
        return _told(INVALID, "Trường TrichYeuHoSo không được để trống")

    def expire(self) -> None:
        self._sessions.clear()

    def secrets(self) -> tuple[str, ...]:
        return (self._password, *self._sessions) if self._password else tuple(self._sessions)

    def _let_in(self, asked: Mapping[str, Any]) -> Said:
        if self._password and (asked.get("username"), asked.get("password")) != (
            self._username,
            self._password,
        ):
            return _told(NO_LOGIN, "Sai tên đăng nhập hoặc mật khẩu")
        session = secrets.token_hex(16)
        self._sessions[session] = self._clock() + self._lifetime
        return say({"error_code": 0, "message": "Thành công", "session": session})

    def _is_open(self, session: str) -> bool:
        ends = self._sessions.get(session)
        return ends is not None and self._clock() < ends

    def _serve(self, asked: Mapping[str, Any]) -> Said:
        service = asked.get("service")
        if not asked.get("madonvi"):
            raise _No(INVALID, "Trường madonvi không được để trống")
        match service:
            case "DongBoHoSoMC":
                return self._sync(asked)
            case "CapNhatTienDoHoSoMC":
                return self._append(asked)
            case "TraCuuHoSo":
                return self._look_up(str(asked.get("mahoso", "")))
            case str() if service in APPENDED:
                self._keep(service, _array(asked), "append")
                return _told("0", "Thành công")
            case str() if service.startswith(SHARED):
                return self._shared(service, asked)
        raise _No(NO_SERVICE, "Không có dịch vụ này")

    def _sync(self, asked: Mapping[str, Any]) -> Said:
        records, updating = _array(asked), asked.get("isUpdating")
        if updating not in {"True", "False"}:
            raise _No(INVALID, "Trường isUpdating không hợp lệ")
        for record in records:
            if said := wrong_dossier(record, self._generation):
                raise _No(INVALID, said)
        codes = [record["MaHoSo"] for record in records]
        if len(set(codes)) < len(codes):
            raise _No(INVALID, "Một hồ sơ có hai bản ghi")
        for code in codes:
            self._must_be(code, known=updating == "True")
        self._keep(SYNC, records, "update" if updating == "True" else "create")
        return say(
            {"error_code": SUCCESS[len(self.journal.entries) % 3], "message": "Đồng bộ hồ sơ thành công"}
        )

    def _must_be(self, code: str, *, known: bool) -> None:
        if known and code not in self._states:
            raise _No(INVALID, f"Hồ sơ {code} không tồn tại")
        if not known and code in self._states:
            raise _No(EXISTS, f"Hồ sơ {code} đã tồn tại")

    def _append(self, asked: Mapping[str, Any]) -> Said:
        records = _array(asked)
        for record in records:
            if said := PROGRESS_TABLE.wrong(record):
                raise _No(INVALID, said)
            self._must_be(record["MaHoSo"], known=True)
        self._keep(PROGRESS, records, "append")
        return say({"error_code": 0, "message": "Cập nhật tiến độ thành công", "result": []})

    def _look_up(self, code: str) -> Said:
        state = self._states.get(code)
        if state is None:
            return say({"error_code": 0, "message": "", "result": []})
        found: Record = {"MAHOSO": code, "TRANGTHAIHOSO": state}
        if self._lists_progress:
            found["TIENDO"] = [_upper(record) for record in self._progress.get(code, ())]
        return say({"error_code": 0, "message": "", "result": [found]})

    def _shared(self, service: str, asked: Mapping[str, Any]) -> Said:
        told = self._publishes.get(service, [])
        if service == "LayThuTuc":
            told = [record for record in told if record.get("MATTHC") == asked.get("maTTHC")]
        return say({"error_code": 0, "message": "Thành công", "result": told})

    def _keep(self, service: str, records: list[Any], reference: str) -> None:
        first = records[0] if isinstance(records[0], dict) else {}
        code = str(first.get("MaHoSo") or first.get("MaHoSoDonVi") or "")
        self.journal.record(service, msgspec.json.encode(records), dossier=code, reference=reference)
        self._remember(service, records)

    def _remember(self, service: str, records: list[Record]) -> None:
        if service == SYNC:
            self._states |= {record["MaHoSo"]: record["TrangThaiHoSo"] for record in records}
            if self._puller:
                self._puller.want(records)
        elif service == PROGRESS:
            for record in records:
                self._progress.setdefault(record["MaHoSo"], []).append(record)
                self._states[record["MaHoSo"]] = record["TrangThai"]


def _told(code: str, message: str) -> Said:
    return say({"error_code": code, "message": message})


def _object(body: bytes) -> Record:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return told if isinstance(told, dict) else {}


def _array(asked: Mapping[str, Any]) -> list[Any]:
    data = asked.get("data")
    if not isinstance(data, list) or not data:
        raise _No(INVALID, "Trường data không được để trống")
    return data


def _upper(record: Mapping[str, Any]) -> Record:
    """What is shared has upper-case names (§1.5)."""
    return {name.upper(): value for name, value in record.items()}


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    parser = options("Simulated national portal, generation 1")
    parser.add_argument("--username", default="000.00.00.H47")
    parser.add_argument("--lifetime", type=float, default=600.0, help="seconds a session lives")
    parser.add_argument("--generation", choices=("1", "1+"), default="1")
    parser.add_argument("--lists-progress", action="store_true", help="TraCuuHoSo tells the progress records")
    parser.add_argument("--pulled", type=Path, help="fetch documents by their links and write down what came")
    parser.add_argument("--publishes", type=Path, help="JSON: what each sharing service tells")
    told = parser.parse_args()
    secret, publishes = (
        secret_of(told),
        msgspec.json.decode(told.publishes.read_bytes()) if told.publishes else None,
    )
    serve(
        told.port,
        told.journal,
        lambda journal: Portal(
            journal,
            secret,
            clock=_now,
            username=told.username,
            lifetime=told.lifetime,
            generation=told.generation,
            lists_progress=told.lists_progress,
            publishes=publishes,
            pulled=told.pulled,
        ),
    )


if __name__ == "__main__":
    main()

"""The national portal, generation 1, as its clients have met it (docs/explanation/national-portal.md).

Its habits: HTTP 200 whatever happens; success is ``"0"``, ``0`` or ``"00"``; sessions end without notice; a call
without ``dstcode`` is answered by the adapter, with a page of HTML; progress is *appended*, so what is sent twice shows
twice. Marked (assumed) where nobody has a source: codes 1 and 2, the texts about sessions, the names inside
``TraCuuHoSo``'s result, that progress moves the state that ``TraCuuHoSo`` tells, and the list of progress records that
it tells when the portal is started with ``--lists-progress``. With ``--pulled FILE`` it fetches every document that it is given a loopback link to, and
writes down what it got.

Run: ``python -m connectors.simulators.portal --port 9003 --journal var/portal.jsonl --secret-file keys/portal.txt``
"""

from __future__ import annotations

import hashlib
import re
import secrets
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.orders import PAGE
from connectors.simulators.server import HOST, options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from connectors.simulators.desk import Call, Journal

    Pull = Callable[[str, str, str], None]

LOGIN, LOOK_UP, SYNC, PROGRESS = "login", "TraCuuHoSo", "DongBoHoSoMC", "CapNhatTienDoHoSoMC"
SUCCESSES: tuple[str | int, ...] = ("0", 0, "00")
DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"

ALWAYS = [
    "MaHoSo",
    "MaTTHC",
    "TenTTHC",
    "MaLinhVuc",
    "TenLinhVuc",
    "KenhThucHien",
    "LoaiDoiTuong",
    "TrichYeuHoSo",
    "NgayTiepNhan",
    "TrangThaiHoSo",
    "HinhThuc",
    "DonViXuLy",
]
SINCE_2022 = [
    "SoGiayToChuHoSo",
    "DinhDanhCHS",
    "NgayNopHoSo",
    "NoiNopHoSo",
    "HoSoCoThanhPhanSoHoa",
    "TaiKhoanDuocXacThucVoiVNeID",
    "DuocThanhToanTrucTuyen",
]
OF_PROGRESS = ["MaHoSo", "NguoiXuLy", "ThoiDiemXuLy", "TrangThai"]
DATES = [
    "NgayTiepNhan",
    "NgayHenTra",
    "NgayTra",
    "NgayKetThucXuLy",
    "NgayNopHoSo",
    "NgayTuChoi",
    "ThoiDiemXuLy",
    "NgayBatDau",
    "NgayKetThucTheoQuyDinh",
]
LISTS = [
    "TaiLieuNop",
    "DanhSachLePhi",
    "DanhSachTepDinhKemKhac",
    "DanhSachHoSoBoSung",
    "DanhSachGiayToKetQua",
    "DinhDanhCHS",
    "DSKetNoiCSDL",
]
LONGEST = {"TrichYeuHoSo": 1000, "NguoiXuLy": 50}
ALLOWED = {
    "KenhThucHien": {"1", "2", "3"},
    "LoaiDoiTuong": {"1", "2", "3", "4"},
    "HinhThuc": {"0", "1"},
    "TrangThaiHoSo": {str(number) for number in range(1, 11)},
    "TrangThai": {str(number) for number in range(1, 11)},
}
_DATE = re.compile(r"^\d{14}$")


class Portal:
    """``generation``: ``1`` or ``1+`` (identity and digitisation fields mandatory). ``clock`` decides when sessions end."""

    def __init__(  # noqa: PLR0913 - what may differ between two portals
        self,
        journal: Journal,
        password: str = "",
        *,
        clock: Callable[[], datetime],
        username: str = "000.00.00.H47",
        lifetime: float = 600.0,
        generation: str = "1",
        lists_progress: bool = False,
        pull: Pull | None = None,
        publishes: Mapping[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        self.journal = journal
        self._password, self._username = password, username
        self._clock, self._lifetime = clock, timedelta(seconds=lifetime)
        self._mandatory = [*ALWAYS, *(SINCE_2022 if generation == "1+" else ())]
        self._sessions: dict[str, datetime] = {}
        self._states: dict[str, str] = {}
        self._lists_progress = lists_progress
        self._pull = pull
        self._publishes = publishes or {}
        self._told: dict[str, list[dict[str, str]]] = {}
        for entry in journal.entries:
            self._remember(entry.operation, msgspec.json.decode(entry.body))

    def name(self, call: Call) -> str:
        return LOGIN if call.path.endswith("/login") else str(_object(call.body).get("service", ""))

    def answer(self, call: Call) -> Said:
        if DSTCODE not in (call.headers.get("dstcode"), call.parameter("dstcode")):
            return Said(body=PAGE, media_type="text/html")
        asked = _object(call.body)
        if call.path.endswith("/login"):
            return self._login(asked)
        ends = self._sessions.get(str(asked.get("session")))
        if ends is None or ends <= self._clock():
            return _no("1", "Phiên làm việc hết hạn")
        return self.served(asked)

    def served(self, asked: dict[str, Any]) -> Said:
        """What the portal makes of a call whose session is good."""
        if not asked.get("madonvi"):
            return _no("3", "Trường madonvi không được để trống")
        name = str(asked.get("service"))
        if name == "LayThuTuc":
            found = [each for each in self._publishes.get(name, ()) if each["MATTHC"] == asked.get("maTTHC")]
            return say({"error_code": 0, "message": "", "result": found})
        if name in self._publishes:
            return say({"error_code": 0, "message": "", "result": self._publishes[name]})
        service = {LOOK_UP: self._look_up, SYNC: self._sync, PROGRESS: self._progress}.get(name)
        return service(asked) if service else _no("3", "Dịch vụ không tồn tại")

    def refusal(self, call: Call) -> Said:
        if self.name(call) == LOGIN:
            return _no("2", "Sai tên đăng nhập hoặc mật khẩu")
        return _no("3", "Trường TrichYeuHoSo không được để trống")

    def expire(self) -> None:
        self._sessions.clear()

    def secrets(self) -> tuple[str, ...]:
        return tuple(secret for secret in (self._password, *self._sessions) if secret)

    def _login(self, asked: dict[str, Any]) -> Said:
        if asked.get("username") != self._username or asked.get("password") != self._password:
            return _no("2", "Sai tên đăng nhập hoặc mật khẩu")
        session = secrets.token_hex(16)
        self._sessions[session] = self._clock() + self._lifetime
        return say({"error_code": 0, "message": "Thành công", "session": session})

    def _look_up(self, asked: dict[str, Any]) -> Said:
        code = asked.get("mahoso")
        state = self._states.get(code) if isinstance(code, str) else None
        found: dict[str, Any] = {"MAHOSO": code, "TRANGTHAIHOSO": state}
        if self._lists_progress:
            found["TIENDO"] = self._told.get(str(code), [])
        return say({"error_code": 0, "message": "", "result": [found] if state else []})

    def _sync(self, asked: dict[str, Any]) -> Said:
        """Create or update all of ``data`` or none of it."""
        records = _records(asked)
        if records is None or asked.get("isUpdating") not in {"True", "False"}:
            return _no("3", "Dữ liệu không đúng cấu trúc")
        wrong = next((error for record in records if (error := _wrong(record, self._mandatory))), "")
        if wrong:
            return _no("3", wrong)
        updating = asked["isUpdating"] == "True"
        for record in records:
            if (record["MaHoSo"] in self._states) != updating:
                told = "không tồn tại" if updating else "đã tồn tại"
                return _no("3" if updating else "-3", f"Hồ sơ {record['MaHoSo']} {told}")
        done = "Cập nhật thành công" if updating else "Đồng bộ hồ sơ thành công"
        return self._take(SYNC, records, done, "update" if updating else "create")

    def _progress(self, asked: dict[str, Any]) -> Said:
        records = _records(asked)
        if records is None:
            return _no("3", "Dữ liệu không đúng cấu trúc")
        wrong = next((error for record in records if (error := _wrong(record, OF_PROGRESS))), "")
        if wrong:
            return _no("3", wrong)
        unknown = next((record["MaHoSo"] for record in records if record["MaHoSo"] not in self._states), "")
        if unknown:
            return _no("3", f"Hồ sơ {unknown} không tồn tại")
        return self._take(PROGRESS, records, "Cập nhật tiến độ thành công", "append")

    def _take(self, operation: str, records: list[dict[str, Any]], done: str, how: str) -> Said:
        dossier = ",".join(dict.fromkeys(record["MaHoSo"] for record in records))
        entry = self.journal.record(operation, msgspec.json.encode(records), dossier=dossier, reference=how)
        if self._pull is not None:
            for code, id_, link in _links(records):
                self._pull(code, id_, link)
        self._remember(operation, records)
        return say({"error_code": SUCCESSES[entry.number % len(SUCCESSES)], "message": done, "result": []})

    def _remember(self, operation: str, records: list[dict[str, Any]]) -> None:
        field = "TrangThaiHoSo" if operation == SYNC else "TrangThai"
        self._states |= {record["MaHoSo"]: record[field] for record in records}
        if operation == PROGRESS and self._lists_progress:
            for record in records:
                upper = {name.upper(): value for name, value in record.items()}
                self._told.setdefault(record["MaHoSo"], []).append(upper)


class Puller:
    """Fetches in a thread of its own, as the portal does later and by itself; one line of ``file`` per document."""

    def __init__(self, file: Path) -> None:
        self._file, self._thread = file, ThreadPoolExecutor(1)

    def __call__(self, code: str, id_: str, link: str) -> None:
        if link.startswith(f"http://{HOST}:"):
            self._thread.submit(self._fetch, code, id_, link)

    def _fetch(self, code: str, id_: str, link: str) -> None:
        found, size, status = hashlib.sha256(), 0, 0
        try:
            with urllib.request.urlopen(link, timeout=30) as reply:  # noqa: S310 - loopback, see above
                status = reply.status
                while piece := reply.read(1 << 16):
                    found.update(piece)
                    size += len(piece)
        except OSError as error:
            status = getattr(error, "code", 0)
        told = {"dossier": code, "id": id_, "status": status, "sha256": found.hexdigest(), "size": size}
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(told) + b"\n")


def _links(records: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Name every attachment that stands behind a link: dossier, the attachment's id, the link."""
    for record in records:
        for paper in record.get("TaiLieuNop") or ():
            if link := paper.get("DuongDanTaiTepTin"):
                yield record["MaHoSo"], str(paper.get("TepDinhKemId", "")), link


def _no(code: str, message: str) -> Said:
    return say({"error_code": code, "message": message})


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _records(asked: dict[str, Any]) -> list[dict[str, Any]] | None:
    records = asked.get("data")
    if (
        not isinstance(records, list)
        or not records
        or not all(isinstance(record, dict) for record in records)
    ):
        return None
    return records


def _wrong(record: dict[str, Any], mandatory: list[str]) -> str:
    """Say what the portal would: empty, not text, not a date, too long, not of the list."""
    for name in mandatory:
        if record.get(name) in (None, "", []):
            return f"Trường {name} không được để trống"
    for name, value in record.items():
        if not isinstance(value, list if name in LISTS else str):
            return f"Trường {name} không đúng kiểu dữ liệu"
        if isinstance(value, str) and value and _bad(name, value):
            return f"Trường {name} không hợp lệ"
    return ""


def _bad(name: str, value: str) -> bool:
    return (
        (name in DATES and not _is_date(value))
        or len(value) > LONGEST.get(name, 100_000)
        or (name in ALLOWED and value not in ALLOWED[name])
    )


def _is_date(value: str) -> bool:
    if not _DATE.match(value):
        return False
    try:
        datetime.strptime(value, "%Y%m%d%H%M%S")  # noqa: DTZ007 - wall time without a zone is this format's rule
    except ValueError:
        return False
    return True


def main() -> None:
    parser = options("Simulated national portal, generation 1")
    parser.add_argument("--username", default="000.00.00.H47")
    parser.add_argument("--lifetime", type=float, default=600.0, help="seconds a session lives")
    parser.add_argument("--generation", choices=("1", "1+"), default="1")
    parser.add_argument(
        "--lists-progress", action="store_true", help="TraCuuHoSo tells progress records (assumed)"
    )
    parser.add_argument("--pulled", type=Path, help="fetch documents by their links and write down what came")
    parser.add_argument(
        "--publishes",
        type=Path,
        help="JSON: by service (LayThuTuc, LayDanhMucCoQuan …) the records of its result",
    )
    arguments = parser.parse_args()
    publishes = msgspec.json.decode(arguments.publishes.read_bytes()) if arguments.publishes else {}
    pull = Puller(arguments.pulled) if arguments.pulled else None

    def opened(journal: Journal) -> Portal:
        return Portal(
            journal,
            secret_of(arguments),
            clock=lambda: datetime.now(UTC),
            username=arguments.username,
            lifetime=arguments.lifetime,
            generation=arguments.generation,
            lists_progress=arguments.lists_progress,
            pull=pull,
            publishes=publishes,
        )

    serve(arguments.port, arguments.journal, opened)


if __name__ == "__main__":
    main()

"""What the simulated portal takes and refuses, and what it fetches: by the facts' samples and what may legally differ from them."""

from __future__ import annotations

import http.server
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from connectors.simulators.portal_rules import PROGRESS, wrong_dossier
from connectors.simulators.pulling import Puller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN = {
    "MaHoSo": "000.00.15.H47-190412-0007",
    "MaTTHC": "1.009999",
    "TenTTHC": "Đăng ký biến động quyền sử dụng đất (minh họa)",
    "MaLinhVuc": "G15-DD",
    "TenLinhVuc": "Đất đai",
    "KenhThucHien": "1",
    "LoaiDoiTuong": "1",
    "TrichYeuHoSo": "Chuyển nhượng thửa 15, tờ 7, phường An Mỹ",
    "NgayTiepNhan": "20190412160000",
    "NgayHenTra": "",
    "TrangThaiHoSo": "4",
    "HinhThuc": "0",
    "DonViXuLy": "Văn phòng Đăng ký đất đai",
}
PLUS = {
    "SoGiayToChuHoSo": "049000000001",
    "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "049000000001"}],
    "NgayNopHoSo": "20190412155500",
    "NoiNopHoSo": "2",
    "HoSoCoThanhPhanSoHoa": "0",
    "TaiKhoanDuocXacThucVoiVNeID": "0",
    "DuocThanhToanTrucTuyen": "3",
}
PAPER = {
    "TepDinhKemId": "900001",
    "TenTepDinhKem": "Đơn.pdf",
    "IsDeleted": "False",
    "DuongDanTaiTepTin": "https://hub.example.vn/f/2f6c0b0e",
}
STEP = {
    "MaHoSo": "000.00.15.H47-190412-0007",
    "NguoiXuLy": "Trần Thị Một Cửa",
    "ThoiDiemXuLy": "20190412160000",
    "TrangThai": "2",
    "NgayBatDau": "",
}
SUPPLEMENT = {
    "HoSoBoSungId": 1,
    "NoiDungBoSung": "Trích lục",
    "NgayBoSung": "20190413080000",
    "TrangThaiBoSung": True,
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"MaHoSo": "H57.132-260804-0583"},
        {"MaHoSo": "000.A0.01.H26-210212-9090"},
        {"TaiLieuNop": [], "NgayTra": ""},
        {"TaiLieuNop": [PAPER | {"DuocSoHoa": "1"}]},
        {"DanhSachHoSoBoSung": [SUPPLEMENT, SUPPLEMENT | {"HoSoBoSungId": "2", "TrangThaiBoSung": "False"}]},
        {"DanhSachLePhi": [{"TenPhiLePhi": "Phí", "MaPhiLePhi": "", "Gia": "150000"}]},
        {"NoiNopHoSo": "chưa có ở thế hệ này"},
    ],
)
def test_what_may_differ_from_the_sample_is_taken(more: dict[str, Any]) -> None:
    assert wrong_dossier(PLAIN | more, "1") == ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"MaHoSo": "000.00.15.H47-190431-0007"}, "MaHoSo"),
        ({"MaHoSo": "000.00.15.h47-190412-0007"}, "MaHoSo"),
        ({"NgayHenTra": "2019041216000"}, "NgayHenTra"),
        ({"TrangThaiHoSo": "0"}, "TrangThaiHoSo"),
        ({"TrangThaiHoSo": "11"}, "TrangThaiHoSo"),
        ({"HinhThuc": False}, "HinhThuc"),
        ({"TrichYeuHoSo": "   "}, "TrichYeuHoSo"),
        ({"TrichYeu": "tên lạ"}, "TrichYeu không có"),
        ({"TaiLieuNop": {}}, "TaiLieuNop"),
        ({"TaiLieuNop": [PAPER | {"IsDeleted": False}]}, "IsDeleted"),
        ({"TaiLieuNop": [PAPER | {"DuongDanTaiTepTin": "f/2f6c0b0e"}]}, "DuongDanTaiTepTin"),
        ({"DanhSachLePhi": [{"TenPhiLePhi": "Phí", "Gia": 150000}]}, "Gia"),
        ({"DanhSachHoSoBoSung": [SUPPLEMENT | {"HoSoBoSungId": "YC-1"}]}, "HoSoBoSungId"),
        ({"DanhSachHoSoBoSung": [SUPPLEMENT | {"NgayBoSung": "2019-04-13T08:00:00"}]}, "NgayBoSung"),
    ],
)
def test_what_no_portal_takes_is_named(more: dict[str, Any], said: str) -> None:
    assert said in wrong_dossier(PLAIN | more, "1")


@pytest.mark.parametrize("absent", PLUS)
def test_generation_1_plus_wants_each_of_its_fields(absent: str) -> None:
    assert wrong_dossier(PLAIN | PLUS, "1+") == ""
    assert absent in wrong_dossier(
        PLAIN | {name: said for name, said in PLUS.items() if name != absent}, "1+"
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [({"NguoiXuLy": "x" * 51}, "NguoiXuLy"), ({"TrangThai": "0"}, "TrangThai"), ({"MaHoSo": ""}, "MaHoSo")],
)
def test_a_progress_record_is_looked_at_too(more: dict[str, Any], said: str) -> None:
    assert PROGRESS.wrong(STEP) == ""
    assert said in PROGRESS.wrong(STEP | more)


@pytest.fixture
def library() -> Iterator[tuple[str, list[str]]]:
    """Documents by path; the first answer to each is an error."""
    asked: list[str] = []

    class Library(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            again = asked.count(self.path) > 1
            self.send_response(200 if again else 503)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"%PDF")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Library) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_documents_are_fetched_until_they_came_and_each_is_noted_once(
    tmp_path: Path, library: tuple[str, list[str]]
) -> None:
    url, asked = library
    record = PLAIN | {
        "TaiLieuNop": [
            PAPER | {"DuongDanTaiTepTin": f"{url}/one"},
            PAPER | {"DuongDanTaiTepTin": f"{url}/gone", "IsDeleted": "True"},
        ],
        "DanhSachGiayToKetQua": [{"TenGiayTo": "Kết quả", "DuongDanTepTinKetQua": f"{url}/two"}],
    }
    notes = tmp_path / "portal" / "pulled.jsonl"
    Puller(notes).want([record, record])
    ends = time.monotonic() + 30
    while (not notes.exists() or notes.read_text().count("\n") < 2) and time.monotonic() < ends:
        time.sleep(0.02)
    noted = [json.loads(line) for line in notes.read_text("utf-8").splitlines()]
    assert sorted(told["link"].rpartition("/")[2] for told in noted) == ["one", "two"]
    assert {(told["dossier"], told["size"]) for told in noted} == {("000.00.15.H47-190412-0007", 4)}
    assert sorted(asked) == ["/one", "/one", "/two", "/two"]
    Puller(notes).want([record])
    time.sleep(0.05)
    assert len(asked) == 4, "what the notes have is not fetched again"

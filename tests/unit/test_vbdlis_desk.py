"""The desk of the land administration system by itself: what a call is, when it is the same call again, and what it is answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.desks import Accepted, Call, Errand, Message, Refused, Standing, Stands, Told
from connectors.vbdlis.desk import Desk
from connectors.vbdlis.records import DATES
from hub.settings.sections import Desks
from schemas.dossier import Kind
from schemas.library import BUILTIN
from schemas.mapping import load
from schemas.problems import Refusal

DESK = Desk()
CODE = "000.00.15.H47-261120-0001"
NOW = datetime(2026, 11, 20, 3, 4, 5, 678, tzinfo=UTC)
DAY = timedelta(days=1)
TAX = {"SoBienNhan": CODE, "GhiChu": "sai thửa"}
MOVED = {"SoBienNhan": CODE, "MaCanBoChuyen": "a", "MaCanBoNhan": "b", "NgayChuyen": "2026-11-20T01:00:00"}


def said(
    service: str, document: object, standing: Standing | None = None, at: datetime = NOW
) -> tuple[str, dict[str, Any]]:
    """The key, and the message."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    say = DESK.read(Call(path=f"/{service}/x", body=body, at=at))
    (message,) = say.messages(standing or Standing())
    return message.key, json.loads(message.body)


def test_an_address_is_a_call_and_the_code_behind_it() -> None:
    assert DESK.stands is Stands.ADDRESS
    assert DESK.shows(Call(path="/KetThucHoSo/s3cret")).secret == "s3cret"
    assert DESK.shows(Call(path="/KetThucHoSo/a/b/")).secret == "a/b"
    for without in ("/KetThucHoSo", "/KetThucHoSo/"):
        with pytest.raises(Refusal) as refused:
            DESK.shows(Call(path=without))
        assert refused.value.code == "HUB-AUT-001"
    assert DESK.errand("POST", "/ketthuchoso/x", {}) is Errand.SAY  # its own server looks at no case
    assert DESK.errand("GET", "/KetThucHoSo/x", {}) is None
    assert DESK.errand("POST", "/token", {}) is None


@pytest.mark.parametrize("service", [name for name, date in DATES.items() if date])
def test_a_call_that_says_when_is_the_same_call_whenever_it_comes(service: str) -> None:
    document = {"SoBienNhan": CODE, DATES[service]: "2026-11-20T01:00:00", "TrangThaiKetThuc": 0}
    first, message = said(service, document)
    standing = Standing(said=(first, "something-else"))
    assert said(service, document, standing, NOW + DAY) == (first, message)
    assert message["At"] == "2026-11-20T01:00:00"
    assert said(service, {**document, "GhiChu": "x"})[0] != first


def test_a_call_without_a_date_is_a_repetition_of_what_was_said_last_only() -> None:
    first, message = said("ThueChuyenTraHoSoDoSai", TAX)
    assert message["At"] == "2026-11-20T03:04:05+00:00"
    assert said("ThueChuyenTraHoSoDoSai", TAX, Standing(said=(first,)), NOW + DAY)[0] == first
    moved, _ = said("ChuyenHoSo", MOVED)
    second, later = said("ThueChuyenTraHoSoDoSai", TAX, Standing(said=(first, moved)), NOW + DAY)
    assert second != first
    assert later["At"] == "2026-11-21T03:04:05+00:00"
    known = Standing(said=(first, moved, second))
    assert said("ThueChuyenTraHoSoDoSai", TAX, known, NOW + 2 * DAY)[0] == second


def test_a_call_without_a_date_happened_again_once_another_system_answered() -> None:
    first, _ = said("YeuCauCapNhatHoSo", TAX)
    assert said("YeuCauCapNhatHoSo", TAX, Standing(said=(first,)), NOW + DAY)[0] == first
    assert said("YeuCauCapNhatHoSo", TAX, Standing(said=(first,), answered=True), NOW + DAY)[0] != first


def test_the_clock_is_no_part_of_what_was_said_where_the_call_has_none() -> None:
    def heard(service: str, document: object, at: datetime) -> Message:
        body = json.dumps(document).encode()
        (message,) = DESK.read(Call(path=f"/{service}/x", body=body, at=at)).messages(Standing())
        return message

    here, there = (heard("ThueChuyenTraHoSoDoSai", TAX, NOW + n * DAY) for n in range(2))
    assert (here.key, here.clocked) == (there.key, True)
    assert here.body != there.body
    assert not heard("ChuyenHoSo", MOVED, NOW).clocked  # its bytes are the same whenever it comes


def test_the_same_words_in_two_calls_are_two_events() -> None:
    assert said("YeuCauCapNhatHoSo", TAX)[0] != said("ThongBaoNhapSaiThuTuc", TAX)[0]


def test_what_was_sent_stands_in_the_message_byte_for_byte() -> None:
    body = json.dumps({**TAX, "La": None}, indent=3).encode()
    (message,) = DESK.read(Call(path="/ThueChuyenTraHoSoDoSai/x", body=body, at=NOW)).messages(Standing())
    assert body in message.body


@pytest.mark.parametrize("files", [{"TenGiayTo": "Thư", "LinkFile": "/f/1"}, [{"LinkFile": "/f/1"}, {}]])
def test_files_may_be_one_or_many(files: object) -> None:
    _, message = said("ChuyenHoSo", {**MOVED, "DanhSachTapTin": files})
    (file,) = message["Files"]
    assert file["Link"] == "/f/1"
    assert len(file["Id"]) == 32


@pytest.mark.parametrize(
    ("service", "body", "code", "place"),
    [
        ("ChuyenHoSo", b"{", "HUB-SCH-001", ""),
        ("ChuyenHoSo", b"[]", "HUB-SCH-002", ""),
        ("ChuyenHoSo", b"{}", "HUB-SCH-003", "/SoBienNhan"),
        ("ChuyenHoSo", b'{"SoBienNhan": 1}', "HUB-SCH-002", "/SoBienNhan"),
        ("ChuyenHoSo", b'{"SoBienNhan": "x", "NgayChuyen": 5}', "HUB-SCH-002", "/NgayChuyen"),
        ("ChuyenHoSo", b'{"SoBienNhan": "x", "DanhSachTapTin": [1]}', "HUB-SCH-002", "/DanhSachTapTin"),
        ("KetThucHoSo", b'{"SoBienNhan": "x", "TrangThaiKetThuc": 0}', "HUB-SCH-003", "/NgayKetThuc"),
        (
            "NhanBoSungHoSo",
            b'{"SoBienNhan": "x", "NgayNhanBoSung": "0001-01-01T00:00:00"}',
            "HUB-SCH-003",
            "/NgayNhanBoSung",
        ),
        ("KetThucHoSo", b'{"SoBienNhan": "x", "NgayKetThuc": "x"}', "HUB-SCH-003", "/TrangThaiKetThuc"),
        (
            "KetThucHoSo",
            b'{"SoBienNhan": "x", "TrangThaiKetThuc": true}',
            "HUB-SCH-002",
            "/TrangThaiKetThuc",
        ),
        ("TiepNhanHoSoChoMotCua", b"{}", "HUB-MAP-005", "/TiepNhanHoSoChoMotCua"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(
    service: str, body: bytes, code: str, place: str
) -> None:
    with pytest.raises(Refusal) as refused:
        said(service, body)
    assert (refused.value.code, refused.value.problems[0].place) == (code, place)


def test_result_and_status_line_say_the_same() -> None:
    good = DESK.write(Accepted(ids=("m-1",)))
    assert (good.status, json.loads(good.body)) == (200, {"Result": 1, "Message": "m-1"})
    problems = (
        Told(code="HUB-SCH-002", title="Sai", place="/KetThucHoSo/DanhSachGiayToKetQua"),
        Told(code="HUB-MAP-001", title="Mã lạ", place="/Ends", rule="codes.ket_thuc"),
    )
    bad = DESK.write(Refused(status=422, problems=problems, advice="Sửa.", request="r-1"))
    told = json.loads(bad.body)
    assert (bad.status, told["Result"]) == (422, 0)
    assert told["Message"].splitlines() == [
        "HUB-SCH-002: Sai · DanhSachGiayToKetQua",
        "HUB-MAP-001: Mã lạ · TrangThaiKetThuc (codes.ket_thuc)",
        "Sửa.",
        "X-Request-Id: r-1",
    ]


def test_dates_are_utc_with_or_without_a_mark_and_null_says_nothing() -> None:
    mapping = load(BUILTIN / "mappings" / "vbdlis.desk-1.toml")
    for written in ("2026-11-20T01:00:00", "2026-11-20T01:00:00.0000000Z", "2026-11-20T08:00:00+07:00"):
        document = {**MOVED, "NgayChuyen": written, "NoiDungXuLy": None, "DanhSachTapTin": None}
        _, message = said("ChuyenHoSo", document)
        read = mapping.read(json.dumps(message).encode(), "s", "k", "a")
        assert (read.kind, read.event.at) == (Kind.TRANSFERRED, datetime(2026, 11, 20, 1, tzinfo=UTC))


def test_how_a_dossier_ended_is_looked_up_and_never_guessed() -> None:
    mapping = load(BUILTIN / "mappings" / "vbdlis.desk-1.toml")
    document = {"SoBienNhan": CODE, "NgayKetThuc": "2026-11-20T01:00:00", "TrangThaiKetThuc": 1}
    with pytest.raises(Refusal) as refused:
        mapping.read(json.dumps(said("KetThucHoSo", document)[1]).encode(), "s", "k", "a")
    assert (refused.value.code, refused.value.problems[0].place) == ("HUB-MAP-001", "/Ends")


@pytest.mark.parametrize("other", ["/a", "/a/b"])
def test_no_desk_stands_at_or_below_another(other: str) -> None:
    with pytest.raises(ValueError, match="two desks at one path"):
        Desks.model_validate({"lgsp": "/a", "vbdlis": other})

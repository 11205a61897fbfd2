"""The simulators of the land offices' system and of the tax gateway take nothing that a strict system would not, and say why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree

from connectors.simulators.desk import Call, Journal
from connectors.simulators.gip import Gip, Habits
from connectors.simulators.vbdlis import Vbdlis
from connectors.simulators.vbdlis_calls import understood

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
CODE = "000.00.15.H47-190412-0007"
PAPER = {"TenGiayTo": "Đơn", "SoBanChinh": 1, "TapTin": {"name": "don.pdf", "data": "JVBERi0="}}
TAKEN: dict[str, Any] = {
    "LaQuyTrinhCapTinh": True,
    "SoBienNhan": CODE,
    "NguoiTiepNhan": "tiepnhan.mc",
    "NgayTiepNhan": "2019-04-12T09:00:00Z",
    "NgayHenTra": "2019-04-18T16:00:00",
    "ThongTinNguoiNopDon": {"HoTen": "Nguyễn Văn Mẫu"},
    "ThongTinQuyTrinh": {"MaQuyTrinh": "QNA-DD-0123"},
    "DanhSachGiayToDinhKem": [PAPER],
}
QUESTION = f"""<DATA><HEADER><VERSION>1.0</VERSION><SENDER_CODE>H47</SENDER_CODE><RECEIVER_CODE>GIP</RECEIVER_CODE><TRAN_CODE>00046</TRAN_CODE>
<MSG_ID>H47201904120000001</MSG_ID><SEND_DATE>12-APR-2019 16:10:00</SEND_DATE></HEADER><BODY><ROW><TYPE>00046</TYPE><NAME>Truy vấn</NAME>
<MA_HS>{CODE}</MA_HS></ROW></BODY><SECURITY/></DATA>"""


def clock() -> datetime:
    return NOON


def land(operation: str, document: Any, desk: Vbdlis | None = None, code: str = "m") -> dict[str, Any]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {"content-type": "application/json"}
    call = Call(method="POST", path=f"/api/{operation}/{code}", query="", headers=headers, body=body)
    said = (desk or Vbdlis(Journal(None, clock), "m", clock=clock)).answer(call)
    assert said.status == 200
    told: dict[str, Any] = json.loads(said.body)
    assert set(told) == {"data", "status"}
    assert set(told["status"]) == {"success", "code", "type", "time", "message"}
    assert (told["data"] > 0) == told["status"]["success"]
    return told


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("SoBienNhan", " ", "SoBienNhan"),
        ("NguoiTiepNhan", 5, "NguoiTiepNhan"),
        ("LaQuyTrinhCapTinh", "true", "LaQuyTrinhCapTinh"),
        ("TinhId", "49a", "TinhId"),
        ("NgayTiepNhan", "20190412090000", "NgayTiepNhan"),
        ("NgayHenTra", "2019-02-30T09:00:00", "NgayHenTra"),
        ("ThongTinNguoiNopDon", {}, "ThongTinNguoiNopDon.HoTen"),
        ("ThongTinQuyTrinh", "QNA", "ThongTinQuyTrinh"),
        ("ThongTinThuaDat", [{"DienTich": "-1"}], "ThongTinThuaDat[0].DienTich"),
        ("DanhSachGiayToDinhKem", PAPER, "DanhSachGiayToDinhKem"),
        ("DanhSachGiayToDinhKem", [{**PAPER, "TapTin": {"name": "a", "data": "%%"}}], "[0].TapTin.data"),
        ("DanhSachGiayToDinhKem", [{**PAPER, "TapTin": {"name": "", "data": "JVBERi0="}}], "[0].TapTin.name"),
    ],
)
def test_the_land_system_takes_no_dossier_that_lacks_or_misspells_something(
    field: str, value: Any, says: str
) -> None:
    assert land("tiepnhan", TAKEN)["status"]["success"]
    told = land("tiepnhan", {**TAKEN, field: value})
    assert not told["status"]["success"]
    assert says in told["status"]["message"]


def test_the_land_system_keeps_a_dossier_once_and_updates_none_that_it_has_not() -> None:
    desk = Vbdlis(Journal(None, clock), "m", clock=clock)
    update = {"SoBienNhan": CODE, "NgayTra": "2019-04-18T16:00:00Z"}
    assert not land("capnhattrangthaitraketquahoso", update, desk)["status"]["success"]
    assert land("tiepnhan", TAKEN, desk)["data"] == 1
    assert "đã tồn tại" in land("tiepnhan", TAKEN, desk)["status"]["message"]
    assert land("capnhattrangthaitraketquahoso", update, desk)["status"]["success"]
    for wrong in (b"[]", b"{", json.dumps({**update, "NgayTra": None}).encode()):
        assert not land("capnhattrangthaitraketquahoso", wrong, desk)["status"]["success"]
    assert "bảo mật" in land("tiepnhan", TAKEN, desk, code="x")["status"]["message"]
    assert [entry.operation for entry in desk.journal.entries] == [
        "tiepnhan",
        "capnhattrangthaitraketquahoso",
    ]
    again = Vbdlis(desk.journal, "m", clock=clock, wants=["TinhId"], flag=True)
    assert "đã tồn tại" in land("tiepnhan", {**TAKEN, "TinhId": 49}, again)["status"]["message"]
    other = {**TAKEN, "SoBienNhan": "x"}
    assert "TinhId" in land("tiepnhan", other, again)["status"]["message"]
    assert land("tiepnhan", {**other, "TinhId": 49}, again)["data"] == 1


def tax(question: str, desk: Gip | None = None, head: str = "in_msg") -> etree._Element:
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><g:xuLyTruyVanMsg xmlns:g="http://gip.request.com/">'
        f"<{head}><![CDATA[{question}]]></{head}></g:xuLyTruyVanMsg></e:Body></e:Envelope>"
    ).encode()
    call = Call(method="POST", path="/", query="", headers={"content-type": "text/xml"}, body=body)
    said = (desk or Gip(Journal(None, clock), clock=clock)).answer(call)
    inside = etree.fromstring(said.body).findtext(".//return")
    assert (inside is None) == (said.status == 500)
    return etree.fromstring(inside) if inside else etree.fromstring(said.body)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("<VERSION>1.0</VERSION>", "", "01"),
        ("<SENDER_CODE>H47</SENDER_CODE><RECEIVER_CODE>GIP</RECEIVER_CODE>",
         "<RECEIVER_CODE>GIP</RECEIVER_CODE><SENDER_CODE>H47</SENDER_CODE>", "01"),
        ("<VERSION>", "<KHAC/><VERSION>", "01"),
        ("12-APR-2019 16:10:00", "2019-04-12", "01"),
        ("12-APR-2019 16:10:00", "31-FEB-2019 16:10:00", "01"),
        ("<NAME>Truy vấn</NAME>", "", "01"),
        (f"<MA_HS>{CODE}</MA_HS>", "<MA_HS/>", "01"),
        ("<SECURITY/>", "", "01"),
        ("</DATA>", "", "01"),
        ("H47201904120000001", "201904120000001", "04"),
        ("H47201904120000001", "H47201913120000001", "04"),
        ("<TRAN_CODE>00046", "<TRAN_CODE>00047", "03"),
        ("<SECURITY/>", "<SECURITY><Signature/></SECURITY>", "02"),
    ],
)  # fmt: skip
def test_the_tax_gateway_answers_no_question_that_is_not_well_formed(old: str, new: str, error: str) -> None:
    assert old in QUESTION
    answer = tax(QUESTION.replace(old, new))
    assert answer.findtext("HEADER/ERROR_CODE") == error
    assert answer.findtext("HEADER/ERROR_DESC")
    assert answer.find("BODY/ROW/SOTHUE") is None


def test_the_tax_gateway_writes_its_dates_and_its_success_in_each_way_of_real_answers() -> None:
    desk = Gip(Journal(None, clock), clock=clock)
    said = [tax(QUESTION.replace("0000001<", f"000000{number}<"), desk) for number in (1, 2)]
    assert [each.findtext("HEADER/SEND_DATE") for each in said] == ["20-NOV-2026 12:00:00", "11-20-2026"]
    assert [each.findtext("HEADER/ERROR_CODE") for each in said] == ["00", ""]
    assert {each.findtext("HEADER/MSG_REFID") for each in said} == {
        "H47201904120000001",
        "H47201904120000002",
    }
    for written in ("04-12-2019", "12-04-2019 16:10:00"):
        assert tax(QUESTION.replace("12-APR-2019 16:10:00", written)).find("BODY/ROW/SOTHUE") is not None
    other = QUESTION.replace(CODE, CODE[:-1] + "3")
    assert tax(other, desk).findtext("HEADER/ERROR_CODE") == "04", "the same MSG_ID for another question"
    assert len(desk.journal.entries) == 2


@pytest.mark.parametrize(
    ("number", "state", "payers", "rows"),
    [
        ("0007", "01", 1, 1),
        ("0002", "01", 1, 2),
        ("0003", "01", 2, 2),
        ("0155", "03", 0, 0),
        ("0100", "02", 0, 0),
    ],
)
def test_what_the_tax_gateway_says_is_owed_follows_the_dossiers_number(
    number: str, state: str, payers: int, rows: int
) -> None:
    answer = tax(QUESTION.replace(CODE, CODE[:-4] + number))
    assert answer.findtext("BODY/ROW/SOTHUE/TRANGTHAI") == state
    assert len(answer.findall(".//TONG_TIEN")) == payers
    owed = [row.findtext("SO_CON_PHAI_NOP") for row in answer.iter("ROW_SOTHUE")]
    assert len(owed) == rows
    sums = [int(each.findtext("TT_NNT") or "") for each in answer.iter("TONG_TIEN")]
    assert sum(sums) == sum(map(int, filter(None, owed)))


def test_the_tax_gateway_wants_its_parameter_where_it_was_told_to() -> None:
    qualified = Gip(Journal(None, clock), clock=clock, habits=Habits(qualified=True))
    assert tax(QUESTION, qualified, "g:in_msg").find("BODY") is not None
    assert tax(QUESTION, qualified).findtext(".//faultstring")
    assert tax(QUESTION, head="g:in_msg").findtext(".//faultstring")


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (200, '{"Result": 1, "Message": "a"}', 1),
        (404, '{"Result": 0, "Message": ""}', 0),
        (503, '{"Result": 0, "Message": ""}', -1),
        (200, '{"Result": "1", "Message": ""}', -1),
        (200, '{"Result": 1}', -1),
        (200, "<html>1</html>", -1),
        (0, "", -1),
    ],
)
def test_the_land_system_believes_only_an_answer_in_its_own_form(status: int, body: str, result: int) -> None:
    assert understood(status, body).result == result

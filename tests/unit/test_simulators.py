"""The simulated partners keep their promises: only then do their journals prove anything about the hub."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from lxml import etree

from connectors.simulators.department import Department, Names
from connectors.simulators.desk import Call, Journal, Said
from connectors.simulators.land import NS, SOAP11, SOAP12, Land
from connectors.simulators.onestop import PATH, OneStop
from connectors.simulators.orders import KINDS, Order
from connectors.simulators.portal import DSTCODE, Portal
from connectors.simulators.server import Server
from schemas.library import Library
from schemas.validation import validate
from tests.contract.room_national_portal import dossier, step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PASSWORD = "mật khẩu thử"


def clock() -> datetime:
    return NOW


def journal(file: Path | None = None) -> Journal:
    return Journal(file, clock)


# --- journal ----------------------------------------------------------------------------------------------------


def test_a_journal_is_read_back_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "j.jsonl"
    first = journal(file).record("op", "Đất".encode(), key="k", dossier="d", reference="r")
    with file.open("ab") as torn:
        torn.write(b'{"number":2,"at"')
    again = journal(file)
    assert again.entries == [first]
    again.record("op", b"x")
    assert [entry.number for entry in journal(file).entries] == [1, 2]


# --- one-stop ---------------------------------------------------------------------------------------------------


def post(body: bytes, key: str = "k1", **headers: str) -> Call:
    return Call(method="POST", path=PATH, query="", headers={"idempotency-key": key, **headers}, body=body)


def ask(key: str) -> Call:
    return Call(method="GET", path=f"{PATH}/{key}", query="", headers={}, body=b"")


def test_the_one_stop_keeps_keys_also_over_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "j.jsonl"
    desk = OneStop(journal(file))
    first = desk.answer(post(b'{"HoSo":[{"MaHoSo":"A-1"}]}'))
    desk = OneStop(journal(file))
    assert desk.answer(post(b'{"HoSo":[{"MaHoSo":"A-1"}]}')) == first
    assert desk.answer(post(b'{"HoSo":[{"MaHoSo":"A-2"}]}')).status == 422
    assert [entry.dossier for entry in desk.journal.entries] == ["A-1"]
    assert desk.answer(ask("k1")) == first
    assert desk.answer(ask("k2")).status == 404


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (post(b"{}", key="", authorization="Bearer s3cret-s3cret"), 400),
        (post(b"{", authorization="Bearer s3cret-s3cret"), 400),
        (post(b"{}"), 401),
        (post(b"{}", **{"x-api-key": "wrong"}), 401),
    ],
)
def test_the_one_stop_refuses_and_journals_nothing(call: Call, status: int) -> None:
    desk = OneStop(journal(), "s3cret-s3cret")
    assert desk.answer(call).status == status
    assert desk.journal.entries == []


# --- land -------------------------------------------------------------------------------------------------------


def soap(body: str, version: str = SOAP11, **headers: str) -> Call:
    envelope = f'<s:Envelope xmlns:s="{version}" xmlns:l="{NS}"><s:Body>{body}</s:Body></s:Envelope>'
    kind = "text/xml" if version == SOAP11 else "application/soap+xml"
    return Call(
        method="POST",
        path="/land",
        query="",
        headers={"content-type": kind, **headers},
        body=envelope.encode(),
    )


def receive(key: str = "k1", code: str = "A-1", note: str = "") -> str:
    extra = f"<l:NguoiTiepNhan>{note}</l:NguoiTiepNhan>" if note else ""
    return (
        f"<l:TiepNhanHoSo><l:MaGiaoDich>{key}</l:MaGiaoDich><l:ThoiDiem>2019-04-12T09:00:00Z</l:ThoiDiem>"
        f"<l:SoBienNhan>{code}</l:SoBienNhan>{extra}</l:TiepNhanHoSo>"
    )


def result(said: Said) -> dict[str, str]:
    found = etree.fromstring(said.body).find(f".//{{{NS}}}KetQua")
    return {etree.QName(child).localname: child.text or "" for child in found} if found is not None else {}


def faultcode(said: Said) -> str:
    root = etree.fromstring(said.body)
    codes = [root.findtext(".//faultcode"), root.findtext(f".//{{{SOAP12}}}Value")]
    return next((code for code in codes if code), "")


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_the_land_service_speaks_by_its_own_contract(version: str) -> None:
    desk, schema = Land(journal()), Library().schema("xsd:land@1")
    question = "<l:TraCuuGiaoDich><l:MaGiaoDich>k1</l:MaGiaoDich></l:TraCuuGiaoDich>"
    answers = [desk.answer(soap(body, version)) for body in (question, receive(), receive(), question)]
    assert [result(said)["Ma"] for said in answers] == ["2", "0", "1", "0"]
    assert {result(said).get("SoTiepNhan", "TNMT-000001") for said in answers} == {"TNMT-000001"}
    assert len(desk.journal.entries) == 1
    for said in answers:
        body = etree.fromstring(said.body)[0][0]
        assert check(schema, etree.tostring(body)) == []


def check(schema: Any, document: bytes) -> list[object]:
    return list(validate(document, schema))


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (soap(receive(note="khác")), "soap:Client.Duplicate"),
        (soap("<l:KhongCo/>"), "soap:Client"),
        (soap(""), "soap:Client"),
        (soap("<l:TiepNhanHoSo/>"), "soap:Client"),
        (soap(receive("k2"), soapaction='"urn:lienthong:example:land:1/CapNhatHoSo"'), "soap:Client"),
        (soap("<a/>"), "soap:Client"),
    ],
)
def test_the_land_service_faults_and_journals_nothing(call: Call, fault: str) -> None:
    desk = Land(journal())
    desk.answer(soap(receive()))
    said = desk.answer(call)
    assert (said.status, faultcode(said)) == (500, fault)
    assert len(desk.journal.entries) == 1


def test_a_soap_12_fault_has_its_own_shape_and_status() -> None:
    said = Land(journal()).answer(soap("<l:KhongCo/>", SOAP12))
    assert (said.status, faultcode(said)) == (400, "soap:Sender")


def test_the_land_service_refuses_a_dtd() -> None:
    call = soap(receive())
    bomb = Call(method="POST", path="/", query="", headers={}, body=b"<!DOCTYPE x><x/>" + call.body)
    assert Land(journal()).answer(bomb).status == 500


# --- portal -----------------------------------------------------------------------------------------------------


class Visitor:
    """Calls the portal as its clients do."""

    def __init__(self, desk: Portal) -> None:
        self.desk = desk
        self.session = self.call("/mapi/login", username="000.00.00.H47", password=PASSWORD)["session"]

    def call(self, path: str = "/mapi/g", **words: Any) -> Any:
        body = json.dumps(words).encode()
        said = self.desk.answer(
            Call(method="POST", path=path, query="", headers={"dstcode": DSTCODE}, body=body)
        )
        assert said.status == 200
        return json.loads(said.body)

    def serve(self, service: str, **words: Any) -> Any:
        return self.call(session=self.session, madonvi="000.00.00.H47", service=service, **words)

    def sync(self, updating: str, *records: dict[str, Any]) -> Any:
        return self.serve("DongBoHoSoMC", isUpdating=updating, data=list(records))

    def state(self, number: int) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.serve("TraCuuHoSo", mahoso=dossier(number)["MaHoSo"])["result"]
        return found


@pytest.fixture
def desk() -> Portal:
    return Portal(journal(), PASSWORD, clock=clock)


@pytest.fixture
def visitor(desk: Portal) -> Visitor:
    return Visitor(desk)


def test_the_portal_knows_a_dossier_only_after_it_was_created(visitor: Visitor) -> None:
    assert visitor.state(1) == []
    assert visitor.sync("True", dossier(1))["message"].endswith("không tồn tại")
    assert str(visitor.sync("False", dossier(1))["error_code"]).lstrip("0") == ""
    again = visitor.sync("False", dossier(1))
    assert (again["error_code"], again["message"].split()[-3:]) == ("-3", ["đã", "tồn", "tại"])
    assert visitor.state(1) == [{"MAHOSO": dossier(1)["MaHoSo"], "TRANGTHAIHOSO": "4"}]
    assert str(visitor.sync("True", dossier(1) | {"TrangThaiHoSo": "9"})["error_code"]).lstrip("0") == ""
    assert visitor.state(1)[0]["TRANGTHAIHOSO"] == "9"
    assert [entry.reference for entry in visitor.desk.journal.entries] == ["create", "update"]


def test_progress_is_appended_every_time_so_that_a_double_shows(visitor: Visitor) -> None:
    assert visitor.serve("CapNhatTienDoHoSoMC", data=[step(1)])["error_code"] == "3"
    visitor.sync("False", dossier(1))
    for _ in range(2):
        visitor.serve("CapNhatTienDoHoSoMC", data=[step(1)])
    digests = [entry.digest for entry in visitor.desk.journal.of("CapNhatTienDoHoSoMC")]
    assert len(digests) == 2
    assert len(set(digests)) == 1


def test_success_is_said_in_three_ways(visitor: Visitor) -> None:
    codes = {repr(visitor.sync("False", dossier(number))["error_code"]) for number in range(1, 4)}
    assert codes == {"'0'", "0", "'00'"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"TrichYeuHoSo": ""},
        {"TrichYeuHoSo": "x" * 1001},
        {"NgayTiepNhan": "20190231160000"},
        {"NgayTiepNhan": "2019-04-12"},
        {"KenhThucHien": "4"},
        {"TrangThaiHoSo": 4},
        {"MaTTHC": None},
        {"MaHoSo": ["A"]},
    ],
)
def test_the_portal_refuses_a_record_inside_200_and_journals_nothing(
    visitor: Visitor, wrong: dict[str, Any]
) -> None:
    assert visitor.sync("False", dossier(1) | wrong)["error_code"] == "3"
    assert visitor.sync("False", dossier(2), dossier(1) | wrong)["error_code"] == "3"
    assert visitor.desk.journal.entries == []


@pytest.mark.parametrize("updating", ["true", True, "1", ""])
def test_updating_is_one_of_two_words(visitor: Visitor, updating: Any) -> None:
    assert visitor.sync(updating, dossier(1))["error_code"] == "3"


def test_since_2022_the_identity_is_mandatory() -> None:
    visitor = Visitor(Portal(journal(), PASSWORD, clock=clock, generation="1+"))
    assert "SoGiayToChuHoSo" in visitor.sync("False", dossier(1))["message"]


def test_sessions_end_by_time_and_without_notice() -> None:
    times = [NOW]
    visitor = Visitor(Portal(journal(), PASSWORD, clock=lambda: times[0]))
    times[0] += timedelta(seconds=599)
    assert visitor.state(1) == []
    times[0] += timedelta(seconds=2)
    assert visitor.sync("False", dossier(1)) == {"error_code": "1", "message": "Phiên làm việc hết hạn"}
    visitor = Visitor(visitor.desk)
    visitor.desk.expire()
    assert visitor.sync("False", dossier(1))["error_code"] == "1"
    assert visitor.desk.journal.entries == []


@pytest.mark.parametrize(
    ("headers", "query"), [({}, ""), ({"dstcode": "VN:GOV:other"}, ""), ({}, "dstcode=x")]
)
def test_without_the_right_destination_the_adapter_answers_with_a_page(
    desk: Portal, headers: dict[str, str], query: str
) -> None:
    said = desk.answer(Call(method="POST", path="/mapi/login", query=query, headers=headers, body=b"{}"))
    assert (said.status, said.media_type) == (200, "text/html")


def test_the_destination_may_stand_in_the_query(desk: Portal) -> None:
    said = desk.answer(
        Call(method="POST", path="/mapi/login", query=f"dstcode={DSTCODE}", headers={}, body=b"{}")
    )
    assert json.loads(said.body)["error_code"] == "2"


def test_the_portal_remembers_over_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "j.jsonl"
    visitor = Visitor(Portal(journal(file), PASSWORD, clock=clock))
    visitor.sync("False", dossier(1) | {"TrangThaiHoSo": "2"})
    visitor.serve("CapNhatTienDoHoSoMC", data=[step(1)])
    again = Visitor(Portal(journal(file), PASSWORD, clock=clock))
    assert again.state(1)[0]["TRANGTHAIHOSO"] == "4"


# --- orders and processes ---------------------------------------------------------------------------------------


# --- any department ---------------------------------------------------------------------------------------------

NAMES = Names(key="So", ask="Hoi", answer="TraLoi", code="KQ", number="Bn", prefix="A-")


def asked(operation: str, key: str, version: str = SOAP11, more: str = "") -> Call:
    body = f'<x:{operation} xmlns:x="urn:any:1"><x:So>{key}</x:So>{more}</x:{operation}>'
    text = f'<s:Envelope xmlns:s="{version}"><s:Body>{body}</s:Body></s:Envelope>'
    return Call(method="POST", path="/", query="", headers={}, body=text.encode())


def told(said: Said) -> dict[str, str]:
    (found,) = etree.fromstring(said.body).findall(".//{urn:any:1}TraLoi")
    return {etree.QName(each).localname: each.text or "" for each in found}


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_a_department_keeps_keys_and_answers_by_the_names_it_was_given(tmp_path: Path, version: str) -> None:
    file = tmp_path / "j.jsonl"
    desk = Department(journal(file), NAMES)
    assert told(desk.answer(asked("Hoi", "k1", version))) == {"So": "k1", "KQ": "404"}
    first = desk.answer(asked("Gui", "k1", version))
    assert told(first) == {"So": "k1", "KQ": "0", "Bn": "A-1"}
    assert etree.QName(etree.fromstring(first.body)).namespace == version
    again = Department(journal(file), NAMES)
    assert told(again.answer(asked("Gui", "k1", version))) == told(first)
    assert told(again.answer(asked("Hoi", "k1", version))) == told(first)
    assert told(again.answer(asked("Gui", "k1", version, more="<x:khac/>")))["KQ"] == "12"
    assert told(again.answer(asked("Gui", "", version)))["KQ"] == "12"
    assert [(one.operation, one.key, one.reference) for one in again.journal.entries] == [
        ("Gui", "k1", "A-1")
    ]


@pytest.mark.parametrize("body", [b"", b"<a", b"<a/>", b"<!DOCTYPE x><a><Body><b/></Body></a>"])
def test_a_department_takes_nothing_but_soap(body: bytes) -> None:
    desk = Department(journal(), NAMES)
    call = Call(method="POST", path="/", query="", headers={}, body=body)
    assert (desk.answer(call).status, desk.refusal(call).status, desk.name(call)) == (400, 400, "")
    assert desk.journal.entries == []


def test_an_order_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="kind"):
        Server(OneStop(journal())).order(Order(kind="explode"))


def test_every_misbehaviour_can_be_performed() -> None:
    said, call = Said(body=b'{"code":"0"}'), post(b"{}")
    for kind, perform in KINDS.items():
        assert perform(Order(kind=kind), call, said)


@pytest.mark.parametrize("name", ["onestop", "land", "portal", "department"])
def test_each_runs_as_a_process_and_takes_orders(
    tmp_path: Path, name: str, unused_tcp_port_factory: Callable[[], int]
) -> None:
    port, file = unused_tcp_port_factory(), tmp_path / "deep" / "j.jsonl"
    command = [
        sys.executable,
        "-m",
        f"connectors.simulators.{name}",
        "--port",
        str(port),
        "--journal",
        str(file),
        *(("--key", "So", "--ask", "Hoi") if name == "department" else ()),
    ]
    with subprocess.Popen(command) as process:
        try:
            url = f"http://127.0.0.1:{port}/__control"
            assert _answer(url) == {"processed": 0, "orders": [], "calls": 0, "held": []}
            ordered = _answer(url, b'{"kind":"status","status":503,"retry_after":"7","times":2}')
            assert [order["status"] for order in ordered["orders"]] == [503]
            with pytest.raises(URLError, match="503"):
                urlopen(f"http://127.0.0.1:{port}/x", data=b"{}", timeout=5)
            assert _answer(url)["calls"] == 1
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def _answer(url: str, body: bytes | None = None, seconds: float = 15.0) -> Any:
    until = time.monotonic() + seconds
    while True:
        try:
            with urlopen(Request(url, data=body), timeout=5) as response:  # noqa: S310 - loopback
                return json.loads(response.read())
        except (ConnectionError, URLError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)

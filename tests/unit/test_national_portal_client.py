"""The portal room against a small portal on loopback that keeps what it is told."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug import Response

from connectors.contract import Deferred, Delivered, Parcel, Refused, Sealed, Unsure
from connectors.national_portal.client import connect
from connectors.national_portal.settings import Settings
from connectors.replies import Row
from connectors.transport import Http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from connectors.contract import Connector, Outcome

CODE = "000.00.15.H47-190412-0007"
PASSWORD = "m4t-kh4u-r4t-d4i"
RECORD = {"MaHoSo": CODE, "TrangThaiHoSo": "2", "ChuHoSo": "Nguyễn Văn Mẫu"}
STEP = {
    "MaHoSo": CODE,
    "NguoiXuLy": "Lê Văn A",
    "ThoiDiemXuLy": "20190412160000",
    "NoiDungXuLy": "Thẩm tra",
    "TrangThai": "4",
}
HTML = Response("<html><body>502 Bad Gateway</body></html>", content_type="text/html")


class Portal:
    """Sessions, dossiers and progress; ``orders``: answers given instead of its own, per service, first in first out."""

    def __init__(self) -> None:
        self.sessions: list[str] = []
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.dossiers: dict[str, dict[str, Any]] = {}
        self.progress: list[dict[str, Any]] = []
        self.orders: dict[str, list[Response | str]] = {}
        self.lists_progress = False

    def order(self, service: str, *answers: Response | str) -> None:
        self.orders.setdefault(service, []).extend(answers)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def answer(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        service = body.get("service", "login")
        self.calls.append((service, body.get("isUpdating", "")))
        self.bodies.append(request.get_data())
        if self.orders.get(service):
            ordered = self.orders[service].pop(0)
            return ordered if isinstance(ordered, Response) else _json(ordered)
        if service == "login":
            assert body == {"username": "hub", "password": PASSWORD}
            self.sessions.append(f"phien-so-{len(self.sessions) + 1:04}")
            return _json({"error_code": 0, "session": self.sessions[-1]})
        if body["session"] not in self.sessions:
            return _json({"error_code": "1", "message": "Phiên làm việc hết hạn"})
        return _json(self.serve(service, body))

    def serve(self, service: str, body: dict[str, Any]) -> dict[str, Any]:
        if service == "TraCuuHoSo":
            found = self.dossiers.get(body["mahoso"])
            return {"error_code": 0, "result": [self.shown(found)] if found else []}
        if service == "CapNhatTienDoHoSoMC":
            self.progress += body["data"]
            return {"error_code": "00", "message": "Cập nhật tiến độ thành công"}
        for record in body["data"]:
            if (record["MaHoSo"] in self.dossiers) != (body["isUpdating"] == "True"):
                return {"error_code": "-3", "message": f"Hồ sơ {record['MaHoSo']} đã tồn tại"}
            self.dossiers[record["MaHoSo"]] = record
        return {"error_code": "0", "message": "Đồng bộ hồ sơ thành công"}

    def shown(self, record: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {"MAHOSO": record["MaHoSo"], "TRANGTHAIHOSO": record["TrangThaiHoSo"]}
        if self.lists_progress:
            shown["TIENDO"] = [
                {name.upper(): value for name, value in step.items()} for step in self.progress
            ]
        return shown


def _json(body: object) -> Response:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return Response(text, content_type="application/json")


def parcel(operation: str = "DongBoHoSoMC", **changes: str) -> Parcel:
    record = (RECORD if operation == "DongBoHoSoMC" else STEP) | changes
    payload = json.dumps([record], ensure_ascii=False, indent=1).encode()
    return Parcel(
        key="m1:dvcqg:0",
        operation=operation,
        sealed=Sealed(payload=payload, media_type="application/json", headers={"X-JWS": "a..b"}),
    )


def progress() -> Parcel:
    return parcel("CapNhatTienDoHoSoMC")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def portal(httpserver: HTTPServer) -> Portal:
    portal = Portal()
    for path in ("/forward/mapi/login", "/forward/mapi/g", "/forward/mapi/share"):
        httpserver.expect_request(path).respond_with_handler(portal.answer)
    return portal


@pytest.fixture
async def open_portal(
    httpserver: HTTPServer, tmp_path: Path, clock: Clock
) -> AsyncIterator[Callable[..., Connector]]:
    opened: list[Connector] = []
    (tmp_path / "password").write_text(PASSWORD)

    def make(rows: tuple[Row, ...] = (), **keys: Any) -> Connector:
        settings = Settings.model_validate(
            {
                "base_url": httpserver.url_for("/forward"),
                "agency": "000.00.00.H47",
                "username": "hub",
                "password_file": tmp_path / "password",
                "integration_path": "/mapi/g",
                "share_path": "/mapi/share",
                "connect_tries": 1,
                **keys,
            }
        )
        http = Http(settings, clock=lambda: datetime.now(UTC))
        opened.append(connect(settings, http, rows, clock=clock))
        return opened[-1]

    yield make
    for connector in opened:
        await connector.close()


async def test_a_new_dossier_is_looked_up_then_created_with_the_sealed_bytes(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    outcome = await open_portal().deliver(parcel())
    assert isinstance(outcome, Delivered)
    assert portal.calls == [("login", ""), ("TraCuuHoSo", ""), ("DongBoHoSoMC", "False")]
    assert portal.bodies[-1].count(parcel().sealed.payload) == 1
    assert portal.dossiers == {CODE: RECORD}
    assert len(outcome.exchanges) == 3
    assert b"X-JWS: a..b" in outcome.exchanges[-1].sent


async def test_a_known_dossier_is_updated(portal: Portal, open_portal: Callable[..., Connector]) -> None:
    portal.dossiers[CODE] = RECORD
    partner = open_portal()
    assert isinstance(await partner.deliver(parcel(TrangThaiHoSo="4")), Delivered)
    assert isinstance(await partner.deliver(parcel(TrangThaiHoSo="9")), Delivered)
    assert portal.calls[-1] == ("DongBoHoSoMC", "True")
    assert portal.dossiers[CODE]["TrangThaiHoSo"] == "9"
    assert portal.names().count("login") == 1


async def test_already_there_on_create_switches_to_update_once(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    portal.dossiers[CODE] = RECORD
    portal.order("TraCuuHoSo", '{"error_code":0,"result":[]}')
    assert isinstance(await open_portal().deliver(parcel()), Delivered)
    assert portal.calls[-2:] == [("DongBoHoSoMC", "False"), ("DongBoHoSoMC", "True")]


async def test_already_there_on_update_as_well_is_in_doubt(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    exists = '{"error_code":"-3","message":"Hồ sơ đã tồn tại"}'
    portal.order("DongBoHoSoMC", exists, exists)
    outcome = await open_portal().deliver(parcel())
    assert isinstance(outcome, Unsure)
    assert outcome.reason.code == "HUB-PAR-007"
    assert portal.names().count("DongBoHoSoMC") == 2


async def test_an_update_that_is_told_already_there_is_not_sent_again(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    portal.dossiers[CODE] = RECORD
    portal.order("DongBoHoSoMC", '{"error_code":"-3","message":"Hồ sơ đã tồn tại"}')
    assert isinstance(await open_portal().deliver(parcel()), Unsure)
    assert portal.names().count("DongBoHoSoMC") == 1


@pytest.mark.parametrize(
    "answer",
    [
        '{"error_code":"-1","message":"Lỗi hệ thống"}',
        '{"error_code":"-1","result":[]}',
        '{"error_code":0}',
        Response("", 500),
        Response("bận", 503),
    ],
    ids=str,
)
async def test_a_lookup_that_failed_sends_nothing_and_never_means_not_there(
    portal: Portal, open_portal: Callable[..., Connector], answer: str | Response
) -> None:
    portal.order("TraCuuHoSo", answer, answer, answer)
    partner = open_portal()
    assert isinstance(await partner.deliver(parcel()), Deferred)
    assert isinstance(await partner.find(parcel()), Unsure)
    assert "DongBoHoSoMC" not in portal.names()


async def test_an_html_page_or_nothing_from_the_lookup_is_asked_again_with_a_new_session(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    portal.order("TraCuuHoSo", HTML)
    assert isinstance(await open_portal().deliver(parcel()), Delivered)
    assert portal.names() == ["login", "TraCuuHoSo", "login", "TraCuuHoSo", "DongBoHoSoMC"]


@pytest.mark.parametrize(
    "lapsed",
    [
        '{"error_code":"1","message":"Phiên làm việc hết hạn"}',
        Response("<html>login</html>", 401),
        Response("", 403),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [parcel, progress], ids=["dossier", "progress"])
async def test_a_lapsed_session_is_renewed_once_and_the_call_replayed_once(
    portal: Portal, open_portal: Callable[..., Connector], lapsed: str | Response, make: Callable[[], Parcel]
) -> None:
    portal.order(make().operation, lapsed)
    assert isinstance(await open_portal().deliver(make()), Delivered)
    assert (portal.names().count("login"), portal.names().count(make().operation)) == (2, 2)


async def test_a_portal_that_wants_a_login_for_ever_does_not_have_it(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    lapsed = '{"error_code":"1","message":"Phiên làm việc hết hạn"}'
    portal.order("CapNhatTienDoHoSoMC", *[lapsed] * 9)
    outcome = await open_portal().deliver(progress())
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "HUB-PAR-005"
    assert portal.names() == ["login", "CapNhatTienDoHoSoMC"] * 2


@pytest.mark.parametrize("answer", [HTML, Response("", 200), '""', "Cập nhật"], ids=str)
async def test_progress_is_never_replayed_on_an_unclear_answer(
    portal: Portal, open_portal: Callable[..., Connector], answer: str | Response
) -> None:
    portal.order("CapNhatTienDoHoSoMC", answer)
    partner = open_portal()
    assert isinstance(await partner.deliver(progress()), Unsure)
    assert portal.names() == ["login", "CapNhatTienDoHoSoMC"]
    assert isinstance(await partner.deliver(parcel()), Delivered)
    assert (
        portal.names().count("login") == 2
    )  # the page may have been a login page: the session is not trusted on


async def test_progress_asks_nothing_and_is_sent_once(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    assert isinstance(await open_portal().deliver(progress()), Delivered)
    assert portal.names() == ["login", "CapNhatTienDoHoSoMC"]
    assert portal.progress == [STEP]


async def test_a_question_is_handed_on_once_and_cannot_be_asked_about(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    record = {"HOIDAPID": 71, "NOIDUNG": "Cần gì?", "MaHoSo": CODE}
    sealed = Sealed(payload=json.dumps([record]).encode(), media_type="application/json")
    question = Parcel(key="m2:dvcqg:0", operation="DongBoHoiDap", sealed=sealed)
    portal.order("DongBoHoiDap", '{"error_code": 0, "message": "Thành công"}', HTML)
    room = open_portal()
    assert isinstance(await room.deliver(question), Delivered)
    assert json.loads(portal.bodies[-1])["data"] == [record]
    assert isinstance(await room.deliver(question), Unsure)
    assert isinstance(await room.find(question), Unsure)
    assert portal.names() == ["login", "DongBoHoiDap", "DongBoHoiDap"]


async def test_plain_text_is_a_success_where_the_partners_file_says_so_and_keeps_the_session(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    rows = (Row(phrase="thành công", outcome="delivered", status=(200,)),)
    partner = open_portal(rows)
    for _ in range(2):
        portal.order("CapNhatTienDoHoSoMC", "Cập nhật tiến độ thành công")
        assert isinstance(await partner.deliver(progress()), Delivered)
    assert portal.names().count("login") == 1


async def test_maintenance_named_by_the_partners_file_uses_up_no_attempt(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    rows = (Row(phrase="bảo trì", outcome="deferred", reason="HUB-PAR-004", counts=False, wait=600),)
    busy = '{"error_code":"9","message":"Hệ thống đang bảo trì"}'
    for service in ("login", "TraCuuHoSo", "DongBoHoSoMC"):
        portal.order(service, busy)
        outcome = await open_portal(rows).deliver(parcel())
        assert isinstance(outcome, Deferred)
        assert (outcome.reason.code, outcome.wait, outcome.counts) == ("HUB-PAR-004", 600, False)


async def test_a_validation_error_is_final(portal: Portal, open_portal: Callable[..., Connector]) -> None:
    portal.order("DongBoHoSoMC", '{"error_code":"3","message":"Trường TrichYeuHoSo không được để trống"}')
    assert isinstance(await open_portal().deliver(parcel()), Refused)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ('{"error_code":"5","message":"Sai mật khẩu"}', "HUB-PAR-005"),
        ('{"error_code":0}', "HUB-PAR-005"),
        (HTML, "HUB-PAR-002"),
        (Response("", 401), "HUB-PAR-005"),
        (Response("", 500), "HUB-PAR-002"),
    ],
    ids=str,
)
async def test_without_a_session_nothing_of_the_parcel_leaves(
    portal: Portal, open_portal: Callable[..., Connector], answer: str | Response, code: str
) -> None:
    for make in (parcel, progress):
        portal.order("login", answer)
        outcome = await open_portal().deliver(make())
        assert isinstance(outcome, Deferred)
        assert outcome.reason.code == code
    assert portal.names() == ["login", "login"]


async def test_nobody_listening_is_deferred_when_sending_and_unsure_when_asking(
    open_portal: Callable[..., Connector],
) -> None:
    partner = open_portal(base_url="http://127.0.0.1:9")
    for outcome in (await partner.deliver(parcel()), await partner.deliver(progress())):
        assert isinstance(outcome, Deferred)
        assert outcome.reason.code == "HUB-NET-001"
    assert isinstance(await partner.find(parcel()), Unsure)


async def test_a_password_that_is_gone_is_a_configuration_error_not_a_crash(
    portal: Portal, open_portal: Callable[..., Connector], tmp_path: Path
) -> None:
    partner = open_portal()
    (tmp_path / "password").unlink()
    outcome = await partner.deliver(parcel())
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "HUB-CFG-001"
    assert not portal.calls


async def test_a_session_lives_as_long_as_the_settings_say(
    portal: Portal, open_portal: Callable[..., Connector], clock: Clock
) -> None:
    partner = open_portal(session_for="10m")
    for now in (1000.0, 1599.0, 1600.0):
        clock.now = now
        await partner.deliver(progress())
    assert portal.names().count("login") == 2


async def test_many_at_once_share_one_login(portal: Portal, open_portal: Callable[..., Connector]) -> None:
    partner = open_portal()
    sent = await asyncio.gather(*(partner.deliver(progress()) for _ in range(12)))
    assert all(isinstance(outcome, Delivered) for outcome in sent)
    assert portal.names().count("login") == 1
    portal.sessions.clear()
    portal.sessions.append("an-older-one")
    sent = await asyncio.gather(*(partner.deliver(progress()) for _ in range(12)))
    assert all(isinstance(outcome, Delivered) for outcome in sent)
    assert portal.names().count("login") == 2


async def test_who_gives_up_waiting_does_not_end_the_login_for_the_others(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    partner = open_portal()
    first, second = (asyncio.create_task(partner.deliver(progress())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, Delivered)
    assert portal.names() == ["login", "CapNhatTienDoHoSoMC"]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_session_and_password_are_never_kept(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    portal.order("DongBoHoSoMC", '{"error_code":"77","message":"phien-so-0001 không hợp lệ"}')
    outcome: Outcome = await open_portal().deliver(parcel())
    assert isinstance(outcome, Unsure)
    kept = repr(outcome)
    assert len(outcome.exchanges) == 3
    assert "phien-so-0001" not in kept
    assert PASSWORD not in kept
    assert b"phien-so-0001" in portal.bodies[-1]


# --- asking -----------------------------------------------------------------------------------------------------


async def test_a_dossier_that_is_not_there_may_be_sent(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    outcome = await open_portal().find(parcel())
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "HUB-PAR-010"
    assert portal.names() == ["login", "TraCuuHoSo"]


async def test_a_dossier_that_is_there_is_replaced_because_nothing_proves_which_update_it_shows(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    portal.dossiers[CODE] = RECORD
    outcome = await open_portal().find(parcel())
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "HUB-PAR-007"


async def test_named_values_prove_that_an_update_arrived(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    portal.dossiers[CODE] = RECORD
    partner = open_portal(lookup={"confirms": {"TrangThaiHoSo": "TRANGTHAIHOSO"}})
    assert isinstance(await partner.find(parcel()), Delivered)
    assert isinstance(await partner.find(parcel(TrangThaiHoSo="9")), Deferred)


async def test_progress_cannot_be_asked_for_unless_the_portal_lists_it(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    portal.dossiers[CODE] = RECORD
    outcome = await open_portal().find(progress())
    assert isinstance(outcome, Unsure)
    assert outcome.reason.code == "HUB-PAR-009"
    assert not portal.calls
    partner = open_portal(progress={"list": "TIENDO"})
    assert isinstance(await partner.find(progress()), Unsure)
    portal.lists_progress = True
    assert isinstance(await partner.find(progress()), Deferred)
    portal.progress.append(STEP)
    assert isinstance(await partner.find(progress()), Delivered)


async def test_an_unknown_operation_never_leaves(
    portal: Portal, open_portal: Callable[..., Connector]
) -> None:
    outcome = await open_portal().deliver(parcel("DongBoDanhGia"))
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "HUB-CFG-001"
    assert not portal.calls

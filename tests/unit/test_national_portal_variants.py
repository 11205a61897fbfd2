"""The portal's variants by settings: a province's own connector, the newer adapter, and what generation 1+ wants said."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from pydantic import ValidationError

from connectors.catalogue import ROOMS, Outfit
from connectors.contract import Deferred, Delivered, Parcel, Sealed, Unsure
from connectors.national_portal.settings import Settings
from connectors.replies import Row
from connectors.simulators.desk import Journal
from connectors.simulators.front import Front
from connectors.simulators.portal import DSTCODE, PROGRESS, SYNC, Portal
from connectors.simulators.portal_rules import PROGRESS as PROGRESS_TABLE
from connectors.simulators.portal_rules import wrong_dossier
from hub.judging.desk import set_up
from hub.judging.trying import trials
from hub.partners.declaration import Receives
from schemas.agencies import Agencies
from schemas.dossier import Applicant, Document, Identity
from schemas.library import BUILTIN, Library
from schemas.mapping import load
from schemas.problems import Refusal
from schemas.procedures import Procedures
from tests.doubles.loopback import loopback
from tests.unit.test_cli_double import partner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connectors.contract import Codec, Connector
    from connectors.simulators.server import Server
    from schemas.dossier import Message

CODE = "000.00.15.H22-261120-0007"
RECORD = {
    "MaHoSo": CODE,
    "MaTTHC": "1.009999",
    "TenTTHC": "Thủ tục",
    "MaLinhVuc": "G15-DD",
    "TenLinhVuc": "Đất đai",
    "KenhThucHien": "1",
    "LoaiDoiTuong": "1",
    "TrichYeuHoSo": "Chuyển nhượng",
    "NgayTiepNhan": "20261120080000",
    "TrangThaiHoSo": "2",
    "HinhThuc": "0",
    "DonViXuLy": "Sở",
}
STEP = {"MaHoSo": CODE, "NguoiXuLy": "Lê Văn A", "ThoiDiemXuLy": "20261120090000", "TrangThai": "4"}
PATHS = {"create": "/ThemMoi", "update": "/CapNhat/DongBoHoSoMC", "progress": "/CapNhatTienDoHoSoMC"}


def now() -> datetime:
    return datetime.now(UTC)


def opened(url: str, rows: tuple[Row, ...] = (), **keys: Any) -> Connector:
    room = ROOMS["national_portal"]
    settings = room.settings.model_validate({"base_url": url, "agency": "000.00.01.H22", **keys})
    return room.connect(settings, rows, Outfit(library=Library(), now=now, seconds=time.monotonic))


def parcel(operation: str, **changes: str) -> Parcel:
    record = (RECORD if operation == SYNC else STEP) | changes
    sealed = Sealed(payload=json.dumps([record]).encode(), media_type="application/json")
    return Parcel(key="m1:dvcqg:0", operation=operation, sealed=sealed)


@pytest.fixture
async def front() -> AsyncIterator[tuple[Server, str]]:
    async with loopback(Front(Journal(None, now), clock=now, plain=True)) as (server, url):
        yield server, url


def lines(server: Server) -> list[str]:
    return [request.split(b"\r\n")[0].decode() for request in server.requests]


async def test_a_connector_gets_the_bare_array_and_says_by_itself_what_exists(
    front: tuple[Server, str],
) -> None:
    server, url = front
    room = opened(url, connector={**PATHS, "create": "/DongBoHoSoMC"})
    for state in ("2", "4"):
        assert isinstance(await room.deliver(parcel(SYNC, TrangThaiHoSo=state)), Delivered)
    await room.close()
    query = "?MaDinhDanhDV=000.00.01.H22&isUpdating"
    assert lines(server) == [
        f"POST /DongBoHoSoMC{query}=False HTTP/1.1",
        f"POST /DongBoHoSoMC{query}=False HTTP/1.1",
        f"POST /CapNhat/DongBoHoSoMC{query}=True HTTP/1.1",
    ]
    assert all(
        request.endswith(parcel(SYNC, TrangThaiHoSo=state).sealed.payload)
        for request, state in zip(server.requests, ("2", "4", "4"), strict=True)
    )
    assert [entry.reference for entry in server.desk.journal.entries] == ["create", "update"]


async def test_plain_text_of_a_connector_is_success_only_where_its_file_says_so(
    front: tuple[Server, str],
) -> None:
    _, url = front
    silent = opened(url, connector={**PATHS, "create": "/DongBoHoSoMC"})
    told = opened(
        url,
        (Row(phrase="thành công", outcome="delivered"),),
        connector={**PATHS, "create": "/DongBoHoSoMC"},
    )
    assert isinstance(await silent.deliver(parcel(SYNC)), Delivered)
    assert isinstance(await silent.deliver(parcel(PROGRESS)), Unsure)
    assert isinstance(await told.deliver(parcel(PROGRESS)), Delivered)
    for room in (silent, told):
        await room.close()


async def test_a_connector_of_three_methods_and_the_older_code_of_success_is_spoken() -> None:
    async with loopback(Front(Journal(None, now), clock=now, code="00")) as (server, url):
        three = {
            "create": "/KetNoi/ThemMoi",
            "update": "/KetNoi/CapNhat",
            "progress": "/KetNoi/DongBoTienTrinh",
        }
        room = opened(url, connector={**three, "agency_in": "", "updating_in": ""})
        for said in (parcel(SYNC), parcel(SYNC, TrangThaiHoSo="4"), parcel(PROGRESS)):
            assert isinstance(await room.deliver(said), Delivered)
        await room.close()
        assert [line.split()[1] for line in lines(server)] == [
            "/KetNoi/ThemMoi",
            "/KetNoi/ThemMoi",
            "/KetNoi/CapNhat",
            "/KetNoi/DongBoTienTrinh",
        ]
        assert [entry.reference for entry in server.desk.journal.entries] == ["create", "update", "append"]


async def test_a_connector_that_answers_no_question_is_not_asked(front: tuple[Server, str]) -> None:
    server, url = front
    room = opened(url, connector=PATHS)
    found = await room.find(parcel(SYNC))
    assert isinstance(found, Unsure)
    assert found.reason.code == "HUB-PAR-009"
    assert not server.requests
    asked = opened(url, connector={**PATHS, "lookup": "/TraCuuHoSo"})
    assert isinstance(await asked.find(parcel(SYNC)), Deferred)
    assert lines(server) == [f"GET /TraCuuHoSo?MaDinhDanhDV=000.00.01.H22&mahoso={CODE} HTTP/1.1"]
    for one in (room, asked):
        await one.close()


@pytest.mark.parametrize("place", ["header", "query"])
async def test_the_newer_adapter_is_reached_by_header_or_query_and_chooses_the_back_end(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "password").write_text("m4t-kh4u-r4t-d4i")
    async with loopback(Portal(Journal(None, now), "m4t-kh4u-r4t-d4i", clock=now)) as (server, url):
        room = opened(
            f"{url}/VXPAdapter/RestService/forward",
            username="000.00.00.H47",
            password_file=tmp_path / "password",
            integration_path="/mapi/g",
            share_path="/mapi/s",
            dstcode=DSTCODE,
            dstcode_in=place,
            providerurl="https://back.example.vn/api",
        )
        assert isinstance(await room.deliver(parcel(SYNC)), Delivered)
        await room.close()
    said = f"dstcode={DSTCODE.replace(':', '%3A')}&" if place == "query" else ""
    assert [line.split()[1] for line in lines(server)] == [
        f"/VXPAdapter/RestService/forward/mapi/{path}?{said}providerurl=https%3A%2F%2Fback.example.vn%2Fapi"
        for path in ("login", "s", "g")
    ]
    assert all((b"\r\ndstcode: " in request) == (place == "header") for request in server.requests)


LOGIN = {"username": "x", "password_file": "x", "integration_path": "/g", "share_path": "/g"}


@pytest.mark.parametrize(
    "keys",
    [{}, {**LOGIN, "connector": PATHS}, {"username": "x"}, {"connector": {"create": "/x"}}],
    ids=str,
)
def test_a_portal_has_one_way_in(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"base_url": "https://x.example.vn", "agency": "H22", **keys})


# --- generation 1+ ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def received() -> Message:
    mapping = load(BUILTIN / "mappings" / "motcua.rest-1.toml")
    raw = (BUILTIN.parent / "examples" / "messages" / "01-received.json").read_bytes()
    message = mapping.read(raw, "motcua-tinh", "k-1", "000.00.00.H47")
    assert message.dossier
    identities = (Identity(kind="cccd", number="049000000001"),)
    bare = msgspec.structs.replace(
        message.dossier,
        submitted_at=None,
        submitted_where=None,
        digitised=None,
        identity_verified=None,
        paid_online=None,
        applicant=msgspec.structs.replace(message.dossier.applicant or Applicant(), identities=identities),
        documents=(Document(id="900001", name="Đơn.pdf", reused="1"),),
    )
    return msgspec.structs.replace(message, dossier=bare)


def plus(**defaults: Any) -> Codec:
    settings = Settings.model_validate(
        {"base_url": "https://x.example.vn", "agency": "H47", "connector": PATHS, "defaults": defaults}
    )
    return ROOMS["national_portal"].build(settings, load(BUILTIN / "mappings" / "dvcqg.g1plus-1.toml"))


ALL = {
    "submitted_at": "received_at",
    "submitted_where": "2",
    "digitised": "0",
    "identity_verified": "0",
    "paid_online": "3",
    "documents": {"digitised": "0", "reused": "0"},
}


def test_what_generation_1plus_wants_and_nobody_said_is_not_made_up(received: Message) -> None:
    with pytest.raises(Refusal) as refused:
        plus().encode(SYNC, received, "t")
    assert [(each.code, each.place.rpartition("/")[2]) for each in refused.value.problems] == [
        ("HUB-MAP-004", name)
        for name in (
            "NgayNopHoSo",
            "NoiNopHoSo",
            "HoSoCoThanhPhanSoHoa",
            "TaiKhoanDuocXacThucVoiVNeID",
            "DuocThanhToanTrucTuyen",
        )
    ]


def test_generation_1_says_nothing_of_what_nobody_said(received: Message) -> None:
    raw = load(BUILTIN / "mappings" / "dvcqg.g1-1.toml").write(SYNC, received, "t")
    (record,) = json.loads(raw)
    later = ("NoiNopHoSo", "HoSoCoThanhPhanSoHoa", "TaiKhoanDuocXacThucVoiVNeID", "DuocThanhToanTrucTuyen")
    assert {record[name] for name in later} == {""}


def test_what_a_partners_file_declares_is_said_where_the_sender_does_not(received: Message) -> None:
    (record,) = json.loads(plus(**ALL).encode(SYNC, received, "t").payload)
    assert record["NgayNopHoSo"] == record["NgayTiepNhan"] != ""
    assert (record["NoiNopHoSo"], record["HoSoCoThanhPhanSoHoa"], record["DuocThanhToanTrucTuyen"]) == (
        "2",
        "0",
        "3",
    )
    assert (record["TaiLieuNop"][0]["DuocSoHoa"], record["TaiLieuNop"][0]["DuocTaiSuDung"]) == ("0", "1")
    assert record["DinhDanhCHS"] == [{"LoaiDinhDanh": "1", "SoDinhDanh": "049000000001"}]


def test_a_one_stop_that_has_no_field_for_the_channel_or_the_officer_is_told_for_by_the_file(
    received: Message,
) -> None:
    assert received.dossier
    nobody = msgspec.structs.replace(
        received,
        dossier=msgspec.structs.replace(received.dossier, channel=None, documents=()),
        event=msgspec.structs.replace(received.event, actor=None),
    )
    for operation, place in ((SYNC, "/0/KenhThucHien"), (PROGRESS, "/0/NguoiXuLy")):
        with pytest.raises(Refusal) as refused:
            plus(**ALL).encode(operation, nobody, "t")
        assert [each.place for each in refused.value.problems] == [place]
    told = {**ALL, "channel": "counter", "handled_by": "Bộ phận Tiếp nhận và Trả kết quả"}
    (record,) = json.loads(plus(**told).encode(SYNC, nobody, "t").payload)
    (step,) = json.loads(plus(**told).encode(PROGRESS, nobody, "t").payload)
    assert (record["KenhThucHien"], step["NguoiXuLy"]) == ("1", told["handled_by"])
    assert (wrong_dossier(record, "1+"), PROGRESS_TABLE.wrong(step)) == ("", "")
    (record,) = json.loads(plus(**{**told, "channel": "post"}).encode(SYNC, received, "t").payload)
    (step,) = json.loads(plus(**told).encode(PROGRESS, received, "t").payload)
    assert (record["KenhThucHien"], step["NguoiXuLy"]) == ("1", "Trần Thị Một Cửa"), "who says it is believed"


def test_who_somebody_is_has_no_default(received: Message) -> None:
    assert received.dossier
    assert received.dossier.applicant
    for identities in ((), (Identity(kind="tax", number="4000000001"),)):
        applicant = msgspec.structs.replace(received.dossier.applicant, identities=identities)
        dossier = msgspec.structs.replace(received.dossier, applicant=applicant)
        with pytest.raises(Refusal) as refused:
            plus(**ALL).encode(SYNC, msgspec.structs.replace(received, dossier=dossier), "t")
        assert "/0/DinhDanhCHS" in [each.place for each in refused.value.problems]
    with pytest.raises(ValidationError):
        plus(identities="x")


def test_partners_with_other_defaults_do_not_share_a_trial(received: Message) -> None:
    agencies = Agencies.load()
    codecs = {"silent": plus(), "told": plus(**ALL), "told-too": plus(**ALL)}
    takes = Receives.model_construct(kinds=("received",), mapping="dvcqg.g1plus@1")
    desk = set_up(
        [partner(name, receives=takes) for name in codecs],
        formats={},
        codecs=codecs,
        agencies=agencies,
        procedures=Procedures.load(agencies),
        limit=1,
    )
    said = trials(received, "m1", desk.recipients)
    problems = {name: [each.problem is None for each in found] for name, found in said.items()}
    assert problems == {"silent": [False, True], "told": [True, True], "told-too": [True, True]}
    assert said["told"] is said["told-too"]

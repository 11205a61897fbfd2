"""A one-stop system's own client of the national portal, pointed at the hub: what it reports becomes messages."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.catalogue import DESKS
from connectors.catalogues import Item
from connectors.dictionaries import read
from connectors.simulators.opencps_mapi import QUESTIONS
from connectors.simulators.reporter import Reporter, record, step
from hub.api.desk import Registries
from hub.intake.spool import Spool
from hub.registries.records import FOLDER, Records
from hub.store.contract.views import Filter
from schemas.codelists import CodeList, CodeLists, Entry, Text
from schemas.dossier import from_json
from tests.doubles.pki import Pki
from tests.integration.intake_house import PROCEDURE, PROVINCE, House, house, partner_files, parts, recipient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SECRET = "a secret of 32 bytes or more, or so"
KINDS = [
    *("received", "refused_at_reception", "step", "supplement_requested", "duty_announced", "suspended"),
    *("resumed", "withdrawn", "finished", "returned", "recalled", "corrected", "record_published"),
]
MORNING = datetime(2026, 11, 20, 8, 0)  # noqa: DTZ001 - the client's own wall time
DAY = timedelta(days=1)
FIELD = {"MALINHVUC": "G15-DD", "TENLINHVUC": "Đất đai"}
WHOLE = {
    "MATTHC": PROCEDURE,
    "TENTTHC": "Đăng ký biến động",
    "LINHVUCTHUCHIEN": [FIELD],
    "THANHPHANHOSO": [{"TRUONGHOP": "", "GIAYTO": [{"MAGIAYTO": "KQ.1", "TENGIAYTO": "Đơn"}]}],
}

PUBLISHED: dict[str, dict[str, Any]] = {
    service: more for service, more in QUESTIONS.items() if "data" in more
}


def one_stop(name: str, secret: str, agency: str = PROVINCE) -> str:
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return (
        f'id = "{name}"\nagency = "{agency}"\nroom = "rest"\nname = {{ vi = "{name}", en = "{name}" }}\n'
        f'[[access.clients]]\nid = "{name}"\nsecrets = ["sha256:{digest}"]\n'
        f'[sends]\nformat = "dvcqg.mapi@1"\nkinds = {json.dumps(KINDS)}\ncodes = ["{agency}"]\n'
        f'authority = "{agency}"\n'
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    pin = Pki(tmp_path_factory.mktemp("pki"), NOW)["seal-2048"].certificate_file
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin)
    (folder / "onestop.toml").write_text(one_stop("onestop", SECRET))
    (folder / "twin.toml").write_text(one_stop("twin", SECRET + "3"))
    (folder / "other.toml").write_text(one_stop("other", SECRET + "2", "000.00.10.H47"))
    hears = recipient("office", PROVINCE, "informed").replace('"received"', '"record_published"')
    (folder / "office-that-hears.toml").write_text(hears.replace('id = "office"', 'id = "hears"'))
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    (tmp_path / "spool").mkdir()
    unknown = Spool(tmp_path / "spool", memory=1024, limit=256 << 10)
    codes = (
        Entry(code="1", word="1", name=Text(vi="Nam", en="Male")),
        Entry(code="9", word="9", name=Text(vi="Cũ", en="Old"), until=date(2020, 1, 1)),
    )
    genders = CodeList(id="genders", field="GioiTinh", name=Text(vi="Giới tính", en="Gender"), code=codes)
    kept = tmp_path / "registries" / FOLDER / "2026-11-23-dvcqg"
    kept.mkdir(parents=True)
    (kept / f"{PROCEDURE}.json").write_bytes(json.dumps(WHOLE).encode())
    registries = Registries(
        agencies=made.router.agencies,
        procedures=made.router.procedures,
        lists=CodeLists({"genders": genders}),
        records=Records.load(tmp_path / "registries"),
    )
    more = {"desks": {"/dvcqg": DESKS["mapi"]}, "unknown": unknown, "registries": registries}
    async with house(tmp_path, made, lambda: NOW, more=more) as running:
        yield running


@pytest.fixture
def client(hub: House) -> Reporter:
    return Reporter(f"{hub.url}/dvcqg", "onestop", SECRET)


async def kinds(hub: House, code: str) -> list[str]:
    known = await hub.store.known(PROVINCE, code)
    found = await hub.store.dossier(known.dossier) if known else None
    assert not any(each.problem for each in (found.transfers if found else ()))
    return [message.kind for message in found.messages] if found else []


async def state(hub: House, code: str) -> str:
    known = await hub.store.known(PROVINCE, code)
    assert known
    return str(json.loads(known.story)["state"])


async def test_a_dossier_goes_its_way_as_its_client_reports_it(hub: House, client: Reporter) -> None:
    code = hub.code()
    dates: dict[str, Any] = {"received": MORNING, "due": MORNING + 10 * DAY}
    assert await client.report(record(code, PROCEDURE, 2, **dates), step(code, MORNING, 2))
    assert await kinds(hub, code) == ["received", "step"]
    assert await state(hub, code) == "accepted"
    for day, now in enumerate((4, 5, 4, 6, 4, 8, 4), 1):
        assert await client.report(
            record(code, PROCEDURE, now, **dates), step(code, MORNING + day * DAY, now)
        )
    ways = ["step", "supplement_requested", "resumed", "duty_announced", "resumed", "suspended", "resumed"]
    assert (await kinds(hub, code))[2:] == [kind for way in ways for kind in ("corrected", way)]
    dates["released"] = MORNING + 8 * DAY
    assert await client.report(record(code, PROCEDURE, 9, **dates), step(code, MORNING + 8 * DAY, 9))
    assert (await kinds(hub, code))[-2:] == ["finished", "corrected"]
    dates["returned"] = MORNING + 9 * DAY
    assert await client.report(record(code, PROCEDURE, 10, **dates), step(code, MORNING + 9 * DAY, 10))
    assert (await kinds(hub, code))[-2:] == ["returned", "corrected"]
    assert await state(hub, code) == "returned"


async def test_what_was_reported_before_is_nothing_new_though_its_links_say_when_they_were_written(
    hub: House, client: Reporter
) -> None:
    code = hub.code()
    for written in (1_795_000_000_000, 1_795_000_099_999):
        said = record(code, PROCEDURE, 4, received=MORNING, files=["Đơn.pdf"], written=written)
        assert await client.report(said, step(code, MORNING + DAY, 4))
    assert await kinds(hub, code) == ["received", "step"]
    known = await hub.store.known(PROVINCE, code)
    assert known
    view = await hub.store.dossier(known.dossier)
    assert view
    payloads = await hub.store.payloads(view.transfers[0].id)
    assert payloads
    assert b"1795000" not in payloads.raw
    canonical = from_json(payloads.canonical)
    assert canonical.dossier
    (document,) = canonical.dossier.documents
    assert document.reference == "http://127.0.0.1:9/documents/20/30/900001/a?download=true"
    assert canonical.event.at == canonical.dossier.received_at == datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    assert b"session" not in payloads.raw


async def test_a_dossier_that_is_first_heard_of_when_it_is_done_went_the_whole_way(
    hub: House, client: Reporter
) -> None:
    code = hub.code()
    said = record(code, PROCEDURE, 10, received=MORNING, released=MORNING + DAY, returned=MORNING + 2 * DAY)
    assert await client.report(said)
    assert await client.report(said)
    assert await kinds(hub, code) == ["received", "step", "finished", "returned"]


async def test_what_it_finished_itself_and_opens_again_was_recalled(hub: House, client: Reporter) -> None:
    code = hub.code()
    done = record(code, PROCEDURE, 9, received=MORNING, released=MORNING + DAY)
    assert await client.report(done, step(code, MORNING + DAY, 9))
    opened = record(code, PROCEDURE, 4, received=MORNING)
    assert await client.report(opened, step(code, MORNING + 2 * DAY, 4))
    assert await state(hub, code) == "processing"
    assert (await kinds(hub, code))[-2:] == ["corrected", "recalled"]


async def test_a_dossier_is_looked_up_by_the_code_of_whoever_asks(hub: House, client: Reporter) -> None:
    code = hub.code()
    assert await client.call("TraCuuHoSo", mahoso=code) == {
        "error_code": 0,
        "message": "Thành công",
        "result": [],
    }
    assert await client.report(record(code, PROCEDURE, 2, received=MORNING))
    found = await client.call("TraCuuHoSo", mahoso=code)
    assert found["result"] == [{"MAHOSO": code, "TRANGTHAIHOSO": "2"}]
    for name, secret in (
        ("other", SECRET + "2"),
        ("twin", SECRET + "3"),
    ):  # another authority's; nobody's party
        stranger = Reporter(f"{hub.url}/dvcqg", name, secret)
        assert (await stranger.call("TraCuuHoSo", mahoso=code))["result"] == []


async def test_several_dossiers_of_one_call_are_each_told_and_calls_about_one_wait(
    hub: House, client: Reporter
) -> None:
    codes = [hub.code() for _ in range(3)]
    data = [record(code, PROCEDURE, 2, received=MORNING) for code in codes]
    await client.session()
    said = await asyncio.gather(
        *(client.call("DongBoHoSoMC", isUpdating="False", data=each) for each in (data, data[::-1]))
    )
    assert [each["error_code"] for each in said] == [0, 0]
    assert [await kinds(hub, code) for code in codes] == [["received"]] * 3
    steps = [step(code, MORNING + DAY, now, str(now)) for now in (4, 5, 9) for code in codes]
    assert (await client.call("CapNhatTienDoHoSoMC", data=steps))["error_code"] == 0
    assert (await client.call("CapNhatTienDoHoSoMC", data=steps))["error_code"] == 0
    ways = ["received", "step", "supplement_requested", "resumed", "finished"]
    assert [await kinds(hub, code) for code in codes] == [ways] * 3


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"MaHoSo": "x"}, "HUB-DOS-001", "/MaHoSo"),
        ({"MaHoSo": ""}, "HUB-SCH-003", "/data/0/MaHoSo"),
        ({"MaTTHC": "KHONG-CO"}, "HUB-DOS-005", "/MaTTHC"),
        ({"NgayTiepNhan": ""}, "HUB-SCH-003", "/data/0/NgayTiepNhan"),
        ({"NgayTiepNhan": "hôm qua"}, "HUB-SCH-002", "/NgayTiepNhan"),
        ({"TrangThaiHoSo": "0"}, "HUB-MAP-001", "/data/0/TrangThaiHoSo"),
        ({"TrangThaiHoSo": ""}, "HUB-SCH-003", "/data/0/TrangThaiHoSo"),
        ({"LoaiDoiTuong": "9"}, "HUB-MAP-001", "/LoaiDoiTuong"),
        ({"DanhSachHoSoBoSung": [1]}, "HUB-SCH-002", "/data/0/DanhSachHoSoBoSung/0"),
    ],
)
async def test_a_refusal_is_a_code_that_the_client_reads_and_a_reason_that_it_keeps(
    hub: House, client: Reporter, change: dict[str, Any], code: str, place: str
) -> None:
    dossier = hub.code()
    said = {**record(dossier, PROCEDURE, 2, received=MORNING), **change}
    answer = await client.call("DongBoHoSoMC", isUpdating="False", data=[said])
    assert (client.status, answer["error_code"]) == (200, 3)
    assert answer["message"].startswith(code)
    assert f"· {place}" in answer["message"]
    assert await kinds(hub, dossier) == []


@pytest.mark.parametrize(
    ("service", "more", "code"),
    [
        ("DongBoHoSoMC", {"data": []}, "HUB-SCH-003"),
        ("DongBoHoSoMC", {"data": "x"}, "HUB-SCH-002"),
        ("DongBoHoSoMC", {"data": [{}] * 101}, "HUB-LIM-001"),
        ("CapNhatTienDoHoSoMC", {"data": [step("000.00.00.H47-261120-9999", MORNING, 4)]}, "HUB-DOS-002"),
        ("DongBoDanhGia", {"data": [7]}, "HUB-SCH-002"),
        ("LayDanhMucDanToc", {}, "HUB-INT-005"),
        ("TraCuuHoSo", {}, "HUB-SCH-003"),
    ],
)
async def test_what_cannot_be_answered_says_so(
    client: Reporter, service: str, more: dict[str, Any], code: str
) -> None:
    answer = await client.call(service, **more)
    assert answer["error_code"] == 3
    assert answer["message"].startswith(code)


async def test_a_lapsed_session_is_told_so_that_a_client_logs_in_again(hub: House, client: Reporter) -> None:
    assert await client.session()
    client._session = "lt_lapsed"
    answer = await client.call("TraCuuHoSo", mahoso="x")
    assert answer["error_code"] == 1
    assert answer["message"].startswith("Phiên làm việc")
    wrong = Reporter(f"{hub.url}/dvcqg", "onestop", "wrong")
    assert not await wrong.report(record(hub.code(), PROCEDURE, 2, received=MORNING))
    assert await wrong.session() == ""
    assert json.loads(wrong.said)["error_code"] == 2


async def test_registries_are_told_as_far_as_they_know(hub: House, client: Reporter) -> None:
    name = hub.parts.router.procedures.by_national(PROCEDURE, NOW.date())
    assert name
    listed = (await client.call("LayDanhSachTTHC"))["result"]
    assert {**FIELD, "MATTHC": PROCEDURE, "TENTTHC": name.name.vi} in listed
    assert all(one["MATTHC"] for one in listed)
    assert FIELD in (await client.call("LayDanhMucLinhVuc"))["result"]
    told = (await client.call("LayDanhMucCoQuan"))["result"]
    codes = {one["MADONVI"] for one in told}
    agencies = hub.parts.router.agencies
    assert agencies.successor(PROVINCE, NOW.date()).code in codes
    assert PROVINCE not in codes  # it was merged
    assert "000.00.00.G22" not in codes  # another tree
    assert all(int(one["CAPDONVI"]) and one["TENDONVI"] for one in told)


async def test_a_procedure_is_told_whole_or_so_that_a_client_synchronises_nothing(
    hub: House, client: Reporter
) -> None:
    """The published client empties and deletes what is not in an entry of ``result``, whatever ``error_code`` says."""
    told = await client.call("LayThuTuc", maTTHC=PROCEDURE)
    assert told == {"error_code": 0, "message": "Thành công", "result": [WHOLE]}
    assert await client.call("LayThuTuc", maTTHC="0.000000") == {**told, "result": []}
    on = NOW.date()
    entries = hub.parts.router.procedures.entries.values()
    other = next(
        each.national for each in entries if each.counts(on) and each.national not in {None, PROCEDURE}
    )
    refused = await client.call("LayThuTuc", maTTHC=other)
    assert (refused["error_code"], "result" in refused) == (3, False)
    assert refused["message"].startswith("HUB-INT-005")
    assert "· /maTTHC (phải được registry refresh --apply lưu lại trước)" in refused["message"]


async def test_a_dossier_whose_client_was_told_no_names_has_those_of_the_registry(
    hub: House, client: Reporter
) -> None:
    code = hub.code()
    unnamed = {"TenTTHC": "", "MaLinhVuc": "", "TenLinhVuc": ""}
    assert await client.report({**record(code, PROCEDURE, 2, received=MORNING), **unnamed})
    known = await hub.store.known(PROVINCE, code)
    assert known
    view = await hub.store.dossier(known.dossier)
    assert view
    payloads = await hub.store.payloads(view.transfers[0].id)
    assert payloads
    dossier = from_json(payloads.canonical).dossier
    assert dossier
    assert dossier.procedure
    entry = hub.parts.router.procedures.by_national(PROCEDURE, NOW.date())
    assert entry
    assert (dossier.procedure.name, dossier.procedure.field_code) == (entry.name.vi, entry.field.code)


@pytest.mark.parametrize(
    ("service", "more"),
    [
        ("LayDanhSachHoiDapGuiTuDVCQG", {}),
        ("LayDanhSachHoiDapBoCoQuan", {}),
        ("LayNoiDungTraLoiTheoCauHoi", {"cauhoiid": 9001}),
        ("TraCuuTechID", {"provider": "wso2is", "mstorcmnd": "4000000001"}),
        ("DongBoHoiDap", {"data": []}),
        ("DongBoKetQuaHoiDapGuiTuDVCQG", {"data": []}),
    ],
)
async def test_what_no_hub_holds_is_an_empty_list_that_the_client_goes_on_after(
    client: Reporter, service: str, more: dict[str, Any]
) -> None:
    told = await client.call(service, **more)
    assert told == {"error_code": 0, "message": "Thành công", "result": []}


async def test_questions_and_answers_lie_with_who_hears_them_before_the_client_is_told(
    hub: House, client: Reporter
) -> None:
    """After a 0 it marks its questions as sent and never sends them again; its answers it sends every day."""
    for service, more in PUBLISHED.items():
        for _ in "ab":
            told = await client.call(service, **more)
            assert told == {"error_code": 0, "message": "Thành công", "result": []}
    found = await hub.store.transfers(Filter())
    assert sorted((each.partner, each.sender, str(each.state)) for each in found) == [
        ("hears", "onestop", "waiting")
    ] * len(PUBLISHED)
    kept = {}
    for each in found:
        payloads = await hub.store.payloads(each.id)
        assert payloads
        message = from_json(payloads.canonical)
        assert message.record
        written = hub.parts.formats["motcua.rest@1"].write("ThongDiep", message, each.key)
        assert json.loads(written)["BanGhi"]["NguyenVan"] == message.record.content
        kept[message.record.service] = json.loads(message.record.content)
    assert kept == {service: more["data"][0] for service, more in PUBLISHED.items()}
    journal = " ".join(str(each) for each in await hub.store.journal())
    assert not any(secret in journal for secret in ("Trần Thị", "Hồ sơ của tôi", "bản sao"))


async def test_a_shared_dictionary_is_told_as_this_site_has_it_today(client: Reporter) -> None:
    """And is read by whoever asks the portal for it as this hub does."""
    found = (await client.call("LayDanhMucGioiTinh"))["result"]
    assert found == [{"MAGIOITINH": "1", "TENGIOITINH": "Nam"}]
    assert read(found) == (Item(code="1", name="Nam"),)


async def test_a_hub_without_registries_says_that_it_cannot_answer(tmp_path: Path, made: Parts) -> None:
    more = {"desks": {"/dvcqg": DESKS["mapi"]}, "registries": None}
    async with house(tmp_path, made, lambda: NOW, more=more) as bare:
        said = await Reporter(f"{bare.url}/dvcqg", "onestop", SECRET).call("LayDanhMucCoQuan")
        assert said["error_code"] == 3

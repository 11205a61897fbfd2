"""The land administration system calls the hub as it calls a one-stop: what it says becomes messages, once, and its key stays secret."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from connectors.catalogue import DESKS
from connectors.simulators.posting import post
from connectors.simulators.vbdlis_calls import DUTY, STRANGE, Caller, life, utc
from hub.intake.spool import Spool
from schemas.dossier import from_json
from tests.doubles.pki import Pki
from tests.integration.intake_house import LAND, PROVINCE, House, house, partner_files, parts, recipient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connectors.simulators.vbdlis_calls import Way
    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CODE = "mã/bảo mật+1"
OLD = {
    "vni": "Phieáu höôùng daãn".encode("cp1252"),
    "tcvn3": "PhiÕu h­íng dÉn".encode("cp1252"),
    "windows-1258": "Phiê\u0301u hươ\u0301ng dâ\u0303n".encode("cp1258"),
}
"""*Phiếu hướng dẫn*, as it was written before Unicode."""
KINDS = ["transferred", "supplement_requested", "supplement_submitted", "duty_announced", "step", "finished"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    pin = Pki(tmp_path_factory.mktemp("pki"), NOW)["seal-2048"].certificate_file
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin)
    for name, code, text in (("ground", CODE, "utf-8"), *((text, text, text) for text in OLD)):
        digest = hashlib.sha256(code.encode()).hexdigest()
        (folder / f"{name}.toml").write_text(
            f'id = "{name}"\nagency = "{LAND}"\nroom = "rest"\nname = {{ vi = "Đất", en = "Land" }}\n'
            f'[sends]\nformat = "vbdlis.desk@1"\nkinds = {json.dumps(KINDS)}\ncodes = ["{PROVINCE}"]\n'
            f'authority = "{PROVINCE}"\napi_keys = ["sha256:{digest}"]\ntext = "{text}"\n'
        )
    one_stop = recipient("onestop", PROVINCE, "informed")
    (folder / "onestop.toml").write_text(one_stop.replace('"step"', '"step", "supplement_requested"'))
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    (tmp_path / "spool").mkdir()
    calls = Spool(tmp_path / "spool", memory=1024, limit=1 << 18)
    more = {"desks": {"/vbdlis": DESKS["vbdlis"]}, "calls": calls}
    async with house(tmp_path, made, lambda: NOW, more=more) as running:
        yield running


@pytest.fixture
def land(hub: House) -> Caller:
    return Caller(f"{hub.url}/vbdlis", CODE)


async def opened(hub: House) -> str:
    code = hub.code()
    answer = await hub.post(hub.received(code), key=code)
    assert answer.status == 202
    return code


async def kinds(hub: House, code: str) -> list[str]:
    known = await hub.store.known(PROVINCE, code)
    found = await hub.store.dossier(known.dossier) if known else None
    return [message.kind for message in found.messages] if found else []


async def state(hub: House, code: str) -> str:
    known = await hub.store.known(PROVINCE, code)
    found = await hub.store.dossier(known.dossier) if known else None
    return str(json.loads(found.story)["state"]) if found else ""


def call(code: str, **more: Any) -> dict[str, Any]:
    return {"SoBienNhan": code, "GhiChu": None, **more}


def moved(code: str) -> dict[str, Any]:
    return call(code, MaCanBoChuyen="a", MaCanBoNhan="b", MaTrangThai="TD", NgayChuyen=utc(NOW))


async def test_a_dossier_goes_its_way_as_the_land_system_tells_it(hub: House, land: Caller) -> None:
    code = await opened(hub)
    letter = {"TenGiayTo": "Phiếu", "LinkFile": "https://dat.example.vn/f/1", "KieuFile": ".pdf"}
    notice = {"SoThongBaoThue": "TB-1", "LoaiThue": "LPTB", "HoTenChu": None}
    for service, document in (
        ("ChuyenHoSo", moved(code)),
        ("YeuCauBoSungHoSo", call(code, NgayChoBoSung=utc(NOW), LaTamDung=True, TapTin=letter)),
        ("NhanBoSungHoSo", call(code, NgayNhanBoSung=utc(NOW), NgayHenTraMoi=utc(NOW))),
        ("ThueChuyenTraHoSoDoSai", call(code)),
        ("GuiKetQuaThue", call(code, NgayCoKetQuaThue=utc(NOW), DanhSachThongBaoThue=[notice])),
        ("GuiKetQuaThue", call(code, NgayCoKetQuaThue=utc(NOW), DanhSachThongBaoThue=notice)),
    ):
        answer = await land.say(service, document)
        assert (answer.result, answer.status) == (1, 200), answer
    assert await kinds(hub, code) == [
        "received",
        "transferred",
        "supplement_requested",
        "supplement_submitted",
        "step",
        "duty_announced",
        "duty_announced",
    ]


async def test_the_same_call_again_gets_the_same_answer_and_is_not_doubled(hub: House, land: Caller) -> None:
    code = await opened(hub)
    first = await land.say("ChuyenHoSo", moved(code))
    assert await land.say("ChuyenHoSo", moved(code)) == first
    wrong = [land.say("ThueChuyenTraHoSoDoSai", call(code)) for _ in range(3)]
    assert len({each.message for each in await asyncio.gather(*wrong)}) == 1
    assert (await land.say("ChuyenHoSo", {**moved(code), "MaCanBoNhan": "c"})).message != first.message
    assert (await land.say("ThueChuyenTraHoSoDoSai", call(code))).result == 1
    assert await kinds(hub, code) == ["received", "transferred", "step", "transferred", "step"]


async def test_what_is_said_again_after_somebody_answered_happened_again(hub: House, land: Caller) -> None:
    code = await opened(hub)
    first = await land.say("YeuCauCapNhatHoSo", call(code))
    assert await land.say("YeuCauCapNhatHoSo", call(code)) == first
    assert (await hub.post(hub.message("step", code), key="answer")).status == 202
    assert (await land.say("YeuCauCapNhatHoSo", call(code))).message != first.message
    assert await kinds(hub, code) == ["received", "step", "step", "step"]


async def test_a_call_without_a_date_is_one_whichever_process_hears_it_and_when(
    tmp_path: Path, made: Parts
) -> None:
    ticks = iter(range(1 << 20))
    (tmp_path / "spool").mkdir()
    calls = Spool(tmp_path / "spool", memory=1024, limit=1 << 18)
    desks = {
        f"/{name}": DESKS["vbdlis"] for name in ("one", "other")
    }  # nothing in memory is shared by two of them
    async with house(
        tmp_path, made, lambda: NOW + next(ticks) * SECOND, more={"desks": desks, "calls": calls}
    ) as hub:
        code = await opened(hub)
        both = [Caller(f"{hub.url}{name}", CODE) for name in desks] * 4
        heard = await asyncio.gather(*(each.say("ThueChuyenTraHoSoDoSai", call(code)) for each in both))
        assert {(each.result, each.message) for each in heard} == {(1, heard[0].message)}
        assert await kinds(hub, code) == ["received", "step"]


async def test_all_that_it_says_of_a_dossier_is_understood_its_dates_marked_or_not(
    hub: House, land: Caller
) -> None:
    code = await opened(hub)
    answers = await land.play(life(code, NOW))
    assert [(answer.result, answer.status) for answer in answers] == [(1, 200)] * 6, answers
    assert await kinds(hub, code) == [
        *("received", "transferred", "supplement_requested", "supplement_submitted", "step"),
        *("duty_announced", "finished"),
    ]


@pytest.mark.parametrize("way", ["twice", "at-once", "unheard"])
async def test_however_it_repeats_itself_there_is_one_message(hub: House, land: Caller, way: Way) -> None:
    code = await opened(hub)
    answers = await land.misbehave(way, "ChuyenHoSo", moved(code))
    assert {(answer.result, answer.message) for answer in answers} == {(1, answers[0].message)}
    assert await kinds(hub, code) == ["received", "transferred"]


async def test_in_whatever_order_it_speaks_nothing_is_lost_and_what_is_finished_stays_so(
    hub: House, land: Caller
) -> None:
    late, steps = await opened(hub), tuple(life(await opened(hub), NOW))
    backwards = await land.play(reversed(tuple(life(late, NOW))))
    assert [answer.result for answer in backwards] == [1] * 6, backwards
    assert sorted(await kinds(hub, late)) == sorted(["received", *KINDS])
    assert await state(hub, late) != "finished", "an end before its beginning waits for a person"
    code = steps[0].body["SoBienNhan"]
    await land.play(step for step in steps if step.operation != DUTY)  # which the one-stop must see paid
    again = await land.say("ChuyenHoSo", moved(code))
    assert again.result == 1
    assert await state(hub, code) == "finished"


async def test_of_a_dossier_that_nobody_has_each_call_says_so_and_is_not_called_again(land: Caller) -> None:
    for step in life(STRANGE, NOW):
        answer = await land.say(step.operation, step.body)
        assert (answer.result, answer.calls) == (0, 1)
        assert answer.message.startswith("HUB-DOS-002")


async def test_nobody_comes_in_without_its_code(hub: House) -> None:
    code = await opened(hub)
    for wrong in ("", "x", "mã"):
        answer = await Caller(f"{hub.url}/vbdlis", wrong).say("ChuyenHoSo", moved(code))
        assert (answer.result, answer.status) == (0, 401)
    assert await kinds(hub, code) == ["received"]


async def test_refusals_say_what_and_where_in_its_own_words(hub: House, land: Caller) -> None:
    code = await opened(hub)
    unknown = await land.say("ChuyenHoSo", moved(hub.code()))
    assert (unknown.result, unknown.status) == (0, 404)
    assert unknown.message.startswith("HUB-DOS-002")
    ended = await land.say("KetThucHoSo", call(code, NgayKetThuc=utc(NOW), TrangThaiKetThuc=9))
    assert (ended.result, ended.status) == (0, 422)
    assert ended.message.startswith("HUB-MAP-001")
    assert "TrangThaiKetThuc" in ended.message
    assert (await land.say("TiepNhanHoSoChoMotCua", call(code))).message.startswith("HUB-MAP-005")
    assert (await land.say("KhongCo", call(code))).status == 404


async def test_its_code_is_kept_nowhere(hub: House, land: Caller, caplog: pytest.LogCaptureFixture) -> None:
    code = await opened(hub)
    assert (await land.say("ChuyenHoSo", moved(code))).result == 1
    assert (await land.say("ChuyenHoSo", call("x"))).result == 0
    known = await hub.store.known(PROVINCE, code)
    assert known
    view = await hub.store.dossier(known.dossier)
    assert view
    kept = [await hub.store.payloads(each.id) for each in view.transfers]
    told = repr((view, kept)) + caplog.text
    assert "ChuyenHoSo" in told
    assert "bảo mật" not in told
    assert "%C3%A3" not in told


@pytest.mark.parametrize("text", OLD)
async def test_what_it_writes_in_letters_from_before_unicode_is_read_and_kept_as_it_came(
    hub: House, text: str
) -> None:
    code = await opened(hub)
    letter = {"TenGiayTo": "@ \u1ed3", "LinkFile": "https://dat.example.vn/f/1"}
    said = json.dumps(call(code, NgayChoBoSung=utc(NOW), TapTin=letter) | {"GhiChu": "@"}).encode()
    said = said.replace(b"@", OLD[text])
    address = f"{hub.url}/vbdlis/YeuCauBoSungHoSo/{text}"
    assert (await post(address, said, {"Content-Type": f"application/json; charset={text}"})).status == 200
    known = await hub.store.known(PROVINCE, code)
    found = await hub.store.dossier(known.dossier) if known else None
    assert found
    kept = await hub.store.payloads(found.messages[-1].transfers[0])
    assert kept
    assert said in kept.raw
    told = from_json(kept.canonical)
    assert told.event.content == "Phiếu hướng dẫn"
    assert told.dossier
    assert [one.name for one in told.dossier.documents] == ["Phiếu hướng dẫn ồ"]
    undeclared = await post(f"{hub.url}/vbdlis/YeuCauBoSungHoSo/{quote(CODE, safe='')}", said, {})
    assert (undeclared.status, "HUB-SCH-001" in undeclared.body) == (400, True)

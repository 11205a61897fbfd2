"""The national portal calls the province: online dossiers, tax notices and receipts, each once and for whom it was meant."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from connectors.catalogue import DESKS
from hub.intake.spool import Spool
from schemas.dossier import Message, from_json
from tests.doubles.pki import Pki
from tests.integration.intake_house import (
    LAND,
    PROCEDURE,
    PROVINCE,
    House,
    house,
    partner_files,
    parts,
    recipient,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
KEY = "security key of the portal"
PASSER = "security key of somebody else"
OLD = "security key of a portal that writes TCVN3"
KINDS = ["received", "corrected", "duty_announced", "duty_paid"]
LINE = (
    "<LIST><MA_SO_THUE>8000000001</MA_SO_THUE><SO_QUYET_DINH>{notice}</SO_QUYET_DINH><NGAY_QUYET_DINH>20-11-2026</NGAY_QUYET_DINH>"
    "<TEN_TIEUMUC>Lệ phí trước bạ nhà đất</TEN_TIEUMUC><SO_TIEN>{amount}</SO_TIEN></LIST>"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    pin = Pki(tmp_path_factory.mktemp("pki"), NOW)["seal-2048"].certificate_file
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin)
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    portal = recipient("portal", "000.00.00.G22", "informed")
    (folder / "portal.toml").write_text(
        f'{portal}[sends]\nformat = "dvcqg.calls@1"\nkinds = {json.dumps(KINDS)}\ncodes = ["{PROVINCE}"]\n'
        f'authority = "{PROVINCE}"\napi_keys = ["sha256:{digest}"]\n'
        f'[[sends.payees]]\naccount = "111"\n[[sends.payees]]\nagency = "H47"\naccount = "118"\nbank = "01201001"\n'
    )
    passer = hashlib.sha256(PASSER.encode()).hexdigest()
    (folder / "passer.toml").write_text(
        'id = "passer"\nagency = "000.00.00.G22"\nroom = "rest"\nname = { vi = "p", en = "p" }\n'
        f'[sends]\nformat = "dvcqg.calls@1"\nkinds = {json.dumps(KINDS)}\ncodes = ["{PROVINCE}"]\n'
        f'authority = "{PROVINCE}"\napi_keys = ["sha256:{passer}"]\n'
    )
    old = hashlib.sha256(OLD.encode()).hexdigest()
    (folder / "old.toml").write_text(
        (folder / "passer.toml")
        .read_text()
        .replace('"passer"', '"old"')
        .replace(passer, old)
        .replace("authority", 'text = "tcvn3"\nauthority')
    )
    one_stop = recipient("onestop", PROVINCE, "informed").replace('"step"', '"step", "corrected"')
    (folder / "onestop.toml").write_text(
        f'{one_stop}[sends]\nformat = "lienthong.message@1"\nkinds = ["received", "fee_due", "fee_paid"]\ncodes = ["{PROVINCE}"]\n'
        f'authority = "{PROVINCE}"\napi_keys = ["sha256:{hashlib.sha256(b"onestop").hexdigest()}"]\n'
    )
    more = recipient("land", LAND, "decides").replace(
        '"step"', '"step", "duty_announced", "duty_paid", "fee_due", "fee_paid", "corrected"'
    )
    (folder / "land.toml").write_text(more)
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    (tmp_path / "spool").mkdir()
    unknown = Spool(tmp_path / "spool", memory=1024, limit=256 << 10)
    more = {"desks": {"/cong": DESKS["portal"]}, "unknown": unknown}
    async with house(tmp_path, made, lambda: NOW, more=more) as running:
        yield running


async def call(hub: House, service: str, data: object, **more: Any) -> tuple[int, str]:
    document = {"SecurityKey": KEY, "Service": service, "IsUpdating": "False", "Data": data, **more}
    path = f"/cong/XrdAdapter/RestService/forward/{service}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{hub.url}{path}?dstcode=VN:GOV:x", json=document) as answer,
    ):
        assert answer.status == 200
        told = json.loads(await answer.read())
        assert told.keys() == {"error_code", "message"}
        return told["error_code"], told["message"]


def online(code: str, **more: Any) -> dict[str, Any]:
    return {
        "MaHoSo": code,
        "MaTTHC": PROCEDURE,
        "KenhThucHien": "2",
        "ChuHoSo": "Nguyễn Văn Mẫu",
        "LoaiDoiTuong": "1",
        "MaDoiTuong": "tech-1",
        "NgayNopHoSo": "20261120075500",
        "TaiLieuNop": [
            {
                "TepDinhKemId": "1",
                "TenTepDinhKem": "Đơn.pdf",
                "Base64": base64.b64encode(b"%PDF-1.7").decode(),
            },
            {
                "TepDinhKemId": "2",
                "TenTepDinhKem": "Ảnh.png",
                "DuongDanTaiTepTin": "https://dichvucong.example/f/2",
            },
        ],
        **more,
    }


def notice(*rows: tuple[str, list[tuple[str, int]]]) -> dict[str, str]:
    written = "".join(
        f"<ROW_LIST><MA_HSO>{code}</MA_HSO>{''.join(LINE.format(notice=n, amount=a) for n, a in lines)}</ROW_LIST>"
        for code, lines in rows
    )
    return {"FileThongBaoThue": base64.b64encode(f"<DATA><BODY>{written}</BODY></DATA>".encode()).decode()}


def receipt(code: str, number: str, amount: object = 1250000, **more: Any) -> dict[str, Any]:
    paid = {
        "NoiDungThanhToan": "Lệ phí trước bạ nhà đất",
        "ThoiGianThanhToan": "20261122090000",
        "MaThongBaoThue": number,
        "TrangThaiThanhToan": 1,
        "SoTien": amount,
    }
    told = {
        "MaHoSo": code,
        "MaSoThue": "8000000001",
        "HoTenNguoiNopTien": "A",
        "UrlFileChungTu": "https://x/c.pdf",
    }
    return {**told, "ThongTinThanhToan": paid, **more}


async def processing(hub: House) -> str:
    """A dossier that the land office has in hand."""
    code = hub.code()
    assert (await hub.post(hub.received(code), key=f"{code}-1")).status == 202
    body = hub.message("transferred", code)
    body["event"] |= {"from_agency": PROVINCE, "to_agency": LAND}
    assert (await hub.post(body, key=f"{code}-2")).status == 202
    return code


async def messages(hub: House, code: str, sender: str = "portal") -> list[Message]:
    known = await hub.store.known(PROVINCE, code)
    view = await hub.store.dossier(known.dossier) if known else None
    found = []
    for message in view.messages if view else ():
        kept = await hub.store.payloads(message.transfers[0]) if message.transfers else None
        if message.sender == sender and kept:
            assert KEY.encode() not in kept.raw
            found.append(from_json(kept.canonical))
    return found


async def recipients(hub: House, code: str) -> list[set[str]]:
    """Who gets each message."""
    known = await hub.store.known(PROVINCE, code)
    view = await hub.store.dossier(known.dossier) if known else None
    of = {each.id: each.partner for each in view.transfers} if view else {}
    return [{of[transfer] for transfer in message.transfers} for message in (view.messages if view else ())]


async def state(hub: House, code: str) -> str:
    known = await hub.store.known(PROVINCE, code)
    return str(json.loads(known.story)["state"]) if known else ""


async def test_an_online_dossier_is_submitted_once_with_its_files(hub: House) -> None:
    code = hub.code()
    first = await call(hub, "nhanhsdvcqg", online(code))
    assert first[0] == 0
    assert await call(hub, "nhanhsdvcqg", [online(code)]) == first
    assert await state(hub, code) == "submitted"
    (message,) = await messages(hub, code)
    assert message.dossier
    assert message.dossier.submitted_at == datetime(2026, 11, 20, 0, 55, tzinfo=UTC)
    digest = hashlib.sha256(b"%PDF-1.7").hexdigest()
    assert [(each.sha256, each.reference) for each in message.dossier.documents] == [
        (digest, None),
        (None, "https://dichvucong.example/f/2"),
    ]
    assert b"".join([piece async for piece in hub.store.documents.content(digest)]) == b"%PDF-1.7"
    assert (await call(hub, "nhanhsdvcqg", online(code, TrichYeuHoSo="thêm")))[0] == 0
    assert [one.kind for one in await messages(hub, code)] == ["received", "corrected"]
    assert await recipients(hub, code) == [{"onestop"}, {"onestop"}]  # nobody else's before it is accepted
    accepted = hub.message("received", code, procedure={"national": PROCEDURE})
    assert (await hub.post(accepted, key="a", sender="onestop")).status == 202
    assert await state(hub, code) == "accepted"
    assert (await recipients(hub, code))[-1] >= {"land", "portal"}


async def test_fields_beside_the_key_are_the_record_and_the_key_is_not(hub: House) -> None:
    code = hub.code()
    async with aiohttp.ClientSession() as session:
        body = {**online(code), "SecurityKey": KEY}
        async with session.post(f"{hub.url}/cong/nhanhsdvcqg", json=body) as answer:
            assert json.loads(await answer.read())["error_code"] == 0
    (message,) = await messages(hub, code)
    assert message.dossier
    assert message.dossier.code == code


async def test_notices_of_one_file_go_to_each_dossier_and_no_further(hub: House) -> None:
    one, two = await processing(hub), await processing(hub)
    file = notice((one, [("TB1", 1250000), ("TB2", 5000000)]), (two, [("TB3", 7)]))
    said = await call(hub, "nhantbthuedvcqg", file)
    assert said[0] == 0
    assert await call(hub, "nhantbthuedvcqg", file) == said
    (first,), (second,) = await messages(hub, one), await messages(hub, two)
    assert first.dossier
    assert second.dossier
    assert [(duty.notice, duty.amount) for duty in first.dossier.duties] == [
        ("TB1", 1250000),
        ("TB2", 5000000),
    ]
    assert [(duty.notice, duty.amount) for duty in second.dossier.duties] == [("TB3", 7)]
    assert first.event.at == datetime(2026, 11, 19, 17, 0, tzinfo=UTC)
    assert not first.dossier.documents  # the file speaks of somebody else, too
    assert [await state(hub, code) for code in (one, two)] == ["duty", "duty"]


async def test_a_dossier_waits_until_every_notice_is_paid(hub: House) -> None:
    code = await processing(hub)
    assert (await call(hub, "nhantbthuedvcqg", notice((code, [("TB1", 1250000), ("TB2", 5000000)]))))[0] == 0
    (told,) = await messages(hub, code)
    assert told.dossier
    (file,) = told.dossier.documents
    assert file.sha256
    for _ in "again":
        assert (await call(hub, "nhantbthuedvcqg", receipt(code, "TB1")))[0] == 0
    assert await state(hub, code) == "duty"
    second = receipt(code, "TB2", 5000000.0)
    second["ThongTinThanhToan"] = [second["ThongTinThanhToan"]]
    assert (await call(hub, "nhantbthuedvcqg", second))[0] == 0
    assert await state(hub, code) == "processing"
    assert [one.kind for one in await messages(hub, code)] == ["duty_announced", "duty_paid", "duty_paid"]
    assert (await call(hub, "nhantbthuedvcqg", receipt(code, "TB1")))[0] == 0
    assert await state(hub, code) == "processing"


@pytest.mark.parametrize(
    ("service", "data", "code", "words"),
    [
        (
            "nhantbthuedvcqg",
            notice(("000.00.00.H47-261120-9999", [("TB1", 1)])),
            -1,
            "không tồn tại mã hồ sơ",
        ),
        ("nhantbthuedvcqg", receipt("000.00.00.H47-261120-9999", "TB1"), -1, "không tồn tại mã hồ sơ"),
        ("nhantbthuedvcqg", {"FileThongBaoThue": "%"}, -1, "HUB-SCH-002"),
        ("nhantbthuedvcqg", {"FileThongBaoThue": "PGEvPg=="}, -1, "HUB-SCH-009"),
        ("nhantbthuedvcqg", {}, -1, "HUB-SCH-003"),
        (
            "nhantbthuedvcqg",
            receipt("x", "TB1", ThongTinThanhToan={"TrangThaiThanhToan": 0, "ThoiGianThanhToan": "x"}),
            -1,
            "HUB-MAP-001",
        ),
        ("nhanhsdvcqg", online("000.00.00.H47-261120-9998", NgayNopHoSo=""), -1, "HUB-SCH-003"),
        ("nhanhsdvcqg", online("000.00.00.H47-261120-9998", MaTTHC="0"), -1, "HUB-DOS-005"),
        ("nhanhsdvcqg", online("000.00.00.H47-261120-9998", TaiLieuNop=[{"Base64": "%"}]), -1, "HUB-SCH-002"),
        ("nhanhsdvcqg", [], -1, "HUB-SCH-003"),
        ("addtthcKhuyenMai", {"MaHoSo": "x"}, -1, "HUB-INT-005"),
    ],
)
async def test_what_is_refused_is_text_inside_200_in_the_portals_words(
    hub: House, service: str, data: object, code: int, words: str
) -> None:
    said = await call(hub, service, data)
    assert said[0] == code
    assert said[1].startswith(words)


@pytest.mark.parametrize("key", ["", "guess", None])
async def test_a_wrong_key_is_told_as_the_portal_knows_it(hub: House, key: str | None) -> None:
    code = hub.code()
    said = await call(hub, "nhanhsdvcqg", online(code), SecurityKey=key)
    assert said[0] == -1
    assert said[1].startswith("401 Unauthorized - Error Security Code")
    assert await state(hub, code) == ""


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"\xff"', b'{"Data":{"MaHoSo":"\xff"}}', b'{"Data":[[1]]}', b'{"Data":7}']
)
@pytest.mark.parametrize("service", ["nhanhsdvcqg", "nhantbthuedvcqg", "dptracuuthanhtoanhs"])
async def test_what_is_no_call_is_refused_and_nothing_breaks(hub: House, service: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{hub.url}/cong/{service}", data=body) as answer,
    ):
        told = json.loads(await answer.read())
        assert told["error_code"] == -1
        assert "HUB-SCH-" in told["message"]


async def test_the_key_may_come_in_the_head_where_the_body_has_none(hub: House) -> None:
    code = hub.code()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        async with session.post(f"{hub.url}/cong/nhanhsdvcqg", json=online(code)) as answer:
            assert json.loads(await answer.read())["error_code"] == 0
        async with session.get(f"{hub.url}/cong/nhanhsdvcqg") as answer:
            assert answer.status == 404


async def asked(hub: House, code: str, key: str = KEY) -> dict[str, Any]:
    body = {"MaHoSo": code, "SecurityKey": key}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{hub.url}/cong/kpdvcqg/dptracuuthanhtoanhs", json=body) as answer,
    ):
        assert answer.status == 200
        found: dict[str, Any] = json.loads(await answer.read())
        return found


async def test_what_is_due_is_answered_by_the_inverted_code(hub: House) -> None:
    code = await processing(hub)
    assert await asked(hub, code) == {"error_code": 0, "message": []}
    body = hub.message(
        "fee_due", code, fees=[{"code": "PTD", "name": "Phí thẩm định", "amount": 150000, "kind": "2"}]
    )
    assert (await hub.post(body, key="f1", sender="onestop")).status == 202
    fees_alone = (await asked(hub, code))["message"]
    assert (fees_alone["TKThuHuong"], fees_alone["MaNHThuHuong"]) == ("118", "01201001")
    assert (await call(hub, "nhantbthuedvcqg", notice((code, [("TB1", 1250000), ("TB2", 7)]))))[0] == 0
    assert (await call(hub, "nhantbthuedvcqg", receipt(code, "TB2")))[0] == 0
    due = await asked(hub, code)
    assert due["error_code"] == 1
    told = due["message"]
    assert (told["TKThuHuong"], told["MaNHThuHuong"]) == ("", ""), "the tax does not go there"
    assert (told["MaDonVi"], told["TenDonVi"]) == (PROVINCE, "Ủy ban nhân dân tỉnh Quảng Nam")
    assert told["PhiLePhi"] == [
        {"LoaiPhiLePhi": "2", "MaPhiLePhi": "PTD", "TenPhiLePhi": "Phí thẩm định", "SoTien": "150000"}
    ]
    assert [one["SoTien"] for one in told["DSKhoanNop"]] == ["150000", "1250000"]
    assert told["MaTraCuuTT"] == f"{code}20261124090000"
    assert (told["MaTTHC"], told["HoTenNguoiNop"]) == (PROCEDURE, "Nguyễn Văn Ánh")
    paid = hub.message("fee_paid", code, fees=[{"code": "PTD", "amount": 150000}])
    assert (await hub.post(paid, key="f2", sender="onestop")).status == 202
    assert (await call(hub, "nhantbthuedvcqg", receipt(code, "TB1")))[0] == 0
    assert await asked(hub, code) == {"error_code": 0, "message": []}


async def test_what_waits_for_a_person_asks_for_no_money_and_is_not_called_nothing_either(hub: House) -> None:
    code = hub.code()
    assert (await call(hub, "nhanhsdvcqg", online(code)))[0] == 0
    assert await asked(hub, code) == {"error_code": 0, "message": []}
    assert (await call(hub, "nhantbthuedvcqg", notice((code, [("TB1", 1250000)]))))[0] == 0
    assert await state(hub, code) == "submitted", "nobody has the dossier yet: the notice waits for a person"
    assert await asked(hub, code) == {"error_code": -1, "message": []}
    assert (await call(hub, "nhantbthuedvcqg", receipt(code, "TB1")))[0] == 0
    assert await asked(hub, code) == {"error_code": 0, "message": []}, "a payment counts, waiting or not"


async def test_what_is_due_stays_due_however_often_the_record_is_told_again(hub: House) -> None:
    code = await processing(hub)
    body = hub.message("fee_due", code, fees=[{"code": "PTD", "name": "Phí", "amount": 150000}])
    assert (await hub.post(body, key="f1", sender="onestop")).status == 202
    for number in range(66):
        assert (
            await call(hub, "nhanhsdvcqg", [online(code, ChuHoSo=f"Nguyễn Văn Mẫu {number}", TaiLieuNop=[])])
        )[0] == 0
    assert (await asked(hub, code))["error_code"] == 1


async def test_what_nobody_can_say_is_never_due_nor_nothing(hub: House) -> None:
    assert (await asked(hub, "000.00.00.H47-261120-9999")) == {"error_code": -1, "message": []}
    assert (await asked(hub, ""))["error_code"] == -1
    code = await processing(hub)
    assert (await asked(hub, code, "guess"))["error_code"] == -1
    assert (await asked(hub, code))["error_code"] == 0
    assert await asked(hub, code, PASSER) == {
        "error_code": -1,
        "message": [],
    }  # it has no part in the dossier


@pytest.mark.parametrize("prefix", ["", "/XrdAdapter/RestService/forward"])
async def test_a_document_is_found_below_the_desk_by_the_id_that_the_hub_gave(
    hub: House, prefix: str
) -> None:
    uid = "2f6c0b0e-2f0f-4b1a-9a54-0d8c3a5e7a11"
    async with aiohttp.ClientSession() as session:
        for path, status in ((f"/f/{uid}", 404), (f"/cong{prefix}/downloadfile/{uid}", 404)):
            async with session.get(f"{hub.url}{path}") as answer:
                assert answer.status == status
                assert json.loads(await answer.read())["code"] == "HUB-DOC-011"


async def told_old(hub: House, service: str, data: object) -> tuple[int, str]:
    said = json.dumps({"SecurityKey": OLD, "Data": data}).encode()
    said = said.replace(b"@", "NguyÔn V¨n MÉu".encode("cp1252"))
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{hub.url}/cong/{service}", data=said) as answer,
    ):
        told = json.loads(await answer.read())
        return told["error_code"], told["message"]


async def test_letters_from_before_unicode_are_read_and_a_file_of_notices_says_itself_how_it_is_written(
    hub: House,
) -> None:
    code = hub.code()
    file = {"TenTepDinhKem": "@", "Base64": base64.b64encode(code.encode()).decode()}
    said = await told_old(
        hub, "nhanhsdvcqg", online(code, ChuHoSo="@", TaiLieuNop=[{"TepDinhKemId": "1", **file}])
    )
    assert said[0] == 0, said
    accepted = hub.message("received", code, procedure={"national": PROCEDURE})
    assert (await hub.post(accepted, key="a", sender="onestop")).status == 202
    said = await told_old(hub, "nhantbthuedvcqg", notice((code, [("TB-1", 5)])))
    assert said[0] == 0, said
    received, announced = await messages(hub, code, "old")
    assert received.dossier
    assert received.dossier.applicant
    assert received.dossier.applicant.name == "Nguyễn Văn Mẫu"
    assert [one.name for one in received.dossier.documents] == ["Nguyễn Văn Mẫu"]
    assert announced.dossier
    assert announced.dossier.duties
    assert announced.dossier.duties[0].item_name == "Lệ phí trước bạ nhà đất"

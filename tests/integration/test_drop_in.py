"""A one-stop system's own client, pointed at the hub: what it publishes becomes messages, and it is told the truth."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.catalogue import DESKS
from connectors.simulators.posting import post
from connectors.simulators.publisher import Publisher, record, statistic, step, votes
from hub.documents.contract import Safety
from hub.intake.spool import Spool
from hub.settings.sections import Limits, Quota
from hub.store.contract.views import Filter
from schemas.dossier import from_json
from tests.doubles.pki import Pki
from tests.integration.intake_house import PROVINCE, House, house, partner_files, parts, recipient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
SECRET = "a secret of 32 bytes or more, or so"
KINDS = ["received", "corrected", "step", "finished", "returned", "recalled", "report_published"]
PROCEDURE = "QNA-DD-0123"
CALL = 256 << 10
MORNING = datetime(2026, 11, 20, 8, 0)  # noqa: DTZ001 - the client's own wall time
DAY = timedelta(days=1)


def one_stop(name: str, secret: str, agency: str = PROVINCE) -> str:
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return (
        f'id = "{name}"\nagency = "{agency}"\nroom = "rest"\nname = {{ vi = "{name}", en = "{name}" }}\n'
        f'[[access.clients]]\nid = "{name}"\nsecrets = ["sha256:{digest}"]\n'
        f'[sends]\nformat = "opencps.lgsp@1"\nkinds = {json.dumps(KINDS)}\ncodes = ["{agency}"]\n'
        f'authority = "{agency}"\n'
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin_of(tmp_path_factory))
    (folder / "onestop.toml").write_text(one_stop("onestop", SECRET))
    (folder / "twin.toml").write_text(one_stop("twin", SECRET + "3"))
    (folder / "old.toml").write_text(one_stop("old", SECRET + "4") + 'text = "vni"\n')
    reports = recipient("reports", PROVINCE, "informed").replace('"received"', '"report_published"')
    (folder / "reports.toml").write_text(reports.replace("lienthong.message@1", "motcua.rest@1"))
    (folder / "other.toml").write_text(one_stop("other", SECRET + "2", "000.00.10.H47"))
    return parts(folder)


def pin_of(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)["seal-2048"].certificate_file


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    (tmp_path / "spool").mkdir()
    calls = Spool(tmp_path / "spool", memory=1024, limit=CALL)
    more = {"desks": {"/lgsp": DESKS["lgsp"]}, "calls": calls}
    async with house(tmp_path, made, lambda: NOW, more=more) as running:
        yield running


@pytest.fixture
def client(hub: House) -> Publisher:
    return Publisher(f"{hub.url}/lgsp", "onestop", SECRET)


async def kinds(hub: House, code: str, authority: str = PROVINCE) -> list[str]:
    known = await hub.store.known(authority, code)
    found = await hub.store.dossier(known.dossier) if known else None
    return [message.kind for message in found.messages] if found else []


async def state(hub: House, code: str) -> str:
    known = await hub.store.known(PROVINCE, code)
    assert known
    return str(json.loads(known.story)["state"])


def mresult(client: Publisher) -> tuple[int, int, str]:
    said = json.loads(client.raw.message)
    assert said.keys() == {"Status", "Message"}
    return client.raw.status, said["Status"], said["Message"]


async def test_a_dossier_goes_its_way_as_its_client_publishes_it(hub: House, client: Publisher) -> None:
    code = hub.code()
    told: dict[str, Any] = {"received": MORNING, "due": MORNING + 10 * DAY}
    assert await client.publish(record(code, PROCEDURE, **told), step(code, MORNING))
    assert await client.publish(
        record(code, PROCEDURE, Note="thêm", **told), step(code, MORNING + DAY, "Thẩm tra")
    )
    told["released"] = MORNING + 2 * DAY
    assert await client.publish(record(code, PROCEDURE, **told), step(code, MORNING + 2 * DAY, "Ký"))
    told["returned"] = MORNING + 3 * DAY
    assert await client.publish(record(code, PROCEDURE, **told), step(code, MORNING + 3 * DAY, "Trả"))
    assert await kinds(hub, code) == [
        "received",
        "step",
        "corrected",
        "step",
        "finished",
        "corrected",
        "returned",
        "corrected",
    ]
    assert await state(hub, code) == "returned"


async def test_what_was_said_before_gets_its_receipt_and_nothing_new(hub: House, client: Publisher) -> None:
    code = hub.code()
    said = record(code, PROCEDURE, received=MORNING, files={"Đơn.pdf": b"%PDF-1.7 one"})
    assert await client.publish(said, step(code, MORNING))
    first = client.raw
    assert await client.publish(said, step(code, MORNING))
    assert client.raw == first
    assert await kinds(hub, code) == ["received", "step"]
    both = await asyncio.gather(
        *(Publisher(f"{hub.url}/lgsp", "onestop", SECRET).publish(said) for _ in "ab")
    )
    assert both == [True, True]
    assert await kinds(hub, code) == ["received", "step"]


async def test_calls_about_one_dossier_wait_for_each_other(hub: House, client: Publisher) -> None:
    code = hub.code()
    told = [record(code, PROCEDURE, received=MORNING, Note=str(number // 2)) for number in range(6)]
    token = await client.token()
    said = await asyncio.gather(*(client.say(token, "/Document/SyncDocument", one) for one in told))
    assert [each.status for each in said] == [200] * 6
    assert sorted(await kinds(hub, code)) == ["corrected", "corrected", "received"]
    assert await state(hub, code) == "accepted"


async def test_who_is_over_its_quota_is_told_to_come_again(tmp_path: Path, made: Parts) -> None:
    limits = Limits(sender=Quota(day_messages=1))
    async with house(
        tmp_path, made, lambda: NOW, limits=limits, more={"desks": {"/a/b": DESKS["lgsp"]}}
    ) as hub:
        client = Publisher(f"{hub.url}/a/b", "onestop", SECRET)
        assert await client.publish(record(hub.code(), PROCEDURE, received=MORNING))
        assert not await client.publish(record(hub.code(), PROCEDURE, received=MORNING))
        assert mresult(client)[:2] == (429, 429)
        assert "\r\nretry-after: " in client.head.lower()


async def test_what_another_system_said_is_no_repetition(hub: House, client: Publisher) -> None:
    code = hub.code()
    said = record(code, PROCEDURE, received=MORNING)
    assert await client.publish(said)
    assert await Publisher(f"{hub.url}/lgsp", "twin", SECRET + "3").publish(said)
    assert await kinds(hub, code) == ["received", "corrected"]


async def test_letters_from_before_unicode_are_read_and_kept_as_they_came(hub: House) -> None:
    code = hub.code()
    said = json.dumps(record(code, PROCEDURE, received=MORNING, CitizenName="@")).encode()
    said = said.replace(b"@", "Nguyeãn Thò Öùng".encode("cp1252"))
    token = await Publisher(f"{hub.url}/lgsp", "old", SECRET + "4").token()
    to = f"{hub.url}/lgsp/Document/SyncDocument"
    assert (await post(to, said, {"Authorization": f"Bearer {token}"})).status == 200
    known = await hub.store.known(PROVINCE, code)
    found = await hub.store.dossier(known.dossier) if known else None
    assert found
    kept = await hub.store.payloads(found.messages[0].transfers[0])
    assert kept
    assert said in kept.raw
    told = from_json(kept.canonical).dossier
    assert told
    assert told.applicant
    assert told.applicant.name == "Nguyễn Thị Ứng"


async def test_a_dossier_that_comes_back_to_an_earlier_record_is_no_repetition(
    hub: House, client: Publisher
) -> None:
    code = hub.code()
    opened = record(code, PROCEDURE, received=MORNING)
    done = record(code, PROCEDURE, received=MORNING, released=MORNING + DAY)
    assert await client.publish(opened, step(code, MORNING))
    assert await client.publish(done)
    assert await client.publish(opened)
    assert await state(hub, code) == "processing"
    assert await client.publish(opened)
    assert await client.publish(done)
    assert await kinds(hub, code) == ["received", "step", "finished", "recalled", "finished"]
    assert await state(hub, code) == "finished"


async def test_a_dossier_that_is_handed_out_was_finished_first(hub: House, client: Publisher) -> None:
    code = hub.code()
    assert await client.publish(record(code, PROCEDURE, received=MORNING), step(code, MORNING))
    both = record(code, PROCEDURE, received=MORNING, released=MORNING + DAY, returned=MORNING + 2 * DAY)
    assert await client.publish(both)
    assert await client.publish(both)
    assert await kinds(hub, code) == ["received", "step", "finished", "returned"]


async def test_files_leave_the_record_and_become_the_dossiers_documents(
    hub: House, client: Publisher
) -> None:
    code, content = hub.code(), b"%PDF-1.7 " + bytes(range(256)) * 100
    said = record(code, PROCEDURE, received=MORNING, files={"Đơn.pdf": content, "Ảnh.png": b"png"})
    said["Attachments"].append(
        {"AttachmentId": "7", "AttachmentName": "bỏ", "IsDeleted": True, "IsVerified": True}
    )
    assert await client.publish(said)
    known = await hub.store.known(PROVINCE, code)
    assert known
    view = await hub.store.dossier(known.dossier)
    assert view
    (message,) = view.messages
    digest = hashlib.sha256(content).hexdigest()
    enclosed = (await hub.store.documents.enclosed([message.id]))[message.id]
    assert [each.sha256 for each in enclosed] == [digest, hashlib.sha256(b"png").hexdigest()]
    kept = b"".join([piece async for piece in hub.store.documents.content(digest)])
    assert kept == content
    (held, _) = await hub.store.documents.held()
    assert held.safety is Safety.CLEAN
    payloads = await hub.store.payloads(view.transfers[0].id)
    assert payloads
    assert base64.b64encode(content) not in payloads.raw
    assert f'"Base64":"{digest}"'.encode() in payloads.raw


async def test_what_the_client_sent_stands_in_the_message_byte_for_byte(
    hub: House, client: Publisher
) -> None:
    code = hub.code()
    said = record(code, PROCEDURE, received=MORNING, due=MORNING + DAY)
    assert await client.publish(said)
    known = await hub.store.known(PROVINCE, code)
    assert known
    view = await hub.store.dossier(known.dossier)
    assert view
    payloads = await hub.store.payloads(view.transfers[0].id)
    assert payloads
    assert msgspec.json.encode(said) in payloads.raw
    canonical = from_json(payloads.canonical)
    assert canonical.dossier
    assert canonical.event.at == canonical.dossier.received_at == datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    assert canonical.dossier.due_at == datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
    assert canonical.dossier.returned_at is None  # ReturnedDate is the due date until something is returned
    assert canonical.dossier.fees[0].amount == 150_000
    assert [each.kind for each in view.messages] == ["received"]
    assert list(hub.spool.iterdir()) == []


async def test_a_call_over_the_bound_is_refused_unread_and_leaves_nothing(
    hub: House, client: Publisher
) -> None:
    code = hub.code()
    assert not await client.publish(record(code, PROCEDURE, received=MORNING, files={"a": bytes(CALL)}))
    assert await kinds(hub, code) == []
    assert list(hub.spool.iterdir()) == []


async def test_no_desk_is_there_unless_the_settings_say_so(tmp_path: Path, made: Parts) -> None:
    async with house(tmp_path, made, lambda: NOW) as bare:
        client = Publisher(f"{bare.url}/lgsp", "onestop", SECRET)
        assert await client.token() == ""
        assert client.raw.status == 404


@pytest.mark.parametrize(
    ("path", "change", "status", "code"),
    [
        ("/Document/SyncDocument", {"DocCode": "x"}, 422, "HUB-DOS-001"),
        ("/Document/SyncDocument", {"DocTypeCode": "KHONG-CO"}, 422, "HUB-DOS-005"),
        ("/Document/SyncDocument", {"DateReceived": None}, 422, "HUB-SCH-003"),
        ("/Document/SyncDocument", {"FinishedDate": "2026-11-21T08:00:00.000Z"}, 422, "HUB-MAP-006"),
        (
            "/Document/SyncDocument",
            {"Attachments": [{"AttachmentId": 1, "Base64": "%%"}]},
            422,
            "HUB-SCH-002",
        ),
        ("/Document/UpdateDocumentTraces", {}, 404, "HUB-DOS-002"),
        ("/Statistic/UpdateStatistic%20", {}, 422, "HUB-SCH-003"),
        ("/Vote/UpdateVote", {}, 422, "HUB-SCH-003"),
        ("/Document/Unknown", {}, 404, "HUB-INT-003"),
    ],
)
async def test_a_refusal_is_one_in_the_status_line_and_in_the_body(
    hub: House, client: Publisher, path: str, change: dict[str, Any], status: int, code: str
) -> None:
    token = await client.token()
    dossier = hub.code()
    said = step(dossier, MORNING) if "Traces" in path else record(dossier, PROCEDURE, received=MORNING)
    answer = await client.say(token, path, {**said, **change})
    assert answer.status == 0
    http, inside, message = mresult(client)
    assert (http, inside) == (status, status)
    assert message.startswith(code)
    assert await kinds(hub, dossier) == []


async def test_figures_are_reports_for_who_hears_them_once(
    hub: House, client: Publisher, made: Parts
) -> None:
    month = statistic(2026, 11, received=120, solved=100)
    rated = votes(NOW, {"Thái độ": (0.5, 0.25, 0.25)})
    for _ in "ab":
        assert await client.report("/Statistic/UpdateStatistic", month)
        assert await client.report("/Vote/UpdateVote", rated)
        rated = votes(NOW + DAY, {"Thái độ": (0.5, 0.25, 0.25)})  # only its clock went on
    both = (Publisher(f"{hub.url}/lgsp", "onestop", SECRET).report("/Statistic", month) for _ in range(4))
    assert await asyncio.gather(*both) == [True] * 4
    assert await Publisher(f"{hub.url}/lgsp", "other", SECRET + "2").report("/Statistic", month)
    transfers = await hub.store.transfers(Filter())
    assert sorted((each.partner, each.sender, str(each.state)) for each in transfers) == [
        ("reports", "onestop", "waiting"),
        ("reports", "onestop", "waiting"),
        ("reports", "other", "waiting"),
    ]
    said = {}
    for each in transfers:
        payloads = await hub.store.payloads(each.id)
        assert payloads
        message = from_json(payloads.canonical)
        written = json.loads(made.formats["motcua.rest@1"].write("ThongDiep", message, each.key))
        assert (written["LoaiSuKien"], "HoSo" in written) == ("CONG_BO_BAO_CAO", False)
        said[each.sender, written["ChuDe"]] = written["BaoCao"]
    assert said["onestop", "processing 2026-11"]["KyBaoCao"] == "2026-11"
    assert {"TenChiTieu": "received", "GiaTri": "120"} in said["other", "processing 2026-11"]["ChiTieu"]
    rating = {"TenChiTieu": "bad_percent", "GiaTri": "0.25", "NoiDung": "Thái độ"}
    assert rating in said["onestop", "ratings"]["ChiTieu"]
    assert await client.report("/Statistic", {**month, "TotalSolved": 101})
    assert await client.report("/Statistic", month)  # it came back to what it was: that is said, too
    assert len(await hub.store.transfers(Filter())) == 5


async def test_places_are_those_of_what_the_client_sent(hub: House, client: Publisher) -> None:
    good, token = record(hub.code(), PROCEDURE, received=MORNING), await client.token()
    for change, place in (
        ({"DocTypeCode": "KHONG-CO"}, "/DocTypeCode"),
        ({"DateReceived": "hôm qua"}, "/DateReceived"),
        ({"ApplicantsType": 7}, "/ApplicantsType"),
        ({"ReturnedType": "x"}, "/ReturnedType"),
        ({"DocFees": [{"Price": -1}]}, "/DocFees/0/Price"),
        ({"Attachments": {}}, "/Attachments"),
    ):
        await client.say(token, "/Document/SyncDocument", {**good, **change})
        assert f" {place}" in mresult(client)[2], change


async def test_nobody_comes_in_without_a_token_of_its_own(hub: House, client: Publisher) -> None:
    wrong = Publisher(f"{hub.url}/lgsp", "onestop", "wrong")
    assert not await wrong.publish(record(hub.code(), PROCEDURE, received=MORNING))
    assert mresult(wrong)[:2] == (401, 401)
    answer = await client.say("lt_unknown", "/Document/SyncDocument", {})
    assert answer.status == 0
    assert mresult(client)[:2] == (401, 401)
    slashed = Publisher(f"{hub.url}/lgsp/", "onestop", SECRET)
    assert not await slashed.publish(record(hub.code(), PROCEDURE, received=MORNING))


async def test_another_systems_dossier_is_not_its_to_speak_of(hub: House, client: Publisher) -> None:
    code = hub.code()
    assert await client.publish(record(code, PROCEDURE, received=MORNING))
    other = Publisher(f"{hub.url}/lgsp", "other", SECRET + "2")
    assert not await other.publish(record(code, "1.009999", received=MORNING))
    assert mresult(other)[0] in {403, 404, 422}
    assert await kinds(hub, code) == ["received"]

"""The portal's second generation: what is created once, what goes by the portal's own numbers, what is uploaded."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.catalogue import ROOMS, Outfit
from connectors.contract import Deferred, Delivered, Encloses, Parcel, Refused, Sealed, Unsure
from connectors.simulators.desk import Journal
from connectors.simulators.orders import Order
from connectors.simulators.portal_g2 import CREATE, NEXT, PROGRESS, STATE, TOKEN, UPLOAD, PortalG2
from schemas.dossier import Document, Fee, Kind, Result
from schemas.library import BUILTIN, Library
from schemas.mapping import load
from schemas.problems import Refusal
from tests.doubles.loopback import loopback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from connectors.contract import Codec, Connector, Outcome
    from connectors.simulators.desk import Call, Said
    from connectors.simulators.server import Server
    from schemas.dossier import Message

SECRET = "m4t-kh4u-r4t-d4i"
EXAMPLES = sorted((BUILTIN.parent / "examples" / "messages").glob("*.json"))
PDF, RESULT = b"%PDF-1.7 don", b"%PDF-1.7 ket qua"


def now() -> datetime:
    return datetime.now(UTC)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def with_files(message: Message) -> Message:
    assert message.dossier
    dossier = msgspec.structs.replace(
        message.dossier,
        documents=(
            Document(id="900001", name='Đơn "đăng ký".pdf', sha256=sha(PDF)),
            Document(id="900002", name="Bản cũ.pdf", deleted=True),
        ),
        fees=(Fee(code="PTD", name="Phí thẩm định", amount=150_000),),
        results=(Result(id="1", name="Giấy chứng nhận", sha256=sha(RESULT)),),
    )
    return msgspec.structs.replace(message, dossier=dossier)


@pytest.fixture(scope="module")
def story() -> list[Message]:
    mapping = load(BUILTIN / "mappings" / "motcua.rest-1.toml")
    return [
        with_files(mapping.read(path.read_bytes(), "motcua-tinh", f"k-{number}", "000.00.00.H47"))
        for number, path in enumerate(EXAMPLES)
    ]


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "client").write_text(SECRET)
    auth = {
        "kind": "oauth",
        "client_id": "h47",
        "client_secret_file": tmp_path / "client",
        "client_in": "body",
        "form": "json",
        "token_at": "/data/access_token",
    }
    return {"base_url": "https://dvc.example.vn", "auth": auth}


@pytest.fixture
async def portal() -> AsyncIterator[tuple[Server, str]]:
    async with loopback(PortalG2(Journal(None, now), SECRET, clock=now)) as (server, url):
        yield server, url


def opened(keys: Mapping[str, Any], url: str, **more: Any) -> Connector:
    room = ROOMS["national_portal_g2"]
    settings = room.settings.model_validate({**keys, "base_url": url, **more})
    return room.connect(settings, (), Outfit(library=Library(), now=now, seconds=time.monotonic))


def codec(keys: Mapping[str, Any], *, version: int = 1, **more: Any) -> Codec:
    room = ROOMS["national_portal_g2"]
    mapping = load(BUILTIN / "mappings" / f"dvcqg.g2-{version}.toml")
    return room.build(room.settings.model_validate({**keys, **more}), mapping)


def sealed(codec: Codec, operation: str, message: Message, told: Mapping[str, str] | None = None) -> Parcel:
    assert isinstance(codec, Encloses)
    draft = codec.enclose(codec.encode(operation, message, "t"), {sha(PDF): PDF, sha(RESULT): RESULT})
    bytes_ = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
    return Parcel(key="t", operation=operation, sealed=bytes_, told=told or {})


def called(server: Server) -> list[str]:
    return [request.split(b" ")[1].decode().rpartition("/")[2] for request in server.requests]


async def test_a_whole_dossier_is_created_once_and_goes_by_the_portals_numbers(
    portal: tuple[Server, str], keys: dict[str, Any], story: list[Message]
) -> None:
    server, url = portal
    says, room = codec(keys), opened(keys, url)
    told: dict[str, str] = {}
    sent = []
    for number, message in enumerate(story):
        for operation in says.operations(message):
            outcome = await room.deliver(sealed(says, operation, message, told))
            assert isinstance(outcome, Delivered), (message.kind, operation, outcome)
            told |= outcome.facts
            sent.append(operation)
        if number % 3 == 1:
            server.desk.expire()
    await room.close()
    entries = server.desk.journal.entries
    assert [entry.operation for entry in entries] == sent
    assert sent.count(CREATE) == called(server).count(NEXT) == 1
    assert (
        called(server).count(UPLOAD) == 2
    )  # the application, and the result: each once in all these messages
    assert called(server).count(TOKEN) == 4
    assert told["IdHoSo"] == entries[0].reference
    assert told["MaHoSo"].startswith("G22.99-")
    states = {
        json.loads(entry.body)["TrangThai"]: json.loads(entry.body)
        for entry in entries
        if entry.operation == STATE
    }
    assert {state for state, record in states.items() if "DanhSachGiayToKetQua" in record} == {5, 6, 9}
    assert isinstance(server.desk, PortalG2)
    assert list(server.desk.files.values()) == [PDF, RESULT]


async def test_what_is_sealed_keeps_its_bytes_behind_the_portals_numbers(
    portal: tuple[Server, str], keys: dict[str, Any], story: list[Message]
) -> None:
    server, url = portal
    room = opened(keys, url)
    parcel = sealed(codec(keys), PROGRESS, story[1], {"IdHoSo": "HS-9"})
    assert isinstance(await room.deliver(parcel), Refused)  # it knows no such dossier
    await room.close()
    assert server.requests[-1].endswith(b'{"IDHoSo":"HS-9",' + parcel.sealed.payload[1:])


@pytest.mark.parametrize(("order", "service"), [("html", NEXT), ("silence", UPLOAD), ("empty", NEXT)])
async def test_what_breaks_before_the_record_leaves_creates_nothing(
    portal: tuple[Server, str], keys: dict[str, Any], story: list[Message], order: str, service: str
) -> None:
    server, url = portal
    server.order(Order(kind=order, operation=service, after=True, seconds=1.0))
    room = opened(keys, url, **({"read_timeout": 0.6} if order == "silence" else {}))
    outcome = await room.deliver(sealed(codec(keys), CREATE, story[0]))
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code in {"HUB-PAR-001", "HUB-PAR-002", "HUB-NET-004"}
    assert CREATE not in called(server)
    again = opened(keys, url)
    assert isinstance(await again.deliver(sealed(codec(keys), CREATE, story[0])), Delivered)
    await room.close()
    await again.close()


async def test_a_file_that_the_portal_never_takes_is_a_refusal_and_creates_nothing(
    portal: tuple[Server, str], keys: dict[str, Any], story: list[Message]
) -> None:
    server, url = portal
    server.order(Order(kind="refuse", operation=UPLOAD))
    room = opened(keys, url)
    assert isinstance(await room.deliver(sealed(codec(keys), CREATE, story[0])), Refused)
    await room.close()
    assert called(server) == [TOKEN, UPLOAD]


async def test_a_dossier_that_has_a_number_is_never_created_again(
    portal: tuple[Server, str], keys: dict[str, Any], story: list[Message]
) -> None:
    server, url = portal
    room = opened(keys, url)
    again = await room.deliver(sealed(codec(keys), CREATE, story[0], {"IdHoSo": "HS-1"}))
    without = await room.deliver(sealed(codec(keys), PROGRESS, story[1]))
    await room.close()
    assert isinstance(again, Refused)
    assert again.reason.code == "HUB-PAR-007"
    assert isinstance(without, Deferred)
    assert without.reason.code == "HUB-PAR-014"
    assert not server.requests


async def test_a_success_without_a_number_is_in_doubt_and_nobody_can_be_asked(
    portal: tuple[Server, str], keys: dict[str, Any], story: list[Message]
) -> None:
    _, url = portal
    room = opened(keys, url, names={"created": "MaSo"})
    parcel = sealed(codec(keys), CREATE, story[0])
    outcomes: list[Outcome] = [await room.deliver(parcel), await room.find(parcel)]
    await room.close()
    assert all(isinstance(outcome, Unsure) for outcome in outcomes)
    assert [outcome.reason.code for outcome in outcomes if isinstance(outcome, Unsure)] == [
        "HUB-PAR-002",
        "HUB-PAR-009",
    ]


class Polite(PortalG2):
    """Says everything inside HTTP 200."""

    def answer(self, call: Call) -> Said:
        return msgspec.structs.replace(super().answer(call), status=200)


async def test_a_token_that_lapsed_inside_http_200_is_fetched_anew_once(
    keys: dict[str, Any], story: list[Message]
) -> None:
    async with loopback(Polite(Journal(None, now), SECRET, clock=now)) as (server, url):
        room = opened(keys, url)
        for expected in (1, 2):
            assert isinstance(await room.deliver(sealed(codec(keys), CREATE, story[0])), Delivered)
            server.desk.expire()
            assert called(server).count(TOKEN) == expected
        await room.close()


async def test_a_portal_that_takes_our_codes_is_not_asked_for_one(
    portal: tuple[Server, str], keys: dict[str, Any], story: list[Message]
) -> None:
    server, url = portal
    room = opened(keys, url, codes="ours")
    parcel = sealed(codec(keys, codes="ours"), CREATE, msgspec.structs.replace(story[0], extensions={}))
    await room.deliver(parcel)
    await room.close()
    assert called(server) == [TOKEN, UPLOAD, CREATE]
    record = json.loads(server.requests[-1].partition(b"\r\n\r\n")[2])
    assert story[0].dossier
    assert record["MaHoSo"] == story[0].dossier.code
    assert "MaHoSoDiaPhuong" not in record


def test_fees_and_results_are_said_at_the_states_that_take_them(
    keys: dict[str, Any], story: list[Message]
) -> None:
    for message in story:
        if STATE in codec(keys).operations(message):
            record = json.loads(codec(keys).encode(STATE, message, "t").payload)
            assert ("DanhSachLePhi" in record) == (record["TrangThai"] in {5, 6, 9}), message.kind


def test_a_file_that_is_not_at_hand_is_not_claimed(keys: dict[str, Any], story: list[Message]) -> None:
    says = codec(keys)
    assert isinstance(says, Encloses)
    with pytest.raises(Refusal) as refused:
        says.enclose(says.encode(CREATE, story[0], "t"), {})
    assert refused.value.code == "HUB-MAP-004"


def test_times_are_vietnams_wall_time_and_states_are_numbers(
    keys: dict[str, Any], story: list[Message]
) -> None:
    received = story[0]
    assert received.kind is Kind.RECEIVED
    record = json.loads(codec(keys).encode(CREATE, received, "t").payload)
    assert (record["TrangThaiHoSo"], record["NgayTiepNhan"][-4:], len(record["NgayTiepNhan"])) == (
        2,
        ".000",
        23,
    )


async def test_a_portal_that_takes_lists_and_a_unit_for_each_code_is_reached_by_its_settings(
    keys: dict[str, Any], story: list[Message]
) -> None:
    more: dict[str, Any] = {
        "issue": {"code": "G09.20"},
        "issue_in": "query",
        "as_lists": ["progress", "state"],
        "names": {"state_id": "IdHoSo", "part": "files"},
    }
    async with loopback(PortalG2(Journal(None, now), SECRET, clock=now, lists=True)) as (server, url):
        says, room = codec(keys, **more), opened(keys, url, **more)
        told: dict[str, str] = {}
        for message in story:
            for operation in says.operations(message):
                outcome = await room.deliver(sealed(says, operation, message, told))
                assert isinstance(outcome, Delivered), (message.kind, operation, outcome)
                told |= outcome.facts
        assert b"GET /GetNextValue?code=G09.20 " in b"".join(server.requests)
        bodies = {entry.operation: json.loads(entry.body) for entry in server.desk.journal.entries}
        assert [len(bodies[PROGRESS]), len(bodies[STATE])] == [1, 1]
        assert "IDHoSo" in bodies[PROGRESS][0]
        assert "IdHoSo" in bodies[STATE][0]
        bare = opened(keys, url)
        assert not isinstance(await bare.deliver(sealed(says, PROGRESS, story[1], told)), Delivered)
        await bare.close()
        await room.close()


def test_what_a_one_stop_cannot_say_is_said_by_the_file_and_only_then(
    keys: dict[str, Any], story: list[Message]
) -> None:
    first = story[0]
    assert first.dossier
    nobody = msgspec.structs.replace(
        first,
        dossier=msgspec.structs.replace(first.dossier, channel=None, documents=()),
        event=msgspec.structs.replace(first.event, actor=None),
    )
    declared = codec(keys, defaults={"channel": "post", "handled_by": "Bộ phận Một cửa"})
    for operation, name, said in ((CREATE, "KenhThucHien", "3"), (PROGRESS, "NguoiXuLy", "Bộ phận Một cửa")):
        with pytest.raises(Refusal):
            codec(keys).encode(operation, nobody, "t")
        assert json.loads(declared.encode(operation, nobody, "t").payload)[name] == said
        assert json.loads(declared.encode(operation, first, "t").payload)[name] != said


PUBLISHED: dict[str, Any] = {
    "issue": {"code": "G09.20"},
    "issue_in": "query",
    "as_lists": ["progress", "state"],
    "names": {
        "state_id": "IdHoSo",
        "part": "files",
        "own": "",
        "named": "IdGiayTo",
        "components": "ThanhPhanHoSo",
    },
}
"""A portal's file for the service that the published client calls; it names ``dvcqg.g2@2``."""
SAMPLE = json.loads((BUILTIN.parent / "tests" / "golden" / "facts" / "ThemMoiHoSo.json").read_bytes())


def handed_in(story: list[Message], *components: str | None) -> Message:
    """The first message with files for these components; which file is which does not matter."""
    assert story[0].dossier
    papers = tuple(
        Document(id=str(number), name=f"{number}.pdf", component=each, sha256=sha(PDF))
        for number, each in enumerate(components)
    )
    dossier = msgspec.structs.replace(story[0].dossier, documents=papers)
    return msgspec.structs.replace(story[0], dossier=dossier)


def shape(value: Any) -> Any:
    """The names and kinds of values, however deep."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(each) for each in value[:1]] if isinstance(value, list) else type(value).__name__


def within(part: Any, whole: Any) -> bool:
    """Whether everything in one shape is in another."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and within(each, whole[name]) for name, each in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(within(each, whole[0]) for each in part)
    return bool(part == whole)


async def test_the_published_clients_names_create_a_dossier_step_by_step(
    keys: dict[str, Any], story: list[Message]
) -> None:
    async with loopback(PortalG2(Journal(None, now), SECRET, clock=now, lists=True)) as (server, url):
        says, room = codec(keys, version=2, **PUBLISHED), opened(keys, url, **PUBLISHED)
        told: dict[str, str] = {}
        for message in [handed_in(story, "TP01", "TP01", None, None), *story[1:]]:
            for operation in says.operations(message):
                outcome = await room.deliver(sealed(says, operation, message, told))
                assert isinstance(outcome, Delivered), (message.kind, operation, outcome)
                told |= outcome.facts
        await room.close()
    entries = server.desk.journal.entries
    created = json.loads(entries[0].body)
    assert within(shape(created), shape(SAMPLE))
    assert created["MaHoSo"] == told["MaHoSo"]
    assert [
        (each.get("MaThanhPhanHoSo"), each["SoLuong"], len(each["GiayToDinhKem"]))
        for each in created["ThanhPhanHoSo"]
    ] == [("TP01", 2, 2), (None, 1, 1), (None, 1, 1)]
    (number,) = {paper["IdGiayTo"] for each in created["ThanhPhanHoSo"] for paper in each["GiayToDinhKem"]}
    assert isinstance(server.desk, PortalG2)
    assert server.desk.files[number] == PDF
    assert created["ThongTinNguoiNop"]["ThongTinChiTiet"]["TenChuHs"] == created["ChuHoSo"]
    states = [json.loads(entry.body)[0] for entry in entries if entry.operation == STATE]
    assert any("IdGiayTo" in paper for each in states for paper in each.get("DanhSachGiayToKetQua", ()))


@pytest.mark.parametrize("version", [1, 2])
def test_a_change_of_a_record_has_no_service_and_is_therefore_never_said_as_another(
    keys: dict[str, Any], story: list[Message], version: int
) -> None:
    """Intake parks what has no operation (HUB-MAP-009)."""
    event = msgspec.structs.replace(story[0].event, kind=Kind.CORRECTED)
    assert codec(keys, version=version).operations(msgspec.structs.replace(story[0], event=event)) == ()

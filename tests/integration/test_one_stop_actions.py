"""Back to a one-stop of the OpenCPS class: what happens becomes an action on its dossier, sent as the form that it takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors import catalogue
from connectors.catalogue import Outfit
from connectors.contract import Delivered, Encloses, Parcel, Particular, Refused, Sealed
from connectors.inside import LARGEST
from connectors.rest.codec import FORM, as_form
from connectors.rest.settings import Settings
from hub.delivery.sealing import Pool, Unsigned, Workbench, seal
from hub.documents.contract import Enclosure
from hub.documents.links import Desk, Linking
from hub.partners import reading
from hub.partners.world import World
from hub.store.contract.delivery import Work
from schemas.dossier import Actor, Dossier, Duty, Event, Fee, Kind, Message, Result, to_json
from schemas.library import BUILTIN, Library
from schemas.mapping import load
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from hub.delivery.sealing import Order
    from hub.partners.partner import Partner

ROOT = Path(__file__).resolve().parents[2]
CODE = "000.00.00.H47-261120-0001"
AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
MAPPING = load(BUILTIN / "mappings" / "opencps.rest-1.toml")


def message(kind: Kind, **said: Any) -> Message:
    event = Event(kind=kind, at=AT, actor=Actor(name="Lê Văn Chuyên Viên"), **said)
    return Message(event=event, key="k", sender="land", agency="000.00.15.H47", dossier=Dossier(code=CODE))


def partner(folder: Path, base: str) -> Partner:
    """The example, as an operator makes it."""
    example = (ROOT / "examples/desks/motcua-mapi.toml").read_text("utf-8")
    receives = (ROOT / "examples/desks/opencps-receives.toml").read_text("utf-8")
    (folder / "secrets").mkdir()
    (folder / "secrets/motcua.txt").write_text("a password")
    written = receives.replace("https://motcua.example.gov.vn", base)
    (folder / "motcua.toml").write_text(example + written)
    world = World(
        rooms={"rest": catalogue.ROOMS["rest"].settings},
        mappings=frozenset({"dvcqg.mapi@1", "opencps.rest@1"}),
        keys=frozenset(),
        agency=lambda _: True,
    )
    (found,) = reading.load(folder, world)
    return found


async def test_each_of_status_supplement_duty_and_result_is_an_action_of_its_dossier(tmp_path: Path) -> None:
    came: list[tuple[str, dict[str, str]]] = []

    async def act(request: web.Request) -> web.Response:
        assert request.content_type == FORM
        assert request.headers["groupId"] == "35301"
        assert request.headers["Authorization"].startswith("Basic ")
        came.append((request.match_info["id"], dict(await request.post())))  # type: ignore[arg-type]
        if len(came) > len(KINDS):
            return web.json_response({"error": "cannot"}, status=405)
        return web.json_response({"dossierActionId": 4711})

    app = web.Application()
    app.router.add_post("/o/rest/v2/dossiers/{id}/actions", act)
    async with TestServer(app) as server:
        found = partner(tmp_path, str(server.make_url("")).rstrip("/"))
        settings: Any = found.settings
        assert found.receives
        room = catalogue.ROOMS["rest"]
        codec = room.build(settings, MAPPING)
        outfit = Outfit(library=Library((BUILTIN,)), now=lambda: AT, seconds=lambda: 0.0)
        connector = room.connect(settings, found.receives.replies, outfit)
        for kind in (*KINDS, Kind.FINISHED):
            said = message(kind, content="Thiếu giấy tờ & bản đồ")
            (operation,) = codec.operations(said)
            draft = codec.encode(operation, said, "key")
            sealed = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
            outcome = await connector.deliver(
                Parcel(key="key", operation=operation, dossier=CODE, sealed=sealed, attempt=1)
            )
            assert isinstance(outcome, Delivered if len(came) <= len(KINDS) else Refused)
        await connector.close()
    assert [said["actionCode"] for _, said in came[:-1]] == list(KINDS.values())
    assert {code for code, _ in came} == {CODE}
    assert came[0][1]["actionNote"] == "Thiếu giấy tờ & bản đồ"
    assert came[0][1]["actionUser"] == "Lê Văn Chuyên Viên"


async def test_what_is_to_be_paid_and_each_result_go_back_too(tmp_path: Path) -> None:
    came: list[tuple[str, dict[str, str]]] = []
    files = {sha256(each).hexdigest(): each for each in (b"%PDF-1.7 \r\n--x", bytes(range(256)))}

    async def take(request: web.Request) -> web.Response:
        assert request.match_info["id"] == CODE
        fields: dict[str, str] = {}
        if request.content_type == "multipart/form-data":
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    fields |= {name: sha256(value.file.read()).hexdigest(), "filename": value.filename}
                else:
                    fields[name] = str(value)
        else:
            fields = {name: str(value) for name, value in (await request.post()).items()}
        came.append((request.path.rpartition("/")[2], fields))
        action = came[-1][0] == "actions"
        return web.json_response({"dossierActionId": 4711} if action else {"dossierFileId": 1})

    app = web.Application()
    app.router.add_post("/o/rest/v2/dossiers/{id}/{what}", take)
    async with TestServer(app) as server:
        found = partner(tmp_path, str(server.make_url("")).rstrip("/"))
        settings: Any = found.settings
        assert found.receives
        room = catalogue.ROOMS["rest"]
        assert room.encloses(settings) == LARGEST
        codec = room.build(settings, MAPPING)
        assert isinstance(codec, Encloses)
        assert isinstance(codec, Particular)
        outfit = Outfit(library=Library((BUILTIN,)), now=lambda: AT, seconds=lambda: 0.0)
        connector = room.connect(settings, found.receives.replies, outfit)
        duty = (
            Duty(item_name="Lệ phí trước bạ", amount=1_250_000),
            Duty(notice="TB-2", amount=7),
            Duty(item_name="?"),
        )
        results = [
            Result(id="1", name='Giấy "chứng nhận".pdf', sha256=digest, media_type="application/pdf")
            for digest in files
        ]
        for said in (
            told(Kind.DUTY_ANNOUNCED, duties=duty),
            told(Kind.DUTY_ANNOUNCED, duties=(Duty(notice="TB-3"),)),
            told(Kind.FEE_DUE, fees=(Fee(name="Phí thẩm định", amount=150_000),)),
            told(Kind.STEP, duties=duty, results=tuple(results)),
            told(Kind.FINISHED, results=(*results, Result(name="bản giấy"))),
        ):
            for operation in codec.operations(said):
                draft = codec.enclose(codec.encode(operation, said, f"key-{operation}"), files)
                assert codec.enclose(codec.encode(operation, said, f"key-{operation}"), files) == draft
                sealed = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
                outcome = await connector.deliver(
                    Parcel(key="key", operation=operation, dossier=CODE, sealed=sealed, attempt=1)
                )
                assert isinstance(outcome, Delivered), outcome
        await connector.close()
    assert [(what, fields.get("actionCode")) for what, fields in came] == [
        ("actions", "LT_NGHIA_VU"),
        ("actions", "LT_NGHIA_VU"),
        ("actions", "LT_YEU_CAU_NOP_PHI"),
        ("actions", "LT_XU_LY"),
        ("files", None),
        ("files", None),
        ("actions", "LT_CO_KET_QUA"),
    ]
    demands = [fields.get("payment") for _, fields in came]
    assert json.loads(demands[0] or "") == {
        "requestPayment": 2,
        "feeAmount": "1250007",
        "paymentNote": "Lệ phí trước bạ; TB-2; ?",
    }
    assert demands[1] is None  # nobody said how much
    assert json.loads(demands[2] or "")["feeAmount"] == "150000"
    assert demands[3:] == [None] * 4
    assert [fields["file"] for _, fields in came[4:6]] == list(files)
    assert came[4][1]["displayName"] == 'Giấy "chứng nhận".pdf'
    assert came[4][1]["dossierPartNo"] == "KQ1"


def test_a_result_that_is_not_here_parks_its_transfer_alone(tmp_path: Path) -> None:
    codec = catalogue.ROOMS["rest"].build(partner(tmp_path, "http://127.0.0.1:9").settings, MAPPING)
    assert isinstance(codec, Encloses)
    said = told(Kind.FINISHED, results=(Result(name="a", sha256="0" * 64),))
    upload, action = codec.operations(said)
    with pytest.raises(Refusal) as refused:
        codec.enclose(codec.encode(upload, said, "k"), {})
    assert refused.value.code == "HUB-MAP-004"
    draft = codec.encode(action, said, "k")
    assert codec.enclose(draft, {}) == draft


async def test_a_result_that_the_hub_fetched_goes_as_the_one_that_it_is(tmp_path: Path) -> None:
    codec = catalogue.ROOMS["rest"].build(partner(tmp_path, "http://127.0.0.1:9").settings, MAPPING)
    contents = {sha256(each).hexdigest(): each for each in (b"fetched", b"at hand")}
    fetched, at_hand = contents
    said = told(
        Kind.FINISHED,
        results=(
            Result(name="giấy"),
            Result(name="1", reference="https://x/1"),
            Result(name="2", sha256=at_hand),
        ),
    )
    operations = codec.operations(said)
    assert operations == ("file.2", "file.3", "actions")
    places = {1: fetched, 2: at_hand}

    class Shelf:
        async def enclosed(self, messages: Sequence[str]) -> Mapping[str, tuple[Enclosure, ...]]:
            found = tuple(
                Enclosure(message="m1", place=f"results/{n}", sha256=each) for n, each in places.items()
            )
            return dict.fromkeys(messages, found)

        async def content(self, digest: str) -> AsyncGenerator[bytes, None]:
            yield contents[digest]

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        return [seal(Workbench(codecs={"p": codec}, sealers={"p": Unsigned()}), order) for order in orders]

    linking = Linking(Pool(run), Shelf(), {"p": Desk(base="", grace=0.0, inside=LARGEST)}, b"s")
    for operation, content in zip(
        operations, (b"fetched", b"at hand", b"actionCode=LT_CO_KET_QUA"), strict=True
    ):
        work = Work(
            token="t", transfer="t1", message="m1", partner="p", operation=operation, part=0, key="k", kind="finished",
            dossier="d", canonical=to_json(said), sealed=None, doubt=False, attempts=0, sends=0, accepted_at=AT,
        )  # fmt: skip
        sealed = (await linking.seal([work]))["t1"]
        assert isinstance(sealed, Sealed), sealed
        assert content in sealed.payload


def told(kind: Kind, **dossier: Any) -> Message:
    said = message(kind)
    assert said.dossier
    return msgspec.structs.replace(said, dossier=msgspec.structs.replace(said.dossier, **dossier))


KINDS = {
    Kind.STEP: "LT_XU_LY",
    Kind.SUPPLEMENT_REQUESTED: "LT_YEU_CAU_BO_SUNG",
    Kind.DUTY_ANNOUNCED: "LT_NGHIA_VU",
    Kind.FINISHED: "LT_CO_KET_QUA",
}


@pytest.mark.parametrize("document", [{"a": 1}, {"a": ["b"]}, ["a"], {"a": None}])
def test_a_form_holds_texts_and_nothing_else(document: object) -> None:
    with pytest.raises(Refusal) as refused:
        as_form(json.dumps(document).encode())
    assert refused.value.code == "HUB-MAP-004"


def test_a_form_is_written_as_forms_are() -> None:
    assert as_form('{"a":"b c&d","ê":"="}'.encode()) == b"a=b+c%26d&%C3%AA=%3D"
    with pytest.raises(ValueError, match="not both"):
        Settings.model_validate(
            {"base_url": "http://127.0.0.1:9", "files_at": ["/a/b"], "uploads": {"path": "/f"}}
        )
    with pytest.raises(ValueError, match="no room for files"):
        Settings.model_validate({"base_url": "http://127.0.0.1:9", "form": True, "files_at": ["/a/b"]})

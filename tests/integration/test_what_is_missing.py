"""What a recipient requires and nobody said: parked, and told to who has it; by the web process as it is wired."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import uvicorn

from connectors.contract import Sealed
from hub.api import views
from hub.cli.main import Surroundings, run
from hub.cli.opening import WiredPrograms, kept, wired
from hub.cli.screen import screen_of
from hub.delivery.remembering import Remembering
from hub.delivery.sealing import Order, Pool, seal
from hub.demo.cast import EXAMPLES
from hub.demo.scene import build
from hub.settings import file as settings_file
from hub.store.contract.views import Filter
from hub.story.filling import written
from hub.wiring.parts import store_of
from hub.wiring.tools import pool_tools
from hub.wiring.web import open_web
from schemas.dossier import Failure, from_json
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from tests.doubles.loopback import bound
from tests.store.samples import delivered
from tests.unit.test_cli_double import Terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from hub.demo.scene import Scene
    from schemas.problems import Problem


class Onestop:
    """The one-stop at the doors of a hub as it is wired."""

    def __init__(self, scene: Scene, session: aiohttp.ClientSession, url: str) -> None:
        self._key = load(
            KeySource(name="m", file=str(scene.sender_key), certificate=str(scene.sender_certificate))
        )
        self._session, self._url = session, url

    async def says(self, said: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Say it and return its transfers, as the receipt tells them."""
        body = json.dumps(said).encode()
        signature = DetachedSigner(self._key).sign(body, datetime.now(UTC))
        headers = {"X-JWS-Signature": signature, "Content-Type": "application/json"}
        async with self._session.post(f"{self._url}/messages", data=body, headers=headers) as answer:
            told = await answer.json()
            assert answer.status == HTTPStatus.ACCEPTED, told
            found: list[dict[str, Any]] = told["transfers"]
            return found

    async def sees(self, code: str) -> dict[str, Any]:
        async with self._session.get(f"{self._url}/dossiers/{code}") as answer:
            seen: dict[str, Any] = await answer.json()
            return seen


@asynccontextmanager
async def serving(scene: Scene) -> AsyncIterator[Onestop]:
    socket = bound()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}/v1"
    headers = {"Authorization": f"Bearer {scene.api_key}"}
    async with open_web(scene.settings) as (edge, _), aiohttp.ClientSession(headers=headers) as session:
        server = uvicorn.Server(uvicorn.Config(edge, log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[socket]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this attribute only
            await asyncio.sleep(0.01)
        yield Onestop(scene, session, url)
        server.should_exit = True
        await task


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "messages" / name).read_bytes())
    return found


async def test_what_a_recipient_requires_and_nobody_said_is_told_to_who_has_it(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    said = example("01-received.json")
    del said["HoSo"]["TrichYeuHoSo"]
    later = example("02-transferred.json")
    async with serving(scene) as onestop:
        transfers = await onestop.says(said)
        seen = await onestop.sees(said["HoSo"]["MaHoSo"])
        await onestop.says(later)
    parked = [each for each in transfers if each["state"] == "parked"]
    assert {(each["partner"], each["problem"]) for each in parked} == {("dvcqg", "HUB-MAP-004")}
    waits = next(each for each in seen["transfers"] if each["id"] == parked[0]["id"])
    assert (waits["supplier"], waits["detail"].split()[-1]) == ("origin", "dossier.summary")
    assert (seen["state"], [leg["state"] for leg in seen["legs"]]) == ("accepted", ["accepted"])
    store = store_of(settings_file.load(scene.settings))
    told = await store.transfers(Filter(partner="motcua-tinh"))
    stored = [await store.payloads(each.id) for each in told]
    failures = [from_json(each.canonical).failure for each in stored if each is not None]
    await store.close()
    assert {each.transfer: each.supplier for each in failures if each} == {
        each["id"]: "origin" for each in parked
    }
    assert all(isinstance(each, Failure) and each.detail == waits["detail"] for each in failures)
    [kept] = parked
    made = await asyncio.to_thread(
        shown, scene, "transfer", "correct", kept["id"], "--reason", "said by now", "--yes", "--json"
    )
    assert [each["state"] for each in json.loads(made)] == ["waiting"]


async def test_what_a_message_leaves_out_is_taken_from_what_its_dossier_said_before_and_told_with_it(
    tmp_path: Path,
) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    first, bare = example("01-received.json"), example("02-transferred.json")
    code = first["HoSo"]["MaHoSo"]
    bare["HoSo"] = {"MaHoSo": code, "TrangThaiHoSo": bare["HoSo"]["TrangThaiHoSo"]}
    async with serving(scene) as onestop:
        await onestop.says(first)
        transfers = await onestop.says(bare)
    assert [each for each in transfers if each["state"] != "waiting"] == []
    store = store_of(settings_file.load(scene.settings))
    _, bench = pool_tools(str(scene.settings))

    async def sealing(orders: Sequence[Order]) -> list[Sealed | Problem]:
        return [seal(bench, order) for order in orders]

    now = datetime.now(UTC)
    sealery = Remembering(Pool(sealing), store.said)
    sealed: dict[str, bytes] = {}
    while works := await store.claim("w", now, 50, 30.0):
        made = await sealery.seal(works)
        ready = {id_: each for id_, each in made.items() if isinstance(each, Sealed)}
        assert ready.keys() == made.keys()
        assert await store.seal(works[0].token, ready)
        await store.settle(works[0].token, [delivered(work.transfer) for work in works], now)
        sealed |= {id_: each.payload for id_, each in ready.items()}
    wanted = [each["id"] for each in transfers if each["partner"] == "dvcqg"]
    record = json.loads(sealed[wanted[0]])[0]
    assert record["TrichYeuHoSo"] == first["HoSo"]["TrichYeuHoSo"]
    assert record["ChuHoSo"] == first["HoSo"]["ChuHoSo"]
    assert record["TrangThaiHoSo"] == "4"
    found = await store.dossier(code)
    assert found is not None
    seen = views.dossier(found, "motcua-tinh")
    by_id = {each.id: each for each in seen.transfers}
    earlier = {each.kind: each.id for each in seen.messages}["received"]
    taken = by_id[wanted[0]].taken
    assert (taken["dossier.summary"], {*taken.values()}) == (earlier, {earlier})
    assert "dossier.state" not in taken
    entries = await store.journal(transfer=wanted[0])
    assert [each.facts["taken"] for each in entries if each.what == "sealed"] == [written(taken)]
    whole = [each for each in seen.transfers if each.message == earlier]
    assert whole
    assert not any(each.taken for each in whole)
    await store.close()
    replay = ("mapping", "replay", "dvcqg.g1@1", "dvcqg.g1plus@1", "--json")
    replayed = json.loads(await asyncio.to_thread(shown, scene, *replay))
    assert (replayed["written"], replayed["differ"]) == (4, 0)


def shown(scene: Scene, *words: str, terminal: bool = False) -> str:
    """What an operator's command line says over the same store."""
    out = Terminal() if terminal else io.StringIO()
    around = Surroundings(
        screen=screen_of(out, io.StringIO(), io.StringIO(), {}, 200),
        environment={"LIENTHONG_SETTINGS": str(scene.settings)},
        open=wired,
        check=lambda _, __: (),
        programs=WiredPrograms(),
        keep=kept,
        now=lambda: datetime.now(UTC),
        by="lan",
    )
    assert run(words, around) == 0
    return out.getvalue()


async def test_parents_children_aliases_and_apologies_are_shown_to_operators_and_to_who_takes_part(
    tmp_path: Path,
) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    origin, child = example("01-received.json"), example("01-received.json")
    code = origin["HoSo"]["MaHoSo"]
    other = f"{code[:-4]}9002"
    origin["HoSo"]["HoSoCon"] = [other, "nowhere"]
    child["HoSo"] |= {"MaHoSo": other, "HoSoGoc": code}
    child["HoSo"].pop("MaHoSoKhac")
    child["MaThongDiep"] = f"MC-{other}-0001"
    sorry = example("02-transferred.json") | {"MaThongDiep": f"MC-{code}-0002", "LoaiSuKien": "XIN_LOI"}
    sorry["HoSo"] = {"MaHoSo": code, "DonViGayCham": "Phòng Đo đạc"}
    sorry["DienBien"] = {
        "NguoiXuLy": "Trần Thị Một Cửa",
        "LyDo": "Chờ trích đo",
        "NgayKetThucTheoQuyDinh": "20261211080000",
    }
    async with serving(scene) as onestop:
        for said in (origin, child, sorry):
            await onestop.says(said)
        seen, young = await onestop.sees(code), await onestop.sees(other)
    assert (seen["parent"], seen["children"], young["parent"]) == (None, [other, "nowhere"], code)
    [apology] = seen["apologies"]
    assert (apology["due_at"], apology["reason"], apology["unit"], apology["agency"]) == (
        "2026-12-11T01:00:00Z",
        "Chờ trích đo",
        "Phòng Đo đạc",
        "000.00.00.H47",
    )
    assert {"authority": "000.00.15.H47", "code": "H47.15-261120-0001"} in seen["aliases"]
    assert seen["deadline"] == "2026-12-11T01:00:00Z"
    told = json.loads(await asyncio.to_thread(shown, scene, "dossier", "show", code, "--json"))
    assert [(each["relation"], each["code"], each["state"]) for each in told["relatives"]] == [
        ("child", other, "accepted"),
        ("child", "nowhere", ""),
    ]
    assert told["relatives"][0]["id"] == young["id"]
    assert [(each["reason"], each["unit"]) for each in told["apology"]] == [("Chờ trích đo", "Phòng Đo đạc")]
    for language, words in (
        ("vi", ("hồ sơ con", "Xin lỗi và hẹn lại", "được tiếp nhận", "Chờ trích đo", "H47.15-261120-0001")),
        ("en", ("child", "Apologies and new dates", "accepted", "11/12/2026 08:00:00", "Phòng Đo đạc")),
    ):
        page = await asyncio.to_thread(
            shown, scene, "dossier", "show", code, "--lang", language, terminal=True
        )
        assert [word for word in words if word not in page] == []
    page = await asyncio.to_thread(shown, scene, "dossier", "show", other, terminal=True)
    assert "hồ sơ gốc" in page
    assert "Xin lỗi" not in page

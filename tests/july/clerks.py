"""What the systems of the plan do with an act: the call that each one's own protocol makes of it, over a real socket.

Nothing is retried and nothing is passed over: an answer that is not the protocol's *taken* fails the run, naming the act.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from lxml import etree

from connectors.simulators import publisher, reporter
from connectors.soap_desk.names import NS, SOAP
from tests.july.days import VIETNAM
from tests.july.partners import SPOKEN, key_of, secret_of
from tests.july.places import PROVINCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    import aiohttp

    from schemas.mapping import Mapping as Format
    from tests.july.telling import Act

CHANNELS = {"counter": "1", "online": "2", "post": "3"}
LIVES = "lienthong-trial"


class Clerks:
    """``said``: how many messages went by each protocol; ``again``: how many got the receipt that was there."""

    def __init__(self, url: str, session: aiohttp.ClientSession, formats: dict[str, Format]) -> None:
        self._url, self._session, self._formats = url, session, formats
        self._tokens: dict[str, str] = {}
        self._asking = asyncio.Lock()
        self.said: dict[str, int] = {}
        self.again = 0
        self._ways: dict[str, Callable[[Act], Awaitable[None]]] = {
            "own": self._own,
            "motcua": self._motcua,
            "soap": self._soap,
            "lgsp": self._lgsp,
            "mapi": self._mapi,
            "portal": self._portal,
        }

    async def say(self, act: Act) -> None:
        way = SPOKEN[act.voice]
        for _ in range(act.times):
            await self._ways[way](act)
            self.said[way] = self.said.get(way, 0) + 1

    # --- the hub's own interface

    async def _own(self, act: Act) -> None:
        await self._message(act, msgspec.json.encode(act.body()))

    async def _motcua(self, act: Act) -> None:
        own = self._formats["lienthong.message@1"].read(
            msgspec.json.encode(act.body()), act.voice, act.key, act.case.unit
        )
        mapping = self._formats["motcua.rest@1"]
        await self._message(act, mapping.write(mapping.operations(own)[0], own, act.key))

    async def _message(self, act: Act, raw: bytes) -> None:
        headers = {
            "Authorization": f"Bearer {key_of(act.voice)}",
            "Content-Type": "application/json",
            "Idempotency-Key": act.key,
            **({LIVES: "true"} if act.case.stage == "trial" else {}),
        }
        async with self._session.post(f"{self._url}/v1/messages", data=raw, headers=headers) as got:
            answer = await got.read()
            assert got.status in {200, 202}, (act.key, act.voice, answer)
            self.again += "Idempotency-Replayed" in got.headers

    async def _soap(self, act: Act) -> None:
        payload = base64.b64encode(msgspec.json.encode(act.body())).decode()
        said = f"<Key>{act.key}</Key><ContentType>application/json</ContentType><Payload>{payload}</Payload>"
        body = f'<e:Envelope xmlns:e="{SOAP}"><e:Body><SubmitMessage xmlns="{NS}">{said}</SubmitMessage></e:Body></e:Envelope>'
        headers = {
            "Authorization": f"Bearer {key_of(act.voice)}",
            "SOAPAction": f'"{NS}/SubmitMessage"',
            "Content-Type": "text/xml; charset=utf-8",
        }
        async with self._session.post(f"{self._url}/soap/v1", data=body.encode(), headers=headers) as got:
            answer = await got.read()
            assert got.status == 200, (act.key, answer)
            replayed = etree.fromstring(answer).find(f".//{{{NS}}}Replayed")
            self.again += replayed is not None and replayed.text == "true"

    # --- systems that publish their record

    async def _lgsp(self, act: Act) -> None:
        await self._published(act.voice, "/Document/SyncDocument", _lgsp_record(act))
        step = publisher.step(act.case.code, _wall(act.at), f"Bước {act.state}")
        await self._published(act.voice, "/Document/UpdateDocumentTraces", step)

    async def _published(self, voice: str, path: str, document: dict[str, Any]) -> None:
        token = await self._token(voice, self._gateway_token)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        async with self._session.post(
            f"{self._url}/lgsp{path}", data=msgspec.json.encode(document), headers=headers
        ) as got:
            answer = json.loads(await got.read())
        assert answer["Status"] == 200, (document["DocCode"], answer)

    async def _token(self, voice: str, ask: Callable[[str], Awaitable[str]]) -> str:
        async with self._asking:
            if voice not in self._tokens:
                self._tokens[voice] = await ask(voice)
            return self._tokens[voice]

    def sign_out(self) -> None:
        """Sessions end with the half-day."""
        self._tokens.clear()

    async def _gateway_token(self, voice: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": voice, "client_secret": secret_of(voice)}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self._session.post(
            f"{self._url}/lgsp/token", data=urlencode(form), headers=headers
        ) as got:
            answer = json.loads(await got.read())
        assert "access_token" in answer, answer
        return str(answer["access_token"])

    async def _mapi(self, act: Act) -> None:
        there = act.state not in {2, 3}
        record = _mapi_record(act)
        await self._called(act.voice, "DongBoHoSoMC", isUpdating=str(there), data=[record])
        if act.state != 3:
            step = reporter.step(act.case.code, _wall(act.at), act.state, f"Bước {act.state}")
            await self._called(act.voice, "CapNhatTienDoHoSoMC", data=[step])

    async def _called(self, voice: str, service: str, **told: Any) -> None:
        session = await self._token(voice, self._session_of)
        body = {"session": session, "madonvi": PROVINCE, "service": service, **told}
        answer = await self._mapi_call("/mapi/g", body)
        assert int(answer.get("error_code", -1)) == 0, (told, answer)

    async def _session_of(self, voice: str) -> str:
        said = await self._mapi_call("/mapi/login", {"username": voice, "password": secret_of(voice)})
        return str(said["session"])

    async def _mapi_call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._session.post(
            f"{self._url}/dvcqg{path}",
            data=msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
        ) as got:
            found: dict[str, Any] = json.loads(await got.read())
            return found

    # --- the national portal

    async def _portal(self, act: Act) -> None:
        data = {
            "MaHoSo": act.case.code,
            "MaTTHC": act.case.work.national,
            "KenhThucHien": "2",
            "ChuHoSo": "Nguyễn Thị Mẫu",
            "LoaiDoiTuong": "1",
            "MaDoiTuong": "tech-1",
            "NgayNopHoSo": reporter.wall(_wall(act.at)),
        }
        document = {
            "SecurityKey": secret_of(act.voice),
            "Service": "nhanhsdvcqg",
            "IsUpdating": "False",
            "Data": data,
        }
        path = f"{self._url}/cong/XrdAdapter/RestService/forward/nhanhsdvcqg?dstcode=VN:GOV:x"
        async with self._session.post(path, json=document) as got:
            answer = json.loads(await got.read())
        assert str(answer["error_code"]) == "0", (act.key, answer)


def _wall(moment: datetime) -> datetime:
    return moment.astimezone(VIETNAM).replace(tzinfo=None)


def _local(moment: datetime | None) -> datetime | None:
    return _wall(moment) if moment else None


def _lgsp_record(act: Act) -> dict[str, Any]:
    case = act.case
    done = act.state in {9, 10}
    return publisher.record(
        case.code,
        case.work.local,
        received=_wall(case.received_at),
        due=_local(act.due),
        released=_local(case.finished_at) if done else None,
        returned=_local(case.returned_at) if act.state == 10 else None,
        DocFees=[{"FeeName": fee.name, "FeeType": 1, "Price": fee.amount} for fee in case.fees],
    )


def _mapi_record(act: Act) -> dict[str, Any]:
    case = act.case
    done = act.state in {9, 10}
    asked = [
        {"HoSoBoSungId": number, "NgayBoSung": reporter.wall(_wall(pause.since)), "NoiDungBoSung": "Bản vẽ"}
        for number, pause in enumerate(case.pauses, 1)
        if pause.what == "supplement" and pause.since <= act.at
    ]
    return reporter.record(
        case.code,
        case.work.code,
        act.state,
        received=_local(None if act.state == 3 else case.received_at),
        due=_local(act.due),
        released=_local(case.finished_at) if done else None,
        returned=_local(case.returned_at) if act.state == 10 else None,
        KenhThucHien=CHANNELS[case.channel],
        NgayTuChoi=reporter.wall(_local(case.refused_at)),
        DanhSachHoSoBoSung=asked,
        DanhSachLePhi=[
            {"TenPhiLePhi": fee.name, "MaPhiLePhi": fee.name, "Gia": str(fee.amount)} for fee in case.fees
        ],
    )

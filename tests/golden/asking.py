"""What the hub's rooms send to partners, call by call: a partner of each example file is told one dossier, and ``requests/`` has what
went over the line, tokens and questions included.

The partner is an agreeable one: it grants every token and takes everything; the clock stands still.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.catalogue import ROOMS, Outfit
from connectors.contract import Delivered, Numbers, Parcel, Sealed
from connectors.replies import Row
from connectors.simulators.desk import Journal, Said, say
from connectors.simulators.server import Server
from schemas.dossier import Kind
from schemas.library import Library
from tests.golden import telling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from connectors.simulators.desk import Call
    from schemas.mapping import Mapping as Format

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
AT = datetime(2019, 4, 12, 9, 10, tzinfo=UTC)
KEY = "01K9000000000000000000000A"
SECRET = "mot-bi-mat-de-thu-va-khong-o-dau-dung"
TOKEN = {"access_token": "t-1", "token_type": "Bearer", "expires_in": 3600}
LAND = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><KetQua xmlns="urn:lienthong:example:land:1">'
    "<Ma>0</Ma><ThongDiep>Thành công</ThongDiep><MaGiaoDich>{}</MaGiaoDich><SoTiepNhan>TN-1</SoTiepNhan></KetQua></s:Body></s:Envelope>"
)
TAX = Path(__file__).parent / "wire" / "gip.answers" / "one" / "sample.xml"
DONE = {"code": "0", "message": ""}
AGREED: dict[str, Mapping[str, Any]] = {
    "rest": {
        **TOKEN,
        **DONE,
        "reference": "R-1",
        "data": 1,
        "status": {"success": True, "code": "200"},
        "dossierActionId": 71,
        "dossierId": 70,
    },
    "national_portal": {
        "error_code": "0",
        "message": "Thành công",
        "session": "6f0d0e9c-6d4e-4a43",
        "result": [],
    },
    "national_portal_g2": {**DONE, "data": {**TOKEN, "IdHoSo": "8000001"}},
    "edxml": {
        **TOKEN,
        "status": "OK",
        "ErrorCode": "0",
        "errorCode": "0",
        "ErrorDesc": "",
        "DocId": "D-1",
        "data": "D-1",
    },
}
"""Room → what its partner says to everything."""
K = Kind
TOLD: dict[str, tuple[Kind, ...]] = {
    "desks/dat-dai-vbdlis": (K.RECEIVED, K.SUPPLEMENT_SUBMITTED, K.RETURNED, K.RESULT_INCORRECT),
    "desks/lgsp-gateway": (K.RECEIVED,),
    "desks/opencps-receives": (K.RECEIVED, K.DUE_DATE_CHANGED, K.TRANSFERRED, K.DUTY_ANNOUNCED, K.FEE_DUE),
    "desks/thue-gip": (K.TRANSFERRED,),
    "families/cong-g1plus": (K.RECEIVED, K.FINISHED),
    "families/cong-g2": (K.RECEIVED, K.TRANSFERRED, K.SUPPLEMENT_REQUESTED),
    "families/cong-g2-2026": (K.RECEIVED, K.TRANSFERRED, K.SUPPLEMENT_REQUESTED),
    "families/cong-ket-noi": (K.RECEIVED,),
    "families/so-rest": (K.RECEIVED, K.DELIVERY_FAILED),
    "families/so-soap": (K.RECEIVED, K.WITHDRAWN),
    "families/truc-truclienthong": (K.RECEIVED,),
    "families/truc-vxp": (K.RECEIVED, K.WITHDRAWN),
    "partners/dvcqg": (K.RECEIVED, K.FINISHED),
}
"""Example file → what its partner is told, in this order."""


class Agreeable:
    """A partner that keeps every call and agrees to all."""

    def __init__(self, room: str) -> None:
        self.journal, self._room = Journal(None, lambda: AT), room
        self.calls: list[Call] = []

    def name(self, _: Call) -> str:
        return ""

    def answer(self, call: Call) -> Said:
        self.calls.append(call)
        if self._room == "soap":
            return Said(body=LAND.format(KEY).encode(), media_type="text/xml; charset=utf-8")
        if self._room == "gip":
            asked = re.search(rb"<MSG_ID>(\w+)", call.body)
            said = TAX.read_text("utf-8").replace("000.00.15.H47-190412-0007", telling.CODE)
            said = said.replace("H47201904120000001", asked[1].decode() if asked else "")
            return Said(body=said.encode(), media_type="text/xml; charset=utf-8")
        if call.method == "GET" and "/dossiers/" in call.path:
            return say({"message": "No Content.", "code": 403}, 403)
        if call.path.endswith("/GetNextValue"):
            return say({**DONE, "data": "H47-190412-0007"})
        return say(AGREED[self._room])

    refusal = answer

    def expire(self) -> None: ...

    def secrets(self) -> tuple[str, ...]:
        return ()


def requests(name: str, formats: Mapping[str, Format]) -> bytes:
    """Everything that one partner is sent, as the golden file has it."""
    return asyncio.run(_requests(name, formats))


async def _requests(name: str, formats: Mapping[str, Format]) -> bytes:
    receives = tomllib.loads((EXAMPLES / f"{name}.toml").read_text("utf-8"))["receives"]
    room = next(room for room in ROOMS if room in receives)
    partner = Agreeable(room)
    server = Server(partner)
    address = f"http://127.0.0.1:{await server.start()}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            told = _reached(receives[room], address, Path(folder))
            settings = ROOMS[room].settings.model_validate(told)
            shown = [each async for each in _told(name, receives, (room, settings), partner, formats)]
    finally:
        await server.stop()
    return (json.dumps(shown, ensure_ascii=False, indent=1) + "\n").encode()


async def _told(
    name: str,
    receives: dict[str, Any],
    of: tuple[str, Any],
    partner: Agreeable,
    formats: Mapping[str, Format],
) -> AsyncIterator[dict[str, Any]]:
    """Tell the partner each kind by each of its operations; what it told before goes with the next."""
    room, settings = ROOMS[of[0]], of[1]
    mapping = formats[receives["mapping"]]
    codec = room.build(settings, mapping)
    rows = tuple(Row.model_validate(row) for row in receives.get("replies", ()))
    connector = room.connect(settings, rows, Outfit(library=Library(), now=lambda: AT, seconds=lambda: 0.0))
    facts: dict[str, str] = {}
    try:
        for kind in TOLD[name]:
            message = telling.message(kind)
            for operation in mapping.operations(message):
                draft = codec.encode(operation, message, KEY)
                if isinstance(codec, Numbers):
                    draft = codec.number(draft, 1, AT)
                sealed = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
                parcel = Parcel(
                    key=KEY, operation=operation, sealed=sealed, dossier=telling.CODE, told=dict(facts)
                )
                outcome = await connector.deliver(parcel)
                facts |= outcome.facts if isinstance(outcome, Delivered) else {}
                calls, partner.calls = partner.calls, []
                yield {
                    "kind": kind,
                    "operation": operation,
                    "calls": [_shown(call) for call in calls],
                    "outcome": type(outcome).__name__,
                }
    finally:
        await connector.close()


def _reached(said: Any, address: str, folder: Path) -> Any:
    """A room's table with the address of the double, and files that are there."""
    if not isinstance(said, dict):
        return said
    made: dict[str, Any] = {}
    for key, value in said.items():
        if key == "base_url":
            made[key] = address + "/" + value.split("/", 3)[3] if value.count("/") > 2 else address
        elif key.endswith("_files"):
            made[key] = {name: _secret(folder) for name in value}
        elif key.endswith("_file") and key != "ca_file":
            made[key] = _secret(folder)
        elif key != "ca_file":
            made[key] = _reached(value, address, folder)
    return made


def _secret(folder: Path) -> Path:
    file = folder / "secret"
    file.write_text(SECRET + "\n", "utf-8")
    file.chmod(0o600)
    return file


LEFT_OUT = frozenset({"host", "user-agent", "content-length", "accept-encoding", "connection"})


def _shown(call: Call) -> dict[str, Any]:
    text = call.body.decode()
    body = json.loads(text) if "json" in call.headers.get("content-type", "") and text else text
    return {
        "call": f"{call.method} {call.path}{'?' if call.query else ''}{call.query}",
        "headers": {name: value for name, value in sorted(call.headers.items()) if name not in LEFT_OUT},
        "body": body,
    }

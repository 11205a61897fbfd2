"""The document axis by both its interfaces against the axis double."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from connectors.contract import Parcel, Sealed
from connectors.credentials.contract import Clocks
from connectors.credentials.showing import credentials
from connectors.edxml.axis import Axis as Line
from connectors.edxml.client import connect
from connectors.edxml.settings import Settings
from connectors.replies import Row
from connectors.simulators.axis import SEND, Axis
from connectors.simulators.desk import Journal
from connectors.transport import Http
from tests.contract.room import REACH, SECRET, now

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Connector
    from connectors.simulators.desk import Desk
    from tests.contract.room import RoomUnderTest

OWN, THEIRS = "000.00.00.H47", "000.00.15.H47"
Kind = Literal["vxp", "truclienthong"]


def settings(
    kind: Kind, base_url: str, folder: Path, ca_file: Path | None = None, **more: object
) -> Settings:
    (folder / "unit.txt").write_text(SECRET, "utf-8")
    (folder / "client.txt").write_text(f"client-{SECRET}", "utf-8")
    ways = {
        "vxp": {"kind": "vxp", "system": "VN:GOV:H47", "secret_file": folder / "unit.txt"},
        "truclienthong": {"kind": "truclienthong", "secret_file": folder / "unit.txt"},
    }
    auth = {"kind": "oauth", "client_id": "hub", "client_secret_file": folder / "client.txt"}
    return Settings.model_validate(
        {
            **REACH,
            "base_url": base_url,
            "ca_file": ca_file,
            "organ": THEIRS,
            "own": OWN,
            "own_name": "UBND tỉnh",
            "organ_name": "Sở Tài nguyên và Môi trường",
            "place": "Tam Kỳ",
            "way": ways[kind],
            **({"auth": auth} if kind == "truclienthong" else {}),
            **more,
        }
    )


def line(told: Settings) -> Line:
    http = Http(told, clock=now)
    return Line(told, http, credentials(told.auth, told, http, Clocks(now, time.monotonic)), now)


def document(code: str, key: str) -> bytes:
    """As little of a document as the axis takes."""
    return (
        '<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXMLEnvelope><edXMLHeader><MessageHeader>'
        f"<From><OrganId>{OWN}</OrganId><OrganName>UBND tỉnh</OrganName></From>"
        f"<To><OrganId>{THEIRS}</OrganId><OrganName>Sở</OrganName></To>"
        f"<DocumentId>{OWN},2026/11/20,{key}/{code}</DocumentId>"
        f"<Code><CodeNumber>{key}</CodeNumber><CodeNotation>{code}</CodeNotation></Code>"
        "<PromulgationInfo><Place>Tam Kỳ</Place><PromulgationDate>2026/11/20</PromulgationDate></PromulgationInfo>"
        "<DocumentType><Type>1</Type><TypeName>Công văn</TypeName></DocumentType>"
        f"<Subject>V/v hồ sơ {code}</Subject></MessageHeader><TraceHeaderList>"
        f"<TraceHeader><OrganId>{OWN}</OrganId><Timestamp>2026/11/20 12:00:00</Timestamp></TraceHeader>"
        "<Bussiness><BussinessDocType>0</BussinessDocType></Bussiness></TraceHeaderList></edXMLHeader></edXMLEnvelope></edXML>"
    ).encode()


class EdxmlRoom:
    wire_name = SEND
    keeps_keys = False
    codes_decide = True

    def __init__(self, kind: Kind) -> None:
        self.name = f"edxml-{kind}"
        self.can_be_asked = kind == "vxp"
        self._kind: Kind = kind

    def partner(self) -> Desk:
        return Axis(Journal(None, now), SECRET, OWN)

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        told = settings(self._kind, base_url, folder, ca_file)
        return connect(line(told), (Row(code=("-3",), outcome="refused"),))

    def parcel(self, number: int = 1) -> Parcel:
        code = f"000.00.15.H47-190412-{number:04d}"
        key = f"01K9:axis:{number}"
        sealed = Sealed(payload=document(code, key), media_type="application/xml")
        return Parcel(key=key, operation="VanBan", sealed=sealed, dossier=code)


ROOMS: tuple[RoomUnderTest, ...] = (EdxmlRoom("vxp"), EdxmlRoom("truclienthong"))

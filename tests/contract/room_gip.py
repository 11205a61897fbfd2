"""The tax gateway against its double: a question that may be said again, and an answer that is a message of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connectors.contract import Parcel, Sealed
from connectors.gip.client import connect
from connectors.gip.data import numbered, question
from connectors.gip.settings import Settings
from connectors.line import Line
from connectors.replies import Row
from connectors.simulators.desk import Journal
from connectors.simulators.gip import Gip
from connectors.simulators.gip_answers import OPERATION
from connectors.transport import Http
from tests.contract.room import REACH, SECRET, now, shows

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Connector
    from connectors.simulators.desk import Desk
    from tests.contract.room import RoomUnderTest

ASKED = datetime(2019, 4, 12, 9, 10, tzinfo=UTC)


def settings(base_url: str, folder: Path, ca_file: Path | None = None) -> Settings:
    (folder / "key.txt").write_text(SECRET, "utf-8")
    return Settings.model_validate(
        {
            **REACH,
            "base_url": base_url,
            "ca_file": ca_file,
            "sender": "H47",
            "sender_name": "LGSP Quảng Nam",
            "auth": {"kind": "api_key", "secret_file": folder / "key.txt"},
        }
    )


def parcel_of(told: Settings, dossier: str, number: int) -> Parcel:
    name = f"H4720190412{number:07d}"
    asked = question(told, {"TYPE": "00046", "NAME": "Truy vấn", "MA_HS": dossier})
    facts = {"dossier": dossier, "msg_id": name, "asked": ASKED.isoformat()}
    sealed = Sealed(payload=numbered(asked, name, ASKED), media_type="text/xml", facts=facts)
    return Parcel(key=f"01K9:tax:{number}", operation="TruyVan", sealed=sealed, dossier=dossier)


class GipRoom:
    name = "gip"
    wire_name = OPERATION
    can_be_asked = False
    keeps_keys = True
    codes_decide = True

    def partner(self) -> Desk:
        return Gip(Journal(None, now), SECRET, clock=now)

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        told = settings(base_url, folder, ca_file)
        http = Http(told, clock=now)
        return connect(told, Line(http, shows(told, http)), (Row(code=("99",), outcome="refused"),))

    def parcel(self, number: int = 1) -> Parcel:
        told = Settings.model_validate(
            {"base_url": "http://127.0.0.1:9", "sender": "H47", "sender_name": "LGSP Quảng Nam"}
        )
        return parcel_of(told, f"000.00.15.H47-190412-{number:04d}", number)


ROOM: RoomUnderTest = GipRoom()

"""The national portal's second generation: a dossier that is created, and steps of one that is known."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from connectors import catalogue
from connectors.contract import Parcel, Sealed
from connectors.simulators.desk import Journal
from connectors.simulators.portal_g2 import CREATE, OWN, PROGRESS, PortalG2
from schemas.library import Library
from tests.contract.room import REACH, SECRET, now

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Connector
    from connectors.simulators.desk import Desk
    from tests.contract.room import RoomUnderTest

KNOWN = range(1, 21)


def code(number: int) -> str:
    return f"000.00.15.H47-261120-{number:04d}"


def dossier(number: int) -> dict[str, Any]:
    return {
        OWN: code(number),
        "MaTTHC": "1.009999",
        "TrichYeuHoSo": "Chuyển nhượng thửa 15",
        "NgayTiepNhan": "2026-11-20T08:00:00.000",
        "TrangThaiHoSo": 2,
    }


class CreatingRoom:
    """Each call that creates makes a dossier, and nothing that could be asked is known."""

    name = "national_portal_g2-dossier"
    wire_name = CREATE
    can_be_asked = False
    keeps_keys = False
    codes_decide = True

    def partner(self) -> Desk:
        return PortalG2(Journal(None, now), SECRET, clock=now)

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        (folder / "client.txt").write_text(SECRET, "utf-8")
        room = catalogue.ROOMS["national_portal_g2"]
        auth = {
            "kind": "oauth",
            "client_id": "h47",
            "client_secret_file": folder / "client.txt",
            "client_in": "body",
            "form": "json",
            "token_at": "/data/access_token",
        }
        settings = room.settings.model_validate(
            {**REACH, "base_url": f"{base_url}/api", "ca_file": ca_file, "auth": auth}
        )
        return room.connect(
            settings, (), catalogue.Outfit(library=Library(), now=now, seconds=time.monotonic)
        )

    def parcel(self, number: int = 1) -> Parcel:
        return parcel(CREATE, dossier(number), number)


class StepsRoom(CreatingRoom):
    """A step goes by the number that the portal gave."""

    name = "national_portal_g2-progress"
    wire_name = PROGRESS

    def partner(self) -> Desk:
        journal = Journal(None, now)
        for number in KNOWN:
            body = msgspec.json.encode(dossier(number))
            journal.record(CREATE, body, dossier=code(number), reference=f"HS-{number}")
        return PortalG2(journal, SECRET, clock=now)

    def parcel(self, number: int = 1) -> Parcel:
        step = {OWN: code(number), "ThoiDiemXuLy": "2026-11-21T08:30:00.000", "TrangThai": 4}
        return parcel(PROGRESS, step, number, told={"IdHoSo": f"HS-{number}"})


def parcel(operation: str, record: dict[str, Any], number: int, told: dict[str, str] | None = None) -> Parcel:
    sealed = Sealed(payload=msgspec.json.encode(record), media_type="application/json")
    return Parcel(
        key=f"01K9:g2:{number}", operation=operation, sealed=sealed, dossier=code(number), told=told or {}
    )


ROOMS: tuple[RoomUnderTest, ...] = (CreatingRoom(), StepsRoom())

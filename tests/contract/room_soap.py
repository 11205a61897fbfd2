"""The generic SOAP room against the land department's double, in both versions of SOAP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from connectors.contract import Parcel, Sealed
from connectors.replies import Row
from connectors.simulators.desk import Journal
from connectors.simulators.land import NS, RECEIVE, Land
from connectors.soap.client import connect
from connectors.soap.settings import Settings
from connectors.transport import Http
from schemas.library import Library
from tests.contract.room import REACH, SECRET, now, shows

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Connector
    from connectors.simulators.desk import Desk
    from tests.contract.room import RoomUnderTest


class SoapRoom:
    wire_name = RECEIVE
    can_be_asked = True
    keeps_keys = True
    codes_decide = True

    def __init__(self, version: Literal["1.1", "1.2"]) -> None:
        self.name = f"soap-{version}"
        self._version = version

    def partner(self) -> Desk:
        return Land(Journal(None, now), SECRET)

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        (folder / "key.txt").write_text(SECRET, "utf-8")
        settings = Settings.model_validate(
            {
                **REACH,
                "base_url": base_url,
                "ca_file": ca_file,
                "wsdl": "land@1",
                "version": self._version,
                "status": {"code": "Ma", "message": "ThongDiep", "delivered": ["0", "1"]},
                "reference": "SoTiepNhan",
                "find": {
                    "operation": "TraCuuGiaoDich",
                    "arguments": {"MaGiaoDich": "key"},
                    "element": "Ma",
                    "has": ["0", "1"],
                    "has_not": ["2"],
                    "key": "MaGiaoDich",
                    "reference": "SoTiepNhan",
                },
                "auth": {"kind": "api_key", "secret_file": folder / "key.txt"},
            }
        )
        rows = (Row(code=("-3",), outcome="refused"),)
        http = Http(settings, clock=now)
        return connect(settings, http, shows(settings, http), rows, library=Library(), clock=now)

    def parcel(self, number: int = 1) -> Parcel:
        key, code = f"01K9:land:{number}", f"000.00.15.H47-190412-{number:04d}"
        payload = (
            f'<TiepNhanHoSo xmlns="{NS}"><MaGiaoDich>{key}</MaGiaoDich><ThoiDiem>2019-04-12T16:00:00+07:00</ThoiDiem>'
            f"<SoBienNhan>{code}</SoBienNhan><NguoiTiepNhan>Trần Thị Một Cửa</NguoiTiepNhan></TiepNhanHoSo>"
        )
        sealed = Sealed(payload=payload.encode(), media_type="text/xml")
        return Parcel(key=key, operation=RECEIVE, sealed=sealed, dossier=code)


ROOMS: tuple[RoomUnderTest, ...] = (SoapRoom("1.1"), SoapRoom("1.2"))

"""The generic REST room against the one-stop double, and as a land administration system wants it: a path for each operation, the
key as its last segment, no key for what is sent and nobody to ask.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from connectors.contract import Parcel, Sealed
from connectors.line import Line
from connectors.replies import Row
from connectors.rest.client import connect
from connectors.rest.settings import Settings
from connectors.simulators.desk import Journal
from connectors.simulators.onestop import PATH, POST, OneStop
from connectors.simulators.vbdlis import Vbdlis
from connectors.transport import Http
from tests.contract.room import REACH, SECRET, now, shows

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Connector
    from connectors.simulators.desk import Desk
    from tests.contract.room import RoomUnderTest


TAKEN = {
    "LaQuyTrinhCapTinh": True,
    "NguoiTiepNhan": "tiepnhan.mc",
    "ThongTinNguoiNopDon": {"HoTen": "Nguyễn Văn Mẫu"},
    "ThongTinQuyTrinh": {"MaQuyTrinh": "QNA-DD-0123"},
}


class RestRoom:
    name = "rest"
    wire_name = POST
    can_be_asked = True
    keeps_keys = True
    codes_decide = True

    def partner(self) -> Desk:
        return OneStop(Journal(None, now), SECRET)

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        (folder / "key.txt").write_text(SECRET, "utf-8")
        settings = Settings.model_validate(
            {
                **REACH,
                "base_url": base_url,
                "ca_file": ca_file,
                "path": PATH,
                "auth": {"kind": "bearer", "secret_file": folder / "key.txt"},
                "reply": {"code": "/code", "message": "/message", "reference": "/reference"},
                "find": {"path": PATH + "/{key}", "key": "/key", "absent_code": ["404"]},
            }
        )
        http = Http(settings, clock=now)
        return connect(settings, Line(http, shows(settings, http)), (Row(code=("-3",), outcome="refused"),))

    def parcel(self, number: int = 1) -> Parcel:
        code = f"000.00.15.H47-190412-{number:04d}"
        payload = f'{{"MaHoSo":"{code}","ChuHoSo":"Nguyễn Văn Mẫu"}}'.encode()
        sealed = Sealed(payload=payload, media_type="application/json")
        return Parcel(key=f"01K9:motcua/tinh:{number}", operation="message", sealed=sealed, dossier=code)


class LandRoom:
    name = "rest-vbdlis"
    wire_name = "tiepnhan"
    can_be_asked = False
    keeps_keys = False
    codes_decide = True

    def partner(self) -> Desk:
        return Vbdlis(Journal(None, now), SECRET, clock=now)

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        (folder / "code.txt").write_text(SECRET, "utf-8")
        settings = Settings.model_validate(
            {
                **REACH,
                "base_url": base_url,
                "ca_file": ca_file,
                "path": "/{operation}",
                "auth": {"kind": "api_key", "place": "path", "secret_file": folder / "code.txt"},
                "reply": {"code": "/status/success", "message": "/status/message", "reference": "/data"},
            }
        )
        http = Http(settings, clock=now)
        rows = (Row(code=("true",), outcome="delivered"), Row(code=("false",), outcome="refused"))
        return connect(settings, Line(http, shows(settings, http)), rows)

    def parcel(self, number: int = 1) -> Parcel:
        code = f"000.00.15.H47-190412-{number:04d}"
        payload = json.dumps({"SoBienNhan": code, **TAKEN}, ensure_ascii=False).encode()
        sealed = Sealed(payload=payload, media_type="application/json")
        return Parcel(key=f"01K9:land:{number}", operation=self.wire_name, sealed=sealed, dossier=code)


ROOMS: tuple[RoomUnderTest, ...] = (RestRoom(), LandRoom())

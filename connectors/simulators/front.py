"""A province's own connector in front of the national portal, as two provinces have one: it holds the session by itself.

Each service is a method: ``POST …/DongBoHoSoMC?MaDinhDanhDV=…&isUpdating=True`` with the bare array, ``GET …/TraCuuHoSo?mahoso=``.
What it keeps and refuses is the portal's. Progress is answered in plain text with ``plain``. Its key stands in ``X-API-Key`` (assumed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.portal import LOOK_UP, PROGRESS, SYNC, Portal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from connectors.simulators.desk import Call, Journal


class Front:
    def __init__(
        self,
        journal: Journal,
        key: str = "",
        *,
        clock: Callable[[], datetime],
        plain: bool = False,
        publishes: Mapping[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        self.journal = journal
        self._portal = Portal(journal, clock=clock, publishes=publishes)
        self._key, self._plain = key, plain

    def name(self, call: Call) -> str:
        return call.path.rpartition("/")[2]

    def answer(self, call: Call) -> Said:
        if self._key and call.headers.get("x-api-key") != self._key:
            return say({"error_code": "2", "message": "Sai khóa"}, 401)
        asked: dict[str, Any] = {"madonvi": call.parameter("MaDinhDanhDV")}
        match call.method, self.name(call):
            case "GET", "TraCuuHoSo":
                asked |= {"service": LOOK_UP, "mahoso": call.parameter("mahoso")}
            case "POST", "DongBoHoSoMC":
                asked |= {"service": SYNC, "isUpdating": call.parameter("isUpdating"), "data": _array(call)}
            case "POST", "CapNhatTienDoHoSoMC":
                asked |= {"service": PROGRESS, "data": _array(call)}
            case "GET", service if service.startswith("Lay"):
                asked |= {"service": service, "maTTHC": call.parameter("maTTHC")}
            case _:
                return say({"error_code": "4", "message": "Không có dịch vụ này"}, 404)
        said = self._portal.served(asked)
        told: dict[str, Any] = msgspec.json.decode(said.body)
        if self._plain and asked["service"] == PROGRESS:
            return Said(body=told["message"].encode(), media_type="text/plain; charset=utf-8")
        return said

    def refusal(self, call: Call) -> Said:
        return self._portal.refusal(call)

    def expire(self) -> None:
        self._portal.expire()

    def secrets(self) -> tuple[str, ...]:
        return (self._key,) if self._key else ()


def _array(call: Call) -> object:
    try:
        return msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

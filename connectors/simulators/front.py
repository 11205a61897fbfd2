"""A province's own connector in front of the national portal, as two provinces have one (facts §1.1): it holds the session by itself.

Each service is a method with the bare array: ``POST …/DongBoHoSoMC?MaDinhDanhDV=…&isUpdating=True`` in one, ``…/ThemMoi``, ``…/CapNhat`` and
``…/DongBoTienTrinh`` in the other; ``GET …/LayThuTuc?maTTHC=``, ``GET …/TraCuuHoSo?mahoso=``. What it keeps and refuses is the portal's, and so are
its answers, but success is ``00`` in the older one (``code``), and progress may be answered in plain text (``plain``). Its key stands in
``X-API-Key`` (assumed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.portal import LOOK_UP, PROGRESS, SHARED, SYNC, Portal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from connectors.simulators.desk import Call, Journal

METHODS: Mapping[str, tuple[str, str]] = {
    SYNC: (SYNC, ""),
    "ThemMoi": (SYNC, "False"),
    "CapNhat": (SYNC, "True"),
    PROGRESS: (PROGRESS, ""),
    "DongBoTienTrinh": (PROGRESS, ""),
}
"""The portal's service behind each method that writes, and what it says of ``isUpdating``; empty: the query says it."""
KEY = "x-api-key"
OWN = "its own"
"""The agency where a call names none: the connector logs in as its own province."""


class Front:
    def __init__(
        self,
        journal: Journal,
        key: str = "",
        *,
        clock: Callable[[], datetime],
        plain: bool = False,
        code: str = "",
        publishes: Mapping[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        self.journal = journal
        self._portal = Portal(journal, clock=clock, publishes=publishes)
        self._key, self._plain, self._code = key, plain, code

    def name(self, call: Call) -> str:
        return call.path.rpartition("/")[2]

    def answer(self, call: Call) -> Said:
        if self._key and call.headers.get(KEY) != self._key:
            return say({"error_code": "2", "message": "Sai khóa"}, 401)
        asked = self._asked(call)
        if asked is None:
            return say({"error_code": "4", "message": "Không có dịch vụ này"}, 404)
        return self._worded(asked["service"], self._portal.served(asked))

    def refusal(self, call: Call) -> Said:
        return self._portal.refusal(call)

    def expire(self) -> None:
        self._portal.expire()

    def secrets(self) -> tuple[str, ...]:
        return (self._key,) if self._key else ()

    def _asked(self, call: Call) -> dict[str, Any] | None:
        """Put the call into the portal's envelope; ``None``: there is no such method."""
        name, agency = self.name(call), call.parameter("MaDinhDanhDV") or OWN
        if call.method == "POST" and name in METHODS:
            service, updating = METHODS[name]
            told = {"isUpdating": updating or call.parameter("isUpdating"), "data": _array(call)}
            return {"service": service, "madonvi": agency, **told}
        if call.method == "GET" and (name == LOOK_UP or name.startswith(SHARED)):
            told = {"mahoso": call.parameter("mahoso"), "maTTHC": call.parameter("maTTHC")}
            return {"service": name, "madonvi": agency, **told}
        return None

    def _worded(self, service: str, said: Said) -> Said:
        told: dict[str, Any] = msgspec.json.decode(said.body)
        if self._plain and service == PROGRESS:
            return Said(body=told["message"].encode(), media_type="text/plain; charset=utf-8")
        if self._code and told["error_code"] in {0, "0"}:
            return say({**told, "error_code": self._code})
        return said


def _array(call: Call) -> object:
    try:
        return msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

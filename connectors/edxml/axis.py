"""One unit's line to the axis: every call of this room goes through here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.credentials.showing import called
from connectors.edxml.ways import way_of
from connectors.reach import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from connectors.credentials.contract import Credentials
    from connectors.credentials.showing import Sent
    from connectors.edxml.settings import Settings
    from connectors.transport import Http, Request


class Axis:
    """``way`` writes the calls, ``organs`` are the codes of who is spoken with; the secret is read now. Raises ``Refusal`` HUB-CFG-001."""

    def __init__(
        self, settings: Settings, http: Http, credentials: Credentials, now: Callable[[], datetime]
    ) -> None:
        self.way = way_of(settings, read_secret(settings.way.secret_file))
        self.now, self.organs = now, (settings.organ, *settings.also)
        self._http, self._credentials = http, credentials

    async def call(self, request: Request) -> Sent:
        return await called(request, self._credentials, self._http.send)

    async def close(self) -> None:
        await self._credentials.close()
        await self._http.close()

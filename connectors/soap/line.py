"""One call to a SOAP partner: signed when it leaves, believed only as far as its reply is signed, where that was agreed."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Deferred, Envelopes, Reason, Unsure
from connectors.credentials.contract import Credentials  # noqa: TC001
from connectors.credentials.showing import called
from connectors.envelopes import opened, signed
from connectors.soap.envelope import Fault, Unreadable, read
from connectors.transport import Answer, Broken, Http, Request

if TYPE_CHECKING:
    from connectors.soap.settings import Settings


class Line(msgspec.Struct, frozen=True):
    """What a partner is called over: HTTP, and whoever signs what goes around a payload and checks what comes back."""

    http: Http
    credentials: Credentials
    envelopes: Envelopes | None
    clock: Callable[[], datetime]

    @property
    def checks(self) -> bool:
        return self.envelopes is not None and self.envelopes.checks

    async def call(
        self, request: Request, settings: Settings, key: str, about: str
    ) -> Answer | Broken | Deferred | Unsure:
        """Send one envelope, signed where that was agreed. ``Deferred``: it never left; ``Unsure``: the reply proves nothing."""

        async def send(shown: Request) -> Answer | Broken | Deferred:
            travels = await signed(shown, self.envelopes, settings.base_url, key)
            return travels if isinstance(travels, Deferred) else await self.http.send(travels)

        answer = await called(request, self.credentials, send)
        if not isinstance(answer, Answer):
            return answer
        believed = await opened(answer, self.envelopes, about=about)
        return believed if isinstance(believed, Answer) else hinted(believed, answer, settings)

    async def close(self) -> None:
        await self.credentials.close()
        await self.http.close()


def hinted(doubt: Unsure, answer: Answer, settings: Settings) -> Unsure:
    """A Fault that nobody signed decides nothing; what it says is shown to whoever looks into the doubt."""
    try:
        found = read(answer.body, settings.version, detail=settings.fault_code)
    except Unreadable:
        return doubt
    if not isinstance(found, Fault):
        return doubt
    detail = f"{doubt.reason.detail}, fault {found.detail or found.code}"
    return Unsure(reason=Reason(code=doubt.reason.code, detail=detail[:500]), exchanges=doubt.exchanges)

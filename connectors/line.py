"""What a partner is called over: HTTP, how the hub shows who it is, and who signs what goes around a payload and checks what comes back."""

from __future__ import annotations

import msgspec

from connectors.contract import Deferred, Envelopes
from connectors.credentials.contract import Credentials  # noqa: TC001 - msgspec reads the annotations at run time
from connectors.credentials.showing import called
from connectors.envelopes import signed
from connectors.transport import Answer, Broken, Http, Request  # noqa: TC001 - msgspec reads the annotations at run time


class Line(msgspec.Struct, frozen=True):
    """One partner's; a room that was opened over it closes it."""

    http: Http
    credentials: Credentials
    envelopes: Envelopes | None = None

    @property
    def checks(self) -> bool:
        return self.envelopes is not None and self.envelopes.checks

    async def send(self, request: Request, base_url: str, key: str) -> Answer | Broken | Deferred:
        """Send one request, signed where that was agreed; ``Deferred``: it never left."""

        async def sent(shown: Request) -> Answer | Broken | Deferred:
            travels = await signed(shown, self.envelopes, base_url, key)
            return travels if isinstance(travels, Deferred) else await self.http.send(travels)

        return await called(request, self.credentials, sent)

    async def close(self) -> None:
        await self.credentials.close()
        await self.http.close()

"""Ask a service of an authority over HTTP: one address, one kind of question, a bounded answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.reach import OpenReach
from connectors.transport import Broken, Http, Request
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_OK = 200
LARGEST = 256 * 1024


class Asking:
    """``code``: the refusal when there is no answer. ``sends``, ``takes``: media types (RFC 3161 §3.4, RFC 6960 §A.2);
    nothing to send: it is fetched; nothing to take: whatever it is called, as lists of old servers are.
    """

    def __init__(self, http: Http, *, code: str, sends: str = "", takes: str = "") -> None:
        self._http, self._code = http, code
        self._sends, self._takes = sends, takes

    async def __call__(self, question: bytes = b"") -> bytes:
        """Raises ``Refusal`` with its code, naming the kind of break or the status and never what was said."""
        headers = {"Content-Type": self._sends} if self._sends else {}
        if self._takes:
            headers["Accept"] = self._takes
        method = "POST" if self._sends else "GET"
        answer = await self._http.send(Request(path="", body=question, method=method, headers=headers))
        if isinstance(answer, Broken):
            raise refuse(self._code, rule="an answer", detail=answer.error)
        if answer.status != _OK or (self._takes and answer.media_type != self._takes):
            raise refuse(self._code, rule=f"200 {self._takes}".rstrip(), detail=str(answer.status))
        return answer.body

    async def close(self) -> None:
        await self._http.close()


def opened(url: str, timeout: float, clock: Callable[[], datetime], *, largest: int = LARGEST) -> Http:
    """Build the way to one address. Raises ``pydantic.ValidationError`` for one that cannot be reached."""
    reach = OpenReach(
        base_url=url,
        connect_timeout=timeout,
        read_timeout=timeout,
        total_timeout=timeout,
        max_reply_bytes=largest,
        connect_tries=1,
    )
    return Http(reach, clock=clock)

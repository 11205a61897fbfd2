"""One call to a SOAP partner: signed when it leaves, believed only as far as its reply is signed, where that was agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import Deferred, Reason, Unsure
from connectors.envelopes import opened
from connectors.soap.envelope import Fault, Unreadable, read
from connectors.transport import Answer, Broken, Request

if TYPE_CHECKING:
    from connectors.line import Line
    from connectors.soap.settings import Settings


async def exchange(
    line: Line, request: Request, settings: Settings, key: str, about: str
) -> Answer | Broken | Deferred | Unsure:
    """Send one envelope, signed where that was agreed. ``Deferred``: it never left; ``Unsure``: the reply proves nothing."""
    answer = await line.send(request, settings.base_url, key)
    if not isinstance(answer, Answer):
        return answer
    believed = await opened(answer, line.envelopes, about=about)
    return believed if isinstance(believed, Answer) else hinted(believed, answer, settings)


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

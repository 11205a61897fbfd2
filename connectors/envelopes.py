"""Around one call: the envelope is signed anew before it leaves, and a reply is read only as far as its signature holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Deferred, Envelope, Reason, Unsure
from schemas.problems import Refusal

if TYPE_CHECKING:
    from connectors.contract import Envelopes
    from connectors.transport import Answer, Request

NOT_SIGNED = "HUB-PAR-013"


async def signed(request: Request, envelopes: Envelopes | None, address: str, key: str) -> Request | Deferred:
    """Return what travels. ``address``: of the partner; ``key``: the transfer's, the same on every attempt.

    What cannot be signed now has not left.
    """
    if envelopes is None or not envelopes.signs:
        return request
    plain = Envelope(
        body=request.body,
        headers=request.headers,
        method=request.method,
        target=address + request.path,
        id=key,
    )
    try:
        made = await envelopes.sign(plain)
    except Refusal as refusal:
        problem = refusal.problems[0]
        return Deferred(reason=Reason(code=problem.code, detail=problem.rule), counts=False)
    return msgspec.structs.replace(request, body=made.body, headers=made.headers, signer=made.signer)


async def opened(answer: Answer, envelopes: Envelopes | None, *, about: str = "") -> Answer | Unsure:
    """Return the reply with what was signed as its body; its exchange says whose signature held. Without a signature that holds it says nothing, whatever it says.

    ``about``: what the request was called, where a reply must repeat it (WS-Addressing 1.0 §3.4): an old reply, caught and
    sent again, is about another.
    """
    if envelopes is None or not envelopes.checks:
        return answer
    try:
        found = await envelopes.open(Envelope(body=answer.body, headers=answer.headers))
    except Refusal as refusal:
        return Unsure(reason=Reason(code=NOT_SIGNED, detail=refusal.code), exchanges=answer.exchanges)
    if about and found.claims.get("wsa:RelatesTo") != about:
        reason = Reason(code=NOT_SIGNED, detail="not about this request")
        return Unsure(reason=reason, exchanges=answer.exchanges)
    *before, last = answer.exchanges
    vouched = msgspec.structs.replace(last, signer=found.signer, profile=found.profile)
    return msgspec.structs.replace(answer, body=found.payload, exchanges=(*before, vouched))

"""``POST /edge/v1/enroll``: a hub below is let in by its one-time code; who guesses codes waits longer each time.

``POST /edge/v1/renew``: one that was let in has a further key certified, by a request that the key it has signed.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from hub.api import edge_desk
from hub.edges.enrolling import MOST, NO_INVITATION
from schemas.problems import Refusal, refuse
from signing.contract import Verified

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI

    from hub.api.desk import Deps
    from hub.api.edge_desk import Door
    from hub.edges.enrolling import Enrolling

SIGNATURE = "X-JWS-Signature"


def add(
    app: FastAPI, deps: Deps, door: Door, enrolling: Enrolling, known: Callable[[], Awaitable[None]]
) -> None:
    """Put the address into the app. ``known``: so that this process believes at once what it has issued."""

    async def enroll(request: Request) -> Response:
        """Let a hub below in."""
        address = deps.callers.address(request)
        deps.callers.check(address)
        try:
            body, signature = await enrolling.enrol(await _body(request, deps.limits.body_time))
        except Refusal as refusal:
            if refusal.code == NO_INVITATION:
                deps.callers.failed(address, refusal.code)
            raise
        await known()
        headers = {"Cache-Control": "no-store", SIGNATURE: signature}
        return Response(body, media_type="application/json", headers=headers)

    async def renew(request: Request) -> Response:
        """Certify a further key of a hub below."""
        peer = await door.believed(request)
        raw = await _body(request, deps.limits.body_time)
        verified = peer.verify(raw, request.headers.get(SIGNATURE, ""), deps.now())
        by = hashlib.sha256(verified.certificate).hexdigest() if isinstance(verified, Verified) else ""
        body, signature = await enrolling.renew(peer.partner, raw, by)
        await known()
        headers = {"Cache-Control": "no-store", SIGNATURE: signature}
        return Response(body, media_type="application/json", headers=headers)

    for name, endpoint in (("enroll", enroll), ("renew", renew)):
        path = f"{edge_desk.PATH}/{name}"
        app.add_api_route(path, endpoint, methods=["POST"], response_class=Response, name=f"POST {path}")


async def _body(request: Request, seconds: float) -> bytes:
    """Raises ``Refusal`` HUB-LIM-001, -004."""
    found = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                found += piece
                if len(found) > MOST:
                    raise refuse("HUB-LIM-001", rule=f"at most {MOST} bytes")
    except TimeoutError:
        raise refuse("HUB-LIM-004", rule=f"a body within {seconds:g} s") from None
    except ClientDisconnect:
        return b""
    return bytes(found)

"""The outermost layer: every answer carries ``X-Request-Id``, and no defect of ours reaches the caller in its own words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

_GIVEN = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class Edge:
    """ASGI middleware. ``fallback`` makes the answer to a defect from the request's scope."""

    def __init__(
        self, app: ASGIApp, new_id: Callable[[], str], fallback: Callable[[Scope], Response]
    ) -> None:
        self._app, self._new_id, self._fallback = app, new_id, fallback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = scope.setdefault("state", {})["request"] = self._name(scope)
        begun = False

        async def tell(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode())]
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except Exception:
            log.exception("request failed", request=name, method=scope["method"])
            if begun:
                raise
            await self._fallback(scope)(scope, receive, tell)

    def _name(self, scope: Scope) -> str:
        for header, value in scope["headers"]:
            if header == b"x-request-id" and _GIVEN.fullmatch(value):
                return str(value.decode())
        return self._new_id()

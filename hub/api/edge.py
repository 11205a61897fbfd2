"""The outermost layer: every answer carries ``X-Request-Id``, and no defect of ours reaches the caller in its own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

_GIVEN = re.compile(rb"[A-Za-z0-9._-]{8,64}")


Direct = Mapping[tuple[str, str], "Callable[[Request], Awaitable[Response]]"]


class Edge:
    """ASGI middleware. ``fallback`` makes the answer to a defect from the request's scope.

    ``direct``: (method, path) → the endpoint that answers itself, refusals included. The framework's own layers cost more
    than accepting a message does; what needs none of them (no parameters, raw bytes in and out) is answered from here.
    """

    def __init__(
        self,
        app: ASGIApp,
        new_id: Callable[[], str],
        fallback: Callable[[Scope], Response],
        direct: Direct,
    ) -> None:
        self._app, self._new_id, self._fallback, self._direct = app, new_id, fallback, direct

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

        endpoint = self._direct.get((scope["method"], scope["path"]))
        try:
            if endpoint is None:
                await self._app(scope, receive, tell)
            else:
                await (await endpoint(Request(scope, receive)))(scope, receive, tell)
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

"""``GET /v1/edges``: the board of hubs below, for those whose partner file says that they operate the hub."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.api.coverage import operator
from hub.replicating.board import Line  # noqa: TC001 - msgspec reads the annotations at run time

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.api.desk import Deps

PATH = "/v1/edges"


class EdgeBoard(msgspec.Struct, frozen=True, kw_only=True):
    """What needs a person comes first."""

    at: datetime
    edges: tuple[Line, ...]


def add(app: FastAPI, deps: Deps) -> None:
    async def edges(request: Request) -> Response:
        """Show the board."""
        await operator(request, deps)
        now = deps.now()
        told = EdgeBoard(at=now, edges=tuple(await deps.edges(now)))
        headers = {"Cache-Control": "no-store"}
        return Response(msgspec.json.encode(told), media_type="application/json", headers=headers)

    app.add_api_route(PATH, edges, methods=["GET"], response_class=Response)

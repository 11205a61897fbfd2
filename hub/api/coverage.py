"""``GET /v1/coverage``: the board of coverage, for those whose partner file says that they operate the hub."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.going_live.coverage import SILENT_AFTER, Line
from schemas.problems import refuse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.api.desk import Deps

PATH = "/v1/coverage"
NOT_YOURS = "HUB-AUT-011"


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What is broken comes first. ``silent_after``: working days without a message."""

    at: datetime
    silent_after: int
    lines: tuple[Line, ...]


def add(app: FastAPI, deps: Deps) -> None:
    async def coverage(request: Request) -> Response:
        """Show the board."""
        await operator(request, deps)
        now = deps.now()
        lines = await deps.covered(now, SILENT_AFTER)
        told = Board(at=now, silent_after=SILENT_AFTER, lines=tuple(lines))
        headers = {"Cache-Control": "no-store"}
        return Response(msgspec.json.encode(told), media_type="application/json", headers=headers)

    app.add_api_route(PATH, coverage, methods=["GET"], response_class=Response)


async def operator(request: Request, deps: Deps) -> str:
    """Return who calls. Raises ``Refusal`` HUB-AUT-011 for one that does not operate the hub."""
    partner = await known(request, deps)
    if partner not in deps.operators:
        raise refuse(NOT_YOURS, rule="[access] operator")
    return partner


async def known(request: Request, deps: Deps) -> str:
    """Return who calls, whatever else it may. Raises ``Refusal`` HUB-AUT-011 for a key that is for receipts alone."""
    who = await deps.callers.identify(request)
    if who.receipts_only:
        raise refuse(NOT_YOURS, rule="[access]")
    return who.partner

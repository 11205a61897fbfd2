"""``/edge/v1/summary``: a day as this hub knows it, for a hub below that compares it with what it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.reconciling import asking, days

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.api.desk import Deps
    from hub.api.edge_desk import Door


def add(app: FastAPI, deps: Deps, door: Door) -> None:
    async def summary(request: Request) -> Response:
        """Say what went between both hubs on a day: its digest, or what lies below some nodes."""
        peer = door.hub(request)
        question = asking.read(await door.body(request, asking.LARGEST))
        side = await days.crossed(deps.store.days, peer.partner, question.day)
        told = asking.answer(question, side)
        return Response(told, media_type="application/json", headers={"Cache-Control": "no-store"})

    app.add_api_route(asking.PATH, summary, methods=["POST"], response_class=Response)

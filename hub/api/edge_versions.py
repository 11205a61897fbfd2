"""``/edge/v1/versions`` and ``/edge/v1/report``: what hubs below take beside batches, and what they tell of themselves."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.replicating import reports
from hub.replicating.hook import REPORT, SIGNATURE, VERSIONS
from hub.store.contract.replicas import Told
from schemas.problems import refuse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.api.desk import Deps
    from hub.api.edge_desk import Door
    from hub.replicating.giving import Shown

OCTETS = "application/octet-stream"
UNKNOWN = "HUB-CAT-002"


def add(app: FastAPI, deps: Deps, door: Door, shown: Shown) -> None:
    async def versions(request: Request) -> Response:
        """Show the newest version as it was signed."""
        door.hub(request)
        newest = await shown.newest()
        if newest is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        headers = {SIGNATURE: newest[1], "Cache-Control": "no-store"}
        return Response(newest[0], media_type="application/json", headers=headers)

    async def version_file(request: Request, sha256: str) -> Response:
        """Give one file of the newest version."""
        door.hub(request)
        content = await shown.file(sha256)
        if content is None:
            raise refuse(UNKNOWN, "sha256", rule="a file of the newest version")
        return Response(content, media_type=OCTETS, headers={"Cache-Control": "no-store"})

    async def report(request: Request) -> Response:
        """Take the last report of a hub below."""
        peer = door.hub(request)
        raw = await door.body(request, reports.LARGEST)
        reports.read(raw)
        await deps.store.replicas.tell(Told(partner=peer.partner, heard_at=deps.now(), body=raw))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    app.add_api_route(VERSIONS, versions, methods=["GET"], response_class=Response)
    app.add_api_route(f"{VERSIONS}/{{sha256}}", version_file, methods=["GET"], response_class=Response)
    app.add_api_route(REPORT, report, methods=["POST"], response_class=Response)

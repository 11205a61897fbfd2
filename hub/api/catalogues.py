"""``GET /v1/catalogues`` and its versions: partners fetch what was published to them and say what they use; who has what is written down."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.api.coverage import known
from hub.deadlines.calendar import VIETNAM
from hub.receipts.receipts import HEADER
from hub.registries.catalogues import in_force
from hub.store.contract.catalogues import Had, Version
from schemas.problems import refuse

if TYPE_CHECKING:
    from datetime import date

    from fastapi import FastAPI

    from hub.api.desk import Deps

PATH = "/v1/catalogues"
CURRENT = "current"
NONE = "HUB-CAT-002"
LONGEST = 9


class Published(Version, frozen=True):
    """``in_force``: it counts today for what is received today."""

    in_force: bool


class Catalogues(msgspec.Struct, frozen=True, kw_only=True):
    """Every version of every catalogue."""

    catalogues: tuple[Published, ...]


def add(app: FastAPI, deps: Deps) -> None:
    door = Door(deps)
    version = f"{PATH}/{{id}}/{{version}}"
    for path, method, endpoint in (
        (PATH, "GET", door.list),
        (version, "GET", door.fetch),
        (f"{version}/acknowledgement", "POST", door.acknowledge),
    ):
        app.add_api_route(path, endpoint, methods=[method], response_class=Response, name=f"{method} {path}")


class Door:
    """The endpoints."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def list(self, request: Request) -> Response:
        """List what was published."""
        await known(request, self._deps)
        versions = await self._deps.store.catalogues.versions()
        now = in_force(versions, self._today())
        told = Catalogues(
            catalogues=tuple(
                Published(**msgspec.structs.asdict(each), in_force=now.get(each.id) == each)
                for each in versions
            )
        )
        return _json(told)

    async def fetch(self, request: Request) -> Response:
        """Fetch one version: the bytes that were signed, the same for ever. 304 to who names its ETag."""
        partner = await known(request, self._deps)
        found = await self._named(request)
        await self._deps.store.catalogues.fetched(partner, found.id, found.version, self._deps.now())
        tag = f'"{found.digest}"'
        headers = {"ETag": tag, "Catalogue-Version": str(found.version)}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        raw = await self._deps.store.catalogues.document(found.id, found.version)
        if raw is None:
            raise refuse(NONE)
        signed = {HEADER: found.signature} if found.signature else {}
        return Response(raw, media_type="application/json", headers={**headers, **signed})

    async def acknowledge(self, request: Request) -> Response:
        """Say that this version is in use; said again it gets the same answer."""
        partner = await known(request, self._deps)
        found = await self._named(request)
        now = self._deps.now()
        return _json(await self._deps.store.catalogues.acknowledged(partner, found.id, found.version, now))

    async def _named(self, request: Request) -> Version:
        """Raises ``Refusal`` HUB-CAT-002."""
        id_, said = request.path_params["id"], request.path_params["version"]
        versions = await self._deps.store.catalogues.versions(id_)
        if said == CURRENT:
            found = in_force(versions, self._today()).get(id_)
        else:
            number = int(said) if said.isascii() and said.isdecimal() and len(said) <= LONGEST else 0
            found = next((each for each in versions if each.version == number), None)
        if found is None:
            raise refuse(NONE)
        return found

    def _today(self) -> date:
        return self._deps.now().astimezone(VIETNAM).date()


def _json(told: Catalogues | Had) -> Response:
    return Response(
        msgspec.json.encode(told), media_type="application/json", headers={"Cache-Control": "no-store"}
    )

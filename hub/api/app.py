"""The web API: ``build`` makes it from its parts. Bodies stay raw bytes; what is said about them comes from one catalogue."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from hub.api import (
    catalogues,
    coverage,
    documents,
    downloads,
    drop_in,
    edge_board,
    edge_desk,
    edge_enrolment,
    edge_summary,
    edge_versions,
    figures,
    mailbox,
    pages,
    problems,
    reports,
    token_desk,
    views,
)
from hub.api.described import describe
from hub.api.edge import Edge
from hub.api.later import Later
from hub.console import office
from hub.delivery.remembering import apologised
from hub.judging.wrapping import key_of
from hub.receipts import acknowledgements
from hub.receipts.receipts import HEADER
from hub.replicating.giving import Shown
from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Scope

    from hub.api.desk import Deps
    from schemas.errors import Language

log = structlog.get_logger(__name__)

HELD_BACK = 1.0
"""Seconds for which an answer "come later" is held: who comes again at once would otherwise take the time of those within bounds."""

NOT_HERE = "HUB-INT-003"
_BY_STATUS = {HTTPStatus.NOT_FOUND: NOT_HERE, HTTPStatus.METHOD_NOT_ALLOWED: "HUB-INT-004"}


def build(deps: Deps) -> Edge:
    """Make the app. Nothing is opened here: store, pool and spool come ready."""
    app = FastAPI(title="Liên thông", version="1", docs_url=None, redoc_url=None)
    web = _Web(deps)
    add = app.add_api_route
    add("/v1/messages", web.post_message, methods=["POST"], status_code=202, response_class=Response)
    add("/v1/receipts", web.post_receipt, methods=["POST"], response_class=Response)
    for path, endpoint in (
        ("/v1/messages/{id}", web.get_message),
        ("/v1/transfers/{id}", web.get_transfer),
        ("/v1/dossiers/{code}", web.get_dossier),
    ):
        add(path, endpoint, methods=["GET"], response_class=Response)
    add("/livez", web.livez, methods=["GET"], response_class=Response)
    for path, endpoint in (
        ("/readyz", web.readyz),
        ("/errors", web.errors),
        ("/errors/{code}", web.error),
    ):
        add(path, endpoint, methods=["GET"], response_class=Response)
    documents.add(app, deps)
    downloads.add(app, deps)
    mailbox.add(app, deps)
    coverage.add(app, deps)
    edge_board.add(app, deps)
    catalogues.add(app, deps)
    figures.add(app, deps)
    reports.add(app, deps)
    if deps.below is not None:
        door = edge_desk.add(app, deps, deps.below)
        edge_summary.add(app, deps, door)
        edge_versions.add(app, deps, door, Shown(deps.store.replicas, deps.below.us))
        if deps.enrolling is not None and deps.enrolled is not None:
            edge_enrolment.add(app, deps, door, deps.enrolling, deps.enrolled)
    drop_in.add(app, deps, token_desk.add(app, deps))
    if deps.console is not None:
        office.add(app, deps, deps.console)
    app.openapi = describe(app, deps.base)  # type: ignore[method-assign]  # the framework's own way
    app.add_exception_handler(Refusal, web.refused)
    app.add_exception_handler(HTTPException, web.unknown)
    direct = {("POST", "/v1/messages"): web.answer_message}
    return Edge(app, new_id=deps.new_id, fallback=web.defect, direct=direct)


class _Web:
    """The endpoints; every one answers with bytes that are made here."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def post_message(self, request: Request) -> Response:
        """Take one message: 202 when it is durable, with the receipt; the same bytes again get the same receipt."""
        accepted = await self._deps.take(request)
        headers = {"Location": f"{self._deps.base}/v1/messages/{accepted.message}"}
        key = key_of(request.headers)
        if key:
            headers["Idempotency-Key"] = f'"{key}"'
        if accepted.replayed:
            headers["Idempotency-Replayed"] = "true"
        if accepted.confirmation:
            headers[HEADER] = accepted.confirmation
        return Response(
            accepted.receipt, status_code=HTTPStatus.ACCEPTED, media_type="application/json", headers=headers
        )

    async def answer_message(self, request: Request) -> Response:
        """Take one message and answer whatever comes of it."""
        try:
            return await self.post_message(request)
        except Later as later:
            await asyncio.sleep(HELD_BACK)
            return await self.refused(request, later)
        except Refusal as refusal:
            return await self.refused(request, refusal)

    async def post_receipt(self, request: Request) -> Response:
        """Take a partner's receipt for what was delivered to it; brought again, it gets the same answer."""
        taken = await self._deps.acknowledging.take(request)
        headers = {"Idempotency-Replayed": "true"} if taken.replayed else {}
        return Response(acknowledgements.answer(taken), media_type="application/json", headers=headers)

    async def get_message(self, request: Request) -> Response:
        """Show a message of the caller's own."""
        caller = await self._deps.caller(request)
        found = await self._deps.store.message(request.path_params["id"])
        if found is None or found.sender != caller.id:
            raise refuse(NOT_HERE)
        return _json(views.message(found))

    async def get_transfer(self, request: Request) -> Response:
        """Show where one copy of a message of the caller's own stands."""
        caller = await self._deps.caller(request)
        wanted = request.path_params["id"]
        found = await self._deps.store.transfer(wanted)
        if found is None or found.id != wanted or found.sender != caller.id:
            raise refuse("HUB-LAN-004")
        return _json(views.transfer(found))

    async def get_dossier(self, request: Request) -> Response:
        """Show the caller's own messages about a dossier, by the code under which the caller knows it."""
        caller = await self._deps.caller(request)
        known = await self._deps.store.known(caller.authority, request.path_params["code"])
        found = await self._deps.store.dossier(known.dossier) if known else None
        if found is None or not views.is_involved(found, caller.id):
            raise refuse(NOT_HERE)
        told = await apologised(self._deps.store.said, found.id, found.messages)
        return _json(views.dossier(found, caller.id, told))

    async def livez(self) -> Response:
        """The process answers."""
        return _json({"alive": True})

    async def readyz(self, request: Request) -> Response:
        """The store can be written and the pool answers; otherwise 503 with the names of what is not ready."""
        missing = await self._deps.missing()
        if missing:
            return self._tell(request, [Problem(code="HUB-INT-002", place=name) for name in missing])
        return _json({"ready": True})

    async def errors(self, request: Request) -> Response:
        """List the error catalogue."""
        say = self._say(request)
        if _wants_json(request):
            entries = self._deps.catalogue.entries
            return _json([problems.explained(entries[code], say) for code in sorted(entries)], say)
        return HTMLResponse(pages.index(self._deps.catalogue, say), headers=_spoken(say))

    async def error(self, request: Request) -> Response:
        """Explain one code."""
        code, say = request.path_params["code"], self._say(request)
        if code not in self._deps.catalogue:
            raise refuse(NOT_HERE)
        entry = self._deps.catalogue[code]
        if _wants_json(request):
            return _json(problems.explained(entry, say), say)
        return HTMLResponse(pages.entry(entry, say), headers=_spoken(say))

    async def refused(self, request: Request, error: Exception) -> Response:
        """Answer a refusal."""
        if not isinstance(error, Refusal):
            raise error
        return self._tell(request, error.problems, wait=error.wait if isinstance(error, Later) else None)

    async def unknown(self, request: Request, error: Exception) -> Response:
        """An address or a method that is not ours."""
        status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
        code = _BY_STATUS.get(HTTPStatus(status), "HUB-INT-001")
        allowed = {"Allow": _allowed(request)} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        return self._tell(request, [Problem(code=code)], headers=allowed)

    def defect(self, scope: Scope) -> Response:
        """Say that it is our fault, and nothing else."""
        return self._tell(Request(scope), [Problem(code="HUB-INT-001")])

    def _tell(
        self,
        request: Request,
        found: Sequence[Problem],
        headers: Mapping[str, str] | None = None,
        wait: int | None = None,
    ) -> Response:
        known = [problem if problem.code in self._deps.catalogue else _nameless(problem) for problem in found]
        say = self._say(request)
        told = problems.document(
            known,
            catalogue=self._deps.catalogue,
            say=say,
            base=self._deps.base,
            instance=request.url.path,
            request=request.state.request,
            xml="xml" in request.headers.get("content-type", ""),
            retry_after=wait
            or (self._deps.limits.retry_after if known[0].code in problems.COME_AGAIN else None),
        )
        return problems.answer(told, {**(headers or {}), **_spoken(say), **_echo(request)})

    def _say(self, request: Request) -> Language:
        return problems.language(request.headers.get("accept-language", ""), self._deps.language)


def _allowed(request: Request) -> str:
    """Every method of this address; the framework names those of one of its routes."""
    routes = (route for route in request.app.routes if route.path_regex.match(request.url.path))
    return ", ".join(sorted({method for route in routes for method in route.methods}))


def _nameless(problem: Problem) -> Problem:
    """A code that is not in the catalogue is a defect of ours; the sender gets an answer all the same."""
    log.error("code not in the catalogue", code=problem.code)
    return Problem(code="HUB-INT-001")


def _spoken(say: Language) -> dict[str, str]:
    return {"Content-Language": say, "Vary": "Accept-Language, Accept"}


def _echo(request: Request) -> dict[str, str]:
    try:
        key = key_of(request.headers)
    except Refusal:
        return {}
    return {"Idempotency-Key": f'"{key}"'} if key else {}


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "json" in accept and "text/html" not in accept


def _json(told: Any, say: Language | None = None) -> Response:  # noqa: ANN401 - any of the views above
    return Response(
        msgspec.json.encode(told), media_type="application/json", headers=_spoken(say) if say else None
    )

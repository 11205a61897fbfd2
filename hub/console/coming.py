"""Who comes to the pages and who leaves them: signing in and out, what a browser prefers, and what was typed when a session ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response  # noqa: TC002

from hub.api.later import Later
from hub.console import drafts, forms, visits
from hub.console.visits import ROOT, SESSION, STRANGER
from hub.partners.access import FORM, Identity, Way
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from hub.console.office import Office
    from hub.console.visits import Visit

log = structlog.get_logger(__name__)

NOT_IN = "HUB-OFF-001"
LATE_AT_ONCE = 2
"""Forms of ended sessions that are read at the same time, with the files in them."""


class Coming:
    """``office``: what the pages share."""

    def __init__(self, office: Office) -> None:
        self._office, self._late = office, asyncio.Semaphore(LATE_AT_ONCE)

    async def outside(self, visit: Visit) -> Response:
        """Who reads a page comes back to it after signing in; who sent a form signs in first, and what was typed in it comes back to the same officer."""
        request = visit.request
        if request.method == "POST" and (kept := await self._typed(visit)):
            return self._sign_in(visit, drafts.address(request.url.path), note="in.kept", kept=kept)
        query = f"?{request.url.query}" if request.url.query else ""
        wanted = f"{request.url.path}{query}" if request.method == "GET" else ROOT
        had = visits.cookie(request, SESSION, secure=visit.secure)
        ended = "&ended=1" if had else ""
        return visits.go(f"{ROOT}/sign-in?next={visits.escaped(visits.own(wanted))}{ended}")

    async def _typed(self, visit: Visit) -> drafts.Typed:
        """What this browser's own form holds, which came after its session had ended."""
        request, had = visit.request, visits.cookie(visit.request, SESSION, secure=visit.secure)
        if not had or not drafts.address(request.url.path) or self._late.locked():
            return ()
        try:
            async with self._late:
                body = await self._office.deps.acknowledging.body(request, self._office.console.spool.limit)
                kind = request.headers.get("content-type", "")
                form = await asyncio.to_thread(forms.read, body, kind)
            visits.check_stamp(visit._replace(token=had), form)
        except Refusal:
            return ()
        return drafts.typed(form)

    async def sign_in_page(self, request: Request) -> Response:
        visit = await self._office.visit(request)
        wanted = visits.own(request.query_params.get("next", ""))
        if visit.officer is not None:
            return visits.go(wanted)
        note = (
            "in.out"
            if "out" in request.query_params
            else "in.ended"
            if "ended" in request.query_params
            else ""
        )
        return self._sign_in(visit, wanted, note=note)

    def _sign_in(
        self,
        visit: Visit,
        wanted: str,
        *,
        note: str = "",
        login: str = "",
        refusal: Refusal | None = None,
        kept: drafts.Typed = (),
    ) -> Response:
        """Show the form; a stranger gets a cookie by which it is known as this browser's."""
        token = visit.token or self._office.console.gate.token()
        visit = visit._replace(token=token, officer=None, agency=None)
        said = self._office.told(visit, refusal) if refusal else None
        status = said.status if said else 200
        response = self._office.html(
            visit,
            "sign_in.html",
            status=status,
            next=wanted,
            note=note,
            login=login,
            told=said,
            kept=drafts.hidden(kept),
        )
        visits.keep(response, visit, STRANGER, token)
        return response

    async def sign_in(self, request: Request) -> Response:
        """A new session for whoever knows the password; what was before is over."""
        visit = await self._office.visit(request)
        form, wanted, kept = forms.Form({}), ROOT, drafts.shown({})
        try:
            form = await self._office.kept(visit)
            wanted, kept = visits.own(form["next"]), drafts.shown(form.values)
            address = self._office.deps.callers.address(request)
            entered = await self._office.console.gate.sign_in(
                address, form["login"].lower(), form["password"]
            )
            if entered is None:
                log.info("officer_refused", address=address)
                raise refuse(NOT_IN)
        except Refusal as refusal:
            response = self._sign_in(visit, wanted, login=form["login"], refusal=refusal, kept=kept)
            if isinstance(refusal, Later):
                response.headers["Retry-After"] = str(refusal.wait)
            return response
        await self._office.console.gate.sign_out(visits.cookie(request, SESSION, secure=visit.secure))
        self._office.deps.callers.noted(Identity(partner=entered.partner, way=Way.OFFICER, label=FORM))
        visit = visit._replace(token=entered.token)
        resumes = bool(kept) and wanted == drafts.address(wanted)
        if resumes and not drafts.is_of(kept, entered.session.officer):
            resumes, wanted = False, ROOT
        response = (
            self._office.html(visit, "resume.html", next=wanted, kept=kept) if resumes else visits.go(wanted)
        )
        visits.keep(response, visit, SESSION, entered.token)
        visits.drop(response, visit, STRANGER)
        return response

    async def sign_out(self, request: Request) -> Response:
        visit = await self._office.visit(request)
        try:
            visits.check_stamp(visit, await self._office.small(visit))
        except Refusal as refusal:
            return self._office.error(visit, refusal)
        await self._office.console.gate.sign_out(visits.cookie(request, SESSION, secure=visit.secure))
        response = visits.go(f"{ROOT}/sign-in?out=1")
        visits.drop(response, visit, SESSION)
        return response

    async def look(self, request: Request) -> Response:
        """Remember language and theme in this browser."""
        visit = await self._office.visit(request)
        try:
            form = await self._office.small(visit)
            visits.check_stamp(visit, form)
        except Refusal as refusal:
            return self._office.error(visit, refusal)
        response = visits.go(visits.own(form["back"]))
        for name, value in visits.chosen(form):
            visits.keep(response, visit, name, value, age=visits.YEAR)
        return response

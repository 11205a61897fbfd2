"""Drop-in desks on the web: a foreign client's call is performed with what the hub has, and answered in the client's own protocol.

Nothing here lets anybody in or accepts anything by itself: logins are the token desk's, messages go through ``Deps.take_in`` as
all others do. What is the desk's (``connectors.desks``) is how the call reads and how the answer is written.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import unquote
from weakref import WeakValueDictionary

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from connectors.desks import Accepted, Call, Errand, Refused, Standing, Token, Told
from hub import rules
from hub.api import problems
from hub.api.desk import Brought
from hub.api.later import Later
from hub.documents.bringing import Bringing
from hub.story import record
from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from connectors.desks import Desk, Result, Say
    from hub.api.desk import Caller, Deps
    from hub.api.token_desk import TokenDesk
    from hub.spool import Sheet

HELD_BACK = 1.0
"""Seconds for which an answer "come later" is held, as at the hub's own addresses."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CALLED = ":path"
"""Under this name the address that was called is stored with a message, beside its headers."""


def add(app: FastAPI, deps: Deps, tokens: TokenDesk) -> None:
    """Mount the desks."""
    for prefix, desk in deps.desks.items():
        mounted = DropIn(deps, desk, prefix, tokens)
        app.add_api_route(
            f"{prefix}/{{rest:path}}",
            mounted.answer,
            methods=list(METHODS),
            response_class=Response,
            include_in_schema=False,
            name=f"desk {prefix}",
        )


class DropIn:
    """One desk at its address. ``prefix``: ``/lgsp``."""

    def __init__(self, deps: Deps, desk: Desk, prefix: str, tokens: TokenDesk) -> None:
        self._deps, self._desk, self._prefix, self._tokens = deps, desk, prefix, tokens
        self._bringing = Bringing(
            documents=deps.store.documents,
            new_id=deps.new_id,
            limit=deps.limits.document,
            quota=deps.limits.unclaimed,
            expires=deps.keeping.expires,
            unscanned=deps.unscanned,
        )
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def answer(self, request: Request) -> Response:
        """Perform one call, and answer whatever comes of it."""
        path = unquote(request.url.path).removeprefix(self._prefix)
        try:
            return self._written(await self._perform(request, path))
        except Later as later:
            await asyncio.sleep(HELD_BACK)
            return self._refused(request, later, later.wait)
        except Refusal as refusal:
            return self._refused(request, refusal)

    async def _perform(self, request: Request, path: str) -> Result:
        errand = self._desk.errand(request.method, path)
        if errand is None:
            raise refuse("HUB-INT-003")
        if errand is Errand.LOGIN:
            token, seconds = await self._tokens.issue(request)
            return Token(token=token, seconds=seconds)

        async with AsyncExitStack() as turn:

            async def opened(caller: Caller, sheet: Sheet) -> Sequence[Brought]:
                call = Call(path=path, body=sheet.read(), headers=dict(request.headers))
                say = await asyncio.to_thread(self._desk.read, call)
                await turn.enter_async_context(self._turn(caller, say))
                return await self._said(caller, call.path, say)

            taken = await self._deps.take_in(request, opened, self._deps.calls or self._deps.spool)
        return Accepted(
            ids=tuple(each.message for each in taken), replayed=all(each.replayed for each in taken)
        )

    def _turn(self, caller: Caller, say: Say) -> asyncio.Lock:
        """What a call means depends on what was said before: calls about one dossier wait for each other."""
        return self._turns.setdefault((caller.authority, say.about), asyncio.Lock())

    async def _said(self, caller: Caller, path: str, say: Say) -> Sequence[Brought]:
        """Keep the files of a call, and let the desk say what it means now."""
        messages = say.messages(await self._standing(caller, say))
        if say.encloses:
            with self._deps.carrying.bring(caller.id):
                await self._bringing.bring(caller.id, say.encloses, self._deps.now())
        called = f"{self._prefix}{path}"
        return [
            Brought(
                body=each.body,
                headers={"content-type": each.media_type, "idempotency-key": each.key, CALLED: called},
            )
            for each in messages
        ]

    async def _standing(self, caller: Caller, say: Say) -> Standing:
        known = await self._deps.store.known(caller.authority, say.about)
        found = await self._deps.store.dossier(known.dossier) if known else None
        if known is None or found is None:
            return Standing()
        return Standing(
            state=record.from_json(known.story).state,
            said=tuple(each.key for each in found.messages if each.sender == caller.id),
        )

    def _refused(self, request: Request, refusal: Refusal, wait: int | None = None) -> Response:
        deps = self._deps
        say = problems.language(request.headers.get("accept-language", ""), deps.language)
        known = [
            each if each.code in deps.catalogue else Problem(code="HUB-INT-001") for each in refusal.problems
        ]
        entry = deps.catalogue[known[0].code]
        told = Refused(
            status=entry.status,
            problems=tuple(
                Told(
                    code=each.code,
                    title=deps.catalogue[each.code].title.say(say),
                    place=each.place,
                    rule=rules.said(each.rule, say) if each.rule else "",
                )
                for each in known[: problems.SHOWN]
            ),
            advice=entry.you.say(say),
            request=request.state.request,
            wait=wait,
        )
        response = self._written(told)
        response.headers["Content-Language"] = say
        if wait is not None:
            response.headers["Retry-After"] = str(wait)
        return response

    def _written(self, result: Result) -> Response:
        reply = self._desk.write(result)
        headers = {"Cache-Control": "no-store"}
        return Response(reply.body, status_code=reply.status, media_type=reply.media_type, headers=headers)

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

import msgspec
import structlog
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from connectors.desks import Accepted, Call, Errand, Page, Refused, Say, Standing, Token, Told
from hub import rules
from hub.api import problems
from hub.api.desk import Brought
from hub.api.later import Later
from hub.documents.bringing import Bringing
from hub.story import record
from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import FastAPI

    from connectors.desks import Desk, Message, Reply, Result, Wish
    from hub.api.desk import Caller, Deps
    from hub.api.token_desk import TokenDesk
    from hub.spool import Sheet
    from schemas.errors import Language

log = structlog.get_logger(__name__)

OTHER: dict[Language, Language] = {"vi": "en", "en": "vi"}
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
            return _sent(await self._perform(request, path))
        except Later as later:
            await asyncio.sleep(HELD_BACK)
            return self._refused(request, later, later.wait)
        except Refusal as refusal:
            return self._refused(request, refusal)
        except Exception:  # a defect of ours is told in the client's protocol, too
            log.exception("request failed", request=request.state.request, method=request.method)
            return self._refused(request, refuse("HUB-INT-001"))

    async def _perform(self, request: Request, path: str) -> Reply:
        errand = self._desk.errand(request.method, path, request.headers)
        if errand is None:
            raise refuse("HUB-INT-003")
        if errand is Errand.LOGIN:
            token, seconds = await self._tokens.issue(request)
            return self._desk.write(Token(token=token, seconds=seconds))
        if errand is Errand.OPEN:
            return _open(self._desk.read(self._call(request, path)))
        return await self._take(request, path)

    def _call(self, request: Request, path: str) -> Call:
        base = self._deps.base or str(request.base_url).rstrip("/")
        return Call(
            path=path,
            headers=dict(request.headers),
            query=request.url.query,
            address=f"{base}{self._prefix}",
        )

    async def _take(self, request: Request, path: str) -> Reply:
        write: Callable[[Result], Reply] = self._desk.write
        call = self._call(request, path)
        async with AsyncExitStack() as turn:

            async def opened(caller: Caller, sheet: Sheet) -> Sequence[Brought]:
                nonlocal write
                came = msgspec.structs.replace(call, body=sheet.read(), enveloped=caller.wraps)
                say = _said(await asyncio.to_thread(self._desk.read, came))
                write = say.write or write
                if say.about:
                    await turn.enter_async_context(self._turn(caller, say))
                said = await self._said(caller, say)
                return [self._brought(each, caller, sheet, path) for each in said]

            taken = await self._deps.take_in(request, opened, self._deps.calls or self._deps.spool)
        return write(
            Accepted(
                ids=tuple(each.message for each in taken),
                replayed=all(each.replayed for each in taken),
                receipts=tuple(each.receipt for each in taken),
                confirmations=tuple(each.confirmation for each in taken),
            )
        )

    def _turn(self, caller: Caller, say: Say) -> asyncio.Lock:
        """What a call means depends on what was said before: calls about one dossier wait for each other."""
        return self._turns.setdefault((caller.authority, say.about), asyncio.Lock())

    async def _said(self, caller: Caller, say: Say) -> Sequence[Message]:
        """Keep the files of a call, and let the desk say what it means now."""
        messages = say.messages(await self._standing(caller, say))
        if say.encloses:
            if not caller.proved:
                raise refuse("HUB-AUT-001", "Authorization")
            with self._deps.carrying.bring(caller.id):
                await self._bringing.bring(caller.id, say.encloses, self._deps.now())
        return messages

    def _brought(self, message: Message, caller: Caller, sheet: Sheet, path: str) -> Brought:
        headers = {"content-type": message.media_type, CALLED: f"{self._prefix}{path}"}
        if message.key:
            headers["idempotency-key"] = message.key
        if message.signature and caller.header:
            headers[caller.header] = message.signature
        if not message.within:
            return Brought(body=message.body, headers=headers)
        whole, file = (b"", str(sheet.path)) if sheet.path else (sheet.read(), "")
        return Brought(body=whole, file=file, headers=headers, within=message.within)

    async def _standing(self, caller: Caller, say: Say) -> Standing:
        if not say.about:
            return Standing()
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
        told, other = (self._told(known, each, request, wait) for each in (say, OTHER[say]))
        response = _sent(self._desk.write(msgspec.structs.replace(told, other=other)))
        response.headers["Content-Language"] = say
        if wait is not None:
            response.headers["Retry-After"] = str(wait)
        return response

    def _told(self, found: Sequence[Problem], say: Language, request: Request, wait: int | None) -> Refused:
        catalogue = self._deps.catalogue
        entry = catalogue[found[0].code]
        return Refused(
            status=entry.status,
            problems=tuple(
                Told(
                    code=each.code,
                    title=catalogue[each.code].title.say(say),
                    place=each.place,
                    rule=rules.said(each.rule, say) if each.rule else "",
                    line=each.line,
                )
                for each in found[: problems.SHOWN]
            ),
            advice=entry.you.say(say),
            request=request.state.request,
            wait=wait,
            fault=entry.soap,
            retry=entry.retry,
            language=say,
        )


def _open(wish: Wish) -> Reply:
    if not isinstance(wish, Page):
        raise TypeError("a desk's open address has a page")
    return wish.reply


def _said(wish: Wish) -> Say:
    if not isinstance(wish, Say):
        raise TypeError("where a desk says SAY something is said")
    return wish


def _sent(reply: Reply) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(reply.body, status_code=reply.status, media_type=reply.media_type, headers=headers)

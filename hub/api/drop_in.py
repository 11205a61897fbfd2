"""Drop-in desks on the web: a foreign client's call is performed with what the hub has, and answered in the client's own protocol.

Nothing here lets anybody in or accepts anything by itself: logins are the token desk's, messages go through ``Deps.take_in`` as
all others do. What is the desk's (``connectors.desks``) is how the call reads and how the answer is written.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote
from weakref import WeakValueDictionary

import msgspec
import structlog
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from connectors.desks import (
    Accepted,
    Answered,
    Ask,
    Call,
    Errand,
    Listed,
    Look,
    Page,
    Say,
    Says,
    Stands,
    Token,
)
from connectors.small import Small
from hub.api import asking, desk_refusals, old_letters, problems
from hub.api.desk import Brought, Showing
from hub.api.downloads import Downloads
from hub.api.later import Later
from hub.api.small_calls import SmallCalls
from hub.api.token_desk import Asked, read_request
from hub.documents.bringing import Bringing
from schemas.legacy_text import stand_in
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastapi import FastAPI

    from connectors.desks import Desk, Message, Reply, Result, Shown, Wish
    from hub.api.desk import Caller, Deps, Open
    from hub.api.token_desk import TokenDesk
    from hub.intake.spool import Sheet
    from hub.store.contract.intake import Accepted as Taken

log = structlog.get_logger(__name__)

HELD_BACK = 1.0
"""Seconds for which an answer "come later" is held, as at the hub's own addresses."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HIDDEN = "…"
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
        self._asked, self._files = SmallCalls(deps, desk), Downloads(deps)
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
        if self._is_file(request, path):
            return await self._files.send(request, path.rpartition("/")[2])
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

    def _is_file(self, request: Request, path: str) -> bool:
        """Whether a document is fetched; it is refused as at its own address."""
        try:
            return self._desk.errand(request.method, path, request.headers) is Errand.FILE
        except Refusal:
            return False

    async def _perform(self, request: Request, path: str) -> Reply:
        errand = self._desk.errand(request.method, path, request.headers)
        if errand is None:
            raise refuse("HUB-INT-003")
        if errand is Errand.LOGIN:
            token, seconds = await self._tokens.issue(request, partial(self._login, path))
            return self._desk.write(Token(token=token, seconds=seconds))
        if errand is Errand.OPEN:
            return _open(self._desk.read(self._call(request, path)))
        if errand is Errand.SMALL:
            return await self._asked.answer(request, self._call(request, path))
        return await self._take(request, path)

    def _call(self, request: Request, path: str) -> Call:
        base = self._deps.base or str(request.base_url).rstrip("/")
        return Call(
            path=path,
            headers=dict(request.headers),
            method=request.method,
            query=request.url.query,
            address=f"{base}{self._prefix}",
            at=self._deps.now(),
        )

    async def _take(self, request: Request, path: str) -> Reply:
        write: Callable[[Result], Reply] = self._desk.write
        answered: Answered | Listed | None = None
        call = self._call(request, path)
        stored = self._stored(call)
        async with AsyncExitStack() as turn:

            async def opened(caller: Caller, sheet: Sheet) -> Sequence[Brought]:
                nonlocal write, answered
                raw = sheet.read()
                old = old_letters.are_old(raw, caller.text)
                body = stand_in(raw) if old else raw
                came = msgspec.structs.replace(call, body=body, enveloped=caller.wraps)
                wish = await asyncio.to_thread(self._desk.read, came)
                says = [old_letters.restored(say, caller.text) if old else say for say in _said(wish)]
                write = write if isinstance(wish, Page | Small) else wish.write or write
                if isinstance(wish, Look):
                    answered = asking.look(self._deps.registries, caller, wish, call.at.date())
                if isinstance(wish, Ask):
                    answered = await asking.answer(self._deps.store, self._deps.registries, caller, wish)
                for about in sorted({say.about or say.begins for say in says} - {""}):
                    await turn.enter_async_context(self._turn(caller, about))
                return [
                    self._brought(each, caller, sheet, stored)
                    for say in says
                    for each in await self._said(caller, say)
                ]

            taken = await self._taken(request, call, opened)
        if answered is not None:
            return write(answered)
        return write(
            Accepted(
                ids=tuple(each.message for each in taken),
                replayed=all(each.replayed for each in taken),
                receipts=tuple(each.receipt for each in taken),
                confirmations=tuple(each.confirmation for each in taken),
            )
        )

    async def _taken(self, request: Request, call: Call, opened: Open) -> Sequence[Taken]:
        """Take in what the call brings, once it is known who calls: by its head, its address or its body."""
        deps, stands = self._deps, self._desk.stands
        if stands is Stands.HEAD:
            return await deps.take_in(request, opened, deps.calls or deps.spool)

        def find(body: bytes) -> Shown:
            return self._desk.shows(msgspec.structs.replace(call, body=old_letters.anybodys(body)))

        if stands is Stands.ADDRESS:
            showing = Showing(find=find, early=True)
            return await deps.take_in(request, opened, deps.calls or deps.spool, showing)
        return await deps.take_in(request, opened, deps.unknown or deps.spool, Showing(find=find))

    def _stored(self, call: Call) -> str:
        """The path as it is kept with what was said: without the credential that stands in it."""
        if self._desk.stands is not Stands.ADDRESS:
            return call.path
        secret = self._desk.shows(call).secret
        return call.path.replace(secret, HIDDEN) if secret else call.path

    def _login(self, path: str, body: bytes, headers: Mapping[str, str]) -> Asked:
        """Read a login as the client says it, or as OAuth2 does."""
        login = self._desk.login(Call(path=path, body=body, headers=dict(headers)))
        return read_request(body, headers) if login is None else Asked(login.client, login.secret)

    def _turn(self, caller: Caller, about: str) -> asyncio.Lock:
        """What a call means depends on what was said before: calls about one dossier wait for each other."""
        return self._turns.setdefault((caller.authority, about), asyncio.Lock())

    async def _said(self, caller: Caller, say: Say) -> Sequence[Message]:
        """Keep the files of a call, and let the desk say what it means now."""
        messages = say.messages(await asking.standing(self._deps.store, caller, say.about, say.begins))
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
            return Brought(body=message.body, headers=headers, clocked=message.clocked)
        whole, file = (b"", str(sheet.path)) if sheet.path else (sheet.read(), "")
        return Brought(body=whole, file=file, headers=headers, within=message.within)

    def _refused(self, request: Request, refusal: Refusal, wait: int | None = None) -> Response:
        deps = self._deps
        say = problems.language(request.headers.get("accept-language", ""), deps.language)
        if wait is None and refusal.code in problems.COME_AGAIN:
            wait = deps.limits.retry_after
        told = desk_refusals.told(refusal.problems, deps.catalogue, say, request.state.request, wait)
        response = _sent(self._desk.write(told))
        response.headers["Content-Language"] = say
        if wait is not None:
            response.headers["Retry-After"] = str(wait)
        return response


def _open(wish: Wish) -> Reply:
    if not isinstance(wish, Page):
        raise TypeError("a desk's open address has a page")
    return wish.reply


def _said(wish: Wish) -> Sequence[Say]:
    match wish:
        case Ask() | Look():
            return ()
        case Says(each=each):
            return each
        case Say():
            return (wish,)
        case Page() | Small():
            raise TypeError("where a desk says SAY something is said or asked")


def _sent(reply: Reply) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(reply.body, status_code=reply.status, media_type=reply.media_type, headers=headers)

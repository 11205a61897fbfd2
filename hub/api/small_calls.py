"""Small calls of drop-in desks by somebody who is known: questions about what it sent, and what it does with its mailbox.

The same doors as at the hub's own addresses: who may not look there is told so in the same words, and each has its own rate.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog
from msgspec.structs import asdict

from connectors.small import Fetch, Fetched, Letters, Look, Lying, Seen, Settle, Settled, Small
from hub.api import views
from hub.api.mailbox import Door
from hub.api.quotas import Errand
from hub.receipts import mailbox
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from starlette.requests import Request

    from connectors.desks import Call, Desk, Reply
    from connectors.small import Found
    from hub.api.desk import Deps
    from hub.partners.access import Identity

log = structlog.get_logger(__name__)

LONGEST = 64 * 1024
"""Bytes of such a call."""


class SmallCalls:
    """One per desk. ``call``: everything of the request but its body."""

    def __init__(self, deps: Deps, desk: Desk) -> None:
        self._deps, self._desk, self._mailbox = deps, desk, Door(deps)

    async def answer(self, request: Request, call: Call) -> Reply:
        """Read one call, perform it and write what came of it. Raises ``Refusal``."""
        partner = ""
        try:
            who = await self._deps.callers.identify(request)
            partner = who.partner
            with self._deps.acknowledging.place(partner):
                body = await self._deps.acknowledging.body(request, LONGEST)
                ask = await asyncio.to_thread(self._desk.read, msgspec.structs.replace(call, body=body))
                if not isinstance(ask, Small):
                    raise TypeError("where a desk says SMALL the wish is small")
                return ask.write(await self._performed(ask, who, body, request))
        except Refusal as refusal:
            log.info("call_refused", code=refusal.code, partner=partner, request=request.state.request)
            raise

    async def _performed(self, ask: Small, who: Identity, body: bytes, request: Request) -> Found:
        match ask:
            case Look():
                return await self._seen(ask, self._deps.sender(who).id, self._deps.sender(who).authority)
            case Letters():
                told = await self._mailbox.letters(self._mailbox.owner(who), ask.after, ask.limit)
                return Lying(letters=tuple(map(asdict, told.letters)), next=told.next)
            case Fetch():
                found = await self._mailbox.fetched(self._mailbox.owner(who), ask.transfer)
                sealed = found.sealed
                return Fetched(
                    transfer=ask.transfer,
                    payload=sealed.payload,
                    media_type=sealed.media_type,
                    digest=found.digest,
                    headers=sealed.headers,
                )
            case Settle():
                return await self._settled(ask, self._bringer(who), body, request)
            case _:
                raise TypeError(type(ask).__name__)

    async def _seen(self, ask: Look, sender: str, authority: str) -> Seen:
        """Show what is the caller's own, as the addresses of the same names do."""
        store = self._deps.store
        if ask.of == "message":
            message = await store.message(ask.id)
            if message is None or message.sender != sender:
                raise refuse("HUB-INT-003")
            return Seen(messages=(asdict(views.message(message)),), transfers=())
        if ask.of == "transfer":
            transfer = await store.transfer(ask.id)
            if transfer is None or transfer.id != ask.id or transfer.sender != sender:
                raise refuse("HUB-LAN-004")
            return Seen(messages=(), transfers=(asdict(views.transfer(transfer)),))
        known = await store.known(authority, ask.id)
        found = await store.dossier(known.dossier) if known else None
        if found is None or not views.is_involved(found, sender):
            raise refuse("HUB-INT-003")
        told = views.dossier(found, sender)
        return Seen(messages=tuple(map(asdict, told.messages)), transfers=tuple(map(asdict, told.transfers)))

    def _bringer(self, who: Identity) -> str:
        partner = self._deps.acknowledging.bringer(who.partner)
        self._deps.quotas.call(partner, Errand.RECEIPTS)
        self._mailbox.check(partner)
        return partner

    async def _settled(self, ask: Settle, partner: str, body: bytes, request: Request) -> Settled:
        reason = mailbox.LetterRefused(reason=ask.reason, code=ask.code) if ask.reason else None
        said = mailbox.LetterAnswer(digest=ask.digest.lower(), at=ask.at, refused=reason)
        taken = await self._mailbox.settled(partner, ask.transfer, said, body, request)
        return Settled(
            transfer=taken.transfer,
            key=taken.key,
            state=taken.state,
            received_at=taken.received_at,
            replayed=taken.replayed,
        )

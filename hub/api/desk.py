"""What the web process needs, and how a request becomes a message: credentials first, then a bounded body, then intake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING

import msgspec
import structlog
from starlette.requests import ClientDisconnect

from connectors.desks import Desk, Payee, Shown  # noqa: TC001
from hub.api.acknowledging import Acknowledging  # noqa: TC001
from hub.api.admission import DISK_WAIT, NO_ROOM, Admission
from hub.api.callers import Callers  # noqa: TC001
from hub.api.carrying import Carrying  # noqa: TC001
from hub.api.claims import Claims  # noqa: TC001
from hub.api.downloads import Downloader  # noqa: TC001
from hub.api.heads import only_one
from hub.api.later import Later
from hub.api.owners import Owners
from hub.api.quotas import Quotas  # noqa: TC001
from hub.api.tokens import Tokens  # noqa: TC001
from hub.console.parts import Console  # noqa: TC001
from hub.documents.contract import Safety
from hub.edges.below import Below  # noqa: TC001
from hub.edges.enrolling import Enrolling  # noqa: TC001
from hub.going_live.coverage import Line  # noqa: TC001
from hub.intake.intake import Intake  # noqa: TC001
from hub.intake.refusals import Refusals  # noqa: TC001
from hub.intake.spool import Spool  # noqa: TC001
from hub.judging.contract import Inbound
from hub.judging.wrapping import TRIAL_HEADER
from hub.metrics.counts import Counts  # noqa: TC001
from hub.receipts.receipts import came_to, made_of
from hub.registries.records import Records
from hub.replicating.board import Line as EdgeLine  # noqa: TC001
from hub.settings.sections import Documents, Limits
from hub.store.contract.intake import Accepted, RefusedMessage
from schemas.agencies import Agencies  # noqa: TC001
from schemas.codelists import CodeLists  # noqa: TC001
from schemas.errors import Catalogue, Language  # noqa: TC001
from schemas.legacy_text import Text
from schemas.problems import Refusal, refuse
from schemas.procedures import Procedures  # noqa: TC001

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.api.admission import Place
    from hub.intake.spool import Sheet
    from hub.partners.access import Identity
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

KEPT = ("content-type", "idempotency-key", "x-request-id", "traceparent", TRIAL_HEADER)
"""Request headers that are stored with a message, beside the one that carries its signature. Never credentials."""


UNPROVED = ("HUB-SIG-", "HUB-CRT-")
"""Codes of a signature that does not prove who sends."""

READY_TIME = 2.0
"""Seconds that the store may take for an empty write before it counts as not ready."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One sender as the web process knows it. ``header``: where its JWS stands; ``shows``: its signature has a part in
    ``Authorization``; ``wraps``: it signs envelopes. ``proved``: it is known who calls; otherwise a signature must show it yet.
    ``text``: how its letters are written. ``payees``: who takes money, by agency (``None``: of all others) and ``fees`` or ``duties``.
    """

    id: str
    authority: str
    header: str = ""
    shows: bool = False
    wraps: bool = False
    proved: bool = True
    text: Text = Text.UTF_8
    payees: tuple[tuple[str | None, str, Payee], ...] = ()


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a request. ``file``: the spool's, instead of ``body``. ``headers``: what a drop-in desk knows of it; they are
    stored with it in place of the request's own. ``within``, ``clocked``: as of ``Inbound``.
    """

    body: bytes = b""
    file: str = ""
    headers: Mapping[str, str] = {}
    within: tuple[str, ...] = ()
    clocked: bool = False


Open = Callable[[Caller, "Sheet"], Awaitable[Sequence[Brought]]]
"""What messages a whole body holds, read for an admitted sender. Raises ``Refusal``."""


class Showing(msgspec.Struct, frozen=True, kw_only=True):
    """By what a client is known that does not say it in its head. ``find``: finds it in the body; raises ``Refusal``.

    ``early``: no body is needed for it.
    """

    find: Callable[[bytes], Shown]
    early: bool = False


async def no_edges(_now: datetime) -> Sequence[EdgeLine]:
    return ()


async def nothing_covered(_now: datetime, _silent_after: int) -> Sequence[Line]:
    """Where nobody asks for a board."""
    return ()


class Registries(msgspec.Struct, frozen=True, kw_only=True):
    """What clients of desks may be told of."""

    agencies: Agencies
    procedures: Procedures
    lists: CodeLists
    records: Records = Records()


class Deps(msgspec.Struct, frozen=True, kw_only=True):
    """Handed in by the wiring. ``ready``: names of what is not ready; ``base``: the public URL in front of the hub.
    ``quotas``: the senders' (``admission`` asks them) and the recipients'.

    ``carrying``: bounds the requests that carry documents; ``unscanned``: what a document is before anybody scanned it;
    ``downloaders``: who may fetch documents, by partner; ``mailboxes``: who fetches what is for it. ``operators``: who sees what
    concerns the hub as a whole; ``covered``, ``edges``: make the boards of coverage and of hubs below. ``desks``: drop-in desks by the path that they are mounted at; ``calls``:
    where their calls wait, ``unknown``: those of whom the body says who it is. ``console``: the pages at which people work, where there are any.
    ``speaks_for``: each partner's agency.
    ``below``: answers the hubs below; ``enrolling``: lets them in; ``enrolled``: called when one was.
    """

    intake: Intake
    store: Store
    callers: Callers
    tokens: Tokens
    claims: Claims
    senders: Mapping[str, Caller]
    spool: Spool
    admission: Admission
    acknowledging: Acknowledging
    quotas: Quotas
    refusals: Refusals
    carrying: Carrying
    catalogue: Catalogue
    limits: Limits
    ready: Callable[[], Awaitable[Sequence[str]]]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    counts: Counts
    language: Language = "vi"
    base: str = ""
    keeping: Documents = Documents()
    unscanned: Safety = Safety.CLEAN
    downloaders: Mapping[str, Downloader] = {}
    desks: Mapping[str, Desk] = {}
    calls: Spool | None = None
    unknown: Spool | None = None
    console: Console | None = None
    registries: Registries | None = None
    below: Below | None = None
    enrolling: Enrolling | None = None
    enrolled: Callable[[], Awaitable[None]] | None = None
    mailboxes: Owners = Owners()
    operators: frozenset[str] = frozenset()
    covered: Callable[[datetime, int], Awaitable[Sequence[Line]]] = nothing_covered
    speaks_for: Mapping[str, str] = {}
    edges: Callable[[datetime], Awaitable[Sequence[EdgeLine]]] = no_edges

    async def caller(self, request: Request) -> Caller:
        """Return who is calling, one that may send. Raises ``Refusal`` HUB-AUT-*, HUB-IDM-004."""
        return self.sender(await self.callers.identify(request))

    def sender(self, who: Identity) -> Caller:
        """Raises ``Refusal`` HUB-AUT-011 for one that is known, but not as a sender, or not by this."""
        found = self.senders.get(who.partner)
        if found is None or who.receipts_only:
            raise refuse("HUB-AUT-011", rule="[sends]")
        return found

    async def take(self, request: Request) -> Accepted:
        """Take one message. Raises ``Refusal``; then nothing of it is kept but a log line with code, digest and size."""

        async def itself(_caller: Caller, sheet: Sheet) -> Sequence[Brought]:
            return (Brought(body=b"" if sheet.path else sheet.read(), file=str(sheet.path or "")),)

        (accepted,) = await self.take_in(request, itself, self.spool)
        return accepted

    async def take_in(
        self,
        request: Request,
        opened: Open,
        spool: Spool,
        showing: Showing | None = None,
        known: Identity | None = None,
    ) -> Sequence[Accepted]:
        """Take what a request brings: ``opened`` says what messages its body holds. Refusals as of ``take``. ``known``: who calls,
        where that was found out before.

        Of several those before the refused one are accepted; said again, they find their receipts. Where nobody knows whose a
        body is before it is whole (``showing``), it holds one of the few places of its address until then.
        """
        message, sender, began = self.new_id(), "", time.perf_counter()
        with spool.sheet(message) as sheet, ExitStack() as held:
            try:
                if known or showing is None or showing.early:
                    who = known or await self._who(request, showing)
                    sender = self.sender(who).id
                    only_one(request, "Idempotency-Key")
                    held.enter_context(self._unproved(request, who))
                    place = held.enter_context(self.admission.enter(sender))
                    await self._fill(sheet, request, place, spool)
                else:
                    place = held.enter_context(self.admission.enter())
                    who = await self._read_unknown(request, sheet, place, spool, showing)
                    sender = who.partner
                taken: list[Accepted] = []
                caller = msgspec.structs.replace(self.senders[sender], proved=who.proved)
                for brought in await opened(caller, sheet):
                    accepted = await self._receive(message, who, brought, request)
                    self._count(accepted, sender, place, began)
                    taken.append(accepted)
                    message = self.new_id()
            except Refusal as refusal:
                self._note(refusal, sender, sheet, request)
                raise
            except OSError as error:  # spool or blobs: the disk is full or broken, and nothing was accepted
                self.counts.add("intake", sender, NO_ROOM)
                log.exception("no_room", sender=sender, size=sheet.size, request=request.state.request)
                raise Later(NO_ROOM, "the body can be kept", DISK_WAIT) from error
            except Exception:
                self.counts.add("intake", sender, "HUB-INT-001")
                raise
            return taken

    def _count(self, accepted: Accepted, sender: str, place: Place, began: float) -> None:
        if not accepted.replayed:
            place.accepted(made_of(accepted.receipt))
            self.counts.observe("intake_seconds", time.perf_counter() - began)
        self.counts.add("intake", sender, came_to(accepted))

    async def _who(self, request: Request, showing: Showing | None) -> Identity:
        if showing is None:
            return await self.callers.identify(request, claims=True)
        return await self.callers.recognise(request, showing.find(b""))

    async def _read_unknown(
        self, request: Request, sheet: Sheet, place: Place, spool: Spool, showing: Showing
    ) -> Identity:
        """Read a body of which nobody knows yet whose it is, and find out."""
        with self.claims.enter(self.callers.address(request)):
            await self._fill(sheet, request, place, spool)
            who = await self.callers.recognise(request, showing.find(sheet.read()))
        place.of(self.sender(who).id)
        return who

    def _note(self, refusal: Refusal, sender: str, sheet: Sheet, request: Request) -> None:
        self.counts.add("intake", sender, refusal.code)
        self.refusals.note(
            RefusedMessage(
                at=self.now(),
                sender=sender,
                code=refusal.code,
                digest=sheet.digest,
                size=sheet.size,
                request=request.state.request,
            )
        )
        log.info(
            "refused",
            code=refusal.code,
            codes=sorted({problem.code for problem in refusal.problems}),
            sender=sender,
            digest=sheet.digest,
            size=sheet.size,
            request=request.state.request,
        )

    def _unproved(self, request: Request, who: Identity) -> AbstractContextManager[None]:
        return nullcontext() if who.proved else self.claims.enter(self.callers.address(request))

    async def _receive(self, message: str, who: Identity, brought: Brought, request: Request) -> Accepted:
        caller = self.senders[who.partner]
        inbound = Inbound(
            message=message,
            sender=caller.id,
            claimed=not who.proved,
            authorization=request.headers.get("authorization", "") if caller.shows else "",
            headers={**self._kept(request, caller), **brought.headers},
            body=brought.body,
            file=brought.file,
            within=brought.within,
            clocked=brought.clocked,
            received_at=self.now(),
        )
        try:
            return await self.intake.receive(inbound, caller.id)
        except Refusal as refusal:
            if inbound.claimed and refusal.code.startswith(UNPROVED):
                self.callers.failed(self.callers.address(request), refusal.code)
            raise

    async def missing(self) -> list[str]:
        """Name what is not ready: the store when nothing can be committed, and what the wiring finds."""
        found = list(await self.ready())
        try:
            async with asyncio.timeout(READY_TIME):
                writable = await self.store.ready()
        except TimeoutError:
            writable = False
        return found if writable else [*found, "store"]

    async def _fill(self, sheet: Sheet, request: Request, place: Place, spool: Spool) -> None:
        declared = request.headers.get("content-length", "")
        told = int(declared) if declared.isdecimal() else 0
        if told > spool.limit:
            raise spool.too_large()
        place.grow(told)
        try:
            async with asyncio.timeout(self.limits.body_time):
                async for chunk in request.stream():
                    sheet.write(chunk)
                    if not told:
                        place.grow(len(chunk))
        except (TimeoutError, ClientDisconnect):
            raise refuse("HUB-LIM-004", rule=f"the whole body in {self.limits.body_time:g} s") from None

    def _kept(self, request: Request, caller: Caller) -> dict[str, str]:
        """Raises ``Refusal`` HUB-IDM-004 for one that stands twice: signed and read must be the same."""
        names = (*KEPT, "content-encoding", "digest", "content-digest", caller.header)
        kept = [name for name in names if name and name in request.headers]
        for name in kept:
            only_one(request, name)
        return {name: request.headers[name] for name in kept}

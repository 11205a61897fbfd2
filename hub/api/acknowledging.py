"""The door for partners' receipts: ``POST /v1/receipts``. Credentials first, then a small body, then the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import structlog
from msgspec.structs import replace
from starlette.requests import ClientDisconnect

from hub.api.admission import NO_ROOM
from hub.api.heads import only_one
from hub.api.later import Later
from hub.api.quotas import Errand
from hub.intake.intake import believed
from hub.receipts import acknowledgements
from schemas.problems import Refusal, refuse
from signing import bindings
from signing.contract import Verifier, Wire
from signing.trust.pins import load_pins

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from starlette.requests import Request

    from hub.api.callers import Callers
    from hub.api.quotas import Quotas
    from hub.intake.intake import Vouch
    from hub.partners.partner import Partner
    from hub.store.contract.delivery import Acknowledged, Acknowledgement
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

Taken = TypeVar("Taken")

MEDIA_TYPE = "application/json"
WAIT = 2
"""Seconds that a partner is asked to wait when too many bring receipts at once."""


def bringers(partners: Iterable[Partner]) -> frozenset[str]:
    """Whose file says that it sends receipts, or that it fetches: then a receipt is all that ends a transfer."""
    return frozenset(
        one.id for one in partners if one.receives and (one.receives.acknowledges or one.fetches)
    )


class Signed(NamedTuple):
    """How one partner's receipts are signed: a detached JWS in ``header``."""

    verifier: Verifier
    header: str


def signed_receipts(partners: Iterable[Partner]) -> dict[str, Signed]:
    """By partner, of those whose file says so. Raises ``Refusal`` HUB-CRT-* for a bad pin."""
    proofs = (
        (one.id, one.receives.receipt_signature)
        for one in partners
        if one.receives and one.receives.receipt_signature
    )
    return {
        id_: Signed(bindings.verifier(load_pins(proof.pins), proof.profile), proof.carried_in)
        for id_, proof in proofs
    }


class Acknowledging:
    """One per web process; one event loop. ``body_time``: seconds within which the whole body must be there.

    Receipts are small and finish what was accepted, so they have a bound of their own, and none for a disk that is short.
    """

    def __init__(  # noqa: PLR0913 - its parts and its bounds
        self,
        callers: Callers,
        bringers: frozenset[str],
        store: Store,
        now: Callable[[], datetime],
        quotas: Quotas,
        *,
        body_time: float,
        at_once: int = 64,
        of_one: int = 16,
        signed: Mapping[str, Signed] = MappingProxyType({}),
        vouch: Vouch = believed,
    ) -> None:
        self._signed, self._vouch = signed, vouch
        self._callers, self._bringers = callers, bringers
        self._store, self._now, self._quotas = store, now, quotas
        self._body_time, self._at_once, self._of_one = body_time, at_once, of_one
        self._under_way: Counter[str] = Counter()

    async def take(self, request: Request) -> Acknowledged:
        """Take one receipt."""
        return await self.brought(request, self._receipt)

    async def _receipt(self, partner: str, body: bytes, request: Request) -> Acknowledged:
        receipt = acknowledgements.read(body, partner, self._now())
        return await self._store.acknowledge(self.verified(receipt, request))

    async def brought(
        self, request: Request, take: Callable[[str, bytes, Request], Awaitable[Taken]]
    ) -> Taken:
        """Let ``take`` have what a partner brings to prove something. Raises ``Refusal``; then a log line with code, partner and digest is all that is left of it."""
        partner, body = "", b""
        try:
            partner = self.bringer((await self._callers.identify(request)).partner)
            self._quotas.call(partner, Errand.RECEIPTS)
            with self.place(partner):
                if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
                    raise refuse("HUB-SCH-010", "Content-Type", rule=MEDIA_TYPE)
                body = await self.body(request, acknowledgements.LONGEST)
                return await take(partner, body, request)
        except Refusal as refusal:
            log.info(
                "receipt_refused",
                code=refusal.code,
                partner=partner,
                digest=hashlib.sha256(body).hexdigest(),
                size=len(body),
                request=request.state.request,
            )
            raise

    def verified(self, receipt: Acknowledgement, request: Request) -> Acknowledgement:
        """Who is to sign its receipts does, over these very bytes. Raises ``Refusal`` HUB-SIG-*, HUB-CRT-*."""
        signed = self._signed.get(receipt.partner)
        if signed is None:
            return receipt
        only_one(request, signed.header)
        token, now = request.headers.get(signed.header, ""), receipt.received_at
        verified = signed.verifier.verify(Wire(body=receipt.raw, headers={signed.header.lower(): token}), now)
        self._vouch(receipt.partner, verified.signer.fingerprint, now, None)
        return replace(
            receipt,
            signature=token,
            signer=verified.signer.fingerprint,
            algorithm=verified.algorithm,
        )

    @contextmanager
    def place(self, partner: str) -> Iterator[None]:
        """Raises ``Later``: who brings its receipts slowly has places of its own, and leaves the others theirs."""
        if self._under_way.total() >= self._at_once:
            raise Later(NO_ROOM, f"at most {self._at_once} receipts at once", WAIT)
        if self._under_way[partner] >= self._of_one:
            raise Later("HUB-LIM-002", f"at most {self._of_one} receipts at once", WAIT)
        self._under_way[partner] += 1
        try:
            yield
        finally:
            self._under_way[partner] -= 1

    def bringer(self, partner: str) -> str:
        """Who may not bring receipts is told so, and not that it is unknown."""
        if partner not in self._bringers:
            raise refuse("HUB-RCP-005", rule="receives.acknowledges")
        return partner

    async def body(self, request: Request, longest: int) -> bytes:
        """Read a small body in time. Raises ``Refusal`` HUB-LIM-001, -004."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_time):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > longest:
                        raise refuse("HUB-LIM-001", rule=f"at most {longest} bytes")
        except (TimeoutError, ClientDisconnect):
            raise refuse("HUB-LIM-004", rule=f"the whole body in {self._body_time:g} s") from None
        return bytes(body)

"""Signatures in PDF documents, looked at beside the way of a message: found, verified, told; the document stays as it came.

A PDF is read in a process of its own with bounded memory and a bounded time (``hub.processes.crew``): one that costs more is told to be
unreadable, and nobody else is touched. What is kept says what each signature is worth and by which certificate, never whose
name stands in it: that is read again from the document when somebody asks.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import structlog

from hub.documents.contract import Look, Mark, Seal
from hub.processes.crew import Died, TooLong
from hub.store.blobs import Damaged
from hub.store.vault import Unreadable
from signing.pdf_signatures import HEAD, Examined, is_pdf

if TYPE_CHECKING:
    from hub.documents.contract import Documents, Held
    from hub.processes.crew import Answer, Crew

log = structlog.get_logger(__name__)

LEASE = 600.0
"""Seconds after which a look that was taken and not reported is taken by another worker."""


class Order(msgspec.Struct, frozen=True):
    """One file to look at, as of ``now``."""

    now: datetime
    data: bytes


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """``largest``: bytes of a file that is looked at; ``time``: seconds for one."""

    largest: int
    time: float


class Examiner:
    """One per worker process, and one for a command. ``crew``: of ``begin``."""

    def __init__(self, documents: Documents, crew: Crew, bounds: Bounds, now: Callable[[], datetime]) -> None:
        self._documents, self._crew, self._bounds, self._now = documents, crew, bounds, now

    async def step(self) -> bool:
        """Look at one document that nobody has looked at; false when there is none."""
        held = await self._documents.to_look(self._now(), lease=LEASE)
        if held is None:
            return False
        look = await self.look(held)
        await self._documents.looked(held.sha256, look, self._now())
        if look.signatures:
            log.info("document_signatures", digest=held.sha256, count=len(look.signatures))
        return True

    async def look(self, held: Held) -> Look:
        """Say what the document's signatures are worth."""
        try:
            data = await self._read(held)
        except (Damaged, Unreadable):
            return Look(seal=Seal.UNREADABLE, at=self._now())
        if data is None:
            return Look(seal=Seal.TOO_LARGE, at=self._now())
        if not data:
            return Look(seal=Seal.NO_PDF, at=self._now())
        return told(await self.examine(data), self._now())

    async def examined(self, held: Held) -> Examined | None:
        """The same with names, for a person's eyes; ``None``: there is nothing to read."""
        try:
            data = await self._read(held)
        except (Damaged, Unreadable):
            return None
        return await self.examine(data) if data else None

    async def examine(self, data: bytes) -> Examined:
        frame = msgspec.msgpack.encode(Order(self._now(), data))
        try:
            told = await self._crew.ask(frame, self._bounds.time)
        except (Died, TooLong) as error:
            log.warning("document_unreadable", size=len(data), reason=type(error).__name__)
            return Examined(readable=False)
        return msgspec.msgpack.decode(told, type=Examined)

    async def _read(self, held: Held) -> bytes | None:
        """Return a whole PDF; nothing of what is none; ``None`` for one that is too large."""
        whole = bytearray()
        async with aclosing(self._documents.content(held.sha256)) as pieces:
            async for piece in pieces:
                whole += piece
                if len(whole) >= HEAD and not is_pdf(bytes(whole[:HEAD])):
                    return b""
                if held.size > self._bounds.largest:
                    return None
        return bytes(whole) if is_pdf(bytes(whole[:HEAD])) else b""


def told(found: Examined, now: datetime) -> Look:
    """Leave out who: what is kept beside a document names nobody."""
    if not found.readable:
        return Look(seal=Seal.UNREADABLE, at=now)
    marks = tuple(
        Mark(
            holds=each.holds,
            whole=each.whole,
            fingerprint=each.fingerprint,
            signed_at=each.signed_at,
            stamped_at=each.stamped_at,
        )
        for each in found.signatures
    )
    return Look(seal=Seal.SIGNED if marks else Seal.UNSIGNED, at=now, signatures=marks)


# --- in the process -------------------------------------------------------------------------------------------------


Make = Callable[[str], tuple[Callable[[bytes, datetime], Examined], int]]
"""Reads the settings: what examines a file, and the bytes of memory that it may use."""


def begin(make: Make, settings: str) -> Answer:
    """Build what examines, bound this process, then answer frames."""
    logging.disable()  # what libraries say of a certificate names its holder
    examine, memory = make(settings)
    used = _address_space()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))

    def answer(frame: bytes) -> bytes:
        order = msgspec.msgpack.decode(frame, type=Order)
        try:
            found = examine(order.data, order.now)
        except MemoryError:
            found = Examined(readable=False)
        return msgspec.msgpack.encode(found)

    return answer


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - a file of the kernel's
        return int(file.read().split()[0]) * resource.getpagesize()


async def run(examiner: Examiner, every: float) -> None:
    """Go on until it is cancelled."""
    while True:
        try:
            while await examiner.step():
                pass
        except Exception:
            log.exception("examining_failed")
        await asyncio.sleep(every)

"""Time-stamps for partners that want them in what they receive (XAdES-T), fetched beside the way of messages.

A transfer whose signature is to be stamped waits a moment while the authority is asked, and holds up no other: the next
claim finds stamp and signature together. What is fetched is kept in this process only; whoever claims the transfer
elsewhere seals and asks anew, for nothing has left and nothing was stored.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from connectors.contract import Sealed
from hub.documents.contract import Waits
from schemas.problems import Refusal
from signing.xml.properties import imprint, with_stamp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hub.documents.links import Sealery
    from hub.store.contract.delivery import Work
    from schemas.problems import Problem
    from signing.timestamps import Stamper

log = structlog.get_logger(__name__)

ON_ITS_WAY: Final = "HUB-TSP-008"
SOON: Final = 1.0
"""Seconds until a transfer looks for its stamp."""
LATER: Final = 30.0
"""Seconds until an authority that had none is asked for it again."""
MOST: Final = 1_000
"""Stamps that are kept for transfers nobody comes for, because another worker has them now."""


class Stamping:
    """A sealery that has signatures stamped (``hub.delivery.delivery.Sealery``). ``partners``: those that want it."""

    def __init__(self, inner: Sealery, stamper: Stamper | None, partners: Collection[str]) -> None:
        self._inner, self._stamper, self._partners = inner, stamper, partners
        self._kept: dict[str, Sealed | Waits] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        if self._stamper is None or not any(work.partner in self._partners for work in works):
            return await self._inner.seal(works)
        found: dict[str, Sealed | Problem | Waits] = {}
        for work in works:
            if work.transfer in self._kept:
                found[work.transfer] = self._kept.pop(work.transfer)
            elif work.transfer in self._under_way:
                found[work.transfer] = _waits(ON_ITS_WAY, SOON)
        rest = [work for work in works if work.transfer not in found]
        made = dict(await self._inner.seal(rest)) if rest else {}
        for work in rest:
            sealed = made.get(work.transfer)
            if work.partner in self._partners and isinstance(sealed, Sealed):
                self._begin(work.transfer, sealed, self._stamper)
                made[work.transfer] = _waits(ON_ITS_WAY, SOON)
        return found | made

    def _begin(self, transfer: str, sealed: Sealed, stamper: Stamper) -> None:
        task = asyncio.create_task(self._stamp(transfer, sealed, stamper))
        self._under_way[transfer] = task

    async def _stamp(self, transfer: str, sealed: Sealed, stamper: Stamper) -> None:
        try:
            token = await stamper.stamp(imprint(sealed.payload))
            self._kept[transfer] = msgspec.structs.replace(sealed, payload=with_stamp(sealed.payload, token))
        except Refusal as refusal:
            self._kept[transfer] = _waits(refusal.code, LATER)
        except Exception:
            log.exception("stamping_failed", transfer=transfer)
            self._kept[transfer] = _waits("HUB-INT-001", LATER)
        finally:
            self._under_way.pop(transfer, None)
            while len(self._kept) > MOST:
                self._kept.pop(next(iter(self._kept)))

    async def close(self) -> None:
        """Ask no more."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _waits(code: str, seconds: float) -> Waits:
    return Waits(code=code, place="receives.signature.timestamp", seconds=seconds)

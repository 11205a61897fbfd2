"""One try on the wire: a parcel goes to a room, and whatever the room does, one of the four outcomes comes back."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

import structlog

from connectors.contract import Deferred, Delivered, Parcel, Reason, Refused, Unsure
from hub.store.contract.delivery import Attempt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from connectors.contract import Outcome, Sealed

log = structlog.get_logger(__name__)

OUTCOME_NAMES: Mapping[type, str] = {
    Delivered: "delivered",
    Refused: "refused",
    Deferred: "deferred",
    Unsure: "unsure",
}


class Named(Protocol):
    """A transfer, as far as a parcel needs it: what a worker claimed, or what a person looks at."""

    @property
    def key(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def sends(self) -> int: ...
    @property
    def accepted_at(self) -> datetime: ...


def parcel_of(work: Named, sealed: Sealed, told: Mapping[str, str] | None = None) -> Parcel:
    return Parcel(
        key=work.key,
        operation=work.operation,
        sealed=sealed,
        dossier=sealed.facts.get("dossier", ""),
        attempt=work.sends + 1,
        told=told or {},
        since=work.accepted_at,
    )


async def tried(
    verb: str, call: Awaitable[Outcome], now: Callable[[], datetime], limit: float
) -> tuple[Outcome, Attempt]:
    """Carry out one try within ``limit`` seconds. A room that breaks its promise not to raise, or hangs, leaves it unsure."""
    began, clock = now(), time.perf_counter()
    outcome: Outcome
    try:
        async with asyncio.timeout(limit):
            outcome = await call
    except TimeoutError:
        log.warning("attempt_too_long", verb=verb, seconds=limit)
        outcome = Unsure(reason=Reason(code="HUB-NET-004", detail="TimeoutError"))
    except Exception as error:
        log.exception("room_raised", verb=verb)
        outcome = Unsure(reason=Reason(code="HUB-INT-001", detail=type(error).__name__))
    reason = Reason(code="") if isinstance(outcome, Delivered) else outcome.reason
    return outcome, Attempt(
        verb=verb,
        outcome=OUTCOME_NAMES[type(outcome)],
        code=reason.code,
        detail=reason.detail,
        started_at=began,
        seconds=time.perf_counter() - clock,
        exchanges=outcome.exchanges,
    )

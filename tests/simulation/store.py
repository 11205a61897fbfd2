"""A model of the store: the promises of ``hub/store/contract`` about delivery, in memory, with commits and crashes.

Every call is one transaction: it happens whole at one moment between the call and its return, or not at all. A worker
that is dead never hears back; one that is stopped hears back when it goes on. States change by ``hub.lifecycle`` only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.lifecycle import DONE, Move, State, move
from hub.store.contract.delivery import Work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from connectors.contract import Sealed
    from hub.store.contract.delivery import Settlement, Window

BEGAN = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
_FREE = frozenset({Move.UNSENT, Move.PARK})


@dataclass
class Row:
    """One transfer. ``order``: of acceptance. ``wake``: seconds; ``None``: not by itself."""

    id: str
    partner: str
    dossier: str
    order: int = -1
    state: State = State.WAITING
    wake: float | None = 0.0
    attempts: int = 0
    sends: int = 0
    sealed: Sealed | None = None

    @property
    def lane(self) -> tuple[str, str]:
        return (self.partner, self.dossier)

    @property
    def sleeps(self) -> bool:
        """It will be taken up again by itself."""
        return self.state is State.WAITING or (self.state is State.IN_DOUBT and self.wake is not None)


@dataclass
class Lease:
    worker: str
    until: float
    rows: dict[str, Row]


@dataclass
class Shared:
    """What is on disk; all workers have the same. ``committed`` is called behind every commit, with what it did."""

    committed: Callable[[str], None]
    concurrency: Mapping[str, int]
    rows: dict[str, Row] = field(default_factory=dict)
    lanes: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    changed: list[asyncio.Future[None]] = field(default_factory=list)
    tokens: int = 0

    def accept(self, row: Row) -> None:
        row.order = len(self.rows)
        self.rows[row.id] = row
        self.lanes.setdefault(row.lane, []).append(row)
        self.commit(f"accept {row.id}")

    def commit(self, what: str) -> None:
        waiting, self.changed = self.changed, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        self.committed(what)

    @property
    def leased(self) -> dict[str, Row]:
        return {id_: row for lease in self.leases.values() for id_, row in lease.rows.items()}

    def heads(self, now: float) -> list[Row]:
        """Heads that may be claimed now."""
        leased = self.leased
        lanes = {row.lane for row in leased.values()}
        free = dict(self.concurrency)
        for row in leased.values():
            free[row.partner] -= 1
        found = []
        for lane, rows in self.lanes.items():
            if (
                rows
                and lane not in lanes
                and rows[0].sleeps
                and (rows[0].wake or 0.0) <= now
                and free[lane[0]]
            ):
                free[lane[0]] -= 1
                found.append(rows[0])
        return found

    def expired(self, now: float) -> list[str]:
        return [token for token, lease in self.leases.items() if lease.until <= now]


class ModelStore:
    """One worker's session. ``gate`` lets time pass, and stops or kills the worker; it is awaited around every commit."""

    def __init__(self, shared: Shared, name: str, gate: Callable[[str], Awaitable[None]]) -> None:
        self._shared, self._name, self._gate = shared, name, gate

    async def claim(
        self, worker: str, now: datetime, limit: int, lease: float, *, without: Collection[str] = ()
    ) -> tuple[Work, ...]:
        def due() -> list[Row]:
            return [row for row in self._shared.heads(_seconds(now)) if row.partner not in without]

        if limit <= 0 or not due():
            return ()
        await self._gate("before claim")
        heads = due()[:limit]
        if not heads:
            return ()
        self._shared.tokens += 1
        token = f"{worker}.{self._shared.tokens}"
        self._shared.leases[token] = Lease(worker, _seconds(now) + lease, {row.id: row for row in heads})
        works = tuple(self._work(token, row) for row in heads)
        self._shared.commit(f"{worker} claims {', '.join(row.id for row in heads)}")
        await self._gate("after claim")
        return works

    async def seal(self, token: str, sealed: Mapping[str, Sealed]) -> bool:
        await self._gate("before seal")
        lease = self._shared.leases.get(token)
        held = lease is not None and sealed.keys() <= lease.rows.keys()
        if held:
            for id_, bytes_ in sealed.items():
                row = self._shared.rows[id_]
                if row.sealed is not None and row.sealed != bytes_:
                    return False
                row.sealed = bytes_
            self._shared.commit(f"{self._name} seals {', '.join(sealed)}")
        await self._gate("after seal")
        return held

    async def settle(self, token: str, settlements: Sequence[Settlement], now: datetime) -> bool:
        await self._gate("before settle")
        lease = self._shared.leases.get(token)
        if lease is None or any(one.transfer not in lease.rows for one in settlements):
            self._shared.committed(f"{self._name} settles too late")
            await self._gate("after settle")
            return False
        for one in settlements:
            self._settle(lease.rows.pop(one.transfer), one, _seconds(now))
        if not lease.rows:
            del self._shared.leases[token]
        told = ", ".join(f"{one.transfer} {one.move or 'unsure'}" for one in settlements)
        self._shared.commit(f"{self._name} settles {told}")
        await self._gate("after settle")
        return True

    def _settle(self, row: Row, what: Settlement, now: float) -> None:
        row.state = State.IN_DOUBT if what.move is None else move(State.IN_DOUBT, what.move)
        row.wake = None if what.wake_at is None else max(now, _seconds(what.wake_at))
        row.attempts += int(what.counts and what.move not in _FREE)
        row.sends += sum(attempt.verb == "deliver" for attempt in what.attempts)
        if row.state in DONE:
            self._shared.lanes[row.lane].remove(row)

    async def renew(self, token: str, now: datetime, lease: float) -> bool:
        await self._gate("before renew")
        held = self._shared.leases.get(token)
        if held is not None:
            held.until = _seconds(now) + lease
            self._shared.committed(f"{self._name} renews {token}")
        await self._gate("after renew")
        return held is not None

    async def tick(self, now: datetime) -> None:
        if not self._shared.expired(_seconds(now)):
            return
        await self._gate("before tick")
        for token in self._shared.expired(_seconds(now)):
            lease = self._shared.leases.pop(token)
            for row in lease.rows.values():
                row.state = State.IN_DOUBT if row.sealed is not None else row.state
                row.wake = _seconds(now)
            self._shared.commit(f"{self._name} expires {token} ({', '.join(lease.rows)})")
        await self._gate("after tick")

    async def windows(self, windows: Sequence[Window], now: datetime) -> None:
        """No partner of the simulation keeps hours."""

    async def wait_for_work(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._shared.changed.append(future)
        await asyncio.wait([future], timeout=seconds)
        await self._gate("wait")

    def _work(self, token: str, row: Row) -> Work:
        return Work(
            token=token,
            transfer=row.id,
            message=row.id,
            partner=row.partner,
            operation="submit",
            part=1,
            key=row.id,
            kind="received",
            dossier=row.dossier,
            canonical=b"",
            sealed=row.sealed,
            doubt=row.sealed is not None and row.state is State.IN_DOUBT,
            attempts=row.attempts,
            sends=row.sends,
            accepted_at=BEGAN,
        )


def _seconds(moment: datetime) -> float:
    return (moment - BEGAN).total_seconds()


def moment(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)

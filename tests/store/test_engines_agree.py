"""Both engines live through the same days, drawn from a seed: every answer and every row is the same after each of them.

What lies between two steps on one engine may come together on the other: settlements and seals are handed in at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import apsw
import msgspec
import psycopg
import pytest

from hub.lifecycle import ALONE, MOVES, PERSONS, State
from hub.store.contract.delivery import Acknowledgement
from hub.store.contract.mending import Correction
from hub.store.contract.store import Stale
from schemas.problems import Refusal
from tests.store.engines import Place, on_postgres, on_sqlite
from tests.store.samples import at, sealed
from tests.store.test_postgres_sets import PARTNERS, TABLES, Days

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from hub.lifecycle import Move
    from hub.store.contract.delivery import Settlement, Work
    from hub.store.contract.store import Store

STEPS = 40
LEASE = 30.0
QUERIES = tuple(
    query.replace("SELECT token, worker", "SELECT worker") for query in TABLES if " FROM blob" not in query
)


class Side:
    """One engine. ``held``: what was claimed and not settled, by transfer."""

    def __init__(self, store: Store, read: Callable[[str], list[Any]]) -> None:
        self.store, self.read = store, read
        self.held: dict[str, Work] = {}

    def rows(self) -> dict[str, list[Any]]:
        return {query: sorted(map(plain, self.read(query)), key=repr) for query in QUERIES}


def plain(row: Sequence[Any]) -> tuple[Any, ...]:
    """PostgreSQL keeps no NUL in a text."""
    return tuple(
        one.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(one, str) else one for one in row
    )


class Lives(Days):
    def __init__(self, seed: int, *sides: Side) -> None:
        super().__init__(seed, None, None)  # type: ignore[arg-type]  # draws only
        self.sides = sides
        self.paused: set[str] = set()

    async def lived(self) -> None:
        self.now += self.random.choice((0.0, 0.5, 3.0, 20.0, 900.0))
        ways = (self.come, self.take, self.sealing, self.settling, self.told, self.person, self.corrected)
        rest = (self.pausing, self.ticking, self.circuit)
        (what,) = self.random.choices((*ways, *rest), (6, 6, 3, 8, 3, 5, 2, 1, 3, 1))
        await what()

    async def same(self, ask: Callable[[Side], Awaitable[Any]]) -> Any:
        """Ask both sides; both say the same, or refuse the same."""
        said = []
        for side in self.sides:
            try:
                said.append(await ask(side))
            except (Refusal, Stale) as error:
                said.append(repr(error))
        one, other = (repr(each).replace("\\x00", "\N{REPLACEMENT CHARACTER}") for each in said)
        assert one == other
        return said[0]

    async def come(self) -> None:
        for _ in range(self.random.randint(1, 5)):
            new = self.message()
            said = await self.same(lambda side, new=new: side.store.accept(new))  # type: ignore[misc]
            if not isinstance(said, str) and not said.replayed and new.dossier is not None:
                self.versions[new.dossier] = new.expected_version + 1
            self.said.append(new)

    async def take(self) -> None:
        async def claim(side: Side) -> Any:
            works = await side.store.claim("w", at(self.now), 100, LEASE)
            side.held |= {work.transfer: work for work in works}
            return sorted(repr(msgspec.structs.replace(work, token="")) for work in works)

        await self.same(claim)

    def some(self) -> list[list[str]]:  # type: ignore[override]
        """Some transfers of some leases, by lease; also of those that ran out."""
        leases: dict[str, list[str]] = {}
        for id_, work in sorted(self.sides[0].held.items()):
            leases.setdefault(work.token, []).append(id_)
        found = [self.random.sample(ids, self.random.randint(1, len(ids))) for ids in leases.values()]
        return self.random.sample(found, self.random.randint(min(1, len(found)), len(found)))

    async def sealing(self) -> None:
        groups = [{id_: sealed(self.random.choice("aab")) for id_ in ids} for ids in self.some()]

        async def seal(side: Side) -> Any:
            return await asyncio.gather(
                *(side.store.seal(side.held[next(iter(group))].token, group) for group in groups)
            )

        await self.same(seal)

    async def settling(self) -> None:
        groups = [[self.settlement(id_) for id_ in ids] for ids in self.some()]

        async def settle(side: Side) -> Any:
            tokens = [side.held[group[0].transfer].token for group in groups]
            written = await asyncio.gather(
                *(
                    side.store.settle(token, group, at(self.now))
                    for token, group in zip(tokens, groups, strict=True)
                )
            )
            for group in groups:
                for one in group:
                    del side.held[one.transfer]
            return written

        await self.same(settle)

    def settlement(self, id_: str) -> Settlement:
        outcome = self.outcome(id_)
        follow = outcome.follow_up
        return msgspec.structs.replace(
            outcome.settlement,
            follow_up=None if follow is None else follow.acceptance,
            probe=self.sides[0].held[id_].probe,
        )

    async def told(self) -> None:
        known = self.sides[0].read(
            "SELECT t.key, d.partner, t.reference FROM transfer t JOIN dest d ON d.id=t.dest ORDER BY t.id"
        )
        if not known:
            return
        key, partner, reference = self.random.choice(known)
        by_reference = reference and self.random.random() < 0.5
        said = Acknowledgement(
            partner=partner,
            raw=b"r",
            received_at=at(self.now),
            said_at=at(self.now - 1),
            key="" if by_reference else key,
            reference=reference if by_reference else "",
        )
        await self.same(lambda side: side.store.acknowledge(said))

    def anyone(self) -> tuple[str, State] | None:
        known = self.sides[0].read("SELECT id, state FROM transfer ORDER BY id")
        if not known:
            return None
        id_, state = self.random.choice(known)
        shown = State.IN_DOUBT if id_ in self.sides[0].held else State(state)
        return id_, shown if self.random.random() < 0.9 else self.random.choice(list(State))

    async def person(self) -> None:
        if (found := self.anyone()) is None:
            return
        id_, shown = found
        may = sorted(by for by in PERSONS & ALONE if (shown, by) in MOVES) or sorted(ALONE)
        by: Move = self.random.choice(may)
        await self.same(
            lambda side: side.store.act(
                id_, by, expected=shown, reason="r", by="thu", now=at(self.now), approver="hoa"
            )
        )

    async def corrected(self) -> None:
        if (found := self.anyone()) is None:
            return
        id_, shown = found
        self.n += 1
        ((tries,),) = self.sides[0].read(f"SELECT tries FROM transfer WHERE id='{id_}'")  # noqa: S608 - a test's own id
        more = ((f"{id_}+{self.n}b", "more"),) if self.random.random() < 0.3 else ()
        what = Correction(
            old=id_,
            new=f"{id_}+{self.n}",
            operation="submit",
            expected=shown,
            tries=tries,
            reason="r",
            by="thu",
            more=more,
        )
        await self.same(lambda side: side.store.correct(what, at(self.now)))

    async def pausing(self) -> None:
        partner = self.random.choice(PARTNERS).partner
        paused = partner not in self.paused
        self.paused ^= {partner}
        await self.same(
            lambda side: side.store.pause(partner, paused=paused, reason="r", by="thu", now=at(self.now))
        )

    async def circuit(self) -> None:
        state = self.random.choice(("half_open", "closed"))
        await self.same(lambda side: side.store.circuit("thue", state, None, at(self.now)))

    async def ticking(self) -> None:
        await self.same(lambda side: side.store.tick(at(self.now)))


@pytest.fixture
async def sides(database: str, tmp_path: Path) -> AsyncIterator[tuple[Side, Side]]:
    place = Place(tmp_path, database)
    stores = on_sqlite(place, 1), on_postgres(place, 1)
    for store in stores:
        await store.capacities(PARTNERS)
    file = apsw.Connection(str(tmp_path / "hub.db"), flags=apsw.SQLITE_OPEN_READONLY)
    with psycopg.connect(place.database, autocommit=True) as server:
        yield (
            Side(stores[0], lambda query: list(file.execute(query))),
            Side(stores[1], lambda query: server.execute(query).fetchall()),
        )
    file.close()
    for store in stores:
        await store.close()


@pytest.mark.parametrize("seed", range(6))
async def test_both_engines_write_the_same(sides: tuple[Side, Side], seed: int) -> None:
    lives = Lives(seed, *sides)
    await lives.come()
    for _ in range(STEPS):
        await lives.lived()
        on_one, on_the_other = (side.rows() for side in sides)
        for query in QUERIES:
            assert on_one[query] == on_the_other[query]
        for side in sides:
            assert await side.store.conservation() == ()

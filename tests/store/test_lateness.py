"""When a dossier becomes late, whoever waits for the heads of its lanes is told once; others are not looked at."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.lifecycle import Move, State
from hub.store.contract.delivery import Settlement
from tests.store.samples import acceptance, at, attempt, deferred, delivered, roomy, sealed

if TYPE_CHECKING:
    from hub.store.contract.intake import Acceptance
    from hub.store.contract.store import Store
    from tests.store.engines import Open

DUE = 1000.0
HEAD = "m0.so-tnmt.0"


async def lane(store: Store, depth: int = 2, *, due: float = DUE) -> None:
    await store.capacities(roomy("so-tnmt", "motcua-tinh"))
    for step in range(depth):
        await store.accept(acceptance(f"m{step}", dossier="d1", version=step, deadline=at(due)))


def told(transfer: str = HEAD, number: int = 1) -> Acceptance:
    made = acceptance(f"told{number}", dossier="d1", sender="hub", partners=("motcua-tinh",))
    return msgspec.structs.replace(
        made, key=f"late:{transfer}", digest=hashlib.sha256(str(number).encode()).hexdigest(), aliases=()
    )


async def late(store: Store, second: float) -> list[str]:
    return [work.transfer for work in await store.late(at(second), 10)]


async def test_the_head_is_handed_out_when_its_deadline_has_come(store: Store) -> None:
    await lane(store)
    assert await late(store, DUE - 1) == []
    (work,) = await store.late(at(DUE), 10)
    assert (work.transfer, work.deadline, work.canonical) == (HEAD, at(DUE), b'{"canonical":"m0"}')


async def test_it_is_told_once_whoever_looks(another: Open) -> None:
    one, two = another(), another()
    await lane(one)
    found = await asyncio.gather(late(one, DUE), late(two, DUE))
    assert sorted(found) == [[], [HEAD]]
    done = await asyncio.gather(one.tell(told(), HEAD, at(DUE)), two.tell(told(number=2), HEAD, at(DUE)))
    assert sorted(done) == [False, True]
    for second in (DUE + 900, DUE + 7 * 3600, DUE + 20 * 3600):
        assert await late(one, second) == []
    rows = [row for row in await one.journal(transfer=HEAD) if row.what == "told"]
    assert [row.facts["key"] for row in rows] == [f"late:{HEAD}"]


async def test_one_that_was_handed_out_and_not_told_comes_again(store: Store) -> None:
    await lane(store)
    assert await late(store, DUE) == [HEAD]
    assert await late(store, DUE + 1) == []
    assert await late(store, DUE + 900) == [HEAD]


async def test_the_next_head_of_a_late_dossier_is_told_in_its_turn(store: Store) -> None:
    await lane(store)
    assert await late(store, DUE) == [HEAD]
    await store.tell(told(), HEAD, at(DUE))
    works = [work for work in await store.claim("w", at(DUE), 10, 30) if work.partner == "so-tnmt"]
    await store.settle(works[0].token, [delivered(works[0].transfer)], at(DUE + 1))
    assert await late(store, DUE + 900) == ["m1.so-tnmt.0"]


async def test_what_is_done_is_not_late(store: Store) -> None:
    await lane(store, 1)
    (work,) = await store.claim("w", at(1), 10, 30)
    await store.settle(work.token, [delivered(work.transfer)], at(2))
    assert await late(store, DUE) == []
    assert await late(store, DUE * 100) == []


async def test_what_is_being_sent_is_looked_at_a_minute_later(store: Store) -> None:
    await lane(store, 1)
    (work,) = await store.claim("w", at(DUE - 1), 10, 30)
    assert await late(store, DUE) == []
    await store.settle(work.token, [deferred(work.transfer, at(DUE * 2))], at(DUE + 1))
    assert await late(store, DUE + 60) == [HEAD]


@pytest.mark.parametrize(
    "stop", [(Move.PARK, State.PARKED), (Move.EXHAUST, State.DEAD), (None, State.IN_DOUBT)]
)
async def test_a_stopped_head_is_late_too(store: Store, stop: tuple[Move | None, State]) -> None:
    await lane(store)
    (work,) = await store.claim("w", at(1), 10, 30)
    await store.seal(work.token, {work.transfer: sealed()})
    what = Settlement(transfer=work.transfer, move=stop[0], attempts=(attempt(),))
    await store.settle(work.token, [what], at(2))
    assert await late(store, DUE) == [HEAD]


async def test_a_later_due_date_of_the_head_is_waited_for(store: Store) -> None:
    await lane(store, 1, due=DUE * 3)
    await store.accept(acceptance("m1", dossier="d1", version=1, deadline=at(DUE)))
    assert await late(store, DUE) == []
    assert await late(store, DUE * 3) == [HEAD]


async def test_a_follow_up_that_was_told_before_leaves_no_trace(store: Store) -> None:
    await lane(store, 1)
    await store.tell(told(), HEAD, at(5))
    works = [work for work in await store.claim("w", at(6), 10, 30) if work.partner == "so-tnmt"]
    what = deferred(HEAD, at(DUE * 2), follow_up=told(number=2))
    assert await store.settle(works[0].token, [what], at(7))
    assert await store.message("told2") is None
    assert [row for row in await store.journal(transfer=HEAD) if row.what == "follow_up_refused"] == []


async def test_one_look_costs_a_bounded_number_of_dossiers(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    for number in range(30):
        await store.accept(acceptance(f"x{number}", dossier=f"x{number}", deadline=at(DUE)))
    assert len(await store.late(at(DUE), 10)) == 10
    assert len(await store.late(at(DUE), 100)) == 20

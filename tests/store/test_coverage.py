"""What moves and what is stuck, on every engine: what a board of coverage is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.health.circuit import Health
from hub.lifecycle import Move
from hub.store.contract.coverage import Moved, Stuck
from hub.store.contract.delivery import Capacity, Settlement
from tests.store.samples import acceptance, at, roomy, transfer

if TYPE_CHECKING:
    from hub.store.contract.intake import Acceptance
    from hub.store.contract.store import Store
    from tests.store.engines import Open

UNIT, PROCEDURE = "000.00.00.H47", "1.009999"
pytestmark = pytest.mark.parametrize("another", ["sqlite", "postgres"], indirect=True)
"""Nothing here is encrypted: each engine once."""


def said(message: str, *, stage: str = "live", seconds: float = 0, problem: str = "") -> Acceptance:
    story = msgspec.json.encode({"received_by": UNIT, "national": PROCEDURE, "stage": stage})
    dossier = f"d-{message}"
    made = (msgspec.structs.replace(transfer(message, subject=dossier, problem=problem), stage=stage),)
    return msgspec.structs.replace(
        acceptance(message, dossier=dossier, when=at(seconds), transfers=made), story=story
    )


def moved(partner: str, last: float, messages: int) -> Moved:
    return Moved(
        partner=partner,
        unit=UNIT,
        procedure=PROCEDURE,
        first_at=at(0),
        last_at=at(last),
        messages=messages,
    )


async def test_what_moved_is_counted_for_both_ends_and_once(another: Open) -> None:
    here, elsewhere = another(), another()
    await here.accept(said("m1"))
    await here.accept(said("m2", seconds=5))
    expected = (moved("motcua-tinh", 5, 2), moved("so-tnmt", 5, 2))
    assert await here.coverage.moved(at(60)) == expected
    assert await elsewhere.coverage.moved(at(60)) == expected


async def test_what_is_only_tried_is_in_no_figure(store: Store) -> None:
    await store.accept(said("m1", stage="trial"))
    await store.accept(said("m2", stage="trial", problem="HUB-MAP-004"))
    assert await store.coverage.moved(at(60)) == ()
    assert await store.coverage.stuck() == ()


async def test_what_came_just_now_waits_until_its_number_is_settled(store: Store) -> None:
    await store.accept(said("m1"))
    assert await store.coverage.moved(at(5)) == ()
    assert len(await store.coverage.moved(at(11))) == 2


async def test_dead_letters_and_parked_configuration_are_stuck_since_the_first(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    await store.accept(said("m1", problem="HUB-MAP-004"))
    await store.accept(said("m2", seconds=5, problem="HUB-MAP-004"))
    await store.accept(said("m3", problem="HUB-DOS-004"))
    await store.accept(said("m4"))
    (work,) = await store.claim("w", at(6), 10, 10.0)
    dead = Settlement(transfer=work.transfer, move=Move.EXHAUST, code="HUB-NET-001")
    assert await store.settle(work.token, [dead], at(7))
    mine = {"partner": "so-tnmt", "unit": UNIT, "procedure": PROCEDURE}
    assert await store.coverage.stuck() == (
        Stuck(what="dead", since=at(7), code="HUB-NET-001", **mine),  # type: ignore[arg-type]
        Stuck(what="parked", since=at(0), code="HUB-MAP-004", count=2, **mine),
    )


async def test_an_open_circuit_is_stuck_for_everything_of_its_partner(store: Store) -> None:
    await store.capacities([Capacity(partner="so-tnmt", concurrency=9, circuit_after=1)])
    await store.accept(said("m1"))
    (work,) = await store.claim("w", at(6), 10, 10.0)
    down = Settlement(
        transfer=work.transfer, move=Move.DEFER, code="HUB-NET-001", wake_at=at(60), health=Health.DOWN
    )
    assert await store.settle(work.token, [down], at(7))
    (found,) = await store.coverage.stuck()
    assert (found.what, found.partner, found.procedure, found.since) == ("circuit", "so-tnmt", "", at(7))

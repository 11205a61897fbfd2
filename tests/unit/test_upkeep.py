"""How long things are kept, how they go a little at a time, and that a key outlives every retry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.demo.scene import build
from hub.health.retry import LONGEST_WAIT
from hub.rounds.upkeep import Pruner, ages_of, horizon
from hub.settings.sections import Retention
from hub.store.sqlite.store import open_store
from hub.store.upkeep import CHORE, Stage
from hub.wiring.declared import declared
from schemas.problems import Refusal
from tests.doubles.chained import chain_all
from tests.store.samples import acceptance, at, delivered, numbered_ids, roomy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.store.contract.store import Store
    from hub.store.upkeep import Ages

DAY = 86_400.0


def told(**times: str) -> Ages:
    return ages_of(Retention.model_validate(times))


def test_a_record_stays_for_as_long_as_anything_needs_it() -> None:
    ages = told(payloads="90d", evidence="2y", keys="400d", journal="1y")
    assert ages[Stage.RECORDS] == ages[Stage.EVIDENCE] == 730 * DAY
    assert told(payloads="9y", evidence="1d")[Stage.RECORDS] == 9 * 365 * DAY
    assert told(evidence="1d")[Stage.RECORDS] == 400 * DAY


def test_the_horizon_counts_each_wait_at_its_longest() -> None:
    assert horizon((30.0, 3 * DAY), 0.5, LONGEST_WAIT) == DAY + 4.5 * DAY
    assert horizon((), 0.2, LONGEST_WAIT) == 0


def test_keys_that_would_be_forgotten_while_a_partner_is_still_tried_stop_the_start(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    declared(scene.settings)
    with scene.settings.open("a", encoding="utf-8") as file:
        file.write('[retention]\nkeys = "10d"\n')
    with pytest.raises(Refusal, match="HUB-CFG-002") as caught:
        declared(scene.settings)
    (problem,) = caught.value.problems
    assert problem.place == "retention.keys"
    assert "at least 19d" in problem.rule


@pytest.mark.parametrize(
    ("line", "place"),
    [('max_age = "394d"', "retention.keys"), ("timestamp = true", "timestamps.certificates")],
)
def test_what_a_signature_leans_on_must_be_in_the_settings(tmp_path: Path, line: str, place: str) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    files = (scene.settings.parent / "partners").glob("*.toml")
    (file,) = (one for one in files if "[sends.signature]" in one.read_text("utf-8"))
    told = file.read_text("utf-8")
    signed = '[sends.signature]\nbinding = "xades"\n' + line
    agreed = '[sends.signature]\nbinding = "jws-detached"\nheader = "X-JWS-Signature"'
    file.write_text(told.replace(agreed, signed), "utf-8")
    with pytest.raises(Refusal, match="HUB-CFG-002") as caught:
        declared(scene.settings)
    (problem,) = caught.value.problems
    assert problem.place == place
    assert "sends.signature." in problem.rule


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "hub.db", ids=numbered_ids())
    yield opened
    await opened.close()


def pruner(store: Store, holder: str) -> Pruner:
    return Pruner(store, dict.fromkeys(Stage, 10.0), now=lambda: at(10_000), holder=holder, every=3600)


async def test_a_round_removes_all_that_is_due_in_small_groups(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    for n in range(120):
        await store.accept(acceptance(f"m{n}"))
    works = await store.claim("w", at(1), 1000, 30)
    await store.settle(works[0].token, [delivered(work.transfer) for work in works], at(2))
    await chain_all(store)
    removed = await pruner(store, "a").round()
    assert removed is not None
    assert removed > 3 * 119
    pruned = [row for row in await store.journal(limit=5000) if row.what == "pruned"]
    assert {int(row.facts["count"]) for row in pruned} <= set(range(1, 51))
    assert await store.conservation() == ()


async def test_a_round_is_left_to_who_has_the_turn(store: Store) -> None:
    assert await store.turn(CHORE, "another", at(9_999), 60)
    assert await pruner(store, "a").round() is None
    await store.end_turn(CHORE, "another")
    assert await pruner(store, "a").round() == 0
    assert await store.turn(CHORE, "another", at(9_999), 60), "it was given back"


async def test_nobody_waits_while_it_is_pruned(store: Store) -> None:
    await store.capacities(roomy("so-tnmt"))
    for n in range(300):
        await store.accept(acceptance(f"m{n}", raw=b"x" * 20_000))
    works = await store.claim("w", at(1), 1000, 30)
    await store.settle(works[0].token, [delivered(work.transfer) for work in works], at(2))
    pruning = asyncio.create_task(pruner(store, "a").round())
    accepted = 0
    while not pruning.done():
        await store.accept(acceptance(f"beside{accepted}", when=at(9_999)))
        accepted += 1
    assert await pruning
    assert accepted > 20

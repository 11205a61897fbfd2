"""``lienthong evidence check`` and the one worker who chains."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import apsw
import pytest

from hub.cli.opening import wired
from hub.demo.scene import build
from hub.evidence.keeping import EvidenceKeeper, Stamping
from hub.settings.file import load
from hub.wiring.parts import store_of
from schemas.problems import refuse
from tests.doubles.chained import audited
from tests.store.samples import NOON, acceptance, at, roomy
from tests.unit.test_cli_double import line

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.store import Store
    from tests.unit.test_cli_double import Ran


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return build(tmp_path / "site", 1, (2, 3, 4)).settings


async def filled(settings: Path, count: int = 3) -> Store:
    store = store_of(load(settings, {}))
    await store.capacities(roomy("so-tnmt"))
    for n in range(count):
        await store.accept(acceptance(f"m{n}", when=at(n)))
    return store


def keeper(store: Store, stamping: Stamping | None = None, name: str = "w1") -> EvidenceKeeper:
    return EvidenceKeeper(store, stamping, now=lambda: NOON, holder=name, interval=60)


async def chained(settings: Path) -> None:
    store = await filled(settings)
    await keeper(store).round()
    await store.close()


def checked(settings: Path, *words: str) -> Ran:
    return line("evidence", "check", *words, "--settings", str(settings), "--lang", "en", opener=wired)


def test_a_journal_that_is_whole_is_called_so_and_one_row_changed_is_named(settings: Path) -> None:
    asyncio.run(chained(settings))
    whole = checked(settings, "--json")
    told = json.loads(whole.out)
    assert (whole.status, told["entries"], told["findings"], told["unchained"]) == (0, 3, [], None)
    assert len(told["last_hash"]) == 64
    db = apsw.Connection(str(settings.parent / "data" / "hub.db"))
    db.execute("UPDATE journal SET facts='{}' WHERE seq=2")
    db.close()
    changed = checked(settings)
    assert changed.status == 3
    assert "changed\t2\taccepted" in changed.out
    assert "not what was chained" in changed.err


def test_a_hash_that_was_written_down_stands_in_the_chain_or_history_was_rewritten(settings: Path) -> None:
    asyncio.run(chained(settings))
    written = json.loads(checked(settings, "--json").out)["last_hash"]
    assert checked(settings, "--known", written).status == 0
    other = checked(settings, "--known", written, "--known", "0" * 64)
    assert other.status == 3
    assert "0" * 64 in other.out
    assert written not in other.out.partition("rewritten")[2]
    assert checked(settings, "--known", "no hash").status == 2


async def test_only_the_worker_that_has_the_turn_chains(settings: Path) -> None:
    store = await filled(settings)
    assert await store.turn("evidence", "other", NOON, 60)
    assert await keeper(store).chain() == 0
    await store.end_turn("evidence", "other")
    assert await keeper(store).chain() == 3
    await store.close()


async def test_one_stamp_for_an_interval_whatever_came_in_it(settings: Path) -> None:
    asked: list[bytes] = []

    async def stamp(digest: bytes) -> bytes:
        asked.append(digest)
        return b"token over " + digest

    store = await filled(settings, 40)
    one = keeper(store, Stamping(stamp, lambda _token, _digest: at(5)))
    await one.round()
    await store.accept(acceptance("more", when=at(9)))
    await one.round()
    assert len(asked) == 1, "the interval is not over"
    standing = await store.evidence.standing()
    assert (standing.stamped, standing.unchained) == (at(5), None)
    assert standing.unrooted == NOON
    await store.close()


async def test_a_clock_that_was_ahead_for_a_while_puts_off_no_digest(settings: Path) -> None:
    store, clock = await filled(settings), [NOON + timedelta(days=365)]
    one = EvidenceKeeper(store, None, now=lambda: clock[0], holder="w1", interval=60)
    await one.round()
    clock[0] = NOON
    await store.accept(acceptance("more", when=at(9)))
    await one.round()
    assert (await store.evidence.standing()).unrooted is None
    await store.close()


async def test_while_the_authority_is_silent_all_goes_on_and_one_question_catches_up(settings: Path) -> None:
    silent, asked = [True], []

    async def stamp(digest: bytes) -> bytes:
        asked.append(digest)
        if silent:
            raise refuse("HUB-NET-001", rule="the authority")
        return b"token"

    store = await filled(settings)
    clock = iter(range(0, 6000, 60))
    stamping = Stamping(stamp, lambda _token, _digest: at(5))
    one = EvidenceKeeper(store, stamping, now=lambda: at(next(clock)), holder="w1", interval=60)
    for n in range(3):
        await store.accept(acceptance(f"during {n}", when=at(9)))
        await one.round()
        assert (await store.evidence.standing()).unchained is None
    assert one.failing == "HUB-NET-001"
    assert (await store.evidence.standing()).unrooted is not None
    silent.clear()
    await one.round()
    assert (len(asked), one.failing) == (4, "")
    standing = await store.evidence.standing()
    assert (standing.unrooted, standing.stamped) == (None, at(5))
    assert await audited(store) == []
    await store.close()

"""Worlds from seeds: the first few thousand here, a hundred thousand by ``make simulate``; and it finds what it should."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import msgspec
import pytest
import structlog

from hub.delivery import decide
from hub.delivery.decide import First, Policy, Verdict
from hub.delivery.delivery import Delivery, Hold
from hub.lifecycle import Move
from tests.simulation.world import Broken, World, play

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from connectors.contract import Outcome
    from hub.store.contract.delivery import Work

SEEDS = int(os.environ.get("SEEDS", "2000"))
PARTS = 4
ENOUGH = 3000
"""A planted mistake must show within so many seeds."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the loop logs about leases and killed rooms is not what is looked at here."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_seed_loses_doubles_or_reorders_anything(part: int) -> None:
    play_all(range(part, SEEDS, PARTS))


def test_the_same_seed_plays_the_same_world() -> None:
    def trace() -> list[str]:
        world = World(5)
        world.run()
        return world.trace

    assert trace() == trace()


# --- it finds things ----------------------------------------------------------------------------------------------


def sends_what_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "first", lambda _policy, *, doubt: First.SEND)  # noqa: ARG005 - that is the mistake


def takes_unsure_for_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "may_send", lambda answer: not hasattr(answer, "reference"))


def asks_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = decide.after

    def after(outcome: object, policy: Policy, *rest: object, **more: object) -> Verdict:
        return plain(outcome, msgspec.structs.replace(policy, ask_after=0.0), *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(decide, "after", after)


def forgets_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    async def still_held(*_: object) -> None:
        """Believe it."""

    monkeypatch.setattr(Delivery, "_still_held", still_held)


def connects_without_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    async def during(_: Hold, call: Awaitable[Outcome]) -> Outcome:
        return await call

    monkeypatch.setattr(Hold, "during", during)


def seals_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Delivery._seal

    async def seal(self: Delivery, token: str, works: tuple[Work, ...]) -> object:
        made = await self._sealery.seal([msgspec.structs.replace(work, sealed=None) for work in works])
        return {**(await plain(self, token, works) or {}), **made}

    monkeypatch.setattr(Delivery, "_seal", seal)


def gives_up_what_may_have_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        decide, "_unsure", lambda reason, *_, **__: decide.Verdict(move=Move.EXHAUST, code=reason.code)
    )


@pytest.mark.parametrize(
    "plant",
    [
        sends_what_is_in_doubt,
        takes_unsure_for_a_no,
        asks_too_early,
        forgets_its_lease,
        connects_without_its_lease,
        seals_again,
        gives_up_what_may_have_arrived,
    ],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_mistake_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(Broken, match=r"seed \d+: .*\n +\d+\.\d+  "):
        play_all(range(ENOUGH))


def play_all(seeds: Iterable[int]) -> None:
    for seed in seeds:
        play(seed)

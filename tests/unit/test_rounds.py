"""What is counted in memory is written every few seconds, and what came last when the process ends."""

from __future__ import annotations

import asyncio

import pytest

from hub.rounds.rounds import counting


async def test_what_was_counted_since_the_last_round_is_written_at_the_end() -> None:
    fresh, written = [1], list[int]()

    async def write() -> None:
        written.extend(fresh)
        fresh.clear()

    async with counting(3600, write, "counts"):
        await asyncio.sleep(0)
        assert written == [1]
        fresh.append(2)
    assert written == [1, 2]


async def test_it_is_written_also_when_the_process_ends_for_an_error() -> None:
    written: list[str] = []

    async def write() -> None:
        written.append("once more")

    async def process() -> None:
        async with counting(3600, write, "counts"):
            written.clear()
            raise OSError("ended")

    with pytest.raises(OSError, match="ended"):
        await process()
    assert written == ["once more"]


async def test_a_round_that_goes_wrong_ends_nothing() -> None:
    tries, third = list[None](), asyncio.Event()

    async def write() -> None:
        tries.append(None)
        if len(tries) == 3:
            third.set()
        raise OSError("the disk is full")

    async with counting(0.001, write, "counts"):
        await third.wait()

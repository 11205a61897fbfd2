"""A line that breaks again and again before an answer is whole still brings everything, once and in order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.doubles.proxy import Fault
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, hubs, received, said, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.hubs import Hub

STEPS = 40
"""Of 14 KB each that hardly pack: three batches of some 130 KB on the line."""
CUT = 190_000
"""Bytes that each connection carries: more than one batch, less than one answer."""


def noise(number: int) -> str:
    return random.Random(number).randbytes(7_000).hex()  # noqa: S311 - no secret


async def laid_out(hub: Hub, partner: str, count: int) -> None:
    """Wait until all of it is sealed: then one answer could hold it."""

    async def sealed() -> bool:
        found = await hub.store.edges.waiting(partner)
        return found.unsealed == 0 and found.offered + found.under_way == count

    await until(sealed, why=lambda: f"{hub.name} has not laid out {count}")


@pytest.mark.parametrize("down", [True, False], ids=["down", "up"])
async def test_a_line_that_never_carries_a_whole_answer_brings_everything(
    tmp_path: Path, *, down: bool
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        assert tam_ky.line is not None
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        await province.hears("land", "received")
        tam_ky.line.faults(Fault(refuse=True))
        tam_ky.line.cut()
        at, system = (province, "land") if down else (tam_ky, "mot-cua")
        for number in range(STEPS):
            await at.say(system, said("step", code, content=noise(number)))
        await laid_out(at, "tam-ky" if down else "above", STEPS)
        tam_ky.line.faults(Fault(cut_down=CUT) if down else Fault(cut_up=CUT, reset=True))
        other = tam_ky if down else province
        await other.knows(code, "received", *["step"] * STEPS, seconds=40)
        assert tam_ky.line.connections > 2

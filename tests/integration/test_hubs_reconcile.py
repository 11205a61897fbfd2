"""Two hubs compare a day over their line: few bytes when equal, and what one of them lost is found and brought again."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.deadlines.calendar import VIETNAM
from hub.edges.receiving import Receiving
from hub.reconciling import days
from hub.reconciling.asking import OverTheLine
from hub.reconciling.items import Side, Standing
from hub.reconciling.summary import Tree, differing
from hub.wiring.edge_line import opened
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, hubs, received, until
from tests.integration.test_cli_keys import ran

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.hubs import Hub

ABOVE = "above"


def today() -> str:
    return datetime.now(UTC).astimezone(VIETNAM).date().isoformat()


async def compared(hub: Hub, day: str, *words: str) -> tuple[int, Any, str]:
    told = await asyncio.to_thread(
        ran, str(hub.settings), "reconcile", *(words or ("run", ABOVE)), "--day", day, "--json"
    )
    return told.status, json.loads(told.out) if told.out else None, told.err


async def taken(hub: Hub, day: str, count: int) -> None:
    async def there() -> bool:
        found = await days.crossed(hub.store.days, ABOVE, datetime.fromisoformat(day).date())
        return [each.standing for each in found.sent] == [Standing.TAKEN] * count

    await until(there, why=lambda: "not everything is taken")


async def test_what_the_hub_above_only_said_it_had_is_found_and_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        day, kept, lost = today(), tam_ky.code(), tam_ky.code()
        await tam_ky.say("mot-cua", received(kept))
        await province.knows(kept, "received")

        async def loses(*_: object) -> None:
            """It says that it has it."""

        with monkeypatch.context() as false:
            false.setattr(Receiving, "accept", loses)
            await tam_ky.say("mot-cua", received(lost))
            await taken(tam_ky, day, 2)
        status, found, err = await compared(tam_ky, day)
        assert (status, [(each["direction"], each["difference"]) for each in found]) == (
            3,
            [("sent", "missing")],
        ), err
        key = found[0]["key"]
        words = ("approve", ABOVE, key, "--reason", "DS-1", "--approver", "chi.hoa", "--yes")
        assert (await compared(tam_ky, day, *words))[0] == 0
        await province.knows(lost, "received")
        await taken(tam_ky, day, 2)
        assert (await compared(tam_ky, day))[:2] == (0, [])
        assert await province.kinds(kept) == ["received"]


async def test_an_equal_day_costs_two_hubs_one_question_of_few_bytes(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        day = today()
        for _ in range(12):
            await tam_ky.say("mot-cua", received(code := tam_ky.code()))
        await province.knows(code, "received")
        await taken(tam_ky, day, 12)
        on, asked = datetime.fromisoformat(day).date(), list[int]()
        ours = await days.crossed(tam_ky.store.days, ABOVE, on)
        async with opened(tam_ky.settings) as side:

            async def post(path: str, body: bytes) -> bytes:
                answer = await side.to(ABOVE)(path, body)
                asked.append(len(body) + len(answer))
                return answer

            assert await differing(Tree(ours), OverTheLine(post, on)) == (Side(), Side())
        assert len(asked) == 1
        assert asked[0] <= 110
        status, _, err = await compared(province, day, "run", "tam-ky")
        assert (status, "HUB-RCN-006" in err) == (1, True)

"""What a command of a hub below does with its line: says how it stands, moves a round, carries it by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.edges.carrying import MAGIC
from hub.edges.standing import Line, Reached, Standing, line
from hub.lifecycle import State
from hub.store.contract.edges import Link
from hub.store.contract.views import Filter
from hub.wiring.edge_line import opened, reached, standing
from hub.wiring.parts import utc_now
from schemas.problems import Refusal
from tests.integration.hubs import (
    AT_PROVINCE,
    AT_TAM_KY,
    BY_WARD,
    DISTRICT,
    OTHER_DISTRICT,
    At,
    Hub,
    System,
    hubs,
    received,
    until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.edges.carrying import Taken

NOW = utc_now()


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[Hub, Hub]]:
    async with hubs(folder, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        yield province, tam_ky


async def exported(hub: Hub, partner: str = "above") -> bytes:
    async with opened(hub.settings) as side:
        return (await side.carrying.write(side.peers.of[partner]))[0]


async def imported(hub: Hub, raw: bytes) -> Taken:
    async with opened(hub.settings) as side:
        return await side.carrying.take(raw)


async def laid_out(hub: Hub, partner: str, count: int) -> None:
    async def there() -> bool:
        found = await hub.store.edges.waiting(partner)
        return not found.unsealed and found.offered + found.under_way >= count

    await until(there)


async def test_without_a_line_everything_goes_by_hand_both_ways_and_once(tmp_path: Path) -> None:
    async with two(tmp_path) as (province, tam_ky):
        await tam_ky.stop()
        await province.stop()
        settings = tam_ky.folder / "partners" / "above.toml"
        text = settings.read_text("utf-8")
        settings.write_text(text.replace(f":{tam_ky.line.port}", ":9"), "utf-8")  # type: ignore[union-attr]
        await province.start()
        await tam_ky.start()
        first = tam_ky.code()
        await tam_ky.say("mot-cua", received(first))
        await laid_out(tam_ky, "above", 1)
        seen = await standing(tam_ky.settings, tam_ky.store, utc_now())
        assert seen.line is Line.REFUSED
        assert seen.waiting is not None
        assert seen.waiting.oldest is not None
        up = await exported(tam_ky)
        with pytest.raises(Refusal, match="HUB-EDG-066"):
            await imported(tam_ky, up)
        again = [await imported(province, up) for _ in range(2)]
        assert [(each.new, each.known) for each in again] == [(1, 0), (0, 1)]
        await province.knows(first, "received")
        down = await exported(province, "tam-ky")
        assert (await imported(tam_ky, down)).ended == 1
        assert (await imported(tam_ky, down)).ended == 0
        assert (await tam_ky.store.edges.waiting("above")).under_way == 0


async def test_of_a_damaged_file_the_batch_is_named_and_of_a_cut_one_what_is_whole_counts(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as (province, tam_ky):
        await tam_ky.stop()
        settings = tam_ky.folder / "partners" / "above.toml"
        text = settings.read_text("utf-8")
        settings.write_text(text.replace(f":{tam_ky.line.port}", ":9"), "utf-8")  # type: ignore[union-attr]
        await tam_ky.start()
        for number in range(2):
            await tam_ky.say("mot-cua", received(tam_ky.code()))
            await laid_out(tam_ky, "above", number + 1)
            whole = await exported(tam_ky)
        middle = bytearray(whole)
        middle[-20] ^= 1
        with pytest.raises(Refusal, match="HUB-EDG-067") as caught:
            await imported(province, bytes(middle))
        assert caught.value.problems[0].place == "batch 2"
        with pytest.raises(Refusal, match="HUB-EDG-067"):
            await imported(province, whole[len(MAGIC) :])
        told = await imported(province, whole[:-20])
        assert (told.known, told.new, told.cut, told.after) == (1, 0, True, 1)
        assert (await imported(province, whole)).new == 1


@pytest.mark.parametrize("way", ["file", "greeting"])
async def test_what_was_refused_is_told_by_file_or_greeting_when_no_answer_came(
    tmp_path: Path, way: str
) -> None:
    stranger = System("la", OTHER_DISTRICT, (OTHER_DISTRICT,))
    district = At(DISTRICT, (*AT_TAM_KY.systems, stranger), (DISTRICT,))
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=district) as (province, tam_ky):
        await tam_ky.stop()
        settings = tam_ky.folder / "partners" / "above.toml"
        text = settings.read_text("utf-8")
        settings.write_text(text.replace(f":{tam_ky.line.port}", ":9"), "utf-8")  # type: ignore[union-attr]
        await tam_ky.start()
        await tam_ky.say("la", received(tam_ky.code(OTHER_DISTRICT), BY_WARD))
        await laid_out(tam_ky, "above", 1)
        assert (await imported(province, await exported(tam_ky))).new == 1
        if way == "file":
            async with opened(province.settings) as side:
                answer, _ = await side.carrying.write(side.peers.of["tam-ky"], only_acks=True)
            assert (await imported(tam_ky, answer)).ended == 1
        else:
            await tam_ky.stop()
            settings.write_text(text, "utf-8")
            await tam_ky.start()
        (told,) = await tam_ky.hears("la", "delivery_failed")
        assert told["failure"]["code"] == "HUB-EDG-022"
        (transfer,) = await tam_ky.store.transfers(Filter(partner="above", limit=10))
        assert (transfer.state, transfer.problem) == (State.REFUSED, "HUB-EDG-022")


async def test_one_round_by_command_moves_what_waits(tmp_path: Path) -> None:
    async with two(tmp_path) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        await laid_out(tam_ky, "above", 0)
        async with opened(tam_ky.settings) as side:
            assert side.syncing is not None
            assert await side.syncing.once() is None  # the hub that runs does it by itself
            await province.knows(code, "received")
            await tam_ky.stop()
            assert await side.syncing.once() is not None
        await tam_ky.start()
        seen = await standing(tam_ky.settings, tam_ky.store, utc_now())
        assert (seen.line, seen.above) == (Line.LINKED, AT_PROVINCE.code)
        assert (await standing(province.settings, province.store, utc_now())).line is Line.ALONE


LINK = Link(partner="above", met_at=NOW)


@pytest.mark.parametrize(
    ("link", "came", "said"),
    [
        (None, Reached.NOT_TRIED, Line.ALONE),
        (LINK, Reached.OPEN, Line.LINKED),
        (Link(partner="above", met_at=NOW, ahead=-600.0), Reached.OPEN, Line.CLOCK),
        (Link(partner="above", met_at=NOW, stands="HUB-EDG-020"), Reached.OPEN, Line.STANDS),
        (Link(partner="above", met_at=NOW - timedelta(days=30)), Reached.NO_NAME, Line.NAME),
        (Link(partner="above", met_at=NOW, error="HUB-NET-001"), Reached.REFUSED, Line.REFUSED),
        (Link(partner="above", met_at=NOW, error="HUB-NET-003"), Reached.NO_ANSWER, Line.SILENT),
        (Link(partner="above", met_at=NOW, error="HUB-CRT-001"), Reached.OPEN, Line.TURNED_AWAY),
        (Link(partner="above"), Reached.OPEN, Line.NOT_TRIED),
    ],
)
def test_the_nearest_cause_is_said_first(link: Link | None, came: Reached, said: Line) -> None:
    assert line(Standing(hub="h", above="a", link=link, reached=came, now=NOW)) is said


async def test_a_connection_is_told_by_what_it_came_to() -> None:
    assert await reached("http://127.0.0.1:9") is Reached.REFUSED
    assert await reached("http://no-such-name.invalid") is Reached.NO_NAME

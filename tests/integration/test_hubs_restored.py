"""Hubs that forgot: restored from a backup, or one of two machines with the same key. Detected, not believed; afterwards both know all."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unittest.mock import patch

from hub.store.sql.edges import SqlEdges
from hub.store.sql.engine import Unavailable
from tests.doubles.proxy import Fault
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, BY_WARD, LAND, hubs, received, said, until
from tests.integration.test_cli_keys import ran
from tests.integration.test_hubs import settled

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.edges import Contact
    from tests.integration.hubs import Hub


async def backed_up(hub: Hub) -> Path:
    """Copy its data while it does not run."""
    await hub.stop()
    copy = hub.folder / "backup"
    shutil.copytree(hub.folder / "data", copy)
    await hub.start()
    return copy


async def restored(hub: Hub, copy: Path) -> None:
    await hub.stop()
    shutil.rmtree(hub.folder / "data")
    shutil.copytree(copy, hub.folder / "data")
    await hub.start()


async def stands(hub: Hub, partner: str, word: str) -> None:
    async def so() -> bool:
        return (await hub.store.edges.link(partner)).stands == "HUB-EDG-020"

    await until(so, why=lambda: f"{partner} does not stand at {hub.name}")
    assert word in (await hub.store.edges.link(partner)).detail


async def readmitted(hub: Hub, partner: str) -> None:
    await hub.store.edges.readmit(partner, reason="disk was changed", by="an", now=datetime.now(UTC))


async def test_a_district_restored_from_an_old_backup_is_not_believed_until_readmitted_and_gets_back_what_it_lost(
    tmp_path: Path,
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        before, lost, after = (tam_ky.code() for _ in range(3))
        await tam_ky.say("mot-cua", received(before, BY_WARD))
        await settled(tam_ky, "above", 1)
        copy = await backed_up(tam_ky)
        await tam_ky.say("mot-cua", said("step", before), key="lost-step")
        await tam_ky.say("mot-cua", received(lost, BY_WARD))
        await province.knows(lost, "received")
        await settled(tam_ky, "above", 3)
        await restored(tam_ky, copy)
        await stands(province, "tam-ky", "came from it")
        await tam_ky.say("mot-cua", received(after, BY_WARD))
        assert await tam_ky.dossier(lost) is None

        async def knows_why() -> bool:
            return (await tam_ky.store.edges.link("above")).error == "HUB-EDG-020"

        await until(knows_why)
        assert await province.dossier(after) is None
        await readmitted(province, "tam-ky")
        await province.knows(after, "received")
        await tam_ky.knows(lost, "received")
        await tam_ky.knows(before, "received", "step")
        await province.knows(before, "received", "step")
        replayed = await tam_ky.say("mot-cua", said("step", before), key="lost-step")
        assert replayed["key"] == "lost-step"
        await tam_ky.knows(before, "received", "step")
        assert await province.store.conservation() == await tam_ky.store.conservation() == ()


async def test_a_province_restored_from_a_backup_is_told_again_and_given_back_what_it_had_said(
    tmp_path: Path,
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        await tam_ky.say("mot-cua", said("transferred", code, to_agency=LAND))
        await province.hears("land", "received", "transferred")
        await settled(tam_ky, "above", 2)
        copy = await backed_up(province)
        await province.say("land", said("step", code), key="lost-step")
        await tam_ky.hears("mot-cua", "step")
        later = tam_ky.code()
        await tam_ky.say("mot-cua", received(later, BY_WARD))
        await province.knows(later, "received")
        await settled(province, "tam-ky", 1)
        await restored(province, copy)
        await province.knows(later, "received")
        await province.knows(code, "received", "transferred", "step")
        receipt = await province.say("land", said("step", code), key="lost-step")
        assert receipt["key"] == "lost-step"
        await province.knows(code, "received", "transferred", "step")
        await province.say("land", said("finished", code))
        await tam_ky.hears("mot-cua", "finished")
        assert not (await province.store.edges.link("tam-ky")).stands
        assert await province.store.conservation() == await tam_ky.store.conservation() == ()


async def test_of_two_machines_with_one_key_the_second_is_not_believed(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        first = tam_ky.code()
        await tam_ky.say("mot-cua", received(first, BY_WARD))
        await settled(tam_ky, "above", 1)
        assert tam_ky.line is not None
        copy = await backed_up(tam_ky)
        tam_ky.line.faults(Fault(refuse=True))
        tam_ky.line.cut()
        other = tam_ky.code()
        await tam_ky.say("mot-cua", received(other, BY_WARD))
        tam_ky.line.faults()
        await province.knows(other, "received")
        mine = tmp_path / "other-machine"
        await tam_ky.stop()
        shutil.move(tam_ky.folder / "data", mine)
        shutil.copytree(copy, tam_ky.folder / "data")
        tam_ky.line.faults(Fault(refuse=True))
        await tam_ky.start()
        third = tam_ky.code()
        await tam_ky.say("mot-cua", received(third, BY_WARD))
        tam_ky.line.faults()
        await stands(province, "tam-ky", "1.")
        assert await province.dossier(third) is None


async def test_the_command_line_readmits_a_hub_that_stands_and_no_other(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, _):

        async def readmits() -> int:
            words = ("edges", "readmit", "tam-ky", "--reason", "disk was changed", "--yes")
            return (await asyncio.to_thread(ran, str(province.settings), *words)).status

        assert await readmits() != 0
        await province.store.edges.stand("tam-ky", "HUB-EDG-020", "epoch 1", datetime.now(UTC))
        assert await readmits() == 0
        link = await province.store.edges.link("tam-ky")
        assert (link.stands, link.opens) == ("", 2)


async def test_a_line_goes_on_once_the_store_can_write_again_that_it_broke(tmp_path: Path) -> None:
    """A full disk while the line is down: nothing can be written down, and nobody may give the line up for that."""
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        assert tam_ky.line is not None
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code, BY_WARD))
        await province.knows(code, "received")
        met, full = SqlEdges.met, 0

        async def no_room(edges: SqlEdges, partner: str, contact: Contact) -> None:
            nonlocal full
            if contact.error:
                full += 1
                raise Unavailable("full")
            await met(edges, partner, contact)

        with patch.object(SqlEdges, "met", no_room):
            tam_ky.line.faults(Fault(refuse=True))
            tam_ky.line.cut()
            await until(lambda: _true(full > 1), why=lambda: "the line was given up")
        tam_ky.line.faults()
        await tam_ky.say("mot-cua", said("step", code))
        await province.knows(code, "received", "step")


async def _true(told: bool) -> bool:
    return told

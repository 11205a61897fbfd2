"""What a line does to a greeting, and what goes back to a hub that was restored: nothing sound is stopped, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.edges.below import Below
from hub.intake.intake import Intake
from hub.replicating.board import halted
from schemas.problems import refuse
from tests.doubles.proxy import Fault
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, BY_WARD, LAND, hubs, received, said, until
from tests.integration.test_hubs import settled
from tests.integration.test_hubs_restored import backed_up, readmitted, restored, stands

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from connectors.edge.values import Hello
    from hub.edges.peers import Peer
    from hub.judging.contract import Inbound
    from hub.store.contract.intake import Accepted
    from tests.integration.hubs import Hub


async def test_a_greeting_that_comes_again_after_batches_have_moved_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[Below, Peer, Hello]] = []
    greet = Below.hello

    async def listening(below: Below, peer: Peer, hello: Hello) -> Hello:
        heard.append((below, peer, hello))
        return await greet(below, peer, hello)

    monkeypatch.setattr(Below, "hello", listening)
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code, BY_WARD))
        await tam_ky.say("mot-cua", said("step", code))
        await settled(tam_ky, "above", 2)
        below, peer, hello = heard[0]
        assert hello.made.seq == 0
        answer = await greet(below, peer, hello)
        assert answer.acks.upto > 0
        assert not (await province.store.edges.link("tam-ky")).stands
        await tam_ky.say("mot-cua", said("finished", code))
        await province.knows(code, "received", "step", "finished")


async def test_a_line_on_which_everything_is_said_twice_stops_nobody(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        assert tam_ky.line is not None
        tam_ky.line.faults(Fault(again=True))
        tam_ky.line.cut()
        codes = [tam_ky.code() for _ in range(5)]
        for code in codes:
            await tam_ky.say("mot-cua", received(code, BY_WARD))
            await province.knows(code, "received")
        await settled(tam_ky, "above", 5)
        assert not (await province.store.edges.link("tam-ky")).stands
        assert not (await tam_ky.store.edges.link("above")).stands


async def test_a_district_restored_twice_from_one_backup_gets_back_what_it_said_in_every_epoch(
    tmp_path: Path,
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        before, first, second = (tam_ky.code() for _ in range(3))
        await tam_ky.say("mot-cua", received(before, BY_WARD))
        await settled(tam_ky, "above", 1)
        copy = await backed_up(tam_ky)
        await tam_ky.say("mot-cua", received(first, BY_WARD))
        await settled(tam_ky, "above", 2)
        await restored(tam_ky, copy)
        await stands(province, "tam-ky", "came from it")
        await readmitted(province, "tam-ky")
        await tam_ky.knows(first, "received")
        await tam_ky.say("mot-cua", received(second, BY_WARD))
        await province.knows(second, "received")
        await settled(tam_ky, "above", 3)
        await restored(tam_ky, copy)
        await stands(province, "tam-ky", "epoch 1")
        assert await tam_ky.dossier(first) is await tam_ky.dossier(second) is None
        await readmitted(province, "tam-ky")
        await tam_ky.knows(second, "received")
        await tam_ky.knows(first, "received")


async def test_a_province_restored_twice_from_one_backup_is_given_back_every_epoch(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        await tam_ky.say("mot-cua", said("transferred", code, to_agency=LAND))
        await province.hears("land", "received", "transferred")
        await settled(tam_ky, "above", 2)
        copy = await backed_up(province)
        for kind, epoch in (("step", 2), ("finished", 3)):
            await province.say("land", said(kind, code))
            await tam_ky.hears("mot-cua", kind)
            await restored(province, copy)
            await epochs(province, "tam-ky", epoch)
        await province.knows(code, "received", "transferred", "step", "finished")
        assert await province.store.conservation() == await tam_ky.store.conservation() == ()


async def epochs(hub: Hub, partner: str, epoch: int) -> None:
    async def so() -> bool:
        return (await hub.store.edges.link(partner)).made.epoch >= epoch

    await until(so, why=lambda: f"{hub.name} has begun no epoch {epoch}")


async def test_what_comes_back_while_intake_is_full_comes_again_and_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, full = Intake.receive, 2

    async def crowded(intake: Intake, inbound: Inbound, sender: str) -> Accepted:
        nonlocal full
        if inbound.returned and full:
            full -= 1
            raise refuse("HUB-LIM-003")
        return await receive(intake, inbound, sender)

    monkeypatch.setattr(Intake, "receive", crowded)
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        lost = await forgotten(province, tam_ky)
        await readmitted(province, "tam-ky")
        await tam_ky.knows(lost, "received")
        assert not full


async def test_what_comes_back_waits_for_its_senders_partner_file_and_the_doctor_says_so(
    tmp_path: Path,
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        file = tam_ky.folder / "partners" / "mot-cua.toml"
        text = file.read_text("utf-8")
        lost = await forgotten(province, tam_ky)
        await tam_ky.stop()
        file.unlink()
        await tam_ky.start()
        await readmitted(province, "tam-ky")

        async def waits() -> bool:
            link = await tam_ky.store.edges.link("above")
            return (link.error, link.error_detail) == ("HUB-EDG-025", "mot-cua")

        await until(waits)
        assert (await tam_ky.store.edges.link("above")).made.epoch == 1
        (worry,) = halted(await tam_ky.store.edges.link("above"))
        assert (worry.partner, worry.values["detail"]) == ("above", "mot-cua")
        await tam_ky.stop()
        file.write_text(text, "utf-8")
        await tam_ky.start()
        await tam_ky.knows(lost, "received")


async def forgotten(province: Hub, tam_ky: Hub) -> str:
    """Let a district say something, and be restored from a backup from before."""
    await tam_ky.say("mot-cua", received(tam_ky.code(), BY_WARD))
    await settled(tam_ky, "above", 1)
    copy, lost = await backed_up(tam_ky), tam_ky.code()
    await tam_ky.say("mot-cua", received(lost, BY_WARD))
    await settled(tam_ky, "above", 2)
    await restored(tam_ky, copy)
    await stands(province, "tam-ky", "came from it")
    return lost

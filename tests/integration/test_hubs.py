"""Hubs above and below each other hold the same dossiers, whatever the line between them does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import pytest

from hub.api.operations import OPERATIONS
from hub.demo.cast import EXAMPLES
from hub.lifecycle import State
from hub.store.contract.views import Filter
from hub.story import record
from schemas.problems import Refusal
from tests.doubles.pki import Pki
from tests.doubles.proxy import Fault
from tests.integration.hubs import (
    AT_PROVINCE,
    AT_TAM_KY,
    BY_WARD,
    DISTRICT,
    LAND,
    OTHER_DISTRICT,
    WARD,
    At,
    System,
    hubs,
    received,
    said,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.hubs import Hub


async def off(hub: Hub) -> None:
    """Cut the line, and wait until the hub knows it."""
    assert hub.line is not None
    hub.line.faults(Fault(refuse=True))
    hub.line.cut()

    async def broken() -> bool:
        return (await hub.store.edges.link("above")).error.startswith("HUB-NET-")

    await until(broken)


async def settled(hub: Hub, partner: str, count: int) -> None:
    """Wait until the other hub has acknowledged so many transfers."""

    async def done() -> bool:
        found = await hub.store.transfers(Filter(partner=partner, limit=100))
        return [each.state for each in found] == [State.ACKNOWLEDGED] * count

    await until(done, why=lambda: f"{partner} at {hub.name}")


async def test_what_a_district_receives_a_department_decides_at_the_province_and_back(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        (letter,) = await province.hears("land", "received")
        assert letter["dossier"]["applicant"]["name"] == "Nguyễn Văn Ánh"
        await tam_ky.say("mot-cua", said("transferred", code, to_agency=LAND))
        await province.hears("land", "transferred")
        for kind in ("step", "finished"):
            await province.say("land", said(kind, code))
        await tam_ky.hears("mot-cua", "step", "finished")
        await province.hears("portal", "received", "transferred", "step", "finished")
        await settled(tam_ky, "above", 2)
        await settled(province, "tam-ky", 2)
        assert await tam_ky.kinds(code) == await province.kinds(code)
        own, there = await tam_ky.dossier(code), await province.dossier(code)
        assert own is not None
        assert there is not None
        assert record.from_json(own.story).state == record.from_json(there.story).state == "finished"


async def test_a_week_without_a_line_loses_nothing_doubles_nothing_and_keeps_the_order(
    tmp_path: Path,
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        assert tam_ky.line is not None
        await off(tam_ky)
        codes = [tam_ky.code() for _ in range(20)]
        kinds = ("received", "step", "suspended", "resumed", "finished")
        for code in codes:
            await tam_ky.say("mot-cua", received(code, BY_WARD))
        for kind in kinds[1:]:
            for code in codes:
                await tam_ky.say("mot-cua", said(kind, code))
        assert await province.dossier(codes[0]) is None
        tam_ky.line.fault(Fault(cut_up=3000), Fault(cut_down=200), Fault(cut_up=20_000))
        tam_ky.line.faults()
        for code in codes:
            await province.knows(code, *kinds)
        await settled(tam_ky, "above", 100)
        waits = await tam_ky.store.edges.waiting("above")
        assert (waits.unsealed, waits.offered, waits.under_way, waits.oldest) == (0, 0, 0, None)
        assert await province.store.conservation() == await tam_ky.store.conservation() == ()


async def test_an_edge_below_an_edge_is_heard_at_the_top_and_hears_from_there(tmp_path: Path) -> None:
    ward = At(WARD, (System("ward", WARD, (WARD,)),), (WARD,), above="tam_ky")
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY, ward=ward) as (province, tam_ky, low):
        code = low.code()
        await low.say("ward", received(code))
        await province.hears("land", "received")
        await low.say("ward", said("transferred", code, to_agency=LAND))
        await province.hears("land", "transferred")
        await province.say("land", said("step", code))
        await low.hears("ward", "step")
        for hub in (province, tam_ky, low):
            await hub.knows(code, "received", "transferred", "step")


async def test_a_dossier_that_reaches_a_hub_late_comes_with_its_history(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = province.code()
        await province.say("motcua-tinh", received(code))
        await province.say("motcua-tinh", said("step", code))
        assert await tam_ky.dossier(code) is None
        await province.say("motcua-tinh", said("transferred", code, to_agency=DISTRICT))
        await tam_ky.hears("mot-cua", "transferred")
        await tam_ky.knows(code, "received", "step", "transferred")


async def test_an_agency_that_the_hub_below_does_not_serve_is_refused_and_its_sender_told(
    tmp_path: Path,
) -> None:
    stranger = System("la", OTHER_DISTRICT, (OTHER_DISTRICT,))
    district = At(DISTRICT, (*AT_TAM_KY.systems, stranger), (DISTRICT,))
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=district) as (province, tam_ky):
        code = tam_ky.code(OTHER_DISTRICT)
        await tam_ky.say("la", received(code, BY_WARD))
        (told,) = await tam_ky.hears("la", "delivery_failed")
        assert told["failure"]["code"] == "HUB-EDG-022"
        assert await province.dossier(code) is None
        (transfer,) = await tam_ky.store.transfers(Filter(partner="above", limit=10))
        assert (transfer.state, transfer.problem) == (State.REFUSED, "HUB-EDG-022")


async def test_a_failure_at_the_hub_above_is_told_to_the_system_below(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        assert province.session is not None
        headers = {"Authorization": "Bearer key of land"}

        async def lies_there() -> bool:
            return bool(await province.store.mailbox.letters("land"))

        await until(lies_there)
        (letter,) = await province.store.mailbox.letters("land")
        path = f"{province.url}/v1/mailbox/{letter.transfer}"
        async with province.session.get(path, headers=headers) as got:
            assert got.status == 200
        no = {"digest": letter.digest, "refused": {"code": "X1", "reason": "thiếu thửa đất"}}
        async with province.session.post(f"{path}/acknowledgement", json=no, headers=headers) as got:
            assert got.status == 200, await got.text()
        (told,) = await tam_ky.hears("mot-cua", "delivery_failed")
        (message,) = await tam_ky.store.messages("mot-cua", "", 10)
        assert told["failure"]["message"] == message.id


@pytest.mark.parametrize(
    "way", ["signature = true", f'api_keys = ["sha256:{"0" * 64}"]', f'certificates = ["sha256:{"0" * 64}"]']
)
async def test_a_hub_has_no_other_way_in_than_its_own_line(tmp_path: Path, way: str) -> None:
    pin = Pki(tmp_path, datetime.now(UTC)).named("other").certificate_file
    text = (EXAMPLES / "families" / "hub-cap-duoi.toml").read_text("utf-8")
    text = text.replace("hub-cap-duoi.pem", str(pin)) + f"\n[access]\n{way}\n"
    with pytest.raises(Refusal) as refused:
        async with hubs(tmp_path, province=replace(AT_PROVINCE, files={"other": text})):
            pass
    assert {problem.place.rpartition(" ")[2] for problem in refused.value.problems} == {"access"}


async def test_every_address_of_the_line_is_there_and_wants_to_know_who_calls(tmp_path: Path) -> None:
    described = {each for each in OPERATIONS if each[1].startswith("/edge/")}
    assert len(described) > 10
    async with (
        hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, _),
        aiohttp.ClientSession() as session,
    ):
        for method, path in sorted(described):
            url = province.url + path.format(sha256="0" * 64, version="1", number="1")
            async with session.request(method, url, data=b"{}") as got:
                found = (await got.json())["code"]
            assert found in {"HUB-EDG-023", "HUB-EDG-061"}, (method, path, found)

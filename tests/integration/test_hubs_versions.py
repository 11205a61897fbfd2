"""Between real hubs: versions go down, reports come up, and a hub whose unit was taken over is heard no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.lifecycle import State
from hub.replicating import renewing, reports
from hub.replicating.manifest import Kind
from hub.settings import file as settings_file
from hub.settings import replica
from hub.store.contract.replicas import Succession
from hub.store.contract.views import Filter
from hub.wiring import declared
from hub.wiring.edge_line import standing
from hub.wiring.edges import boarded, edges_of, publish
from hub.wiring.own_keys import sign_by
from tests.integration.hubs import (
    AT_PROVINCE,
    AT_TAM_KY,
    DISTRICT,
    OTHER_DISTRICT,
    Hub,
    hubs,
    received,
    until,
)

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from hub.settings.file import Settings

AGENCY = "code,level,parent,vi,en,invented\nH47.77,department,000.00.00.H47,Sở Mới,A New Department,true\n"


def settings_of(hub: Hub) -> Settings:
    return settings_file.load(hub.settings, {})


def declare(hub: Hub, name: str, text: str) -> None:
    path = replica.site(settings_of(hub)) / "registries" / "agencies" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


async def made(hub: Hub, from_day: date | None = None) -> int:
    settings = settings_of(hub)
    sign = sign_by(settings, frozenset)
    day = from_day or datetime.now(UTC).date()
    kept = await publish(hub.store, settings, sign, by="an", reason="QD-1", from_day=day)
    assert kept is not None
    return kept.number


async def again(hub: Hub) -> None:
    """Begin the hub anew: it greets the hub above at once."""
    await hub.stop()
    await hub.start()


async def test_a_version_goes_down_and_stands_there_and_the_hub_above_hears_of_it(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        declare(province, "2026-11-24-a.csv", AGENCY)
        assert await made(province) == 1
        before = renewing.asked(settings_of(tam_ky).data / replica.FOLDER)
        await again(tam_ky)

        async def told() -> bool:
            found = await province.store.replicas.reports()
            return any(reports.read(each.body).stands == 1 for each in found)

        await until(told)
        agencies, _ = declared.registries_of(settings_of(tam_ky))
        assert agencies.known("H47.77") is not None
        assert renewing.asked(settings_of(tam_ky).data / replica.FOLDER) != before
        (kept,) = await tam_ky.store.replicas.versions(province.at.code)
        assert kept.stands_at is not None
        seen = await standing(tam_ky.settings, tam_ky.store, datetime.now(UTC))
        assert (seen.version, seen.newest) == (1, 1)
        pins = replica.site(settings_of(tam_ky)) / str(Kind.PINS) / "hub"
        assert len(list(pins.glob("*.pem"))) == 1
        edges = edges_of(declared.declared(province.settings).partners)
        (line,) = await boarded(province.store, edges, province.at.code, datetime.now(UTC))
        assert (line.state, line.version, line.newest) == ("linked", 1, 1)
        assert line.software
        assert line.disk_free > 0
        assert line.ends is not None


async def test_who_is_no_hub_below_gets_no_version_and_reports_nothing(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, _):
        await made(province)
        session = province.session
        assert session is not None
        for method, path in (("GET", "versions"), ("GET", f"versions/{'0' * 64}"), ("POST", "report")):
            async with session.request(method, f"{province.url}/edge/v1/{path}", data=b"") as got:
                assert (got.status, (await got.json())["code"]) == (403, "HUB-EDG-023")


async def taken_over(province: Hub, begins: date, drains: date) -> None:
    what = Succession(
        partner="tam-ky",
        agency=DISTRICT,
        heir=OTHER_DISTRICT,
        begins=begins,
        drains=drains,
        at=datetime.now(UTC),
        by="an",
        reason="NQ-1",
    )
    assert await province.store.replicas.succeed(what)


async def test_what_an_old_hub_says_after_its_unit_was_taken_over_is_refused_and_its_system_hears_why(
    tmp_path: Path,
) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        before, after = tam_ky.code(), tam_ky.code()
        await tam_ky.say("mot-cua", received(before))
        await province.knows(before, "received")
        today = datetime.now(UTC).date() - timedelta(days=1)
        await taken_over(province, today, today + timedelta(days=30))
        await tam_ky.say("mot-cua", received(after))

        async def refused() -> bool:
            found = await tam_ky.store.transfers(Filter(partner="above", limit=10))
            return [each.problem for each in found if each.state is State.REFUSED] == ["HUB-EDG-044"]

        await until(refused)
        assert await province.dossier(after) is None


async def test_a_hub_that_is_drained_is_told_so_and_nothing_of_it_is_taken(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        today = datetime.now(UTC).date()
        await taken_over(province, today - timedelta(days=40), today - timedelta(days=10))

        async def told() -> bool:
            return (await tam_ky.store.edges.link("above")).error == "HUB-EDG-044"

        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        await until(told)
        assert await province.dossier(code) is None

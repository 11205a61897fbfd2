"""Figures that agree: hubs that told one dossier in different orders, without a line between them, count the same and list the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.figures.counting import World
from hub.figures.period import Period, day_of
from hub.figures.publishing import Draft, FigureDesk
from hub.figures.publishing import agree as differences
from schemas.agencies import Agencies
from schemas.procedures import Procedures
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, DISTRICT, LAND, hubs, received, said
from tests.integration.test_hubs import off
from tests.integration.test_hubs_concurrent import agree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.hubs import Hub

FEE: dict[str, Any] = {"code": "LP", "amount": 50_000, "receipt_number": "BL-1", "account": "3714"}


async def drafted(hub: Hub) -> Draft:
    agencies = Agencies.load()
    world = World(agencies=agencies, procedures=Procedures.load(agencies))
    now = datetime.now(UTC) + timedelta(minutes=1)
    span = Period(first=datetime(2026, 1, 1, tzinfo=UTC).date(), last=day_of(now) + timedelta(days=1))
    return await FigureDesk(hub.store, world).draft("weekly", DISTRICT, span, None, now)


async def test_a_district_and_its_province_count_the_same_after_days_without_a_line(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (province, tam_ky):
        code, other = tam_ky.code(), tam_ky.code()
        for each in (code, other):
            await tam_ky.say("mot-cua", received(each))
        await tam_ky.say("mot-cua", said("transferred", code, to_agency=LAND))
        await province.hears("land", "received", "received", "transferred")
        await province.say("land", said("step", code))
        await agree(code, 3, province, tam_ky)
        await off(tam_ky)
        await province.say("land", said("finished", code))
        await tam_ky.say("mot-cua", said("withdrawn", code))
        paid = said("fee_paid", other)
        paid["dossier"]["fees"] = [FEE]
        await tam_ky.say("mot-cua", paid)
        apart = [(await drafted(hub)).report for hub in (province, tam_ky)]
        assert differences(*apart), "each counted what it knew"
        assert tam_ky.line is not None
        tam_ky.line.faults()
        await agree(code, 5, province, tam_ky)
        await agree(other, 2, province, tam_ky)
        above, below = [await drafted(hub) for hub in (province, tam_ky)]
        assert differences(below.report, above.report) == ()
        assert above.behind == below.behind
        told = above.report.total.figures
        assert [told[name] for name in ("received", "resolved", "withdrawn", "collected")] == [
            2,
            1,
            0,
            50_000,
        ]

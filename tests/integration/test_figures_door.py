"""Figures and published reports over HTTP: counted from real messages, and shown to whom they concern."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hub.figures.counting import World
from hub.figures.period import period
from hub.figures.publishing import FigureDesk
from hub.receipts.receipts import unsigned
from schemas.agencies import Agencies
from schemas.procedures import Procedures
from tests.doubles.pki import Pki
from tests.integration.intake_house import PROVINCE, house, partner_files, parts

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.integration.intake_house import House

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 30, 5, 0, tzinfo=UTC)
SPAN = "from=2026-11-01&to=2026-11-23"


def doors(folder: Path) -> AbstractAsyncContextManager[House]:
    made = parts(partner_files(folder / "partners", Pki(folder, NOW)["seal-2048"].certificate_file))
    speaks = {"desk": PROVINCE, "stranger": "000.00.00.G22"}
    more: dict[str, Any] = {"operators": frozenset({"desk"}), "speaks_for": speaks}
    return house(folder, made, lambda: NOW, more=more)


async def told(hub: House, path: str, sender: str = "desk", status: int = 200) -> Any:
    answer = await hub.get(path, sender=sender)
    assert answer.status == status, answer.body
    return json.loads(answer.body)


async def test_what_systems_said_is_counted_and_opens_its_dossiers(tmp_path: Path) -> None:
    async with doors(tmp_path) as hub:
        code = hub.code()
        fee = {"code": "LP", "amount": 50_000, "state": "paid", "receipt_number": "BL-1", "account": "3714"}
        answer = await hub.post(hub.received(code, fees=[fee], channel="online"), key="k")
        assert answer.status == 202, answer.body
        await hub.post(hub.received(hub.code(), channel="counter"), key="k2")
        found = await told(hub, f"/v1/figures?{SPAN}")
        (row,) = found["rows"]
        assert [row["figures"][name] for name in ("received", "received_online", "collected")] == [
            2,
            1,
            50_000,
        ]
        assert (found["first"], found["last"], found["definition"]["version"]) == (
            "2026-11-01",
            "2026-11-23",
            1,
        )
        behind = await told(hub, f"/v1/figures/received_online?{SPAN}")
        assert (behind["value"], behind["dossiers"]) == (1, [code])
        paid = await told(hub, f"/v1/figures/collected?{SPAN}")
        (one,) = paid["payments"]
        assert (one["amount"], one["payment"]["receipt"], one["payment"]["account"]) == (
            50_000,
            "BL-1",
            "3714",
        )


async def test_a_caller_sees_its_own_tree_and_an_operator_everything(tmp_path: Path) -> None:
    async with doors(tmp_path) as hub:
        await hub.post(hub.received(hub.code()), key="k")
        assert (await told(hub, f"/v1/figures?{SPAN}&by=agency&agency={PROVINCE}"))["rows"]
        own = await told(hub, f"/v1/figures?{SPAN}", sender="stranger")
        assert own["agency"] == "000.00.00.G22"
        assert own["rows"][0]["silent"] is True
        refused = await told(hub, f"/v1/figures?{SPAN}&agency={PROVINCE}", sender="stranger", status=403)
        assert refused["code"] == "HUB-AUT-011"
        for path in (
            f"/v1/figures?{SPAN}&by=x",
            "/v1/figures",
            f"/v1/figures/nothing?{SPAN}",
            f"/v1/figures?{SPAN}&agency=x",
        ):
            assert (await told(hub, path, status=422))["code"] == "HUB-FIG-001"


@pytest.mark.parametrize(
    ("language", "words"), [("vi", "Chưa công bố báo cáo nào."), ("en", "No report was published yet.")]
)
async def test_a_page_without_reports_says_so(tmp_path: Path, language: str, words: str) -> None:
    async with doors(tmp_path) as hub:
        answer = await hub.get(f"/reports?lang={language}", sender="")
        assert words in answer.body.decode()


async def test_what_was_published_is_there_for_everybody_and_names_no_dossier(tmp_path: Path) -> None:
    async with doors(tmp_path) as hub:
        code = hub.code()
        await hub.post(hub.received(code), key="k")
        agencies = Agencies.load()
        desk = FigureDesk(hub.store, World(agencies=agencies, procedures=Procedures.load(agencies)))
        draft = await desk.draft("weekly", PROVINCE, period("2026-11-20", "2026-11-26"), None, LATER)
        edition = await desk.publish(draft, unsigned, "an", "BC", LATER)
        id_ = edition.report.id
        (listed,) = (await told(hub, "/v1/reports", sender=""))["reports"]
        assert (listed["id"], "by" in listed) == (id_, False), "who published it is nobody else's"
        answer = await hub.get(f"/v1/reports/{id_}/current", sender="")
        assert answer.body == edition.raw
        assert (await told(hub, f"/v1/reports/{id_}/2", sender="", status=404))["code"] == "HUB-FIG-002"
        assert (await told(hub, f"/v1/reports/{id_}/x", sender="", status=404))["code"] == "HUB-FIG-002"
        for path, inside in (
            ("/reports?lang=vi", "Báo cáo"),
            (f"/reports/{id_}/1?lang=vi", "0, im lặng"),
            (f"/reports/{id_}/current?lang=en", "0, silent"),
        ):
            page = await hub.get(path, sender="")
            assert page.status == 200, path
            assert inside in page.body.decode()
            assert code not in page.body.decode()
            assert "script" not in page.headers["Content-Security-Policy"]
        book = await hub.get(f"/reports/{id_}/1.xlsx", sender="")
        assert book.body[:2] == b"PK"
        assert "attachment" in book.headers["Content-Disposition"]
        assert (await hub.get(f"/reports/{id_}/1.exe", sender="")).status == 404

"""The board of edges over HTTP, in the figures and by the command line; a version made by a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.metrics.page import page
from hub.replicating.board import Line, State
from hub.store.sqlite import store as sqlite
from tests.doubles.pki import Pki
from tests.integration.intake_house import house, partner_files, parts
from tests.integration.test_cli_keys import ran
from tests.store.samples import numbered_ids

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
LINE = Line(
    partner="huyen-a",
    state=State.SILENT,
    name={"vi": "Huyện A", "en": "District A"},
    agency="H47.30",
    heard_at=NOW - timedelta(hours=2),
    down=3,
    up=4,
    version=1,
    newest=3,
)
SETTINGS = """
data = "data"
registries = "registries"
[keys.dau-so]
file = "seal-p256.key"
certificate = "seal-p256.pem"
[evidence]
key = "dau-so"
"""


async def board(_now: datetime) -> Sequence[Line]:
    return (LINE,)


async def test_an_operator_sees_the_edges_and_a_partner_does_not(tmp_path: Path) -> None:
    made = parts(partner_files(tmp_path / "partners", Pki(tmp_path, NOW)["seal-2048"].certificate_file))
    more = {"operators": frozenset({"desk"}), "edges": board}
    async with house(tmp_path, made, lambda: NOW, more=more) as hub:
        answer = await hub.get("/v1/edges")
        (line,) = json.loads(answer.body)["edges"]
        assert (line["partner"], line["state"], line["down"], line["up"]) == ("huyen-a", "silent", 3, 4)
        stranger = await hub.get("/v1/edges", sender="stranger")
        assert (stranger.status, stranger.code) == (403, "HUB-AUT-011")


async def test_the_figures_tell_of_each_edge(tmp_path: Path) -> None:
    store = sqlite.open_store(tmp_path / "hub.db", ids=numbered_ids(1))
    try:
        told = (await page(store, NOW, version="1", free=lambda: 1, edges=[LINE])).decode()
    finally:
        await store.close()
    for figure in (
        'lienthong_edge_heard_seconds{partner="huyen-a"} 7200.0',
        'lienthong_edge_waiting{partner="huyen-a",way="down"} 3.0',
        'lienthong_edge_waiting{partner="huyen-a",way="up"} 4.0',
        'lienthong_edge_version_behind{partner="huyen-a"} 2.0',
    ):
        assert figure in told


def test_a_person_makes_a_version_and_sees_it_and_the_same_is_made_once(tmp_path: Path) -> None:
    assert Pki(tmp_path, datetime.now(UTC))["seal-p256"]
    (tmp_path / "partners").mkdir()
    settings = tmp_path / "hub.toml"
    settings.write_text(SETTINGS)
    assert ran(str(settings), "edges").status == 0
    words = ("edges", "publish-version", "--reason", "QD-1", "--yes")
    done = ran(str(settings), *words)
    assert done.status == 0
    again = ran(str(settings), *words)
    assert "none was made" in again.err
    (row,) = json.loads(ran(str(settings), "edges", "versions", "--json").out)
    assert (row["version"], row["is_signed"], row["reason"]) == (1, True, "QD-1")
    unknown = ran(str(settings), "edges", "succeed", "huyen-a", "--by", "H47", "--reason", "x", "--yes")
    assert (unknown.status, "huyen-a" in unknown.err) == (1, True)
    assert ran(str(settings), "edges", "show", "huyen-a").status == 1
    assert ran(str(settings), "edges", "publish-version", "--from", "2020-01-01").status == 2

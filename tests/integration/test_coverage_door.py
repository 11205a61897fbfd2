"""Coverage over HTTP: for those who operate the hub, and for nobody else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.coverage import Line
from tests.doubles.pki import Pki
from tests.integration.intake_house import LAND, house, partner_files, parts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


async def covered(now: datetime, silent_after: int) -> Sequence[Line]:
    assert (now, silent_after) == (NOW, 5)
    line = Line(
        agency=LAND,
        name={"vi": "Sở", "en": "Department"},
        level="department",
        procedure="",
        title={},
        partners={"land": "live"},
        state="silent",
        messages=0,
        since=None,
    )
    return (line,)


async def test_an_operator_sees_the_board_and_a_partner_does_not(tmp_path: Path) -> None:
    made = parts(partner_files(tmp_path / "partners", Pki(tmp_path, NOW)["seal-2048"].certificate_file))
    more = {"operators": frozenset({"desk"}), "covered": covered}
    async with house(tmp_path, made, lambda: NOW, more=more) as hub:
        answer = await hub.get("/v1/coverage")
        assert answer.status == 200
        board = json.loads(answer.body)
        assert [(line["agency"], line["state"], line["messages"]) for line in board["lines"]] == [
            (LAND, "silent", 0)
        ]
        stranger = await hub.get("/v1/coverage", sender="stranger")
        assert (stranger.status, stranger.code) == (403, "HUB-AUT-011")
        assert (await hub.get("/v1/coverage", sender=None)).status == 401

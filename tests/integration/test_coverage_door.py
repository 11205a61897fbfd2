"""Coverage and catalogues over HTTP: who may see what, and what is written down of it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import msgspec

from hub.going_live.coverage import Line
from hub.store.contract.catalogues import Version
from tests.doubles.pki import Pki
from tests.integration.intake_house import KEYS, LAND, house, partner_files, parts

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


async def test_a_partner_fetches_a_version_and_says_that_it_uses_it(tmp_path: Path) -> None:
    made = parts(partner_files(tmp_path / "partners", Pki(tmp_path, NOW)["seal-2048"].certificate_file))
    raw = b'{"entries":[]}'
    first = Version(
        id="procedures",
        version=1,
        effective=NOW.date(),
        at=NOW,
        digest=hashlib.sha256(raw).hexdigest(),
        signature="e30..x",
        by="an",
        reason="QD-1",
    )
    async with house(tmp_path, made, lambda: NOW) as hub:
        assert await hub.store.catalogues.publish(first, raw)
        coming = msgspec.structs.replace(first, version=2, effective=date(2999, 1, 1))
        assert await hub.store.catalogues.publish(coming, raw)
        listed = json.loads((await hub.get("/v1/catalogues")).body)["catalogues"]
        assert [(each["version"], each["in_force"]) for each in listed] == [(1, True), (2, False)]
        assert await hub.store.catalogues.had() == ()
        answer = await hub.get("/v1/catalogues/procedures/current", sender="neighbour")
        assert (answer.body, answer.headers["ETag"]) == (raw, f'"{first.digest}"')
        assert (answer.headers["X-JWS-Signature"], answer.headers["Catalogue-Version"]) == ("e30..x", "1")
        same = {"If-None-Match": answer.headers["ETag"]}
        again = await hub.get("/v1/catalogues/procedures/1", sender="neighbour", headers=same)
        assert (again.status, again.body) == (304, b"")
        said = "/v1/catalogues/procedures/1/acknowledgement"
        key = {"Authorization": f"Bearer {KEYS['neighbour']}"}
        for _ in range(2):
            async with hub.session.post(f"{hub.url}{said}", headers=key) as got:
                assert got.status == 200
        (had,) = await hub.store.catalogues.had()
        assert (had.partner, had.version, had.acknowledged_at) == ("neighbour", 1, NOW)
        for wrong in ("procedures/3", "procedures/x", "procedures/٣", "workflow.x/current", "procedures/0"):
            missing = await hub.get(f"/v1/catalogues/{wrong}")
            assert (missing.status, missing.code) == (404, "HUB-CAT-002")
        assert (await hub.get("/v1/catalogues", sender=None)).status == 401
        receipts = await hub.get("/v1/catalogues", sender="land")
        assert (receipts.status, receipts.code) == (403, "HUB-AUT-011")

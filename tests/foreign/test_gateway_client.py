"""The gateway client's own HTTP, Java's, against the desk: what that makes of our answers is what the client believes."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from connectors.catalogue import DESKS
from connectors.simulators.publisher import record, statistic, step, votes
from tests.integration.intake_house import PROVINCE, House, house, partner_files, parts
from tests.integration.test_drop_in import PROCEDURE, SECRET, one_stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.doubles.pki import Pki
    from tests.foreign.peers import Answer, Peers

pytestmark = pytest.mark.xdist_group("foreign")

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 20, 8, 0)  # noqa: DTZ001 - the client's own wall time


@pytest.fixture
async def hub(tmp_path: Path, pki: Pki) -> AsyncIterator[House]:
    folder = partner_files(tmp_path / "partners", pki["seal-2048"].certificate_file)
    (folder / "onestop.toml").write_text(one_stop("onestop", SECRET))
    async with house(
        tmp_path, parts(folder), lambda: NOW, more={"desks": {"/lgsp": DESKS["lgsp"]}}
    ) as running:
        yield running


async def test_java_takes_an_acceptance_for_success_and_nothing_else(hub: House, peers: Peers) -> None:
    async def post(path: str, body: bytes, **more: bytes) -> Answer:
        job = {"url": f"{hub.url}/lgsp{path}".encode(), "body": body, **more}
        return await asyncio.to_thread(peers.ask, "jdk", "post", job)

    def asked(secret: str) -> bytes:
        form = {"grant_type": "client_credentials", "client_secret": secret, "client_id": "onestop"}
        return urlencode(form).encode()

    async def say(path: str, document: dict[str, Any]) -> Answer:
        return await post(path, json.dumps(document).encode(), token=token.encode())

    let_in = await post("/token", asked(SECRET))
    status, _, told = let_in.said.decode().partition("\n")
    assert (let_in.word, status) == ("good", "200")
    token = json.loads(told)["access_token"]

    code = hub.code()
    good = record(code, PROCEDURE, received=MORNING, files={"Đơn.pdf": b"%PDF-1.7"})
    for path, document in (
        ("/Document/SyncDocument", good),
        ("/Document/UpdateDocumentTraces", step(code, MORNING)),
        ("/Statistic/UpdateStatistic ", statistic(2026, 11, received=3, solved=0)),
        ("/Vote/UpdateVote", votes(NOW, {"Thái độ": (0.5, 0.25, 0.25)})),
    ):
        answer = await say(path, document)
        status, _, told = answer.said.decode().partition("\n")
        assert (answer.word, status, json.loads(told)["Status"]) == ("good", "200", 200)
    known = await hub.store.known(PROVINCE, code)
    assert known

    for refused in (
        await post("/token", asked("wrong")),
        await post("/Document/SyncDocument", b"{}", token=b"nobody"),
        await say("/Document/SyncDocument", {**good, "DocTypeCode": "KHONG-CO"}),
        await say("/Statistic/UpdateStatistic ", {"Month": 11}),
        await say("/Vote/UpdateVote", {"TotalVoted": 1}),  # no date
        await say("/Unknown", {}),
    ):
        assert refused.word == "bad"
        assert (
            "HTTP response code" in refused.said.decode() or "FileNotFoundException" in refused.said.decode()
        )

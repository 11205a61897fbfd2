"""Clients that say who they are elsewhere than in the head of a call: in its body, or in the address."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from connectors.desks import (
    Accepted,
    Answered,
    Ask,
    Call,
    Errand,
    Login,
    Message,
    Refused,
    Reply,
    Result,
    Say,
    Says,
    Shown,
    Stands,
    Token,
)
from hub.api.drop_in import CALLED
from hub.intake.spool import Spool
from hub.settings.sections import Limits, Quota
from tests.doubles.pki import Pki
from tests.integration.intake_house import KEYS, PROVINCE, House, house, partner_files, parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
LARGEST = 8192


class Words:
    """A protocol of nothing but JSON: a credential, and what is said of dossiers, or which one is asked for."""

    def __init__(self, stands: Stands) -> None:
        self.stands = stands

    def errand(self, method: str, path: str, _headers: Mapping[str, str]) -> Errand | None:
        return {"POST": Errand.LOGIN if path == "/login" else Errand.SAY}.get(method)

    def login(self, call: Call) -> Login | None:
        said = json.loads(call.body)
        return Login(client=said["user"], secret=said["word"]) if "user" in said else None

    def shows(self, call: Call) -> Shown:
        if self.stands is Stands.ADDRESS:
            return Shown(secret=call.path.rpartition("/")[2], place="/…")
        return Shown(secret=json.loads(call.body)["who"], place="/who")

    def read(self, call: Call) -> Say | Says | Ask:
        said = json.loads(call.body)
        if "ask" in said:
            return Ask(about=said["ask"])
        return Says(each=tuple(map(self._say, said["says"])))

    def _say(self, body: dict[str, Any]) -> Say:
        message = Message(
            body=json.dumps(body).encode(), key=f"{body['dossier']['code']}-{body['event']['kind']}"
        )
        return Say(about=body["dossier"]["code"], messages=lambda _: (message,))

    def write(self, result: Result) -> Reply:
        match result:
            case Token():
                told: dict[str, Any] = {"token": result.token}
            case Accepted():
                told = {"ids": result.ids, "replayed": result.replayed}
            case Answered():
                told = {"about": result.about, "state": result.standing.state}
            case Refused():
                told = {"codes": [[each.code, each.place] for each in result.problems]}
        return Reply(body=json.dumps(told).encode())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    pki = Pki(tmp_path_factory.mktemp("pki"), NOW)
    return parts(
        partner_files(tmp_path_factory.mktemp("house") / "partners", pki["seal-2048"].certificate_file)
    )


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    (tmp_path / "spool").mkdir()
    small = Spool(tmp_path / "spool", memory=1024, limit=LARGEST)
    desks = {"/body": Words(Stands.BODY), "/way": Words(Stands.ADDRESS)}
    limits = Limits(sender=Quota(in_flight=2))
    async with house(
        tmp_path, made, lambda: NOW, limits=limits, more={"desks": desks, "unknown": small}
    ) as running:
        yield running


async def call(hub: House, path: str, document: object) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.post(f"{hub.url}{path}", json=document) as answer:
        found: dict[str, Any] = json.loads(await answer.read())
        return found


def said(hub: House, *codes: str, who: str = KEYS["desk"], **more: Any) -> dict[str, Any]:
    return {"who": who, "says": [hub.received(code) for code in codes], **more}


async def test_a_credential_in_the_body_is_as_good_as_one_in_the_head(hub: House) -> None:
    one, two = hub.code(), hub.code()
    answer = await call(hub, "/body/say", said(hub, one, two))
    assert len(answer["ids"]) == 2
    assert await call(hub, "/body/say", said(hub, one, two)) == {**answer, "replayed": True}
    assert await call(hub, "/body/say", {"who": KEYS["desk"], "ask": two}) == {
        "about": two,
        "state": "accepted",
    }
    assert await call(hub, "/body/say", {"who": KEYS["desk"], "ask": "x"}) == {"about": "x", "state": None}
    assert await call(hub, "/body/say", {"who": KEYS["stranger"], "ask": two}) == {
        "about": two,
        "state": None,
    }


@pytest.mark.parametrize(
    ("who", "code"), [("", "HUB-AUT-001"), ("guess", "HUB-AUT-002"), ("lt_no-such-token", "HUB-AUT-013")]
)
async def test_nobody_else_is_read_and_the_place_is_named(hub: House, who: str, code: str) -> None:
    assert await call(hub, "/body/say", said(hub, hub.code(), who=who)) == {"codes": [[code, "/who"]]}


async def test_a_recipient_that_sends_nothing_is_not_let_in(hub: House) -> None:
    assert await call(hub, "/body/say", said(hub, hub.code(), who=KEYS["land"])) == {
        "codes": [["HUB-AUT-011", ""]]
    }


async def test_a_body_of_whom_nobody_knows_is_bounded_by_its_own_measure(hub: House) -> None:
    long = "x" * LARGEST
    assert await call(hub, "/body/say", said(hub, hub.code(), more=long)) == {"codes": [["HUB-LIM-001", ""]]}
    assert list(hub.spool.iterdir()) == []


async def test_an_address_has_few_calls_under_way_whose_sender_is_not_known_yet(hub: House) -> None:
    open_ended = [await asyncio.open_connection("127.0.0.1", hub.port) for _ in range(16)]
    for _, writer in open_ended:
        writer.write(b"POST /body/say HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        await writer.drain()
    async with asyncio.timeout(10):
        while "ids" in (answer := await call(hub, "/body/say", said(hub, hub.code()))):
            pass  # the hub has not seen all heads yet
    assert answer == {"codes": [["HUB-LIM-002", ""]]}
    for _, writer in open_ended:
        writer.close()
    while (answer := await call(hub, "/body/say", said(hub, hub.code()))) == {"codes": [["HUB-LIM-002", ""]]}:
        pass
    assert answer["ids"]


async def test_a_sender_found_in_a_body_has_its_own_quota_and_gives_it_back(hub: House) -> None:
    for _ in range(4):
        assert (await call(hub, "/body/say", said(hub, hub.code())))["ids"]


async def test_a_credential_in_the_address_is_not_kept_with_what_was_said(hub: House) -> None:
    code, key = hub.code(), KEYS["desk"]
    assert (await call(hub, f"/way/say/{key}", said(hub, code)))["ids"]
    assert await call(hub, "/way/say/guess", said(hub, code)) == {"codes": [["HUB-AUT-002", "/…"]]}
    known = await hub.store.known(PROVINCE, code)
    assert known
    view = await hub.store.dossier(known.dossier)
    assert view
    kept = await hub.store.evidence.contents(view.transfers[0].id)
    assert kept.headers[CALLED] == "/way/say/…"
    assert key not in str(kept)

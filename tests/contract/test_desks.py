"""The one suite that every drop-in desk passes: what its own client is told is held against what the store has."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import connectors
from connectors import catalogue
from hub.intake.spool import Spool
from schemas import errors
from tests.contract.desk import DESKS, NOW, WRONG, Answer, partner_file, secret_of
from tests.doubles.storage import behind
from tests.integration.intake_house import LAND, PROVINCE, house, parts, recipient, sender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.intake.intake import Intake
    from tests.contract.desk import DeskUnderTest, Sent
    from tests.doubles.storage import Fails, Storage
    from tests.integration.intake_house import House, Parts

LARGEST = 64 << 10
CATALOGUE = errors.load()
OTHER_DESKS = {"simulators"}
"""What stands in these is a partner's part in tests."""
GARBAGE = (b"", b"\x00\xff{", b"{}", b"[]", b"null", b"<a/>", b'{"a":' * 99)


class Stage(NamedTuple):
    hub: House
    storage: Storage
    desk: DeskUnderTest

    async def send(self, sent: Sent) -> Answer:
        url = f"{self.hub.url}/{self.desk.name}{sent.path}"
        async with self.hub.session.post(url, data=sent.body, headers=sent.headers) as answer:
            return Answer(answer.status, await answer.read())

    async def entered(self, secret: str) -> Answer | str:
        """Return what the client shows with each call, or what its login was refused with."""
        if self.desk.login is None:
            return secret
        login, name = self.desk.login
        answer = await self.send(login(secret))
        return str(json.loads(answer.body)[name]) if name.encode() in answer.body else answer

    async def call(self) -> Sent:
        """One that succeeds."""
        code = self.hub.code()
        if self.desk.known:
            assert (await self.hub.post(self.hub.received(code), key=code)).status == 202
        return await self.about(code)

    async def about(self, code: str) -> Sent:
        shown = await self.entered(secret_of(self.desk))
        assert isinstance(shown, str)
        return self.desk.call(self.hub, code, shown)

    def refusal(self, answer: Answer) -> str:
        """Nothing for success; a refusal is one that can be looked up, and no defect."""
        code = self.desk.refusal(answer)
        assert not code or code in CATALOGUE
        return code

    async def written(self) -> tuple[int, int, list[Path]]:
        accepted = [row for row in await self.hub.store.journal() if row.what == "accepted"]
        return len(accepted), len(await self.hub.store.documents.held()), list(self.hub.spool.iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("partners")
    (folder / "desk.toml").write_text(sender("desk", PROVINCE, [PROVINCE]))
    (folder / "land.toml").write_text(recipient("land", LAND, "decides"))
    for desk in DESKS:
        partner_file(folder, desk)
    return parts(folder)


@pytest.fixture(params=DESKS, ids=lambda desk: desk.room)
async def stage(request: pytest.FixtureRequest, tmp_path: Path, made: Parts) -> AsyncIterator[Stage]:
    (tmp_path / "spool").mkdir()
    calls = Spool(tmp_path / "spool", memory=1024, limit=LARGEST)
    desk, failing = request.param, []

    def kept(intake: Intake) -> Intake:
        failing.append(behind(intake))
        return intake

    more = {"desks": {f"/{desk.name}": catalogue.DESKS[desk.name]}, "calls": calls, "unknown": calls}
    async with house(tmp_path, made, lambda: NOW, intake=kept, more=more) as hub:
        yield Stage(hub, failing[0], desk)


def test_every_desk_is_in_this_suite() -> None:
    found = {file.parent.name for file in Path(connectors.__path__[0]).glob("*/desk.py")}
    assert found - OTHER_DESKS == {desk.room for desk in DESKS}
    assert set(catalogue.DESKS) == {desk.name for desk in DESKS}
    for desk in DESKS:
        assert type(catalogue.DESKS[desk.name]).__module__ == f"connectors.{desk.room}.desk"


async def test_the_same_call_again_gets_the_same_answer_and_is_one_message(stage: Stage) -> None:
    call = await stage.call()
    before, *_ = await stage.written()
    first, again = await stage.send(call), await stage.send(call)
    assert [stage.refusal(each) for each in (first, again)] == ["", ""]
    assert stage.desk.told(first) == stage.desk.told(again)
    assert (await stage.written())[0] == before + 1


async def test_two_at_once_are_one_message(stage: Stage) -> None:
    call = await stage.call()
    before, *_ = await stage.written()
    one, other = await asyncio.gather(stage.send(call), stage.send(call))
    assert [stage.refusal(each) for each in (one, other)] == ["", ""]
    assert stage.desk.told(one) == stage.desk.told(other)
    assert (await stage.written())[0] == before + 1


async def test_with_a_wrong_secret_nobody_is_let_in_and_nothing_is_written(stage: Stage) -> None:
    call = await stage.call()
    before = await stage.written()
    entered = await stage.entered(WRONG)
    if isinstance(entered, Answer):
        assert stage.refusal(entered).startswith("HUB-AUT-")
    for shown in (WRONG, ""):
        stranger = stage.desk.call(stage.hub, stage.hub.code(), shown)
        assert stage.refusal(await stage.send(stranger)).startswith("HUB-AUT-")
        assert stage.refusal(await stage.send(stranger._replace(body=b"{"))).startswith(
            ("HUB-AUT-", "HUB-SCH-")
        )
    assert await stage.written() == before
    assert stage.refusal(await stage.send(call)) == ""


async def test_what_cannot_be_read_is_refused_by_a_code_and_nothing_is_written(stage: Stage) -> None:
    call, strange = await stage.call(), await stage.about("no dossier's code")
    before = await stage.written()
    for body in (*GARBAGE, call.body[: len(call.body) // 2], strange.body):
        codes = [stage.refusal(await stage.send(call._replace(body=body))) for _ in "ab"]
        assert codes[0], body
        assert codes[0] == codes[1], body
        assert not codes[0].startswith("HUB-INT-"), body
    assert await stage.written() == before


async def test_what_is_over_the_bound_is_refused_and_nothing_is_written(stage: Stage) -> None:
    call = await stage.call()
    before = await stage.written()
    large = call._replace(body=call.body + b" " * (LARGEST - len(call.body) + 1))
    assert stage.refusal(await stage.send(large)) == "HUB-LIM-001"
    assert await stage.written() == before
    assert stage.refusal(await stage.send(large._replace(body=large.body[:-1]))) == ""


@pytest.mark.parametrize("fails", ["before", "after"])
async def test_success_is_told_of_what_is_durable_alone(stage: Stage, fails: Fails) -> None:
    call = await stage.call()
    before, *_ = await stage.written()
    stage.storage.fails = fails
    assert stage.refusal(await stage.send(call)) == "HUB-LIM-003"
    assert (await stage.written())[0] == before + (fails == "after")
    stage.storage.fails = ""
    assert stage.refusal(await stage.send(call)) == ""
    assert (await stage.written())[0] == before + 1

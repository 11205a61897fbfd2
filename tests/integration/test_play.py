"""Partners that call the hub, played against its desks: each as its published client does, well behaved and by magic numbers."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from connectors.catalogue import DESKS
from connectors.simulators.callers import CALLERS
from connectors.simulators.calling import Manner, say
from connectors.simulators.desk import Call, Journal
from connectors.simulators.magic import FOREVER, MAGIC, number_of
from connectors.simulators.opencps_lgsp import OpenCpsLgsp
from connectors.simulators.orders import KINDS
from connectors.simulators.sandbox import EXAMPLES, FAMILIES
from connectors.simulators.tricks import TRICKS, play
from connectors.simulators.vbdlis import Vbdlis
from hub.intake.spool import Spool
from schemas.dossier import Procedure, from_json
from tests.doubles.pki import Pki
from tests.integration.intake_house import PROVINCE, House, house, partner_files, parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from connectors.simulators.tricks import Played
    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LARGEST = 256 << 10


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    pin = Pki(tmp_path_factory.mktemp("pki"), NOW)["seal-2048"].certificate_file
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin)
    (folder / "secrets").mkdir(exist_ok=True)
    for name in CALLERS:
        (folder / "secrets" / f"{name}.txt").write_text(secret(name), "utf-8")
        digest = hashlib.sha256(secret(name).encode()).hexdigest()
        text = file_of(name).read_text("utf-8")
        (folder / f"{name}.toml").write_text(text.replace("0" * 64, digest), "utf-8")
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    spools = {}
    for name in ("calls", "unknown"):
        (tmp_path / name).mkdir()
        spools[name] = Spool(tmp_path / name, memory=1024, limit=LARGEST)
    desks = {f"/{calling.desk}": DESKS[calling.desk] for calling in CALLERS.values()}
    async with house(tmp_path, made, lambda: NOW, more={"desks": desks, **spools}) as running:
        yield running


def file_of(name: str) -> Path:
    """A partner that the hub calls too has its file among those."""
    return EXAMPLES / ("" if name in FAMILIES else "callers") / f"{name}.toml"


def secret(family: str) -> str:
    return f"a secret of 32 bytes or more: {family}"


async def brought(hub: House, code: str) -> None:
    """Let a one-stop bring a dossier."""
    name = "opencps-lgsp"
    caller, address = CALLERS[name].make(secret(name)), f"{hub.url}/{CALLERS[name].desk}"
    greeting = caller.greeting()
    assert greeting is not None
    assert caller.admitted(await say(address, greeting))
    heard = await say(address, caller.ask(caller.operations[0], code, NOW))
    assert caller.verdict(caller.operations[0], heard) == "taken"


async def played(hub: House, family: str, number: int, *, until: str = "") -> list[Played]:
    calling = CALLERS[family]
    caller, stranger = calling.make(secret(family)), calling.make("another")
    if not calling.opens:
        await brought(hub, code_of(number))
    begins = NOW - timedelta(hours=1)
    told = play(caller, stranger, f"{hub.url}/{calling.desk}", code_of(number), begins, until=until)
    return [each async for each in told]


def code_of(number: int) -> str:
    return f"{PROVINCE}-261123-{number:04d}"


async def kinds(hub: House, number: int) -> list[str]:
    known = await hub.store.known(PROVINCE, code_of(number))
    found = await hub.store.dossier(known.dossier) if known else None
    return [message.kind for message in found.messages] if found else []


def amiss(told: Sequence[Played]) -> list[Played]:
    return [each for each in told if not each.expected]


def test_every_caller_has_a_partner_file_and_the_numbers_of_both_tables_differ() -> None:
    assert {file.stem for file in (EXAMPLES / "callers").glob("*.toml")} == CALLERS.keys() - FAMILIES.keys()
    assert not TRICKS.keys() & MAGIC.keys()
    assert max(TRICKS) < FOREVER
    assert number_of(code_of(9934)) == 34
    assert number_of(code_of(1)) == number_of("9934") == 0
    assert len({trick.kind for trick in TRICKS.values()}) == len(TRICKS)
    assert "silence" in KINDS, "what a server does is in the other table"


@pytest.mark.parametrize("family", CALLERS)
async def test_all_that_a_client_says_is_answered_as_it_expects(hub: House, family: str) -> None:
    told = await played(hub, family, 1)
    assert amiss(told) == []
    assert {each.operation for each in told} - {"greeting"} == set(CALLERS[family].make("").operations)
    assert await kinds(hub, 1)


@pytest.mark.parametrize("family", CALLERS)
async def test_whatever_way_a_client_says_it_the_hub_has_each_thing_once(hub: House, family: str) -> None:
    await played(hub, family, 1)
    whole = await kinds(hub, 1)
    for number, trick in TRICKS.items():
        told = await played(hub, family, 9900 + number)
        assert amiss(told) == [], trick.kind
        assert trick.kind in {each.way for each in told}
        if trick.kind != "backwards":
            assert await kinds(hub, 9900 + number) == whole, trick.kind


async def test_a_number_of_the_second_half_goes_wrong_every_time(hub: House) -> None:
    told = await played(hub, "opencps-lgsp", 9986)
    assert amiss(told) == []
    assert {each.way for each in told if each.operation != "greeting"} == {"garbage"}
    assert {each.verdict for each in told[1:]} == {"refused"}
    assert await kinds(hub, 9986) == []


@pytest.mark.parametrize("family", ["opencps-lgsp", "opencps-mapi"])
async def test_what_an_opencps_one_stop_opens_the_land_system_takes_although_no_officer_is_named(
    hub: House, family: str
) -> None:
    await played(hub, family, 1)
    known = await hub.store.known(PROVINCE, code_of(1))
    found = await hub.store.dossier(known.dossier) if known else None
    assert found
    kept = await hub.store.payloads(found.messages[0].transfers[0])
    assert kept
    opened = from_json(kept.canonical)
    assert opened.dossier
    ours = replace(
        opened.dossier.procedure or Procedure(), local="QNA-DD-0123"
    )  # as the hub says it to its recipient
    bare = replace(opened, dossier=replace(opened.dossier, documents=(), procedure=ours))
    draft = hub.parts.codecs["dat-dai-vbdlis"].encode("tiepnhan", bare, "k")
    assert "NguoiTiepNhan" not in json.loads(draft.payload)
    land = Vbdlis(Journal(None, lambda: NOW), clock=lambda: NOW)
    heads = {"content-type": "application/json"}
    call = Call(method="POST", path="/tiepnhan/x", query="", headers=heads, body=draft.payload)
    said = land.answer(call)
    assert json.loads(said.body)["status"]["success"], said.body


async def test_a_story_is_told_as_far_as_is_asked_and_the_dossier_stands_there(hub: House) -> None:
    told = await played(hub, "opencps-lgsp", 1, until="SyncDocument:new")
    assert [each.operation for each in told] == ["greeting", "SyncDocument:new"]
    assert await kinds(hub, 1) == ["received"]
    backwards = await played(hub, "opencps-lgsp", 9985, until="SyncDocument:new")
    assert [each.operation for each in backwards] == ["greeting", "SyncDocument:new"]


async def test_a_call_that_breaks_off_or_goes_nowhere_is_heard_as_nothing(hub: House) -> None:
    caller = OpenCpsLgsp("")
    assert (await say(f"{hub.url}/lgsp", caller.greeting(), Manner(hears=False))).status == 0
    assert (await say("http://127.0.0.1:1", caller.greeting())).status == 0
    assert caller.verdict("SyncDocument:new", await say("http://127.0.0.1:1", caller.greeting())) == "unclear"

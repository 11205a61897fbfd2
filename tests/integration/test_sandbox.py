"""The sandbox's partners by their own partner files, through the real rooms: well behaved, and by magic numbers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from connectors import catalogue
from connectors.contract import (
    Deferred,
    Delivered,
    Missed,
    Numbers,
    Parcel,
    Picked,
    Refused,
    Sealed,
    Taken,
    Unsure,
)
from connectors.simulators import sandbox
from connectors.simulators.axis import LODGE
from connectors.simulators.callers import CALLERS
from connectors.simulators.calling import Ask, say
from connectors.simulators.desk import Call
from connectors.simulators.magic import FOREVER, MAGIC, called
from connectors.simulators.offices import OFFICES
from connectors.simulators.orders import KINDS
from hub.demo.scene import build
from hub.wiring.declared import declared
from hub.wiring.validating import check_partner
from schemas.dossier import from_json
from schemas.library import BUILTIN
from schemas.mapping import mappings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from connectors.contract import Outcome
    from connectors.simulators.sandbox import Place
    from hub.wiring.declared import Declared

GOLDEN = Path(__file__).parents[1] / "golden" / "full"
SAID = {
    "mot-cua": ("motcua.rest@1", "ThongDiep"),
    "dat-dai-soap": ("land.soap@1", "TiepNhanHoSo"),
    "dat-dai-vbdlis": ("vbdlis.rest@1", "tiepnhan"),
    "dvcqg-g1": ("dvcqg.g1@1", "DongBoHoSoMC"),
    "dvcqg-g2": ("dvcqg.g2@1", "ThemMoiHoSo"),
    "truc-vxp": ("edxml.qcvn102@1", "VanBan"),
    "thue-gip": ("gip.data@1", "TruyVan"),
    "lgsp-mot-cua": ("motcua.rest@1", "ThongDiep"),
    "dvcqg-g1plus": ("dvcqg.g1plus@1", "DongBoHoSoMC"),
    "dvcqg-ket-noi": ("dvcqg.g1@1", "DongBoHoSoMC"),
    "dvcqg-ba-lenh": ("dvcqg.g1@1", "DongBoHoSoMC"),
    "opencps-mot-cua": ("opencps.rest@1", "actions"),
    "dvcqg-g2-2026": ("dvcqg.g2@2", "ThemMoiHoSo"),
    "truclienthong": ("edxml.qcvn102@1", "VanBan"),
}
MANUAL = Path(__file__).parents[2] / "docs" / "howto" / "sandbox.md"
FIRST = 1 + FOREVER
"""Of the numbers at which a partner always misbehaves."""


@dataclass
class Box:
    places: Sequence[Place]
    what: Declared

    async def deliver(self, name: str, number: int, times: int = 1) -> list[Outcome]:
        """Hand the partner one dossier whose code ends in this number, as often as asked."""
        partner = next(one for one in self.what.partners if one.id == name)
        receives, room = partner.receives, catalogue.ROOMS[partner.room]
        assert receives is not None
        assert partner.settings is not None
        ref, operation = SAID[name]
        message = from_json((GOLDEN / f"{ref}.{operation}.canonical.json").read_bytes())
        assert message.dossier is not None
        code = f"000.00.00.H47-261123-{number:04d}"
        unsaid = dict.fromkeys(("submitted_where", "digitised", "identity_verified", "paid_online"))
        dossier = replace(message.dossier, code=code, documents=(), papers=(), results=(), **unsaid)
        message = replace(message, dossier=dossier, extensions={})
        key = f"01K9:{name}:{number}"
        codec = room.build(partner.settings, self.what.formats[receives.mapping])
        draft = codec.encode(operation, message, key)
        if isinstance(codec, Numbers):
            draft = codec.number(draft, number, datetime.now(UTC))
        sealed = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
        parcel = Parcel(key=key, operation=operation, sealed=sealed, dossier=code)
        outfit = catalogue.Outfit(
            library=self.what.library, now=lambda: datetime.now(UTC), seconds=time.monotonic
        )
        connector = room.connect(partner.settings, receives.replies, outfit)
        try:
            return [await connector.deliver(parcel) for _ in range(times)]
        finally:
            await connector.close()

    def processed(self, name: str) -> int:
        place = next(one for one in self.places if one.name == name)
        return len(place.journal.read_bytes().splitlines()) if place.journal.exists() else 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Box:
    tmp_path = tmp_path_factory.mktemp("sandbox")
    places = sandbox.prepare(tmp_path / "box", 0)
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    text = scene.settings.read_text("utf-8")
    scene.settings.write_text(text.replace('"partners"', f'"{tmp_path / "box" / "partners"}"'), "utf-8")
    assert [check_partner(scene.settings, place.file) for place in places] == [()] * len(places)
    return Box(places, declared(scene.settings))


@pytest.fixture
async def box(made: Box, name: str) -> AsyncIterator[Box]:
    """Let the partner of this name answer."""
    async with sandbox.running([place for place in made.places if place.name == name]):
        yield made


def test_every_family_has_a_partner_file_and_every_number_a_kind() -> None:
    assert {file.stem for file in sandbox.EXAMPLES.glob("*.toml")} == set(sandbox.FAMILIES) == set(SAID)
    assert {magic.order.kind for magic in MAGIC.values()} <= set(KINDS)
    assert max(MAGIC) < FOREVER


HUBS = {"edge"}
"""The partner of this room is a hub of the same kind: ``tests/integration/hubs.py`` starts as many as are wanted."""


def test_no_room_desk_or_format_of_the_hub_is_without_a_simulated_partner() -> None:
    def said(*names: str) -> dict[str, dict[str, Any]]:
        files = {file.stem: file for file in sandbox.EXAMPLES.rglob("*.toml")}
        return {name: tomllib.loads(files[name].read_text("utf-8")) for name in names}

    everybody = said(*sandbox.FAMILIES, *CALLERS, *OFFICES).values()
    assert {
        one["room"] for one in said(*sandbox.FAMILIES, *OFFICES).values()
    } == catalogue.ROOMS.keys() - HUBS
    assert {calling.desk for calling in CALLERS.values()} == catalogue.DESKS.keys()
    spoken = {one["receives"]["mapping"] for one in everybody if "receives" in one}
    heard = {one["sends"]["format"] for one in everybody if "sends" in one}
    assert mappings(BUILTIN / "mappings").keys() <= spoken | heard, "examples/sandbox: who speaks it?"


def test_the_manual_says_of_every_family_how_it_is_started() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| ([^|]+) \|$", MANUAL.read_text("utf-8"), re.MULTILINE)
    started = {
        name: {
            how
            for how, table in (("sandbox", sandbox.FAMILIES), ("play", {*CALLERS, *OFFICES}))
            if name in table
        }
        for name in (*sandbox.FAMILIES, *CALLERS, *OFFICES)
    }
    assert {name: set(re.findall("[a-z]+", how)) for name, how in rows} == started


@pytest.mark.parametrize("name", sandbox.FAMILIES)
async def test_a_partner_of_the_sandbox_takes_a_dossier_and_misbehaves_by_its_number(
    box: Box, name: str
) -> None:
    (taken,) = await box.deliver(name, 1)
    assert isinstance(taken, Delivered), [one.received for one in taken.exchanges]
    before = box.processed(name)
    assert before
    if not sandbox.FAMILIES[name].numbered:
        assert [type(each) for each in await box.deliver(name, 9902)] == [Delivered]
        return
    (unsure,) = await box.deliver(name, 9902)
    assert isinstance(unsure, Unsure)
    assert box.processed(name) > before
    first, second = await box.deliver(name, 9903, times=2)
    assert isinstance(first, Unsure)
    assert isinstance(second, Delivered), "it goes wrong once"
    assert not [one for one in await box.deliver(name, 9953, times=2) if isinstance(one, Delivered)]
    (later,) = await box.deliver(name, 9906)
    assert isinstance(later, Deferred)
    (no,) = await box.deliver(name, 9901)
    assert isinstance(no, Refused | Unsure)


@pytest.mark.parametrize("name", ["truc-vxp", "truclienthong"])
async def test_what_lies_on_an_axis_is_picked_up_and_misbehaves_by_its_number(box: Box, name: str) -> None:
    (place,) = (one for one in box.places if one.name == name)
    partner = next(one for one in box.what.partners if one.id == name)
    collect = catalogue.ROOMS[partner.room].collect
    assert collect is not None
    assert partner.settings is not None
    outfit = catalogue.Outfit(library=box.what.library, now=lambda: datetime.now(UTC), seconds=time.monotonic)
    collector = collect(partner.settings, outfit)
    document = (GOLDEN.parent / "edxml" / "document.xml").read_text("utf-8")
    document = document.replace("000.00.15.H47-190412-0007", "000.00.15.H47-190412-9903")
    raw = document.replace("<edXML:OrganId>000.00.15.H47", f"<edXML:OrganId>{partner.agency}").encode()
    lodged = await say(place.address, Ask(path=f"{LODGE}?from={partner.agency}&kind=edoc", body=raw))
    assert lodged.status == 200
    try:
        first, second = [[one async for one in collector.collect(1 << 20)] for _ in range(2)]
        assert [one for one in first if isinstance(one, Missed)], "an HTML page instead of the document"
        (picked,) = [one for one in second if isinstance(one, Picked) and one.body == raw]
        assert await collector.settle(picked, Taken()) is None
        await box.deliver(name, 2)
        ready = [one async for one in collector.collect(1 << 20) if isinstance(one, Picked)]
        assert f"01K9:{name}:2" in {one.receipt.key for one in ready if one.receipt}, "its addressee's 01"
        assert raw not in [one.body for one in ready]
    finally:
        await collector.close()
    said = [json.loads(line)["operation"] for line in place.journal.read_bytes().splitlines()]
    told = ["lodged", "sendStatus", "updateStatus", "sendEdoc", "lodged", "lodged"]
    assert said[-len(told) :] == told


def test_a_number_is_found_wherever_a_call_says_it() -> None:
    def call(path: str = "/", body: bytes = b"", query: str = "") -> Call:
        return Call(method="POST", path=path, query=query, headers={}, body=body)

    code = "000.00.15.H47-261123-9907"
    assert called(call(body=f"<Ma>{code}</Ma>".encode())) == (code, 7)
    assert called(call(path=f"/x/{code}")) == (code, 7)
    assert called(call(query=f"ma={code.replace('-', '%2D')}")) == (code, 7)
    assert called(call(body=b'{"data":"PGRvc3NpZXI+MDAwLjAwLjE1Lkg0Ny0yNjExMjMtOTkwNzwvZG9zc2llcj4="}')) == (
        code,
        7,
    )
    for said in ("000.00.15.H47-261123-0007", "000.00.15.H47-261123-99071", "không có mã"):
        assert called(call(body=said.encode())) is None


def until(last: str, lines: Iterable[str]) -> Iterator[str]:
    """Give the lines up to this one; what ends before it says less, and that is seen."""
    for line in lines:
        yield line
        if line == last:
            return


def test_the_command_runs_until_it_is_told_to_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hub.cli.main", "sandbox", "--json", "--directory"]
    own = [*command, str(tmp_path), "--first-port", "0"]
    with subprocess.Popen(own, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        places = json.loads("".join(until("]\n", process.stdout)))
        ports = [place["address"].rpartition(":")[2] for place in places]
        assert len(set(ports)) == len(sandbox.FAMILIES)
        taken = [*command, str(tmp_path / "other"), "--first-port", ports[0]]
        again = subprocess.run(taken, capture_output=True, check=False)
        assert again.returncode == 1, "a port of it is taken"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert all(Path(place["file"]).is_file() for place in places)

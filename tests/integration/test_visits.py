"""Offices without a system, going to the hub for what is theirs: well behaved, and by the dossier's number."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from connectors import catalogue
from connectors.contract import Delivered, Parcel, Picked, Reason, Sealed, Taken, TurnedAway
from connectors.simulators import sandbox
from connectors.simulators.desk import Journal
from connectors.simulators.magic import FOREVER, MAGIC
from connectors.simulators.offices import OFFICES, Seat
from connectors.simulators.tricks import TRICKS
from connectors.simulators.visiting import HABITS, WELL
from hub.delivery.decide import Policy
from hub.delivery.delivery import Delivery
from hub.delivery.sealing import Pool, Unsigned, Workbench, seal
from hub.partners.partner import capacities
from schemas.library import BUILTIN, Library
from schemas.mapping import mappings
from schemas.problems import Refusal
from tests.doubles.pki import Pki
from tests.integration.delivery_house import Partner, until
from tests.integration.intake_house import PROVINCE, House, house, partner_files, parts
from tests.integration.test_publishing import published

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from connectors.contract import Collector, Connector, Fate
    from connectors.simulators.tricks import Played
    from hub.delivery.sealing import Order
    from schemas.problems import Problem
    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
BOXES, SHARE = ("phong-hop-thu", "phong-soap"), "phong-thu-muc"
GARBAGE = "what is no message"
LISTS = "phong-danh-muc"
TRIAL = {"Lienthong-Trial": "true"}


def code_of(number: int) -> str:
    return f"{PROVINCE}-261123-{number:04d}"


def steps(told: Sequence[Played]) -> list[tuple[str, str, str]]:
    assert [each for each in told if not each.expected] == []
    return [(each.operation, each.way, each.verdict) for each in told if each.operation != "list"]


def test_every_office_has_a_partner_file_and_numbers_of_its_own() -> None:
    assert {file.stem for file in (sandbox.EXAMPLES / "offices").glob("*.toml")} == OFFICES.keys()
    assert not HABITS.keys() & (TRICKS.keys() | MAGIC.keys())
    assert max(HABITS) < FOREVER
    assert len({habit.kind for habit in HABITS.values()}) == len(HABITS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    place = tmp_path_factory.mktemp("house")
    folder = partner_files(place / "partners", Pki(place, NOW)["seal-2048"].certificate_file)
    (folder / "land.toml").unlink()  # one of the offices decides for that agency
    for name in (*BOXES, LISTS):
        text = (sandbox.EXAMPLES / "offices" / f"{name}.toml").read_text("utf-8")
        secret = hashlib.sha256(name.encode()).hexdigest()
        (folder / f"{name}.toml").write_text(text.replace("0" * 64, secret), "utf-8")
    return parts(folder)


@asynccontextmanager
async def working(hub: House) -> AsyncIterator[None]:
    """A worker that lays letters out."""
    await hub.store.capacities([one for one in capacities(hub.parts.partners) if one.partner in BOXES])
    bench = Workbench(codecs=hub.parts.codecs, sealers=dict.fromkeys(hub.parts.codecs, Unsigned()))

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        return [seal(bench, order) for order in orders]

    worker = Delivery(
        name="w",
        store=hub.store,
        sealery=Pool(run),
        routes=dict.fromkeys(BOXES, Partner(policy=Policy(schedule=(), fetches=True))),
        codec_of=hub.parts.codecs.get,
        now=lambda: NOW,
        uniform=lambda low, _: low,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


@pytest.mark.parametrize("name", BOXES)
async def test_a_mailbox_is_emptied_letter_by_letter_whatever_the_office_does(
    made: Parts, tmp_path: Path, name: str
) -> None:
    (tmp_path / "letters").mkdir()
    desks = {"desks": {"/soap": catalogue.DESKS["soap"]}}
    async with house(tmp_path, made, lambda: NOW, more=desks) as hub, working(hub):
        place = Seat(hub.url, name, tmp_path / "letters", Journal(tmp_path / "journal", lambda: NOW))

        async def lying(least: int) -> None:
            async def there() -> bool:
                return len(await hub.store.mailbox.letters(name, after="", limit=99)) >= least

            await until(there)

        async def round_() -> list[Played]:
            return [each async for each in OFFICES[name].make(place).round(NOW)]

        for number, habit in HABITS.items():
            code = code_of(9900 + number)
            assert (await hub.post(hub.received(code), key=code, headers=TRIAL)).status == 202
            await lying(1)
            again = not {"acknowledge", "refuse"} & set(habit.steps)
            said = {"early": "refused", "misquote": "refused"}
            assert steps(await round_()) == [
                (step, habit.kind, said.get(step, "taken")) for step in habit.steps if step != "keep"
            ]
            assert steps(await round_()) == [
                (step, "well", "taken") for step in WELL if again and step != "keep"
            ]
        entries = Journal(tmp_path / "journal", lambda: NOW).entries
        kept = [9900 + number for number, habit in HABITS.items() if habit.kind != "refuses"]
        assert [entry.dossier for entry in entries] == [code_of(number) for number in kept], (
            "each letter once"
        )
        assert await hub.store.conservation() == ()
        assert (await hub.post(hub.received(code_of(9980)), key="always", headers=TRIAL)).status == 202
        await lying(1)
        assert {steps(await round_())[-1] for _ in range(2)} == {("die", "dies-kept", "taken")}


async def test_a_subscriber_has_each_catalogue_once_and_what_it_passes_by_is_seen(
    made: Parts, tmp_path: Path
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        letters = tmp_path / "catalogues"
        letters.mkdir()
        journal = Journal(tmp_path / "journal", lambda: NOW)

        async def round_(number: int = 1) -> list[Played]:
            place = Seat(hub.url, LISTS, letters, journal, code_of(number))
            return [each async for each in OFFICES[LISTS].make(place).round(NOW)]

        for version, (number, habit) in enumerate(HABITS.items(), 1):
            await published(hub.store, version)
            done = [step for step in habit.steps if step not in {"keep", "refuse"}]
            told = {"misquote": "refused"}
            assert steps(await round_(9900 + number)) == [
                (step, habit.kind, told.get(step, "taken")) for step in done
            ]
            used = {each.version for each in await hub.store.catalogues.had() if each.acknowledged_at}
            assert (version in used) == bool({"acknowledge", "early"} & set(done)), habit.kind
            again = [step for step in WELL if "acknowledge" not in done and step != "keep"]
            assert steps(await round_()) == [(step, "well", "taken") for step in again]
        had = await hub.store.catalogues.had("procedures")
        assert [each.version for each in had if each.acknowledged_at] == [*range(1, 1 + len(HABITS))]
        assert [entry.key for entry in journal.entries] == [f"procedures@{each.version}" for each in had]


class Share:
    """The two folders, and the hub's room at the other end of them."""

    def __init__(self, folder: Path, clock: list[datetime]) -> None:
        sandbox.prepare(folder)
        self.seat = sandbox.seat(folder, SHARE, "")
        room = catalogue.ROOMS["folder"]
        assert room.collect
        own = self.seat.folder
        settings = room.settings.model_validate({"outbox": own / "out", "inbox": own / "in", "settles": 1})
        outfit = catalogue.Outfit(library=Library(), now=lambda: clock[0], seconds=time.monotonic)
        self.drops: Connector = room.connect(settings, (), outfit)
        self.words = mappings(BUILTIN / "mappings")["lienthong.message@1"]
        self.picks: Collector = room.collect(settings, outfit)

    async def laid(self, code: str) -> None:
        told = {"event": {"kind": "received", "at": "2026-11-23T01:00:00Z"}, "dossier": {"code": code}}
        body = json.dumps({**told, "key": "k", "sender": "hub", "agency": "x"}).encode()
        sealed = Sealed(payload=body, media_type="application/json")
        parcel = Parcel(key=f"01K9:{code}", operation="message", sealed=sealed, dossier=code)
        assert isinstance(await self.drops.deliver(parcel), Delivered)

    async def round(self) -> list[Played]:
        return [each async for each in OFFICES[SHARE].make(self.seat).round(NOW)]

    async def heard(self) -> list[tuple[str, str]]:
        """What the hub picks up, read as intake reads it; what it cannot read is set aside."""
        said: list[tuple[str, str]] = []
        async for one in self.picks.collect(1 << 20):
            assert isinstance(one, Picked)
            fate: Fate = Taken()
            try:
                message = self.words.read(one.body, SHARE, one.key, "000.00.09.H47")
                said.append((message.event.kind, one.key))
            except Refusal:
                said.append((GARBAGE, one.key))
                fate = TurnedAway(reason=Reason(code="HUB-SCH-001"))
            assert await self.picks.settle(one, fate) is None
        return said


async def test_a_shared_folder_is_emptied_file_by_file_whatever_the_office_does(tmp_path: Path) -> None:
    clock = [NOW]
    share = Share(tmp_path, clock)
    for number, habit in HABITS.items():
        await share.laid(code_of(9900 + number))
        done = [step for step in habit.steps if step != "early"]
        assert steps(await share.round()) == [(step, habit.kind, "taken") for step in done]
        again = not {"acknowledge", "refuse"} & set(done)
        assert steps(await share.round()) == [(step, "well", "taken") for step in WELL if again]
        clock[0] = datetime.now(UTC) + timedelta(seconds=5)
        told = {"refuses": {"refused_at_reception"}, "misquotes": {GARBAGE, "step"}}
        said = set(await share.heard())
        assert {kind for kind, _ in said} == told.get(habit.kind, {"step"})
        assert len(said) == len({kind for kind, _ in said}), "said twice, it is the same"
    entries = share.seat.journal.entries
    assert [entry.dossier for entry in entries] == [code_of(9900 + number) for number in HABITS]

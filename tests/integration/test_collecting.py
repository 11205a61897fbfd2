"""What lies at a partner is picked up once, marked only when it is durable here, and never lost by whatever breaks between."""

from __future__ import annotations

import hashlib
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.contract import Enclosed, Missed, Picked, Reason, Taken, TurnedAway
from connectors.folder.pickup import PickUp
from connectors.folder.settings import Settings as FolderSettings
from connectors.reach import Reach
from hub.metrics.page import page
from hub.partners import reading
from hub.partners.world import World
from hub.rounds.collecting import chore, last_good
from schemas.problems import Refusal, refuse
from tests.doubles.pki import Pki
from tests.integration import collecting_house
from tests.integration.collecting_house import NOON, Cut, messages
from tests.integration.intake_house import PROVINCE, house, partner_files, parts, sender

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from connectors.contract import Fate
    from hub.intake.intake import Intake
    from hub.judging.contract import Answers, Meant
    from hub.store.contract.intake import Accepted
    from tests.integration.intake_house import House, Parts


class Shelf:
    """A partner whose messages lie there until they are settled. ``breaks``: what cannot be fetched or told just now."""

    def __init__(self) -> None:
        self.lies: dict[str, Picked] = {}
        self.settled: dict[str, Fate] = {}
        self.breaks: set[str] = set()
        self.dies: set[str] = set()

    def put(self, name: str, body: dict[str, Any] | bytes, **more: Any) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.lies[name] = Picked(id=name, body=raw, media_type="application/json", key=name, **more)

    async def collect(self, limit: int) -> AsyncGenerator[Picked | Missed]:
        assert limit == 1 << 20
        for name in list(self.lies):
            if f"fetch {name}" in self.breaks:
                yield Missed(reason=Reason(code="HUB-NET-003", detail="timeout"))
            else:
                yield self.lies[name]

    async def settle(self, picked: Picked, fate: Fate) -> Missed | None:
        if f"settle {picked.id}" in self.dies:
            raise Cut
        if f"settle {picked.id}" in self.breaks:
            return Missed(reason=Reason(code="HUB-NET-001"))
        self.settled[picked.id] = fate
        del self.lies[picked.id]
        return None

    async def close(self) -> None: ...


class Worker(collecting_house.Worker):
    """One that picks up from a shelf."""

    def __init__(self, hub: House, intake: Intake, shelf: Shelf, name: str = "w1") -> None:
        super().__init__(hub, intake, shelf, name)
        self.shelf = shelf


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    pki = Pki(folder, NOON)
    return parts(partner_files(folder / "partners", pki["seal-p256"].certificate_file))


@asynccontextmanager
async def worker(folder: Path, made: Parts) -> AsyncIterator[Worker]:
    kept: list[Intake] = []

    def keep(intake: Intake) -> Intake:
        kept.append(intake)
        return intake

    async with house(folder, made, lambda: NOON, intake=keep) as hub:
        yield Worker(hub, kept[0], Shelf())


async def test_what_lies_there_is_taken_once_and_told(tmp_path: Path, made: Parts) -> None:
    async with worker(tmp_path, made) as one:
        one.shelf.put("a", one.hub.received())
        one.shelf.put("b", one.hub.received())
        assert await one.round() == 2
        assert [type(fate) for fate in one.shelf.settled.values()] == [Taken, Taken]
        assert await one.trouble() == ()
        assert await one.round() == 0
        assert await messages(one.hub) == 2


async def test_a_partner_that_could_not_be_told_offers_it_again_and_it_is_not_doubled(
    tmp_path: Path, made: Parts
) -> None:
    async with worker(tmp_path, made) as one:
        one.shelf.put("a", one.hub.received())
        one.shelf.breaks.add("settle a")
        assert await one.round() == 0
        assert await one.trouble() == ("HUB-NET-001",)
        one.shelf.breaks.clear()
        assert await one.round() == 1
        assert await messages(one.hub) == 1


async def test_a_process_that_dies_between_taking_and_telling_loses_and_doubles_nothing(
    tmp_path: Path, made: Parts
) -> None:
    async with worker(tmp_path, made) as one:
        one.shelf.put("a", one.hub.received())
        one.shelf.dies.add("settle a")
        with pytest.raises(Cut):
            await one.round()
        assert await messages(one.hub) == 1
        one.shelf.dies.clear()
        other = Worker(one.hub, one.intake, one.shelf, "w2")
        assert await other.round() is None  # the turn of the dead one still runs
        other.now = datetime(2026, 11, 20, 5, 10, tzinfo=UTC)
        assert await other.round() == 1
        assert await messages(one.hub) == 1


async def test_what_intake_refuses_is_told_and_noted_once(tmp_path: Path, made: Parts) -> None:
    async with worker(tmp_path, made) as one:
        one.shelf.put("bad", b"{}")
        one.shelf.put("good", one.hub.received())
        one.shelf.breaks.add("settle bad")
        assert await one.round() == 1  # what is wrong with one keeps no other waiting
        one.shelf.breaks.clear()
        assert await one.round() == 1
        fate = one.shelf.settled["bad"]
        assert isinstance(fate, TurnedAway)
        assert fate.reason.code.startswith("HUB-SCH-")
        noted = await one.hub.store.refused(sender="desk")
        assert [row.code for row in noted] == [fate.reason.code]
        assert one.counts.snapshot()["intake", ("desk", fate.reason.code)] == 1


async def test_what_moves_nothing_and_reaches_nobody_is_told_so_and_is_seen(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("finishes")
    folder = partner_files(place / "partners", Pki(place, NOON)["seal-p256"].certificate_file)
    says = sender("desk", PROVINCE, [PROVINCE], kinds=["received", "finished"])
    (folder / "desk.toml").write_text(says)
    async with worker(tmp_path, parts(folder)) as one:
        code = one.hub.code()
        one.shelf.put("a", one.hub.received(code))
        one.shelf.put("b", one.hub.message("finished", code))
        one.shelf.breaks.add("settle b")
        assert await one.round() == 1
        one.shelf.breaks.clear()
        assert await one.round() == 1  # offered again it is told the same
        assert isinstance(one.shelf.settled["a"], Taken)
        fate = one.shelf.settled["b"]
        assert isinstance(fate, TurnedAway)
        assert fate.reason.code == "HUB-DOS-004"
        view = await one.hub.store.dossier(code)
        assert view is not None
        assert [each.quarantine for each in view.messages] == ["", "HUB-DOS-004"]
        found = await one.hub.store.inspect(NOON)
        assert (found.strays, found.stray) == (1, (code, "HUB-DOS-004"))


async def test_what_the_hub_cannot_take_just_now_stays_where_it_lies(tmp_path: Path, made: Parts) -> None:
    async with worker(tmp_path, made) as one:
        one.shelf.put("a", one.hub.received())
        take = one.take

        async def full(partner: str, picked: Picked, _: Meant | Answers | None = None) -> Accepted:
            raise refuse("HUB-LIM-003", partner, rule=picked.id)

        one.collecting._take = full
        assert await one.round() == 0
        assert "a" in one.shelf.lies
        assert await one.trouble() == ("HUB-LIM-003",)
        assert await one.hub.store.refused() == ()
        one.collecting._take = take
        assert await one.round() == 1


async def test_what_meets_a_defect_keeps_nothing_behind_it_waiting(tmp_path: Path, made: Parts) -> None:
    async with worker(tmp_path, made) as one:
        one.shelf.put("a", one.hub.received())
        one.shelf.put("b", one.hub.received())
        take = one.take

        async def broken(partner: str, picked: Picked, _: Meant | Answers | None = None) -> Accepted:
            if picked.id == "a":
                raise KeyError(partner)
            return await take(partner, picked)

        one.collecting._take = broken
        assert await one.round() == 1
        assert list(one.shelf.settled) == ["b"]
        assert await one.trouble() == ("HUB-INT-001",)


async def test_what_cannot_be_handed_in_at_all_is_turned_away_unread(tmp_path: Path, made: Parts) -> None:
    async with worker(tmp_path, made) as one:
        one.shelf.put("a", one.hub.received(), fault=Reason(code="HUB-LIM-001"))
        assert await one.round() == 1
        assert one.shelf.settled["a"] == TurnedAway(reason=Reason(code="HUB-LIM-001"))
        assert await messages(one.hub) == 0


async def test_files_inside_are_the_hubs_before_the_message_that_names_them(
    tmp_path: Path, made: Parts
) -> None:
    async with worker(tmp_path, made) as one:
        content = b"%PDF-1.4\n"
        digest = hashlib.sha256(content).hexdigest()
        body = one.hub.received(documents=[{"id": "d1", "name": "don.pdf", "sha256": digest}])
        one.shelf.put("bare", body)
        assert await one.round() == 1
        assert one.shelf.settled["bare"] == TurnedAway(
            reason=Reason(code="HUB-DOC-001", detail="/dossier/documents/0/sha256")
        )
        enclosed = Enclosed(sha256=digest, content=content, media_type="application/pdf", name="don.pdf")
        one.shelf.put("whole", body, enclosed=(enclosed, enclosed))
        assert await one.round() == 1
        assert isinstance(one.shelf.settled["whole"], Taken)
        (held,) = await one.hub.store.documents.held()
        assert (held.sha256, held.owners) == (digest, 1)


async def test_one_that_cannot_be_fetched_keeps_no_other_waiting_and_is_said(
    tmp_path: Path, made: Parts
) -> None:
    async with worker(tmp_path, made) as one:
        one.shelf.put("a", one.hub.received())
        one.shelf.put("b", one.hub.received())
        one.shelf.breaks.add("fetch a")
        assert await one.round() == 1
        assert await one.trouble() == ("HUB-NET-003",)
        assert list(one.shelf.settled) == ["b"]


async def test_a_figure_tells_for_how_long_nothing_could_be_picked_up(tmp_path: Path, made: Parts) -> None:
    async with worker(tmp_path, made) as one:
        await one.round()
        one.shelf.put("a", one.hub.received())
        one.shelf.breaks.add("fetch a")
        one.now = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
        await one.round()
        one.now = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
        await one.round()
        said = await one.hub.store.verdict(chore("desk"))
        assert said is not None
        assert last_good(said) == datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
        shown = await page(one.hub.store, one.now, version="1", free=lambda: 1, collected=["desk"])
        assert b'lienthong_collect_age_seconds{partner="desk"} 7200.0' in shown


COLLECTED = """id = "axis"
agency = "000.00.15.H47"
room = "shelf"
name = { vi = "trục", en = "axis" }
[sends]
format = "lienthong.message@1"
kinds = ["received"]
authority = "000.00.15.H47"
[sends.collect]
every = "30s"
[sends.shelf]
base_url = "https://axis.example"
"""


def test_who_is_picked_up_from_needs_no_way_in_and_a_room_that_goes_there(tmp_path: Path) -> None:
    file = tmp_path / "axis.toml"
    file.write_text(COLLECTED, "utf-8")
    world = World(
        rooms={"shelf": Reach},
        mappings=frozenset(),
        keys=frozenset(),
        agency=lambda _: True,
        collecting=frozenset({"shelf"}),
    )
    axis = reading.read(file, world)
    assert axis.sends is not None
    assert axis.sends.collect is not None
    assert axis.sends.collect.every == 30.0
    assert isinstance(axis.settings, Reach)
    with pytest.raises(Refusal) as refused:
        reading.read(file, msgspec.structs.replace(world, collecting=frozenset({"folder"})))
    (problem,) = refused.value.problems
    assert (problem.line, problem.rule) == (9, "a room that picks up: folder")


async def test_files_of_a_folder_are_taken_in_and_what_is_refused_lies_beside_its_reason(
    made: Parts, tmp_path: Path
) -> None:
    corner = tmp_path / "inbox" / ".lienthong"
    corner.mkdir(parents=True)
    async with worker(tmp_path / "hub", made) as one:
        room = PickUp(
            FolderSettings(inbox=tmp_path / "inbox"), lambda: datetime.now(UTC) + timedelta(hours=1)
        )
        one.stop = msgspec.structs.replace(one.stop, collector=room)
        code = one.hub.code()
        (tmp_path / "inbox" / "good.json").write_text(json.dumps(one.hub.received(code)), "utf-8")
        (tmp_path / "inbox" / "bad.json").write_bytes(b"{")
        assert await one.round() == 2
        assert await one.round() == 0
        known = await one.hub.store.known(PROVINCE, code)
        assert known is not None
        (refused,) = await one.hub.store.refused(sender="desk")
        assert refused.code == "HUB-SCH-001"
        names = sorted(each.name.partition("-")[2].partition("-")[2] for each in listed(corner / "rejected"))
        assert names == ["bad.json", "bad.json.reason.json"]
        assert listed(corner / "claimed") == []


def listed(folder: Path) -> list[Path]:
    return list(folder.iterdir())

"""A version goes down: made and signed where something changed, believed, fetched and put in force below."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.replicating import laying
from hub.settings import file as settings_file
from hub.settings import replica
from hub.store.contract.catalogues import Version
from hub.store.sqlite import store as sqlite
from hub.wiring import declared
from hub.wiring.evidence import confirming
from hub.wiring.replicas import giving, taking
from schemas.problems import Refusal
from tests.doubles.pki import Pki
from tests.store.samples import numbered_ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.replicating.giving import Giving
    from hub.replicating.taking import Taking
    from hub.settings.file import Settings
    from hub.store.contract.store import Store

NOW = datetime.now(UTC)
ABOVE = """
partners = "partners"
registries = "registries"
mappings = "mappings"
calendar = "calendar.toml"
[evidence]
key = "hub"
[keys.hub]
file = "../{name}.key"
certificate = "../{name}.pem"
"""
CALENDAR = """id = "h47"
version = "1"
[[day]]
date = 2026-03-24
works = false
reason = { vi = "Ngày truyền thống của tỉnh", en = "The province's own day" }
"""
AGENCY = "code,level,parent,vi,en,invented\nH47.77,department,000.00.00.H47,Sở Mới,A New Department,true\n"


class House:
    """A hub above and one below it, each with a store and a folder of its own; the line between them is a function call."""

    def __init__(self, folder: Path, above: Store, below: Store) -> None:
        self.pki = Pki(folder, NOW)
        assert all(self.pki[name] for name in ("seal-p256", "seal-non-repudiation"))
        self.folder, self.stores = folder, (above, below)
        (self.folder / "above" / "partners").mkdir(parents=True)
        (self.folder / "below" / "partners").mkdir(parents=True)
        self.say(ABOVE.format(name="seal-p256"))
        (folder / "above" / "calendar.toml").write_text(CALENDAR, "utf-8")
        (folder / "below" / "lienthong.toml").write_text('data = "data"\npartners = "partners"\n')
        self.asked: list[str] = []
        self.line: Giving | None = None

    def say(self, settings: str) -> None:
        (self.folder / "above" / "lienthong.toml").write_text(settings)

    def write(self, name: str, text: str) -> None:
        path = self.folder / "above" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    @property
    def below(self) -> Settings:
        return settings_file.load(self.folder / "below" / "lienthong.toml", {})

    def giving(self, hub: str = "H47") -> Giving:
        settings = settings_file.load(self.folder / "above" / "lienthong.toml", {})
        self.line = giving(self.stores[0], settings, hub, confirming(settings, frozenset))
        return self.line

    def taking(self, pinned: str = "seal-p256") -> Taking:
        return taking(self.stores[1], self.below, "H47", [self.folder / f"{pinned}.pem"])

    # the line
    async def newest_version(self) -> tuple[bytes, str] | None:
        assert self.line is not None
        return await self.line.shown.newest()

    async def version_file(self, sha256: str) -> bytes:
        assert self.line is not None
        self.asked.append(sha256)
        return await self.line.shown.file(sha256) or b""

    def knows(self, code: str) -> bool:
        return declared.registries_of(self.below)[0].known(code) is not None


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[House]:
    stores = [sqlite.open_store(folder / f"{name}.db", ids=numbered_ids(1)) for name in ("above", "below")]
    try:
        yield House(folder, *stores)
    finally:
        for store in stores:
            await store.close()


async def test_what_a_province_declares_stands_at_the_district_once_it_was_published(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.write("registries/agencies/2026-11-24-a.csv", AGENCY)
        document = b'{"catalogue":"codelist.x"}'
        version = Version(
            id="codelist.x",
            version=1,
            effective=NOW.date(),
            at=NOW,
            digest="",
            signature="",
            by="an",
            reason="",
        )
        await house.stores[0].catalogues.publish(version, document)
        assert not house.knows("H47.77")
        published = await house.giving().publish("an", "QD-1")
        assert published is not None
        took = await house.taking().round(house)
        assert (took.number, took.changed, took.problem) == (1, True, "")
        assert house.knows("H47.77")
        assert await house.stores[1].catalogues.document("codelist.x", 1) == document
        assert laying.read(replica.record(house.below)).number == 1


async def test_only_what_is_missing_is_fetched_and_the_same_version_is_nothing_new(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.write("registries/agencies/2026-11-24-a.csv", AGENCY)
        await house.giving().publish("an", "")
        await house.taking().round(house)
        first = len(house.asked)
        again = await house.taking().round(house)
        assert (again.fetched, again.changed) == (0, False)
        house.write("registries/agencies/2026-11-25-a.csv", AGENCY.replace("77", "78"))
        await house.giving().publish("an", "")
        took = await house.taking().round(house)
        assert (took.number, took.fetched, len(house.asked) - first) == (2, 1, 1)
        assert house.knows("H47.77")
        assert house.knows("H47.78")


async def test_a_line_that_breaks_costs_the_file_that_was_under_way(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        for number in range(80, 85):
            house.write(f"registries/agencies/2026-11-24-{number}.csv", AGENCY.replace("77", str(number)))
        await house.giving().publish("an", "")
        whole, fetch = set[str](), house.version_file

        async def breaking(sha256: str) -> bytes:
            if len(house.asked) % 2:
                house.asked.append("")
                raise ConnectionError("cut")
            assert sha256 not in whole
            whole.add(sha256)
            return await fetch(sha256)

        house.version_file = breaking  # type: ignore[method-assign]
        rounds = 0
        while not house.knows("H47.84"):
            rounds += 1
            try:
                await house.taking().round(house)
            except ConnectionError:
                continue
        assert rounds > 1


async def test_a_change_is_published_by_itself_once_it_stands_still(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.write("registries/agencies/2026-11-24-a.csv", AGENCY)
        makes = house.giving()
        assert await makes.round() is None
        first = await makes.round()
        assert first is not None
        assert await makes.round() is None
        house.write("registries/agencies/2026-11-25-a.csv", AGENCY.replace("77", "78"))
        assert await makes.round() is None
        second = await makes.round()
        assert second is not None
        assert (first.number, second.number) == (1, 2)


async def test_a_version_counts_from_its_day_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.write("registries/agencies/2026-11-24-a.csv", AGENCY)
        await house.giving().publish("an", "", NOW.date() + timedelta(days=30))
        takes = house.taking()
        assert (await takes.round(house)).changed is False
        assert not house.knows("H47.77")
        takes._now = lambda: NOW + timedelta(days=31)
        assert (await takes.put_in_force()).changed
        assert house.knows("H47.77")


async def test_a_version_that_somebody_else_signed_or_another_hub_made_is_not_believed(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        house.write("registries/agencies/2026-11-24-a.csv", AGENCY)
        await house.giving().publish("an", "")
        with pytest.raises(Refusal) as forged:
            await house.taking("seal-non-repudiation").round(house)
        await house.giving("H17").publish("an", "")
        with pytest.raises(Refusal) as foreign:
            await house.taking().round(house)
        assert [forged.value.code, foreign.value.code] == ["HUB-EDG-040"] * 2
        assert not house.knows("H47.77")


async def test_the_hubs_next_key_is_believed_because_the_one_before_it_said_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        both = ABOVE.partition("[keys.hub]")[0] + "".join(
            f'[[keys.hub.generations]]\nid = "{name[5:7]}"\nfile = "../{name}.key"\ncertificate = "../{name}.pem"\n{more}'
            for name, more in (
                ("seal-p256", ""),
                ("seal-non-repudiation", f"begins = {(NOW + timedelta(days=9)).isoformat()}\n"),
            )
        )
        house.say(both)
        await house.giving().publish("an", "")
        await house.taking().round(house)
        house.say(ABOVE.format(name="seal-non-repudiation"))
        await house.giving().publish("an", "")
        assert (await house.taking().round(house)).number == 2


async def test_a_version_with_which_the_sites_own_files_cannot_be_read_is_told_and_the_one_before_goes_on(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        house.write("registries/agencies/2026-11-24-a.csv", AGENCY)
        await house.giving().publish("an", "")
        await house.taking().round(house)
        own = replica.site(house.below) / "registries" / "agencies" / "2026-11-23-own.csv"
        own.write_text(AGENCY.replace("H47.77", "H47.99").replace("000.00.00.H47", "H47.77"), "utf-8")
        house.write("registries/agencies/2026-11-24-a.csv", AGENCY.replace("77", "78"))
        await house.giving().publish("an", "")
        took = await house.taking().round(house)
        assert (took.number, took.changed, took.problem) == (2, False, "HUB-EDG-043")
        assert house.knows("H47.77")
        assert house.knows("H47.99")
        own.unlink()
        assert (await house.taking().put_in_force()).changed


async def test_a_folder_that_this_hub_itself_cannot_read_is_given_to_nobody(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.write("registries/agencies/2026-11-24-a.csv", AGENCY.replace("department", "dpt"))
        with pytest.raises(Refusal):
            await house.giving().publish("an", "")
        assert await house.stores[0].replicas.versions() == ()

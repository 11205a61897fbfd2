"""Looking after a store is killed at each of its steps: what is left is the old or the new, and doing it again ends well."""

from __future__ import annotations

import asyncio
import os
import shutil
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from hub.store.contract.views import Filter
from hub.store.keeping import archive, backup, move, restore, verify
from hub.store.keeping.archive import SUFFIX
from hub.store.sql import retention
from hub.store.sql.times import micros
from hub.store.upkeep import Stage
from hub.store.vault import Vault
from hub.wiring.keeping import Keeping
from hub.wiring.master import MasterKey
from schemas.problems import Refusal
from tests.keeping.conftest import fresh_database
from tests.keeping.dying import deaths
from tests.keeping.places import LATER, PLACES, Place, busy, sqlite
from tests.store.samples import acceptance, at, delivered, roomy, sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from hub.store.contract.store import Store
    from tests.doubles.postgres import Cluster

pytestmark = pytest.mark.timeout(240)


def do(place: Place, work: Callable[[Store], Coroutine[Any, Any, Any]]) -> Any:
    """Open the store, do it, close it: nothing stays open across a fork."""

    async def run() -> Any:
        store = place.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def _messages(store: Store) -> set[str]:
    assert await store.conservation() == ()
    return {view.message for view in await store.transfers(Filter(limit=500))}


def messages(place: Place) -> set[str]:
    found: set[str] = do(place, _messages)
    return found


def copied(template: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(template, to)
    return to


class Site:
    """Where a hub lies that is killed again and again: a folder, for some engines a database; made anew from one template."""

    def __init__(self, engine: str, folder: Path, cluster: Cluster | None) -> None:
        self.template, self.folder = folder / "template", folder / "site"
        self.template.mkdir()
        self._engine, self._cluster = engine, cluster
        self._name = cluster.database() if cluster else ""
        self._kept = False
        self.database = cluster.conninfo(self._name) if cluster else ""

    def first(self, inside: str = "") -> Place:
        """Return the store of the template."""
        (self.template / inside).mkdir(exist_ok=True)
        return PLACES[self._engine](self.template / inside, self.database)

    def copy(self) -> None:
        copied(self.template, self.folder)
        if self._cluster and not self._kept:
            self._cluster.keep(self._name)
            self._kept = True
        elif self._cluster:
            self._cluster.bring_back(self._name)

    def place(self, inside: str = "") -> Place:
        return PLACES[self._engine](self.folder / inside, self.database)


@pytest.fixture(params=PLACES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    cluster = request.getfixturevalue("cluster") if request.param == "postgres" else None
    return Site(request.param, tmp_path, cluster)


def test_a_backup_that_was_killed_leaves_whole_archives_only_and_the_next_one_ends_well(
    site: Site, tmp_path: Path
) -> None:
    place = site.first()
    do(place, busy)
    to = tmp_path / "backup"
    dead = 0

    def prepare() -> Callable[[], object]:
        shutil.rmtree(to, ignore_errors=True)
        with place.keeper.writing() as db:
            db.execute("DELETE FROM chore")  # whoever was killed loses its turn after a minute
        return lambda: place.back_up(to)

    for _ in deaths(prepare, tmp_path):
        dead += 1
        for file in to.glob(f"*{SUFFIX}"):
            assert isinstance([*archive.read(file)][-1], archive.Manifest)
        with place.keeper.writing() as db:
            db.execute("DELETE FROM chore")
        place.clock = count(100 * dead)  # the child's clock stopped with it
        written = place.back_up(to)
        assert not [left for left in to.iterdir() if left.name.endswith(".part")]
        assert isinstance([*archive.read(written.path)][-1], archive.Manifest)
    assert dead >= 10
    assert messages(place) == {"m0", "m1", "m2", "m3", "m4", "m5"}
    assert not list(tmp_path.glob("*.copy-*-*"))


def test_a_restore_that_was_killed_leaves_the_old_store_or_the_new_one(site: Site, tmp_path: Path) -> None:
    place = site.first()
    do(place, busy)
    written = place.back_up(tmp_path / "backup")

    async def since(store: Store) -> None:
        await store.accept(acceptance("since", when=at(99)))

    do(place, since)
    old, new = messages(place), messages(place) - {"since"}
    seen = []

    def order(place: Place) -> object:
        told = restore.Order(file=written.path, replace=True, by="an", partners=())
        return restore.restore(place.keeper, told, now=place.now, prove=place.bodies().prove)

    def prepare() -> Callable[[], object]:
        site.copy()
        return lambda: order(site.place())

    for _ in deaths(prepare, tmp_path):
        left = site.place()
        left.clock = count(100)  # the child's clock stopped with it
        found = messages(left)
        assert found in (old, new)
        seen.append(found == new)
        assert verify.store(left.keeper, left.bodies(), whole=True).broken == ()
        order(left)
        assert messages(left) == new
    assert len(seen) >= 3
    assert seen == sorted(seen), "once the new one stands, it stays"


@pytest.mark.parametrize("to", PLACES)
def test_a_move_that_was_killed_never_leaves_two_hubs_on_one_queue(
    to: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    template = tmp_path / "template"
    template.mkdir()
    do(sqlite(template, ""), busy)
    wanted = messages(sqlite(template, ""))
    dead = 0
    places: list[Place] = []

    def prepare() -> Callable[[], object]:
        folder = copied(template, tmp_path / "site")
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        (tmp_path / "new").mkdir()
        old = sqlite(folder, "")
        new = PLACES[to](tmp_path / "new", fresh_database(request) if to == "postgres" else "")
        places[:] = [old, new]
        return lambda: carry(old, new)

    def carry(old: Place, new: Place) -> move.Moved:
        return move.move(old.keeper, new.keeper, by="an", now=old.now, new_id=old.ids)

    for _ in deaths(prepare, tmp_path):
        dead += 1
        old, new = places
        stands = new.keeper.version() > 0 and bool(stored(new))
        try:
            runs = bool(messages(old))
        except Refusal as refusal:
            assert refusal.code == "HUB-STO-004"  # noqa: PT017 - which of both is what the test asks
            runs = False
        assert not (stands and runs)
        carry(old, new)
        assert stored(new) == wanted
        with pytest.raises(Refusal, match="HUB-STO-004"):
            messages(old)
    assert dead >= 6


def stored(place: Place) -> set[str]:
    with place.keeper.reading() as db:
        return {
            row[0]
            for row in db.execute("SELECT DISTINCT m.id FROM message m JOIN transfer t ON t.message=m.n")
        }


def test_pruning_that_was_killed_has_removed_whole_groups_and_goes_on(site: Site, tmp_path: Path) -> None:
    async def delivered_all(store: Store) -> None:
        await store.capacities(roomy("so-tnmt"))
        for n in range(3):
            await store.accept(acceptance(f"m{n}", dossier=f"d{n}", raw=b"x" * 100_000))
        works = await store.claim("w", at(1), 10, 30)
        await store.seal(works[0].token, {work.transfer: sealed() for work in works})
        await store.settle(works[0].token, [delivered(work.transfer) for work in works], at(2))
        await store.accept(acceptance("last", when=at(3)))

    do(site.first(), delivered_all)
    dead = 0

    def prune() -> None:
        keeper = site.place().keeper
        for stage in (Stage.PAYLOADS, Stage.EVIDENCE, Stage.RECORDS):
            more = True
            while more:
                with keeper.writing() as db:
                    more = retention.prune(db, stage, 1, micros(LATER), 2).more

    def prepare() -> Callable[[], object]:
        site.copy()
        return prune

    for _ in deaths(prepare, tmp_path):
        dead += 1
        left = site.place()
        assert messages(left) >= {"last"}
        assert verify.store(left.keeper, left.bodies(), whole=True).broken == ()
        prune()
        assert messages(left) == {"last"}
    assert dead >= 10


def test_a_change_of_the_master_key_that_was_killed_leaves_everything_readable(
    site: Site, tmp_path: Path
) -> None:
    place = site.first("data")
    (site.template / "data" / "master.key").write_bytes(b"m" * 32)
    do(place, busy)
    dead = 0

    def prepare() -> Callable[[], object]:
        site.copy()
        where = f'database = "{site.database}"\n' if site.database else ""
        (site.folder / "hub.toml").write_text(f'data = "data"\n{where}', "utf-8")
        return lambda: Keeping(site.folder / "hub.toml").rotate("an")

    def read() -> int:
        found = Keeping(site.folder / "hub.toml").verify(None, whole=True)
        assert found.broken == ()
        return found.read

    prepare()
    wanted = read()
    for _ in deaths(prepare, tmp_path):
        dead += 1
        assert read() == wanted
        Keeping(site.folder / "hub.toml").rotate("an")
        assert read() == wanted
        data = site.folder / "data"
        assert (data / "master.key").read_bytes() != b"m" * 32
        assert not (data / "master.key.next").exists()
        assert b"m" * 32 in [file.read_bytes() for file in data.glob("master.key.retired-*")]
    assert dead >= 10


def test_only_the_new_key_opens_the_store_after_the_change(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "hub.toml").write_text('data = "data"\n', "utf-8")
    (data / "master.key").write_bytes(b"m" * 32)
    place = sqlite(data, "")
    do(place, busy)
    keeping = Keeping(tmp_path / "hub.toml")
    rotated = keeping.rotate("an")
    assert rotated.keys == rotated.wrapped > 4
    key = MasterKey(data).current()
    assert verify.store(place.keeper, place.bodies(key), whole=True).broken == ()
    with pytest.raises(Refusal, match="HUB-STO-007"):
        _with(tmp_path, b"m" * 32).verify(None, whole=True)
    with place.keeper.reading() as db:
        vault = Vault(key, os.urandom)
        for id_, owner, wrapped in db.execute("SELECT id, owner, wrapped FROM datakey").fetchall():
            assert vault.unwrap(id_, owner, wrapped).owner == owner


def _with(folder: Path, key: bytes) -> Keeping:
    (folder / "data" / "master.key").unlink()
    (folder / "data" / "master.key").write_bytes(key)
    return Keeping(folder / "hub.toml")


def test_a_backup_of_a_store_that_pruning_holds_waits_its_turn(tmp_path: Path) -> None:
    from hub.store.keeping import turns  # noqa: PLC0415 - beside what it shows

    place = sqlite(tmp_path, "")
    do(place, busy)
    waiting = turns.turn(place.keeper, now=place.now, holder="b", patience=0.3)
    with turns.turn(place.keeper, now=place.now, holder="pruner"), pytest.raises(turns.TurnLost), waiting:
        raise AssertionError("both had it")
    assert backup.hub_id(place.keeper, LATER, place.ids)

"""The store, for those who look after it: the commands ``db`` and ``key`` see this and nothing below it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hub.partners.partner import capacities
from hub.rounds.upkeep import Pruner, ages_of
from hub.settings import file as settings_file
from hub.store.keeping import backup, move, restore, resume, rotate, status, verify
from hub.store.sql.bodies import Bodies
from hub.store.sqlite.keeper import SqliteKeeper
from hub.store.vault import Vault
from hub.wiring import parts
from hub.wiring.declared import declared
from hub.wiring.master import MasterKey
from hub.wiring.parts import new_ids, refusals, store_of, utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.keeper import Keeper
    from hub.store.keeping.archive import Written
    from hub.store.keeping.move import Moved
    from hub.store.keeping.restore import Restored
    from hub.store.keeping.resume import Paused
    from hub.store.keeping.rotate import Rotated
    from hub.store.keeping.status import Status
    from hub.store.keeping.verify import Verified
    from hub.store.upkeep import Survey


class Keeping:
    """What the commands do; each opens what it needs. Raises ``Refusal``, HUB-STO-* for what is wrong with a store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._settings = settings_file.load(path)

    @property
    def _keeper(self) -> Keeper:
        return parts.keeper_of(self._settings)

    def _bodies(self, keeper: Keeper) -> Bodies:
        return Bodies(keeper.blobs, parts.vault_of(self._settings))

    def status(self) -> Status:
        with refusals():
            return status.look(self._there(), utc_now())

    def migrate(self) -> tuple[int, int]:
        """Return the schema's number before and after."""
        with refusals():
            keeper = self._keeper
            before = keeper.version()
            return before, keeper.migrate()

    def back_up(self, to: Path | None, keep: int | None, by: str) -> Written:
        told = self._settings.backup
        order = backup.Order(to=to or told.folder, keep=told.keep if keep is None else keep, by=by)
        with refusals():
            return backup.back_up(self._there(), order, now=utc_now, new_id=new_ids())

    def verify(self, file: Path | None, *, whole: bool) -> Verified:
        with refusals():
            if file is None:
                keeper = self._there()
                return verify.store(keeper, self._bodies(keeper), whole=whole)
            with tempfile.TemporaryDirectory(prefix="lienthong-verify-") as folder:
                beside = SqliteKeeper(Path(folder) / "hub.db")
                room = verify.Room(lambda: shutil.disk_usage(folder).free, self._settings.limits.disk_free)
                return verify.archive(file, beside, self._bodies(beside), room, now=utc_now, whole=whole)

    def restorable(self, file: Path, *, replace: bool) -> None:
        """Raise what ``restore`` would, as far as it shows without reading all of the archive."""
        with refusals():
            restore.possible(self._keeper, file, replace=replace)

    def restore(self, file: Path, *, replace: bool, by: str) -> Restored:
        order = restore.Order(file=file, replace=replace, by=by, partners=self._partners())
        with refusals():
            keeper = self._keeper
            return restore.restore(keeper, order, now=utc_now, prove=self._bodies(keeper).prove)

    def paused(self) -> Sequence[Paused]:
        with refusals(), self._there().reading() as db:
            return resume.paused(db)

    def resume(self, names: Sequence[str], reason: str, by: str) -> None:
        with refusals(), self._there().writing() as db:
            resume.resume(db, names, reason=reason, by=by, now=utc_now())

    def ways(self) -> dict[str, str]:
        """How a doubt can be ended at each partner: ``ask``, ``key`` or ``person``."""
        read = {partner.id: partner.receives for partner in declared(self._path).partners}
        return {
            id_: "ask" if told.can_be_asked else "key" if told.keeps_keys else "person"
            for id_, told in read.items()
            if told is not None
        }

    def movable(self, to: str) -> None:
        """Raise what ``move`` would before it copies anything."""
        with refusals():
            move.possible(self._there(), parts.keeper_at(self._settings, to))

    def move(self, to: str, by: str) -> Moved:
        with refusals():
            return move.move(
                self._there(), parts.keeper_at(self._settings, to), by=by, now=utc_now, new_id=new_ids()
            )

    def take_back(self, to: str, by: str) -> bool:
        with refusals():
            return move.take_back(self._there(), parts.keeper_at(self._settings, to), by=by, now=utc_now)

    async def survey(self) -> Sequence[Survey]:
        store = store_of(self._settings)
        try:
            return await store.upkeep.survey(ages_of(self._settings.retention), utc_now())
        finally:
            await store.close()

    async def prune(self) -> int | None:
        """Do a round at once; ``None``: another process has the turn."""
        told = self._settings.retention
        store = store_of(self._settings)
        try:
            pruner = Pruner(store, ages_of(told), now=utc_now, holder=new_ids()(), every=told.every)
            return await pruner.round()
        finally:
            await store.close()

    def rotatable(self) -> None:
        """Raise what ``rotate`` would before it changes anything."""
        with refusals(), self._there().alone():
            MasterKey(self._settings.data).current()

    def rotate(self, by: str) -> Rotated:
        with refusals():
            keeper = self._there()
            with keeper.alone():
                files = MasterKey(self._settings.data)
                fresh = files.next(os.urandom)
                vault = Vault(fresh, os.urandom, before=files.current())
                done = rotate.rewrap(keeper, vault, by=by, now=utc_now)
                files.turn()
        return done

    def _there(self) -> Keeper:
        """The keeper of a store that must be there."""
        keeper = self._keeper
        if not keeper.version():
            raise FileNotFoundError(keeper.place)
        return keeper

    def _partners(self) -> tuple[str, ...]:
        return tuple(one.partner for one in capacities(declared(self._path).partners))

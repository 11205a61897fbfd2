"""What a hub gives to those below it: the next version, made when a person says so and by itself when something of it changed.

A change counts when two looks in a row saw the same: who is copying files into a folder is not published in the middle of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from hub.deadlines.calendar import VIETNAM
from hub.replicating import carried, manifest
from hub.replicating.manifest import File, Kind, Manifest, file_of
from hub.store.contract.replicas import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date, datetime

    from hub.receipts.receipts import Confirm
    from hub.store.contract.replicas import Replicas
    from hub.store.contract.store import Store

EVERY = 30.0
ITSELF = "hub"
"""Stands as the person who published where something changed and nobody said so."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """``content``: by SHA-256."""

    files: tuple[File, ...]
    content: Mapping[str, bytes]


class Shown:
    """The newest version of this hub, as those below fetch it."""

    def __init__(self, replicas: Replicas, hub: str) -> None:
        self._replicas, self._hub = replicas, hub

    async def newest(self) -> tuple[bytes, str] | None:
        """Return manifest and signature; ``None``: nothing was published yet."""
        kept = await self._replicas.newest(self._hub)
        raw = await self._replicas.manifest(self._hub, kept.number) if kept else None
        return (raw, kept.signature) if kept and raw is not None else None

    async def file(self, sha256: str) -> bytes | None:
        """Return a file of the newest version; nothing else that lies in the store is anybody's below."""
        newest = await self.newest()
        if newest is None or all(each.sha256 != sha256 for each in manifest.read(newest[0]).files):
            return None
        return await self._replicas.file(sha256)


class Giving:
    """``gather``: what stands in files, and the hub's own pins; checked, or a ``Refusal``. ``hub``: what this one is called."""

    def __init__(
        self,
        store: Store,
        gather: Callable[[], Iterable[tuple[Kind, str, bytes]]],
        confirm: Confirm,
        hub: str,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._gather, self._confirm = store, gather, confirm
        self._hub, self._now = hub, now
        self._seen: tuple[File, ...] = ()
        self.shown = Shown(store.replicas, hub)

    async def newest(self) -> Manifest | None:
        shown = await self.shown.newest()
        return manifest.read(shown[0]) if shown else None

    async def gathered(self) -> Gathered:
        told = await asyncio.to_thread(lambda: list(self._gather()))
        for version in await self._store.catalogues.versions():
            document = await self._store.catalogues.document(version.id, version.version)
            told.append(
                (Kind.CATALOGUE, carried.name_of(version), carried.to_bytes(version, document or b""))
            )
        files = {(kind, name): (file_of(kind, name, content), content) for kind, name, content in told}
        return Gathered(
            files=tuple(file for _, (file, _) in sorted(files.items())),
            content={file.sha256: content for file, content in files.values()},
        )

    async def publish(self, by: str, reason: str, from_day: date | None = None) -> Kept | None:
        """Make the version of what there is now. ``None``: nothing differs from the newest one."""
        return await self._publish(await self.gathered(), by, reason, from_day)

    async def round(self) -> Kept | None:
        """Publish what differs since it was published and did not differ since the look before."""
        now = await self.gathered()
        steady, self._seen = now.files == self._seen, now.files
        return await self._publish(now, ITSELF, "", None) if steady and now.files else None

    async def _publish(self, what: Gathered, by: str, reason: str, from_day: date | None) -> Kept | None:
        now = self._now()
        today = now.astimezone(VIETNAM).date()
        before = await self.newest()
        new = manifest.follow(before, what.files, hub=self._hub, made_at=now, from_day=from_day or today)
        if new is None:
            return None
        raw = manifest.to_json(new)
        kept = Kept(
            hub=self._hub,
            number=new.number,
            digest=manifest.digest(raw),
            made_at=new.made_at,
            from_day=new.from_day,
            signature=self._confirm(raw, now),
            came_at=now,
            by=by,
            reason=reason,
            stands_at=now,
        )
        absent = await self._store.replicas.missing([each.sha256 for each in new.files])
        files = {sha256: what.content[sha256] for sha256 in absent}
        return kept if await self._store.replicas.keep(kept, raw, files) else None

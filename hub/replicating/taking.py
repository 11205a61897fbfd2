"""What a hub takes from the one above it: the newest version, whole and believed, fetched file by file and put in force on its day.

Every version that was fetched is kept. One that cannot stand here changes nothing and is told; the hub goes on with the one before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from hub.deadlines.calendar import VIETNAM
from hub.replicating import carried, laying, manifest
from hub.replicating.manifest import Kind, Known
from hub.store.contract.replicas import Kept
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from hub.replicating.manifest import Manifest
    from hub.replicating.places import Places
    from hub.store.contract.store import Store

log = structlog.get_logger(__name__)

FORGED = "HUB-EDG-040"
Believe = Callable[[bytes, str, datetime], object]
"""Raises ``Refusal`` when the signature over these bytes was not made by the hub above, with a certificate that counted at that moment."""


class Source(Protocol):
    """The hub above, over whatever line. What is wrong with the line is the caller's: any exception ends the round."""

    async def newest_version(self) -> tuple[bytes, str] | None:
        """Return manifest and signature; ``None``: it has none yet."""
        ...

    async def version_file(self, sha256: str) -> bytes: ...


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """``number``: the newest version that is known; 0: none. ``fetched``: files that came. ``changed``: something else stands now than when the
    processes read it, so they begin anew. ``problem``: why the newest does not stand here.
    """

    number: int = 0
    fetched: int = 0
    changed: bool = False
    problem: str = ""


class Taking:
    """``above``: what the hub above is called; ``record``: where it is written what was laid; ``check``: raises when what stands cannot be read."""

    def __init__(
        self,
        store: Store,
        above: str,
        believe: Believe,
        places: Places,
        record: Path,
        check: Callable[[Places], None],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._above, self._believe = store, above, believe
        self._places, self._record, self._check, self._now = places, record, check, now

    async def round(self, source: Source) -> Took:
        """Ask for the newest version, fetch what is missing of it, and put in force what is due. Raises ``Refusal`` HUB-EDG-040 to -042."""
        told = await source.newest_version()
        fetched = await self._fetch(source, *told) if told is not None else 0
        took = await self.put_in_force()
        return msgspec.structs.replace(took, fetched=fetched)

    async def _fetch(self, source: Source, raw: bytes, signature: str) -> int:
        now, replicas = self._now(), self._store.replicas
        digest = manifest.digest(raw)
        kept = await replicas.newest(self._above)
        if kept is not None and kept.digest == digest:
            return 0
        new = self._believed(raw, signature)
        known = Known(number=kept.number, digest=kept.digest, made_at=kept.made_at) if kept else None
        manifest.is_news(new, digest, known, now)
        count = await self._files(source, new)
        version = Kept(
            hub=self._above,
            number=new.number,
            digest=digest,
            made_at=new.made_at,
            from_day=new.from_day,
            signature=signature,
            came_at=now,
        )
        await replicas.keep(version, raw, {})
        return count

    def _believed(self, raw: bytes, signature: str) -> Manifest:
        new = manifest.read(raw)
        if new.hub != self._above:
            raise refuse(FORGED, "version/hub", rule=f"a version of {self._above}", detail=new.hub[:100])
        try:
            self._believe(raw, signature, min(new.made_at, self._now()))
        except Refusal as refusal:
            raise refuse(FORGED, "version", rule="signed by the hub above", detail=refusal.code) from None
        return new

    async def _files(self, source: Source, new: Manifest) -> int:
        absent = await self._store.replicas.missing({each.sha256 for each in new.files})
        wanted = {each.sha256: each for each in new.files if each.sha256 in absent}
        for sha256, listed in wanted.items():
            content = await source.version_file(sha256)
            manifest.check_file(listed, content)
            await self._store.replicas.add(sha256, content)
        return len(wanted)

    async def put_in_force(self) -> Took:
        """Lay out the newest version whose day has come. Needs no line."""
        today = self._now().astimezone(VIETNAM).date()
        versions = await self._store.replicas.versions(self._above)
        due = next((each for each in reversed(versions) if each.from_day <= today), None)
        newest = versions[-1].number if versions else 0
        if due is None:
            return Took(number=newest)
        laid = laying.read(self._record)
        if (laid.hub, laid.digest) == (due.hub, due.digest):
            return Took(number=newest)
        try:
            changed = await self._lay(due)
        except Refusal as refusal:
            problem = refusal.problems[0]
            log.warning(
                "version_refused",
                number=due.number,
                code=problem.code,
                place=problem.place,
                detail=problem.detail,
            )
            return Took(number=newest, problem=problem.code)
        await self._store.replicas.stands(due.hub, due.number, self._now())
        log.info("version_stands", number=due.number, changed=changed)
        return Took(number=newest, changed=changed)

    async def _lay(self, due: Kept) -> bool:
        raw = await self._store.replicas.manifest(due.hub, due.number)
        told = manifest.read(raw or b"")
        content = {each.sha256: await self._store.replicas.file(each.sha256) or b"" for each in told.files}
        for each in told.files:
            manifest.check_file(each, content[each.sha256])
        listed = [each for each in told.files if each.kind is Kind.CATALOGUE]
        for version, document in [carried.from_bytes(content[each.sha256], each.name) for each in listed]:
            await carried.put(self._store.catalogues, version, document)
        return await asyncio.to_thread(
            laying.lay, told, due.digest, self._places, self._record, content, self._check
        )

"""The documents' part of a store: files and rows together (``hub.documents.contract.Documents``).

Files are read, written and hashed in threads, a megabyte at a time; the database is asked for rows only. The order is
always the same: content on disk, then the row; the row gone, then the file.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

import msgspec

from hub.documents.contract import Safety, Swept
from hub.store.blobs import Busy, Damaged, Ref
from hub.store.sql import documents, fetches, links, looks, scans, sweeping
from hub.store.sql.engine import Unavailable
from hub.store.sql.times import micros
from hub.store.vault import Unreadable
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from hub.documents.contract import Enclosure, Fetch, Held, Holder, Look, NewUpload, Reach, Upload
    from hub.store.blobs import Blobs, Draft
    from hub.store.sql.bodies import Bodies, Pen
    from hub.store.sql.db import Db
    from hub.store.sql.engine import Reads, Writes

T = TypeVar("T")

BUFFER = 1 << 20
"""Bytes that are gathered before a thread writes them: what an upload costs in memory."""
CHECKPOINT = 8 << 20
"""At most so many bytes have to be sent again after a crash."""
SUMS = 64
"""Uploads whose running digest is remembered between requests; of others the file is read once more at the end."""
SECOND = 1_000_000


class Shelf:
    """One per store; used from one event loop."""

    def __init__(self, blobs: Blobs, bodies: Bodies, reads: Reads, writes: Writes) -> None:
        self.blobs, self.bodies, self.reads, self.writes = blobs, bodies, reads, writes
        self.sums: OrderedDict[str, tuple[int, hashlib._Hash]] = OrderedDict()

    async def pen(self, owner: str) -> Pen | None:
        if not self.bodies.encrypted:
            return None
        return self.bodies.cached(owner) or await self.reads.look(lambda db: self.bodies.key(db, owner))

    async def write(self, write: Callable[[Db], T]) -> T:
        try:
            return await self.writes.run(write)
        except Unavailable as error:
            raise refuse("HUB-LIM-003", detail=str(error)) from error

    # --- uploads

    async def announce(self, new: NewUpload, *, quota: int, now: datetime) -> Upload:
        file, key = self.blobs.new()
        pen = await self.pen(new.id)
        secret = documents.Secret(key, new.media_type, new.name)
        packed = documents.pack(self.bodies, pen, secret, new.id, new.sha256)

        def make(db: Db) -> Upload | None:
            before = documents.announced_before(db, new.sender, new.sha256)
            if before is not None and before.size == new.size:
                return before
            documents.announce(db, new, micros(new.until), file, packed, pen, quota)
            documents.had_before(db, self.bodies, new, pen, micros(now))
            return documents.upload(db, new.id)

        told = await self.write(make)
        if told is None:
            raise refuse("HUB-DOC-005")
        return told

    async def upload(self, id: str) -> Upload | None:  # noqa: A002 - the field's word
        return await self.reads.look(lambda db: documents.upload(db, id))

    async def receive(self, id: str, offset: int) -> Receiving:  # noqa: A002 - the field's word
        file = (await self._going(id, offset)).file
        try:
            handle = await _thread(partial(self.blobs.lock, file))
            going = await self._under(handle, id, offset)
            draft = await _thread(
                partial(self.blobs.draft, file, going.key, offset, going.tail, handle=handle)
            )
        except Busy:
            raise refuse("HUB-DOC-006", rule="one request at a time") from None
        except Damaged:  # it can never go on: to be announced anew
            await self.write(lambda db: documents.end_upload(db, id, 0))
            raise refuse("HUB-DOC-005") from None
        except OSError as error:
            raise refuse("HUB-LIM-003", detail=type(error).__name__) from error
        return Receiving(self, going, draft)

    async def _going(self, id: str, offset: int) -> documents.Going:  # noqa: A002 - the field's word
        """Raise ``Refusal`` HUB-DOC-005, HUB-DOC-006."""
        try:
            going = await self.reads.look(lambda db: documents.going(db, self.bodies, id))
        except Unreadable:
            going = None
        if going is None:
            raise refuse("HUB-DOC-005")
        told = going.upload
        if told.safety is not None or told.received != offset:
            raise refuse("HUB-DOC-006", "Upload-Offset", rule=str(told.received))
        return going

    async def _under(self, handle: int, id: str, offset: int) -> documents.Going:  # noqa: A002 - the field's word
        """Read again under the file's lock: another request may have ended between the first look and the lock."""
        try:
            return await self._going(id, offset)
        except BaseException:
            os.close(handle)
            raise

    async def cancel(self, id: str, now: datetime) -> bool:  # noqa: A002 - the field's word
        there = await self.upload(id)
        file = await self.write(lambda db: documents.end_upload(db, id, micros(now)))
        self.bodies.forget(id)
        if file:
            await _thread(partial(self.blobs.discard, file))
        return there is not None

    # --- transfers

    async def enclosed(self, messages: Sequence[str]) -> Mapping[str, tuple[Enclosure, ...]]:
        return await self.reads.look(lambda db: documents.enclosed(db, messages))

    async def reach(self, uid: str, now: datetime) -> Reach | None:
        return await self.reads.look(lambda db: links.reach(db, self.bodies, uid, micros(now)))

    async def read(self, reach: Reach, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        ref = await self.reads.look(lambda db: links.ref(db, self.bodies, reach.id))
        async with aclosing(_stream(self.blobs.read(ref, start, stop))) as pieces:
            async for piece in pieces:
                yield piece

    async def downloaded(self, reach: Reach, sent: int, *, whole: bool, now: datetime) -> None:
        await self.write(lambda db: links.downloaded(db, reach, sent, micros(now), whole=whole))

    # --- the scanner, and what an operator looks at

    async def content(self, sha256: str) -> AsyncGenerator[bytes, None]:
        ref = await self.reads.look(lambda db: documents.readable(db, self.bodies, sha256))
        if ref is None:
            raise Unreadable("nobody holds it any more")
        async with aclosing(_stream(self.blobs.read(ref))) as pieces:
            async for piece in pieces:
                yield piece

    async def to_check(self, now: datetime, *, lease: float) -> Held | None:
        at = micros(now)
        if not await self.reads.look(lambda db: scans.anything_due(db, at)):
            return None
        return await self.writes.run(lambda db: scans.take(db, at, at + int(lease * SECOND)))

    async def checked(
        self, sha256: str, safety: Safety, *, finding: str = "", again: datetime | None = None, now: datetime
    ) -> None:
        at = None if again is None else micros(again)
        await self.writes.run(lambda db: scans.said(db, sha256, safety, finding, at, micros(now)))

    async def to_look(self, now: datetime, *, lease: float) -> Held | None:
        at = micros(now)
        if await self.reads.look(lambda db: looks.due(db, at)) is None:
            return None

        def take(db: Db) -> Held | None:
            found = looks.take(db, at, at + int(lease * SECOND))
            return None if found is None else scans.named(db, found)

        return await self.writes.run(take)

    async def looked(self, sha256: str, look: Look, now: datetime) -> None:
        await self.writes.run(lambda db: looks.said(db, sha256, look, micros(now)))

    async def look(self, sha256: str) -> Look | None:
        held = await self.reads.look(lambda db: scans.named(db, sha256))
        return None if held is None else held.look

    async def held(self, *, safety: str = "", after: str = "", limit: int = 50) -> tuple[Held, ...]:
        return await self.reads.run(lambda db: scans.listed(db, safety, after, limit))

    async def to_fetch(self, now: datetime, *, lease: float, without: Collection[str] = ()) -> Fetch | None:
        at = micros(now)
        if await self.reads.look(lambda db: fetches.due(db, at, without)) is None:
            return None
        until = at + int(lease * SECOND)
        return await self.writes.run(lambda db: fetches.take(db, self.bodies, at, until, without))

    async def want(self, messages: Sequence[str], now: datetime) -> None:
        await self.writes.run(lambda db: fetches.want(db, messages, micros(now)))

    async def wanted(self, sender: str, now: datetime, limit: int) -> tuple[Fetch, ...]:
        return await self.reads.run(lambda db: fetches.wanted(db, sender, micros(now), limit))

    async def shared(self, sha256: str, partner: str) -> int | None:
        return await self.reads.look(lambda db: fetches.shared(db, sha256, partner))

    async def elsewhere(self, sha256: str) -> tuple[str, ...]:
        return await self.reads.run(lambda db: fetches.elsewhere(db, sha256))

    async def fetch_sized(self, fetch: Fetch, size: int) -> None:
        await self.writes.run(lambda db: fetches.sized(db, fetch.upload, size))

    async def fetch_kept(self, fetch: Fetch, until: datetime) -> Fetch | None:
        held = await self.writes.run(lambda db: fetches.kept(db, fetch, micros(until)))
        return msgspec.structs.replace(fetch, until=until) if held else None

    async def fetch_again(self, fetch: Fetch, wake_at: datetime) -> None:
        await self.writes.run(lambda db: fetches.again(db, fetch, micros(wake_at)))

    async def fetch_given_up(self, fetch: Fetch, code: str, now: datetime) -> None:
        file = await self.writes.run(lambda db: fetches.given_up(db, fetch, code, micros(now)))
        if file:
            await self._discard([file])

    async def fetched(self, fetch: Fetch, now: datetime) -> None:
        pen = await self.pen(fetch.owner)
        await self.writes.run(lambda db: fetches.bound(db, self.bodies, fetch, pen, micros(now)))

    async def holders(self, sha256: str) -> tuple[Holder, ...]:
        return await self.reads.run(lambda db: scans.holders(db, sha256))

    # --- what goes

    async def sweep(self, now: datetime, *, grace: float, quarantine: float) -> Swept:
        by = sweeping.Bounds(micros(now), int(grace * SECOND), int(quarantine * SECOND))
        uploads = 0
        drafts: list[str] = []
        while (group := await self.writes.run(lambda db: sweeping.uploads(db, by)))[0]:
            uploads, drafts = uploads + group[0], drafts + group[1]
        gone = await self._discard(drafts)
        links_ = await self._all(lambda db: sweeping.links(db, by))
        await self._all(lambda db: sweeping.holds(db, by))
        removed = await self.writes.run(lambda db: sweeping.unused(db, by))
        gone += await self._discard(removed)
        gone += await self._orphans(by.before / SECOND)
        return Swept(uploads=uploads, links=links_, documents=len(removed), files=gone)

    async def _all(self, step: Callable[[Db], int]) -> int:
        """Do a step until it finds nothing more; each time is a transaction of its own."""
        count = 0
        while found := await self.writes.run(step):
            count += found
        return count

    async def _orphans(self, before: float) -> int:
        """Remove old files that no row names: what crashes left behind."""
        names = await _thread(lambda: list(self.blobs.names(before)))
        count = 0
        for start in range(0, len(names), sweeping.GROUP):
            some = names[start : start + sweeping.GROUP]
            known = await self.reads.run(partial(sweeping.named, files=some))
            count += await self._discard([name for name in some if name not in known])
        return count

    async def _discard(self, files: Sequence[str]) -> int:
        for file in files:
            await _thread(partial(self.blobs.discard, file))
        return len(files)


class Receiving:
    """One request's part of an upload (``hub.documents.contract.Incoming``)."""

    def __init__(self, shelf: Shelf, going: documents.Going, draft: Draft) -> None:
        self._shelf, self._going, self._draft = shelf, going, draft
        self._kept = going.upload.received
        self._waiting: list[bytes] = []
        self._gathered = 0
        offset, sum_ = shelf.sums.pop(going.upload.id, (0, hashlib.sha256()))
        self._sum = sum_ if offset == self._kept else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draft.close()

    @property
    def received(self) -> int:
        return self._draft.size + self._gathered

    @property
    def whole(self) -> bool:
        return self.received == self._going.upload.size

    async def write(self, piece: bytes) -> None:
        if self.received + len(piece) > self._going.upload.size:
            raise refuse("HUB-DOC-009", rule=f"{self._going.upload.size} bytes were announced")
        self._waiting.append(piece)
        self._gathered += len(piece)
        if self._gathered >= BUFFER:
            await self._flush()
        if self._draft.size - self._kept >= CHECKPOINT:
            await self.keep()

    async def keep(self) -> None:
        await self._flush()
        if self._draft.size == self._kept:
            return
        await self._disk(self._draft.sync)
        tail, id_ = self._draft.tail, self._going.upload.id
        pen = await self._shelf.pen(id_)
        packed = self._shelf.bodies.pack_inline(pen, tail, f"{id_}/tail")
        moved = await self._shelf.write(
            lambda db: documents.received(db, id_, self._kept, self._draft.size, packed, pen)
        )
        if not moved:
            raise refuse("HUB-DOC-006", rule="the upload went on elsewhere, or was given up")
        self._kept = self._draft.size
        if self._sum is not None:
            self._shelf.sums[id_] = (self._kept, self._sum.copy())
            while len(self._shelf.sums) > SUMS:
                self._shelf.sums.popitem(last=False)

    async def finish(self, safety: Safety, now: datetime) -> Upload:
        await self._flush()
        told = self._going.upload
        digest = await self._digest()
        if not digest or told.sha256 not in {digest, ""}:
            await self._shelf.cancel(told.id, now)
            raise refuse("HUB-DOC-007", "sha256")
        await self.keep()
        await self._disk(self._draft.finish)
        pen = await self._shelf.pen(told.id)
        superfluous = await self._shelf.write(
            lambda db: documents.done(db, self._shelf.bodies, told.id, digest, micros(now), safety, pen)
        )
        if superfluous:
            await _thread(partial(self._shelf.blobs.discard, superfluous))
        self._shelf.sums.pop(told.id, None)
        done = await self._shelf.upload(told.id)
        if done is None:
            raise refuse("HUB-DOC-005")
        return done

    async def _digest(self) -> str:
        """The running digest, or that of the file where the beginning came to another process."""
        if self._sum is not None:
            return self._sum.hexdigest()
        ref = Ref(self._going.file, self._going.key, self._draft.size)

        def read() -> str:
            found = hashlib.sha256()
            for piece in self._shelf.blobs.read_draft(ref):
                found.update(piece)
            found.update(self._draft.tail)
            return found.hexdigest()

        try:
            return await _thread(read)
        except Damaged:
            return ""

    async def _flush(self) -> None:
        if self._waiting:
            data, self._waiting, self._gathered = self._waiting, [], 0
            await self._disk(partial(self._take, data))

    def _take(self, pieces: list[bytes]) -> None:
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._sum is not None:
            self._sum.update(data)
        self._draft.write(data)

    async def _disk(self, work: Callable[[], object]) -> None:
        """What the disk cannot take is given back at once; the upload goes on from what was acknowledged."""
        try:
            await _thread(work)
        except OSError as error:
            self._draft.cut(self._kept)
            raise refuse("HUB-LIM-003", detail=type(error).__name__) from error


async def _thread(work: Callable[[], T]) -> T:
    """Who is cancelled meanwhile goes on when the thread has ended, so that no two ever write to one draft."""
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


async def _stream(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Read in a thread, one piece ahead of nobody: what is not asked for is not read."""
    while (piece := await _thread(partial(next, pieces, None))) is not None:
        yield piece

"""Drops sealed bytes into a folder: whole or not at all, under a name that follows from the transfer's key.

Before a file gets its name, a mark of the same name is put into the hub's corner; the temporary file then vanishes by nothing but the
renaming. So what happened can always be told afterwards, whatever died when, and whether the partner has taken the file away since:
the mark without a temporary file means *dropped*, everything else means *not*.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import stat
from typing import TYPE_CHECKING

from connectors.contract import Deferred, Delivered, Exchange, Reason, Unsure
from connectors.folder.place import Moving, Place, Strange, move, names, read, remove, there, why, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from connectors.contract import Outcome, Parcel
    from connectors.folder.settings import Settings

UNUSABLE, TAKEN, NOT_THERE = "HUB-FLD-001", "HUB-FLD-002", "HUB-PAR-010"
MARKS = 180 * 86_400.0
"""Seconds for which it is remembered what was dropped: longer than any schedule."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9:.-]{0,150}", re.ASCII)


def name_of(key: str) -> str:
    """Return the file's name, without its suffix: the same for the same key, and no other key's."""
    if _PLAIN.fullmatch(key) and ".." not in key:
        return key.replace(":", "_")
    return "sha256_" + hashlib.sha256(key.encode()).hexdigest()


class Drop:
    """One partner's outbox. ``now``: for the evidence."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now
        self._swept = False

    async def deliver(self, parcel: Parcel) -> Outcome:
        return await asyncio.to_thread(self._deliver, parcel)

    async def find(self, parcel: Parcel) -> Outcome:
        return await asyncio.to_thread(self._find, parcel)

    async def close(self) -> None:
        """Nothing is open."""

    def _deliver(self, parcel: Parcel) -> Outcome:
        began, sent = self._now(), (*self._files(parcel),)
        *before, (last, content) = sent
        told = self._told(parcel, began)
        renamed = False
        try:
            with self._place() as place:
                self._sweep(place)
                if _dropped(place, last):
                    return Delivered(reference=last)
                _clear(place, last)
                for name, bytes_ in sent:
                    if there(name, place.top) and (name == last or not _same(name, bytes_, place.top)):
                        return Deferred(reason=Reason(code=TAKEN, detail=name), exchanges=(told,))
                for name, bytes_ in before:
                    remove(_part(name), place.top)
                    write(_part(name), bytes_, place.top)
                    move(_part(name), name, place.top, place.top)
                write(_part(last), content, place.top)
                write(last, b"", place.state)
                renamed = True  # from here on only a look can tell
                move(_part(last), last, place.top, place.top)
        except OSError as error:
            reason = Reason(code=UNUSABLE, detail=why(error))
            if renamed:
                return Unsure(reason=reason, exchanges=(told,))
            return Deferred(reason=reason, exchanges=(told,))
        return Delivered(reference=last, exchanges=(told,))

    def _find(self, parcel: Parcel) -> Outcome:
        *_, (last, _) = self._files(parcel)
        try:
            with self._place() as place:
                if _dropped(place, last):
                    return Delivered(reference=last)
        except OSError as error:
            return Unsure(reason=Reason(code=UNUSABLE, detail=why(error)))
        return Deferred(reason=Reason(code=NOT_THERE, detail=last))

    def _sweep(self, place: Place) -> None:
        """Once per process: marks about which nobody will ask any more."""
        if self._swept:
            return
        self._swept = True
        before = self._now().timestamp() - MARKS
        for name in names(place.state):
            found = os.lstat(name, dir_fd=place.state)
            if stat.S_ISREG(found.st_mode) and found.st_mtime < before and not there(_part(name), place.top):
                os.unlink(name, dir_fd=place.state)

    def _place(self) -> Place:
        if self._settings.outbox is None:
            raise FileNotFoundError(2, "outbox")
        return Place(self._settings.outbox)

    def _files(self, parcel: Parcel) -> Iterator[tuple[str, bytes]]:
        """What is written, in this order; the last one says that all are there."""
        name, told = name_of(parcel.key), self._settings
        if parcel.sealed.headers:  # a detached signature
            yield f"{name}.headers.json", json.dumps(dict(parcel.sealed.headers), sort_keys=True).encode()
        yield name + told.suffix, parcel.sealed.payload
        if told.ready:
            yield name + told.suffix + told.ready, b""

    def _told(self, parcel: Parcel, began: datetime) -> Exchange:
        seconds = (self._now() - began).total_seconds()
        url = f"file://{self._settings.outbox}/{name_of(parcel.key)}{self._settings.suffix}"
        return Exchange(
            url=url, sent=parcel.sealed.payload, received=b"", status=0, started_at=began, seconds=seconds
        )


def _part(name: str) -> str:
    return f".{name}.part"


def _same(name: str, content: bytes, folder: int) -> bool:
    """What goes before the last may stand there from a try that broke off: the same bytes under the same key."""
    try:
        return read(name, folder, len(content), None) == content
    except (Strange, Moving):
        return False


def _dropped(place: Place, last: str) -> bool:
    return there(last, place.state) and not there(_part(last), place.top)


def _clear(place: Place, last: str) -> None:
    """Take back what a try left that did not come to the renaming: the mark first, so that it never stands alone."""
    remove(last, place.state)
    remove(_part(last), place.top)

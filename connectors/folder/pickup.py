"""Picks files up from a folder: complete ones only, claimed by renaming, gone when they are durable here, or set aside with a reason.

A claimed file lies in the hub's corner until it is settled, so a crash loses nothing and the next round offers it again. What is
refused goes to ``.lienthong/rejected`` with a ``.reason.json`` beside it that says why, in Vietnamese and English.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from connectors.contract import Missed, Picked, Reason, TurnedAway
from connectors.folder.place import Moving, Place, Strange, move, names, read, remove, there, why, write
from schemas import errors

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from datetime import datetime

    from connectors.contract import Fate
    from connectors.folder.settings import Settings

UNUSABLE, STRANGE, UNFINISHED, TOO_LONG = "HUB-FLD-001", "HUB-FLD-003", "HUB-FLD-004", "HUB-LIM-001"
CLAIMED, REJECTED = "claimed", "rejected"
ROUND = 500
"""Files that one round claims: what lies there longer waits for the next."""
_UNUSUAL = re.compile(r"[^\w.() -]")


class _Seen(NamedTuple):
    changed: int  # ns
    name: str
    number: int

    @property
    def claim(self) -> str:
        """A name that no other file has, in the order in which they were written; the partner's own is readable in it."""
        return f"{self.changed:020d}-{self.number}-{_UNUSUAL.sub('_', self.name)[-120:]}"


class PickUp:
    """One partner's inbox."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now

    async def collect(self, limit: int) -> AsyncGenerator[Picked | Missed]:
        try:
            claims = await asyncio.to_thread(self._claim)
        except OSError as error:
            yield Missed(reason=Reason(code=UNUSABLE, detail=why(error)))
            return
        for name in claims:
            picked = await asyncio.to_thread(self._read, name, limit)
            if picked is not None:
                yield picked

    async def settle(self, picked: Picked, fate: Fate) -> Missed | None:
        try:
            await asyncio.to_thread(self._settle, picked.id, fate)
        except OSError as error:
            return Missed(reason=Reason(code=UNUSABLE, detail=why(error)))
        return None

    async def close(self) -> None:
        """Nothing is open."""

    # --- in a thread

    def _claim(self) -> list[str]:
        """Claim what is complete; return all that is claimed, also by a round that broke off."""
        with self._place() as place, _opened(place, CLAIMED) as claimed:
            for seen in sorted(self._complete(place))[:ROUND]:
                with contextlib.suppress(FileNotFoundError):  # another process was quicker
                    move(seen.name, seen.claim, place.top, claimed)
                    if self._settings.ready:
                        remove(seen.name + self._settings.ready, place.top)
            return sorted(names(claimed))[:ROUND]

    def _complete(self, place: Place) -> Iterator[_Seen]:
        told, oldest = self._settings, self._now().timestamp() - self._settings.settles
        for name in names(place.top):
            if name.startswith(".") or not name.endswith(told.suffix):
                continue
            try:
                found = os.lstat(name, dir_fd=place.top)
            except FileNotFoundError:
                continue
            if (
                found.st_mtime <= oldest
                if not told.ready
                else self._announced(place, name, found.st_mtime_ns)
            ):
                yield _Seen(found.st_mtime_ns, name, found.st_ino)

    def _announced(self, place: Place, name: str, changed: int) -> bool:
        """Whether its ready file came after it: an older one was of a file of the same name that is gone."""
        try:
            return os.lstat(name + self._settings.ready, dir_fd=place.top).st_mtime_ns >= changed
        except FileNotFoundError:
            return False

    def _read(self, name: str, limit: int) -> Picked | Missed | None:
        media_type = self._settings.media_type
        try:
            with self._place() as place, _opened(place, CLAIMED) as claimed:
                body = read(name, claimed, limit, self._settings.owner)
        except Strange as strange:
            fault = Reason(code=STRANGE, detail=str(strange))
            return Picked(id=name, body=b"", media_type=media_type, fault=fault)
        except Moving:
            return Missed(reason=Reason(code=UNFINISHED))
        except FileNotFoundError:  # settled by another process
            return None
        except OSError as error:
            return Missed(reason=Reason(code=UNUSABLE, detail=why(error)))
        if body is None:
            fault = Reason(code=TOO_LONG, detail=f"at most {limit} bytes")
            return Picked(id=name, body=b"", media_type=media_type, fault=fault)
        key = "file-" + hashlib.sha256(body).hexdigest()
        return Picked(id=name, body=body, media_type=media_type, key=key)

    def _settle(self, name: str, fate: Fate) -> None:
        with self._place() as place, _opened(place, CLAIMED) as claimed:
            if not isinstance(fate, TurnedAway):
                remove(name, claimed)
                return
            with _opened(place, REJECTED) as rejected:
                if there(name, claimed):
                    _explain(name, fate.reason, rejected)
                    move(name, name, claimed, rejected)

    def _place(self) -> Place:
        if self._settings.inbox is None:
            raise FileNotFoundError(2, "inbox")
        return Place(self._settings.inbox)


@contextlib.contextmanager
def _opened(place: Place, name: str) -> Iterator[int]:
    handle = place.below(name)
    try:
        yield handle
    finally:
        os.close(handle)


def _explain(name: str, reason: Reason, folder: int) -> None:
    """Write why, whole, before the file itself comes there; a claim's name is nobody else's, so what stands there is an earlier try's."""
    entry = errors.load()[reason.code]
    told = {
        "code": reason.code,
        "detail": reason.detail,
        "vi": {"title": entry.title.vi, "do": entry.you.vi},
        "en": {"title": entry.title.en, "do": entry.you.en},
    }
    remove(f".{name}.part", folder)
    write(f".{name}.part", json.dumps(told, ensure_ascii=False, indent=1).encode(), folder)
    move(f".{name}.part", f"{name}.reason.json", folder, folder)

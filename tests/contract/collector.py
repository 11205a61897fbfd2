"""How a room that picks up enters the suite of ``test_collectors.py``: one line in ``COLLECTORS``.

Being such a room is being tested: the suite fails when ``connectors.catalogue.ROOMS`` knows one that has no line here.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from connectors.catalogue import ROOMS, Outfit
from connectors.folder.settings import Settings as FolderSettings
from connectors.simulators.axis import Axis
from connectors.simulators.desk import Journal
from schemas.library import Library
from tests.contract.room import SECRET, now
from tests.contract.room_edxml import OWN, THEIRS, settings
from tests.doubles.loopback import loopback
from tests.integration.intake_house import PROVINCE, sender
from tests.integration.test_document_axis import DOCUMENT, PARTNER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from connectors.contract import Collector
    from tests.contract.room_edxml import Kind
    from tests.integration.intake_house import House


class Lying(Protocol):
    """One thing that lies at a partner. ``settings``: of the room that picks it up."""

    settings: Any

    def offer(self) -> None:
        """Offer it, or offer it again, as if nobody had ever taken it."""
        ...

    def lies(self) -> bool:
        """Whether it will be offered to whoever comes next."""
        ...


class CollectorUnderTest(Protocol):
    """``room``: in the catalogue, with the dialect behind a dash in ``name``. ``partner``: the id of the sender, ``file``: its file."""

    name: str
    room: str
    partner: str
    file: str

    def lying(self, hub: House, folder: Path) -> AbstractAsyncContextManager[Lying]:
        """A fresh partner, at which something lies that intake takes."""
        ...


def connected(under_test: CollectorUnderTest, lying: Lying) -> Collector:
    """Return the room as a new process builds it."""
    collect = ROOMS[under_test.room].collect
    assert collect is not None
    return collect(lying.settings, Outfit(library=Library(), now=now, seconds=time.monotonic))


class _Document:
    def __init__(self, axis: Axis, told: object) -> None:
        self._axis, self.settings = axis, told

    def offer(self) -> None:
        name = self._axis.lodge(THEIRS, DOCUMENT.encode(), name="VXP-1")
        assert self.lies(), name

    def lies(self) -> bool:
        return self._axis.state("VXP-1") in {"INITIAL", "PROCESSING"}


class AxisCollector:
    room, partner, file = "edxml", "axis", PARTNER

    def __init__(self, kind: Kind) -> None:
        self.name = f"edxml-{kind}"
        self._kind: Kind = kind

    @asynccontextmanager
    async def lying(self, hub: House, folder: Path) -> AsyncIterator[Lying]:
        del hub
        axis = Axis(Journal(None, now), SECRET, OWN)
        async with loopback(axis) as (_, url):
            yield _Document(axis, settings(self._kind, url, folder))


class _File:
    def __init__(self, inbox: Path, body: bytes) -> None:
        self._inbox, self._body = inbox, body
        self.settings = FolderSettings(inbox=inbox)

    def offer(self) -> None:
        file = self._inbox / "hs.json"
        file.write_bytes(self._body)
        left_alone = time.time() - 3600
        os.utime(file, (left_alone, left_alone))

    def lies(self) -> bool:
        return any(file.is_file() and "rejected" not in file.parts for file in self._inbox.rglob("*"))


class FolderCollector:
    name = room = "folder"
    partner, file = "desk", sender("desk", PROVINCE, [PROVINCE])

    @asynccontextmanager
    async def lying(self, hub: House, folder: Path) -> AsyncIterator[Lying]:
        inbox = folder / "inbox"
        (inbox / ".lienthong").mkdir(parents=True)
        yield _File(inbox, json.dumps(hub.received()).encode())


COLLECTORS: tuple[CollectorUnderTest, ...] = (
    AxisCollector("vxp"),
    AxisCollector("truclienthong"),
    FolderCollector(),
)

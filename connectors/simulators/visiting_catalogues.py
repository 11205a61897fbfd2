"""A district's or a commune's software that keeps the published catalogues: asks which versions count, fetches what it does not use yet, says that it uses it.

A version is kept by its digest, written into the journal once. How a visit goes wrong is told by a dossier's number, as everywhere, though a catalogue
is about none: it is the last of the versions that goes wrong.
"""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from connectors.simulators.calling import Ask, say
from connectors.simulators.mailbox_words import heard_as
from connectors.simulators.tricks import Played, shown
from connectors.simulators.visiting import WELL, Visit, visit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from connectors.simulators.calling import Heard, Verdict
    from connectors.simulators.desk import Journal
    from connectors.simulators.visiting import Step

PATH = "/v1/catalogues"
NEVER = 999_999
"""A version that nobody published."""


class _Version(NamedTuple):
    id: str
    version: int
    digest: str

    @property
    def key(self) -> str:
        return f"{self.id}@{self.version}"


class Subscriber:
    """``folder``: where it keeps them; ``dossier``: by whose number it misbehaves."""

    def __init__(self, address: str, secret: str, folder: Path, journal: Journal, dossier: str) -> None:
        self._address, self._folder, self._journal, self._dossier = address, folder, journal, dossier
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def round(self, _: datetime) -> AsyncIterator[Played]:
        heard = await self._say("GET", PATH)
        yield _played("list", "well", heard)
        wanted = self._wanted(heard)
        for each in wanted:
            last = each == wanted[-1]
            there = visit(self._dossier, each.key, self._folder) if last else Visit("well", WELL)
            async for played in self._version(each, there):
                yield played

    def _wanted(self, heard: Heard) -> list[_Version]:
        """What counts and is not in use here."""
        if heard.status != HTTPStatus.OK:
            return []
        found = [
            _Version(each["id"], each["version"], each["digest"])
            for each in json.loads(heard.body)["catalogues"]
            if each["in_force"]
        ]
        return [each for each in found if not self._used(each).exists()]

    def _used(self, version: _Version) -> Path:
        return self._folder / f".{version.key}.used"

    async def _version(self, version: _Version, there: Visit) -> AsyncIterator[Played]:
        content = b""
        for step in there.steps:
            match step:
                case "die":
                    yield Played("die", there.way, 0, "taken", expected=True, said="")
                case "keep":
                    self._keep(version, content)
                case "fetch":
                    heard = await self._say("GET", f"{PATH}/{version.id}/{version.version}")
                    content = heard.body
                    whole = hashlib.sha256(content).hexdigest() == version.digest
                    yield _played(step, there.way, heard, expected=whole)
                case "acknowledge" | "early" | "misquote":
                    yield await self._acknowledge(version, step, there.way)

    async def _acknowledge(self, version: _Version, step: Step, way: str) -> Played:
        """Nobody can refuse a catalogue, and whoever acknowledges one has it: only one that there is not is a no."""
        number = NEVER if step == "misquote" else version.version
        heard = await self._say("POST", f"{PATH}/{version.id}/{number}/acknowledgement")
        if step == "acknowledge" and heard.status == HTTPStatus.OK:
            self._used(version).touch()
        return _played(step, way, heard, "refused" if step == "misquote" else "taken")

    def _keep(self, version: _Version, content: bytes) -> None:
        (self._folder / f"{version.key}.json").write_bytes(content)
        if all(entry.key != version.key for entry in self._journal.entries):
            self._journal.record("catalogue", content, key=version.key)

    async def _say(self, method: str, path: str) -> Heard:
        return await say(self._address, Ask(path=path, method=method, headers=self._headers))


def _played(
    operation: str, way: str, heard: Heard, expects: Verdict = "taken", *, expected: bool = True
) -> Played:
    verdict = heard_as(heard)
    return Played(operation, way, heard.status, verdict, expected and verdict == expects, shown(heard))

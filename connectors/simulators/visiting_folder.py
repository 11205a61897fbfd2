"""An agency whose software reads and writes files: it takes what the hub dropped into a folder, and drops its answer into another.

What it takes it writes into its journal before the file is gone; a dossier that it hears of for the first time it answers, with the same bytes however
often. Letters and answers are in the hub's own words.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.simulators.clerk import SUFFIX, drop
from connectors.simulators.onestop import dossier_of
from connectors.simulators.tricks import Played
from connectors.simulators.visiting import visit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from connectors.simulators.desk import Journal
    from connectors.simulators.visiting import Step

ANSWERED = "received"
LATER = timedelta(minutes=5)
"""From what it hears to what it answers, by the letter's clock."""
ANSWERS: dict[Step, tuple[str, str]] = {
    "acknowledge": ("step", "Đã tiếp nhận tại phòng chuyên môn"),
    "refuse": ("refused_at_reception", "Không thuộc thẩm quyền"),
}
GARBAGE = b'{"event": {"kind": '


class FolderOffice:
    """``outbox``: where the hub drops; ``inbox``: where it picks up; ``folder``: where the office remembers."""

    def __init__(self, outbox: Path, inbox: Path, folder: Path, journal: Journal) -> None:
        self._outbox, self._inbox, self._folder, self._journal = outbox, inbox, folder, journal

    async def round(self, _: datetime) -> AsyncIterator[Played]:
        found = [file for file in self._outbox.glob(f"*{SUFFIX}") if not file.name.startswith(".")]
        yield _done("list", "well", str(len(found)))
        for file in sorted(found, key=lambda one: one.stat().st_mtime_ns):
            for played in self._file(file):
                yield played
                if played.operation == "die":
                    return

    def _file(self, file: Path) -> Iterator[Played]:
        letter = _read(file)
        there = visit(letter.dossier, file.stem, self._folder)
        for copy, step in enumerate(step for step in there.steps if step != "early"):
            self._perform(step, letter, f"{file.stem}-{step}-{copy}")
            yield _done(step, there.way, file.name)

    def _perform(self, step: Step, letter: _Letter, answer: str) -> None:
        if step in {"keep", "refuse"}:
            self._keep(letter)
        if step == "misquote":
            drop(self._inbox, answer, GARBAGE)
        if step in ANSWERS:
            if letter.kind == ANSWERED:
                drop(self._inbox, answer, _answer(step, letter.told))
            letter.file.unlink(missing_ok=True)

    def _keep(self, letter: _Letter) -> None:
        if all(entry.key != letter.file.name for entry in self._journal.entries):
            self._journal.record(letter.kind, letter.body, key=letter.file.name, dossier=letter.dossier)


class _Letter(NamedTuple):
    file: Path
    body: bytes
    told: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.told["event"]["kind"])

    @property
    def dossier(self) -> str:
        return dossier_of(self.told)


def _read(file: Path) -> _Letter:
    body = file.read_bytes()
    return _Letter(file, body, msgspec.json.decode(body))


def _answer(step: Step, told: dict[str, Any]) -> bytes:
    kind, content = ANSWERS[step]
    at = datetime.fromisoformat(told["event"]["at"]) + LATER
    event = {"kind": kind, "at": at.isoformat(), "content": content}
    return msgspec.json.encode({**told, "event": event, "dossier": {"code": dossier_of(told)}})


def _done(operation: str, way: str, said: str) -> Played:
    return Played(operation, way, 0, "taken", expected=True, said=said)

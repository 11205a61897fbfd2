"""The officer's tool of an agency without a system: lists its mailbox at the hub, fetches each letter, keeps it, says so; over REST or over SOAP.

A letter is kept under the number of its transfer, so what comes again is the same file; it is written into the journal once.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from connectors.simulators.calling import say
from connectors.simulators.tricks import Played, shown
from connectors.simulators.visiting import visit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from connectors.simulators.calling import Ask, Heard, Verdict
    from connectors.simulators.desk import Journal
    from connectors.simulators.mailbox_words import Letter, Tongue
    from connectors.simulators.visiting import Step

OTHER = hashlib.sha256(b"another letter").hexdigest()
REFUSED: frozenset[Step] = frozenset({"early", "misquote"})
"""Steps that a hub must say no to."""


class MailboxOffice:
    """``address``: the hub's. ``folder``: where it keeps its letters."""

    def __init__(self, address: str, tongue: Tongue, folder: Path, journal: Journal) -> None:
        self._address, self._tongue, self._folder, self._journal = address, tongue, folder, journal

    async def round(self, _: datetime) -> AsyncIterator[Played]:
        after = ""
        while True:
            heard = await self._say(self._tongue.pending(after))
            yield self._played("list", "well", heard)
            letters, after = self._tongue.page(heard)
            for letter in letters:
                async for played in self._letter(letter):
                    yield played
                    if played.operation == "die":
                        return
            if not after:
                return

    async def _letter(self, letter: Letter) -> AsyncIterator[Played]:
        there, content = visit(letter.dossier, letter.transfer, self._folder), b""
        for step in there.steps:
            if step == "die":
                yield Played("die", there.way, 0, "taken", expected=True, said="")
            elif step == "keep":
                self._keep(letter, content)
            elif step == "fetch":
                heard = await self._say(self._tongue.fetch(letter.transfer))
                content = self._tongue.content(heard)
                whole = hashlib.sha256(content).hexdigest() == letter.digest
                yield self._played(step, there.way, heard, expected=whole)
            else:
                digest = OTHER if step == "misquote" else letter.digest
                heard = await self._say(
                    self._tongue.settle(letter.transfer, digest, refused=step == "refuse")
                )
                yield self._played(step, there.way, heard, "refused" if step in REFUSED else "taken")

    def _keep(self, letter: Letter, content: bytes) -> None:
        (self._folder / f"{letter.transfer}.letter").write_bytes(content)
        if all(entry.key != letter.transfer for entry in self._journal.entries):
            self._journal.record(letter.kind, content, key=letter.transfer, dossier=letter.dossier)

    def _played(
        self, operation: str, way: str, heard: Heard, expects: Verdict = "taken", *, expected: bool = True
    ) -> Played:
        verdict = self._tongue.verdict(heard)
        return Played(operation, way, heard.status, verdict, expected and verdict == expects, shown(heard))

    async def _say(self, ask: Ask) -> Heard:
        return await say(self._address, ask)

"""The officer's tool of an agency without a system: lists its mailbox at the hub, fetches each letter, keeps it, says so.

A letter is kept under the number of its transfer, so what comes again is the same file; it is written into the journal once.
"""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from connectors.simulators.calling import Ask, say
from connectors.simulators.tricks import Played, shown
from connectors.simulators.visiting import visit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from connectors.simulators.calling import Heard, Verdict
    from connectors.simulators.desk import Journal
    from connectors.simulators.visiting import Step

BOX = "/v1/mailbox"
OTHER = hashlib.sha256(b"another letter").hexdigest()
NOT_ITS = {"code": "KHONG-THUOC", "reason": "Không thuộc thẩm quyền"}
REFUSED: frozenset[Step] = frozenset({"early", "misquote"})
"""Steps that a hub must say no to."""
Letter = dict[str, Any]


class MailboxOffice:
    """``address``: the hub's. ``folder``: where it keeps its letters."""

    def __init__(self, address: str, secret: str, folder: Path, journal: Journal) -> None:
        self._address, self._folder, self._journal = address, folder, journal
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    async def round(self, _: datetime) -> AsyncIterator[Played]:
        after: str | None = ""
        while after is not None:
            heard = await self._say("GET", f"{BOX}?after={quote(after)}")
            yield _played("list", "well", heard)
            page = json.loads(heard.body) if heard.status == HTTPStatus.OK else {"letters": [], "next": None}
            for letter in page["letters"]:
                async for played in self._letter(letter):
                    yield played
                    if played.operation == "die":
                        return
            after = page["next"]

    async def _letter(self, letter: Letter) -> AsyncIterator[Played]:
        there = visit(letter["dossier"] or "", letter["transfer"], self._folder)
        content = b""
        for step in there.steps:
            if step == "die":
                yield Played("die", there.way, 0, "taken", expected=True, said="")
            elif step == "keep":
                self._keep(letter, content)
            elif step == "fetch":
                heard = await self._say("GET", f"{BOX}/{letter['transfer']}")
                content, whole = heard.body, _digest(heard.body) == letter["digest"]
                yield _played(step, there.way, heard, expected=whole)
            else:
                body = json.dumps(_said(step, letter)).encode()
                heard = await self._say("POST", f"{BOX}/{letter['transfer']}/acknowledgement", body)
                yield _played(step, there.way, heard, "refused" if step in REFUSED else "taken")

    def _keep(self, letter: Letter, content: bytes) -> None:
        (self._folder / f"{letter['transfer']}.letter").write_bytes(content)
        if all(entry.key != letter["transfer"] for entry in self._journal.entries):
            dossier = letter["dossier"] or ""
            self._journal.record(letter["kind"], content, key=letter["transfer"], dossier=dossier)

    async def _say(self, method: str, path: str, body: bytes = b"") -> Heard:
        return await say(self._address, Ask(path=path, body=body, method=method, headers=self._headers))


def _said(step: Step, letter: Letter) -> Mapping[str, Any]:
    told = {"digest": OTHER if step == "misquote" else letter["digest"]}
    return {**told, "refused": NOT_ITS} if step == "refuse" else told


def _played(
    operation: str, way: str, heard: Heard, expects: Verdict = "taken", *, expected: bool = True
) -> Played:
    verdict: Verdict = "unclear"
    if heard.status == HTTPStatus.OK:
        verdict = "taken"
    elif HTTPStatus.BAD_REQUEST <= heard.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        verdict = "refused"
    return Played(operation, way, heard.status, verdict, expected and verdict == expects, shown(heard))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""Picks up what an organisation sent us: list → fetch → hand in → status message → mark. The axis offers a document until it is marked.

Only documents of the partner's own organisation are looked at, both as the axis says (``from``) and as the document itself says (``From``).
A status message is handed in like a document and never answered: nobody would ever stop. One that asks a document back (13) is, by 15 or 16.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from connectors.contract import Collector, Deferred, Fate, Missed, Picked, Reason, TurnedAway
from connectors.edxml import letters
from connectors.edxml.replies import ROWS, Told, read
from connectors.edxml.ways import TYPES, Entry, Type, entries
from connectors.http1 import Break
from connectors.replies import classify, looks_like_html
from connectors.transport import Answer, Broken
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from connectors.contract import Enclosed
    from connectors.edxml.axis import Axis
    from connectors.edxml.settings import Settings
    from connectors.transport import Request

KEY = re.compile(r"[!#-\[\]-~]{1,150}")
TAKEN_BEFORE = "HUB-IDM-002"
"""Other bytes came under the id of a document that was taken: its sender is told nothing against that one."""


def collector(settings: Settings, axis: Axis) -> Collector:
    return _Inbox(settings, axis)


class _Inbox:
    def __init__(self, settings: Settings, axis: Axis) -> None:
        self._settings, self._axis = settings, axis

    async def collect(self, limit: int) -> AsyncGenerator[Picked | Missed]:
        """What a status is about was sent before it: documents are listed after status messages, and offered before them."""
        lists = {kind: await self._listed(kind) for kind in reversed(TYPES)}
        for kind in TYPES:
            listed = lists[kind]
            if isinstance(listed, Missed):
                yield listed
                continue
            for entry in listed:
                if self._settings.is_theirs(entry.sender) and entry.kind in {"", kind}:
                    yield await self._fetched(entry, kind, limit)

    async def settle(self, picked: Picked, fate: Fate) -> Missed | None:
        """Tell the sender, then mark it: after a crash between the two the sender may hear the same status once more."""
        turned_away = isinstance(fate, TurnedAway)
        reason = fate.reason.code if isinstance(fate, TurnedAway) else ""
        if self._settings.statuses and reason != TAKEN_BEFORE:
            missed = await self._answer(picked, reason)
            if missed is not None:
                return missed
        mark = self._axis.way.mark(picked.id, self._axis.now(), done=not turned_away)
        told = await self._told(mark)
        return told if isinstance(told, Missed) else None

    async def close(self) -> None:
        await self._axis.close()

    async def _listed(self, kind: Type) -> tuple[Entry, ...] | Missed:
        told = await self._told(self._axis.way.listing(kind, self._axis.now()))
        if isinstance(told, Missed):
            return told
        found = entries(told)
        return Missed(reason=Reason(code="HUB-PAR-002", detail="no list")) if found is None else found

    async def _fetched(self, entry: Entry, kind: Type, limit: int) -> Picked | Missed:
        answer = await self._axis.call(self._axis.way.fetch(entry.id, self._axis.now()))
        if isinstance(answer, Broken) and answer.error is Break.TOO_LARGE:
            return _picked(entry, b"", fault=Reason(code="HUB-LIM-001"))
        if not isinstance(answer, Answer):
            return _missed(answer)
        told = read(answer)
        body = self._axis.way.document(answer.body, told)
        whole = answer.status // 100 == 2 and not looks_like_html(answer.body, answer.media_type)  # noqa: PLR2004 - RFC 9110 §15.3
        if body is None or not body or not whole:
            verdict = classify(told.reply, ROWS)
            code = "HUB-PAR-002" if verdict.action == "delivered" else verdict.code
            return Missed(reason=Reason(code=code, detail=verdict.detail), exchanges=answer.exchanges)
        if len(body) > limit:
            return _picked(entry, b"", fault=Reason(code="HUB-LIM-001"))
        return await asyncio.to_thread(self._opened, entry, body, kind)

    def _opened(self, entry: Entry, body: bytes, kind: Type) -> Picked:
        """What cannot be read goes to intake all the same, which says why."""
        try:
            head, inside = letters.head(body), letters.enclosed(body)
            back = letters.asked_back(body) if head.is_status else None
        except Refusal:
            return _picked(entry, body)
        fits = head.is_error or head.is_status == (kind == "status")  # the axis has no type for errors
        if not self._settings.is_theirs(head.sender) or not fits:
            return _picked(entry, body, fault=Reason(code="HUB-AUT-003", detail="From"))
        recalls = back.document if back else ""
        return replace(
            _picked(entry, body, inside), receipt=head.receipt, recalls=recalls, answers=head.answers
        )

    async def _answer(self, picked: Picked, reason: str) -> Missed | None:
        try:
            about = letters.head(picked.body)
        except Refusal:
            return None  # it names nobody who could be told
        back = letters.asked_back(picked.body) if about.is_status else None
        if (about.is_status and back is None) or not self._settings.is_theirs(about.sender):
            return None
        words = (letters.KEPT, letters.GIVEN_BACK) if back else (letters.TURNED_AWAY, letters.ARRIVED)
        code = words[0 if reason else 1]
        said = letters.status(self._settings, back or about, code, reason, self._axis.now())
        told = await self._told(self._axis.way.send(said, "status", self._axis.now()))
        return told if isinstance(told, Missed) else None

    async def _told(self, request: Request) -> Told | Missed:
        answer = await self._axis.call(request)
        if not isinstance(answer, Answer):
            return _missed(answer)
        told = read(answer)
        verdict = classify(told.reply, ROWS)
        if verdict.action != "delivered":
            return Missed(reason=verdict.reason, exchanges=answer.exchanges)
        return told


def _picked(
    entry: Entry, body: bytes, inside: tuple[Enclosed, ...] = (), fault: Reason | None = None
) -> Picked:
    """The axis's id is the key, so that a document counts once by that and by its own id."""
    key = entry.id if KEY.fullmatch(entry.id) else hashlib.sha256(entry.id.encode()).hexdigest()
    return Picked(id=entry.id, body=body, media_type="application/xml", key=key, enclosed=inside, fault=fault)


def _missed(broken: Broken | Deferred) -> Missed:
    outcome = broken.outcome() if isinstance(broken, Broken) else broken
    return Missed(reason=outcome.reason, exchanges=outcome.exchanges)

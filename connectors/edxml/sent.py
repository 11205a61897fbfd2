"""Has it arrived? The axis lists what a unit sent; which of that is ours, the documents themselves say. Nothing is sent again before.

Exactly one document with our number proves it. That none has it proves the opposite only when each that may be ours was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connectors.contract import Deferred, Delivered, Reason, Unsure
from connectors.edxml import letters
from connectors.edxml.replies import ROWS, read
from connectors.edxml.ways import TYPES, entries
from connectors.replies import ABSENT, classify
from connectors.transport import Answer, Broken
from schemas.problems import Refusal

if TYPE_CHECKING:
    from connectors.contract import Exchange, Outcome, Parcel
    from connectors.edxml.axis import Axis
    from connectors.edxml.ways import Entry, Type
    from connectors.replies import Table
    from connectors.transport import Request

MOST = 200
"""Documents that are fetched for one question, the latest ones; that it is not among them proves nothing where there are more."""


class Ours(NamedTuple):
    """What to look for. ``names``: what a list may call it by; a status message has none, and one more in the same words says no more.

    ``receivers``: its addressee's codes, of which the axis may say another than the hub does today.
    """

    marks: tuple[str, ...]
    names: frozenset[str]
    receivers: tuple[str, ...]

    def may_be(self, entry: Entry, kind: Type) -> bool:
        """Only what is surely another's or of the other type is none of ours: a word for a type that nobody knows says nothing."""
        theirs = not entry.receiver or any(code in entry.receiver for code in self.receivers)
        return theirs and (entry.kind == kind or entry.kind not in TYPES)


async def look(axis: Axis, rows: Table, parcel: Parcel, kind: Type) -> Outcome:
    """Ask about a parcel for ``axis.organs``."""
    asked = axis.way.sent(kind, parcel.since, axis.now())
    if asked is None:
        return Unsure(reason=Reason(code="HUB-PAR-009"))
    ours = _ours(parcel, axis.organs)
    if ours is None:
        return Unsure(reason=Reason(code="HUB-PAR-009", detail="no number of its own"))
    listed = await _listed(axis, rows, asked)
    if isinstance(listed, Unsure):
        return listed
    found, exchanges = listed
    candidates = [each for each in found if ours.may_be(each, kind)]
    return await _Look(axis, ours, exchanges).among(candidates)


def _ours(parcel: Parcel, receivers: tuple[str, ...]) -> Ours | None:
    """A document that does not carry the transfer's key cannot be told from others about the same dossier: ``None``."""
    try:
        head, marks = letters.head(parcel.sealed.payload), letters.marks(parcel.sealed.payload)
    except Refusal:
        return None
    if head.is_status:
        return Ours(marks, frozenset(), receivers)
    names = frozenset(name for name in (head.document, head.code) if parcel.key in name)
    return Ours(marks, names, receivers) if head.document in names else None


async def _listed(
    axis: Axis, rows: Table, asked: Request
) -> tuple[tuple[Entry, ...], tuple[Exchange, ...]] | Unsure:
    """An answer without a list is no empty list."""
    answer = await axis.call(asked)
    if isinstance(answer, Broken):
        return answer.cannot_tell()
    if not isinstance(answer, Answer):
        return Unsure(reason=answer.reason, exchanges=answer.exchanges)
    told = read(answer)
    verdict = classify(told.reply, rows, ROWS)
    if verdict.action != "delivered":
        return Unsure(reason=verdict.reason, exchanges=answer.exchanges)
    whole = isinstance(told.document, dict) and isinstance(told.document.get("data"), list)
    found = entries(told) if whole else None
    if found is None:
        return Unsure(reason=Reason(code="HUB-PAR-002", detail="no list"), exchanges=answer.exchanges)
    return found, answer.exchanges


class _Look:
    """One question. ``exchanges``: of the list."""

    def __init__(self, axis: Axis, ours: Ours, exchanges: tuple[Exchange, ...]) -> None:
        self._axis, self._ours, self._exchanges = axis, ours, exchanges

    async def among(self, candidates: list[Entry]) -> Outcome:
        """A list that names ours needs no look at the documents."""
        named = [each for each in candidates if each.texts & self._ours.names]
        if named:
            return self._told(named, unread=0)
        ours: list[Entry] = []
        unread = max(0, len(candidates) - MOST)
        for each in reversed(candidates[-MOST:]):
            said = await self._marks(each)
            if said is None:
                unread += 1
            elif said == self._ours.marks:
                ours.append(each)
        return self._told(ours, unread)

    def _told(self, ours: list[Entry], unread: int) -> Outcome:
        if len(ours) == 1 or (ours and not self._ours.names):
            return Delivered(reference=ours[0].id[:200], exchanges=self._exchanges)
        if ours:
            return self._unsure(f"{len(ours)} of this number")
        if unread:
            return self._unsure(f"{unread} were not read")
        return Deferred(reason=Reason(code=ABSENT), exchanges=self._exchanges)

    def _unsure(self, detail: str) -> Unsure:
        return Unsure(reason=Reason(code="HUB-PAR-002", detail=detail), exchanges=self._exchanges)

    async def _marks(self, entry: Entry) -> tuple[str, ...] | None:
        """Read one document; ``None`` where that cannot be done. Its exchange is not kept: it holds another dossier."""
        answer = await self._axis.call(self._axis.way.fetch(entry.id, self._axis.now()))
        if not isinstance(answer, Answer):
            return None
        body = self._axis.way.document(answer.body, read(answer))
        try:
            marks = letters.marks(body) if body else ("",)
        except Refusal:
            return None
        return marks if marks[0] else None  # whoever says nothing of its sender is a page of somebody's

"""Sends documents, and asks after one that is unclear where the interface lists what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.edxml.letters import KIND, STATUS
from connectors.edxml.replies import ROWS, read
from connectors.edxml.sent import look
from connectors.replies import classify, known_actions
from connectors.transport import Answer, Broken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.contract import Connector, Outcome, Parcel
    from connectors.edxml.axis import Axis
    from connectors.edxml.ways import Type
    from connectors.replies import Row, Table


def connect(axis: Axis, replies: Iterable[Row] = ()) -> Connector:
    """Raises ``Refusal`` HUB-CFG-001 for a row this room has no use for."""
    return _Sender(axis, known_actions(replies))


class _Sender:
    def __init__(self, axis: Axis, rows: Table) -> None:
        self._axis, self._rows = axis, rows

    async def deliver(self, parcel: Parcel) -> Outcome:
        request = self._axis.way.send(parcel.sealed.payload, _kind(parcel), self._axis.now())
        answer = await self._axis.call(request)
        if isinstance(answer, Broken):
            return answer.outcome()
        if not isinstance(answer, Answer):
            return answer
        told = read(answer)
        verdict = classify(told.reply, self._rows, ROWS)
        return verdict.outcome(answer.exchanges, reference=told.text("DocId", "docId", "docid"))

    async def find(self, parcel: Parcel) -> Outcome:
        return await look(self._axis, self._rows, parcel, _kind(parcel))

    async def close(self) -> None:
        await self._axis.close()


def _kind(parcel: Parcel) -> Type:
    return "status" if parcel.sealed.facts.get(KIND) == STATUS else "edoc"

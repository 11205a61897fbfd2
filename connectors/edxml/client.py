"""Sends documents. The axis cannot be asked about one by any key of ours: what is unclear stays so until a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import Connector, Outcome, Parcel, Reason, Unsure
from connectors.edxml.letters import KIND, STATUS
from connectors.edxml.replies import ROWS, read
from connectors.replies import classify, known_actions
from connectors.transport import Answer, Broken

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        kind: Type = "status" if parcel.sealed.facts.get(KIND) == STATUS else "edoc"
        request = self._axis.way.send(parcel.sealed.payload, kind, self._axis.now())
        answer = await self._axis.call(request)
        if isinstance(answer, Broken):
            return answer.outcome()
        if not isinstance(answer, Answer):
            return answer
        told = read(answer)
        verdict = classify(told.reply, self._rows, ROWS)
        return verdict.outcome(answer.exchanges, reference=told.text("DocId", "docId", "docid"))

    async def find(self, parcel: Parcel) -> Outcome:  # noqa: ARG002 - no call of the axis takes a key of ours
        return Unsure(reason=Reason(code="HUB-PAR-009"))

    async def close(self) -> None:
        await self._axis.close()

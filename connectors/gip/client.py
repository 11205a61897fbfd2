"""The tax gateway's network: one call asks, and its answer is a message of its own.

A question changes nothing there, so it is said again wherever its answer did not come; nothing can be asked about it otherwise. An
answer counts when it is about this question (``MSG_REFID``), of the kind that was asked for, and about this dossier alone.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Connector, Deferred, Delivered, Outcome, Parcel, Picked, Reason, Unsure
from connectors.credentials.showing import called
from connectors.envelopes import opened
from connectors.gip.data import answer as read_answer
from connectors.gip.data import decided, spelled, unwrapped, wrapped
from connectors.gip.replies import ROWS, read
from connectors.replies import Row, Table, classify, known_actions, looks_like_html, wait_of
from connectors.transport import Answer, Broken, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.gip.data import Answer as Told
    from connectors.gip.settings import Settings
    from connectors.line import Line

HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', "Accept": "text/xml"}


def connect(settings: Settings, line: Line, replies: Iterable[Row] = ()) -> Connector:
    """Open this gateway. Raises ``Refusal`` HUB-CFG-001 for a row this room has no use for."""
    return _Gateway(settings, line, known_actions(replies))


class _Gateway:
    def __init__(self, settings: Settings, line: Line, rows: Table) -> None:
        self._settings, self._line, self._rows = settings, line, rows

    async def deliver(self, parcel: Parcel) -> Outcome:
        request = Request(path="", body=wrapped(self._settings, parcel.sealed.payload), headers=HEADERS)
        came = await called(request, self._line.credentials, self._line.http.send)
        if isinstance(came, Broken):
            return came.outcome()
        if isinstance(came, Deferred):
            return came
        data = unwrapped(came.body)
        if data is None:
            return self._outcome(came, None, parcel)
        vouched = await opened(msgspec.structs.replace(came, body=data), self._line.envelopes)
        if isinstance(vouched, Unsure):
            return vouched
        return self._outcome(vouched, read_answer(vouched.body), parcel, came.media_type)

    async def find(self, parcel: Parcel) -> Outcome:  # noqa: ARG002 - a question has no other question about it
        return Unsure(reason=Reason(code="HUB-PAR-009"))

    async def close(self) -> None:
        await self._line.close()

    def _outcome(self, came: Answer, told: Told | None, parcel: Parcel, media_type: str = "") -> Outcome:
        wait = wait_of(came.headers.get("retry-after", ""), came.arrived_at)
        html = told is None and looks_like_html(came.body, media_type or came.media_type)
        verdict = classify(read(came.status, told, html=html, wait=wait), self._rows, ROWS)
        if told is None or verdict.action != "delivered":
            return verdict.outcome(came.exchanges)
        stranger = self._stranger(told, parcel)
        if stranger:
            return Unsure(reason=Reason(code="HUB-PAR-002", detail=stranger), exchanges=came.exchanges)
        return Delivered(reference=told.id, exchanges=came.exchanges, answer=_message(told, parcel))

    def _stranger(self, told: Told, parcel: Parcel) -> str:
        """Why an answer says nothing about this question; empty: it does."""
        facts, settings = parcel.sealed.facts, self._settings
        if told.about != facts.get("msg_id", "") and (told.about or settings.echo == "required"):
            return "another question"
        if (told.transaction, told.type) != (settings.answer, settings.lookup):
            return "another kind of answer"
        if not told.rows or any(row.get("MA_HS") != facts.get("dossier") for row in told.rows):
            return "another dossier"
        return ""


def _message(told: Told, parcel: Parcel) -> Picked:
    """The notices as a message: the same whenever the same are told, whatever the answer itself is called."""
    facts = parcel.sealed.facts
    at = decided(told.rows)
    said = {
        "At": spelled(at) if at else facts.get("asked", ""),
        "MA_HS": facts.get("dossier", ""),
        "SOTHUE": told.rows,
    }
    body = msgspec.json.encode(said)
    name = facts.get("msg_id", "")
    digest = hashlib.sha256(body).hexdigest()[:32]
    return Picked(id=told.id, body=body, media_type="application/json", key=f"{name}-{digest}")

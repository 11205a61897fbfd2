"""The REST room's network: one call to deliver, one call to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from connectors.contract import Connector, Deferred, Outcome, Parcel, Reason, Unsure
from connectors.envelopes import opened
from connectors.replies import ABSENT, Reply, Row, Table, classify, known_actions, wait_of
from connectors.rest.opening import opens
from connectors.rest.replies import absent_rows, is_about, names, names_another, read, reference, room_rows
from connectors.rest.uploads import told_of
from connectors.transport import Answer, Broken, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.line import Line
    from connectors.rest.settings import Find, Opening, ReplyPlaces, Settings, Uploads


def connect(settings: Settings, line: Line, replies: Iterable[Row] = ()) -> Connector:
    """Open this partner. Raises ``Refusal`` HUB-CFG-001 for a row this room has no use for."""
    return _RestConnector(settings, line, known_actions(replies))


def fill(template: str, parcel: Parcel) -> str:
    """Put the parcel's words into a path; nothing in them can leave its segment."""
    words = {"key": parcel.key, "operation": parcel.operation, "dossier": parcel.dossier}
    return template.format(**{name: quote(value, safe="") for name, value in words.items()})


def _apart(settings: Settings, operation: str) -> Uploads | Opening | None:
    """What has a path and an answer of its own: a file, or what opens a dossier."""
    return told_of(settings, operation) or opens(settings, operation)


def _path(settings: Settings, operation: str) -> str:
    apart = _apart(settings, operation)
    return apart.path if apart else settings.paths.get(operation, settings.path)


def _places(settings: Settings, operation: str) -> ReplyPlaces:
    apart = _apart(settings, operation)
    return (apart and apart.reply) or settings.reply


class _RestConnector:
    def __init__(self, settings: Settings, line: Line, rows: Table) -> None:
        self._settings, self._line, self._rows = settings, line, rows

    async def deliver(self, parcel: Parcel) -> Outcome:
        opening = opens(self._settings, parcel.operation)
        return await self._open(opening, parcel) if opening else await self._send(parcel)

    async def _open(self, opening: Opening, parcel: Parcel) -> Outcome:
        """Open a dossier that is not there. What came of an unclear answer a second question tells, so that nothing is opened twice."""
        before = await self._look(opening, parcel)
        if not isinstance(before, Deferred):
            return (
                Deferred(reason=before.reason, exchanges=before.exchanges)
                if isinstance(before, Unsure)
                else before
            )
        if before.reason.code != ABSENT:
            return before
        sent = await self._send(parcel)
        after = await self._look(opening, parcel) if isinstance(sent, Unsure) else sent
        exchanges = before.exchanges + sent.exchanges + (after.exchanges if after is not sent else ())
        return msgspec.structs.replace(after, exchanges=exchanges)

    async def _look(self, opening: Opening, parcel: Parcel) -> Outcome:
        """Ask for the dossier by its code: delivered where it is there, ``ABSENT`` where it is not."""
        request = Request(path=fill(opening.look, parcel), method="GET", headers=self._settings.headers)
        answer = await self._call(request, parcel)
        if isinstance(answer, Broken):
            return answer.cannot_tell()
        if not isinstance(answer, Answer):
            return answer
        places = opening.reply or self._settings.reply
        rows = absent_rows(opening.absent_status)
        verdict = classify(_read(places, answer), rows, self._rows, room_rows(places)).told()
        if verdict.action == "delivered" and not names(opening.key, answer.body, parcel.dossier):
            return Unsure(
                reason=Reason(code="HUB-PAR-002", detail="another dossier"), exchanges=answer.exchanges
            )
        return verdict.outcome(answer.exchanges, reference=reference(places, answer.body))

    async def _send(self, parcel: Parcel) -> Outcome:
        settings = self._settings
        answer = await self._call(
            Request(
                path=fill(_path(settings, parcel.operation), parcel),
                method=settings.method,
                body=parcel.sealed.payload,
                headers={
                    "Content-Type": parcel.sealed.media_type,
                    **settings.headers,
                    **parcel.sealed.headers,
                    settings.idempotency_header: parcel.key,
                },
            ),
            parcel,
        )
        if isinstance(answer, Broken):
            return answer.outcome()
        if not isinstance(answer, Answer):
            return answer
        if self._line.checks and names_another(settings.find, answer.body, parcel.key):
            return Unsure(reason=Reason(code="HUB-PAR-002", detail="another key"), exchanges=answer.exchanges)
        places = _places(settings, parcel.operation)
        verdict = classify(_read(places, answer), self._rows, room_rows(places))
        return verdict.outcome(answer.exchanges, reference=reference(places, answer.body))

    async def find(self, parcel: Parcel) -> Outcome:
        opening = opens(self._settings, parcel.operation)
        if opening:
            return await self._look(opening, parcel)
        find = self._settings.find
        if find is None:
            return Unsure(reason=Reason(code="HUB-PAR-009"))
        answer = await self._call(
            Request(
                path=fill(find.path, parcel),
                method="GET",
                headers=self._settings.headers,
            ),
            parcel,
        )
        if isinstance(answer, Broken):
            return answer.cannot_tell()
        if not isinstance(answer, Answer):
            return Unsure(reason=answer.reason, exchanges=answer.exchanges)
        return self._tell(find, answer, parcel)

    async def _call(self, request: Request, parcel: Parcel) -> Answer | Broken | Deferred | Unsure:
        """Send one request, signed where that was agreed; ``Deferred``: it never left; ``Unsure``: the reply proves nothing."""
        answer = await self._line.send(request, self._settings.base_url, parcel.key)
        return await opened(answer, self._line.envelopes) if isinstance(answer, Answer) else answer

    async def close(self) -> None:
        await self._line.close()

    def _tell(self, find: Find, answer: Answer, parcel: Parcel) -> Outcome:
        places = self._settings.reply
        verdict = classify(
            _read(places, answer),
            absent_rows(find.absent_status, find.absent_code),
            self._rows,
            room_rows(places),
        ).told()
        if verdict.action in {"delivered", "refused"} and not is_about(find, answer.body, parcel.key):
            return Unsure(reason=Reason(code="HUB-PAR-002", detail="another key"), exchanges=answer.exchanges)
        return verdict.outcome(answer.exchanges, reference=reference(places, answer.body))


def _read(places: ReplyPlaces, answer: Answer) -> Reply:
    wait = wait_of(answer.headers.get("retry-after", ""), answer.arrived_at)
    return read(places, answer.status, answer.media_type, answer.body, wait)

"""The REST room's network: one call to deliver, one call to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from connectors.contract import Connector, Deferred, Outcome, Parcel, Reason, Unsure
from connectors.envelopes import opened
from connectors.replies import Reply, Row, Table, classify, known_actions, wait_of
from connectors.rest.replies import absent_rows, is_about, names_another, read, reference, room_rows
from connectors.rest.uploads import UPLOAD
from connectors.transport import Answer, Broken, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.line import Line
    from connectors.rest.settings import Find, ReplyPlaces, Settings


def connect(settings: Settings, line: Line, replies: Iterable[Row] = ()) -> Connector:
    """Open this partner. Raises ``Refusal`` HUB-CFG-001 for a row this room has no use for."""
    return _RestConnector(settings, line, known_actions(replies))


def fill(template: str, parcel: Parcel) -> str:
    """Put the parcel's words into a path; nothing in them can leave its segment."""
    words = {"key": parcel.key, "operation": parcel.operation, "dossier": parcel.dossier}
    return template.format(**{name: quote(value, safe="") for name, value in words.items()})


def _path(settings: Settings, operation: str) -> str:
    if settings.uploads and operation.startswith(UPLOAD):
        return settings.uploads.path
    return settings.paths.get(operation, settings.path)


def _places(settings: Settings, operation: str) -> ReplyPlaces:
    uploads = settings.uploads if operation.startswith(UPLOAD) else None
    return (uploads and uploads.reply) or settings.reply


class _RestConnector:
    def __init__(self, settings: Settings, line: Line, rows: Table) -> None:
        self._settings, self._line, self._rows = settings, line, rows

    async def deliver(self, parcel: Parcel) -> Outcome:
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
        verdict = classify(_read(places, answer), absent_rows(find), self._rows, room_rows(places)).told()
        if verdict.action in {"delivered", "refused"} and not is_about(find, answer.body, parcel.key):
            return Unsure(reason=Reason(code="HUB-PAR-002", detail="another key"), exchanges=answer.exchanges)
        return verdict.outcome(answer.exchanges, reference=reference(places, answer.body))


def _read(places: ReplyPlaces, answer: Answer) -> Reply:
    wait = wait_of(answer.headers.get("retry-after", ""), answer.arrived_at)
    return read(places, answer.status, answer.media_type, answer.body, wait)

"""The national portal, generation 2: a token; for a new dossier a code, its files, then the record; later calls by the number that the portal gave.

What ``deliver`` promises (docs/explanation/national-portal.md §12):

* Everything before the record may be said again: a code that is not used and a file that nothing names do no harm. What breaks there ends the attempt, and nothing
  of the parcel counts as left.
* ``ThemMoiHoSo`` makes a dossier each time. It is sent once; an unclear answer is *unsure*, and nothing is known that could be asked. A dossier that has
  the portal's number is never created again.
* The portal's numbers are facts of the delivery: later calls of this dossier go by ``IDHoSo``, and a file is uploaded once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import msgspec

from connectors.contract import Connector, Deferred, Delivered, Outcome, Parcel, Reason, Refused, Unsure
from connectors.credentials.showing import called
from connectors.national_portal_g2 import records
from connectors.national_portal_g2.records import CREATE, PROGRESS, STATE
from connectors.national_portal_g2.replies import ACTIONS, Heard, hear, room_rows
from connectors.replies import Row, Table, Verdict, classify, known_actions, read_json
from connectors.transport import Answer, Broken, Http, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connectors.contract import Exchange
    from connectors.credentials.contract import Credentials
    from connectors.national_portal_g2.settings import Settings

NUMBER, CODE = "IdHoSo", "MaHoSo"
"""The facts of a delivery, whatever this portal calls them."""
CANNOT_TELL, NO_NUMBER = Reason(code="HUB-PAR-009"), Reason(code="HUB-PAR-014")
LISTED = {"create": CREATE, "progress": PROGRESS, "state": STATE}
"""What the settings call the services that may take lists."""
THERE = Reason(code="HUB-PAR-007")


def connect(
    settings: Settings, http: Http, credentials: Credentials, replies: Iterable[Row] = ()
) -> Connector:
    """Open this portal. Raises ``Refusal`` HUB-CFG-001 for a row this room has no use for."""
    return _Portal(settings, http, credentials, known_actions(replies, ACTIONS))


class _Said(NamedTuple):
    """What came of one call; ``heard`` is ``None`` when no whole answer came."""

    outcome: Outcome
    heard: Heard | None


class _Portal:
    def __init__(self, settings: Settings, http: Http, credentials: Credentials, rows: Table) -> None:
        self._settings, self._http, self._credentials = settings, http, credentials
        self._rows = (*rows, *room_rows(settings.success))
        self._paths = {
            CREATE: settings.paths.create,
            PROGRESS: settings.paths.progress,
            STATE: settings.paths.state,
        }
        self._lists = {LISTED[name] for name in settings.as_lists}

    async def deliver(self, parcel: Parcel) -> Outcome:
        path, number = self._paths.get(parcel.operation), parcel.told.get(NUMBER, "")
        if path is None or not isinstance(read_json(parcel.sealed.payload), dict):
            return Deferred(reason=Reason(code="HUB-CFG-001", detail=f"operation {parcel.operation}"))
        if (parcel.operation == CREATE) == bool(number):
            return Refused(reason=THERE) if number else Deferred(reason=NO_NUMBER)
        trail: list[Exchange] = []
        facts: dict[str, str] = {}
        stopped = await self._prepare(parcel, facts, trail)
        if stopped is not None:
            return stopped
        names = self._settings.names
        name = (names.state_id if parcel.operation == STATE else "") or names.id
        numbers = {name: number} if number else {}
        if CODE in facts:
            numbers[names.code] = facts[CODE]
        payload = records.placed(parcel.sealed.payload, {**parcel.told, **facts}, names)
        record = records.behind(numbers, payload)
        if parcel.operation in self._lists:
            record = b"[" + record + b"]"
        said = await self._say(self._record(path, record, parcel), trail)
        return self._done(said, facts) if parcel.operation == CREATE else _with(said.outcome, facts)

    async def find(self, parcel: Parcel) -> Outcome:  # noqa: ARG002 - no service that answers is known
        return Unsure(reason=CANNOT_TELL)

    async def close(self) -> None:
        await self._credentials.close()
        await self._http.close()

    async def _prepare(
        self, parcel: Parcel, facts: dict[str, str], trail: list[Exchange]
    ) -> Deferred | Refused | None:
        """Have a code issued and the files uploaded; put what the portal said into ``facts``.

        ``Refused``: it will never take one of the files. ``Deferred``: it did not say what is needed.
        """
        settings, names = self._settings, self._settings.names
        for file in records.files(read_json(parcel.sealed.payload), names):
            if file.told in parcel.told or file.told in facts:
                continue
            body, media_type = records.multipart(file.name, file.content, names.part)
            request = Request(path=settings.paths.upload, body=body, headers={"Content-Type": media_type})
            said = await self._say(request, trail)
            number, hash_ = (_first(said, name) for name in (names.file, names.hash))
            if not number or not hash_:
                return said.outcome if isinstance(said.outcome, Refused) else _postponed(said)
            facts[file.told] = f"{number}\n{hash_}"
        if parcel.operation == CREATE and settings.codes == "issued":
            said = await self._say(self._issue(), trail)
            facts[CODE] = _text(said, settings.issued)
            if not facts[CODE]:
                return _postponed(said)
        return None

    def _issue(self) -> Request:
        """Ask for a dossier's code."""
        settings = self._settings
        if settings.issue_in == "query":
            path = f"{settings.paths.next}?{urlencode(settings.issue)}"
            return Request(path=path, method="GET", headers={"Accept": "application/json"})
        return self._record(settings.paths.next, records.written(settings.issue))

    def _record(self, path: str, body: bytes, parcel: Parcel | None = None) -> Request:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return Request(path=path, body=body, headers={**(parcel.sealed.headers if parcel else {}), **headers})

    async def _say(self, request: Request, trail: list[Exchange]) -> _Said:
        """Send with a token, and once more with a fresh one after an answer that wants one: it says that nothing was done."""

        async def send(shown: Request) -> Answer | Broken:
            answer = await self._http.send(shown)
            if isinstance(answer, Answer) and self._verdict(answer)[0].action == "log_in_again":
                return msgspec.structs.replace(answer, status=401)  # some say so inside HTTP 200
            return answer

        answer = await called(request, self._credentials, send)
        trail.extend(answer.exchanges)
        exchanges = tuple(trail)
        if isinstance(answer, Broken):
            return _Said(msgspec.structs.replace(answer.outcome(), exchanges=exchanges), None)
        if isinstance(answer, Deferred):
            return _Said(msgspec.structs.replace(answer, exchanges=exchanges), None)
        verdict, heard = self._verdict(answer)
        return _Said(verdict.outcome(exchanges), heard)

    def _verdict(self, answer: Answer) -> tuple[Verdict, Heard]:
        heard = hear(answer.status, answer.media_type, answer.body, answer.headers, answer.arrived_at)
        return classify(heard.reply, self._rows), heard

    def _done(self, said: _Said, facts: Mapping[str, str]) -> Outcome:
        """A dossier is created when the portal gave it a number: a success without one is none that could be gone on with."""
        if not isinstance(said.outcome, Delivered):
            return said.outcome
        number = _text(said, f"/data/{self._settings.names.created}")
        if not number:
            reason = Reason(code="HUB-PAR-002", detail="no number")
            return Unsure(reason=reason, exchanges=said.outcome.exchanges)
        facts = {**facts, NUMBER: number}
        return msgspec.structs.replace(said.outcome, reference=number, facts=facts)


def _text(said: _Said, pointer: str) -> str:
    return said.heard.text(pointer) if said.heard and isinstance(said.outcome, Delivered) else ""


def _first(said: _Said, name: str) -> str:
    """What an upload says of its file: in ``data``, or in the first entry of a list there."""
    return _text(said, f"/data/{name}") or _text(said, f"/data/0/{name}")


def _with(outcome: Outcome, facts: Mapping[str, str]) -> Outcome:
    return msgspec.structs.replace(outcome, facts=facts) if isinstance(outcome, Delivered) else outcome


def _postponed(said: _Said) -> Deferred:
    """Nothing of the record has left, whatever was said."""
    match said.outcome:
        case Deferred():
            return said.outcome
        case Delivered(exchanges=exchanges):  # a success that does not say what it is for
            return Deferred(reason=Reason(code="HUB-PAR-002"), exchanges=exchanges)
        case Unsure(reason=reason, exchanges=exchanges) | Refused(reason=reason, exchanges=exchanges):
            return Deferred(reason=reason, exchanges=exchanges)

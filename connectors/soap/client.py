"""A partner with a WSDL: our bytes in an envelope, its Body child or Fault read back by the WSDL's types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import Deferred, Delivered, Outcome, Parcel, Reason, Refused, Unsure
from connectors.credentials.settings import SoapElement
from connectors.line import Line
from connectors.replies import Reply, known_actions, looks_like_html, normal_code, wait_of
from connectors.soap import wsdl
from connectors.soap.envelope import (
    Fault,
    Frame,
    Unreadable,
    addressing,
    frame,
    read,
    read_payload,
    root,
    text_at,
    wrap,
)
from connectors.soap.fit import check_about, misfits
from connectors.soap.line import exchange
from connectors.soap.replies import TAKEN, decide, tables
from connectors.transport import Answer, Broken, Request
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from lxml import etree

    from connectors.contract import Connector, Envelopes
    from connectors.credentials.contract import Credentials
    from connectors.replies import Row
    from connectors.soap.settings import Asking, Settings
    from connectors.soap.wsdl import Call
    from connectors.transport import Http
    from schemas.library import Library

MESSAGE_ID = "urn:lienthong:transfer:"


def connect(
    settings: Settings,
    http: Http,
    credentials: Credentials,
    replies: Iterable[Row] = (),
    *,
    library: Library,
    clock: Callable[[], datetime],
    envelopes: Envelopes | None = None,
) -> Connector:
    """Read the WSDL now. Raises ``Refusal`` HUB-CFG-001 when the partner's file does not fit the WSDL.

    ``envelopes``: signs each envelope when it is sent and believes only signed replies (WS-Security).
    """
    service = wsdl.load(
        library, settings.wsdl, version=settings.version, service=settings.service, port=settings.port
    )
    wrong = tuple(misfits(service, settings))
    if wrong:
        raise Refusal(*wrong)
    calls = {
        **service.calls,
        **{hub: service.calls[name] for hub, name in settings.operations.items()},
    }
    question = service.calls[settings.find.operation] if settings.find else None
    if envelopes and envelopes.checks:
        check_about(settings)
    line = Line(http, credentials, envelopes)
    return _SoapPartner(settings, line, clock, known_actions(replies), calls, question)


class _SoapPartner:
    """One port of one partner."""

    def __init__(
        self,
        settings: Settings,
        line: Line,
        clock: Callable[[], datetime],
        rows: Iterable[Row],
        calls: Mapping[str, Call],
        question: Call | None,
    ) -> None:
        self._settings, self._line, self._calls, self._question = settings, line, calls, question
        self._clock = clock
        self._frames = {call.name: frame(settings.version, call.action) for call in calls.values()}
        delivered = settings.status.delivered if settings.status else (TAKEN,)
        self._rows = tables(rows, delivered)

    async def deliver(self, parcel: Parcel) -> Outcome:
        call = self._calls.get(parcel.operation)
        if call is None or root(parcel.sealed.payload) != call.input:
            return Deferred(reason=Reason(code="HUB-CFG-001", detail=f"operation {parcel.operation}"))
        about = MESSAGE_ID + parcel.key if self._settings.addressing else ""
        request = self._request(call, parcel.sealed.payload, parcel, about)
        answer = await exchange(self._line, request, self._settings, parcel.key, about)
        if isinstance(answer, Broken):
            return answer.outcome()
        if not isinstance(answer, Answer):
            return answer
        child, reply = self._read(call, answer)
        reference = self._at(child, self._settings.reference)
        outcome = decide(reply, self._rows).outcome(answer.exchanges, reference=reference)
        if (
            isinstance(outcome, Delivered)
            and self._settings.key
            and self._at(child, self._settings.key) != parcel.key
        ):
            return Unsure(reason=Reason(code="HUB-PAR-002", detail="another key"), exchanges=answer.exchanges)
        return outcome

    async def find(self, parcel: Parcel) -> Outcome:
        """Only the answering element's own values count; whatever else comes back cannot tell."""
        asking, call = self._settings.find, self._question
        arguments = _arguments(asking, parcel) if asking else None
        if asking is None or call is None or arguments is None:
            return Unsure(reason=Reason(code="HUB-PAR-009"))
        about = self._asked(parcel.key)
        request = self._request(call, call.question(self._with_key(arguments)), None, about)
        answer = await exchange(self._line, request, self._settings, parcel.key, about)
        if isinstance(answer, Broken):
            return Unsure(reason=answer.outcome().reason, exchanges=answer.exchanges)
        if not isinstance(answer, Answer):
            return Unsure(reason=answer.reason, exchanges=answer.exchanges)
        child, reply = self._read(call, answer, asking=True)
        if reply.code != TAKEN or answer.status // 100 != 2:  # noqa: PLR2004 - RFC 9110 §15.3
            return Unsure(reason=decide(reply, tables(())).reason, exchanges=answer.exchanges)
        if asking.key and self._at(child, asking.key) != parcel.key:
            return Unsure(reason=Reason(code="HUB-PAR-002", detail="another key"), exchanges=answer.exchanges)
        return _found(asking, self._at(child, asking.element), self._at(child, asking.reference), answer)

    async def close(self) -> None:
        await self._line.close()

    def _with_key(self, arguments: dict[str, str]) -> dict[str, str]:
        """Leave a place for a key that stands inside a question, too."""
        auth = self._settings.auth
        return {**arguments, auth.element: "-"} if isinstance(auth, SoapElement) else arguments

    def _asked(self, key: str) -> str:
        """Name a question by its moment, so that the answer to an earlier one does not answer this."""
        return f"{MESSAGE_ID}{key}:{self._clock().isoformat()}" if self._settings.addressing else ""

    def _request(self, call: Call, payload: bytes, parcel: Parcel | None, called: str) -> Request:
        around = self._frame(call, called)
        headers = {**(parcel.sealed.headers if parcel else {}), **around.headers}
        headers |= {"Content-Type": around.content_type, "Accept": around.content_type.partition(";")[0]}
        if parcel and self._settings.key_header:
            headers[self._settings.key_header] = parcel.key
        return Request(path="", body=wrap(around, payload), headers=headers)

    def _frame(self, call: Call, called: str) -> Frame:
        if not called:
            return self._frames[call.name]
        header = addressing(call.action, self._settings.base_url, called)
        return frame(self._settings.version, call.action, header=header)

    def _read(
        self, call: Call, answer: Answer, *, asking: bool = False
    ) -> tuple[etree._Element | None, Reply]:
        """Say in the table's words what came back; the element only when it follows the WSDL."""
        said = Reply(
            status=answer.status,
            html=looks_like_html(answer.body, answer.media_type),
            wait=wait_of(answer.headers.get("retry-after", ""), answer.arrived_at),
        )
        try:
            found = self._open(call, answer)
        except Unreadable:
            return None, said
        code, phrase = TAKEN, ""
        if isinstance(found, Fault):
            return None, _reply(said, found.detail, found.text, found.code)
        if self._settings.status and not asking:
            code = self._at(found, self._settings.status.code)
            phrase = self._at(found, self._settings.status.message)
        return found, _reply(said, code, phrase) if code else said

    def _open(self, call: Call, answer: Answer) -> etree._Element | Fault | None:
        if not call.output and not answer.body and answer.status in {200, 202}:
            return None  # WS-I BP 1.1 R2714: one-way has no envelope
        reading = read_payload if self._line.checks else read
        found = reading(answer.body, self._settings.version, detail=self._settings.fault_code)
        if not isinstance(found, Fault):
            call.check(found)
        return found

    def _at(self, child: etree._Element | None, path: str | None) -> str:
        return (text_at(child, path) or "") if child is not None and path else ""


def _reply(said: Reply, code: str, phrase: str, fault: str = "") -> Reply:
    return Reply(
        status=said.status,
        readable=True,
        html=said.html,
        code=normal_code(code),
        phrase=phrase,
        fault=fault,
        wait=said.wait,
    )


def _found(asking: Asking, said: str, reference: str, answer: Answer) -> Outcome:
    if said in asking.has:
        return Delivered(reference=reference, exchanges=answer.exchanges)
    if said in asking.has_not:
        return Deferred(reason=Reason(code="HUB-PAR-010"), exchanges=answer.exchanges)
    if said in asking.refused:
        return Refused(reason=Reason(code="HUB-PAR-001", detail="asked"), exchanges=answer.exchanges)
    return Unsure(reason=Reason(code="HUB-PAR-002", detail="no clear answer"), exchanges=answer.exchanges)


def _arguments(asking: Asking, parcel: Parcel) -> dict[str, str] | None:
    """Fill in the question; ``None`` when a fact is missing, because half a question may be answered wrongly."""
    known = {"key": parcel.key, "dossier": parcel.dossier}
    known |= {f"fact:{name}": value for name, value in parcel.sealed.facts.items()}
    values = {path: known.get(source, "") for path, source in asking.arguments.items()}
    return values if all(values.values()) else None

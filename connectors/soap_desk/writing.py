"""Answers and Faults in the words of the contract."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from lxml import etree

from connectors.desks import Accepted, Refused, Reply
from connectors.small import Fetched, Lying, Seen, Settled
from connectors.soap_desk import multipart
from connectors.soap_desk.names import PLAIN, SOAP, XOP, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connectors.desks import Result, Told
    from connectors.small import Found
    from connectors.soap_desk.names import Operation

MEDIA: Final = "text/xml; charset=utf-8"
TRANSFER: Final = ("id", "message", "partner", "operation", "key", "kind", "code", "state", "problem", "attempts", "accepted_at", "settled_at", "deadline", "reference")  # fmt: skip
LETTER: Final = ("transfer", "key", "kind", "operation", "dossier", "deadline", "digest", "media_type", "offered_at", "fetched_at", "fetches")  # fmt: skip
"""Members of the hub's views, in the order of the contract."""

Value = str | int | bool | bytes | datetime | None


class Copy(msgspec.Struct, frozen=True):
    id: str
    partner: str
    operation: str
    state: str
    problem: str | None = None


class Receipt(msgspec.Struct, frozen=True):
    """What this service tells of the hub's receipt."""

    message: str
    digest: str
    accepted_at: datetime
    kind: str
    key: str
    transfers: tuple[Copy, ...] = ()
    dossier: str | None = None
    code: str | None = None


_RECEIPT = msgspec.json.Decoder(Receipt)


class _Writer:
    """Elements of the contract, in their order. ``contents``: where contents go that are not to stand in the envelope."""

    def __init__(self, root: etree._Element, contents: dict[str, bytes] | None = None) -> None:
        self.root, self.contents = root, contents

    def below(self, name: str) -> _Writer:
        return _Writer(etree.SubElement(self.root, tag(name)), self.contents)

    def tell(self, **told: Value) -> None:
        """Write one element each; what is ``None`` is left out."""
        for name, value in told.items():
            if isinstance(value, bytes):
                self._content(etree.SubElement(self.root, tag(name)), value)
            elif value is not None:
                etree.SubElement(self.root, tag(name)).text = _text(value)

    def _content(self, node: etree._Element, content: bytes) -> None:
        if self.contents is None:
            node.text = base64.b64encode(content).decode()
            return
        name = f"{len(self.contents) + 1}@hub"
        self.contents[name] = content
        etree.SubElement(node, f"{{{XOP}}}Include", {"href": f"cid:{name}"}, nsmap={"xop": XOP})


def _text(value: str | int | datetime) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def answer(operation: Operation, result: Result | Found, *, packed: bool) -> Reply:
    """Write what came of a call; packed as it was asked. A refusal is a Fault."""
    if isinstance(result, Refused):
        return fault(result)
    contents: dict[str, bytes] | None = {} if packed else None
    child = etree.Element(tag(f"{operation}Response"), nsmap=PLAIN)
    _tell(_Writer(child, contents), result)
    body = _envelope(child)
    if contents is None:
        return Reply(body=body, media_type=MEDIA)
    whole = hashlib.sha256(b"".join([body, *contents.values()])).hexdigest()
    told, sent = multipart.pack(body, contents, f"hub-{whole}")
    return Reply(body=sent, media_type=told)


def _tell(to: _Writer, result: Result | Found) -> None:
    match result:
        case Accepted():
            _receipt(to, result)
        case Seen():
            _seen(to, result)
        case Lying():
            _lying(to, result)
        case Fetched():
            _fetched(to, result)
        case Settled():
            to.tell(
                Transfer=result.transfer,
                Key=result.key,
                State=result.state,
                ReceivedAt=result.received_at,
                Replayed=result.replayed,
            )
        case _:
            raise TypeError(type(result).__name__)


def _receipt(to: _Writer, result: Accepted) -> None:
    told = _RECEIPT.decode(result.receipts[0])
    to.tell(
        Message=told.message,
        Key=told.key,
        Kind=told.kind,
        Digest=told.digest,
        Dossier=told.dossier,
        Code=told.code,
        AcceptedAt=told.accepted_at,
        Replayed=result.replayed,
    )
    for each in told.transfers:
        to.below("Transfer").tell(
            Id=each.id,
            Partner=each.partner,
            Operation=each.operation,
            State=each.state,
            Problem=each.problem,
        )
    to.tell(Document=result.receipts[0], Confirmation=result.confirmations[0] or None)


def _seen(to: _Writer, result: Seen) -> None:
    for message in result.messages:
        one = to.below("Message")
        one.tell(**_named(message, "id", "kind", "key", "digest", "dossier", "accepted_at"))
        for transfer in message["transfers"]:
            one.tell(Transfer=transfer)
    for transfer in result.transfers:
        to.below("Transfer").tell(**_named(transfer, *TRANSFER))


def _lying(to: _Writer, result: Lying) -> None:
    for letter in result.letters:
        told = _named(letter, *LETTER)
        to.below("Letter").tell(
            **{"ContentType" if name == "MediaType" else name: value for name, value in told.items()}
        )
    to.tell(Next=result.next)


def _fetched(to: _Writer, result: Fetched) -> None:
    to.tell(
        Transfer=result.transfer,
        Digest=result.digest,
        ContentType=result.media_type,
        Payload=result.payload,
    )
    for name, value in result.headers.items():
        to.below("Header").tell(Name=name, Value=value)


def _named(told: Mapping[str, Any], *names: str) -> dict[str, Value]:
    """Members of a view by the contract's names: ``accepted_at`` is ``AcceptedAt``; what says nothing is left out."""
    return {
        "".join(part.capitalize() for part in name.split("_")): None if told[name] == "" else told[name]
        for name in names
    }


def fault(refused: Refused) -> Reply:
    """Write a Fault: HTTP 500, whatever it is about (WS-I BP 1.1 R1126)."""
    node = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soap": SOAP})
    etree.SubElement(node, "faultcode").text = f"soap:{refused.fault}"
    said = etree.SubElement(node, "faultstring")
    said.text = f"{refused.problems[0].code}: {refused.problems[0].title}"
    said.set("{http://www.w3.org/XML/1998/namespace}lang", refused.language)
    detail = etree.SubElement(node, "detail")
    _refusal(_Writer(etree.SubElement(detail, tag("Refusal"), nsmap=PLAIN)), refused)
    return Reply(body=_envelope(node), status=HTTPStatus.INTERNAL_SERVER_ERROR, media_type=MEDIA)


def _refusal(to: _Writer, refused: Refused) -> None:
    both = [each for each in (refused, refused.other or refused) if each]
    to.tell(
        Code=refused.problems[0].code,
        Retry=refused.retry,
        RetryAfter=refused.wait,
        Request=refused.request,
    )
    for each in both:
        to.below("Text").tell(Language=each.language, Title=each.problems[0].title, Advice=each.advice)
    for number, problem in enumerate(refused.problems):
        if problem.place or problem.line or problem.rule:
            _problem(to.below("Problem"), problem, [(each.language, each.problems[number]) for each in both])


def _problem(to: _Writer, problem: Told, both: Iterable[tuple[str, Told]]) -> None:
    to.tell(Code=problem.code, Place=problem.place or None, Line=problem.line or None)
    for language, said in both:
        to.below("Said").tell(Language=language, Title=said.title, Rule=said.rule or None)


def _envelope(child: etree._Element) -> bytes:
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    etree.SubElement(root, f"{{{SOAP}}}Body").append(child)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)

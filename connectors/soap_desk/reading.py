"""One request into what it wishes: packaging, envelope, contract, then the words of its operation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec
from lxml import etree  # noqa: TC002 - msgspec reads the annotations at run time

from connectors.contract import Enclosed
from connectors.desks import Message, Reply, Result, Say
from connectors.small import Fetch, Found, Letters, Look, Settle
from connectors.soap_desk import envelope, multipart, writing
from connectors.soap_desk.names import ACTIONS, NS, SOAP, Operation, contract, tag
from schemas.problems import Refusal, refuse
from schemas.strict_xml import element_path

if TYPE_CHECKING:
    from connectors.desks import Call, Wish


Write = Callable[[Result | Found], Reply]
PAGE = 50
ABOUT: dict[str, Literal["message", "transfer", "dossier"]] = {
    "message": "message",
    "transfer": "transfer",
    "dossier": "dossier",
}


class Request(msgspec.Struct, frozen=True):
    """``packed``: it came as MTOM, and is answered so. ``signed``: its envelope is, which a verifier will see. ``contents``: what stands in base64, by its element."""

    operation: Operation
    child: etree._Element
    contents: Mapping[etree._Element, bytes]
    packed: bool
    signed: bool

    def text(self, name: str) -> str:
        """Return what an element holds; nothing where there is none."""
        return self.child.findtext(tag(name)) or ""


def operation(headers: Mapping[str, str]) -> Operation:
    """Read ``SOAPAction`` (SOAP 1.1 §6.1.1). Raises ``Refusal`` HUB-SOP-004."""
    said = headers.get("soapaction", "").strip()
    bare = said[1:-1] if len(said) > 1 and said[0] == said[-1] == '"' else said
    if bare not in ACTIONS:
        raise refuse("HUB-SOP-004", "SOAPAction", rule=f"{NS}/{' | '.join(Operation)}")
    return ACTIONS[bare]


def request(call: Call) -> Request:
    """Raises ``Refusal``."""
    wanted = operation(call.headers)
    media = multipart.media(call.headers.get("content-type", ""))
    parts: Mapping[str, bytes] = {}
    body, charset = call.body, media.parameters.get("charset", "")
    packed = media.name == multipart.PACKAGE
    if packed:
        package = multipart.unpack(body, media)
        body, charset, parts = package.root, package.charset, package.parts
    elif media.name == "application/soap+xml":
        raise refuse("HUB-SOP-002", "Content-Type", rule=SOAP)
    elif media.name != multipart.ENVELOPE:
        raise refuse("HUB-SCH-010", "Content-Type", rule=f"{multipart.ENVELOPE} | {multipart.PACKAGE}")
    opened = envelope.read(body, charset, parts, signed=call.enveloped)
    if opened.child.tag != tag(wanted):
        raise refuse("HUB-SOP-004", element_path(opened.child), rule="the element that SOAPAction names")
    problems = contract().problems(opened.child)
    if problems:
        raise Refusal(*problems)
    lifted = list(opened.child.iter(*envelope.LIFTED))
    contents = dict(zip(lifted, opened.contents, strict=True))
    return Request(wanted, opened.child, contents, packed, call.enveloped)


def wish(call: Call) -> Wish:
    """Raises ``Refusal``."""
    asked = request(call)
    return WISHES[asked.operation](asked, partial(writing.answer, asked.operation, packed=asked.packed))


def _look(asked: Request, write: Write) -> Look:
    return Look(of=ABOUT[asked.text("Of")], id=asked.text("Id"), write=write)


def _letters(asked: Request, write: Write) -> Letters:
    return Letters(after=asked.text("After"), limit=int(asked.text("Limit") or PAGE), write=write)


def _fetch(asked: Request, write: Write) -> Fetch:
    return Fetch(transfer=asked.text("Transfer"), write=write)


def _settle(asked: Request, write: Write) -> Settle:
    at = asked.text("At").strip()
    refused = f"{tag('Refused')}/"
    return Settle(
        transfer=asked.text("Transfer"),
        digest=asked.text("Digest"),
        at=_moment(at) if at else None,
        reason=asked.child.findtext(refused + tag("Text")) or "",
        code=asked.child.findtext(refused + tag("Code")) or "",
        write=write,
    )


def _moment(said: str) -> datetime:
    """Read an ``xs:dateTime`` that says its zone; without it, it is no moment."""
    try:
        read = datetime.fromisoformat(said)
    except ValueError:
        raise refuse("HUB-SCH-007", "/Acknowledge/At", rule="xs:dateTime") from None
    if read.tzinfo is None:
        raise refuse("HUB-SCH-002", "/Acknowledge/At", rule="xs:dateTime, with its zone")
    return read


def _say(asked: Request, write: Write) -> Say:
    """A message: in what was signed, where the envelope is."""
    (payload,) = (asked.contents[each] for each in asked.child.iterfind(tag("Payload")))
    within = (tag(asked.operation), tag("Payload")) if asked.signed else ()
    if within and asked.packed:
        raise refuse("HUB-SOP-005", "Content-Type", rule="a signed envelope without attachments")
    message = Message(
        body=b"" if within else payload,
        key=asked.text("Key"),
        media_type=asked.text("ContentType"),
        signature=asked.text("Signature"),
        within=within,
    )
    return Say(
        messages=lambda _: (message,),
        encloses=tuple(_file(each, asked) for each in asked.child.iterfind(tag("File"))),
        write=write,
    )


def _file(file: etree._Element, asked: Request) -> Enclosed:
    (content,) = (asked.contents[each] for each in file.iterfind(tag("Content")))
    return Enclosed(
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        media_type=file.findtext(tag("ContentType")) or "",
        name=file.findtext(tag("Name")) or "",
        place=element_path(file),
    )


WISHES: Mapping[Operation, Callable[[Request, Write], Wish]] = {
    Operation.SUBMIT: _say,
    Operation.RESULT: _say,
    Operation.STATUS: _look,
    Operation.PENDING: _letters,
    Operation.GET: _fetch,
    Operation.ACKNOWLEDGE: _settle,
}

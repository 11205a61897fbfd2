"""Message → a document of the axis: the mapping says it, this room names both organisations and puts the files in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.contract import Draft
from connectors.edxml import letters
from schemas.dossier import Document, Dossier, Kind
from schemas.edxml_files import enclose
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.contract import Writer
    from connectors.edxml.letters import Head
    from connectors.edxml.settings import Settings
    from schemas.dossier import Event, Message

LARGEST = 5 * 2**20
"""Bytes of all files inside one document: base64 of more is a text that common XML parsers refuse (10 MB)."""

CID = "cid:"
THEIRS = ("DocumentId", "Code", "To+")
"""What is kept of a document that came over the axis and is not ours to say of the one that goes out: its number, to whom else it went."""


def build(settings: Settings, mapping: Writer) -> EdxmlCodec:
    return EdxmlCodec(settings, mapping)


class EdxmlCodec:
    """``From`` and ``To`` are the two ends on the axis, whatever agencies the event itself went between."""

    def __init__(self, settings: Settings, mapping: Writer) -> None:
        self._settings, self._mapping = settings, mapping

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        ends = {"from_agency": self._settings.own, "to_agency": self._settings.organ}
        event = msgspec.structs.replace(message.event, **ends)
        dossier = message.dossier and _as_documents(message.dossier)
        said = msgspec.structs.replace(message, event=event, dossier=dossier)
        payload = self._mapping.write(operation, self._named(operation, said), key)
        code = message.dossier.code if message.dossier else ""
        return Draft(
            payload=payload,
            media_type="application/xml",
            facts={"dossier": code} if code else {},
            canonical=True,
        )

    def _named(self, operation: str, message: Message) -> Message:
        """Call both ends by their names and say where it is issued: a document that was kept named other ends, and had a number of its sender's."""
        ours = _record(message.extensions, self._mapping.id)
        kept = _record(ours, operation)
        envelope = _record(kept, "edXMLEnvelope")
        header = _record(envelope, "edXMLHeader")
        said = _record(header, "MessageHeader")
        for theirs in THEIRS:
            said.pop(theirs, None)
        for end, name in (("From", self._settings.own_name), ("To", self._settings.organ_name)):
            said[end] = {"OrganName": name} if name else {}
        if self._settings.place:
            said["PromulgationInfo"] = {"Place": self._settings.place, **_record(said, "PromulgationInfo")}
        header["MessageHeader"], envelope["edXMLHeader"] = said, header
        kept["edXMLEnvelope"], ours[operation] = envelope, kept
        return msgspec.structs.replace(message, extensions={**message.extensions, self._mapping.id: ours})

    @property
    def answers(self) -> bool:
        return self._settings.progress

    @property
    def recalls(self) -> bool:
        return self._settings.recalls

    def answer(self, message: Message, opened: bytes) -> Draft | None:
        """Say it as a status message about their document, or take back ours. What carries files, and what no code says, stays a document."""
        dossier = message.dossier
        if dossier is None or dossier.documents or dossier.results:
            return None
        try:
            about = letters.head(opened)
        except Refusal:
            return None
        said = None if about.is_status else self._status(about, message.event)
        if said is None:
            return None
        facts = {"dossier": dossier.code, letters.KIND: letters.STATUS}
        return Draft(payload=said, media_type="application/xml", facts=facts)

    def _status(self, about: Head, event: Event) -> bytes | None:
        told = self._settings
        if event.kind is Kind.RECALLED:
            return letters.ask_back(told, about, event) if told.recalls and about.sender == told.own else None
        return (
            letters.progress(told, about, event) if told.progress and told.is_theirs(about.sender) else None
        )

    def enclose(self, draft: Draft, contents: Mapping[str, bytes]) -> Draft:
        """Put the files in, by SHA-256. Raises ``Refusal`` HUB-MAP-004 for one that is not there."""
        return msgspec.structs.replace(
            draft, payload=enclose(draft.payload, contents, pack=self._settings.zipped)
        )


def _record(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a copy of what stands there; what is no record counts as none."""
    found = tree.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _as_documents(dossier: Dossier) -> Dossier:
    """A document of the axis has one list of files; results stand in it behind the papers. A file's id begins with ``cid:`` there."""
    results = tuple(
        Document(
            id=each.id or each.code or each.sha256 or f"ket-qua-{number}",
            name=each.name,
            sha256=each.sha256,
            size=each.size,
            media_type=each.media_type,
            reference=each.reference,
        )
        for number, each in enumerate(dossier.results, 1)
    )
    named = tuple(map(_as_file, (*dossier.documents, *results)))
    return msgspec.structs.replace(dossier, documents=named)


def _as_file(document: Document) -> Document:
    """What a type is not known of is bytes; what has no name has its id for one."""
    bare = document.id.removeprefix(CID)
    return msgspec.structs.replace(
        document,
        id=f"{CID}{bare}",
        name=document.name or bare,
        media_type=document.media_type or "application/octet-stream",
    )

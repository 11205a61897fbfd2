"""Message → drafts for a partner spoken to over REST: the mapping does it all, this room adds the media type, and the files
where a partner wants them inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from connectors import written
from connectors.contract import Codec, Draft, Particular
from connectors.inside import LARGEST, Inside
from connectors.rest import uploads
from connectors.rest.enclosing import enclosed
from connectors.rest.opening import completed, opens
from connectors.rest.settings import Papers
from connectors.rest.uploads import PAPER, UPLOAD, Named, told_of
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connectors.contract import Writer
    from connectors.rest.settings import Settings, Uploads
    from schemas.dossier import Document, Message, Result


class _RestCodec:
    """What the mapping writes; a path may want the dossier's code."""

    def __init__(self, settings: Settings, mapping: Writer) -> None:
        self._settings = settings
        self._written = written.build(settings.media_type, mapping)

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._written.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        draft = self._written.encode(operation, message, key)
        if "dossier" not in draft.facts and any("{dossier}" in path for path in self._paths(operation)):
            raise refuse("HUB-MAP-004", "/dossier/code", rule="{dossier} in the partner's path")
        return draft

    def _paths(self, operation: str) -> tuple[str, ...]:
        settings = self._settings
        find = (settings.find.path,) if settings.find else ()
        return (settings.paths.get(operation, settings.path), *find)


class _FormCodec(_RestCodec):
    """For a partner that takes a form. What opens a dossier there has fields of the partner's file."""

    @property
    def particulars(self) -> str:
        opening = self._settings.opening
        return opening.model_dump_json() if opening else ""

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        draft = super().encode(operation, message, key)
        opening = opens(self._settings, operation)
        payload = completed(draft.payload, opening, message) if opening else draft.payload
        return msgspec.structs.replace(draft, payload=as_form(payload), media_type=FORM)


def as_form(payload: bytes) -> bytes:
    """Write a JSON record of texts as a form. Raises ``Refusal`` HUB-MAP-004 for anything else: a form has no other values."""
    try:
        return urlencode(msgspec.json.decode(payload, type=dict[str, str])).encode("ascii")
    except msgspec.MsgspecError:
        raise refuse("HUB-MAP-004", rule=FORM) from None


class _UploadingCodec:
    """For a partner that takes files by themselves: each goes before what is said and after what opens the dossier, an operation of its own."""

    def __init__(self, settings: Settings, inner: Codec) -> None:
        self._settings, self._inner = settings, inner

    @property
    def particulars(self) -> str:
        """Which files go, and when, is this partner's own (``connectors.contract.Particular``)."""
        own = (self._settings.uploads, self._settings.papers)
        told = (each.model_dump_json() if each else "" for each in own)
        inner = self._inner.particulars if isinstance(self._inner, Particular) else ""
        return "\n".join((*told, inner))

    def operations(self, message: Message) -> tuple[str, ...]:
        said = self._inner.operations(message)
        opening = tuple(name for name in said if opens(self._settings, name))
        files = tuple(self._numbered(message)) if said else ()
        return (*opening, *files, *(name for name in said if name not in opening))

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        told = told_of(self._settings, operation)
        if told is None:
            return self._inner.encode(operation, message, key)
        file = _files(told, message)[int(operation.partition(".")[2]) - 1]
        code = message.dossier.code if message.dossier else ""
        return Draft(
            payload=msgspec.json.encode(_named(told, file)),
            media_type=uploads.media_type(key),
            facts={"dossier": code} if code else {},
        )

    def enclose(self, draft: Draft, contents: Mapping[str, bytes]) -> Draft:
        if not draft.media_type.startswith(uploads.MULTIPART):
            return draft
        payload = uploads.written(draft.payload, draft.media_type, contents)
        return msgspec.structs.replace(draft, payload=payload)

    def _numbered(self, message: Message) -> Iterator[str]:
        for prefix, told in ((PAPER, self._settings.papers), (UPLOAD, self._settings.uploads)):
            files = _files(told, message) if told else ()
            yield from (f"{prefix}{number}" for number, each in enumerate(files, 1) if _is_file(each))


def _files(told: Uploads, message: Message) -> tuple[Document | Result, ...]:
    """All that may be files, at their places in the message: what is fetched later has its digest by the time it is sealed."""
    dossier = message.dossier
    if dossier is None or (told.kinds and message.kind not in told.kinds):
        return ()
    return dossier.results if told.of == "results" else dossier.documents


def _named(told: Uploads, file: Document | Result) -> Named:
    """All that the request says beside the content: fixed fields, the file's name, and of a paper its component."""
    part = told.part if isinstance(told, Papers) else None
    component = getattr(file, "component", None)
    own = {part: component} if part and component else {}
    shown = {told.name: file.name} if told.name and file.name else {}
    return Named(
        sha256=file.sha256 or "",
        name=file.name or "",
        media_type=file.media_type or "",
        file=told.file,
        fields={**told.fields, **own, **shown},
    )


def _is_file(each: Document | Result) -> bool:
    """One that lies here, or somewhere; a paper alone is none, nor one that was taken back."""
    return bool(each.sha256 or each.reference) and not getattr(each, "deleted", False)


FORM = "application/x-www-form-urlencoded"


def encloses(settings: Settings) -> int:
    return LARGEST if settings.files_at or settings.uploads or settings.papers else 0


def build(settings: Settings, mapping: Writer) -> Codec:
    codec: Codec = (_FormCodec if settings.form else _RestCodec)(settings, mapping)
    inner = Inside(codec, settings.files_at, enclosed) if settings.files_at and not settings.form else codec
    return _UploadingCodec(settings, inner) if settings.uploads or settings.papers else inner

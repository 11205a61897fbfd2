"""Message → drafts for a partner spoken to over REST: the mapping does it all, this room adds the media type, and the files
where a partner wants them inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from connectors.contract import Codec, Draft
from connectors.rest import uploads
from connectors.rest.enclosing import enclosed
from connectors.rest.uploads import UPLOAD, Named
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.contract import Writer
    from connectors.rest.settings import Settings, Uploads
    from schemas.dossier import Document, Message, Result


class _RestCodec:
    def __init__(self, settings: Settings, mapping: Writer) -> None:
        self._settings = settings
        self._mapping = mapping

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._mapping.operations(message)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        payload = self._mapping.write(operation, message, key)
        code = message.dossier.code if message.dossier else ""
        if not code and any("{dossier}" in path for path in self._paths(operation)):
            raise refuse("HUB-MAP-004", "/dossier/code", rule="{dossier} in the partner's path")
        return Draft(
            payload=payload,
            media_type=self._settings.media_type,
            facts={"dossier": code} if code else {},
        )

    def _paths(self, operation: str) -> tuple[str, ...]:
        settings = self._settings
        find = (settings.find.path,) if settings.find else ()
        return (settings.paths.get(operation, settings.path), *find)


class _EnclosingCodec(_RestCodec):
    """For a partner that wants files inside: it has no word for one that was taken back, so that is not told."""

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        dossier = message.dossier
        if dossier is not None:
            there = tuple(each for each in dossier.documents if not each.deleted)
            dossier = msgspec.structs.replace(dossier, documents=there)
        return super().encode(operation, msgspec.structs.replace(message, dossier=dossier), key)

    def enclose(self, draft: Draft, contents: Mapping[str, bytes]) -> Draft:
        payload = enclosed(draft.payload, self._settings.files_at, contents)
        return msgspec.structs.replace(draft, payload=payload)


class _FormCodec(_RestCodec):
    """For a partner that takes a form."""

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        draft = super().encode(operation, message, key)
        return msgspec.structs.replace(draft, payload=as_form(draft.payload), media_type=FORM)


def as_form(payload: bytes) -> bytes:
    """Write a JSON record of texts as a form. Raises ``Refusal`` HUB-MAP-004 for anything else: a form has no other values."""
    try:
        return urlencode(msgspec.json.decode(payload, type=dict[str, str])).encode("ascii")
    except msgspec.MsgspecError:
        raise refuse("HUB-MAP-004", rule=FORM) from None


class _UploadingCodec:
    """For a partner that takes files by themselves: each goes before what is said, as an operation of its own."""

    def __init__(self, told: Uploads, inner: _RestCodec) -> None:
        self._told, self._inner = told, inner

    @property
    def particulars(self) -> str:
        """Which files go, and when, is this partner's own (``connectors.contract.Particular``)."""
        return self._told.model_dump_json()

    def operations(self, message: Message) -> tuple[str, ...]:
        said = self._inner.operations(message)
        files = self._files(message) if said else ()
        return (*(f"{UPLOAD}{number}" for number, each in enumerate(files, 1) if _is_file(each)), *said)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        if not operation.startswith(UPLOAD):
            return self._inner.encode(operation, message, key)
        file = self._files(message)[int(operation.removeprefix(UPLOAD)) - 1]
        code = message.dossier.code if message.dossier else ""
        named = Named(sha256=file.sha256 or "", name=file.name or "", media_type=file.media_type or "")
        return Draft(
            payload=msgspec.json.encode(named),
            media_type=uploads.media_type(key),
            facts={"dossier": code} if code else {},
        )

    def enclose(self, draft: Draft, contents: Mapping[str, bytes]) -> Draft:
        if not draft.media_type.startswith(uploads.MULTIPART):
            return draft
        payload = uploads.written(draft.payload, draft.media_type, self._told, contents)
        return msgspec.structs.replace(draft, payload=payload)

    def _files(self, message: Message) -> tuple[Document | Result, ...]:
        """All that may be files, at their places in the message: what is fetched later has its digest by the time it is sealed."""
        dossier, told = message.dossier, self._told
        if dossier is None or (told.kinds and message.kind not in told.kinds):
            return ()
        return dossier.results if told.of == "results" else dossier.documents


def _is_file(each: Document | Result) -> bool:
    """One that lies here, or somewhere; a paper alone is none, nor one that was taken back."""
    return bool(each.sha256 or each.reference) and not getattr(each, "deleted", False)


FORM = "application/x-www-form-urlencoded"
LARGEST = 16 * 2**20
"""Bytes of all files inside one message: gateways of the field take few larger requests."""


def encloses(settings: Settings) -> int:
    return LARGEST if settings.files_at or settings.uploads else 0


def build(settings: Settings, mapping: Writer) -> Codec:
    kind = _FormCodec if settings.form else _EnclosingCodec if settings.files_at else _RestCodec
    inner = kind(settings, mapping)
    return _UploadingCodec(settings.uploads, inner) if settings.uploads else inner

"""Message → drafts for a partner spoken to over REST: the mapping does it all, this room adds the media type, and the files
where a partner wants them inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from connectors import written
from connectors.contract import Codec, Draft
from connectors.inside import LARGEST, Inside
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

    def __init__(self, told: Uploads, inner: Codec) -> None:
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


def encloses(settings: Settings) -> int:
    return LARGEST if settings.files_at or settings.uploads else 0


def build(settings: Settings, mapping: Writer) -> Codec:
    codec: Codec = (_FormCodec if settings.form else _RestCodec)(settings, mapping)
    inner = Inside(codec, settings.files_at, enclosed) if settings.files_at and not settings.form else codec
    return _UploadingCodec(settings.uploads, inner) if settings.uploads else inner

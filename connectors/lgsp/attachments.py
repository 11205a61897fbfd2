"""Files that a record carries as base64 leave it: the record keeps the digest in its stead, the file becomes a document.

All other bytes of the record stay as they came.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

import msgspec

from connectors.contract import Enclosed
from schemas.problems import refuse


class _File(msgspec.Struct, frozen=True, kw_only=True):
    base64: msgspec.Raw = msgspec.field(name="Base64", default=msgspec.Raw(b"null"))
    name: Any = msgspec.field(name="AttachmentName", default="")
    deleted: Any = msgspec.field(name="IsDeleted", default=False)


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    attachments: list[msgspec.Raw] | None = msgspec.field(name="Attachments", default=None)


_LABEL = re.compile(rb'"Base64"[ \t\r\n]*:[ \t\r\n]*')
_NOTHING = frozenset({b"null", b'""'})


def parted(body: bytes) -> tuple[bytes, tuple[Enclosed, ...]]:
    """Part a record from its files. Raises ``Refusal`` HUB-SCH-002 for what is no base64; a body that cannot be read stays whole."""
    try:
        found = [bytes(one) for one in msgspec.json.decode(body, type=_Record).attachments or ()]
        read = [msgspec.json.decode(one, type=_File) for one in found]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body, ()
    pieces: list[bytes] = []
    files: list[Enclosed] = []
    at = 0
    for number, (whole, file) in enumerate(zip(found, read, strict=True)):
        raw = bytes(file.base64)
        if raw in _NOTHING:
            continue
        place = f"/Attachments/{number}/Base64"
        begins = _where(body, body.index(whole, at), raw, place)
        content = _content(raw, place)
        digest = hashlib.sha256(content).hexdigest()
        pieces += [body[at:begins], f'"{digest}"'.encode()]
        at = begins + len(raw)
        if file.deleted is not True:
            name = file.name if isinstance(file.name, str) else ""
            files.append(Enclosed(sha256=digest, content=content, place=place, name=name))
    return b"".join([*pieces, body[at:]]), tuple(files)


def _where(body: bytes, begins: int, raw: bytes, place: str) -> int:
    """Raises ``Refusal`` HUB-SCH-005: what a name that stands twice means, nobody knows."""
    label = _LABEL.search(body, begins)
    if label is None or not body.startswith(raw, label.end()):
        raise refuse("HUB-SCH-005", place, rule="RFC 8259 section 4: names are unique")
    return label.end()


def _content(raw: bytes, place: str) -> bytes:
    """Some encoders break lines."""
    try:
        written = msgspec.json.decode(raw, type=str)
        return base64.b64decode("".join(written.split()), validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise refuse("HUB-SCH-002", place, rule="base64 (RFC 4648)") from None

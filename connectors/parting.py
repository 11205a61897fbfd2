"""Files that a record carries as base64 leave it: the record keeps the digest in its stead, the file becomes a document.

All other bytes of the record stay as they came.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

import msgspec

from connectors.contract import Enclosed
from schemas.problems import refuse


class Words(NamedTuple):
    """What a format calls the list of files in its record, a file's name, and its content."""

    files: str
    name: str
    content: str = "Base64"


_DELETED = frozenset({b"true", b'"True"', b'"true"'})
_NOTHING = frozenset({b"null", b'""'})


def parted(body: bytes, words: Words) -> tuple[bytes, tuple[Enclosed, ...]]:
    """Part a record from its files. Raises ``Refusal`` HUB-SCH-002 for what is no base64; a body that cannot be read stays whole."""
    label = re.compile(rb'"%s"[ \t\r\n]*:[ \t\r\n]*' % re.escape(words.content.encode()))
    try:
        record = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        listed = msgspec.json.decode(record.get(words.files, b"null"), type=list[msgspec.Raw] | None)
        found = [bytes(one) for one in listed or ()]
        read = [msgspec.json.decode(one, type=dict[str, msgspec.Raw]) for one in found]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body, ()
    pieces: list[bytes] = []
    files: list[Enclosed] = []
    at = 0
    for number, (whole, file) in enumerate(zip(found, read, strict=True)):
        raw = bytes(file.get(words.content, b"null"))
        if raw in _NOTHING:
            continue
        place = f"/{words.files}/{number}/{words.content}"
        begins = _where(body, (body.index(whole, at), label), raw, place)
        content = _content(raw, place)
        digest = hashlib.sha256(content).hexdigest()
        pieces += [body[at:begins], f'"{digest}"'.encode()]
        at = begins + len(raw)
        if bytes(file.get("IsDeleted", b"")) not in _DELETED:
            name = _name(file.get(words.name, msgspec.Raw(b"")))
            files.append(Enclosed(sha256=digest, content=content, place=place, name=name))
    return b"".join([*pieces, body[at:]]), tuple(files)


def _where(body: bytes, begins: tuple[int, re.Pattern[bytes]], raw: bytes, place: str) -> int:
    """Raises ``Refusal`` HUB-SCH-005: what a name that stands twice means, nobody knows."""
    at, label = begins
    found = label.search(body, at)
    if found is None or not body.startswith(raw, found.end()):
        raise refuse("HUB-SCH-005", place, rule="RFC 8259 section 4: names are unique")
    return found.end()


def _name(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _content(raw: bytes, place: str) -> bytes:
    """Some encoders break lines."""
    try:
        written = msgspec.json.decode(raw, type=str)
        return base64.b64decode("".join(written.split()), validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise refuse("HUB-SCH-002", place, rule="base64 (RFC 4648)") from None

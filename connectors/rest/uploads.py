"""One file as ``multipart/form-data`` (RFC 7578). Pure; the boundary follows from the transfer's key, so that its bytes never change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.rest.settings import Settings, Uploads

UPLOAD = "file."
"""Operations of files: ``file.1``, ``file.2`` … in the message's order."""
PAPER = "paper."
"""Those of ``papers``: ``paper.1`` …"""
MULTIPART = "multipart/form-data"
PLAIN = "application/octet-stream"


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which file a draft is about, until its content is there. ``file``: the field that the content goes in; ``fields``: the others."""

    sha256: str
    name: str
    media_type: str
    file: str
    fields: Mapping[str, str] = {}


def told_of(settings: Settings, operation: str) -> Uploads | None:
    """How the file of this operation goes; ``None``: the operation is no file."""
    if operation.startswith(UPLOAD):
        return settings.uploads
    return settings.papers if operation.startswith(PAPER) else None


def media_type(key: str) -> str:
    return f"{MULTIPART}; boundary={hashlib.sha256(key.encode()).hexdigest()}"


def written(draft: bytes, media: str, contents: Mapping[str, bytes]) -> bytes:
    """Write the request's body. Raises ``Refusal`` HUB-MAP-004 for a file that is not here, or holds the boundary."""
    named = msgspec.json.decode(draft, type=Named)
    content = contents.get(named.sha256)
    boundary = media.partition("boundary=")[2].encode()
    if content is None or boundary in content:
        raise refuse("HUB-MAP-004", "/dossier", rule="the content of each file")
    return b"".join(_parts(named, content, b"--" + boundary))


def _parts(named: Named, content: bytes, boundary: bytes) -> Iterator[bytes]:
    for field, value in named.fields.items():
        yield boundary + b"\r\n" + _head(field) + b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        yield value.encode() + b"\r\n"
    file = f'; filename="{_quoted(named.name or "file")}"'.encode()
    kind = (named.media_type or PLAIN).encode("ascii", "ignore")
    yield boundary + b"\r\n" + _head(named.file) + file + b"\r\nContent-Type: " + _line(kind) + b"\r\n\r\n"
    yield content + b"\r\n" + boundary + b"--\r\n"


def _head(field: str) -> bytes:
    return f'Content-Disposition: form-data; name="{_quoted(field)}"'.encode()


def _quoted(text: str) -> str:
    """As browsers write names (RFC 7578 §2, HTML's form data): UTF-8, what would end the text in percent."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _line(text: bytes) -> bytes:
    return bytes(octet for octet in text if 0x20 <= octet < 0x7F)  # noqa: PLR2004 - printable ASCII

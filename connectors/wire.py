"""How a call is written down: heads as HTTP/1.1 has them, packed bodies, and secrets cut out before anything is kept."""

from __future__ import annotations

import json
import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from connectors.http1 import Break

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

CUT = b"[cut]"
SECRET_HEADERS = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"})
MEMBERS = 256
"""Parts that a packed body may consist of; each costs a copy of what follows it."""

_HEXADECIMAL = re.compile(r"%[0-9A-F]{2}")
_ANY = "surrogatepass"


def cut(data: bytes, secrets: Iterable[str]) -> bytes:
    """Replace every form in which a secret may stand in a head, a URL, JSON or XML."""
    for secret in secrets:
        for form in _forms(secret):
            data = data.replace(form, CUT)
    return data


@lru_cache(256)
def _forms(secret: str) -> tuple[bytes, ...]:
    """The longest first. Some escape the slash in JSON, and write hexadecimal digits in small letters."""
    told = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    inside = (
        quote(secret, safe="", errors=_ANY),
        quote(secret, errors=_ANY),
        quote_plus(secret, errors=_ANY),
    )
    forms = {secret, *told, *(each.replace("/", "\\/") for each in told), *inside}
    forms |= {_HEXADECIMAL.sub(lambda found: found[0].lower(), each) for each in inside}
    forms |= {escape(secret), escape(secret, {'"': "&quot;"})}
    return tuple(form.encode(errors=_ANY) for form in sorted(forms, key=len, reverse=True))


def head(
    first: bytes, headers: Iterable[tuple[bytes, bytes]], hidden: Container[bytes] = SECRET_HEADERS
) -> bytes:
    """Write a head as HTTP/1.1 does, with the values of ``hidden`` headers cut."""
    lines = [name + b": " + (CUT if name.lower() in hidden else value) for name, value in headers]
    return b"\r\n".join([first, *lines, b"", b""])


def unpack(body: bytes, encoding: str, cap: int) -> bytes | Break:
    """Undo gzip or deflate (RFC 9110 §8.4.1), never past ``cap`` bytes."""
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        return Break.GARBLED
    return _joined(body, cap)


def _joined(body: bytes, cap: int) -> bytes | Break:
    """Gzip members may follow one another (RFC 1952 §2.2)."""
    pieces: list[bytes] = []
    size = 0
    while body and len(pieces) < MEMBERS:
        stream = zlib.decompressobj(wbits=47)  # zlib or gzip, told by its header
        try:
            piece = stream.decompress(body, cap + 1 - size)
        except zlib.error:
            return Break.GARBLED
        size += len(piece)
        if size > cap:
            return Break.TOO_LARGE
        if not stream.eof:
            return Break.TRUNCATED
        pieces.append(piece)
        body = stream.unused_data
    return Break.GARBLED if body else b"".join(pieces)

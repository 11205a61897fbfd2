"""MTOM's packaging (SOAP 1.1 binding, W3C member submission; XOP 1.0 §4; RFC 2046 §5.1, RFC 2387): parts are found, not copied.

A package is one root part and its attachments, each there under a Content-ID once. Their number and heads are bounded; their
sizes together are what the whole call's is.
"""

from __future__ import annotations

import binascii
import re
from email.message import Message
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.problems import Refusal

PACKAGE: Final = "multipart/related"
ROOT: Final = "application/xop+xml"
ENVELOPE: Final = "text/xml"
PARTS: Final = 101
HEAD: Final = 4096
"""Bytes of one part's head."""
LONGEST: Final = 1024
"""Characters of a Content-Type."""
AS_IS: Final = frozenset({"", "binary", "8bit", "7bit"})
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


class Media(msgspec.Struct, frozen=True):
    """A media type: its name in small letters, and its parameters."""

    name: str
    parameters: Mapping[str, str]


class Package(msgspec.Struct, frozen=True):
    """``root``: the envelope, in ``charset``; ``parts``: attachments by Content-ID."""

    root: bytes
    charset: str
    parts: Mapping[str, bytes]


def media(said: str) -> Media:
    """Read a Content-Type."""
    if len(said) > LONGEST or not said.isprintable():
        raise refuse("HUB-SCH-010", "Content-Type", rule=ENVELOPE)
    message = Message()
    message["Content-Type"] = said
    told = message.get_params(failobj=[], unquote=True)
    return Media(told[0][0].lower() if told else "", {name.lower(): value for name, value in told[1:]})


def unpack(body: bytes, package: Media) -> Package:
    """Part a package. Raises ``Refusal`` HUB-SOP-005, HUB-SCH-010."""
    start = package.parameters.get("start", "").strip("<>")
    parts: dict[str, bytes] = {}
    root: tuple[bytes, Media] | None = None
    for number, (head, content) in enumerate(_parts(body, package.parameters.get("boundary", ""))):
        if number >= PARTS:
            raise _wrong(f"at most {PARTS} parts")
        name = (head.get("content-id") or "").strip().strip("<>")
        if root is None and (name == start if start else number == 0):
            root = (_plain(head, content), media(head.get("content-type") or ""))
        elif not name or name in parts:
            raise _wrong("a Content-ID of its own for each part")
        else:
            parts[name] = _plain(head, content)
    if root is None:
        raise _wrong("the part that start names")
    if root[1].name not in {ROOT, ENVELOPE}:
        raise refuse("HUB-SCH-010", "Content-Type", rule=ROOT)
    return Package(root[0], root[1].parameters.get("charset", ""), parts)


def pack(root: bytes, parts: Mapping[str, bytes], boundary: str) -> tuple[str, bytes]:
    """Write a package: its Content-Type and bytes. ``boundary`` must stand in none of it."""
    head = f'--{boundary}\r\nContent-Type: {ROOT}; charset=utf-8; type="{ENVELOPE}"\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <root@hub>\r\n\r\n'
    pieces = [head.encode(), root]
    for name, content in parts.items():
        head = f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{name}>\r\n\r\n"
        pieces += [head.encode(), content]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    told = f'{PACKAGE}; type="{ROOT}"; start="<root@hub>"; start-info="{ENVELOPE}"; boundary="{boundary}"'
    return told, b"".join(pieces)


def _wrong(rule: str) -> Refusal:
    return refuse("HUB-SOP-005", rule=rule)


def _parts(body: bytes, boundary: str) -> Iterator[tuple[Message, bytes]]:
    """Each part's head and content. What stands before the first boundary and behind the last is nothing."""
    if not _BOUNDARY.fullmatch(boundary):
        raise _wrong("RFC 2046 §5.1.1")
    mark = b"--" + boundary.encode()
    at = 0 if body.startswith(mark) else body.find(b"\r\n" + mark)
    if at < 0:
        raise _wrong("the boundary that the Content-Type names")
    at += len(mark) + (0 if at == 0 and body.startswith(mark) else 2)
    while not body.startswith(b"--", at):
        begin = body.find(b"\r\n", at, at + HEAD)
        if begin < 0 or body[at:begin].strip(b" \t"):
            raise _wrong("a line's end behind each boundary")
        end = body.find(b"\r\n" + mark, begin)
        if end < 0:
            raise _wrong("a last boundary")
        split = body.find(b"\r\n\r\n", begin, min(end + 2, begin + HEAD))
        if split < 0:
            raise _wrong(f"a head of at most {HEAD} bytes for each part")
        yield _head(body[begin + 2 : split]), body[split + 4 : end]
        at = end + 2 + len(mark)


def _head(raw: bytes) -> Message:
    message = Message()
    for line in re.sub(rb"\r\n[ \t]+", b" ", raw).split(b"\r\n"):
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and name.strip().isascii() and name.strip().lower() not in message:
            message[name.strip().lower()] = value.strip()
    return message


def _plain(head: Message, content: bytes) -> bytes:
    encoding = (head.get("content-transfer-encoding") or "").lower()
    if encoding in AS_IS:
        return content
    if encoding != "base64":
        raise _wrong("Content-Transfer-Encoding: binary")
    try:
        return binascii.a2b_base64(b"".join(content.split()), strict_mode=True)
    except ValueError:
        raise _wrong("base64") from None

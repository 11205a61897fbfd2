"""What a browser sends of a form: ``application/x-www-form-urlencoded``, or ``multipart/form-data`` (RFC 7578) with files. Pure, bounded."""

from __future__ import annotations

import hashlib
import re
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = 100
LONGEST_FIELD = 20_000
HEAD = 8192
"""Bytes of one part's head."""
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
WRONG = "HUB-OFF-004"
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_TYPE = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,128}")


class File(msgspec.Struct, frozen=True):
    """``sha256``: of the content, hex."""

    name: str
    media_type: str
    content: bytes
    sha256: str


class Form(msgspec.Struct, frozen=True):
    """``files``: by field, in their order; a field that was left empty has none."""

    values: Mapping[str, str]
    files: Mapping[str, tuple[File, ...]] = {}

    def __getitem__(self, name: str) -> str:
        """Return what was written there; nothing where there is no such field."""
        return self.values.get(name, "")


def read(body: bytes, content_type: str) -> Form:
    """Raises ``Refusal`` HUB-OFF-004."""
    told = Message()
    told["Content-Type"] = content_type if content_type.isprintable() else ""
    kind = told.get_content_type()
    if kind == URLENCODED:
        return Form(_urlencoded(body))
    boundary = told.get_param("boundary", "")
    if kind == MULTIPART and isinstance(boundary, str) and _BOUNDARY.fullmatch(boundary):
        return _multipart(body, boundary.encode())
    raise refuse(WRONG, "Content-Type", rule=f"{URLENCODED} | {MULTIPART}")


def _urlencoded(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS, errors="strict"
        )
    except (ValueError, UnicodeError):
        raise refuse(WRONG, rule="UTF-8") from None
    return {name: _text(value) for name, value in pairs}


def _multipart(body: bytes, boundary: bytes) -> Form:
    values: dict[str, str] = {}
    files: dict[str, tuple[File, ...]] = {}
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, FIELDS + 2)
    if first.strip() or not parts or not parts[-1].startswith(b"--"):
        raise refuse(WRONG, rule="RFC 7578")
    for part in parts[:-1]:
        head, middle, content = part.partition(b"\r\n\r\n")
        if not middle or len(head) > HEAD:
            raise refuse(WRONG, rule="RFC 7578")
        name, file, media_type = _head(head)
        if file is None:
            values[name] = _text(_decoded(content))
        elif file or content:
            digest = hashlib.sha256(content).hexdigest()
            files[name] = (*files.get(name, ()), File(file, media_type, content, digest))
    return Form(values, files)


def _head(head: bytes) -> tuple[str, str | None, str]:
    """Return name, file name (``None``: no file) and media type. Browsers write names in UTF-8, quotes as %22."""
    heads = (line.partition(":") for line in _decoded(head).split("\r\n") if line)
    lines = {name.strip().lower(): value.strip() for name, _, value in heads}
    said = lines.get("content-disposition", "")
    name, file = (re.search(rf'; {key}="([^"\r\n]*)"', said) for key in ("name", "filename"))
    if not said.startswith("form-data") or name is None:
        raise refuse(WRONG, rule="RFC 7578")
    media_type = lines.get("content-type", "")
    kind = media_type if _TYPE.fullmatch(media_type) else "application/octet-stream"
    return name[1], _bare(file[1]) if file else None, kind


def _bare(name: str) -> str:
    """The last part of what may be a path: some browsers tell where the file lay."""
    return re.split(r"[\\/]", name.replace("%22", '"'))[-1]


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise refuse(WRONG, rule="UTF-8") from None


def _text(value: str) -> str:
    """A field as it was meant: lines end in one way, and nothing stands around it."""
    if len(value) > LONGEST_FIELD:
        raise refuse(WRONG, rule=f"at most {LONGEST_FIELD} characters")
    text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if _CONTROL.search(text):
        raise refuse(WRONG, rule="no control characters")
    return text

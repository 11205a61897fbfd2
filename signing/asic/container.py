"""Files in one ZIP, written in one way only, so that whoever reads it can see whether a byte of it is another.

``mimetype`` first; nothing compressed; one date for all; the archive's comment is a SHA-256 of all before it. What is read
is written again and compared: an archive that says the same in another way is not ours. That finds accidents and clumsy
hands; who rewrites the comment too is found by the signature.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MEDIA_TYPE = "application/vnd.etsi.asic-e+zip"
MIMETYPE = "mimetype"
META = "META-INF/"
MANIFEST, SIGNATURE = f"{META}manifest.xml", f"{META}signatures0.xml"
LARGEST = 512 << 20
MOST_FILES = 20_000
LONGEST_NAME = 255
_OWN = frozenset({MIMETYPE, MANIFEST, SIGNATURE})
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100600 << 16
_COMMENT = b"sha256:"
_SUM = 64
"""Characters of the checksum, the last of the file."""
_END = 22 + len(_COMMENT) + _SUM
"""Bytes of the archive's end record, which says in its bytes 12 to 15 how long the list of files is (APPNOTE 4.3.16)."""
_LONGEST_LIST = (MOST_FILES + 3) * (46 + LONGEST_NAME)
"""Bytes of a list of as many files as may be: a longer one is not even read."""


class File(NamedTuple):
    """``name``: a relative path of plain letters, digits, ``-_.`` and ``/``."""

    name: str
    media_type: str
    content: bytes


def uri(name: str) -> str:
    """Say a file's name as the signature refers to it."""
    return quote(name)


def pack(files: Sequence[File], signature: bytes) -> bytes:
    """Return the container. Raises ``ValueError`` for a name that stands twice or is none."""
    names = [file.name for file in files]
    if len(set(names)) != len(names) or not all(map(_is_plain, names)):
        raise ValueError("names of files")
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (
            (MIMETYPE, MEDIA_TYPE.encode()),
            *((file.name, file.content) for file in files),
            (MANIFEST, manifest(files)),
            (SIGNATURE, signature),
        ):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = _MODE
            entry.create_system = 3
            archive.writestr(entry, content)
        archive.comment = _COMMENT + b"0" * _SUM
    return _summed(held.getvalue())


def _summed(raw: bytes) -> bytes:
    body = raw[:-_SUM]
    return body + hashlib.sha256(body).hexdigest().encode()


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    allowed = all(
        part not in {"", ".", ".."} and all(c.isascii() and (c.isalnum() or c in "-_.") for c in part)
        for part in parts
    )
    return allowed and len(name) <= LONGEST_NAME and name != MIMETYPE and not name.startswith(META)


def manifest(files: Iterable[File]) -> bytes:
    """What is in it, as OpenDocument says it (EN 319 162-1 annex A.7)."""
    listed = (("/", MEDIA_TYPE), *((file.name, file.media_type) for file in files))
    entries = "".join(
        f"<manifest:file-entry manifest:full-path={quoteattr(name)} manifest:media-type={quoteattr(kind)}/>"
        for name, kind in listed
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
        f"{entries}</manifest:manifest>"
    ).encode()


def unpack(raw: bytes) -> tuple[dict[str, bytes], bytes, bytes]:
    """Return the files by name, the manifest and the signature. Raises ``Refusal`` HUB-EVD-001, -002, -009.

    Nothing of it is believed yet; ``signing.asic.signature`` compares it with what is signed.
    """
    if len(raw) > LARGEST:
        raise refuse("HUB-EVD-009", rule=f"at most {LARGEST} bytes")
    if _summed(raw) != raw or not raw[:-_SUM].endswith(_COMMENT):
        raise _damaged("the checksum at its end")
    if len(raw) >= _END and int.from_bytes(raw[-_END + 12 : -_END + 16], "little") > _LONGEST_LIST:
        raise refuse("HUB-EVD-009", rule=f"at most {MOST_FILES} files, none compressed")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            _look(entries, len(raw))
            found = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        raise _damaged("a ZIP archive") from error
    if next(iter(found), "") != MIMETYPE or found.pop(MIMETYPE) != MEDIA_TYPE.encode():
        raise _damaged(f"mimetype first, {MEDIA_TYPE}")
    if MANIFEST not in found or SIGNATURE not in found:
        raise refuse("HUB-EVD-004", MANIFEST if MANIFEST not in found else SIGNATURE, rule="the part")
    return found, found.pop(MANIFEST), found.pop(SIGNATURE)


def _look(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.filename in seen:
            raise refuse("HUB-EVD-002", entry.filename[:LONGEST_NAME], rule="each name once")
        if entry.filename not in _OWN and not _is_plain(entry.filename):
            raise _damaged("names of plain letters, digits, - _ . and /")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise refuse("HUB-EVD-009", rule=f"at most {MOST_FILES} files, none compressed")
        seen.add(entry.filename)
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > size:
        raise refuse("HUB-EVD-009", rule=f"at most {MOST_FILES} files, none compressed")


def _damaged(rule: str) -> Refusal:
    return refuse("HUB-EVD-001", rule=rule)

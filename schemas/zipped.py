"""A file that travels as a ZIP of itself: some software of the document axis packs each attachment and says so nowhere.

What is a ZIP in its own right (an archive, an office document) stays as it is: it is unpacked only where it holds one file, and that file
has the very name under which the attachment travels.
"""

from __future__ import annotations

import io
import unicodedata
import zipfile
import zlib
from pathlib import PurePosixPath

MAGIC = b"PK\x03\x04"
MOST = 64 * 2**20
"""Bytes of a file that is taken out; more is refused, whatever the archive says of itself."""
PLAIN = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Ways of packing that are unpacked in bounded pieces; nobody was seen to use another."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 0x1


class TooLarge(Exception):  # noqa: N818 - says what it is
    """What is packed does not fit."""


def unpacked(name: str, content: bytes) -> bytes:
    """Return the one file inside when it has this name, else the content as it came. Raises ``TooLarge``."""
    if not content.startswith(MAGIC):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (entry,) = archive.infolist()
            if _name(entry.filename) != _name(name) or entry.flag_bits & _ENCRYPTED:
                return content
            if entry.compress_type not in PLAIN:
                return content
            with archive.open(entry) as file:
                found = file.read(MOST + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        OverflowError,
        NotImplementedError,
        EOFError,
    ):
        return content
    if len(found) > MOST:
        raise TooLarge
    return found


def packed(name: str, content: bytes) -> bytes:
    """Pack a file under its name; the same bytes each time."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def _name(said: str) -> str:
    return unicodedata.normalize("NFC", PurePosixPath(said.replace("\\", "/")).name).casefold()

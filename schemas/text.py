"""What every text must be before anything reads it: UTF-8, within caps, NFC, nothing that XML 1.0 cannot carry."""

from __future__ import annotations

import re
import unicodedata

import msgspec

from schemas.problems import refuse

NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Caps before any parser that builds a tree. ``attributes`` counts per element, namespace declarations included."""

    size: int = 32 * 1024 * 1024
    depth: int = 64
    elements: int = 100_000
    attributes: int = 32


LIMITS = Limits()


def utf8(raw: bytes) -> str:
    """Decode strictly; HUB-SCH-008 names the line of the first bad byte."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refuse("HUB-SCH-008", line=line, rule="UTF-8") from None


_MARKS = "".join(chr(code) for code in range(0x300, 0x1E94B) if unicodedata.combining(chr(code)))
_LONG_RUN = re.compile(f"[{_MARKS}]{{31}}")
_SHORT = 200


def tidy_text(text: str) -> str | None:
    """NFC; ``None`` when the text holds a character that XML 1.0 cannot carry.

    Sorting a run of combining marks costs its length squared (a megabyte of them: minutes), so runs are bounded as in the
    Stream-Safe Text Format, UAX #15 section 13. Raises HUB-SCH-002.
    """
    if len(text) > _SHORT and _LONG_RUN.search(text):
        raise refuse("HUB-SCH-002", rule="UAX #15 section 13: at most 30 combining marks in a row")
    return None if NOT_XML.search(text) else unicodedata.normalize("NFC", text)


_ASCII = bytes(range(0x80))
_SURELY = bytes(range(0x80, 0xCC))
"""The bytes of U+0080 to U+02FF in UTF-8; these, and U+1E80 to U+1EFF, are in NFC beside whatever stands there."""


def is_nfc(raw: bytes) -> bool:
    """Whether well-formed UTF-8 is in NFC. Vietnamese is told without looking each character up."""
    beyond = raw.translate(None, _ASCII)
    rest = beyond.replace(b"\xe1\xba", b"").replace(b"\xe1\xbb", b"").translate(None, _SURELY)
    return not rest or unicodedata.is_normalized("NFC", raw.decode())
